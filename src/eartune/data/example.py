"""An utterance as it is shown to a model: as text, or as one of its recordings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from eartune.data.utterance import Recording, Utterance
from eartune.errors import InputError

Pool = Sequence[Utterance]


class Modality(StrEnum):
    """How an utterance is shown."""

    TEXT = "text"
    SPEECH = "speech"


class Asked(StrEnum):
    """What is asked of an utterance."""

    FRAME = "frame"
    WORDS = "words"


@dataclass(frozen=True)
class Example:
    """An utterance shown as text, or as one of its recordings."""

    utterance: Utterance
    recording: Recording | None = None
    asked: Asked = Asked.FRAME
    transcript: str | None = None
    """What an ASR heard, which is then read instead of the recording."""

    @property
    def modality(self) -> Modality:
        """Speech if there is a recording to hear."""
        return Modality.TEXT if self.recording is None else Modality.SPEECH


def as_text(pool: Pool) -> tuple[Example, ...]:
    """Every utterance as its words; raises InputError for one whose words nobody wrote down."""
    for utterance in pool:
        if utterance.text is None:
            raise InputError(f"{utterance.id}: stands in a text pool but has no text")
    return tuple(Example(utterance) for utterance in pool)


def as_speech(pool: Pool) -> tuple[Example, ...]:
    """Every recording of every utterance."""
    return tuple(Example(utterance, recording) for utterance in pool for recording in utterance.recordings)


def as_words(pool: Pool) -> tuple[Example, ...]:
    """Every recording, to be answered with its words; raises InputError for one whose words nobody wrote down."""
    as_text(pool)
    return tuple(replace(example, asked=Asked.WORDS) for example in as_speech(pool))
