"""Writes scores, metrics and schemes for the reader of a report."""

from eartune.evaluation.metrics import Score
from eartune.wording import percent

_ACRONYMS = {"f1": "F1", "slu": "SLU", "wer": "WER", "cer": "CER", "json": "JSON", "bleu": "BLEU", "chrf": "chrF"}


_PROSE = {
    "untuned": "the untuned model",
    "prompted": "the prompted model",
    "cascade": "the cascade",
    "text-only": "text-only tuning",
    "synthetic-speech": "synthetic speech",
    "direct-mixing": "direct mixing",
    "curriculum": "the curriculum",
}


def with_interval(score: Score, unit: str = "") -> str:
    """Return a score in percent with its interval, `84.3 [80.1, 88.0]`; the unit follows the value."""
    return f"{percent(score.value)}{unit} [{percent(score.low)}, {percent(score.high)}]"


def metric_name(key: str) -> str:
    """Return the name of a metric for readers: `slot F1` for `slot_f1`."""
    return " ".join(_ACRONYMS.get(word, word) for word in key.replace("-", "_").split("_"))


def scheme_in_prose(scheme_type: str) -> str:
    """Return the name of a type of scheme inside a sentence: `the curriculum`."""
    return _PROSE.get(scheme_type, scheme_type)
