"""Rows in, manifests and quarantine out: nothing is lost, and nothing is half written."""

import io
import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from builders import frame, sound_file, utterance
from eartune.data.audio import read_audio
from eartune.data.frame import SemanticFrame
from eartune.data.utterance import Recording, Utterance, read_manifest
from eartune.errors import InputError
from eartune.files import read_lines
from eartune.prepare import prepare as module
from eartune.prepare.hold_out import parse_hold_out
from eartune.prepare.importers.detect_format import read_utterances
from eartune.prepare.importers.excerpt import Excerpt, file_name
from eartune.prepare.importers.import_result import Imported, Rejected
from eartune.prepare.prepare import prepare
from eartune.prepare.repeated_ids import with_ids_of_their_own


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of which some can be used: good0, good1, good2, loud; silent, short, and gone, which is not there."""
    folder = tmp_path_factory.mktemp("clips")
    for name, seconds in (("good0", 0.5), ("good1", 1.0), ("good2", 2.0), ("short", 0.1)):
        sound_file(folder / f"{name}.wav", seconds)
    soundfile.write(folder / "silent.wav", np.zeros(8000), 16000)
    soundfile.write(folder / "loud.wav", np.sign(soundfile.read(folder / "good1.wav")[0]), 16000)
    return folder


def spoken(name: str, clips: Path, *files: str, seconds: float = math.nan) -> Utterance:
    return replace(utterance(name), recordings=tuple(Recording(clips / f"{f}.wav", seconds) for f in files))


def imported(*rows: Utterance, rejected: tuple[Rejected, ...] = ()) -> Imported:
    return Imported(rows, rejected, {})


def quarantine(out: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_lines(out / "quarantine.jsonl")]


def test_what_is_written(tmp_path: Path, clips: Path) -> None:
    rejected = Rejected("train.csv, row 9", {"utt": "x"}, 'needs an "intent"')
    rows = [spoken("a", clips, "good0"), spoken("b", clips, "gone"), utterance("c", "wake\ufeff me on friday")]
    out = tmp_path / "deep" / "out"
    prepared = prepare({"train": imported(*rows, rejected=(rejected,)), "test": imported(utterance("t"))}, out)
    assert sorted(path.name for path in out.iterdir()) == [
        "profile.md",
        "quarantine.jsonl",
        "test.jsonl",
        "train.jsonl",
    ]
    assert read_manifest(out / "train.jsonl") == prepared.splits["train"]
    assert [(u.id, u.seconds) for u in prepared.splits["train"]] == [("a", 0.5)]
    assert prepared.splits["test"] == (utterance("t"),)
    row: dict[str, Any] = {"text": "wake me on friday", "language": "en", "scenario": "alarm", "action": "set"}
    row |= {"entities": [{"type": "date", "filler": "friday"}]}
    assert quarantine(out) == [
        {
            **{"split": "train", "place": "train.csv, row 9", "file": None, "fault": "not-read"},
            **{"reason": 'needs an "intent"', "row": {"utt": "x"}},
        },
        {
            **{"split": "train", "id": "b", "file": f"{clips}/gone.wav", "fault": "missing"},
            "reason": "there is no such file",
            "row": row | {"id": "b", "recordings": [{"file": f"{clips}/gone.wav"}]},
        },
        {
            **{"split": "train", "id": "c", "file": None, "fault": "byte-order-mark"},
            "reason": "holds a byte order mark, '\\ufeff'; save the file as UTF-8 without one",
            "row": row | {"id": "c", "text": "wake\ufeff me on friday", "recordings": []},
        },
    ]
    assert (out / "profile.md").read_text(encoding="utf-8").startswith("# Profile\n\n## Overview\n")


def test_a_row_keeps_the_recordings_that_can_be_used(tmp_path: Path, clips: Path) -> None:
    rows = [spoken("a", clips, "silent", "good1", "gone", "good2"), spoken("b", clips, "silent", "gone")]
    prepared = prepare({"all": imported(*rows)}, tmp_path)
    assert prepared.splits["all"] == (replace(spoken("a", clips, "good1", "good2"), recordings=heard(clips)),)
    assert [(e.name, e.fault) for e in prepared.quarantined] == [(n, f) for n in "ab" for f in ("silent", "missing")]


def heard(clips: Path) -> tuple[Recording, ...]:
    return (Recording(clips / "good1.wav", 1.0), Recording(clips / "good2.wav", 2.0))


def test_what_is_only_doubtful_is_kept_with_the_measured_length(tmp_path: Path, clips: Path) -> None:
    prepared = prepare({"all": imported(spoken("a", clips, "loud", seconds=7.0))}, tmp_path)
    assert [fault.kind for fault in prepared.warnings[:2]] == ["clipped", "wrong-duration"]
    assert prepared.quarantined == () and prepared.splits["all"][0].seconds == 1.0
    assert quarantine(tmp_path) == []


def test_there_are_no_warnings_of_what_is_set_aside(tmp_path: Path, clips: Path) -> None:
    wrong = frame("alarm.set", "date:monday")
    rows = [replace(spoken("a", clips, "gone"), frame=wrong), replace(utterance("b", "x\ufeff"), frame=wrong)]
    rows += [spoken("c", clips, "silent", "good1", seconds=1.0)]
    faults = Counter(fault.kind for fault in prepare({"all": imported(*rows)}, tmp_path).warnings)
    assert faults == {"seen-once": 2}


def test_labels_are_counted_without_what_is_set_aside(tmp_path: Path, clips: Path) -> None:
    train = [replace(spoken("a", clips, "gone"), frame=frame("music.play")), utterance("b", "b")]
    test = [replace(spoken("t", clips, "good0"), frame=frame("music.play"))]
    warnings = prepare({"train": imported(*train), "test": imported(*test)}, tmp_path).warnings
    assert ("never-trained", "the intent music_play") in [(fault.kind, fault.subject) for fault in warnings]


def test_a_recording_of_the_test_is_set_aside_from_training(tmp_path: Path, clips: Path) -> None:
    train, test = spoken("a", clips, "good0", "good1"), spoken("t", clips, "good0")
    prepared = prepare({"train": imported(train), "test": imported(test)}, tmp_path)
    assert [r.path.stem for u in prepared.splits["train"] for r in u.recordings] == ["good1"]
    assert [r.path.stem for u in prepared.splits["test"] for r in u.recordings] == ["good0"]
    assert [(e.split, e.fault) for e in prepared.quarantined] == [("train", "shared-recording")]


def test_two_recordings_of_one_file_name_stay_two_and_one_listed_twice_stays_one(tmp_path: Path) -> None:
    """Rows name near/1.wav and far/1.wav; by name alone they were one recording, and scores were silently wrong."""
    for folder in ("near", "far"):
        (tmp_path / folder).mkdir()
    near, far = sound_file(tmp_path / "near" / "1.wav", 0.5), sound_file(tmp_path / "far" / "1.wav", 1.0)
    row = {"id": "a", "text": "wake me", "intent": "alarm"}
    row |= {"recordings": [{"file": f"{folder}/1.wav"} for folder in ("near", "far", "near")]}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    for out in (tmp_path, tmp_path / "elsewhere"):
        prepared = prepare({"test": read_utterances(tmp_path / "rows.jsonl")}, out)
        assert [(entry.file, entry.fault) for entry in prepared.quarantined] == [(str(near), "repeated-recording")]
        (kept,) = read_manifest(out / "test.jsonl")
        assert [(r.path.resolve(), r.seconds) for r in kept.recordings] == [(near, 0.5), (far, 1.0)]


def test_recordings_inside_the_folder_are_named_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    prepare({"all": imported(spoken("a", sound_file(tmp_path / "clips" / "x.wav").parent, "x"))}, tmp_path)
    (line,) = (tmp_path / "all.jsonl").read_text().splitlines()
    assert json.loads(line)["recordings"] == [{"file": "clips/x.wav", "seconds": 0.5}]


def test_what_was_set_aside_can_be_prepared_again_when_it_is_mended(tmp_path: Path, clips: Path) -> None:
    prepare({"all": imported(spoken("a", tmp_path, "late"))}, tmp_path / "first")
    (entry,) = quarantine(tmp_path / "first")
    sound_file(tmp_path / "late.wav", 1.0)
    (tmp_path / "again.jsonl").write_text(json.dumps(entry["row"]))
    prepared = prepare({"all": imported(*read_manifest(tmp_path / "again.jsonl"))}, tmp_path / "second")
    assert prepared.quarantined == () and prepared.splits["all"][0].seconds == 1.0


def test_headers_alone_do_not_tell_of_silence(tmp_path: Path, clips: Path) -> None:
    prepared = prepare({"all": imported(spoken("a", clips, "silent", "short"))}, tmp_path, read_samples=False)
    assert [entry.fault for entry in prepared.quarantined] == ["too-short"]
    assert "Only headers were read" in (tmp_path / "profile.md").read_text(encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_strict_refuses_in_one_sentence_and_writes_nothing(tmp_path: Path, clips: Path) -> None:
    rejected = Rejected("a.csv, row 2", None, "needs an intent")
    rows = imported(spoken("a", clips, "gone", "good0", "away"), rejected=(rejected,))
    said = "3 rows (2 missing and 1 not-read) cannot be used, the first being a.csv, row 2: needs an intent"
    with pytest.raises(InputError) as error:
        prepare({"all": rows}, tmp_path / "out", strict=True)
    assert str(error.value) == said and list(tmp_path.iterdir()) == []
    assert prepare({"all": imported(utterance())}, tmp_path / "out", strict=True).quarantined == ()


@pytest.mark.parametrize("split", ["", "a/b", "../up", ".hidden", "quarantine", "a b"])
def test_a_split_is_named_like_a_file(tmp_path: Path, split: str) -> None:
    with pytest.raises(InputError, match="cannot name a split"):
        prepare({split: imported()}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_was_held_out_before_does_not_stay_beside_a_new_test(tmp_path: Path) -> None:
    """The old dev set stayed, and its rows were in the new training and test, too."""
    rows = imported(*(utterance(f"u{n}", f"sentence {n}") for n in range(10)))
    prepare({"all": rows}, tmp_path)
    (tmp_path / "chats-test.jsonl").write_text('{"messages": []}\n')
    (tmp_path / "calls.jsonl").write_text("no JSON")
    for _ in range(2):  # what it writes itself may be there
        assert len(prepare({"train": rows}, tmp_path, hold_out=parse_hold_out("20%")).splits["test"]) == 2
    (tmp_path / "dev.jsonl").write_bytes((tmp_path / "test.jsonl").read_bytes())
    before = contents(tmp_path)
    with pytest.raises(
        InputError, match=r"dev\.jsonl: was held out before, and its rows may now be in train or test; move"
    ):
        prepare({"train": rows}, tmp_path, hold_out=parse_hold_out("20%"))
    assert contents(tmp_path) == before


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="is a file; name a folder"):
        prepare({"all": imported()}, tmp_path / "out")


def test_an_interrupt_while_listening_leaves_what_was_there(tmp_path: Path, clips: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare({"all": imported(spoken("a", clips, "good0"))}, tmp_path / "out", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, quarantined: object) -> None:
        path.with_name(f".{path.name}.part").write_text("half a line")
        raise OSError("No space left on device")

    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "all.jsonl").write_text("before")
    monkeypatch.setattr(module, "write_quarantine", full)
    for out in (tmp_path / "there", tmp_path / "not" / "there"):
        with pytest.raises(OSError, match="No space left"):
            prepare({"all": imported(utterance())}, out)
    assert contents(tmp_path) == {"there/all.jsonl": b"before"} and not (tmp_path / "not").exists()


def test_preparing_twice_gives_the_same(tmp_path: Path, clips: Path) -> None:
    rows = {"all": imported(spoken("a", clips, "good0", "gone"))}
    prepare(rows, tmp_path)
    before = contents(tmp_path)
    prepare(rows, tmp_path)
    assert contents(tmp_path) == before


# What people's files may hold: any text at all, and the faults that chance would not find.
WORDS = st.text(st.characters(exclude_categories=()), max_size=6)
TEXTS = st.none() | WORDS | st.sampled_from(["wake me", "Wake  ME", "café", "cafe\u0301", "cafÃ©", "\ufeff", " "])
FILES = ("good0", "good1", "good2", "loud", "silent", "short", "gone")
ENTITIES = st.lists(st.tuples(st.sampled_from(["date", "time"]), WORDS), max_size=2)


@st.composite
def rows(draw: st.DrawFn) -> Utterance:
    entities = [f"{kind}:{filler}" for kind, filler in draw(ENTITIES)]
    files = draw(st.lists(st.sampled_from(FILES), max_size=3))
    speaker, seconds = draw(WORDS) or None, draw(st.sampled_from([math.nan, 1.0, 99.0]))
    recordings = tuple(Recording(Path(f"{file}.wav"), seconds, speaker) for file in files)
    meaning: SemanticFrame = frame(draw(st.sampled_from(["alarm.set", "order"])), *entities)
    name = draw(st.sampled_from(["u1", "u2", "u3"]) | WORDS)
    return Utterance(name, draw(TEXTS), draw(st.sampled_from(["en", "ja", "und"])), meaning, recordings)


SPLITS = st.dictionaries(
    st.sampled_from(["train", "dev", "test", "all"]), st.tuples(st.lists(rows(), max_size=6), st.integers(0, 2))
)


def pieces(split: str, name: str, text: str | None, files: list[str]) -> Iterator[tuple[object, ...]]:
    """A row without recordings is one piece, one with recordings as many as it has."""
    for file in files or [None]:
        yield split, name, text, file and os.path.basename(file)


@given(SPLITS)
def test_every_row_and_recording_is_in_a_manifest_or_in_the_quarantine_once(
    clips: Path, tmp_path_factory: pytest.TempPathFactory, drawn: dict[str, tuple[list[Utterance], int]]
) -> None:
    splits = {split: given_rows(split, utterances, count, clips) for split, (utterances, count) in drawn.items()}
    out = tmp_path_factory.mktemp("out")
    prepared = prepare(splits, out)
    there: Counter[object] = Counter()
    for split in splits:
        manifest = read_manifest(out / f"{split}.jsonl")
        assert manifest == prepared.splits[split]  # what is written can be read, and is what was said
        there.update(p for u in manifest for p in pieces(split, u.id, u.text, [str(r.path) for r in u.recordings]))
    for entry in quarantine(out):
        row = entry["row"]
        files = [recording["file"] for recording in row.get("recordings", [])]
        there.update([entry["place"]] if "place" in entry else pieces(entry["split"], row["id"], row["text"], files))
    assert there == Counter(all_pieces(with_ids_of_their_own(splits)[0]))


def given_rows(split: str, utterances: list[Utterance], rejected: int, clips: Path) -> Imported:
    found = [replace(u, recordings=tuple(replace(r, path=clips / r.path) for r in u.recordings)) for u in utterances]
    return imported(*found, rejected=tuple(Rejected(f"{split}, row {n}", {}, "is none") for n in range(rejected)))


def all_pieces(splits: dict[str, Imported]) -> Iterator[object]:
    for split, rows_of_it in splits.items():
        yield from (rejected.place for rejected in rows_of_it.rejected)
        for u in rows_of_it.utterances:
            yield from pieces(split, u.id, u.text, [str(recording.path) for recording in u.recordings])


HZ = 16_000


@pytest.fixture
def call(tmp_path: Path) -> Path:
    """Three seconds of two channels: what is at second n of channel c is all n / 10 + c / 100."""
    levels = np.repeat([0.1, 0.2, 0.3], HZ)
    soundfile.write(tmp_path / "call.wav", np.stack([levels, levels + 0.01], axis=1), HZ, subtype="FLOAT")
    return tmp_path / "call.wav"


def excerpt(name: str, path: Path, **part: Any) -> Utterance:
    return replace(utterance(name), recordings=(Excerpt(path, math.nan, "ann", **part),))


def stored(samples: np.ndarray) -> bytes:
    whole = io.BytesIO()
    soundfile.write(whole, samples, HZ, format="WAV", subtype="FLOAT")
    return whole.getvalue()


def test_parts_and_channels_and_stored_sound_are_written_to_files_of_their_own(tmp_path: Path, call: Path) -> None:
    """Of a part the whole file was taken, of a channel the mean of all, and stored sound was dropped."""
    rows = [
        excerpt("part", call, start=1.0, end=2.0),
        excerpt("channel", call, channel=1),
        excerpt("both", call, start=2.5, channel=0),
        excerpt("again", call, start=1.0, end=2.0),
        excerpt("whole", call, start=0.0, end=2.999),
        excerpt("stored", tmp_path / "b.mp3", stored=stored(np.full(HZ, 0.4))),
    ]
    out = tmp_path / "out"
    prepared = prepare({"train": imported(*rows)}, out)
    assert prepared.quarantined == () and read_manifest(out / "train.jsonl") == prepared.splits["train"]
    found = {row.id: row.recordings[0] for row in prepared.splits["train"]}
    assert {name: one.seconds for name, one in found.items()} == {
        **{"part": 1.0, "channel": 3.0, "both": 0.5, "again": 1.0, "whole": 3.0, "stored": 1.0}
    }
    heard = {name: read_audio(one.path) for name, one in found.items()}
    assert heard["part"] == pytest.approx(np.full(HZ, 0.205), abs=1e-4)
    assert heard["channel"] == pytest.approx(np.repeat([0.11, 0.21, 0.31], HZ), abs=1e-4)
    assert heard["both"] == pytest.approx(np.full(HZ // 2, 0.3), abs=1e-4)
    assert heard["stored"] == pytest.approx(np.full(HZ, 0.4), abs=1e-4)
    assert found["part"].path == found["again"].path and found["whole"].path == call
    assert {one.speaker for one in found.values()} == {"ann"}
    files = [path for path in (out / "recordings").iterdir()]
    assert len(files) == 4 and {path.suffix for path in files} == {".flac"}
    assert not [path for path in out.iterdir() if "prepare" in path.name]
    assert prepare({"train": imported(*rows)}, out).splits == prepared.splits  # the same names again


def test_the_names_of_parts_do_not_depend_on_where_the_recordings_are(tmp_path: Path, call: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / "call.wav"
    moved.write_bytes(call.read_bytes())
    other = tmp_path / "other" / "call.wav"
    other.parent.mkdir()
    other.write_bytes(call.read_bytes()[:-4] + b"\0\0\0\0")  # another recording of the same name and length
    names = [file_name(Excerpt(path, math.nan, start=1.0, end=2.0)) for path in (call, moved, other)]
    assert names[0] == names[1] != names[2] and names[0].startswith("call-")
    assert file_name(Excerpt(call, math.nan, start=1.0, end=2.5)) not in names


@pytest.mark.parametrize("read_samples", [True, False])
def test_a_part_that_is_not_there_is_set_aside_and_can_be_prepared_again(
    tmp_path: Path, call: Path, read_samples: bool
) -> None:
    rows = [
        excerpt("late", call, start=2.0, end=64000.0),
        excerpt("third", call, channel=2, start=1.0),
        excerpt("short", call, start=1.0, end=1.1),
        excerpt("good", call, start=1.0, end=2.0),
    ]
    prepared = prepare({"train": imported(*rows)}, tmp_path / "out", read_samples=read_samples)
    assert [row.id for row in prepared.splits["train"]] == ["good"]
    aside = quarantine(tmp_path / "out")
    assert [row["reason"] for row in aside] == [
        "lasts 3.00 s, and so has no part from 2.00 to 64000.00 s; are the times in seconds? "
        "columns of milliseconds are called start_ms and end_ms",
        "has 2 channels, and so no channel 2; they are called 0, 1, ..., or left and right, or A and B",
        "lasts 0.100 s; words take 0.2 s or more",
    ]
    (tmp_path / "again.jsonl").write_text(json.dumps(aside[1]["row"]))
    (again,) = read_utterances(tmp_path / "again.jsonl").utterances
    assert isinstance(again.recordings[0], Excerpt) and again.recordings[0].part == (1.0, None, 2)


def test_parts_of_one_file_in_training_and_test_are_two_recordings(tmp_path: Path, call: Path) -> None:
    one, other = excerpt("a", call, start=0.0, end=1.0), excerpt("b", call, start=1.0, end=2.0)
    assert prepare({"train": imported(one), "test": imported(other)}, tmp_path / "out").quarantined == ()
    both = prepare({"train": imported(one), "test": imported(replace(one, id="b"))}, tmp_path / "out").quarantined
    assert [entry.fault for entry in both] == ["shared-recording"]


def test_a_full_disk_leaves_no_part_of_a_recording(tmp_path: Path, call: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(module, "write_manifest", lambda path, utterances, relative: full())
    with pytest.raises(OSError, match="No space left"):
        prepare({"train": imported(excerpt("a", call, end=1.0))}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def names(manifest: Path) -> list[str]:
    return [recording["file"] for _, row in read_lines(manifest) for recording in row["recordings"]]


def test_recordings_elsewhere_are_named_from_the_folder_and_may_be_moved_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "clips").mkdir(parents=True)
    sound_file(folder / "clips" / "a.wav", 1.0)
    prepared = prepare({"train": imported(spoken("a", folder / "clips", "a"))}, folder / "data" / "calls")
    assert names(folder / "data" / "calls" / "train.jsonl") == ["../../clips/a.wav"]
    assert prepared.notes == (
        f"1 recording outside of {folder / 'data' / 'calls'}, to be moved together with it; or copy with --copy",
    )
    (tmp_path / "link").symlink_to(folder / "data")
    folder.rename(tmp_path / "moved")
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to(tmp_path / "moved" / "data")
    for manifest in (tmp_path / "moved" / "data" / "calls", tmp_path / "link" / "calls"):
        (row,) = read_manifest(manifest / "train.jsonl")
        assert row.recordings[0].path == tmp_path / "moved" / "clips" / "a.wav"


def test_copies_have_names_of_their_own_and_only_equal_sound_is_shared(tmp_path: Path) -> None:
    for folder, seconds in (("near", 1.0), ("far", 2.0), ("again", 1.0)):
        (tmp_path / folder).mkdir()
        sound_file(tmp_path / folder / "a.wav", seconds)
    out = tmp_path / "out"
    rows = [spoken(name, tmp_path / name, "a") for name in ("near", "far", "again")]
    prepared = prepare({"train": imported(*rows)}, out, copy=True)
    near, far, again = names(out / "train.jsonl")
    assert near.startswith("recordings/a-") and near == again != far
    assert (out / far).read_bytes() == (tmp_path / "far" / "a.wav").read_bytes()
    assert prepared.notes == (f"copied: 2 recordings to {out / 'recordings'}, so that {out} can be moved by itself",)
    assert names_after_a_second_time(out) == [near, far, again]


def names_after_a_second_time(out: Path) -> list[str]:
    """What lies in the folder already is not copied again."""
    rows = read_manifest(out / "train.jsonl")
    assert prepare({"train": imported(*rows)}, out, copy=True).notes == ()
    return names(out / "train.jsonl")
