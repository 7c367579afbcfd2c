"""Sentences that share rare words are near each other, in any language."""

import numpy as np
import pytest

from eartune.data.sentence_vectors import WIDTH, sentence_vectors


def similarities(*texts: str) -> list[float]:
    """How similar the first sentence is to each of the others."""
    vectors = sentence_vectors(texts)
    return [float(vectors[0] @ other) for other in vectors[1:]]


def test_vectors_have_length_1_and_no_negative_value() -> None:
    vectors = sentence_vectors(["a small latte", "stop", "?"])
    assert vectors.shape == (3, WIDTH) and vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 0], abs=1e-6)
    assert vectors.min() >= 0


def test_capitals_and_punctuation_do_not_matter() -> None:
    assert similarities("A small latte, please!", "a small latte please") == pytest.approx([1.0], abs=1e-6)


def test_a_rare_word_in_common_makes_more_alike_than_a_frequent_one() -> None:
    rare, frequent = similarities("play some jazz", "stop that jazz", "play that song", *["play the radio"] * 20)[:2]
    assert rare > 1.2 * frequent


def test_languages_without_spaces_are_compared_by_their_letters() -> None:
    same, other = similarities("明日の天気を教えて", "天気を教えて", "音楽をかけて")
    assert same > 2 * other
