"""A training scheme: it turns pools of text and speech into stages, and says how the test is put to the model."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from eartune.data.example import Asked, Example, Pool, as_speech, as_text
from eartune.settings import Section
from eartune.training.stage import Stage

Role = Literal["untuned", "text reference", "transcript reference", "synthetic reference", "baseline", "other"]
"""The role of a scheme in the comparisons of a report, which so needs no names or types of schemes.

untuned: the model before training; a score far below all others does not extend the axis of the curve.
text reference: the score of text alone; every other trained scheme is compared with it.
transcript reference: the score of transcripts read by a model trained on text; every scheme with recordings is compared
with it, and a report opens with it.
synthetic reference: the score of synthetic speech; every scheme with recordings is compared with it.
baseline: the simplest use of recordings; every other scheme at the same budget is compared with it, and its score
with all recordings is shown as the level of all speech.
other: it is compared with those above, and nothing is compared with it.
"""


@dataclass(frozen=True)
class Asking:
    """How a model is prompted for the test: with labels and examples, or with a recogniser's transcript."""

    labels: bool = False
    """Whether the prompt names the labels of the text and the speech pools."""
    examples: int = 0
    """The number of utterances of the text pool that the prompt shows with their answers."""
    transcribed_by: str | None = None
    """The recogniser whose transcript the model reads instead of the recording; SELF for the untuned model itself."""
    normalize_transcripts: bool = False
    """Whether transcripts are put in lower case and without punctuation."""
    asked: Asked = Asked.FRAME
    """What the model is to answer with: the task's answer, or the words and then that."""


SELF = "self"
"""The name of the untuned model as a recogniser."""


class Scheme(Section, ABC):
    """A way of fine-tuning: the stages in which a model is trained, and how it is prompted for the test.

    A scheme of your own is a subclass with a `type` and `stages`; its fields are its settings. Give it to
    `eartune.run(..., schemes=[MyScheme()])`.
    """

    name: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9.-]*$")
    """A name for grids that hold the same scheme with different settings."""
    type: str
    role: ClassVar[Role] = "other"
    uses_text: ClassVar[bool] = True
    """Whether the scheme trains on the text pool."""
    uses_speech: ClassVar[bool] = True
    """Whether the scheme uses the budget's speech, and so is run at every budget of the grid."""
    knows_source: ClassVar[bool] = False
    """Whether `stages` is told, as `source`, which part of the speech is of other languages."""

    @property
    def label(self) -> str:
        """The name of the scheme in tables and folders."""
        return self.name or self.type

    @property
    def uses_synthetic(self) -> bool:
        """Whether the scheme trains on all of data.synthetic_speech."""
        return False

    @property
    def uses_unlabelled(self) -> bool:
        """Whether the scheme trains on the recordings of data.unlabelled."""
        return False

    @property
    def trains(self) -> bool:
        """Whether the scheme trains on anything; one that does not is run once, whatever the number of seeds."""
        return self.uses_text or self.uses_speech or self.uses_synthetic or self.uses_unlabelled

    @abstractmethod
    def stages(self, text: Pool, speech: Pool, synthetic: Pool = (), unlabelled: Pool = ()) -> list[Stage]:
        """Return the stages in their order.

        `text` is the text pool, `speech` the speech of other languages and that of the budget, and `synthetic` the
        synthetic speech, which is empty unless the scheme `uses_synthetic`. A scheme that `uses_unlabelled` is given
        the recordings of data.unlabelled as well, without labels and without those of the budget.
        """

    @property
    def asking(self) -> Asking:
        """How the model is prompted for the test after its last stage."""
        return Asking()

    @property
    def prompts(self) -> dict[str, Asking]:
        """The ways of prompting of which the dev set chooses one, by what they show in words; by default the only one.

        Of equally good ones the first is taken.
        """
        return {"": self.asking}

    @property
    def settings_to_choose(self) -> tuple[str, ...]:
        """The names of the settings that list several values, of which the dev set chooses one."""
        return ()


def mixed(text: Pool, speech: Pool, synthetic: Pool, least_speech: float) -> tuple[Example, ...]:
    """Return every text once, then every recording as often as `least_speech` requires, then synthetic speech.

    `least_speech` is the least fraction of recordings among texts and recordings, 0 to below 1.
    """
    typed, spoken = as_text(text), as_speech(speech)
    times = math.ceil(least_speech / (1 - least_speech) * len(typed) / len(spoken)) if spoken else 1
    return typed + spoken * max(1, times) + as_speech(synthetic)
