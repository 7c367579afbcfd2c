"""The words stand in a first line of their own: the answer behind them is read and held as ever."""

from dataclasses import replace

import pytest

from builders import frame, utterance
from eartune.data.example import Asked, Example
from eartune.errors import InputError
from eartune.models.architecture import Architecture
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.rows import RowMaker
from eartune.settings import Decoding
from eartune.tasks.classification import ClassificationTask
from eartune.tasks.slu import SluTask
from eartune.tasks.task import ParseStatus
from eartune.tasks.words_first import WordsFirst, with_room_for_words
from tiny_models import tiny

TASK = SluTask()
ROW = utterance("u1", "wake me\n on  friday", frame("alarm.set", "date:friday"))
LABELS = TASK.labels([ROW])
ANSWER = '{"scenario":"alarm","action":"set","entities":[{"date":"friday"}]}'


def test_an_answer_is_the_words_in_one_line_and_the_tasks_answer_in_the_next() -> None:
    target = WordsFirst(TASK).target(ROW)
    assert target == f"wake me on friday\n{ANSWER}"
    assert WordsFirst(TASK).parse(target, LABELS) == (ROW.frame, ParseStatus.OK)


def test_an_utterance_without_words_has_no_such_answer() -> None:
    with pytest.raises(InputError, match=r"^u1: is to be answered with its words first but has no text$"):
        WordsFirst(TASK).target(replace(ROW, text=None))


@pytest.mark.parametrize("text", [ANSWER, "wake me on friday", "", f"wake me\n\n and more {ANSWER}"])
def test_what_has_no_answer_behind_the_first_line_break_is_none(text: str) -> None:
    answer, status = WordsFirst(TASK).parse(text, LABELS)
    assert answer is None and status is not ParseStatus.OK


def test_the_instruction_is_that_of_transcription_and_then_the_tasks_own() -> None:
    instruction = WordsFirst(TASK).instruction(LABELS)
    assert instruction == f"Repeat the sentence, then on a new line: {TASK.instruction(LABELS)}"


def test_words_are_no_part_of_the_limit_on_an_answer() -> None:
    assert with_room_for_words(Decoding(max_new_tokens=7)).max_new_tokens == 107


def test_a_row_to_learn_and_a_row_to_ask_have_the_instruction_of_what_is_asked_for() -> None:
    model = tiny(Qwen2Audio)
    rows = RowMaker(model, TASK, LABELS, Architecture(type="qwen2-audio", checkpoint="pocket"))
    example = Example(ROW, asked=Asked.WORDS_THEN_FRAME)
    for row in (rows.to_learn(example), rows.to_ask(example)):
        assert WordsFirst(TASK).instruction(LABELS) in row.prompt.before
    assert rows.to_learn(example).answer == WordsFirst(TASK).target(ROW)
    assert "Repeat the sentence" not in rows.to_ask(Example(ROW)).prompt.before


def test_a_task_without_a_grammar_has_none_behind_words_either() -> None:
    class Free(ClassificationTask):
        def grammar(self, labels: object) -> None:  # type: ignore[override]
            return None

    assert WordsFirst(Free()).grammar(None) is None
