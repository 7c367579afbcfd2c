"""Time one answer to one clip of 3 s: python benchmarks/one_answer.py MODEL [--clip FILE] [--repeats N] [--out FILE]

MODEL is whatever `eartune.load` takes, loaded once. For greedy search and for the beams of its run, free and held to
the labels of its data: the seconds to the first token and to the whole answer (medians over the repeats, which take
turns), the tokens that the model was asked about, and the floating-point operations of the products, which tell what
a GPU has to do. Each with what is kept between requests (the beginning of the prompt, packed weights) and without. Also
the seconds that the clip's own parts take: mel, encoder, prompt. Without --clip it is noise, whose answer may be long.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import flop_of, timed
from rich.console import Console
from rich.table import Table

import eartune
from eartune.data.audio import SAMPLE_RATE, Wave, read_audio
from eartune.experiments.provenance import made_with
from eartune.files import write_json
from eartune.inference.trained_model import TrainedModel
from eartune.models.generation.generate import prefill
from eartune.models.rows import RowMaker

SECONDS = 3.0


@dataclass
class Way:
    """One way of answering, with the times that it took."""

    name: str
    model: TrainedModel
    keeps: bool
    firsts: list[float]
    wholes: list[float]
    steps: int = 0
    text: str = ""

    def answer(self, wave: Wave) -> None:
        """Answer once, and note the times."""
        if not self.keeps:
            self.model = replace(self.model)  # which keeps nothing yet
        times: list[float] = []
        began = time.perf_counter()
        (found,) = self.model.answer_batch([wave], lambda text_of: times.append(time.perf_counter() - began))
        self.wholes.append(time.perf_counter() - began)
        self.firsts.append(times[0])
        self.steps, self.text = len(times), found.text

    def to_json(self, wave: Wave) -> dict[str, Any]:
        """Return the medians, without the first answer, which compiles grammars and keeps what is to be kept."""
        flop = flop_of(lambda: self.model.answer_batch([wave]))
        times = {"first_token_s": self.firsts[1:], "answer_s": self.wholes[1:]}
        medians = {name: round(statistics.median(those), 4) for name, those in times.items()}
        return {"way": self.name, "keeps": self.keeps, **medians, "steps": self.steps, "gflop": round(flop / 1e9, 2)}


def main() -> None:
    """Measure, print a table and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--clip", type=Path, help="a recording, of which the first 3 s are used")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    noise = np.random.default_rng(0).standard_normal(round(SECONDS * SAMPLE_RATE)).astype(np.float32) * 0.1
    wave = noise if options.clip is None else read_audio(options.clip)[: len(noise)]
    model = eartune.load(options.model)
    ways = list(ways_of(model))
    for _ in range(options.repeats + 1):
        for way in ways:
            way.answer(wave)
    found = [way.to_json(wave) for way in ways]
    parts = seconds_of_parts(model, wave, options.repeats)
    show(found, parts)
    threads = torch.get_num_threads()
    write_json(
        options.out, {"clip_s": len(wave) / SAMPLE_RATE, "threads": threads, "ways": found, **parts, **made_with()}
    )


def ways_of(model: TrainedModel) -> Iterator[Way]:
    """Yield the ways of answering."""
    for beams in sorted({1, model.decoding.beams}):
        for constrain in ("nothing", "schema"):
            decoding = model.decoding.model_copy(update={"beams": beams, "constrain": constrain})
            name = f"{'greedy' if beams == 1 else f'{beams} beams'}{', schema' if constrain == 'schema' else ''}"
            for keeps in (False, True):
                yield Way(name, replace(model, decoding=decoding), keeps, [], [])


@torch.no_grad()
def seconds_of_parts(model: TrainedModel, wave: Wave, repeats: int) -> dict[str, float]:
    """Return the median seconds of what comes before the first token: mel, encoder and adapter, prompt."""
    rows = RowMaker(model.model, model.task, model.labels, model.architecture, model.preface)
    row = rows.to_ask_about(rows.clip_of(wave), model.asked)
    batch = model.model.collate([row]).to(model.model.device)
    parts: dict[str, Callable[[], object]] = {
        "mel_s": lambda: rows.clip_of(wave),
        "encoder_s": lambda: model.model.embed(batch),
        "encoder_and_prompt_s": lambda: prefill(model.model, batch),
        "kept_encoder_and_prompt_s": lambda: prefill(model.model, batch, model.kept),
    }
    return {name: round(statistics.median(timed(part) for _ in range(repeats + 1)), 4) for name, part in parts.items()}


def show(found: list[dict[str, Any]], parts: dict[str, float]) -> None:
    """Print what was measured."""
    table = Table("", "kept between requests", "first token, s", "answer, s", "steps", "GFLOP")
    for one in found:
        kept = "yes" if one["keeps"] else "no"
        table.add_row(one["way"], kept, *(str(one[name]) for name in ("first_token_s", "answer_s", "steps", "gflop")))
    console = Console()
    console.print(table)
    console.print(parts)


if __name__ == "__main__":
    main()
