"""How numbers and names are written for a reader: percent with one decimal, intervals in brackets, units."""

from eartune.metrics import Score

ABSENT = "–"  # noqa: RUF001  (an en dash: a hyphen would read as a minus sign)
PERCENT = "\u00a0%"  # a line must not break before the sign
_ACRONYMS = {"f1": "F1", "slu": "SLU", "wer": "WER", "cer": "CER", "json": "JSON"}
_PROSE = {
    "untuned": "the untuned model",
    "prompted": "the prompted model",
    "cascade": "the cascade",
    "text-only": "text-only tuning",
    "synthetic-speech": "synthetic speech",
    "direct-mixing": "direct mixing",
    "curriculum": "the curriculum",
}


def percent(fraction: float) -> str:
    """0.8431 as `84.3`."""
    return f"{100 * fraction:.1f}"


def with_interval(score: Score, unit: str = "") -> str:
    """`84.3 [80.1, 88.0]`, the unit standing behind the value."""
    return f"{percent(score.value)}{unit} [{percent(score.low)}, {percent(score.high)}]"


def metric_name(key: str) -> str:
    """`slot_f1` as `slot F1`."""
    return " ".join(_ACRONYMS.get(word, word) for word in key.replace("-", "_").split("_"))


def scheme_in_prose(scheme: str) -> str:
    """A scheme as it stands inside a sentence."""
    return _PROSE.get(scheme, scheme)


def hours(amount: float) -> str:
    """Two digits below 0.1 h, where two decimals would hide how little it is."""
    if amount == 0:
        return "0"
    return f"{amount:.2g}" if amount < 0.1 else f"{amount:.2f}" if amount < 10 else f"{amount:,.1f}"


def duration(seconds: float) -> str:
    """In the largest unit that is not below one."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def counted(number: float, noun: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{number:,.0f} {noun}" if number == 1 else f"{number:,.0f} {noun}s"


def listed(parts: list[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def capitalised(sentence: str) -> str:
    """With a first capital, all else as it is."""
    return sentence[:1].upper() + sentence[1:]
