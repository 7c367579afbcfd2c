"""Anybody's own data: a manifest of utterances, one JSON object a line (see `eartune.data.utterance`)."""

from typing import Literal

from eartune.data.audio import check_seconds
from eartune.data.corpora.source import Source, voiced
from eartune.data.tts.voices import Voice
from eartune.data.utterance import Utterance, read_manifest
from eartune.settings import Section


class ManifestCorpus(Section):
    """A manifest, by its path under the data root."""

    corpus: Literal["manifest"]
    path: str
    """The file, relative to the data root."""
    voices: tuple[Voice, ...] = ()
    """Voices, one of which speaks each text in place of its recordings: synthetic speech."""

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load every row; raises InputError for a row, or the header of a recording, that is wrong."""
        utterances = read_manifest(source.data / self.path, source.index.seconds, source.labelled)
        for utterance in utterances if not self.voices else ():
            for recording in utterance.recordings:
                # What would otherwise come to light after hours of training.
                check_seconds(source.index.seconds(recording.path), str(recording.path))
        return voiced(utterances, self.voices, source)
