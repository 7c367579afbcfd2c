"""One YAML is one experiment: data, architecture, and a grid of schemes, speech budgets and seeds."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from eartune.data.budget import SpeechBudget
from eartune.data.corpora import Corpus
from eartune.data.tts.voices import Voice
from eartune.errors import InputError
from eartune.models.architecture import Architecture
from eartune.settings import Component, Decoding, Section, Training, explain
from eartune.tasks.settings import DEFAULT_TASK, AnyTask
from eartune.training.schemes import AnyScheme, Scheme


class Data(Section):
    """Pools of labelled text, labelled speech, and the recordings to be judged on."""

    text: tuple[Corpus, ...] = ()
    speech: tuple[Corpus, ...] = ()
    """The speech from which budgets choose."""
    source_speech: tuple[Corpus, ...] = ()
    """Speech of other languages, which every scheme with speech uses whole; a budget of 0% adds nothing to it."""
    alignment: tuple[Corpus, ...] = ()
    """Speech of any kind whose words are known, for a stage before all others; see `alignment` of the experiment."""
    synthetic_speech: tuple[Corpus, ...] = ()
    """Text that voices speak, for schemes that say so; no budget limits it."""
    test: tuple[Corpus, ...] = Field(min_length=1)

    @property
    def corpora(self) -> tuple[Corpus, ...]:
        """The corpora of all pools."""
        return (*self.text, *self.speech, *self.source_speech, *self.alignment, *self.synthetic_speech, *self.test)

    @property
    def licences(self) -> dict[str, bool]:
        """Each licence of the corpora, and whether it forbids commercial use."""
        named = (getattr(corpus, "LICENCE", None) for corpus in self.corpora)
        return {name: "NON-COMMERCIAL" in name or "ACADEMIC" in name for name in named if name}

    @field_validator("synthetic_speech")
    @classmethod
    def _voices_speak(cls, corpora: tuple[Corpus, ...]) -> tuple[Corpus, ...]:
        for corpus in corpora:
            if not voices_of(corpus):
                raise InputError(f"{corpus.corpus}: needs voices, such as [{{name: en-US}}], to be synthetic speech")
        return corpora

    @model_validator(mode="after")
    def _other_voices_in_the_test(self) -> "Data":
        trained = (*self.speech, *self.source_speech, *self.alignment, *self.synthetic_speech)
        heard = {voice.speaker for corpus in trained for voice in voices_of(corpus)}
        for voice in chain.from_iterable(map(voices_of, self.test)):
            if voice.speaker in heard:
                raise InputError(f"the voice {voice.speaker} speaks in training and in the test; give the test others")
        return self


class Alignment(Section):
    """The stage in which a new adapter learns to speak the decoder's language: data.alignment answered with its words.

    Every model of the grid goes on from it. Those that come with an adapter that can hear do not need it.
    """

    epochs: int = Field(default=1, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    warmup_ratio: float = Field(default=0.04, ge=0, lt=1)
    trainable: tuple[Component, ...] = Field(default=(Component.MODALITY_ADAPTER,), min_length=1)


class Grid(Section):
    """Which models to make; schemes that do not use speech do not depend on the budget and run once per seed."""

    schemes: tuple[AnyScheme, ...] = Field(min_length=1)
    budgets: tuple[SpeechBudget, ...] = ()
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    """The seeds of training, which set the order of batches and the initial LoRA."""
    selection_seed: int = 0
    """The seed of the choice of speech, which is the same for every training seed."""

    @model_validator(mode="after")
    def _no_two_alike(self) -> "Grid":
        labels = [scheme.label for scheme in self.schemes]
        for label in labels:
            if labels.count(label) > 1:
                raise InputError(f"the scheme {label!r} is listed twice; give one of them a name of its own")
        for scheme in self.schemes:
            if scheme.uses_speech and not self.budgets:
                raise InputError(f"the scheme {scheme.label!r} needs budgets, such as [5%, 100%]")
        return self


class Experiment(Section):
    """A question, and all that is needed to answer it."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    question: str
    task: AnyTask = DEFAULT_TASK
    data: Data
    architecture: Architecture
    alignment: Alignment = Alignment()
    grid: Grid
    training: Training = Training()
    decoding: Decoding = Decoding()

    @model_validator(mode="after")
    def _some_speech(self) -> "Experiment":
        if not self.data.source_speech and any(budget.amount == 0 for budget in self.grid.budgets):
            raise InputError(
                "a budget of 0% is no speech at all; that is what the text-only scheme is for, "
                "or list speech of other languages under data.source_speech"
            )
        return self

    @model_validator(mode="after")
    def _some_synthetic_speech(self) -> "Experiment":
        for scheme in self.grid.schemes:
            if scheme.uses_synthetic and not self.data.synthetic_speech:
                raise InputError(f"the scheme {scheme.label!r} needs corpora with voices under data.synthetic_speech")
        return self

    @model_validator(mode="after")
    def _four_bits_do_not_train(self) -> "Experiment":
        if self.architecture.precision == "nf4" and self.training.lora is None:
            raise InputError("weights in 4 bits do not train; add training.lora, such as {rank: 16}, or use bfloat16")
        return self

    @model_validator(mode="after")
    def _one_folder_per_model(self) -> "Experiment":
        models: dict[str, Cell] = {}
        for cell in self.cells():
            other = models.setdefault(cell.name, cell)
            if other != cell:
                raise InputError(
                    f"{other.description} and {cell.description} would both be kept in the folder {cell.name!r}; "
                    "give one of the schemes another name"
                )
        return self

    def cells(self) -> tuple["Cell", ...]:
        """The models of the grid: by seed, then in the order of schemes and budgets."""
        cells = []
        for seed in self.grid.seeds:
            for scheme in self.grid.schemes:
                for budget in self.grid.budgets if scheme.uses_speech else (None,):
                    cells.append(Cell(scheme, budget, seed if scheme.uses_text else self.grid.seeds[0]))
        return tuple(dict.fromkeys(cells))


@dataclass(frozen=True)
class Cell:
    """One model of the grid."""

    scheme: Scheme
    budget: SpeechBudget | None
    seed: int

    @property
    def name(self) -> str:
        """Its folder: curriculum-5pct-seed0."""
        budget = [] if self.budget is None else [self.budget.slug]
        return "-".join([self.scheme.label, *budget, f"seed{self.seed}"])

    @property
    def description(self) -> str:
        """The scheme and its budget in an error message: the scheme 'curriculum' at 5%."""
        return f"the scheme {self.scheme.label!r}" + ("" if self.budget is None else f" at {self.budget}")


def voices_of(corpus: Corpus) -> tuple[Voice, ...]:
    """The voices that speak a corpus; none where it has recordings of its own."""
    return getattr(corpus, "voices", ())


def read_experiment(path: str | Path) -> Experiment:
    """The experiment in a YAML file; raises InputError with one sentence that names the file and the place."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such experiment")
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(written, dict):
        raise InputError(f"{path}: must hold name, question, data, architecture and grid")
    try:
        return Experiment.model_validate(written)
    except ValidationError as error:
        raise InputError(explain(error, str(path))) from error
