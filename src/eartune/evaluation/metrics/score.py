"""Score: the value of one metric for one set of predictions."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Score:
    """A value with its 95 % interval, all fractions in [0, 1], low <= value <= high; `n` utterances were scored.

    Precision, recall and the counts are None if the metric has none, as for accuracies and means over seeds. The
    counts can be fractions, since distance metrics count a part of an error for a filler that is partly wrong.
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
        """Return the fields that have a value."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Score":
        """Return the score that `to_json` wrote."""
        return cls(**row)

    def __str__(self) -> str:
        return f"{self.value:.3f} (95% {self.low:.3f}-{self.high:.3f})"
