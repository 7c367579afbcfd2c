"""BLEU and chrF are sacreBLEU's of the same corpus, to the last digit that matters, in every draw of its sentences."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st

from eartune.errors import InputError
from eartune.evaluation.metrics import Answered, compare, evaluate
from eartune.evaluation.metrics.count_table import count_table
from eartune.evaluation.metrics.translation import BleuMarks, bleu_of, chrf_marks, chrf_of, translation_metrics

METRICS = translation_metrics("13a")
WORDS = ["the", "train", "leaves", "at", "9:30,", "isn't", "it?", "é", "«ja»", "a", "in", "Rome."]


def sentences(seed: int, count: int, most: int = 12) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, most))) for _ in range(count)]


def garbled(rows: Sequence[str], seed: int) -> list[str]:
    """Each word is left as it is, dropped, or another, and some rows are empty."""
    draw = random.Random(seed)
    kept = [
        [draw.choice(WORDS) if draw.random() < 0.3 else w for w in row.split() if draw.random() > 0.1] for row in rows
    ]
    return ["" if draw.random() < 0.05 else " ".join(words) for words in kept]


def rows_of(references: Sequence[str], translations: Sequence[str]) -> list[Answered]:
    pairs = enumerate(zip(references, translations, strict=True))
    return [Answered(right, said or None, str(n)) for n, (right, said) in pairs]


def scores(references: Sequence[str], translations: Sequence[str]) -> tuple[float, float]:
    found = evaluate(rows_of(references, translations), METRICS, resamples=0)
    return found["bleu"].value, found["chrf"].value


def theirs(references: Sequence[str], translations: Sequence[str]) -> tuple[float, float]:
    bleu = sacrebleu.corpus_bleu(list(translations), [list(references)], force=True)
    return bleu.score / 100, sacrebleu.corpus_chrf(list(translations), [list(references)]).score / 100


@pytest.mark.parametrize("most", [2, 3, 12])
@pytest.mark.parametrize("count", [1, 7, 200])
def test_scores_of_a_corpus_are_sacrebleus(count: int, most: int) -> None:
    for seed in range(10):
        references = sentences(seed, count, most)
        translations = garbled(references, seed)
        assert scores(references, translations) == pytest.approx(theirs(references, translations), abs=1e-9)


LINE = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=20).map(" ".join)


@given(st.lists(st.tuples(LINE.filter(str.strip), LINE), min_size=1, max_size=4))
def test_scores_of_any_text_are_sacrebleus(pairs: list[tuple[str, str]]) -> None:
    references, translations = zip(*pairs, strict=True)
    said = [text if text.strip() else "" for text in translations]
    assert scores(references, said) == pytest.approx(theirs(references, said), abs=1e-9)


def test_a_perfect_translation_scores_1_and_another_0() -> None:
    rows = ["the train leaves at 9:30", "it is late in Rome today"]
    assert scores(rows, rows) == pytest.approx((1.0, 1.0))
    assert scores(rows, ["", ""]) == (0.0, 0.0)
    assert scores(rows, ["xxx", "qqq"]) == (0.0, 0.0)


def test_a_translation_of_few_words_has_no_longer_ngrams_and_is_punished_for_its_length() -> None:
    references, translations = ["a b c d e f g h"], ["a b c d"]
    assert scores(references, translations)[0] == pytest.approx(np.exp(1 - 8 / 4))
    assert scores(["a b c"], ["a b c"])[0] == 0.0, "there is no 4-gram, as sacreBLEU has it"


def test_the_score_of_a_draw_is_that_of_the_drawn_corpus() -> None:
    """What the bootstrap sums must be what sacreBLEU would have counted on the drawn sentences."""
    references = sentences(1, 30)
    translations = garbled(references, 1)
    draws = np.random.default_rng(0).integers(0, 30, size=(20, 30))
    for measure, ratio, place in ((BleuMarks("13a"), bleu_of, 0), (chrf_marks, chrf_of, 1)):
        marks = [measure(right, said) for right, said in zip(references, translations, strict=True)]
        table = count_table(marks, np.arange(30), 30, apart=True)
        drawn = ratio(np.stack([table.counts[draw].sum(axis=0) for draw in draws]))
        for draw, score in zip(draws, drawn, strict=True):
            corpus = [references[n] for n in draw], [translations[n] for n in draw]
            assert score == pytest.approx(theirs(*corpus)[place], abs=1e-9)


def test_the_interval_holds_the_score_and_a_better_system_is_found() -> None:
    references = sentences(2, 150)
    worse, better = garbled(garbled(references, 3), 4), garbled(references, 3)
    found = evaluate(rows_of(references, better), METRICS, resamples=300)
    assert all(score.low < score.value < score.high for score in found.values())
    differences = compare(rows_of(references, worse), rows_of(references, better), METRICS, resamples=300)
    assert all(one.value > 0 and one.p < 0.05 and one.low > 0 for one in differences.values())
    same = compare(rows_of(references, better), rows_of(references, better), METRICS, resamples=100)
    assert all((one.value, one.p) == (0.0, 1.0) for one in same.values())


def test_an_unanswered_sentence_is_empty_and_left_out_in_official_mode() -> None:
    rows = rows_of(["the train leaves at nine", "it is late in Rome"], ["the train leaves at nine", ""])
    assert evaluate(rows, METRICS, resamples=0)["bleu"].value < 1
    assert evaluate(rows, METRICS, mode="official", resamples=0)["bleu"].value == pytest.approx(1.0)
    assert evaluate(rows[1:], METRICS, mode="official", resamples=10)["chrf"].value == 0.0


def test_chinese_is_cut_into_characters_and_the_signature_says_so() -> None:
    references, translations = ["我们明天去罗马的火车几点开"], ["我们明天去罗马的飞机几点开"]
    found = evaluate(rows_of(references, translations), translation_metrics("zh"), resamples=0)
    expected = sacrebleu.corpus_bleu(translations, [references], tokenize="zh").score / 100
    assert found["bleu"].value == pytest.approx(expected, abs=1e-9) and expected > 0
    assert f"tok:zh|smooth:exp|version:{sacrebleu.__version__}" in translation_metrics("zh")["bleu"].definition
    assert "nc:6|nw:0|space:no" in METRICS["chrf"].definition


def test_a_tokenizer_that_is_not_installed_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sacrebleu.metrics.BLEU", _no_tokenizer)
    with pytest.raises(InputError, match=r"^sacreBLEU's tokenizer ko-mecab is missing \(install mecab\)$"):
        translation_metrics("ko-mecab")


def _no_tokenizer(**settings: object) -> None:
    raise RuntimeError("install\nmecab")
