"""Measure how much of the learning from text transfers to speech: python pocket/transfer.py

Takes the demo's text-only model (training it if `eartune run experiments/demo.yaml` has not), prompts it with the same
held-out requests as text and as speech of the held-out voice, and writes results/pocket/transfer.json.
"""

from pathlib import Path

from eartune.experiments.run_folder import base_fingerprint, stage_folders
from rich.console import Console

from eartune.data.corpora import Source
from eartune.data.example import Example
from eartune.experiments.experiment import read_experiment
from eartune.experiments.plan import plan_cells, read_pools
from eartune.experiments.progress import RunProgress
from eartune.experiments.provenance import made_with
from eartune.experiments.runner import encoded_clips, score, trained_model
from eartune.files import write_json
from eartune.inference.decode import decode
from eartune.models.rows import RowMaker

RUNS = Path("runs")


def main() -> None:
    """Print and write the scores on speech and on text, and their ratio."""
    experiment = read_experiment(Path("experiments/demo.yaml"))
    pools = read_pools(experiment, Source(Path("data"), RUNS / "speech"))
    plan = next(plan for plan in plan_cells(experiment, pools) if plan.cell.scheme.type == "text-only")
    stages = stage_folders(experiment, plan, RUNS / experiment.name, base_fingerprint(experiment.architecture))
    with RunProgress(Console(), 1.0) as progress:
        encoded = encoded_clips(experiment, RUNS / experiment.name, progress)
        model = trained_model(experiment, plan, pools, stages, encoded, progress)
    rows = RowMaker(model, experiment.task, pools.labels, experiment.architecture)
    found = {}
    for name, examples in {"typed": tuple(Example(e.utterance) for e in pools.test), "spoken": pools.test}.items():
        path = RUNS / "transfer" / stages[-1].path.name / f"{name}.jsonl"
        predictions = decode(model, examples, rows, experiment.decoding, path, lambda done, total: None)
        scores = score(experiment.task, pools.labels, examples, predictions)
        found[name] = {key: value.to_json() for key, value in scores.items()}
    ratios = {
        key: found["spoken"][key]["value"] / found["typed"][key]["value"] for key in ("intent_accuracy", "slu_f1")
    }
    write_json(Path("results/pocket/transfer.json"), {"spoken_over_typed": ratios, **found, "made_with": made_with()})
    for key, ratio in ratios.items():
        typed, spoken = found["typed"][key]["value"], found["spoken"][key]["value"]
        print(f"{key}: typed {typed:.3f}, spoken {spoken:.3f}, transfer {ratio:.2f}")


if __name__ == "__main__":
    main()
