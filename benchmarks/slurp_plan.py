"""Plan the paper's grid on SLURP for 1, 8 and 32 GPUs, on an imitation of the corpus: python benchmarks/slurp_plan.py

The imitation has SLURP's layout and its numbers of sentences and recordings; sentences are of random words, and
recordings are silence, their names links to a few files. Prints the lines of `eartune check` that concern time, memory
and money, and writes benchmarks/slurp_plan.json.
"""

import os
import random
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml
from rich.console import Console
from typer.testing import CliRunner

from eartune.cli.app import app
from eartune.data.audio import SAMPLE_RATE
from eartune.files import write_json, write_lines

SPLITS = {"train": (11_514, 50_628), "test": (2_974, 13_078)}  # sentences, recordings of slurp_real
LENGTHS = np.linspace(1.2, 4.5, 34)  # seconds; SLURP's 50,628 recordings are 40.2 h, 2.86 s each
WORDS = [2, 3, 4, 5, 6, 7, 8, 9, 10, 13]  # in a sentence, whose mean is 6.7
EXPERIMENT = Path(__file__).parents[1] / "experiments" / "slurp-budgets.yaml"
SAYS = ("An H", "the smallest GPU", "GPU: ", "GPUs: ", "an hour:", "disk:")
H100 = ["--gpu", "H100", "--price", "2.5"]
EIGHT_BITS: dict[str, Any] = {"optimizer": "adamw-8bit"}
PLANS: tuple[tuple[str, dict[str, Any], list[str]], ...] = (
    ("all weights, 1 H200", {}, ["--gpus", "1", "--gpu", "H200", "--price", "3.5"]),
    ("all weights, 8 H100", {}, ["--gpus", "8", "--gpus-per-model", "4", *H100]),
    ("all weights, 32 H100", {}, ["--gpus", "32", "--gpus-per-model", "4", *H100]),
    *((f"8-bit moments, {gpus} H100", EIGHT_BITS, ["--gpus", str(gpus), *H100]) for gpus in (1, 8, 32)),
    ("LoRA, 8 L40S", {"lora": {"rank": 16}}, ["--gpus", "8", "--gpu", "L40S", "--price", "0.9"]),
)


def main() -> None:
    """Make the corpus, plan, print and write what check says."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        make_corpus(Path(folder) / "slurp")
        for name, training, options in PLANS:
            found[name] = said = lines_of_check(Path(folder), training, options)
            Console(width=170).print(f"[bold]{name}[/]: eartune check {' '.join(options)}", *said, "", sep="\n")
    write_json(Path(__file__).with_suffix(".json"), found)


def make_corpus(folder: Path) -> None:
    """Write both splits, and a link for each recording."""
    audio, draw = folder / "slurp_real", random.Random(0)
    audio.mkdir(parents=True)
    sounds = [folder / f"{number}.flac" for number in range(len(LENGTHS))]
    for sound, seconds in zip(sounds, LENGTHS, strict=True):
        soundfile.write(sound, np.zeros(round(seconds * SAMPLE_RATE), dtype=np.int16), SAMPLE_RATE)
    for split, (sentences, recordings) in SPLITS.items():
        cuts = sorted(draw.sample(range(1, recordings), sentences - 1))  # every sentence has at least one
        rows = []
        for number, (first, last) in enumerate(pairwise([0, *cuts, recordings])):
            files = [f"{split}-{take}.flac" for take in range(first, last)]
            for file in files:
                os.link(draw.choice(sounds), audio / file)
            rows.append(row_of(number, split, files, draw))
        write_lines(folder / f"{split}.jsonl", rows)


def row_of(number: int, split: str, files: list[str], draw: random.Random) -> dict[str, Any]:
    """Return a row of SLURP with random words, one or two of which are entities."""
    words = ["".join(draw.choices("aeilnorst", k=draw.randint(2, 7))) for _ in range(draw.choice(WORDS))]
    return {
        "slurp_id": f"{split}-{number}",
        "scenario": f"scenario{draw.randrange(18)}",
        "action": f"action{draw.randrange(46)}",
        "tokens": [{"id": place, "surface": word} for place, word in enumerate(words)],
        "entities": [{"type": f"type_{draw.randrange(55)}", "span": [place]} for place in range(draw.randint(0, 2))],
        "recordings": [{"file": file, "wer": 0.0, "status": "correct"} for file in files],
    }


def lines_of_check(folder: Path, training: dict[str, Any], options: list[str]) -> list[str]:
    """Return the lines about time, memory, disk and money that check prints for the grid with these settings."""
    settings = yaml.safe_load(EXPERIMENT.read_text(encoding="utf-8"))
    settings["training"] |= training
    experiment = folder / "slurp.yaml"
    experiment.write_text(yaml.safe_dump(settings), encoding="utf-8")
    places = ["--data", str(folder), "--runs", str(folder / "runs")]
    (folder / "runs").mkdir(exist_ok=True)  # so that the lengths of recordings are kept
    done = CliRunner().invoke(app, ["check", str(experiment), *places, *options], env={"COLUMNS": "1000"})
    lines = [line.strip() for line in done.output.splitlines()]
    if done.exit_code:
        raise done.exception or SystemExit(done.output)
    return [line.partition(";")[0] if "disk:" in line else line for line in lines if any(word in line for word in SAYS)]


if __name__ == "__main__":
    main()
