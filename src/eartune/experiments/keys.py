"""Keys: digests of everything that a stage's weights, or a model's scores, follow from. Equal work has equal keys.

base weights -> key of stage 1 -> key of stage 2 -> ... -> key of the model: with the test, its labels and the decoding

What does not change an outcome is no part of its key: names, the micro-batch size, the number of workers.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from eartune.data.example import Asked, Example
from eartune.data.utterance import label_fields
from eartune.experiments.experiment import Experiment
from eartune.experiments.plan import CellPlan, Pools, steps_of
from eartune.models.architecture import POCKETS, Architecture
from eartune.training.schemes import Stage

NO_MATTER = {"micro_batch_size", "micro_batch_tokens", "workers", "encoded_gb", "recompute_activations"}
"""Settings of training that change its speed and memory, and not its outcome."""


@dataclass(frozen=True)
class CellKeys:
    """The keys of one cell."""

    stages: tuple[str, ...]
    """One for each stage of the plan."""
    transcripts: str
    """For the test's transcripts by the model as its alignment stage left it, or by another recogniser."""
    model: str
    """For the answers and the scores."""


class Keys:
    """The keys of one experiment's cells; what examples show is digested once for all cells.

    `base` identifies the weights before training, `digest_of` the content of a recording, and `name_of` is what
    predictions call it.
    """

    def __init__(
        self,
        experiment: Experiment,
        pools: Pools,
        base: str,
        digest_of: Callable[[Path], str] = str,
        name_of: Callable[[Path], str] = str,
    ) -> None:
        self.experiment = experiment
        self.pools = pools
        self.base = base
        self.digest_of = digest_of
        self._shown: dict[tuple[int, int, Asked], _Shown] = {}
        asked = [experiment.architecture.model_dump(mode="json"), experiment.task.to_json()]
        self._labels = pools.labels.to_json()
        names = [name_of(example.recording.path) for example in pools.test if example.recording is not None]
        self._test = digest([asked, self._labels, names, self._examples(pools.test)])

    def of(self, plan: CellPlan) -> CellKeys:
        """The keys of one cell."""
        stages: list[str] = []
        for stage in plan.stages:
            stages.append(self._stage(stage, plan.cell.seed, stages[-1] if stages else self.base))
        asking = plan.asking
        heard_by = [self.base, *stages[: plan.n_alignment_stages], asking.transcribed_by]
        transcripts = digest([heard_by, self._test])
        decoding = self.experiment.decoding.model_dump(mode="json", exclude={"batch_size"})
        asked = [plan.preface, asking.transcribed_by and [transcripts, asking.normalize_transcripts]]
        return CellKeys(tuple(stages), transcripts, digest([self.base, stages, decoding, self._test, asked]))

    def _stage(self, stage: Stage, seed: int, before: str) -> str:
        training = self.experiment.training.model_dump(mode="json", exclude=NO_MATTER)
        content = {
            "before": before,
            "seed": seed,
            "architecture": self.experiment.architecture.model_dump(mode="json"),
            "task": self.experiment.task.to_json(),
            "instruction": self.experiment.task.instruction(self.pools.labels),
            "training": training,
            "stage": [stage.epochs, stage.learning_rate, stage.warmup_ratio, [str(part) for part in stage.trainable]],
            "examples": self._examples(stage.examples),
        }
        return digest(content)

    def _examples(self, examples: Iterable[Example]) -> str:
        """A digest of what the examples show, in their order."""
        found = hashlib.sha256()
        for example in examples:
            shown = id(example.utterance), id(example.recording), example.asked
            known = self._shown.get(shown)
            if known is None:
                known = self._shown[shown] = _Shown(example, self._digest(example))
            found.update(known.digest)
        return found.hexdigest()

    def _digest(self, example: Example) -> bytes:
        """A digest of the words, the right answer and the recording, by content."""
        utterance, recording = example.utterance, example.recording
        content = [utterance.id, utterance.text, label_fields(utterance)]
        heard = None if recording is None else self.digest_of(recording.path)
        return hashlib.sha256(json.dumps([content, heard, example.asked.value]).encode()).digest()


class _Shown(NamedTuple):
    """An example, kept so that the identities by which its digest is found are not used again, and its digest."""

    example: Example
    digest: bytes


def base_fingerprint(architecture: Architecture) -> str:
    """What identifies the weights before training: for pocket their hashes, for a checkpoint of the hub its name.

    For a folder it is the sizes and times of its files, because reading all weights would take minutes.
    """
    checkpoint, folder = architecture.checkpoint, Path(architecture.checkpoint)
    if checkpoint not in POCKETS:
        files = [(file.name, file.stat()) for file in sorted(folder.iterdir())] if folder.is_dir() else []
        sizes_and_times = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in files]
        return digest([checkpoint, sizes_and_times]) if files else checkpoint
    from eartune.models.pocket.weights import pocket_fingerprint

    return pocket_fingerprint(checkpoint)


def shared_steps(plans: Sequence[CellPlan], keys: Keys) -> tuple[int, int]:
    """The optimizer steps of all cells, and how many of them are spared because equal stages are trained once."""
    batch_size = keys.experiment.training.batch_size
    everything = sum(steps_of(stage, batch_size) for plan in plans for stage in plan.stages)
    return everything, everything - sum(steps_of(stages[-1], batch_size) for stages in distinct_stages(plans, keys))


def distinct_stages(plans: Sequence[CellPlan], keys: Keys) -> list[tuple[Stage, ...]]:
    """Every stage that is trained, once, each after the stages that precede it."""
    found = {}
    for plan in plans:
        for place, key in enumerate(keys.of(plan).stages, start=1):
            found[key] = plan.stages[:place]
    return list(found.values())


def digest(content: Any) -> str:
    """Twelve hexadecimal characters of the SHA-256 of the content as JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
