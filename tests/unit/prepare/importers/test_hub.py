"""A dataset of the hub is what the package `datasets` makes of its name, saved and read as any saved dataset."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

from builders import sound_file
from eartune.cli.app import app
from eartune.data.utterance import read_manifest
from eartune.errors import InputError
from eartune.prepare.importers.hub import save_from_hub

pyarrow = pytest.importorskip("pyarrow")


class Dataset:
    """Two splits with recordings in their rows, as `datasets` saves them."""

    def __init__(self, recording: bytes) -> None:
        self.recording = recording

    def save_to_disk(self, folder: str) -> None:
        for split, intents in {"train": ["order", "cancel"], "test": ["order"]}.items():
            audio = {"bytes": self.recording, "path": None}
            rows = [{"id": f"{split}-{i}", "text": i, "intent": i, "audio": audio} for i in intents]
            (Path(folder) / split).mkdir(parents=True)
            table = pyarrow.Table.from_pylist(rows)
            with pyarrow.ipc.new_stream(str(Path(folder) / split / "data.arrow"), table.schema) as stream:
                stream.write_table(table)
            state = {"_data_files": [{"filename": "data.arrow"}]}
            (Path(folder) / split / "state.json").write_text(json.dumps(state))
        (Path(folder) / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the package is asked for, in whose place there is one that needs no network."""
    calls: list[Any] = []
    package = ModuleType("datasets")

    def load_dataset(path: str, **settings: str) -> Dataset:
        calls.append((path, settings))
        if path == "nobody/nothing":
            raise ConnectionError("Couldn't reach 'nobody/nothing' on the Hub\nand a page of details")
        return Dataset(sound_file(tmp_path / "a.wav").read_bytes())

    package.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", package)
    return calls


def prepare(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["prepare", *arguments])


def test_a_dataset_of_the_hub_becomes_manifests_with_its_recordings(tmp_path: Path, asked: list[Any]) -> None:
    done = prepare("--hub", "acme/calls", "--with", "name=en-US", "--to", str(tmp_path / "calls"))
    assert done.exit_code == 0, done.output
    assert asked == [("acme/calls", {"name": "en-US"})]
    train, test = (read_manifest(tmp_path / "calls" / f"{split}.jsonl") for split in ("train", "test"))
    assert [row.frame.intent for row in train if row.frame] == ["order", "cancel"] and len(test) == 1
    assert all(row.recordings[0].path.is_file() for row in (*train, *test))
    assert (tmp_path / "calls" / "experiment.yaml").is_file()


@pytest.mark.parametrize(
    ("dataset", "settings", "message"),
    [
        (
            "nobody/nothing",
            {},
            r"^--hub nobody/nothing: cannot be loaded \(Couldn't reach 'nobody/nothing' on the Hub\)$",
        ),
        ("acme/calls", {"streaming": "1"}, "^--with streaming: of a dataset of the hub only name and revision can be"),
    ],
)
def test_what_cannot_be_loaded_is_one_sentence(
    tmp_path: Path, asked: list[Any], dataset: str, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        save_from_hub(dataset, settings, tmp_path / "saved")


def test_without_the_package_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"needs the package datasets; pip install 'eartune\[hub\]'"):
        save_from_hub("acme/calls", {}, tmp_path / "saved")


def test_files_beside_it_are_refused(tmp_path: Path, asked: list[Any]) -> None:
    error = prepare("mine.csv", "--hub", "acme/calls", "--to", str(tmp_path)).exception
    assert str(error).startswith("--hub acme/calls: is in place of files and of corpora") and asked == []
