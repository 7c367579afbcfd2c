"""Measure what choosing recordings by `eartune select` brings over drawing them at random, on real coffee orders.

    python benchmarks/recording_script.py                # 18 models, 50 minutes on two cores; run it again to resume
    python benchmarks/recording_script.py --plan         # what would be trained, without loading a model
    python benchmarks/recording_script.py --speed        # the seconds of choosing 200 of 50,000 sentences

Of the 330 recordings to train on, 7, 16 and 33 are chosen, and drawn five times at random. With each set a
curriculum, two epochs of 100 typed orders and one of both, trains its second stage, from one text stage that all
share. These recordings have no words: in their place the choice gets the values of each, such as "dark
roast large latte". Writes a JSON file beside this one: scores, means, and differences on the same test, select minus
random, with 95 % intervals over sentences and draws.
"""

import argparse
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

import eartune
from eartune.data.budget import Budget
from eartune.data.corpora import Source
from eartune.data.frame import Entity
from eartune.data.recording_choice import Sentence, choose
from eartune.data.utterance import Utterance, read_manifest, write_manifest
from eartune.experiments.experiment import Experiment, read_experiment
from eartune.experiments.plan import figures, plan_cells, read_pools
from eartune.experiments.provenance import made_with
from eartune.files import write_json
from eartune.run_folder import RunFolder, RunsFolder
from eartune.tasks.prediction import read_predictions
from eartune.wording import duration

COFFEE = Path(__file__).parents[1] / "experiments" / "coffee.yaml"
NAME = "recording-script"
SIZES, DRAWS = (7, 16, 33), 5
TYPED_ORDERS, BATCH_SIZE = 100, 4
CURRICULUM = {"text_epochs": 2, "text_again": "100%", "text_learning_rate": 6e-4, "speech_learning_rate": 6e-4} | {
    "least_speech": 0.35
}
METRIC = "slot_f1"
RESAMPLES = 10_000
Counts = npt.NDArray[np.float64]
"""Hits, spurious and missed slots of each utterance of the test, shape (utterances, 3)."""


def main() -> None:
    """Train what is not finished, and write what is known after each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="the data root, with picovoice_sti")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="the folder for runs")
    parser.add_argument("--plan", action="store_true", help="print the plan alone")
    parser.add_argument("--speed", action="store_true", help="measure the choice alone")
    asked = parser.parse_args()
    if asked.speed:
        print(f"200 of 50,000 sentences are chosen in {seconds_of_choice():.1f} s")
        return
    folder = RunsFolder(asked.runs).run(NAME)
    experiments = {name: experiment_of(name, rows, folder) for name, rows in sets_of(recordings(asked.data)).items()}
    if asked.plan:
        print_plans(experiments, asked.data, asked.runs)
        return
    train(experiments, folder, asked.data, asked.runs)


# --- the sets of recordings ----------------------------------------------------------------------------------------


def recordings(data: Path) -> Sequence[Utterance]:
    """Return the recordings that coffee.yaml trains on."""
    (corpus,) = read_experiment(COFFEE).data.speech
    return corpus.load(Source(data.resolve(), data))


def sets_of(pool: Sequence[Utterance]) -> dict[str, Sequence[Utterance]]:
    """Return the chosen and the drawn sets by name: of each size one select-7, and random-7-1 to random-7-5."""
    sentences = [sentence_of(utterance) for utterance in pool]
    found: dict[str, Sequence[Utterance]] = {}
    for size in SIZES:
        chosen = islice(choose(sentences, size), size)
        found[f"select-{size}"] = [pool[choice.place] for choice in chosen]
        for draw in range(1, DRAWS + 1):
            found[f"random-{size}-{draw}"] = Budget(size, "utterances").select(pool, seed=draw)
    return found


def sentence_of(utterance: Utterance) -> Sentence:
    """Return the values of a recording in place of its words, which nobody wrote down."""
    assert utterance.frame is not None
    return Sentence(
        " ".join(entity.filler for entity in utterance.entities), 1, utterance.frame.intent, utterance.entities
    )


def experiment_of(name: str, rows: Iterable[Utterance], folder: RunFolder) -> Experiment:
    """Return the experiment that uses all of one set; all experiments have one folder, so that they share a stage."""
    manifest = folder.path.resolve() / "sets" / f"{name}.jsonl"
    write_manifest(manifest, rows)
    settings = read_experiment(COFFEE).model_dump(mode="json")
    (curriculum,) = (scheme for scheme in settings["grid"]["schemes"] if scheme["type"] == "curriculum")
    settings["name"], settings["question"] = NAME, "Do chosen recordings teach more than random ones?"
    settings["data"]["speech"] = [{"corpus": "manifest", "path": str(manifest)}]
    settings["data"]["text"][0]["sentences"] = TYPED_ORDERS
    settings["training"]["batch_size"], settings["decoding"]["beams"] = BATCH_SIZE, 1
    settings["grid"] = {"schemes": [curriculum | CURRICULUM | {"name": name}], "budgets": ["100%"]}
    return Experiment.model_validate(settings)


def print_plans(experiments: Mapping[str, Experiment], data: Path, runs: Path) -> None:
    """Print the stages of each model, and how many of the slots of the test have a value that its recordings have."""
    for name, experiment in experiments.items():
        pools = read_pools(experiment, Source(data, runs, may_write=False))
        (plan,) = plan_cells(experiment, pools)
        steps = ", ".join(f"{stage.name} {figures(stage, experiment).steps} steps" for stage in plan.stages)
        values = {entity for utterance in plan.speech for entity in utterance.entities}
        slots = [entity in values for example in pools.test for entity in example.utterance.entities]
        print(
            f"{name}: {len(plan.speech)} recordings with the values of {sum(slots) / len(slots):.1%} of slots; {steps}"
        )


# --- training and scores ---------------------------------------------------------------------------------------------


def train(experiments: Mapping[str, Experiment], folder: RunFolder, data: Path, runs: Path) -> None:
    """Train and decode model after model, and print how long the others will take."""
    started, trained = time.monotonic(), 0
    for place, (name, experiment) in enumerate(experiments.items()):
        (cell,) = experiment.cells()
        if not folder.model(cell.name).result.is_file():
            pace = (time.monotonic() - started) / trained if trained else 0
            left = f", about {duration(pace * (len(experiments) - place))} left" if pace else ""
            print(f"model {place + 1} of {len(experiments)}, {name}{left}", flush=True)
            trained += 1
        outcome = eartune.run(experiment, data=data, runs=runs, console=Console(quiet=True))
        if outcome.failed:
            raise SystemExit(f"{name} failed: {outcome.results[0].error}")
        finished = {n: counts_of(e, folder) for n, e in list(experiments.items())[: place + 1]}
        write_json(
            Path(__file__).with_suffix(".json"),
            {"metric": METRIC, "sizes": summary(finished), "is_complete": len(finished) == len(experiments)}
            | {"made_with": made_with()},
        )
    for row in summary(finished):
        print(row)


def counts_of(experiment: Experiment, folder: RunFolder) -> Counts:
    """Return the hits and errors of a model's answers to each utterance of the test."""
    (cell,) = experiment.cells()
    task, references = experiment.task, read_manifest(folder.references)
    answers = {p.id: p.answer for p in read_predictions(folder.model(cell.name).predictions, task)}
    (measure,) = task.metrics(task.labels(references))[METRIC].measures
    marks = [measure(task.reference(row), answers.get(row.id)) for row in references]
    kinds = ("true_positives", "false_positives", "false_negatives")
    return np.array([[sum(getattr(mark, kind) for mark in row) for kind in kinds] for row in marks])


def summary(finished: Mapping[str, Counts]) -> list[dict[str, Any]]:
    """Return a row for each size of which the chosen set and a random one are finished."""
    rows = []
    for size in SIZES:
        drawn = [counts for name, counts in finished.items() if name.startswith(f"random-{size}-")]
        if drawn and f"select-{size}" in finished:
            rows.append({"recordings": size} | compared(finished[f"select-{size}"], drawn))
    return rows


def compared(chosen: Counts, drawn: Sequence[Counts]) -> dict[str, Any]:
    """Return the scores, and the differences from each random set and from their mean, in points.

    Sentences of the test are drawn again for all sets alike; for the difference from the mean, the random sets as well.
    The chosen set is one, and so is the seed of training: what another seed would change is not in the intervals.
    """
    generator = np.random.default_rng(0)
    n_sentences, n_drawn = len(chosen), len(drawn)
    weights = generator.multinomial(n_sentences, np.full(n_sentences, 1 / n_sentences), size=RESAMPLES)
    ours, others = f1(weights @ chosen), np.stack([f1(weights @ counts) for counts in drawn], axis=1)
    sets = generator.integers(n_drawn, size=(RESAMPLES, n_drawn))
    score, scores = float(f1(chosen.sum(axis=0))), [float(f1(counts.sum(axis=0))) for counts in drawn]
    mean = float(np.mean(scores))
    return {
        "select": points(score),
        "random": [points(one) for one in scores],
        "random, mean": points(mean),
        "random, lowest and highest": [points(min(scores)), points(max(scores))],
        "select minus each": [interval(score - one, ours - others[:, place]) for place, one in enumerate(scores)],
        "select minus mean": interval(score - mean, ours - np.take_along_axis(others, sets, axis=1).mean(axis=1)),
    }


def f1(counts: Counts) -> Counts:
    """Return F1 of counts whose last dimension is hits, spurious and missed slots."""
    hits, spurious, missed = np.moveaxis(counts, -1, 0)
    return np.asarray(2 * hits / np.maximum(2 * hits + spurious + missed, 1))


def interval(value: float, resampled: Counts) -> dict[str, float]:
    """Return a difference in points with its 95 % interval."""
    low, high = np.quantile(resampled, (0.025, 0.975))
    return {"value": points(value), "low": points(float(low)), "high": points(float(high))}


def points(share: float) -> float:
    """Return a share in per cent with one decimal."""
    return round(100 * share, 1)


# --- speed -----------------------------------------------------------------------------------------------------------


def seconds_of_choice() -> float:
    """Return the seconds in which 200 of 50,000 sentences of eight words with two slots are chosen."""
    draw = random.Random(0)
    words = [f"{start}{end}" for start in ("ba", "ko", "li", "su", "te") for end in range(200)]
    sentences = []
    for number in range(50_000):
        said = draw.choices(words, weights=[1 / (1 + rank) for rank in range(len(words))], k=8)
        slots = (Entity("one", said[0]), Entity("other", said[1]))
        sentences.append(Sentence(f"{' '.join(said)} {number}", draw.choice((1, 1, 5)), f"intent {number % 60}", slots))
    started = time.perf_counter()
    list(islice(choose(sentences, 200), 200))
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
