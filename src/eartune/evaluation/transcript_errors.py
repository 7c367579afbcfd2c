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

    pairs = list(pairs)
    texts = [[normalize_spoken_text(text).replace(" ", "") for text in pair] for pair in pairs]
    length = sum(len(said) for said, _ in texts)
    if not length:
        return None
    edits = sum(Levenshtein.distance(said, heard) for said, heard in texts)
    wrong, words = (sum(counts) for counts in zip(*(word_edits(*pair) for pair in pairs), strict=True))
    return TranscriptErrors(edits / length, wrong / words if separates_words(said for said, _ in pairs) else None)


def word_edits(said: str, heard: str) -> tuple[int, int]:
    """Return the edits of one transcript, and the number of words that were said; in lower case, without punctuation.

    Their sums over many transcripts give the word error rate.
    """
    from rapidfuzz.distance import Levenshtein  # takes 30 ms, which whoever counts nothing saves

    words = normalize_spoken_text(said).split()
    return Levenshtein.distance(words, normalize_spoken_text(heard).split()), len(words)


def separates_words(texts: Iterable[str]) -> bool:
    """Return whether most letters of some texts are of a script that puts spaces between words."""
    letters = [letter for text in texts for letter in text if letter.isalpha()]
    without = sum(unicodedata.name(letter, "").startswith(WITHOUT_SPACES) for letter in letters)
    return 2 * without < len(letters)
