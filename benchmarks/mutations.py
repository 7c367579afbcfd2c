"""Break one line of the code at a time, and see whether the tests that guard it fail.

    python benchmarks/mutations.py              # all rows
    python benchmarks/mutations.py cosine seed  # those whose name holds one of these words
    python benchmarks/mutations.py --list

A row of MUTATIONS is (name, file, old text, new text, tests). In a temporary copy of the tree the old text, which must
stand in the file exactly once, becomes the new text, and the tests (as pytest is given them) are run. They must fail:

    killed      the tests failed, as they should
    SURVIVES    the tests passed: nothing holds this line
    BROKEN      pytest found no tests, or could not load them
    STALE       the old text does not stand in the file exactly once

First the tests of all rows run on the untouched copy, where they must pass. The exit code is 0 if all are killed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = (
    "src",
    "tests",
    "benchmarks",
    "experiments",
    "pocket",
    "docs",
    "pyproject.toml",
    "README.md",
    "CONTRIBUTING.md",
)

TRAINER, CALLBACKS = "src/eartune/training/trainer.py", "src/eartune/training/callbacks.py"
OPTIMIZER, RUNNER = "src/eartune/training/optimizer.py", "src/eartune/experiments/model_run.py"
RECIPE, LOG = "tests/unit/training/test_recipe.py", "tests/unit/training/test_callbacks.py"
SEEDS, TRAINER_TESTS = "tests/flow/test_seeds.py", "tests/unit/training/test_trainer.py"
PROGRESS, PROGRESS_TESTS = "src/eartune/experiments/progress.py", "tests/unit/experiments/test_progress.py"
ANSWERS, ANSWERS_TESTS = "src/eartune/inference/answers.py", "tests/unit/inference/test_answers.py"
FOLDER, FOLDER_TESTS = "src/eartune/run_folder.py", "tests/unit/test_run_folder.py"
INDEX, INDEX_TESTS = "src/eartune/data/recording_index.py", "tests/unit/data/test_recording_index.py"
KILLED = "tests/flow/test_kill_and_resume.py"
DISK, DISK_TESTS = "src/eartune/training/disk_estimate.py", "tests/unit/training/test_disk_estimate.py"

MUTATIONS: tuple[tuple[str, str, str, str, str], ...] = (
    # --- the training recipe
    ("cosine is constant", TRAINER, '"cosine"', '"constant_with_warmup"', RECIPE),
    ("warm-up removed", TRAINER, "round(stage.warmup_ratio * n_steps)", "0", RECIPE),
    ("clipping removed", TRAINER, "max_grad_norm=settings.max_grad_norm", "max_grad_norm=0.0", RECIPE),
    (
        "weight decay ignored",
        OPTIMIZER,
        "MasterAdamW(groups, weight_decay=settings.weight_decay)",
        "MasterAdamW(groups, weight_decay=0.0)",
        RECIPE,
    ),
    (
        "weight decay of 8-bit AdamW ignored",
        OPTIMIZER,
        "AdamW8bit(groups, weight_decay=settings.weight_decay,",
        "AdamW8bit(groups, weight_decay=0.0,",
        RECIPE,
    ),
    ("seed of the order ignored", TRAINER, "settings.batch_size, seed)", "settings.batch_size, 0)", RECIPE),
    ("seed of dropout ignored", TRAINER, "        seed=seed,", "        seed=0,", RECIPE),
    (
        "every epoch in one order",
        TRAINER,
        "        epoch = []\n",
        "        epoch = []\n        draw = random.Random(seed)\n",
        RECIPE,
    ),
    (
        "runner trains with seed 0",
        RUNNER,
        "training, plan.cell.seed, folder.path",
        "training, 0, folder.path",
        SEEDS,
    ),
    (
        "runner draws LoRA with seed 0",
        RUNNER,
        "lora.add(experiment.training.lora, plan.cell.seed)",
        "lora.add(experiment.training.lora, 0)",
        SEEDS,
    ),
    # --- the log and the checkpoints of a stage
    ("checkpoint at the last step", CALLBACKS, " and state.global_step < state.max_steps", "", LOG),
    ("log not cut back", CALLBACKS, "cut_log(self.path, state.global_step)", "pass", LOG),
    (
        "half a line of the log kept",
        CALLBACKS,
        "        except ValueError:\n",
        "        except ValueError:\n            kept.append(line)\n",
        LOG,
    ),
    (
        "time of earlier sessions forgotten",
        CALLBACKS,
        "self.earlier_seconds + self.clock()",
        "self.clock()",
        LOG,
    ),
    ("interval ignores the save", CALLBACKS, "CHECKPOINT_SHARE * self.save_seconds", "0.0", LOG),
    ("time of a save is not measured", TRAINER, "saved(self.training_log.clock() - started)", "saved(0.0)", LOG),
    (
        "batches pickled without workers",
        TRAINER,
        "PickledBatches(batches) if arguments.dataloader_num_workers else batches",
        "PickledBatches(batches)",
        f"{TRAINER_TESTS}::test_without_workers_batches_are_handed_over_as_they_are",
    ),
    (
        "rows tokenized twice",
        TRAINER,
        "self.model.tokenize(self.make_row(example))",
        "self.make_row(example)",
        f"{TRAINER_TESTS}::test_a_row_is_tokenized_once",
    ),
    ("half a checkpoint is loaded", TRAINER, 'read_json(checkpoint / "trainer_state.json")', "pass", LOG),
    # --- what a killed run leaves
    ("half an answer kept", ANSWERS, "file.truncate(len(whole))", "pass", ANSWERS_TESTS),
    ("everything asked again", ANSWERS, "if all(key in rows", "if None in (key in rows", ANSWERS_TESTS),
    ("half a batch kept", ANSWERS, "if all(key in rows", "if any(key in rows", ANSWERS_TESTS),
    ("answers written late", ANSWERS, "            file.flush()\n", "", ANSWERS_TESTS),
    ("collected answers stay", ANSWERS, "    collected.unlink()\n", "", ANSWERS_TESTS),
    (
        "an old key stays until the end",
        FOLDER,
        "(self.fingerprint, *answers, self.scores, self.result)",
        "(*answers, self.scores, self.result)",
        FOLDER_TESTS,
    ),
    ("index written without its lock", INDEX, "with FileLock(", "if FileLock(", INDEX_TESTS),
    ("half of the weights stay", FOLDER, "                remove(half_written)", "                pass", FOLDER_TESTS),
    ("half an index stays", INDEX, "seconds=0, stem", "seconds=1e9, stem", INDEX_TESTS),
    (
        "checkpoints of a finished stage stay",
        "src/eartune/experiments/runner.py",
        "            stage.remove_checkpoints()\n",
        "            pass\n",
        KILLED,
    ),
    ("half-written files stay", FOLDER, "seconds=0, recursive", "seconds=1e9, recursive", KILLED),
    (
        "random state not resumed",
        TRAINER,
        "    def _load_from_checkpoint(",
        "    def _load_rng_state(self, checkpoint: str | None) -> None:\n        pass\n\n"
        "    def _load_from_checkpoint(",
        KILLED,
    ),
    ("workers outlive the run", TRAINER, "worker_init_fn=_end_with_the_run", "worker_init_fn=None", KILLED),
    # --- progress and the disk estimate
    (
        "progress passes 100 %",
        PROGRESS,
        "min(self.finished + units * part, self.total)",
        "self.finished + units * part",
        PROGRESS_TESTS,
    ),
    (
        "a resume flatters the estimate",
        PROGRESS,
        "done - self.skipped - self._earlier",
        "done - self.skipped",
        PROGRESS_TESTS,
    ),
    ("one checkpoint on disk", DISK, "2 * max(checkpoints", "1 * max(checkpoints", DISK_TESTS),
    (
        "weights of an earlier stage not saved",
        DISK,
        "for stage in stages for component",
        "for stage in stages[-1:] for component",
        DISK_TESTS,
    ),
)


def main(names: Sequence[str]) -> int:
    """Run the mutations whose name holds one of the words, or all; return the exit code."""
    chosen = [row for row in MUTATIONS if not names or any(word in row[0] for word in names)]
    if names == ["--list"]:
        print(*(f"{row[0]:40} {row[1]}" for row in MUTATIONS), sep="\n")
        return 0
    if not chosen:
        print(f"no mutation is called {' or '.join(names)}; --list shows them")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        copy_tree(tree)
        guards = sorted({guard for *_, tests in chosen for guard in tests.split()})
        untouched = run_tests(tree, guards)
        if untouched.returncode != 0:
            print(untouched.stdout, "the tests fail on the untouched tree", sep="\n")
            return 1
        verdicts = [show(row, tree) for row in chosen]
    print(f"{verdicts.count('killed')} of {len(chosen)} killed")
    return 0 if set(verdicts) == {"killed"} else 1


def copy_tree(tree: Path) -> None:
    """Copy what the tests need into a folder."""
    ignored = shutil.ignore_patterns("__pycache__", ".*_cache")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=ignored)
        elif source.exists():
            shutil.copy2(source, tree / name)


def show(row: tuple[str, str, str, str, str], tree: Path) -> str:
    """Run one mutation, print its verdict, and return it."""
    name, file, old, new, tests = row
    started = time.monotonic()
    verdict = verdict_of(tree / file, old, new, tests.split(), tree)
    print(f"{verdict:9} {time.monotonic() - started:5.1f} s  {name:40} {place(file, old)}", flush=True)
    return verdict


def place(file: str, old: str) -> str:
    """Return file:line of a text in the untouched tree."""
    before = (ROOT / file).read_text(encoding="utf-8").partition(old)[0]
    return f"{file}:{before.count(chr(10)) + 1}"


def verdict_of(path: Path, old: str, new: str, tests: Sequence[str], tree: Path) -> str:
    """Mutate a file of the copy, run the tests, restore the file; return the verdict."""
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        return "STALE"
    path.write_text(text.replace(old, new), encoding="utf-8")
    try:
        return {0: "SURVIVES", 1: "killed"}.get(run_tests(tree, tests).returncode, "BROKEN")
    finally:
        path.write_text(text, encoding="utf-8")


def run_tests(tree: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run pytest in the copy up to the first failure; its exit code is 1 if a test failed."""
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
