"""Text as it is heard: nobody hears a capital letter or a comma, so no answer can be held to them."""

import re

# Signs inside a word or a number stay: o'clock, 7:30, 3.5, rock-and-roll.
_SILENT = re.compile(r"(?<!\w)[^\w\s$€£%&+@]+|[^\w\s$€£%&+@]+(?!\w)")


def as_heard(text: str) -> str:
    """Lower case, no punctuation but inside words, single spaces."""
    return " ".join(_SILENT.sub(" ", text.lower()).split())
