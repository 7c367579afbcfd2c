"""The words before the answer: a task's answers with the words in a first line of their own.

a small latte
{"intent":"orderDrink","entities":[{"size":"small"}]}
"""

from dataclasses import dataclass
from typing import Any

from eartune.data.example import Asked
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.settings import Decoding
from eartune.tasks.task import Answer, Grammar, ParseStatus, Task
from eartune.tasks.transcription import MOST_WORD_TOKENS, TRANSCRIBE

WORDS = r"/[^\x00-\x20\x7f][^\x00-\x1f\x7f]*\n/"
"""The first line in Lark's notation: anything that begins with no space, up to the line break."""
LEAST_WORDS = 5
"""The most tokens that the shortest first line may take: the bytes of one character, and the line break."""


@dataclass(frozen=True)
class WordsFirst:
    """A task whose answers follow the words: its instruction, its answers to learn, their parser and their grammar."""

    task: Task

    def instruction(self, labels: Any) -> str:
        """Return the instruction of transcription, followed by that of the task."""
        return f"{TRANSCRIBE.removesuffix('.')}, then on a new line: {self.task.instruction(labels)}"

    def target(self, utterance: Utterance) -> str:
        """Return the words, a line break and the task's answer; raises InputError for an utterance without words."""
        if utterance.text is None:
            raise InputError(f"{utterance.id}: is to be answered with its words first but has no text")
        return f"{one_line(utterance.text)}\n{self.task.target(utterance)}"

    def parse(self, text: str, labels: Any) -> tuple[Answer | None, ParseStatus]:
        """Return the answer behind the first line break, and the status; without a line break there is no answer."""
        return self.task.parse(text.partition("\n")[2], labels)

    def grammar(self, labels: Any) -> Grammar | None:
        """Return the task's grammar behind a free first line; None if any text is valid."""
        held = self.task.grammar(labels)
        if held is None:
            return None
        answers = held.lark.replace("start:", "answer_after_words:", 1)
        lines = ("start: FIRST_LINE answer_after_words", answers, f"FIRST_LINE: {WORDS}")
        return Grammar("\n".join(lines), held.ending + LEAST_WORDS)


def answers_of(task: Task, asked: Asked) -> Task | WordsFirst:
    """Return what knows the instruction, the answers and the grammar for a task, where `asked` is asked for."""
    return WordsFirst(task) if asked is Asked.WORDS_THEN_FRAME else task


def one_line(text: str) -> str:
    """Return words with single spaces between them, in one line."""
    return " ".join(text.split())


def with_room_for_words(decoding: Decoding) -> Decoding:
    """Return settings with which an answer may be as long as before behind a first line of words."""
    return decoding.model_copy(update={"max_new_tokens": decoding.max_new_tokens + MOST_WORD_TOKENS})
