"""Rows of MASSIVE, ITALIC and Speech-MASSIVE, which share sentences, ids and labels."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from builders import frame, sound_file
from eartune.data.corpora import Source
from eartune.data.corpora.italic import ItalicCorpus
from eartune.data.corpora.massive import MassiveCorpus, annotated_entities
from eartune.data.corpora.speech_massive import SpeechMassiveCorpus
from eartune.data.frame import Entity
from eartune.data.utterance import Utterance
from eartune.errors import InputError

ROW: dict[str, Any] = {
    "id": "1",
    "locale": "it-IT",
    "partition": "test",
    "scenario": "audio",
    "intent": "audio_volume_mute",
    "utt": "muto fino alle cinque",
    "annot_utt": "muto fino alle [time : cinque]",
}
MUTE = frame("audio.volume_mute", "time:cinque")


def massive(root: Path, *rows: dict[str, Any], under: str = "massive") -> Source:
    """A folder laid out as MASSIVE."""
    (root / under).mkdir(parents=True)
    (root / under / "it-IT.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Source(root, root)


def load(source: Source, **settings: Any) -> tuple[Utterance, ...]:
    content = {"corpus": "massive", "locale": "it-IT", "split": "test"} | settings
    return MassiveCorpus.model_validate(content).load(source)


@pytest.mark.parametrize("under", ["massive", "massive/data", "massive/1.1/data"])
def test_the_action_is_the_intent_less_the_scenario(tmp_path: Path, under: str) -> None:
    (found,) = load(massive(tmp_path, ROW, ROW | {"partition": "dev"}, under=under))
    assert found == Utterance("it-IT-1", "muto fino alle cinque", "it-IT", MUTE)


def test_touching_slots_of_one_type_are_two() -> None:
    assert annotated_entities("[person : ann] [person : bob lee] [time : 5 : 30] x") == [
        Entity("person", "ann"),
        Entity("person", "bob lee"),
        Entity("time", "5 : 30"),
    ]


def test_a_locale_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no de-DE\.jsonl; it has it-IT"):
        load(massive(tmp_path, ROW), locale="de-DE")


def test_a_git_lfs_pointer_is_not_taken_for_data(tmp_path: Path) -> None:
    source = massive(tmp_path, ROW)
    (tmp_path / "massive" / "it-IT.jsonl").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(InputError, match="is a Git LFS pointer, not the file itself"):
        load(source)


@pytest.mark.parametrize(
    ("fault", "said"),
    [({"annot_utt": None}, "is not a row of MASSIVE"), ({"scenario": "alarm"}, "does not begin with the scenario")],
)
def test_a_row_that_does_not_fit_is_named(tmp_path: Path, fault: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=rf"it-IT\.jsonl, row 1: .*{said}"):
        load(massive(tmp_path, ROW | fault))


def italic(root: Path, *rows: dict[str, Any], audio: bool = True) -> tuple[Utterance, ...]:
    source = massive(root, ROW)
    (root / "italic").mkdir()
    (root / "italic" / "hard_noisy_test.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if audio:
        (root / "italic" / "recordings").mkdir()
        sound_file(root / "italic" / "recordings" / "1.wav", 0.5)
    content = {"corpus": "italic", "split": "test", "configuration": "hard_noisy"}
    return ItalicCorpus.model_validate(content).load(source)


READ = {"id": 1, "speaker_id": 12, "intent": "audio_volume_mute", "utt": "muto fino alle cinque"}


def test_italic_takes_its_slots_from_massive_by_id(tmp_path: Path) -> None:
    (found,) = italic(tmp_path, READ)
    assert (found.id, found.text, found.frame, found.language) == ("italic-1", READ["utt"], MUTE, "it-IT")
    assert [(r.path.name, r.seconds, r.speaker) for r in found.recordings] == [("1.wav", 0.5, "12")]


def test_italic_without_recordings_is_text(tmp_path: Path) -> None:
    (found,) = italic(tmp_path, READ, audio=False)
    assert found.recordings == ()


@pytest.mark.parametrize(
    ("fault", "said"), [({"id": 2}, "has no row 2"), ({"intent": "audio_volume_up"}, "the intent is 'audio_volume_up'")]
)
def test_italic_and_massive_must_agree(tmp_path: Path, fault: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        italic(tmp_path, READ | fault)


def shard(root: Path, *rows: dict[str, Any], name: str = "test-00000-of-00001.parquet") -> Source:
    """A shard of Speech-MASSIVE with the columns that are read, and one that is not."""
    folder = root / "speech_massive" / "it-IT"
    folder.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), folder / name)
    return Source(root, root)


def spoken(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    sound = sound_file(tmp_path / "tone.wav", 0.5).read_bytes()
    row = {key: ROW[key] for key in ("id", "locale", "utt", "annot_utt")}
    row |= {"scenario_str": "audio", "intent_str": "audio_volume_mute", "intent_idx": 3, "speaker_id": "s1"}
    return row | {"path": "test/47a.wav", "audio": {"bytes": sound, "path": None}} | changes


def speech_massive(source: Source) -> tuple[Utterance, ...]:
    content = {"corpus": "speech-massive", "locale": "it-IT", "split": "test"}
    return SpeechMassiveCorpus.model_validate(content).load(source)


def test_speech_massive_is_written_out_as_files_once(tmp_path: Path) -> None:
    source = shard(tmp_path, spoken(tmp_path))
    (found,) = speech_massive(source)
    (recording,) = found.recordings
    assert (found.id, found.frame, recording.seconds, recording.speaker) == ("it-IT-1", MUTE, 0.5, "s1")
    assert recording.path.read_bytes() == (tmp_path / "tone.wav").read_bytes()
    before = recording.path.stat().st_mtime_ns
    assert speech_massive(source) == (found,) and recording.path.stat().st_mtime_ns == before


def test_a_check_of_speech_massive_reads_no_sound_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It read gigabytes at every `eartune check`, and wrote all recordings as files."""
    source = shard(tmp_path, spoken(tmp_path), spoken(tmp_path, id="2", path="test/58b.wav"))
    columns_read: list[str] = []
    iter_batches = pyarrow.parquet.ParquetFile.iter_batches

    def noted(self: Any, **options: Any) -> Any:
        columns_read.extend(options["columns"])
        return iter_batches(self, **options)

    monkeypatch.setattr(pyarrow.parquet.ParquetFile, "iter_batches", noted)
    planned = speech_massive(replace(source, may_write=False))
    assert not (tmp_path / "speech_massive" / "audio").exists() and "audio" not in columns_read
    loaded = speech_massive(source)
    assert [(u.id, u.frame, u.recordings[0].path) for u in planned] == [
        (u.id, u.frame, u.recordings[0].path) for u in loaded
    ]
    assert speech_massive(replace(source, may_write=False)) == loaded
    columns_read.clear()
    assert speech_massive(source) == loaded and "audio" not in columns_read


def test_a_recording_that_was_deleted_is_written_again(tmp_path: Path) -> None:
    source = shard(tmp_path, spoken(tmp_path), spoken(tmp_path, id="2", path="test/58b.wav"))
    first, second = (utterance.recordings[0].path for utterance in speech_massive(source))
    second.unlink()
    speech_massive(source)
    assert second.read_bytes() == first.read_bytes()


def test_an_id_that_comes_back_in_another_shard_is_another_utterance(tmp_path: Path) -> None:
    shard(tmp_path, spoken(tmp_path), name="test-00000-of-00002.parquet")
    source = shard(tmp_path, spoken(tmp_path, path="test/58b.wav"), name="test-00001-of-00002.parquet")
    assert [found.id for found in speech_massive(source)] == ["it-IT-1", "it-IT-1-58b"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audio": {"bytes": None, "path": "x"}}, "row 1: holds no sound"),
        ({"path": None}, "row 1: names no recording"),
        ({"path": "../../elsewhere.wav"}, "leads out of the folder"),
        ({"utt": None}, "row 1: is not a row of MASSIVE"),
    ],
    ids=["no bytes", "no path", "outside", "no text"],
)
def test_a_row_without_usable_sound_or_text_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        speech_massive(shard(tmp_path, spoken(tmp_path, **changes)))


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    source = shard(tmp_path, spoken(tmp_path))
    next((tmp_path / "speech_massive" / "it-IT").glob("*.parquet")).write_bytes(b"version https://git-lfs")
    with pytest.raises(InputError, match="is not a parquet file"):
        speech_massive(source)


def test_a_split_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no test-\*\.parquet"):
        speech_massive(Source(tmp_path, tmp_path))
