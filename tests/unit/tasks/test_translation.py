"""Translation: any text is an answer, in one line; the row's translation is what is learned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.evaluation.metrics import Answered, evaluate
from eartune.tasks.settings import read_task
from eartune.tasks.task import ParseStatus
from eartune.tasks.translation import TranslationTask, tokenizer_of
from eartune.tasks.words_first import WordsFirst

TASK = TranslationTask(to="German")
ROW = Utterance("t1", "where is my train", "en", None, translation=" Wo ist\n mein Zug? ")
LABELS = TASK.labels([ROW])


def test_the_answer_to_learn_is_the_translation_in_one_line_and_is_read_back() -> None:
    assert TASK.target(ROW) == "Wo ist mein Zug?"
    assert TASK.parse(TASK.target(ROW), LABELS) == (TASK.reference(ROW), ParseStatus.OK)


def test_a_row_without_a_translation_is_named() -> None:
    with pytest.raises(InputError, match=r"^t2: needs a translation for the task translation$"):
        TASK.check([ROW, Utterance("t2", "hm", "en", None, (), "angry")])


def test_what_is_missing_to_score_the_test_is_said_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sacrebleu", None)
    with pytest.raises(InputError, match=r"pip install 'eartune\[translation\]'"):
        TranslationTask(to="Welsh", tokenizer="intl").check([ROW])


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (" Wo ist\nmein Zug? ", ("Wo ist mein Zug?", ParseStatus.OK)),
        ('{"label":"x"}', ('{"label":"x"}', ParseStatus.OK)),
        ("\ud800", ("?", ParseStatus.OK)),
        (" \n", (None, ParseStatus.WRONG_SHAPE)),
        ("", (None, ParseStatus.WRONG_SHAPE)),
    ],
)
def test_anything_but_nothing_is_a_translation(text: str, read: tuple[str | None, ParseStatus]) -> None:
    assert TASK.parse(text, LABELS) == read


@given(st.text())
def test_reading_never_raises_and_what_is_read_is_read_again(text: str) -> None:
    answer, status = TASK.parse(text, LABELS)
    assert (answer is None) == (status is not ParseStatus.OK)
    assert answer is None or TASK.parse(answer, LABELS) == (answer, ParseStatus.OK)


def test_its_settings_and_its_language_are_read_as_they_were_written() -> None:
    assert read_task(TASK.to_json()) == TASK
    assert TASK.read_labels(LABELS.to_json()) == LABELS
    assert LABELS.describe() == "translations into German"
    assert TASK.instruction(LABELS) == "Translate the sentence into German."


def test_words_may_come_before_the_translation_and_limit_nothing() -> None:
    words_first = WordsFirst(TASK)
    assert words_first.target(ROW) == "where is my train\nWo ist mein Zug?"
    assert words_first.parse(words_first.target(ROW), LABELS) == ("Wo ist mein Zug?", ParseStatus.OK)
    assert words_first.parse("where is my train", LABELS) == (None, ParseStatus.WRONG_SHAPE)
    assert words_first.grammar(LABELS) is None
    assert words_first.instruction(LABELS) == (
        "Repeat the sentence, then on a new line: Translate the sentence into German."
    )


@pytest.mark.parametrize(
    ("to", "tokenizer"),
    [
        ("German", "13a"),
        ("Chinese", "zh"),
        ("Mandarin Chinese", "zh"),
        ("Chinese (Simplified)", "zh"),
        ("Cantonese", "zh"),
        ("thai", "char"),
        ("Northern Thai", "char"),
        ("Burmese", "char"),
        ("Lao", "char"),
        ("Khmer", "char"),
    ],
)
def test_the_language_chooses_the_tokenizer(to: str, tokenizer: str) -> None:
    assert f"tok:{tokenizer}|" in TranslationTask(to=to).metrics(LABELS)["bleu"].definition


@pytest.mark.parametrize(
    ("to", "tokenizer"), [("Japanese (Kansai)", "ja-mecab"), ("Korean", "ko-mecab"), ("Maltese", "13a")]
)
def test_a_tokenizer_that_may_be_missing_is_chosen_by_any_word_of_the_name(to: str, tokenizer: str) -> None:
    assert tokenizer_of(to) == tokenizer


def test_a_thai_sentence_with_one_wrong_word_is_not_all_wrong() -> None:
    """13a took a sentence without spaces for one token, so that BLEU was near 0."""
    task = TranslationTask(to="Thai")
    rows = [Answered("รถไฟไปเชียงใหม่ออกกี่โมง", "รถบัสไปเชียงใหม่ออกกี่โมง", "1")]
    assert evaluate(rows, task.metrics(LABELS), resamples=0)["bleu"].value > 0.7


def test_the_main_metric_is_one_of_the_metrics() -> None:
    assert TASK.main_metric(LABELS) in TASK.metrics(LABELS)


def test_a_prompted_model_is_shown_translations() -> None:
    assert TASK.preface([ROW], [ROW]) == "where is my train -> Wo ist mein Zug?\n"
    assert TASK.preface([ROW], []) == ""
