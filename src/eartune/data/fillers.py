"""Which values of a frame are words of the text, and which are not in it."""

import re
from collections.abc import Iterable

from eartune.data.frame import Entity

_WITHOUT_SPACES = frozenset(("ja", "zh", "th", "km", "lo", "my"))  # where a value may stand anywhere
_THEIR_LETTERS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def absent_fillers(entities: Iterable[Entity], text: str, language: str) -> list[str]:
    """Fillers whose words do not stand in the text one after another; case and punctuation do not matter."""
    between = "" if _has_no_spaces(language, text) else " "
    words = _padded(text, between)
    return [entity.filler for entity in entities if _padded(entity.filler, between) not in words]


def _has_no_spaces(language: str, text: str) -> bool:
    if language == "und":  # nobody said
        return bool(_THEIR_LETTERS.search(text))
    return language.split("-")[0].casefold() in _WITHOUT_SPACES


def _padded(text: str, between: str) -> str:
    """Its words alone, with the space between them also around them, so that only whole words are found."""
    words = re.sub(r"[^\w\s]", " ", text.casefold()).split()
    return between + between.join(words) + between if words else ""
