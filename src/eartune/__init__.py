"""eartune adapts an audio LLM to spoken language understanding from labelled text and a little speech.

>>> import eartune
>>> model = eartune.load("runs/orders/curriculum-20pct-seed0")
>>> frame = model.predict("order.wav")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eartune.api import compare, evaluate, load, run
    from eartune.data.example import Example, as_speech, as_text
    from eartune.data.frame import Entity, SemanticFrame
    from eartune.data.utterance import Recording, Utterance, read_manifest, write_manifest
    from eartune.errors import InputError
    from eartune.evaluation.metrics import Difference, Score
    from eartune.experiments.experiment import Experiment, read_experiment
    from eartune.experiments.runner import RunOutcome
    from eartune.inference.trained_model import TrainedModel
    from eartune.settings import Component
    from eartune.tasks.prediction import Prediction
    from eartune.tasks.task import ParseStatus, Task
    from eartune.training.scheme import Asking, Scheme
    from eartune.training.stage import Stage

# Imported when they are first used, so that `import eartune` takes no time and needs no torch.
_HOMES = {
    "api": ("compare", "evaluate", "load", "run"),
    "data.example": ("Example", "as_speech", "as_text"),
    "data.frame": ("Entity", "SemanticFrame"),
    "data.utterance": ("Recording", "Utterance", "read_manifest", "write_manifest"),
    "errors": ("InputError",),
    "evaluation.metrics": ("Difference", "Score"),
    "experiments.experiment": ("Experiment", "read_experiment"),
    "experiments.runner": ("RunOutcome",),
    "inference.trained_model": ("TrainedModel",),
    "settings": ("Component",),
    "tasks.prediction": ("Prediction",),
    "tasks.task": ("ParseStatus", "Task"),
    "training.scheme": ("Asking", "Scheme"),
    "training.stage": ("Stage",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Asking",
    "Component",
    "Difference",
    "Entity",
    "Example",
    "Experiment",
    "InputError",
    "ParseStatus",
    "Prediction",
    "Recording",
    "RunOutcome",
    "Scheme",
    "Score",
    "SemanticFrame",
    "Stage",
    "Task",
    "TrainedModel",
    "Utterance",
    "__version__",
    "as_speech",
    "as_text",
    "compare",
    "evaluate",
    "load",
    "read_experiment",
    "read_manifest",
    "run",
    "write_manifest",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name == "__version__":
        from importlib.metadata import version

        return version("eartune")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'eartune' has no attribute {name!r}")
    return getattr(import_module(f"eartune.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    """The public names."""
    return __all__
