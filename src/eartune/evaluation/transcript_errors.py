"""How many characters and words of transcripts are wrong, in a way that languages can be compared by.

Words are counted where a script separates them. Characters are counted everywhere, without spaces, and are what
languages are compared by: a word of Turkish or Korean is a phrase of English, and one of Vietnamese a syllable.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from eartune.data.normalization import normalize_spoken_text

WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
"""Scripts that do not separate words, by the first word of the names of their characters."""


@dataclass(frozen=True)
class TranscriptErrors:
    """Edits per character and per word that was said, from 0; the latter is None where no words are separated."""

    characters: float
    words: float | None


def transcript_errors(pairs: Iterable[tuple[str, str]]) -> TranscriptErrors | None:
    """Return the errors over all pairs of what was said and what was heard; None if nothing was said.

    Both are compared in lower case and without punctuation.
    """
    from rapidfuzz.distance import Levenshtein

    normal = [(normalize_spoken_text(said), normalize_spoken_text(heard)) for said, heard in pairs]
    texts = [(said.replace(" ", ""), heard.replace(" ", "")) for said, heard in normal]
    length = sum(len(said) for said, _ in texts)
    if not length:
        return None
    edits = sum(Levenshtein.distance(said, heard) for said, heard in texts)
    words = [(said.split(), heard.split()) for said, heard in normal]
    wrong = sum(Levenshtein.distance(said, heard) for said, heard in words)
    n_words = sum(len(said) for said, _ in words)
    return TranscriptErrors(edits / length, wrong / n_words if separates_words(said for said, _ in normal) else None)


def separates_words(texts: Iterable[str]) -> bool:
    """Return whether most letters of some texts are of a script that puts spaces between words."""
    letters = [letter for text in texts for letter in text if letter.isalpha()]
    without = sum(unicodedata.name(letter, "").startswith(WITHOUT_SPACES) for letter in letters)
    return 2 * without < len(letters)
