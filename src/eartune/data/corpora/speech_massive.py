"""Speech-MASSIVE: MASSIVE's sentences read aloud in 12 languages; CC BY-NC-SA 4.0.

    {"id": "0", "locale": "fr-FR", "partition": "test", "scenario_str": "alarm", "intent_str": "alarm_set",
     "utt": "réveille-moi à cinq heures du matin", "annot_utt": "réveille-moi à [time : cinq heures du matin]",
     "path": "test/47a...b1.wav", "audio": {"bytes": b"RIFF...", "path": ...}, "speaker_id": "...", ...}

The folder `speech_massive` holds the parquet files of https://huggingface.co/datasets/FBK-MT/Speech-MASSIVE and
-test as <locale>/<split>-*.parquet. The sound in them is written out once, under audio/ in the same folder.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from eartune.data.corpora.massive import massive_frame
from eartune.data.corpora.source import Source
from eartune.data.tts.synthesis import estimated_seconds
from eartune.data.utterance import Recording, Utterance
from eartune.errors import InputError
from eartune.files import atomic
from eartune.settings import Section

COLUMNS = ("id", "locale", "scenario_str", "intent_str", "utt", "annot_utt", "path", "speaker_id")
SOUND = "audio"
"""The column with the bytes of the recordings, gigabytes of them, which is read only if a file is to be written."""
_ROWS_AT_ONCE = 64  # about 20 MB of sound


class SpeechMassiveCorpus(Section):
    """One split in one language; train_115 is the few-shot split, and only French and German have train."""

    LICENCE: ClassVar[str] = "Speech-MASSIVE: CC BY-NC-SA 4.0, NON-COMMERCIAL, share-alike"

    corpus: Literal["speech-massive"]
    locale: str
    """Such as de-DE."""
    split: Literal["train", "train_115", "validation", "test"]
    folder: str = "speech_massive"

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load an utterance for each row; an id that occurs again in another shard is extended by its file's name.

        Recordings that are not files yet are written, if `source` allows it; else their lengths are estimated.
        """
        folder = source.data / self.folder
        audio = folder / "audio" / self.locale
        found: dict[str, Utterance] = {}
        for shard in _shards(folder / self.locale, self.split):
            rows = [(row, place, _path(row, place, audio)) for row, place in _rows(shard, COLUMNS)]
            if source.may_write and not all(path.exists() for _, _, path in rows):
                _write_sound(shard, audio)
            for row, place, path in rows:
                utterance = _utterance(row, place, path, source)
                key = utterance.id if utterance.id not in found else f"{utterance.id}-{path.stem}"
                found[key] = replace(utterance, id=key)
        return tuple(found.values())


def _shards(folder: Path, split: str) -> list[Path]:
    shards = sorted(folder.glob(f"{split}-*.parquet"))
    if not shards:
        raise InputError(f"{folder}: holds no {split}-*.parquet")
    return shards


def _rows(shard: Path, columns: Sequence[str]) -> Iterator[tuple[dict[str, Any], str]]:
    """The rows of a shard with some of its columns, and the place of each, a few at a time."""
    try:
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise InputError("Speech-MASSIVE comes as parquet: pip install 'eartune[data]'") from error
    try:
        file = ParquetFile(shard)
    except ArrowInvalid as error:
        raise InputError(f"{shard}: is not a parquet file ({error})") from error
    missing = {*COLUMNS, SOUND} - set(file.schema_arrow.names)
    if missing:
        raise InputError(f"{shard}: lacks the column {min(missing)!r}")
    number = 0
    for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=list(columns)):
        for row in batch.to_pylist():
            number += 1
            yield row, f"{shard}, row {number}"


def _path(row: dict[str, Any], place: str, audio: Path) -> Path:
    """The path of a row's recording as a file, which may not exist yet."""
    if not isinstance(row["path"], str):
        raise InputError(f"{place}: names no recording; the column path must be filled")
    path = audio / row["path"]
    if not path.resolve().is_relative_to(audio.resolve()):
        raise InputError(f"{place}: the path {row['path']!r} leads out of the folder")
    return path


def _write_sound(shard: Path, audio: Path) -> None:
    """Write each recording that is not there yet as a file, with its bytes as they are: nothing is decoded here."""
    for row, place in _rows(shard, ("path", SOUND)):
        path, sound = _path(row, place, audio), row[SOUND]["bytes"] if isinstance(row[SOUND], dict) else None
        if not sound:
            raise InputError(f"{place}: holds no sound; the column audio must be filled")
        if not path.exists():
            with atomic(path) as half_written:
                half_written.write_bytes(sound)


def _utterance(row: dict[str, Any], place: str, path: Path, source: Source) -> Utterance:
    plain = {key: row[key] for key in ("id", "locale", "utt", "annot_utt")}
    frame = massive_frame(plain | {"scenario": row["scenario_str"], "intent": row["intent_str"]}, place)
    speaker = None if row["speaker_id"] is None else str(row["speaker_id"])
    if path.exists():
        recording = source.recording(path, speaker)
    else:
        recording = Recording(path, estimated_seconds(row["utt"]), speaker)
    return Utterance(f"{row['locale']}-{row['id']}", row["utt"], row["locale"], frame, (recording,))
