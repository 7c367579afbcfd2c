"""Measure how much of the learning from text transfers to speech: python pocket/transfer.py

Trains a text-only model for the demo's domain, whose sentences the alignment heard without labels, and for one of which
it knows nothing. Each answers the same held-out requests typed, spoken by held-out voices, and as the untuned model's
transcript of the speech. Writes results/pocket/transfer.json.
"""

from pathlib import Path
from typing import Any

import eartune
from eartune.data.corpora import Source
from eartune.data.example import Example
from eartune.experiments.experiment import Experiment, read_experiment
from eartune.experiments.plan import read_pools
from eartune.experiments.provenance import made_with
from eartune.files import read_json, write_json
from eartune.inference.decode import ask
from eartune.models.rows import RowMaker
from eartune.run_folder import RunsFolder

RUNS = Path("runs")
UNSEEN = Path("pocket/unseen")
DOMAINS = ("home", "museum.yaml")
METRICS = ("slu_f1", "intent_accuracy", "entity_f1")


def main() -> None:
    """Train and decode for each domain; print and write the scores and their ratios."""
    found = {Path(domain).stem: transfer(in_domain(domain)) for domain in DOMAINS}
    write_json(Path("results/pocket/transfer.json"), {**found, "made_with": made_with()})
    for domain, scores in found.items():
        for content, values in scores.items():
            print(domain, content, "  ".join(f"{name} {values[name]['value']:.3f}" for name in METRICS))
        print(
            f"{domain}: spoken over typed {ratio(scores, 'spoken'):.2f}, transcript {ratio(scores, 'transcript'):.2f}"
        )


def in_domain(grammar: str) -> Experiment:
    """Return the demo's text-only model and cascade, for another grammar and without recordings to train on."""
    demo = read_experiment(Path("experiments/demo.yaml"))
    schemes = tuple(scheme for scheme in demo.grid.schemes if scheme.type in ("text-only", "cascade"))
    pools = {"text": demo.data.text, "test": demo.data.test}
    of_this = {
        name: tuple(corpus.model_copy(update={"grammar": grammar}) for corpus in pool) for name, pool in pools.items()
    }
    data = demo.data.model_copy(update={**of_this, "speech": ()})
    grid = demo.grid.model_copy(update={"schemes": schemes, "budgets": ()})
    return demo.model_copy(update={"name": f"transfer-{Path(grammar).stem}", "data": data, "grid": grid})


def transfer(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """Return the scores of typed and spoken requests, and of their transcripts."""
    eartune.run(experiment, data=UNSEEN, runs=RUNS)
    folder = RunsFolder(RUNS).run(experiment.name)
    trained = eartune.load(folder.model("text-only-seed0").path)
    pools = read_pools(experiment, Source(UNSEEN, RunsFolder(RUNS).speech))
    rows = RowMaker(trained.model, trained.task, trained.labels, trained.architecture)
    typed, size = [Example(example.utterance) for example in pools.test], trained.decoding.batch_size
    batches = [typed[start : start + size] for start in range(0, len(typed), size)]
    texts = [written.text for batch in batches for written in ask(trained.model, batch, rows, trained.decoding)]
    answers = [trained.task.parse(text, trained.labels)[0] for text in texts]
    scores = eartune.evaluate([example.utterance for example in typed], answers, task=trained.task)
    return {
        "typed": {name: score.to_json() for name, score in scores.items()},
        "spoken": read_json(folder.model("text-only-seed0").scores),
        "transcript": read_json(folder.model("cascade-seed0").scores),
    }


def ratio(scores: dict[str, dict[str, Any]], content: str) -> float:
    """Return the SLU-F1 of a kind of content, as a share of that of typed requests."""
    return float(scores[content]["slu_f1"]["value"] / scores["typed"]["slu_f1"]["value"])


if __name__ == "__main__":
    main()
