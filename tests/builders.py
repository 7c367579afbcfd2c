"""Readable test data: a row of a corpus, a recording, an experiment, each in one line."""

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance
from eartune.experiments.experiment import Experiment
from eartune.files import atomic


def frame(label: str = "alarm.set", *entities: str) -> SemanticFrame:
    """frame("alarm.set", "date:friday") has scenario and action; frame("orderDrink") an intent alone."""
    pairs = tuple(Entity(kind, filler) for kind, _, filler in (entity.partition(":") for entity in entities))
    scenario, dot, action = label.partition(".")
    return SemanticFrame.of(scenario, action, pairs) if dot else SemanticFrame(label, pairs)


def utterance(
    name: str = "u1", text: str | None = "wake me on friday", meaning: SemanticFrame | None = None, *seconds: float
) -> Utterance:
    """One recording, NAME-0.flac and so on, for each number of seconds."""
    recordings = tuple(Recording(Path(f"{name}-{i}.flac"), length) for i, length in enumerate(seconds))
    return Utterance(name, text, "en", meaning or frame("alarm.set", "date:friday"), recordings)


def pool(size: int, *seconds: float, prefix: str = "u") -> tuple[Utterance, ...]:
    """Utterances u0, u1, ..., each with recordings of these lengths."""
    return tuple(utterance(f"{prefix}{i}", f"wake me on day {i}", None, *seconds) for i in range(size))


def tone(seconds: float = 0.5, rate: int = SAMPLE_RATE, channels: int = 1) -> Wave:
    """440 Hz, the same in every channel, shape (samples, channels)."""
    times = np.arange(round(seconds * rate)) / rate
    return np.repeat(0.3 * np.sin(2 * np.pi * 440 * times)[:, None], channels, axis=1).astype(np.float32)


def sound_file(path: Path, seconds: float = 0.5, rate: int = SAMPLE_RATE, channels: int = 1) -> Path:
    """A tone in the format of the path's suffix."""
    soundfile.write(path, tone(seconds, rate, channels), rate)
    return path


SETTINGS: dict[str, Any] = {
    "name": "alarms",
    "question": "How much speech do alarms need?",
    "data": {
        "text": [{"corpus": "manifest", "path": "text.jsonl"}],
        "speech": [{"corpus": "manifest", "path": "speech.jsonl"}],
        "test": [{"corpus": "manifest", "path": "test.jsonl"}],
    },
    "architecture": {"type": "qwen2-audio", "checkpoint": "pocket"},
    "grid": {
        "schemes": [{"type": "untuned"}, {"type": "text-only"}, {"type": "direct-mixing"}, {"type": "curriculum"}],
        "budgets": ["50%", "100%"],
    },
    "training": {"batch_size": 4, "micro_batch_size": 2},
}


def settings(**changes: Any) -> dict[str, Any]:
    """What an experiment's YAML holds; settings(grid__seeds=[0, 1]) changes one value, None takes a key out."""
    content = copy.deepcopy(SETTINGS)
    for place, value in changes.items():
        *outer, last = place.split("__")
        section = content
        for key in outer:
            section = section.setdefault(key, {})
        section[last] = value
        if value is None:
            del section[last]
    return content


def experiment(**changes: Any) -> Experiment:
    """The experiment of `settings`."""
    return Experiment.model_validate(settings(**changes))


def experiment_file(path: Path, **changes: Any) -> Path:
    """The YAML of `settings`."""
    path.write_text(yaml.safe_dump(settings(**changes)), encoding="utf-8")
    return path


def left_half_written(path: Path) -> Path:
    """The temporary path at which a process that has ended would have left what it wrote at a path."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with atomic(path) as half_written:
        half_written.touch()
    return half_written.with_name(half_written.name.replace(f"-{os.getpid()}-", f"-{process.pid}-"))
