"""Normalization of text to lower case without punctuation, neither of which can be heard."""

import re

# Signs inside a word or a number stay: o'clock, 7:30, 3.5, rock-and-roll.
_SILENT = re.compile(r"(?<!\w)[^\w\s$€£%&+@]+|[^\w\s$€£%&+@]+(?!\w)")


def normalize_spoken_text(text: str) -> str:
    """Return the text in lower case, without punctuation except inside words, and with single spaces."""
    return " ".join(_SILENT.sub(" ", text.lower()).split())
