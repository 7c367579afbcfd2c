"""Which recordings of SLURP are taken, and that its own sentences score 100 against themselves."""

import json
from pathlib import Path
from typing import Any

import pytest

from builders import frame, sound_file
from eartune.data.corpora import Source
from eartune.data.corpora.massive import annotated_entities
from eartune.data.corpora.slurp import SlurpCorpus
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.evaluation.metrics import Answered, evaluate
from eartune.files import read_lines
from eartune.tasks.slu import Schema, parse, target

TAKES = [("a-headset", 0.5), ("a", 0.25), ("b-headset", 0.25), ("c", 1.0)]
ROW: dict[str, Any] = {
    "slurp_id": 7,
    "scenario": "alarm",
    "action": "set",
    "tokens": [{"id": place, "surface": word} for place, word in enumerate(["Wake", "me", "Friday"])],
    "recordings": [{"file": f"audio-{name}.flac", "wer": wer, "status": "correct"} for name, wer in TAKES],
    "entities": [{"type": "date", "span": [2]}],
}


def corpus(root: Path, *rows: dict[str, Any], audio: bool = True) -> Source:
    """A folder laid out as SLURP, with a tone for every recording."""
    (root / "slurp").mkdir()
    (root / "slurp" / "devel.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if audio:
        (root / "slurp" / "slurp_real").mkdir()
        for name, _ in TAKES:
            sound_file(root / "slurp" / "slurp_real" / f"audio-{name}.flac", 0.25)
    return Source(root, root)


def load(source: Source, **settings: Any) -> tuple[Utterance, ...]:
    return SlurpCorpus.model_validate({"corpus": "slurp", "split": "devel"} | settings).load(source)


@pytest.mark.parametrize(
    ("choice", "taken"),
    [("all", ["a-headset", "a", "b-headset", "c"]), ("headset", ["a-headset", "b-headset"]), ("best", ["a"])],
)
def test_recordings_are_taken_as_the_setting_says(tmp_path: Path, choice: str, taken: list[str]) -> None:
    (found,) = load(corpus(tmp_path, ROW), recordings=choice)
    assert (found.id, found.text, found.frame) == ("slurp-7", "wake me friday", frame("alarm.set", "date:friday"))
    assert [recording.path.stem.removeprefix("audio-") for recording in found.recordings] == taken
    assert all(recording.seconds == 0.25 for recording in found.recordings)


def test_one_recording_is_the_same_whatever_their_order(tmp_path: Path) -> None:
    turned = ROW | {"slurp_id": 8, "recordings": ROW["recordings"][::-1]}
    first, second = load(corpus(tmp_path, ROW, turned), recordings="one")
    assert len(first.recordings) == 1 and first.recordings == second.recordings


def test_without_its_audio_folder_slurp_is_text(tmp_path: Path) -> None:
    (found,) = load(corpus(tmp_path, ROW, audio=False))
    assert found.recordings == ()


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    source = corpus(tmp_path, ROW)
    (tmp_path / "slurp" / "slurp_real" / "audio-c.flac").unlink()
    with pytest.raises(InputError, match=r"audio-c\.flac: no such recording"):
        load(source)


def test_recordings_that_are_not_right_are_left_out(tmp_path: Path) -> None:
    wrong = ROW | {
        "recordings": [take | {"status": "incorrect"} for take in ROW["recordings"][:3]] + ROW["recordings"][3:]
    }
    (found,) = load(corpus(tmp_path, wrong))
    assert [recording.path.stem for recording in found.recordings] == ["audio-c"]


@pytest.mark.parametrize("fault", [{"recordings": None}, {"recordings": [5]}, {"tokens": []}], ids=str)
def test_a_row_that_does_not_fit_is_named(tmp_path: Path, fault: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"devel\.jsonl, row 1: is not a row of SLURP"):
        load(corpus(tmp_path, ROW | fault))


@pytest.mark.parametrize("split", ["devel", "test"])
def test_the_targets_score_100_against_the_gold_and_those_of_the_annotation_do_not(data_root: Path, split: str) -> None:
    corpus = SlurpCorpus.model_validate({"corpus": "slurp", "split": split, "folder": "slurp_devtest"})
    utterances = corpus.load(Source(data_root, data_root))
    schema = Schema.of(utterance.frame for utterance in utterances)
    learned = [parse(target(utterance.frame), schema)[0] for utterance in utterances]
    assert slu_f1(utterances, learned) == 1.0

    rows = [row for _, row in read_lines(data_root / "slurp_devtest" / f"{split}.jsonl")]
    annotated = [
        with_entities(u, annotated_entities(row["sentence_annotation"].lower()))
        for u, row in zip(utterances, rows, strict=True)
    ]
    assert 0.97 < slu_f1(utterances, annotated) < 0.99  # 0.9834 on test


def slu_f1(utterances: tuple[Utterance, ...], said: list[SemanticFrame | None]) -> float:
    rows = [Answered(u.frame, answer, u.id) for u, answer in zip(utterances, said, strict=True)]
    return evaluate(rows, mode="official", resamples=0)["slu_f1"].value


def with_entities(utterance: Utterance, entities: list[Entity]) -> SemanticFrame:
    return SemanticFrame.of(str(utterance.frame.scenario), str(utterance.frame.action), entities)
