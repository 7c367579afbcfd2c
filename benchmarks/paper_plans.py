"""Forecast the grids of docs/reproducing.md for one and eight H100, on imitations of its corpora.

python benchmarks/paper_plans.py [NAME...]

No corpus is at hand. Each pool is imitated by a manifest with its published numbers of sentences and recordings and
the mean length of a recording; sentences are of random words, and recordings are silence, their names links to a few
files. Prints the forecast of `eartune check --gpu H100 --gpus N` for each experiment, with moments in 8 bits and as
it is, and writes benchmarks/paper_plans.json.
"""

import os
import random
import re
import sys
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml
from typer.testing import CliRunner

from eartune.cli.app import app
from eartune.data.audio import SAMPLE_RATE
from eartune.files import read_json, write_json, write_lines

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
WORDS = [2, 3, 4, 5, 6, 7, 8, 9, 10, 13]  # in a sentence of SLURP, whose mean is 6.7
SPREAD = np.linspace(0.4, 1.6, 25)  # of the lengths of recordings, around their mean
EIGHT_BITS = {"optimizer": "adamw-8bit"}  # all weights of 7B on a GPU of 80 GB
PLANS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "1 H100": (EIGHT_BITS, ["--gpus", "1"]),
    "8 H100": (EIGHT_BITS, ["--gpus", "8"]),
    "8 H100, 4 a model": ({}, ["--gpus", "8", "--gpus-per-model", "4"]),
}
"""By how they are called: what is changed in `training`, and the options of check."""


@dataclass(frozen=True)
class Imitated:
    """The published size of a pool: sentences, recordings of all of them together, and seconds of a recording."""

    sentences: int
    recordings: int
    seconds: float
    answer: str = "frame"
    """What its rows hold: a frame, a label, or a translation."""
    words: float = 1.0
    """How many times as many words a sentence has as one of SLURP."""


def massive(split: str, hours: float = 0.0) -> Imitated:
    """Return a split of MASSIVE, read aloud once each where hours are given."""
    sentences = {"train": 11_514, "train_115": 115, "test": 2_974}[split]
    return Imitated(sentences, sentences if hours else 0, 3600 * hours / sentences)


SPEECH_MASSIVE = {
    **{("fr-FR", "train"): 12.42, ("fr-FR", "test"): 2.65, ("de-DE", "test"): 3.41, ("es-ES", "test"): 3.61},
    **{("vi-VN", "test"): 3.23, ("de-DE", "train_115"): 0.125, ("es-ES", "train_115"): 0.125},
    ("vi-VN", "train_115"): 0.125,  # 0.10 to 0.15 h
}
ITALIC_HOURS = 15.46 / 16_521  # of a recording


def imitated(corpus: dict[str, Any]) -> Imitated:
    """Return the size of a corpus as an experiment names it."""
    kind, split = corpus["corpus"], corpus["split"]
    if kind == "slurp":
        return {"train": Imitated(11_514, 50_628, 2.86), "test": Imitated(2_974, 13_078, 2.86)}[split]
    if kind == "massive":
        return massive(split)
    if kind == "speech-massive":
        return massive(split, SPEECH_MASSIVE[corpus["locale"], split])
    if kind == "italic":
        return massive(split, ITALIC_HOURS * massive(split).sentences)
    if kind == "crema-d":  # 7,442 clips of 91 actors
        clips = {"train": 5_561, "test": 1_145}[split]
        return Imitated(clips, clips, 2.5, "label")
    sentences = {"train": 127_834, "test": 13_511}[split]  # CoVoST 2, German into English, 184 h to train on
    return Imitated(sentences, sentences, 5.2, "translation", 1.4)


def main(names: list[str]) -> None:
    """Forecast the experiments with one of these names, or all that are listed; print and write what check says."""
    file = Path(__file__).with_suffix(".json")
    found: dict[str, Any] = read_json(file) if file.exists() else {}
    for name in names or LISTED:
        with tempfile.TemporaryDirectory() as folder:
            found[name] = forecast(name, Path(folder))
        print(name, found[name], flush=True)
        write_json(file, found)


LISTED = (
    *("slurp-budgets", "italic-budgets", "speech-massive-fr-budgets"),
    *("speech-massive-fr-zero-shot-de", "speech-massive-fr-to-de"),  # other targets differ in the test's hours alone
    *("crema-d-budgets", "covost2-de-en-budgets"),
    *("slurp-schedules", "slurp-few", "slurp-minutes", "speech-massive-fr-few", "speech-massive-fr-minutes"),
)


def forecast(name: str, folder: Path) -> dict[str, Any]:
    """Return what check says of the number of models, their time and the work, for each of the PLANS."""
    settings = yaml.safe_load((EXPERIMENTS / f"{name}.yaml").read_text(encoding="utf-8"))
    (folder / "sounds").mkdir()
    sounds: dict[float, Path] = {}
    for pool, corpora in settings["data"].items():
        settings["data"][pool] = [write_pool(folder, f"{pool}{n}", one, sounds) for n, one in enumerate(corpora)]
    (folder / "runs").mkdir()
    found = {}
    for plan, (changes, options) in PLANS.items():
        changed = settings | {"training": settings["training"] | changes}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(changed), encoding="utf-8")
        found[plan] = check(folder, name, options)
    return found


def write_pool(folder: Path, name: str, corpus: dict[str, Any], sounds: dict[float, Path]) -> dict[str, Any]:
    """Write a manifest of the corpus's size and return the corpus that reads it."""
    size, draw = imitated(corpus), random.Random(f"{sorted(corpus.items())}{name}")
    lengths = [round(size.seconds * share, 2) for share in SPREAD]
    (folder / name).mkdir()
    cuts = [0] * (size.sentences + 1)
    if size.recordings:  # every sentence has at least one
        cuts = [0, *sorted(draw.sample(range(1, size.recordings), size.sentences - 1)), size.recordings]
    rows = []
    for number, (first, last) in enumerate(pairwise(cuts)):
        files = []
        for take in range(first, last):
            seconds = draw.choice(lengths)
            os.link(sound(folder, seconds, sounds), folder / name / f"{take}.flac")
            files.append({"file": f"{name}/{take}.flac", "seconds": seconds})
        rows.append(row_of(f"{name}-{number}", size, files, draw))
    write_lines(folder / f"{name}.jsonl", rows)
    return {"corpus": "manifest", "path": f"{name}.jsonl"}


def sound(folder: Path, seconds: float, sounds: dict[float, Path]) -> Path:
    """Return the silence of a length, which is made when it is first asked for."""
    if seconds not in sounds:
        sounds[seconds] = folder / "sounds" / f"{seconds}.flac"
        soundfile.write(sounds[seconds], np.zeros(round(seconds * SAMPLE_RATE), dtype=np.int16), SAMPLE_RATE)
    return sounds[seconds]


def row_of(name: str, size: Imitated, files: list[dict[str, Any]], draw: random.Random) -> dict[str, Any]:
    """Return a row of random words with an answer of the usual length."""
    count = max(1, round(draw.choice(WORDS) * size.words))
    words = ["".join(draw.choices("aeilnorst", k=draw.randint(2, 7))) for _ in range(count)]
    answers: dict[str, dict[str, Any]] = {
        "label": {"label": draw.choice(["anger", "disgust", "fear", "happy", "neutral", "sad"])},
        "translation": {"translation": " ".join(reversed(words))},
        "frame": {
            "scenario": f"scenario{draw.randrange(18)}",
            "action": f"action{draw.randrange(46)}",
            "entities": [
                {"type": f"type_{draw.randrange(55)}", "filler": draw.choice(words)} for _ in range(draw.randint(0, 2))
            ],
        },
    }
    return {"id": name, "text": " ".join(words), "language": "en"} | answers[size.answer] | {"recordings": files}


def check(folder: Path, name: str, options: list[str]) -> list[str]:
    """Return the lines of check about the time and the number of models."""
    here = ["--data", str(folder), "--runs", str(folder / "runs"), "--gpu", "H100"]
    done = CliRunner().invoke(app, ["check", str(folder / f"{name}.yaml"), *here, *options], env={"COLUMNS": "1000"})
    if done.exit_code:
        raise done.exception or SystemExit(done.output)
    lines = [line.strip() for line in done.output.splitlines()]
    return [line.partition(". Next:")[0] for line in lines if re.search(r"GPUs?: |models with", line)]


if __name__ == "__main__":
    main(sys.argv[1:])
