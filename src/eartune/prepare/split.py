"""Names of splits: the split in the name of a file, and the splits that are trained on."""

import re
from collections.abc import Iterable

UNNAMED = "all"
_SPLIT_OF_WORD = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "devel", "development"), "dev"),
    **dict.fromkeys(("valid", "val", "validation"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_DISTANCE_FROM_TEST = {"test": 0, "dev": 1, "valid": 1, "train": 3}
_DISTANCE_OF_OTHERS = 2  # nearer to the test than what is called train


def split_of(name: str) -> str:
    """Return the split in a file's name: `train` for slurp-train; `all` for a name without such a word."""
    words = re.split(r"[\W_]+", name.lower())
    return next((_SPLIT_OF_WORD[word] for word in words if word in _SPLIT_OF_WORD), UNNAMED)


def is_split(name: str) -> bool:
    """Return whether a name is that of a split and of nothing else: Test is one, test-drive is none."""
    return name.lower() in _SPLIT_OF_WORD


def distance_from_test(split: str) -> int:
    """Return 0 for the test, more for what may be trained on; splits of one distance may share rows."""
    return _DISTANCE_FROM_TEST.get(split_of(split), _DISTANCE_OF_OTHERS)


def training_splits(splits: Iterable[str]) -> frozenset[str]:
    """Return the splits that are farthest from the test; none if all of them are held out."""
    distances = {split: distance_from_test(split) for split in splits}
    farthest = max(distances.values(), default=0)
    return frozenset(split for split, distance in distances.items() if distance == farthest >= _DISTANCE_OF_OTHERS)
