"""Where corpora are read from, and where what is derived from them is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eartune.data.tts.synthesis import Progress, spoken
from eartune.data.tts.voices import Voice
from eartune.data.utterance import Utterance


@dataclass(frozen=True)
class Source:
    """The data root, the folder for spoken text, and whether text may be spoken now (a plan only guesses)."""

    data: Path
    speech: Path
    render: bool = True
    progress: Progress = lambda spoken, of: None


def voiced(utterances: Sequence[Utterance], voices: Sequence[Voice], source: Source) -> tuple[Utterance, ...]:
    """The utterances, spoken if there are voices."""
    return spoken(utterances, voices, source.speech, source.render, source.progress) if voices else tuple(utterances)
