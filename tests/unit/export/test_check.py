"""The recordings of a check are copies that can be moved, but for those that a licence forbids to copy."""

import ast
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from builders import experiment, sound_file, utterance
from eartune.data.example import Example
from eartune.data.utterance import Recording, write_manifest
from eartune.errors import InputError
from eartune.export.check import MOST, Answered, read_answered, write_check
from eartune.files import read_lines, write_lines
from eartune.run_folder import ModelFolder

OWN = [{"corpus": "manifest", "path": "test.jsonl"}]


def run_on(test: list[dict[str, Any]], folder: Path) -> Any:
    """What a check needs to know of a run."""
    return SimpleNamespace(experiment=experiment(data__test=test), folder=ModelFolder(folder))


def answered(folder: Path, count: int) -> list[Answered]:
    recording = Recording(sound_file(folder / "a.flac"), 0.5)
    return [Answered(Example(utterance(), recording), recording, f"answer {n}") for n in range(count)]


def test_recordings_of_ones_own_are_copied_beside_their_answers(tmp_path: Path) -> None:
    to = tmp_path / "exported"
    to.mkdir()
    write_check(to, run_on(OWN, tmp_path), answered(tmp_path, MOST + 3))
    rows = [row for _, row in read_lines(to / "check" / "answers.jsonl")]
    assert len(rows) == MOST and rows[19] == {"file": "check/20.wav", "text": "answer 19"}
    assert all((to / row["file"]).is_file() for row in rows)


def test_of_a_corpus_that_forbids_it_no_recording_is_copied(tmp_path: Path) -> None:
    to = tmp_path / "exported"
    to.mkdir()
    write_check(to, run_on([*OWN, {"corpus": "slurp", "split": "test"}], tmp_path), answered(tmp_path, 1))
    ((_, row),) = read_lines(to / "check" / "answers.jsonl")
    assert row["file"] == str(tmp_path / "a.flac") and [path.name for path in (to / "check").iterdir()] == [
        "answers.jsonl"
    ]


def test_the_script_needs_nothing_but_python(tmp_path: Path) -> None:
    write_check(tmp_path, run_on(OWN, tmp_path), answered(tmp_path, 1))
    tree = ast.parse((tmp_path / "check_server.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("ids", "message"),
    [(("u1", "u3"), "holds answers to another test"), (("u1", "u2"), "no recording of the test exists")],
)
def test_answers_are_those_to_this_test(tmp_path: Path, ids: tuple[str, ...], message: str) -> None:
    write_manifest(tmp_path / "references.jsonl", [utterance("u1", "a", None, 1.0), utterance("u2", "b", None, 1.0)])
    (tmp_path / "cell").mkdir()
    write_lines(tmp_path / "cell" / "predictions.jsonl", ({"id": name, "text": "{}"} for name in ids))
    with pytest.raises(InputError, match=message):
        read_answered(run_on(OWN, tmp_path / "cell"))
