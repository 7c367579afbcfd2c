"""BLEU and chrF of translations as sacreBLEU has them, as sums of n-grams over the sentences of a corpus.

reference, translation -> n-grams that match, are spurious, or are missed, by order -> sums -> score

Both are functions of such sums alone: BLEU's lengths are the numbers of 1-grams. So intervals and paired tests draw
sentences anew as for all metrics. Papineni et al. (2002), Popović (2015), Post (2018).
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from eartune.errors import InputError
from eartune.evaluation.metrics.count_table import Counts
from eartune.evaluation.metrics.counts import Mark, Marks
from eartune.evaluation.metrics.metric import Metric, Metrics

Tokenizer = Literal["13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "none"]
BLEU_ORDERS, CHRF_ORDERS = 4, 6
BETA = 2
"""How much more recall counts in chrF than precision."""


def translation_metrics(tokenizer: Tokenizer) -> Metrics:
    """Return BLEU and chrF with sacreBLEU's signatures; raises InputError where it, or its tokenizer, is missing."""
    return {
        "bleu": Metric(
            f"Corpus BLEU of sacreBLEU ({_bleu_signature(tokenizer)}), whose 0 to 100 are percent here; comparable "
            "with published BLEU of the same signature alone. A missing answer counts as an empty translation.",
            (BleuMarks(tokenizer),),
            macro=True,
            ratio=bleu_of,
        ),
        "chrf": Metric(
            f"Corpus chrF2 of sacreBLEU ({_chrf_signature()}), whose 0 to 100 are percent here: F-score of character "
            "n-grams, which needs no tokenizer. A missing answer counts as an empty translation.",
            (chrf_marks,),
            macro=True,
            ratio=chrf_of,
        ),
    }


@dataclass(frozen=True)
class BleuMarks:
    """The measure of BLEU: n-grams of tokens of a translation, under their orders "1" to "4"."""

    tokenizer: Tokenizer

    def __call__(self, reference: str, translation: str | None) -> Marks:
        """Return a mark for each order, also for those longer than the sentence, so that all corpora have all."""
        found = _bleu(self.tokenizer).sentence_score(translation or "", [reference])
        of_reference = [max(0, found.ref_len - n) for n in range(BLEU_ORDERS)]
        counts = zip(found.counts, found.totals, of_reference, strict=True)
        return [_mark(order, *three) for order, three in enumerate(counts, start=1)]


def chrf_marks(reference: str, translation: str | None) -> Marks:
    """Return the n-grams of characters, without spaces, under their orders "1" to "6"."""
    pairs = zip(_character_ngrams(translation or ""), _character_ngrams(reference), strict=True)
    # An order that the reference is too short for does not count against the translation; so sacreBLEU has it.
    counts = [((said & right).total(), said.total() if right else 0, right.total()) for said, right in pairs]
    return [_mark(order, *three) for order, three in enumerate(counts, start=1)]


def bleu_of(counts: Counts) -> Counts:
    """Return BLEU with exponential smoothing and its brevity penalty, 0 to 1: (..., orders, 3) -> (...)."""
    matches, said, right = _of_both(counts)
    smoothed = np.cumsum(matches == 0, axis=-1)  # the k-th order without a match counts as 2^-k matches
    with np.errstate(divide="ignore", invalid="ignore"):
        precisions = np.where(matches > 0, matches, 0.5**smoothed) / said
        penalty = np.exp(np.minimum(0.0, 1 - right[..., 0] / said[..., 0]))
        score: Counts = penalty * np.exp(np.log(precisions).mean(axis=-1))
    score = np.where((matches.sum(axis=-1) > 0) & (said > 0).all(axis=-1), score, 0.0)
    return np.where(right[..., 0] > 0, score, np.nan)


def chrf_of(counts: Counts) -> Counts:
    """Return chrF: the F-score of mean precision and mean recall over the orders, 0 to 1: (..., orders, 3) -> (...)."""
    matches, said, right = _of_both(counts)
    both = (said > 0) & (right > 0)
    precision, recall = (
        np.divide(matches, total, out=np.zeros_like(matches), where=both).sum(axis=-1) for total in (said, right)
    )
    orders = np.maximum(both.sum(axis=-1), 1)
    precision, recall = precision / orders, recall / orders
    below = BETA**2 * precision + recall
    score = np.divide((1 + BETA**2) * precision * recall, below, out=np.zeros_like(below), where=below > 0)
    return np.where(right[..., 0] > 0, score, np.nan)


def _of_both(counts: Counts) -> tuple[Counts, Counts, Counts]:
    """The n-grams that match, those of the translations, and those of the references; each of shape (..., orders)."""
    return counts[..., 0], counts[..., 0] + counts[..., 1], counts[..., 0] + counts[..., 2]


def _mark(order: int, matches: int, said: int, right: int) -> Mark:
    return Mark(str(order), float(matches), float(said - matches), float(right - matches))


def _character_ngrams(text: str) -> list[Counter[str]]:
    characters = "".join(text.split())
    return [
        Counter(characters[start : start + n] for start in range(len(characters) - n + 1))
        for n in range(1, CHRF_ORDERS + 1)
    ]


@lru_cache
def _bleu(tokenizer: Tokenizer) -> Any:
    """sacreBLEU's BLEU; effective order changes no counts, and keeps it from warning about scores of one sentence."""
    try:
        return _library().BLEU(tokenize=tokenizer, effective_order=True)
    except (ImportError, RuntimeError) as error:  # a tokenizer for Japanese or Korean needs more packages
        raise InputError(f"sacreBLEU's tokenizer {tokenizer} is missing ({' '.join(str(error).split())})") from error


def _library() -> Any:
    try:
        from sacrebleu import metrics
    except ImportError as error:
        raise InputError("translations are scored by sacrebleu: pip install 'eartune[translation]'") from error
    return metrics


@lru_cache
def _bleu_signature(tokenizer: Tokenizer) -> str:
    _bleu(tokenizer)  # raises InputError without the tokenizer
    return _signature(_library().BLEU(tokenize=tokenizer))


@lru_cache
def _chrf_signature() -> str:
    return _signature(_library().CHRF())


def _signature(metric: Any) -> str:
    """The signature that papers print; the library knows it after a first score."""
    metric.corpus_score(["a"], [["a"]])
    return str(metric.get_signature().format())
