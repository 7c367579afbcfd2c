"""Anybody's own data; recordings are looked at, by their headers, before anything is trained."""

import json
from pathlib import Path

import pytest

from builders import sound_file
from eartune.data.corpora import Source
from eartune.data.corpora.manifest import ManifestCorpus
from eartune.errors import InputError


def load(folder: Path, **row: object) -> None:
    (folder / "mine.jsonl").write_text(json.dumps({"id": "u1", "intent": "go"} | row) + "\n")
    ManifestCorpus(corpus="manifest", path="mine.jsonl").load(Source(folder, folder / "speech"))


def test_text_and_recordings_are_read(tmp_path: Path) -> None:
    sound_file(tmp_path / "a.wav")
    load(tmp_path, text="go", recordings=[{"file": "a.wav", "seconds": 0.5}])
    load(tmp_path, text="go")


def test_a_missing_recording_is_named_even_where_the_manifest_says_how_long_it_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.wav: no such recording$"):
        load(tmp_path, recordings=[{"file": "a.wav", "seconds": 0.5}])


def test_a_recording_without_a_header_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("this is no sound")
    with pytest.raises(InputError, match=r"a\.wav: not a recording that can be read"):
        load(tmp_path, recordings=[{"file": "a.wav", "seconds": 0.5}])


@pytest.mark.parametrize("seconds", [0.0, 0.05, 31.0])
def test_a_recording_that_no_model_can_hear_is_named(tmp_path: Path, seconds: float) -> None:
    sound_file(tmp_path / "a.wav", seconds)
    with pytest.raises(
        InputError, match=r"a\.wav: (is \d+\.\d\d s long; a recording must be 0\.1 to 30 s long|holds no samples)$"
    ):
        load(tmp_path, recordings=[{"file": "a.wav", "seconds": 1.0}])


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"other\.jsonl: no such file$"):
        ManifestCorpus(corpus="manifest", path="other.jsonl").load(Source(tmp_path, tmp_path))
