"""Test sentences that training has too are counted, however they are written."""

import pytest

from eartune.data.overlap import shared_sentences

LONG = "could you please wake me up tomorrow morning at seven"


@pytest.mark.parametrize(
    ("test", "training", "shared"),
    [
        (["Lights on!"], ["lights on"], 1),
        (["lights on"], ["lights on in the kitchen"], 0),
        ([LONG], [f"hey {LONG} and again"], 1),
        ([LONG], ["wake me up tomorrow morning at seven"], 0),
        (["a", "b", "a"], ["a"], 2),
        ([""], [""], 0),
        ([], ["a"], 0),
    ],
)
def test_sentences_in_both_are_counted(test: list[str], training: list[str], shared: int) -> None:
    assert shared_sentences(test, training) == shared
