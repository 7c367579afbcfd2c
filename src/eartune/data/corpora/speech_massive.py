"""Speech-MASSIVE: MASSIVE's sentences read aloud in 12 languages; CC BY-NC-SA 4.0.

    {"id": "0", "locale": "fr-FR", "partition": "test", "scenario_str": "alarm", "intent_str": "alarm_set",
     "utt": "réveille-moi à cinq heures du matin", "annot_utt": "réveille-moi à [time : cinq heures du matin]",
     "path": "test/47a...b1.wav", "audio": {"bytes": b"RIFF...", "path": ...}, "speaker_id": "...", ...}

The folder `speech_massive` holds the parquet files of https://huggingface.co/datasets/FBK-MT/Speech-MASSIVE and
-test as <locale>/<split>-*.parquet. The sound in them is written out once, under audio/ in the same folder.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

from eartune.data.corpora.massive import massive_frame
from eartune.data.corpora.source import Source
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.files import atomic
from eartune.settings import Section

COLUMNS = ("id", "locale", "scenario_str", "intent_str", "utt", "annot_utt", "path", "audio", "speaker_id")
_ROWS_AT_ONCE = 64  # about 20 MB of sound


class SpeechMassiveCorpus(Section):
    """One split in one language; train_115 is the few-shot split, and only French and German have train."""

    LICENCE: ClassVar[str] = "Speech-MASSIVE: CC BY-NC-SA 4.0, NON-COMMERCIAL, share-alike"

    corpus: Literal["speech-massive"]
    locale: str
    split: Literal["train", "train_115", "validation", "test"]
    folder: str = "speech_massive"

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """A sentence a row. Ids may come back in another shard, so a repeated one is told apart by its file."""
        folder = source.data / self.folder
        found: dict[str, Utterance] = {}
        for row, place in _rows(folder / self.locale, self.split):
            utterance = _utterance(row, place, folder / "audio" / self.locale, source)
            key = utterance.id if utterance.id not in found else f"{utterance.id}-{Path(row['path']).stem}"
            found[key] = Utterance(key, utterance.text, self.locale, utterance.frame, utterance.recordings)
        return tuple(found.values())


def _rows(folder: Path, split: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The rows of all shards of a split, a few at a time."""
    try:
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise InputError("Speech-MASSIVE comes as parquet: pip install 'eartune[data]'") from error
    shards = sorted(folder.glob(f"{split}-*.parquet"))
    if not shards:
        raise InputError(f"{folder}: holds no {split}-*.parquet")
    for shard in shards:
        try:
            file = ParquetFile(shard)
        except ArrowInvalid as error:
            raise InputError(f"{shard}: is not a parquet file ({error})") from error
        missing = set(COLUMNS) - set(file.schema_arrow.names)
        if missing:
            raise InputError(f"{shard}: lacks the column {min(missing)!r}")
        number = 0
        for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=list(COLUMNS)):
            for row in batch.to_pylist():
                number += 1
                yield row, f"{shard}, row {number}"


def _utterance(row: dict[str, Any], place: str, audio: Path, source: Source) -> Utterance:
    plain = {key: row[key] for key in ("id", "locale", "utt", "annot_utt")}
    frame = massive_frame(plain | {"scenario": row["scenario_str"], "intent": row["intent_str"]}, place)
    path = _written(row, place, audio)
    recording = source.recording(path, row["speaker_id"])
    return Utterance(f"{row['locale']}-{row['id']}", row["utt"], row["locale"], frame, (recording,))


def _written(row: dict[str, Any], place: str, audio: Path) -> Path:
    """The recording as a file of its own, as its bytes are: nothing is decoded here."""
    sound = row["audio"]["bytes"] if isinstance(row["audio"], dict) else None
    if not sound or not isinstance(row["path"], str):
        raise InputError(f"{place}: holds no sound; the columns audio and path must be filled")
    path = audio / row["path"]
    if not path.resolve().is_relative_to(audio.resolve()):
        raise InputError(f"{place}: the path {row['path']!r} leads out of the folder")
    if not path.exists() or path.stat().st_size != len(sound):
        with atomic(path) as half_written:
            half_written.write_bytes(sound)
    return path
