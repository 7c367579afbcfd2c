"""Vectors of sentences from their words and letters alone, without a model: TF-IDF, hashed into a fixed width."""

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from eartune.data.normalization import normalize_spoken_text

WIDTH = 1024  # half as wide, frequent trigrams of letters share columns with words; twice as wide chooses alike

Vectors = npt.NDArray[np.float32]
"""Rows of shape (sentences, WIDTH), of length 1 and without negative values, so that products are similarities.

A sentence without a letter or digit is a row of zeros.
"""


def sentence_vectors(texts: Sequence[str]) -> Vectors:
    """Return the vectors of sentences; words and letters that few of the sentences have weigh most.

    Trigrams of letters stand for sounds, for parts of words, and for words in languages written without spaces.
    """
    columns: dict[str, int] = {}
    places = [
        row * WIDTH + columns.setdefault(feature, zlib.crc32(feature.encode()) % WIDTH)
        for row, text in enumerate(texts)
        for feature in _features(text)
    ]
    counts = np.bincount(np.array(places, dtype=np.int64), minlength=len(texts) * WIDTH)
    counts = counts.reshape(len(texts), WIDTH)
    rarity = 1 + np.log((1 + len(texts)) / (1 + (counts > 0).sum(axis=0)))
    weighted = (np.log1p(counts) * rarity).astype(np.float32)
    lengths = np.linalg.norm(weighted, axis=1, keepdims=True)
    return np.asarray(weighted / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)


def _features(text: str) -> Iterator[str]:
    spoken = f" {normalize_spoken_text(text)} "
    yield from spoken.split()
    yield from (f"{spoken[start : start + 3]}." for start in range(len(spoken) - 2))  # no word ends in a point
