"""Measure how much of the learning from text transfers to speech: python pocket/transfer.py

Trains the demo's text-only model if it is not finished, decodes the same held-out requests as text and as speech of the
held-out voices, and writes results/pocket/transfer.json.
"""

from pathlib import Path

import eartune
from eartune.data.corpora import Source
from eartune.data.example import Example
from eartune.experiments.experiment import read_experiment
from eartune.experiments.plan import read_pools
from eartune.experiments.provenance import made_with
from eartune.files import write_json
from eartune.inference.decode import ask
from eartune.models.rows import RowMaker
from eartune.run_folder import RunsFolder

RUNS = Path("runs")
NAME = "text-only-seed0"


def main() -> None:
    """Decode the requests as text and as speech; print and write the scores and their ratios."""
    demo = read_experiment(Path("experiments/demo.yaml"))
    folder = RunsFolder(RUNS).run(demo.name).model(NAME)
    if not folder.result.is_file():
        text_only = [scheme for scheme in demo.grid.schemes if scheme.type == "text-only"]
        demo = demo.model_copy(update={"grid": demo.grid.model_copy(update={"schemes": tuple(text_only)})})
        eartune.run(demo, runs=RUNS)
    trained = eartune.load(folder.path)
    pools = read_pools(demo, Source(Path("data"), RunsFolder(RUNS).speech))
    rows = RowMaker(trained.model, trained.task, trained.labels, trained.architecture)
    found = {}
    for name, examples in (("typed", [Example(e.utterance) for e in pools.test]), ("spoken", list(pools.test))):
        size = trained.decoding.batch_size
        batches = [examples[start : start + size] for start in range(0, len(examples), size)]
        texts = [text for batch in batches for text in ask(trained.model, batch, rows, trained.decoding)]
        answers = [trained.task.parse(text, trained.labels)[0] for text in texts]
        scores = eartune.evaluate([example.utterance for example in examples], answers, task=trained.task)
        found[name] = {key: score.to_json() for key, score in scores.items()}
    ratios = {
        key: found["spoken"][key]["value"] / found["typed"][key]["value"] for key in ("intent_accuracy", "slu_f1")
    }
    write_json(Path("results/pocket/transfer.json"), {"spoken_over_typed": ratios, **found, "made_with": made_with()})
    for key, ratio in ratios.items():
        typed, spoken = found["typed"][key]["value"], found["spoken"][key]["value"]
        print(f"{key}: typed {typed:.3f}, spoken {spoken:.3f}, transfer {ratio:.2f}")


if __name__ == "__main__":
    main()
