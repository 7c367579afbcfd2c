"""What the names of files and splits tell."""

import pytest

from eartune.prepare.split import distance_from_test, split_of, training_splits


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("slurp-train", "train"),
        ("TRAIN_real", "train"),
        ("devel", "dev"),
        ("en-US.validation", "valid"),
        ("test_clean", "test"),
        ("chatbot", "all"),
        ("constraint", "all"),
        ("latest", "all"),
    ],
)
def test_a_split_is_a_word_of_its_own_in_a_name(name: str, split: str) -> None:
    assert split_of(name) == split


def test_nearer_to_the_test_is_more_precious() -> None:
    distances = [distance_from_test(split) for split in ("test-clean", "dev", "held_out", "train")]
    assert distances == sorted(distances) and distance_from_test("dev") == distance_from_test("valid")


@pytest.mark.parametrize(
    ("splits", "training"),
    [
        (["train", "dev", "test"], {"train"}),
        (["text", "speech", "test"], {"text", "speech"}),
        (["train", "held_out"], {"train"}),
        (["all"], {"all"}),
        (["dev", "test"], set()),
        ([], set()),
    ],
)
def test_training_splits(splits: list[str], training: set[str]) -> None:
    assert training_splits(splits) == training
