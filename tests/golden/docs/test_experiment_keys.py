"""The page of an experiment's keys is what the settings say of themselves: `--update` writes it again."""

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from eartune.data.budget import Budget
from eartune.data.corpora import CORPORA
from eartune.data.tts.voices import CommandVoice, EspeakVoice, PicoVoice
from eartune.experiments.experiment import Alignment, Data, Dev, Experiment, Grid
from eartune.files import write_text
from eartune.models.architecture import Architecture, NamedArchitecture
from eartune.report.expectations import Expectation
from eartune.settings import Augmentation, Decoding, Lora, Training
from eartune.tasks.classification import ClassificationTask
from eartune.tasks.slu import SluTask
from eartune.tasks.translation import TranslationTask
from eartune.training.schemes import SCHEMES
from eartune.training.staged import StageSettings

PAGE = Path(__file__).parents[3] / "docs" / "experiment.md"
HEAD = """# The keys of an experiment's YAML

Every key that an experiment may have, with its default. *Required* keys have no default. An empty default means that
the key is not set; the text calls this None. Where there are several kinds of a task, a scheme, a corpus or a voice,
the bold name is the value of `type`, `corpus` or `engine`; a task without `type` is `slu`, a voice without `engine` is
`pico`. An unknown key is refused with the nearest one that there is. `eartune check EXPERIMENT.yaml` says what a
file means before anything is trained, [design.md](design.md) why settings are as they are, and `experiments/` has files
to begin from.

In all sections, `epochs` is how many times all examples are shown, `learning_rate` the peak of a cosine, `warmup_ratio`
the share of steps in which the rate rises to it, `trainable` the components that learn while all others are frozen, and
`folder` the folder of a corpus under the data root.
"""
SECTIONS: dict[str, Sequence[type[BaseModel]]] = {
    "The file": (Experiment,),
    "task": (SluTask, ClassificationTask, TranslationTask),
    "data": (Data,),
    "data: the corpora of a pool": CORPORA,
    "voices": (PicoVoice, EspeakVoice, CommandVoice),
    "architecture": (Architecture,),
    "grid": (Grid,),
    "grid.architectures": (NamedArchitecture,),
    "grid.schemes": SCHEMES,
    "grid.schemes: the sequence of stages": (StageSettings,),
    "augment": (Augmentation,),
    "training": (Training,),
    "training.lora": (Lora,),
    "decoding": (Decoding,),
    "alignment": (Alignment,),
    "dev": (Dev,),
    "expect": (Expectation,),
}
KINDS = tuple(chain.from_iterable(SECTIONS.values()))


def test_the_page_of_keys_is_what_the_settings_say(request: pytest.FixtureRequest) -> None:
    written = "\n".join((HEAD, *(line for title, kinds in SECTIONS.items() for line in section(title, kinds))))
    if request.config.getoption("--update", default=False):
        write_text(PAGE, written)
    assert written == PAGE.read_text(encoding="utf-8")


def section(title: str, kinds: Sequence[type[BaseModel]]) -> Iterator[str]:
    yield f"## {title}\n"
    for kind in kinds:
        yield f"{name_of(kind)}{' '.join(inspect.cleandoc(kind.__doc__ or '').split(chr(10) * 2)[0].split())}\n"
        said = meanings(kind)
        inherited = [base for base in kind.__mro__[1:] if base in KINDS]
        keys = {key: field for key, field in kind.model_fields.items() if not is_tag(field)}
        own = {key: field for key, field in keys.items() if not any(same(key, field, base) for base in inherited)}
        if len(own) < len(keys):
            yield f"All keys of `{tag(inherited[0]) or 'architecture'}`{', and:' if own else '.'}\n"
        if own:
            yield "| key | default | meaning |\n|---|---|---|"
            yield from (
                f"| `{key}` | {default(field)} | {cell(field, said.get(key, ''), below(kind, key))} |"
                for key, field in own.items()
            )
            yield ""


def same(key: str, field: FieldInfo, base: type[BaseModel]) -> bool:
    """Whether a key has in a base the default that it has here."""
    return key in base.model_fields and default(base.model_fields[key]) == default(field)


def name_of(kind: type[BaseModel]) -> str:
    return f"**`{tag(kind)}`**: " if tag(kind) else ""


def tag(kind: type[BaseModel]) -> str:
    """The value of `type`, `corpus` or `engine` that chooses this kind."""
    return next((get_args(field.annotation)[0] for field in kind.model_fields.values() if is_tag(field)), "")


def is_tag(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    value = field.get_default(call_default_factory=True)
    plain = "" if value is None else value if isinstance(value, str | Enum | Budget) else None
    if plain is None:
        plain = "" if isinstance(value, BaseModel) else json.dumps(value, default=str)
    return f"`{plain}`" if str(plain) else ""


def cell(field: FieldInfo, meaning: str, link: str) -> str:
    """The meaning of a key, the values or the range that it may have, and where the keys below it are."""
    values, limits = list(choices(field.annotation)), [limit for limit in map(limit_of, field.metadata) if limit]
    parts = [meaning.strip(), values and f"({', '.join(values)})", limits and f"({' and '.join(limits)})", link]
    return " ".join(part for part in parts if part).replace("|", "\\|")


def below(kind: type[BaseModel], key: str) -> str:
    """A link to where the keys of a section are listed; empty for a key that is no section."""
    ends = {title.split(".")[-1]: title for title in SECTIONS} | {"sequence": "grid.schemes: the sequence of stages"}
    title = ends.get(key, "")
    if kind is Data:
        title = "data: the corpora of a pool" if key != "root" else ""
    anchor = re.sub(r"[^\w -]", "", title).replace(" ", "-").lower()
    return f"[its keys](#{anchor})" if title else ""


def choices(annotation: Any) -> Iterator[str]:
    """The values of a Literal or an Enum inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from (f"`{one.value}`" for one in annotation)
    elif get_origin(annotation) is Literal:
        yield from (f"`{one}`" for one in get_args(annotation))
    elif get_origin(annotation) is not Annotated:
        yield from dict.fromkeys(value for inner in get_args(annotation) for value in choices(inner))


def limit_of(metadata: Any) -> str:
    """A limit of pydantic's in words."""
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return next((f"{said} {getattr(metadata, name)}" for name, said in words.items() if hasattr(metadata, name)), "")


def meanings(kind: type[BaseModel]) -> dict[str, str]:
    """The docstrings below the fields of a class and of its bases, which Python itself throws away."""
    found: dict[str, str] = {}
    for base in reversed([base for base in kind.__mro__ if issubclass(base, BaseModel) and base is not BaseModel]):
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(tree, ast.ClassDef)
        for field, below in zip(tree.body, tree.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                found[ast.unparse(field.target)] = re.sub(r"\s+", " ", str(below.value.value))
    return found
