"""The scheme `stages`: stages of training as data, each with its share of the text and of the budget's speech."""

from collections import Counter
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from eartune.data.budget import Budget, parse_budget
from eartune.data.example import Example, Pool
from eartune.errors import InputError
from eartune.settings import Augmentation, Component, Section
from eartune.training.scheme import Scheme, mixed
from eartune.training.stage import EVERYTHING, LANGUAGE_MODEL_ONLY, Order, Stage

ALL, NOTHING = parse_budget("100%"), parse_budget("0%")


def parse_share(written: Any) -> Budget:
    """Return the share of what a stage could show from its text; raises InputError, which shows how to write one."""
    try:
        share = parse_budget(written)
    except InputError:
        share = None  # what it says names hours and utterances, which are no shares
    if share is None or share.unit != "%":
        raise InputError(f"{str(written)!r} is no share of a stage; write one in per cent, from 0% to 100%")
    return share


Share = Annotated[Budget, BeforeValidator(parse_share), PlainSerializer(str)]
"""A share in per cent."""


class StageSettings(Section):
    """One stage of the scheme `stages`: what it shows, for how long, at which rate, and what it trains."""

    name: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9.-]*$")
    """By default `text`, `speech` or `mixed` for both; the second such stage is called text-2, and so on."""
    text: Share = ALL
    """The share of the text. Below 100%, it goes on where the last such stage ended, so that five stages of 20% show
    all text once; which is shown when depends on the ids alone."""
    speech: Share = NOTHING
    """The share of the budget's speech, in the order of its selection, so that 5% lies inside 20%; and, beside it, of
    the speech of other languages. It is one utterance at least, unless it is 0%."""
    synthetic: bool = False
    """Whether the stage also shows all of data.synthetic_speech."""
    least_speech: float = Field(default=0, ge=0, lt=1)
    """The least fraction of speech in an epoch; recordings are repeated to reach it. 0: never."""
    epochs: int = Field(default=1, ge=1)
    learning_rate: float = Field(default=5e-6, gt=0)
    warmup_ratio: float = Field(default=0.04, ge=0, lt=1)
    trainable: tuple[Component, ...] | None = Field(default=None, min_length=1)
    """The trained components; None: the language model in a stage of text alone, everything in any other."""
    order: Order = "shuffled"
    """Drawn anew for each epoch, or by length: short sentences and short recordings first."""
    augment: Augmentation | None = None
    """How recordings are changed each time that they are shown; None: not at all."""

    @model_validator(mode="after")
    def _shows_something(self) -> "StageSettings":
        if not (self.text.amount or self.speech.amount or self.synthetic):
            raise InputError("a stage needs something to show: text, speech or synthetic")
        return self

    @property
    def kind(self) -> str:
        """The name of a stage that shows the same: text, speech or mixed."""
        if not (self.speech.amount or self.synthetic):
            return "text"
        return "mixed" if self.text.amount else "speech"

    def stage(self, name: str, examples: tuple[Example, ...]) -> Stage:
        """Return the stage with this name and these examples."""
        trainable = self.trainable or (LANGUAGE_MODEL_ONLY if self.kind == "text" else EVERYTHING)
        settings = self.epochs, self.learning_rate, self.warmup_ratio, trainable
        return Stage(name, examples, *settings, augment=self.augment, order=self.order)


class Staged(Scheme):
    """Training in the stages that the setting `sequence` lists, of which the schemes of the paper are three cases."""

    type: Literal["stages"] = "stages"
    sequence: tuple[StageSettings, ...] = Field(min_length=1)
    """The stages in their order."""
    knows_source: ClassVar[bool] = True

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Staged":
        for name, times in Counter(self.stage_names).items():
            if times > 1:
                raise InputError(f"the stage {name!r} is listed twice; give one of them another name")
        return self

    @property
    def stage_names(self) -> list[str]:
        """The names of the stages; one without a name is called by its kind, and by its number among these."""
        kinds: Counter[str] = Counter()
        names = []
        for stage in self.sequence:
            kinds[stage.kind] += 1
            number = kinds[stage.kind]
            names.append(stage.name or (stage.kind if number == 1 else f"{stage.kind}-{number}"))
        return names

    @property
    def uses_speech(self) -> bool:  # type: ignore[override]
        """Whether any stage shows a share of the budget's speech."""
        return any(stage.speech.amount for stage in self.sequence)

    @property
    def uses_synthetic(self) -> bool:
        """Whether any stage shows synthetic speech."""
        return any(stage.synthetic for stage in self.sequence)

    def stages(
        self, text: Pool, speech: Pool, synthetic: Pool = (), unlabelled: Pool = (), source: Pool = ()
    ) -> list[Stage]:
        """Return the stages that are listed; `source` is the part of `speech`, its first, that is of other languages.

        Raises InputError for a stage that has nothing to show.
        """
        budgeted = speech[len(source) :]
        found: list[Stage] = []
        text_shown = 0.0
        for name, settings in zip(self.stage_names, self.sequence, strict=True):
            share, heard = settings.text.amount / 100, settings.speech.amount / 100
            spoken = (*first_share(source, by_hash(source), heard), *first_share(budgeted, budgeted, heard))
            voices = synthetic if settings.synthetic else ()
            examples = mixed(next_share(text, text_shown, share), spoken, voices, settings.least_speech)
            text_shown += share
            if not examples:
                raise InputError(f"{self.label}: its stage {name} has nothing to show")
            found.append(settings.stage(name, examples))
        return found


def by_hash(pool: Pool) -> Pool:
    """Return the pool in the order of a budget's selection by the seed 0, which depends on the ids alone."""
    return ALL.select(pool, 0) if pool else ()


def first_share(pool: Pool, ranked: Pool, share: float) -> Pool:
    """Return a share of the pool, the first in the order `ranked`, and at least one utterance unless it is 0.

    They stand in the order of the pool.
    """
    count = max(1, round(share * len(ranked))) if share else 0
    kept = {utterance.id for utterance in ranked[:count]}
    return [utterance for utterance in pool if utterance.id in kept]


def next_share(pool: Pool, shown: float, share: float) -> Pool:
    """Return a share of the pool that begins where `shown` of it ends, in the order `by_hash`; at its end, anew.

    The utterances stand in the order of the pool.
    """
    ranked = by_hash(pool)
    first = round(shown * len(ranked))
    count = max(1, round((shown + share) * len(ranked)) - first) if share else 0
    kept = {ranked[place % len(ranked)].id for place in range(first, first + count)} if ranked else set()
    return [utterance for utterance in pool if utterance.id in kept]
