"""Examples: an utterance as it is shown to a model, as text or as one of its recordings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from eartune.data.utterance import Recording, Utterance
from eartune.errors import InputError

Pool = Sequence[Utterance]


class Modality(StrEnum):
    """Whether an utterance is shown as text or as speech."""

    TEXT = "text"
    SPEECH = "speech"


class Asked(StrEnum):
    """The answer that an example asks for: that of the task, the words, or the words and then that of the task."""

    FRAME = "frame"
    WORDS = "words"
    WORDS_THEN_FRAME = "words-then-frame"


@dataclass(frozen=True)
class Example:
    """An utterance shown as text, or as one of its recordings."""

    utterance: Utterance
    recording: Recording | None = None
    asked: Asked = Asked.FRAME
    transcript: str | None = None
    """The output of a speech recogniser, which is then shown instead of the recording."""
    answer: str | None = None
    """An answer that a model wrote, which is then learned instead of the right one."""
    showing: int = 0
    """How many times the recording was shown in a stage before, if the stage changes recordings at each showing."""

    @property
    def modality(self) -> Modality:
        """Speech if the example has a recording, else text."""
        return Modality.TEXT if self.recording is None else Modality.SPEECH

    @property
    def length(self) -> float:
        """How long it is among the examples of its modality: seconds of its recording, or characters of its words."""
        return len(self.utterance.text or "") if self.recording is None else self.recording.seconds


def as_text(pool: Pool) -> tuple[Example, ...]:
    """Return every utterance as its words; raises InputError for one without text."""
    for utterance in pool:
        if utterance.text is None:
            raise InputError(f"{utterance.id}: stands in a text pool but has no text")
    return tuple(Example(utterance) for utterance in pool)


def as_speech(pool: Pool) -> tuple[Example, ...]:
    """Return every recording of every utterance."""
    return tuple(Example(utterance, recording) for utterance in pool for recording in utterance.recordings)


def without_labels(pool: Pool) -> tuple[Utterance, ...]:
    """Return the utterances without their frames, labels and translations."""
    return tuple(replace(utterance, frame=None, label=None, translation=None) for utterance in pool)


def as_words(pool: Pool) -> tuple[Example, ...]:
    """Return every recording, to be answered with its words; raises InputError for one without text."""
    as_text(pool)
    return tuple(replace(example, asked=Asked.WORDS) for example in as_speech(pool))
