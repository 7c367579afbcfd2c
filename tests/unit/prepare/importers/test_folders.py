"""Folders that people name instead of files: AudioFolder, Common Voice, and data directories of several splits."""

from pathlib import Path

import pytest

from builders import frame, sound_file
from eartune.errors import InputError
from eartune.prepare.importers.detect_format import read_utterances
from eartune.prepare.importers.folders import inputs_in, passed_over


def recordings(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        sound_file(folder / name)
    return folder


def test_a_file_is_itself(tmp_path: Path) -> None:
    assert inputs_in(tmp_path / "test.csv") == [("test", tmp_path / "test.csv")]


def test_recordings_in_a_folder_for_each_label(tmp_path: Path) -> None:
    calls = recordings(tmp_path / "calls", "train/order/a.wav", "train/stop/b.wav", "test/order/c.wav")
    (calls / "train" / "order" / "notes.txt").touch()
    assert inputs_in(calls) == [("test", calls / "test"), ("train", calls / "train")]
    rows = read_utterances(calls / "train").utterances
    assert [(row.id, row.text, row.frame) for row in rows] == [
        ("order/a", None, frame("order")),
        ("stop/b", None, frame("stop")),
    ]
    assert rows[0].recordings[0].path == calls / "train" / "order" / "a.wav"
    assert inputs_in(calls / "train") == [("train", calls / "train")]


def test_recordings_that_nobody_labelled_are_read_at_any_depth(tmp_path: Path) -> None:
    """A folder of them was refused with and without --unlabelled."""
    calls = recordings(tmp_path / "test-calls", "a.wav", "train/11/b.wav", "audio/c.wav", ".hidden/d.wav")
    (calls / "train" / "notes.txt").touch()
    assert inputs_in(calls, labelled=False) == [("test", calls)]
    imported = read_utterances(calls, labelled=False)
    assert [(row.id, row.text, row.frame) for row in imported.utterances] == [
        *((f"test-calls/{name}", None, None) for name in ("a.wav", "audio/c.wav", "train/11/b.wav"))
    ]
    assert imported.utterances[0].recordings[0].path == calls / "a.wav" and not imported.rejected
    with pytest.raises(InputError, match="or add --unlabelled if its recordings have no labels"):
        inputs_in(recordings(tmp_path / "flat", "a.wav"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: is a folder without recordings and without a file that lists them$"):
        inputs_in(tmp_path / "empty", labelled=False)


def test_a_table_of_recordings_that_nobody_labelled_is_read_before_the_recordings(tmp_path: Path) -> None:
    calls = recordings(tmp_path, "train/a.wav", "train/b.wav")
    (calls / "train" / "metadata.csv").write_text("file_name,text\na.wav,hello\n")
    assert inputs_in(calls, labelled=False) == [("train", calls / "train" / "metadata.csv")]


def test_recordings_that_no_row_names_are_counted_and_hidden_ones_are_none(tmp_path: Path) -> None:
    """Of deeper folders, of audio and wav, and of telephony's bare samples nothing was said; .hidden was a label."""
    names = ("order/a.wav", "order/sub/b.wav", "audio/c.wav", "top.wav", "out/recordings/d.wav")
    calls = recordings(tmp_path / "calls", *names, ".hidden/e.wav", "__MACOSX/f.wav")
    for name in ("order/._a.wav", "order/g.vox", "order/notes.txt"):
        (calls / name).touch()
    imported = read_utterances(calls)
    assert [row.id for row in imported.utterances] == ["order/a"]
    out = calls / "out" / "recordings"
    assert list(passed_over(calls, [imported], out)) == [
        f"{calls}: passed over, as named by no row: audio/c.wav and 3 more"
    ]
    for name in ("order/sub/b.wav", "audio/c.wav", "top.wav"):
        (calls / name).unlink()
    assert list(passed_over(calls, [imported], out)) == [f"{calls}: passed over, as named by no row: order/g.vox"]
    (calls / "order/g.vox").unlink()
    assert list(passed_over(calls, [imported], out)) == []


def test_recordings_of_rows_that_cannot_be_read_are_named_by_them(tmp_path: Path) -> None:
    recordings(tmp_path, "a.wav", "b.wav", "c.wav")
    (tmp_path / "metadata.csv").write_text("file_name,label\na.wav,x\nclips\\b,\n")
    imported = read_utterances(tmp_path / "metadata.csv")
    assert len(imported.rejected) == 1
    (said,) = passed_over(tmp_path, [imported], tmp_path / "out")
    assert said.endswith("as named by no row: c.wav")


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_metadata_of_each_split_or_of_all(tmp_path: Path, name: str) -> None:
    content = (
        "file_name,transcription,intent\na.wav,hello,greet\n"
        if name.endswith("csv")
        else '{"file_name": "a.wav", "transcription": "hello", "intent": "greet"}'
    )
    for split in ("train", "test"):
        recordings(tmp_path / split, "a.wav")
        (tmp_path / split / name).write_text(content)
    assert inputs_in(tmp_path) == [("test", tmp_path / "test" / name), ("train", tmp_path / "train" / name)]
    (row,) = read_utterances(tmp_path / "train" / name).utterances
    assert (row.text, row.frame, row.recordings[0].path) == ("hello", frame("greet"), tmp_path / "train" / "a.wav")
    (tmp_path / name).write_text(content)
    assert inputs_in(tmp_path)[0][1] == tmp_path / name


@pytest.mark.parametrize(
    ("name", "content"),
    [("metadata.csv", "file_name,text,intent\ndata/a.wav,hello,greet\n"), ("wav.scp", "a data/a.wav\n")],
)
def test_folders_beside_a_table_are_not_read_as_labels_too(tmp_path: Path, name: str, content: str) -> None:
    """Each recording was imported twice, the second time without words and with the folder's name as its intent."""
    recordings(tmp_path, "train/data/a.wav", "test/greet/b.wav")
    (tmp_path / "train" / name).write_text(content)
    table = tmp_path / "train" / name if name.endswith("csv") else tmp_path / "train"
    assert inputs_in(tmp_path) == [("test", tmp_path / "test"), ("train", table)]


def test_data_directories_of_espnet(tmp_path: Path) -> None:
    for split in ("train", "devel", "test", "local"):
        (tmp_path / split).mkdir()
    for split in ("train", "devel", "test"):
        (tmp_path / split / "wav.scp").write_text("a a.wav\n")
    assert [split for split, _ in inputs_in(tmp_path)] == ["dev", "test", "train"]


def test_common_voice_has_words_and_speakers_and_no_intents(tmp_path: Path) -> None:
    recordings(tmp_path, "clips/common_voice_en_1.mp3")
    names = "client_id path sentence_id sentence sentence_domain up_votes down_votes age gender accents variant locale"
    header = "\t".join([*names.split(), "segment"])
    row = '5f3c\tcommon_voice_en_1.mp3\t9b1c\tHe said "no\t\t2\t0\t\t\t\t\ten\t'
    for split in ("train", "test", "validated"):
        (tmp_path / f"{split}.tsv").write_text(f"{header}\n{row}\n")
    assert inputs_in(tmp_path) == [("train", tmp_path / "train.tsv"), ("test", tmp_path / "test.tsv")]
    with pytest.raises(InputError, match="none of its columns is known as intent"):
        read_utterances(tmp_path / "train.tsv")
    (found,) = read_utterances(tmp_path / "train.tsv", labelled=False).utterances
    assert (found.text, found.language, found.frame) == ('He said "no', "en", None)
    assert (found.recordings[0].path, found.recordings[0].speaker) == (tmp_path / "clips/common_voice_en_1.mp3", "5f3c")


def test_slurp_as_speechbrain_prepares_it(tmp_path: Path) -> None:
    (tmp_path / "train-type=direct.csv").write_text(
        "ID,duration,wav,semantics,transcript\n"
        "0,2.1,a.flac,\"{'scenario': 'alarm'| 'action': 'set'| 'entities': [{'type': 'date'| 'filler': 'friday'}"
        "| {'type': 'time'| 'filler': \"\"nine o'clock\"\"}]}\",wake me on friday at nine o'clock\n"
        "1,2.1,b.flac,{'scenario': 'qa'| 'action': 'maths'| 'entities': []},two plus two\n"
        "2,2.1,c.flac,nothing,what\n"
    )
    imported = read_utterances(tmp_path / "train-type=direct.csv")
    first, second = imported.utterances
    assert first.frame == frame("alarm.set", "date:friday", "time:nine o'clock") and second.frame == frame("qa.maths")
    assert (first.id, first.text) == ("0", "wake me on friday at nine o'clock")
    assert imported.rejected[0].reason.startswith("semantics must be JSON, or a Python literal")


@pytest.mark.parametrize(
    ("table", "recording"),
    [
        *((name, "train/a.wav") for name in ("train.csv", "labels.tsv", "train/labels.jsonl", "deep/er/x.csv.gz")),
        *((name, "greet/a.wav") for name in ("train.json", "rows.parquet")),
        ("calls.csv", "a.wav"),
    ],
)
def test_a_folder_with_tables_is_not_read_as_recordings_alone(tmp_path: Path, table: str, recording: str) -> None:
    """The folders' names were the intents, the words were lost, and nobody was told of the table."""
    recordings(tmp_path, recording)
    (tmp_path / table).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / table).touch()
    for labelled in (True, False):
        with pytest.raises(InputError, match=f"has {table}, which may list its recordings; name what is to be read"):
            inputs_in(tmp_path, labelled)


def test_of_many_tables_in_a_folder_the_first_are_named(tmp_path: Path) -> None:
    recordings(tmp_path, "greet/a.wav")
    for number in range(5):
        (tmp_path / f"{number}.csv").touch()
    with pytest.raises(InputError, match=r"has 0\.csv, 1\.csv and 3 more tables, which"):
        inputs_in(tmp_path)


def test_what_prepare_wrote_into_a_folder_and_what_is_hidden_are_no_tables_of_it(tmp_path: Path) -> None:
    calls = recordings(tmp_path / "calls", "greet/a.wav")
    for name in (".cache/x.csv", "out/profile.md", "out/quarantine.jsonl", "out/train.jsonl", "out/tune/x.json"):
        (calls / name).parent.mkdir(parents=True, exist_ok=True)
        (calls / name).touch()
    assert inputs_in(calls) == inputs_in(calls, labelled=False) == [("all", calls)]


def test_the_name_of_a_split_is_no_label(tmp_path: Path) -> None:
    """Recordings in train and test had the intents train and test."""
    recordings(tmp_path, "greet/a.wav", "test-drive/a.wav", "Train/a.wav", "test/b.wav")
    with pytest.raises(InputError, match="its recordings lie in Train and test, whose names are splits and no labels;"):
        read_utterances(tmp_path)


def test_a_folder_of_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "wavs").mkdir()
    sound_file(tmp_path / "wavs" / "a.wav")  # recordings without any labels
    with pytest.raises(InputError, match=r"is a folder without wav\.scp, state\.json, metadata\.csv"):
        inputs_in(tmp_path)


def test_only_tables_and_what_has_words_may_be_unlabelled(tmp_path: Path) -> None:
    (tmp_path / "nlu.yml").write_text("nlu: []")
    with pytest.raises(InputError, match=r"is read as rasa; only jsonl, csv, .* may be unlabelled$"):
        read_utterances(tmp_path / "nlu.yml", labelled=False)
