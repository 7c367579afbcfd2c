"""What a test set can tell: the difference it promises to find is found in four of five simulated comparisons."""

import numpy as np
import pytest

from eartune.evaluation.metrics.power import DISAGREEMENT, WITHIN_SENTENCE, design_effect, smallest_difference


@pytest.mark.parametrize("disagreement", [0.08, DISAGREEMENT, 0.3])
@pytest.mark.parametrize("n", [250, 1_000])
def test_the_smallest_difference_is_found_in_80_of_100_comparisons(n: int, disagreement: float) -> None:
    difference = smallest_difference(n, disagreement=disagreement)
    ours_alone, theirs_alone = (disagreement + difference) / 2, (disagreement - difference) / 2
    odds = [ours_alone, theirs_alone, 1 - disagreement]
    ours, theirs, _ = np.random.default_rng(n).multinomial(n, odds, size=20_000).T
    significant = abs(ours - theirs) > 1.96 * np.sqrt(ours + theirs)  # McNemar's test
    assert significant.mean() == pytest.approx(0.8, abs=0.05)


def test_recordings_that_share_their_fate_find_it_as_often() -> None:
    """Sentences of five recordings; the two systems agree within a sentence as much as is assumed."""
    sentences, recordings = 200, 5
    inflated = design_effect(str(n // recordings) for n in range(sentences * recordings))
    difference = smallest_difference(sentences * recordings, inflated)
    odds = [(DISAGREEMENT + difference) / 2, (DISAGREEMENT - difference) / 2, 1 - DISAGREEMENT]
    random = np.random.default_rng(1)
    shape = (4_000, sentences, recordings)
    alone, shared = random.choice([1, -1, 0], shape, p=odds), random.choice([1, -1, 0], (*shape[:2], 1), p=odds)
    # Each recording takes its sentence's fate with the root of the correlation, so two of them share it that often.
    fates = np.where(random.random(shape) < WITHIN_SENTENCE**0.5, shared, alone).sum(axis=2)
    significant = abs(fates.mean(axis=1)) > 1.96 * fates.std(axis=1) / np.sqrt(sentences)
    assert significant.mean() == pytest.approx(0.8, abs=0.05)


def test_a_larger_test_finds_less_and_shared_fates_hide_more() -> None:
    by_size = [smallest_difference(n) for n in (1, 20, 100, 1_000, 10_000)]
    assert by_size == sorted(by_size, reverse=True) and by_size[-1] < 0.011
    by_effect = [smallest_difference(500, effect) for effect in (1, 2, 4)]
    assert by_effect == sorted(set(by_effect)) and smallest_difference(1_000, 2) == smallest_difference(500)


def test_systems_cannot_differ_by_more_than_they_disagree() -> None:
    assert smallest_difference(5, design_effect=50) == DISAGREEMENT
    assert smallest_difference(5, disagreement=0.01) == 0.01


def test_rows_on_their_own_inflate_nothing() -> None:
    assert design_effect("abcd") == 1
    assert design_effect([]) == 1


def test_rows_that_share_a_cluster_inflate_the_variance_by_its_size() -> None:
    assert design_effect("aaaa") == pytest.approx(1 + 3 * WITHIN_SENTENCE)
    assert design_effect("aaabc") == pytest.approx(1 + (11 / 5 - 1) * WITHIN_SENTENCE)  # a row's mean cluster: 11/5


def test_a_test_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="needs one utterance at least"):
        smallest_difference(0)
