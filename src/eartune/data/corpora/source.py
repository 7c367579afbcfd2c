"""Where corpora are read from, and where what is derived from them is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eartune.data.recording_index import RecordingIndex
from eartune.data.tts.synthesis import Progress, spoken
from eartune.data.tts.voices import Voice
from eartune.data.utterance import Recording, Utterance


@dataclass(frozen=True)
class Source:
    """The data root, the folder for spoken text, and whether text may be spoken now (a plan only guesses)."""

    data: Path
    speech: Path
    render: bool = True
    index: RecordingIndex = field(default_factory=RecordingIndex)
    """What is known of recordings, so that a corpus need not open each of them."""
    progress: Progress = lambda spoken, of: None

    def recording(self, path: Path, speaker: str | None = None) -> Recording:
        """The recording in a file; raises InputError where there is none."""
        return Recording(path, self.index.seconds(path), speaker)


def voiced(utterances: Sequence[Utterance], voices: Sequence[Voice], source: Source) -> tuple[Utterance, ...]:
    """The utterances, spoken if there are voices."""
    if not voices:
        return tuple(utterances)
    return spoken(utterances, voices, source.speech, source.render, source.progress, source.index.seconds)
