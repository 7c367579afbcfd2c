"""What one metric says about one set of predictions."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Score:
    """A value with its 95 % interval, all fractions in [0, 1], low <= value <= high; `n` utterances were scored.

    Precision, recall and the counts are None where the metric has none: accuracies, and means over seeds.
    The counts need not be whole, since distance metrics give a part of an error for a part of a filler.
    """

    value: float
    low: float
    high: float
    n: int
    precision: float | None = None
    recall: float | None = None
    true_positives: float | None = None
    false_positives: float | None = None
    false_negatives: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The fields that have a value."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Score":
        """The score that `to_json` wrote."""
        return cls(**row)

    def __str__(self) -> str:
        return f"{self.value:.3f} (95% {self.low:.3f}-{self.high:.3f})"
