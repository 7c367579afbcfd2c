"""The learning curves of training: the loss of each stage over its steps, and scores on a dev set if there are any.

stages/*/train.jsonl -> losses, averaged over neighbouring steps -> lines in pixels
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eartune.files import read_lines
from eartune.report.axis import Axis
from eartune.report.result import RunResult
from eartune.report.wording import metric_name
from eartune.run_folder import ModelFolder, RunFolder, StageFolder
from eartune.wording import percent

POINTS = 120  # a line of more cannot be told from it
WIDTH, HEIGHT = 300.0, 120.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 8.0, 8.0, 22.0


@dataclass(frozen=True)
class StageCurve:
    """The loss of one stage, and its score on the dev set, in pixels from the top left corner."""

    title: str
    models: tuple[str, ...]
    """The models that were trained with this stage."""
    loss: str
    """The points of the line, as SVG takes them."""
    dev: str
    """The points of the scores on the dev set after each epoch, from 0 to 1 over the height; empty without any."""
    choice: str
    """What was chosen on the dev set, as the rest of a sentence; empty where nothing was."""
    first: float
    last: float
    top: float
    """The loss at the upper end of the axis."""
    steps: int
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    bottom: float = HEIGHT - BOTTOM


def training_curves(folder: RunFolder, results: Sequence[RunResult]) -> tuple[StageCurve, ...]:
    """Return one curve for each stage of these models that has a log, in the order of the models."""
    stages: dict[str, tuple[StageFolder, list[str]]] = {}
    for result in results:
        model = folder.model(result.name)
        for stage in _stages(model):
            stages.setdefault(stage.path.name, (stage, []))[1].append(result.name)
    return tuple(curve for stage, models in stages.values() if (curve := _curve(stage, models)))


def _stages(model: ModelFolder) -> tuple[StageFolder, ...]:
    if not model.plan.is_file():
        return ()
    return tuple(StageFolder(model.path.parent / "stages" / one.path.name) for one in model.read_stage_folders())


def _curve(stage: StageFolder, models: Sequence[str]) -> StageCurve | None:
    if not stage.log.is_file():
        return None
    losses = [float(row["loss"]) for _, row in read_lines(stage.log) if "loss" in row]
    if len(losses) < 2:
        return None
    shown = _averaged(losses)
    across = Axis(0, len(shown) - 1, LEFT, WIDTH - RIGHT)
    top = max(shown) or 1.0
    up, share = (Axis(0, highest, HEIGHT - BOTTOM, TOP) for highest in (top, 1))
    scored = [row for _, row in read_lines(stage.dev)] if stage.dev.is_file() else []
    steps = Axis(0, max(len(losses), *(row["step"] for row in scored), 1), LEFT, WIDTH - RIGHT)
    return StageCurve(
        title=stage.path.name.rsplit("-", 1)[0],
        models=tuple(models),
        loss=" ".join(f"{across.place(place)},{up.place(loss)}" for place, loss in enumerate(shown)),
        dev=" ".join(f"{steps.place(row['step'])},{share.place(row['score'])}" for row in scored),
        choice=_choice(scored),
        first=shown[0],
        last=shown[-1],
        top=top,
        steps=len(losses),
    )


def _choice(scored: Sequence[dict[str, Any]]) -> str:
    if not scored:
        return ""
    scores = [row["score"] for row in scored]
    best = scores.index(max(scores))
    metric = metric_name(scored[0]["metric"])
    return f"; {metric} on the dev set {' → '.join(map(percent, scores))} %, epoch {scored[best]['epoch']} kept"


def _averaged(losses: Sequence[float]) -> list[float]:
    """The means of as many groups of neighbouring steps as are drawn."""
    size = max(1, -(-len(losses) // POINTS))
    groups = [losses[start : start + size] for start in range(0, len(losses), size)]
    return [sum(group) / len(group) for group in groups]
