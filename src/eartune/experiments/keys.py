"""Keys: digests of everything that determines a stage's weights or a model's scores. Equal work has equal keys.

base weights -> key of stage 1 -> key of stage 2 -> ... -> key of the model: with the test, its labels and the decoding

Settings that do not change an outcome are not in its key: names, the micro-batch size, the number of workers.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from eartune.data.example import Asked, Example, as_speech, without_labels
from eartune.data.utterance import label_fields
from eartune.experiments.experiment import Experiment
from eartune.experiments.plan import CellPlan, Pools, steps_of
from eartune.models.architecture import POCKET, Architecture
from eartune.training.stage import DevSet, Stage

WITHOUT_EFFECT = {"micro_batch_size", "micro_batch_tokens", "workers", "encoded_gb", "recompute_activations"}
"""The settings of training that change its speed and memory, but not its outcome."""


@dataclass(frozen=True)
class CellKeys:
    """The keys of the work for one cell, 12 hexadecimal characters each."""

    stages: tuple[str, ...]
    """The key of each stage of the plan."""
    transcripts: str
    """The key of the transcripts of the test by the recogniser, which may be the model after some of its stages."""
    unlabelled_transcripts: str
    """The key of the transcripts of all unlabelled recordings by the model after its alignment stage."""
    dev_transcripts: str
    """The key of the transcripts of the dev set by the recogniser of the test."""
    model: str
    """The key of the answers and the scores."""


class Keys:
    """Computes the keys of an experiment's cells; each example is digested once for all cells.

    `base` identifies the weights before training, `digest_of` returns a digest of a recording's content, and
    `name_of` returns its name in predictions.
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
        names, of_dev = (
            [name_of(example.recording.path) for example in pool if example.recording is not None]
            for pool in (pools.test, pools.dev)
        )
        self._test = digest([asked, self._labels, names, self._examples(pools.test)])
        architecture = experiment.architecture.model_dump(mode="json")
        self._dev = digest([architecture, of_dev, self._examples(pools.dev)])
        self._unlabelled = digest([architecture, self._examples(as_speech(without_labels(pools.unlabelled)))])

    def of(self, plan: CellPlan) -> CellKeys:
        """Return the keys of one cell."""
        stages: list[str] = []
        for stage in plan.stages:
            stages.append(self._stage(stage, plan, stages[-1] if stages else self.base))
        asking = plan.asking
        recogniser = [self.base, *stages[: plan.transcribes_after], asking.transcribed_by]
        transcripts, of_dev = digest([recogniser, self._test]), digest([recogniser, self._dev])
        of_unlabelled = digest([self.base, *stages[: plan.n_alignment_stages], self._unlabelled])
        decoding = self.experiment.decoding.model_dump(mode="json", exclude={"batch_size", "through"})
        prompt = plan.preface if plan.dev is None else self._choice(plan.dev, plan)
        asked: list[Any] = [prompt, asking.transcribed_by and [transcripts, asking.normalize_transcripts]]
        if plan.through != "nothing":  # a cascade may read the same transcripts, but its answers lack the words
            asked.append(plan.through)
        if asking.asked is not Asked.FRAME:
            asked.append(asking.asked.value)
        model = digest([self.base, stages, decoding, self._test, asked])
        return CellKeys(tuple(stages), transcripts, of_unlabelled, of_dev, model)

    def _stage(self, stage: Stage, plan: CellPlan, before: str) -> str:
        training = self.experiment.training.model_dump(mode="json", exclude=WITHOUT_EFFECT)
        content: dict[str, Any] = {
            "before": before,
            "seed": plan.cell.seed,
            "architecture": self.experiment.architecture.model_dump(mode="json"),
            "task": self.experiment.task.to_json(),
            "instruction": self.experiment.task.instruction(self.pools.labels),
            "training": training,
            "stage": [stage.epochs, stage.learning_rate, stage.warmup_ratio, [str(part) for part in stage.trainable]],
            "examples": self._examples(stage.examples),
        }
        if stage.teacher_weight:  # what few stages have is named only there, so that others keep their keys
            content["teacher_weight"] = stage.teacher_weight
        if stage.augment is not None:
            content["augment"] = stage.augment.model_dump(mode="json")
        if stage.order != "shuffled":
            content["order"] = stage.order
        if stage.to_label:  # an answer that names an unknown label is not learned
            content["to_label"] = [self._examples(stage.to_label), self._labels]
        if stage.dev is not None:
            may_end = stage.dev.patience is not None and stage.dev.patience + 1 < stage.epochs
            content["dev"] = [*self._choice(stage.dev, plan), stage.dev.patience if may_end else None]
        return digest(content)

    def _choice(self, dev: DevSet, plan: CellPlan) -> list[Any]:
        """What decides which epoch or prompt is the best: the answers to the dev set, and their metric."""
        task, asking, labels = self.experiment.task, plan.asking, self.pools.labels
        decoding = dev.decoding.model_dump(mode="json", exclude={"batch_size", "through"})
        may_write = self._labels if dev.decoding.constrain == "schema" else None
        read = asking.transcribed_by and [asking.transcribed_by, asking.normalize_transcripts]
        prompts = plan.preface if len(plan.prompts) == 1 else [prompt.preface for prompt in plan.prompts]
        asked = [self._examples(dev.examples), decoding, may_write, prompts, read]
        return [*asked, task.main_metric(labels)]

    def _examples(self, examples: Iterable[Example]) -> str:
        """A digest of the content of the examples, in their order."""
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
        recorded = None if recording is None else self.digest_of(recording.path)
        return hashlib.sha256(json.dumps([content, recorded, example.asked.value]).encode()).digest()


class _Shown(NamedTuple):
    """An example and its digest; the example is kept so that no other object can get the same id()."""

    example: Example
    digest: bytes


def base_fingerprint(architecture: Architecture) -> str:
    """Return what identifies the weights before training: for pocket their hashes, for a hub checkpoint its name.

    For a folder it is the sizes and times of its files, because reading all weights would take minutes.
    """
    checkpoint, folder = architecture.checkpoint, Path(architecture.checkpoint)
    if checkpoint != POCKET:
        files = [(file.name, file.stat()) for file in sorted(folder.iterdir())] if folder.is_dir() else []
        sizes_and_times = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in files]
        return digest([checkpoint, sizes_and_times]) if files else checkpoint
    from eartune.models.pocket.weights import pocket_fingerprint

    return pocket_fingerprint()


def shared_steps(plans: Sequence[CellPlan], keys: Keys) -> tuple[int, int]:
    """Return the optimizer steps of all cells, and how many of them are saved because equal stages are trained once."""
    batch_size = keys.experiment.training.batch_size
    everything = sum(steps_of(stage, batch_size) for plan in plans for stage in plan.stages)
    return everything, everything - sum(steps_of(stages[-1], batch_size) for stages in distinct_stages(plans, keys))


def distinct_stages(plans: Sequence[CellPlan], keys: Keys) -> list[tuple[Stage, ...]]:
    """Return each distinct stage once, as the tuple of stages that ends with it."""
    found = {}
    for plan in plans:
        for place, key in enumerate(keys.of(plan).stages, start=1):
            found[key] = plan.stages[:place]
    return list(found.values())


def digest(content: Any) -> str:
    """Return the first 12 hexadecimal characters of the SHA-256 of the content as JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
