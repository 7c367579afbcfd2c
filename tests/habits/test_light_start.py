"""What needs no model starts without torch, in a fraction of a second."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
NEEDS_TORCH = (
    *("models.activation_memory", "models.audio_llm", "models.batch", "models.checkpoint_check", "models.collator"),
    *("models.components", "models.families", "models.fused", "models.generation", "models.lora", "models.nf4"),
    *("models.packed_attention", "models.pocket.build", "models.registry", "models.rows", "models.size_from_config"),
    *("models.untuned_weights", "models.whisper_encoder"),
    *(
        "training.callbacks",
        "training.distillation",
        "training.encoder_cache",
        "training.epoch_choice",
        "training.micro_batches",
        "training.optimizer",
        "training.trainer",
        "inference",
    ),
    *("experiments.finished_model", "experiments.preloaded", "export"),
)
MODULES = [".".join(path.relative_to(SRC).with_suffix("").parts) for path in (SRC / "eartune").rglob("*.py")]
ALL = {name.removeprefix("eartune.") for name in MODULES}
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
WITHOUT_MODEL = ("list", "check --help", "check experiments/demo.yaml", "score --help", "report --help")
WITH_MODEL = ("run experiments/demo.yaml", "predict M a.wav", "export M --to F", "serve M", "try M", "doctor")


def printed_by(program: str) -> str:
    """What a program prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_everything_but_the_model_is_imported_without_torch() -> None:
    program = "\n".join(f"import {name}" for name in LIGHT)
    assert printed_by(f"{program}\nimport sys\nprint(sorted({HEAVY!r} & set(sys.modules)))") == "[]\n"


def test_training_imports_no_compiler_of_grammars() -> None:
    """llguidance is for constrained answers alone."""
    seen, waiting = set(), ["models.registry", "training.trainer"]
    while waiting:
        if (name := waiting.pop()) not in seen:
            seen.add(name)
            waiting += imported_at_once(name)
    assert "training.callbacks" in seen and "models.generation.json_constraint" not in seen
    assert "llguidance" in (SRC / "eartune" / "models" / "generation" / "json_constraint.py").read_text()


def imported_at_once(name: str) -> list[str]:
    """The modules of eartune that a module imports as soon as it is imported itself, with the packages they are in."""
    path = SRC / "eartune" / Path(*name.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    found = []
    for node in ast.parse(source.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("eartune."):
            module = str(node.module).removeprefix("eartune.")
            packages = module.split(".")
            found += [".".join(packages[:depth]) for depth in range(1, len(packages) + 1)]
            found += [one for alias in node.names if (one := f"{module}.{alias.name}") in ALL]
    return found


def test_commands_without_a_model_run_without_torch() -> None:
    """One after another in one process: what any of them imports stays."""
    program = "".join(
        COMMAND.format(argv=["eartune", *command.split()])
        + f"print('after {command}:', sorted({HEAVY!r} & set(sys.modules)))\n"
        for command in WITHOUT_MODEL
    )
    lines = [line for line in printed_by(program).splitlines() if line.startswith("after ")]
    assert lines == [f"after {command}: []" for command in WITHOUT_MODEL]


def test_a_command_with_a_model_chooses_how_threads_wait_before_torch_is_loaded() -> None:
    program = "import sys, eartune.before_torch as module\n"
    program += "module.before_torch = lambda: sys.exit(print('torch is loaded:', 'torch' in sys.modules))\n"
    program += "".join(COMMAND.format(argv=["eartune", *command.split()]) for command in WITH_MODEL)
    assert printed_by(program) == "torch is loaded: False\n" * len(WITH_MODEL)


def test_help_imports_no_verb() -> None:
    program = COMMAND.format(argv=["eartune", "--help"])
    heavy = "{'numpy', 'pydantic', 'yaml', 'jinja2', 'eartune.experiments.experiment'}"
    program += f"\nprint('imported:', sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "imported: []"
