"""The settings of an experiment, one YAML file: data, architecture, and a grid of schemes, budgets and seeds."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from eartune.data.budget import SpeechBudget
from eartune.data.corpora import Corpus
from eartune.data.tts.voices import Voice
from eartune.errors import InputError
from eartune.files import YamlLoader
from eartune.models.architecture import Architecture, NamedArchitecture
from eartune.report.expectations import Expectation
from eartune.report.scheme_result import of_architecture, row_name
from eartune.settings import Component, Decoding, Section, Training, explain
from eartune.tasks.settings import DEFAULT_TASK, AnyTask
from eartune.training.scheme import Scheme
from eartune.training.schemes import AnyScheme, SelfTraining

SHIPPED = Path(__file__).with_name("shipped")
"""The experiments that come with eartune: in its repository a link to the folder `experiments`."""

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""A seed as numpy and torch both take it."""


class Data(Section):
    """The pools to train on and to test on; each is a list of corpora, such as [{corpus: slurp, split: train}]."""

    root: Path | None = Field(default=None, exclude=True)
    """The folder that holds the corpora, relative to that of the YAML; None: EARTUNE_DATA, or data. The option --data
    has precedence."""
    text: tuple[Corpus, ...] = ()
    """Labelled text, every row of which has words."""
    speech: tuple[Corpus, ...] = ()
    """The recordings from which budgets select."""
    source_speech: tuple[Corpus, ...] = ()
    """Speech of other languages; every scheme that uses speech trains on all of it, whatever the budget."""
    alignment: tuple[Corpus, ...] = ()
    """Transcribed speech of any kind for the first stage; see `alignment` of the experiment."""
    synthetic_speech: tuple[Corpus, ...] = ()
    """Text that synthetic voices speak, for the schemes that use it; no budget limits it."""
    unlabelled: tuple[Corpus, ...] = ()
    """Recordings whose labels are not known, or are not read, for the schemes that use them; no budget limits it.

    Recordings that a budget has selected from `speech` are left out."""
    dev: tuple[Corpus, ...] = ()
    """Recordings on which the epoch of each stage is chosen, and each setting that lists several values; see `dev` of
    the experiment."""
    test: tuple[Corpus, ...] = Field(min_length=1)
    """The recordings that every model answers in the end; they are not trained on."""

    @property
    def corpora(self) -> tuple[Corpus, ...]:
        """The corpora of all pools."""
        training = (*self.text, *self.speech, *self.source_speech, *self.alignment, *self.synthetic_speech)
        return (*training, *self.unlabelled, *self.dev, *self.test)

    @property
    def licences(self) -> dict[str, bool]:
        """The licences of the corpora, each with whether it forbids commercial use."""
        return licences_of(self.corpora)

    @field_validator("synthetic_speech")
    @classmethod
    def _synthetic_speech_has_voices(cls, corpora: tuple[Corpus, ...]) -> tuple[Corpus, ...]:
        for corpus in corpora:
            if not voices_of(corpus):
                raise InputError(f"{corpus.corpus}: needs voices, such as [{{name: en-US}}], to be synthetic speech")
        return corpora

    @model_validator(mode="after")
    def _voices_are_in_training_or_in_the_test(self) -> "Data":
        trained = (*self.speech, *self.source_speech, *self.alignment, *self.synthetic_speech, *self.unlabelled)
        training_voices = {voice.speaker for corpus in trained for voice in voices_of(corpus)}
        for voice in chain.from_iterable(map(voices_of, self.test)):
            if voice.speaker in training_voices:
                raise InputError(
                    f"the voice {voice.speaker} is in training and in the test; use other voices for the test"
                )
        return self


def licences_of(corpora: Iterable[Corpus]) -> dict[str, bool]:
    """Return the licences of some corpora, each with whether it forbids commercial use."""
    named = (getattr(corpus, "LICENCE", None) for corpus in corpora)
    return {name: "NON-COMMERCIAL" in name or "ACADEMIC" in name for name in named if name}


class Alignment(Section):
    """The settings of the alignment stage, in which a new modality adapter learns by transcribing data.alignment.

    Every model of the grid starts from its weights. A checkpoint with a trained adapter does not need it.
    """

    epochs: int = Field(default=1, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    warmup_ratio: float = Field(default=0.04, ge=0, lt=1)
    trainable: tuple[Component, ...] = Field(default=(Component.MODALITY_ADAPTER,), min_length=1)


class Dev(Section):
    """The settings of the choice of epochs: after each epoch of a stage, data.dev is decoded and scored.

    The stage keeps the weights of the epoch with the best main metric, and not those of the last.
    """

    most_recordings: int | None = Field(default=None, ge=1)
    """The most recordings of data.dev that are decoded, of as many sentences as possible; None: all."""
    beams: int = Field(default=1, ge=1)
    """Beam size; the other settings of decoding are those of the test."""
    patience: int | None = Field(default=None, ge=1)
    """How many epochs in a row may be no better than the best before a stage ends; None: all are trained."""


class Grid(Section):
    """The models to make; a scheme that does not use speech is independent of the budget and runs once per seed."""

    schemes: tuple[AnyScheme, ...] = Field(min_length=1)
    """The ways of training that are compared."""
    architectures: tuple[NamedArchitecture, ...] = ()
    """The architectures that are compared, in place of the experiment's `architecture`; each makes every model."""
    budgets: tuple[SpeechBudget, ...] = ()
    """The amounts of speech, of each of which every scheme with recordings makes a model: 5%, 2h, or 200 utterances."""
    seeds: tuple[Seed, ...] = Field(default=(0,), min_length=1)
    """The seeds of training: the order of batches, and the initial weights of LoRA."""
    selection_seeds: tuple[Seed, ...] = Field(default=(0,), min_length=1)
    """The seeds of the selection of speech; with several, each budget is drawn, and its models are made, so many times.

    They are the same for every training seed, so that models share their text stages. All of the speech is drawn once.
    """

    @model_validator(mode="after")
    def _labels_are_unique(self) -> "Grid":
        labels = [scheme.label for scheme in self.schemes]
        for label in labels:
            if labels.count(label) > 1:
                raise InputError(f"the scheme {label!r} is listed twice; give one of them another name")
        families = [architecture.label for architecture in self.architectures]
        for family in families:
            if families.count(family) > 1:
                raise InputError(f"the architecture {family!r} is listed twice; give one of them a name")
        for key, seeds in {"seeds": self.seeds, "selection_seeds": self.selection_seeds}.items():
            for seed in seeds:
                if seeds.count(seed) > 1:
                    raise InputError(f"the seed {seed} is listed twice under {key}; list each once")
        for scheme in self.schemes:
            if scheme.uses_speech and not self.budgets:
                raise InputError(f"the scheme {scheme.label!r} needs budgets, such as [5%, 100%]")
        return self


class Experiment(Section):
    """All settings of an experiment, with the question that it answers."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """The name of the experiment and of its folder: small letters, digits and hyphens."""
    question: str
    """What the experiment answers; it is the title of the report."""
    task: AnyTask = DEFAULT_TASK
    data: Data
    architecture: Architecture
    """It is left out where grid.architectures lists several."""
    alignment: Alignment = Alignment()
    dev: Dev = Dev()
    grid: Grid
    expect: tuple[Expectation, ...] = ()
    """What should come out; the report says of each whether it came."""
    training: Training = Training()
    decoding: Decoding = Decoding()

    @model_validator(mode="before")
    @classmethod
    def _one_architecture_or_several(cls, values: Any) -> Any:
        """Without `architecture`, it is the first of the grid; models know theirs by `of`."""
        grid = values.get("grid") if isinstance(values, dict) else None
        several = grid.get("architectures") if isinstance(grid, dict) else None
        if not several or "architecture" in values or not isinstance(several[0], dict):
            return values
        return values | {"architecture": {key: value for key, value in several[0].items() if key != "name"}}

    @model_validator(mode="after")
    def _architecture_is_one_of_several(self) -> "Experiment":
        several = [architecture.alone for architecture in self.grid.architectures]
        if several and self.architecture not in several:
            raise InputError("architecture: is none of grid.architectures; leave it out, or list it there")
        return self

    @model_validator(mode="after")
    def _a_budget_of_0_needs_other_speech(self) -> "Experiment":
        if self.data.source_speech or all(budget.amount for budget in self.grid.budgets):
            return self
        for scheme in self.grid.schemes:
            if scheme.uses_speech and not (scheme.uses_synthetic or scheme.uses_unlabelled):
                raise InputError(
                    f"a budget of 0% leaves no speech to the scheme {scheme.label!r}; use the scheme text-only, "
                    "list speech of other languages under data.source_speech, or set synthetic: true"
                )
        return self

    @model_validator(mode="after")
    def _synthetic_schemes_have_synthetic_speech(self) -> "Experiment":
        for scheme in self.grid.schemes:
            if scheme.uses_synthetic and not self.data.synthetic_speech:
                raise InputError(f"the scheme {scheme.label!r} needs corpora with voices under data.synthetic_speech")
        return self

    @model_validator(mode="after")
    def _self_training_has_recordings_to_label(self) -> "Experiment":
        for scheme in self.grid.schemes:
            if isinstance(scheme, SelfTraining) and not self.data.unlabelled:
                raise InputError(f"the scheme {scheme.label!r} needs recordings to label under data.unlabelled")
        return self

    @model_validator(mode="after")
    def _a_choice_needs_recordings(self) -> "Experiment":
        if self.dev != Dev() and not self.data.dev:
            raise InputError("dev: needs recordings under data.dev on which to choose")
        for scheme in self.grid.schemes:
            if scheme.settings_to_choose and not self.data.dev:
                listed = " and ".join(scheme.settings_to_choose)
                raise InputError(
                    f"the scheme {scheme.label!r} lists several values of {listed}: give one value, or recordings "
                    "under data.dev on which to choose"
                )
        return self

    @model_validator(mode="after")
    def _four_bits_need_lora(self) -> "Experiment":
        in_4_bits = any(one.architecture.precision == "nf4" for one in self.parts.values())
        if in_4_bits and self.training.lora is None:
            raise InputError(
                "weights in 4 bits cannot be trained; add training.lora, such as {rank: 16}, or use bfloat16"
            )
        return self

    @model_validator(mode="after")
    def _expects_something_of_its_own_models(self) -> "Experiment":
        known = {
            row_name(
                of_architecture(one.scheme.label, one.architecture), None if one.budget is None else str(one.budget)
            )
            for one in self.cells()
        }
        for name in (name for one in self.expect for name in one.models):
            if name not in known:
                raise InputError(
                    f"expect: no model of the grid is called {name!r}; there are {', '.join(sorted(known))}"
                )
        return self

    @model_validator(mode="after")
    def _one_folder_per_model(self) -> "Experiment":
        models: dict[str, Cell] = {}
        for cell in self.cells():
            other = models.setdefault(cell.name, cell)
            if other != cell:
                raise InputError(
                    f"{other.description} and {cell.description} would both be written to the folder {cell.name!r}; "
                    "give one of the schemes another name"
                )
        return self

    @property
    def parts(self) -> dict[str, "Experiment"]:
        """The experiment as each architecture of the grid has it, by its name; itself, under "", if there is one."""
        several = {one.label: self.model_copy(update={"architecture": one.alone}) for one in self.grid.architectures}
        return several or {"": self}

    def of(self, cell: "Cell") -> "Experiment":
        """Return the experiment with the architecture of a model."""
        return self.parts[cell.architecture]

    def cells(self) -> tuple["Cell", ...]:
        """Return the models, ordered by architecture, seed, scheme, budget, and then by selection."""
        return tuple(dict.fromkeys(chain.from_iterable(map(self._cells_of, self.parts))))

    def _cells_of(self, architecture: str) -> list["Cell"]:
        cells = []
        for seed in self.grid.seeds:
            for scheme in self.grid.schemes:
                own = seed if scheme.trains else self.grid.seeds[0]
                for budget in self.grid.budgets if scheme.uses_speech else (None,):
                    drawn = self._selections(budget)
                    cells += [Cell(scheme, budget, own, selection, architecture) for selection in drawn]
        return cells

    def _selections(self, budget: SpeechBudget | None) -> tuple[int, ...]:
        """The seeds of the selections of a budget: one where there is nothing to select."""
        is_drawn = budget is not None and budget.amount and not budget.is_everything
        return self.grid.selection_seeds if is_drawn else self.grid.selection_seeds[:1]


@dataclass(frozen=True)
class Cell:
    """One model of the grid: a scheme, a budget, a training seed, a seed of the selection, and an architecture."""

    scheme: Scheme
    budget: SpeechBudget | None
    seed: int
    selection_seed: int = 0
    architecture: str = ""
    """The name of the architecture; empty where the experiment has one alone."""

    @property
    def name(self) -> str:
        """The name of the model and of its folder, such as curriculum-5pct-seed0, or voxtral-...-seed0-selection1."""
        architecture = [self.architecture] if self.architecture else []
        budget = [] if self.budget is None else [self.budget.slug]
        selection = [f"selection{self.selection_seed}"] if self.selection_seed else []
        return "-".join([*architecture, self.scheme.label, *budget, f"seed{self.seed}", *selection])

    @property
    def description(self) -> str:
        """The scheme and its budget for an error message, such as "the scheme 'curriculum' at 5% of 'voxtral'"."""
        at = "" if self.budget is None else f" at {self.budget}"
        return f"the scheme {self.scheme.label!r}{at}" + (f" of {self.architecture!r}" if self.architecture else "")


def voices_of(corpus: Corpus) -> tuple[Voice, ...]:
    """Return the voices that speak a corpus; none if it has recordings."""
    return getattr(corpus, "voices", ())


def shipped_experiment(name: str | Path) -> Path | None:
    """Return the file of the experiment of this name that comes with eartune, such as `demo`; None if none does."""
    path = SHIPPED / f"{name}.yaml"
    return path if Path(name).name == str(name) and path.is_file() else None


def read_experiment(path: str | Path) -> Experiment:
    """Return the experiment in a YAML file, or that of a name which comes with eartune.

    Raises InputError with the file and the place of every fault.
    """
    path = Path(path)
    if not path.is_file():
        shipped = shipped_experiment(path)
        if shipped is None:
            known = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.yaml")))
            raise InputError(f"{path}: no such experiment; it is the path of a YAML, or one of {known}")
        path = shipped
    try:
        written = yaml.load(path.read_text(encoding="utf-8"), YamlLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(written, dict):
        raise InputError(f"{path}: must hold name, question, data, architecture and grid")
    try:
        return _rooted(Experiment.model_validate(written), path.parent)
    except ValidationError as error:
        raise InputError(explain(error, str(path))) from error


def _rooted(experiment: Experiment, folder: Path) -> Experiment:
    """The experiment with its data root relative to the folder of its YAML, so that it is found from anywhere."""
    if experiment.data.root is None:
        return experiment
    data = experiment.data.model_copy(update={"root": folder / experiment.data.root})
    return experiment.model_copy(update={"data": data})
