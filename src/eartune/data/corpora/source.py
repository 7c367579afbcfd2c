"""The folders that corpora are read from, and that speech synthesised from their text is written to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eartune.data.recording_index import RecordingIndex
from eartune.data.tts.synthesis import synthesize
from eartune.data.tts.voices import Voice
from eartune.data.utterance import Recording, Utterance
from eartune.progress import Progress


@dataclass(frozen=True)
class Source:
    """The data root, the folder of synthetic speech, and whether recordings that are missing may be written.

    Where they may not, as in a plan, the lengths of missing recordings are estimated.
    """

    data: Path
    speech: Path
    may_write: bool = True
    index: RecordingIndex = field(default_factory=RecordingIndex)
    """The lengths of known recordings, so that a corpus need not open each of them."""
    progress: Progress = lambda spoken, of: None
    labelled: bool = True
    """Whether every row of a manifest needs a frame or a label."""

    def recording(self, path: Path, speaker: str | None = None) -> Recording:
        """Return the recording in a file; raises InputError if it is missing."""
        return Recording(path, self.index.seconds(path), speaker)


def voiced(utterances: Sequence[Utterance], voices: Sequence[Voice], source: Source) -> tuple[Utterance, ...]:
    """Return the utterances, with synthetic recordings if there are voices."""
    if not voices:
        return tuple(utterances)
    return synthesize(utterances, voices, source.speech, source.may_write, source.progress, source.index.seconds)
