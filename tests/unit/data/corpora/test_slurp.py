"""What a row of SLURP means: intent from scenario and action, fillers from lower-cased tokens."""

import json
from pathlib import Path
from typing import Any

import pytest

from builders import frame
from eartune.data.corpora.slurp import slurp_frame, slurp_text
from eartune.errors import InputError

ROW: dict[str, Any] = {
    "slurp_id": 7,
    "sentence": "Mute Ann's speakers until Ten AM",
    "sentence_annotation": "Mute [person : Ann's] speakers until [time : Ten AM]",
    "intent": "mute",
    "scenario": "audio",
    "action": "volume_mute",
    "tokens": [
        {"id": place, "surface": surface, "lemma": "?", "pos": "?"}
        for place, surface in enumerate(["Mute", "Ann", "'s", "speakers", "until", "Ten", "AM"])
    ],
    "recordings": [{"file": "audio-7.flac", "wer": 0.0, "ent_wer": None, "status": "correct"}],
    "entities": [{"type": "person", "span": [1, 2]}, {"type": "time", "span": [5, 6]}],
}


def test_fillers_are_lower_cased_tokens_and_the_intent_is_scenario_and_action() -> None:
    found = slurp_frame(ROW, "test.jsonl, row 1")
    assert found == frame("audio.volume_mute", "person:ann 's", "time:ten am")
    assert found.intent == "audio_volume_mute"


def test_the_text_is_parted_as_the_fillers_are() -> None:
    assert slurp_text(ROW) == "mute ann 's speakers until ten am"


def test_a_span_names_tokens_by_id_and_not_by_place() -> None:
    assert slurp_frame(ROW | {"tokens": ROW["tokens"][::-1]}, "row 1") == slurp_frame(ROW, "row 1")


def test_a_type_can_be_there_twice() -> None:
    twice = [{"type": "time", "span": [6]}, {"type": "time", "span": [5]}]
    assert slurp_frame(ROW | {"entities": twice}, "row 1") == frame("audio.volume_mute", "time:am", "time:ten")


@pytest.mark.parametrize(
    "fault",
    [
        {"tokens": None},
        {"tokens": ["mute"]},
        {"tokens": [{"id": 0}]},
        {"entities": None},
        {"entities": ["time"]},
        {"entities": [{"type": "time"}]},
        {"entities": [{"type": "time", "span": [9]}]},
        {"entities": [{"type": "time", "span": 5}]},
    ],
    ids=str,
)
def test_a_row_that_does_not_fit_is_named(fault: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"^test\.jsonl, row 1: is not a row of SLURP; it lacks "):
        slurp_frame(ROW | fault, "test.jsonl, row 1")


@pytest.mark.parametrize("key", ["scenario", "action", "tokens", "entities"])
def test_a_row_that_lacks_a_key_is_named_with_it(key: str) -> None:
    with pytest.raises(
        InputError, match=rf"^row 1: is not a row of SLURP; it lacks '{key}', or that has another form$"
    ):
        slurp_frame({name: value for name, value in ROW.items() if name != key}, "row 1")


def test_the_published_test_has_2974_sentences_of_59_intents_and_53_types(data_root: Path) -> None:
    lines = (data_root / "slurp_devtest" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    frames = [slurp_frame(json.loads(line), "") for line in lines]
    entities = [entity for found in frames for entity in found.entities]
    assert (len(frames), len({found.intent for found in frames})) == (2_974, 59)
    assert (len(entities), len({entity.type for entity in entities})) == (2_823, 53)
    assert all(entity.filler == entity.filler.lower().strip() != "" for entity in entities)
