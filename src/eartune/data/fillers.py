"""A check whether the values of a frame occur in the text."""

import re
from collections.abc import Iterable

from eartune.data.frame import Entity

_WITHOUT_SPACES = frozenset(  # where a value may stand anywhere: by the codes of two letters, then by those of three
    (
        *("ja", "zh", "th", "km", "lo", "my", "jpn", "zho", "chi", "tha", "khm", "lao", "mya", "bur"),
        *("cmn", "yue", "wuu", "nan", "hak", "gan", "hsn", "lzh"),  # languages of China
    )
)
_THEIR_LETTERS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def absent_fillers(entities: Iterable[Entity], text: str, language: str) -> list[str]:
    """Return the fillers that do not occur in the text as whole words in a row; case and punctuation do not matter."""
    between = "" if _has_no_spaces(language, text) else " "
    words = _padded(text, between)
    return [entity.filler for entity in entities if _padded(entity.filler, between) not in words]


def _has_no_spaces(language: str, text: str) -> bool:
    code = re.split("[-_.]", language.strip(), maxsplit=1)[0].casefold()
    if code == "und" or not re.fullmatch("[a-z]{2,3}", code):  # not stated, or as a word, such as Chinese
        return bool(_THEIR_LETTERS.search(text))
    return code in _WITHOUT_SPACES


def _padded(text: str, between: str) -> str:
    """The words of a text, each with `between` on either side, so that only whole words are found."""
    words = re.sub(r"[^\w\s]", " ", text.casefold()).split()
    return between + between.join(words) + between if words else ""
