"""Speech translation as a task: the words of an utterance in another language, as plain text.

where is my train
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.evaluation.metrics import Metrics
from eartune.evaluation.metrics.translation import Tokenizer, translation_metrics
from eartune.files import writable
from eartune.settings import Section
from eartune.tasks.task import ParseStatus, Part

TOKENIZERS: dict[Tokenizer, tuple[str, ...]] = {
    "zh": ("chinese", "mandarin", "cantonese"),
    "ja-mecab": ("japanese",),
    "ko-mecab": ("korean",),
    "char": ("thai", "lao", "laotian", "khmer", "cambodian", "burmese", "myanmar", "shan", "tibetan", "dzongkha"),
}
"""The tokenizers of sacreBLEU for languages that are written without spaces, or judged by other units than words, with
the words of their names. It has none for those of `char`, whose characters count as tokens."""


@dataclass(frozen=True)
class IntoLanguage:
    """What the task knows of its data: the language into which it translates."""

    language: str

    def to_json(self) -> dict[str, Any]:
        """Return the language under the key "to"."""
        return {"to": self.language}

    def describe(self) -> str:
        """Return the language as text, such as "translations into German"."""
        return f"translations into {self.language}"


class TranslationTask(Section):
    """The translation of each utterance; whatever a model writes is its answer, but for nothing at all."""

    type: Literal["translation"] = "translation"
    to: str = Field(min_length=1)
    """The language of the translations, by its English name: German. The instruction names it."""
    tokenizer: Tokenizer | None = None
    """sacreBLEU's tokenizer for BLEU; None: zh, ja-mecab, ko-mecab or char where the language needs it, else 13a."""

    def to_json(self) -> dict[str, Any]:
        """Return all settings, including those with default values."""
        return self.model_dump(mode="json")

    def check(self, utterances: Iterable[Utterance]) -> None:
        """Raise InputError for the first row without a translation, and if these could not be scored at the end."""
        for utterance in utterances:
            self.reference(utterance)
        self.metrics(IntoLanguage(self.to))

    def labels(self, utterances: Iterable[Utterance]) -> IntoLanguage:
        """Return the language alone, as translations have no labels."""
        return IntoLanguage(self.to)

    def read_labels(self, written: dict[str, Any]) -> IntoLanguage:
        """Return the language of the translations, which `IntoLanguage.to_json` wrote."""
        return IntoLanguage(written["to"])

    def instruction(self, labels: IntoLanguage) -> str:
        """Return the instruction, which is the same for typed and for spoken sentences."""
        return f"Translate the sentence into {self.to}."

    def preface(self, known: Sequence[Utterance], shown: Sequence[Utterance]) -> str:
        """Return the text of each example with its translation, one in each line."""
        return "".join(f"{utterance.text} -> {self.target(utterance)}\n" for utterance in shown)

    def group(self, utterance: Utterance) -> str:
        """Return the language of the utterance, so that examples are of all that are translated from."""
        return utterance.language

    def reference(self, utterance: Utterance) -> str:
        """Return the translation in one line; raises InputError for a row that has none."""
        if utterance.translation is None:
            raise InputError(f"{utterance.id}: needs a translation for the task translation")
        return _one_line(utterance.translation)

    def target(self, utterance: Utterance) -> str:
        """Return the translation in one line."""
        return self.reference(utterance)

    def parse(self, text: str, labels: IntoLanguage) -> tuple[str | None, ParseStatus]:
        """Return the text in one line; a blank one is no translation."""
        answer = writable(_one_line(text))
        return (answer, ParseStatus.OK) if answer else (None, ParseStatus.WRONG_SHAPE)

    def grammar(self, labels: IntoLanguage) -> None:
        """Return None, as any text is an answer."""
        return None

    def answer_fields(self, answer: str) -> dict[str, Any]:
        """Return the answer under the key "translation"."""
        return {"translation": answer}

    def parts(self, answer: str) -> tuple[Part, ...]:
        """Return the language, which every answer has and so none gets wrong, and the translation."""
        return (("into", self.to), ("translation", answer))

    def read_answer(self, row: dict[str, Any], place: str) -> str | None:
        """Return the translation in a row, None if it has none; raises InputError if it is not text."""
        answer = row.get("translation")
        if answer is not None and not isinstance(answer, str):
            raise InputError(f'{place}: "translation" must be text, not {answer!r}')
        return answer

    def metrics(self, labels: IntoLanguage) -> Metrics:
        """Return BLEU and chrF; raises InputError where sacreBLEU, or its tokenizer, is not installed."""
        return translation_metrics(self.tokenizer or tokenizer_of(self.to))

    def main_metric(self, labels: IntoLanguage) -> str:
        """Return the name of BLEU, which papers on speech translation report."""
        return "bleu"


def tokenizer_of(language: str) -> Tokenizer:
    """Return the tokenizer for a language by any word of its name, as in Mandarin Chinese or Chinese (Simplified)."""
    words = re.findall(r"\w+", language.lower())
    return next((tokenizer for tokenizer, names in TOKENIZERS.items() if set(words) & set(names)), "13a")


def _one_line(text: str) -> str:
    return " ".join(text.split())
