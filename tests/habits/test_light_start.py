"""What needs no model starts without torch, in a fraction of a second."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
NEEDS_TORCH = (
    *("models.activation_memory", "models.audio_llm", "models.batch", "models.checkpoint_check", "models.collator"),
    *("models.components", "models.families", "models.fused", "models.generation", "models.lora", "models.nf4"),
    *("models.packed_attention", "models.pocket.build", "models.registry", "models.rows", "models.size_from_config"),
    *("models.untuned_weights", "models.whisper_encoder"),
    *(
        "training.averaging",
        "training.callbacks",
        "training.distillation",
        "training.encoder_cache",
        "training.epoch_choice",
        "training.hearing_watch",
        "training.micro_batches",
        "training.optimizer",
        "training.scaling",
        "training.trainer",
        "inference",
    ),
    *("experiments.finished_model", "experiments.preloaded", "export"),
)
MODULES = [".".join(path.relative_to(SRC).with_suffix("").parts) for path in (SRC / "eartune").rglob("*.py")]
LIGHT = sorted(
    name.removesuffix(".__init__") for name in MODULES if not name.removeprefix("eartune.").startswith(NEEDS_TORCH)
)
HEAVY = {"torch", "transformers", "peft", "accelerate", "scipy", "pandas"}

COMMAND = """
import sys
from eartune.cli.app import main
sys.argv = {argv}
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


def heavy_after(program: str) -> str:
    """The heavy packages that a program has imported when it is through."""
    program += f"\nimport sys\nprint('heavy:', sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].removeprefix("heavy: ")


def test_everything_but_the_model_is_imported_without_torch() -> None:
    assert heavy_after("\n".join(f"import {name}" for name in LIGHT)) == "[]"


def test_training_imports_no_compiler_of_grammars() -> None:
    """llguidance is for constrained answers alone."""
    program = "import sys, eartune.models.registry, eartune.training.trainer\nprint('llguidance' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


@pytest.mark.parametrize(
    "argv",
    [["list"], ["check", "--help"], ["check", "experiments/demo.yaml"], ["score", "--help"], ["report", "--help"]],
)
def test_a_command_without_a_model_runs_without_torch(argv: list[str]) -> None:
    assert heavy_after(COMMAND.format(argv=["eartune", *argv])) == "[]"


@pytest.mark.parametrize(
    "argv",
    [
        ["run", "experiments/demo.yaml"],
        ["predict", "M", "a.wav"],
        ["export", "M", "--to", "F"],
        ["serve", "M"],
        ["try", "M"],
        ["doctor"],
    ],
)
def test_a_command_with_a_model_chooses_how_threads_wait_before_torch_is_loaded(argv: list[str]) -> None:
    program = "import sys, eartune.before_torch as module\n"
    program += "module.before_torch = lambda: sys.exit(print('torch is loaded:', 'torch' in sys.modules))\n"
    program += COMMAND.format(argv=["eartune", *argv])
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "torch is loaded: False\n"), done.stderr


def test_help_imports_no_verb() -> None:
    program = COMMAND.format(argv=["eartune", "--help"])
    heavy = "{'numpy', 'pydantic', 'yaml', 'jinja2', 'eartune.experiments.experiment'}"
    program += f"\nprint('imported:', sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "imported: []"
