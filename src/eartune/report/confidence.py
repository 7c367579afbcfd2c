"""Whether the best model knows when it is right: how reliable its confidence is, and what asking again would gain.

predictions with confidences -> calibration -> sentences, a table, and two charts in pixels
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eartune.evaluation.calibration import Bin, Rejection, expected_calibration_error, reliability
from eartune.report.answers import RunAnswers
from eartune.report.axis import Axis
from eartune.report.result import RunResult
from eartune.tables import Table
from eartune.wording import PERCENT, counted, percent

REJECTED = (0.1, 0.2, 0.5)
MOST_REJECTED = 0.9  # beyond it the accuracy is that of a handful of answers
FEWEST_ANSWERS = 20
CURVE_POINTS = 100
WIDTH, HEIGHT = 300.0, 200.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 12.0, 10.0, 36.0


@dataclass(frozen=True)
class Whisker:
    """The share of right answers of one bin, with its interval, in pixels."""

    x: float
    y: float
    low: float
    high: float
    title: str


@dataclass(frozen=True)
class ConfidenceSection:
    """The confidence of one model, as a page shows it; charts are in pixels from their top left corners."""

    model: str
    sentences: tuple[str, ...]
    table: Table
    bins: tuple[Whisker, ...]
    rejection: str
    """The accuracy of what is left over the share that is rejected, as the points of a line in SVG."""
    lowest: float
    """The accuracy at the lower end of that chart's axis, 0 to 1."""
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


def confidence_section(answers: RunAnswers, result: RunResult) -> ConfidenceSection | None:
    """Return how well a model knows when it is right; None if too few of its answers have a confidence."""
    sure, right = [], []
    for one in answers.predictions(result):
        if one.confidence is not None:
            sure.append(one.confidence)
            right.append(one.answer == answers.task.reference(answers.test[one.id]))
    if len(sure) < FEWEST_ANSWERS:
        return None
    bins, rejection = reliability(sure, right), Rejection.of(sure, right)
    across, up = Axis(0, 1, LEFT, WIDTH - RIGHT), Axis(0, 1, HEIGHT - BOTTOM, TOP)
    curve = [(share, accuracy) for share, accuracy in rejection.curve() if share <= MOST_REJECTED]
    shown = curve[:: max(1, len(curve) // CURVE_POINTS)]
    lowest = max(0.0, min(accuracy for _, accuracy in shown) - 0.05)
    height = Axis(lowest, 1, HEIGHT - BOTTOM, TOP)
    return ConfidenceSection(
        model=result.name,
        sentences=_sentences(right, bins, rejection),
        table=_table(rejection),
        bins=tuple(_whisker(one, across, up) for one in bins),
        rejection=" ".join(f"{across.place(share)},{height.place(accuracy)}" for share, accuracy in shown),
        lowest=lowest,
    )


def _sentences(right: Sequence[bool], bins: Sequence[Bin], rejection: Rejection) -> tuple[str, ...]:
    share, kept = percent(sum(right) / len(right)), percent(rejection.accuracy(REJECTED[0]))
    off = percent(expected_calibration_error(bins))
    return (
        f"Confidence is the geometric mean of the probabilities of an answer's tokens; of "
        f"{counted(len(right), 'answer')} "
        f"{share}{PERCENT} are exactly right. On average over {counted(len(bins), 'group')}, confidence and the share "
        f"of right answers differ by {off} points (expected calibration error).",
        f"If the least sure {100 * REJECTED[0]:.0f}{PERCENT} were asked again, {kept}{PERCENT} of the others would be "
        "exactly right.",
    )


def _table(rejection: Rejection) -> Table:
    lines = [(f"{100 * share:.0f}{PERCENT}", percent(rejection.accuracy(share))) for share in (0.0, *REJECTED)]
    return Table(("asked again", "right of the rest, %"), tuple(lines), left=1)


def _whisker(one: Bin, across: Axis, up: Axis) -> Whisker:
    title = f"confidence {percent(one.confidence)}, right {percent(one.right)}, n = {one.n}"
    return Whisker(across.place(one.confidence), up.place(one.right), up.place(one.low), up.place(one.high), title)
