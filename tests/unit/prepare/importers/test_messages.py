"""Chats of three tools are read, and what is written is read back."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from builders import frame, utterance
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance
from eartune.errors import InputError
from eartune.files import write_lines
from eartune.prepare.importers.detect_format import read_utterances
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.messages import write_messages
from eartune.tasks.slu import INTENT_INSTRUCTION, SCENARIO_ACTION_INSTRUCTION

ANSWER = '{"intent": "order", "entities": [{"size": "small"}]}'
FRAME = frame("order", "size:small")


def chat(question: Any, answer: Any = ANSWER, **more: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": turns} | more


def sharegpt(*turns: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"conversations": [{"from": who, "value": value} for who, value in turns]} | more


def read(folder: Path, *rows: dict[str, Any]) -> Imported:
    (folder / "a.wav").touch()
    write_lines(folder / "chats.jsonl", rows)
    return read_utterances(folder / "chats.jsonl", "messages")


SPOKEN = [
    chat([{"type": "audio", "audio": "a.wav"}, {"type": "text", "text": INTENT_INSTRUCTION}]),
    chat([{"type": "audio", "path": "a.wav"}], [{"type": "text", "text": ANSWER}]),
    chat([{"type": "audio", "audio": None, "audio_url": "a.wav"}, {"type": "text", "text": "What is meant?"}]),
    chat([{"type": "audio"}, {"type": "text", "text": "What is meant?"}], audios=["a.wav"]),
    chat([{"type": "audio", "audio": {"path": "a.wav", "bytes": None}}]),
    chat("<audio>What is meant?", audios=["a.wav"]),
    chat("What is meant?", audios="a.wav"),
    chat("<audio>", audio={"path": "a.wav", "bytes": None}),
    {"messages": [{"role": "system", "content": "Help."}, *chat("<audio>")["messages"]], "audios": ["a.wav"]},
    sharegpt(("human", "<audio>What is meant?"), ("gpt", ANSWER), audios=["a.wav"], system="Help."),
    sharegpt(("system", "Help."), ("user", "<audio>"), ("assistant", ANSWER), audios=["a.wav"]),
    chat([{"type": "audio_url", "audio_url": {"url": "a.wav"}}, {"type": "text", "text": "What is meant?"}]),
    chat("<audio>a.wav</audio>What is meant?"),
    {"query": "<audio>a.wav</audio>What is meant?", "response": ANSWER},
    {"query": "<audio>What is meant?", "response": ANSWER, "audios": ["a.wav"], "history": []},
    {"instruction": "<audio>What is meant?", "input": "", "output": ANSWER, "audios": ["a.wav"]},
    {"instruction": "What is meant?", "input": "<audio>", "output": ANSWER, "audios": ["a.wav"]},
    {"prompt": chat("<audio>")["messages"][:1], "completion": chat("")["messages"][1:], "audios": ["a.wav"]},
]


@pytest.mark.parametrize("row", SPOKEN, ids=json.dumps)
def test_a_recording_in_a_chat_is_an_utterance_without_words(tmp_path: Path, row: dict[str, Any]) -> None:
    imported = read(tmp_path, row)
    (found,) = imported.utterances
    assert imported.rejected == () and imported.columns == {}
    assert (found.text, found.frame) == (None, FRAME)
    assert [recording.path for recording in found.recordings] == [tmp_path / "a.wav"]


WRITTEN = [
    chat("a small one"),
    chat(f"a small one\n{INTENT_INSTRUCTION}"),
    chat(f"{SCENARIO_ACTION_INSTRUCTION}\na small one"),
    chat([{"type": "text", "text": "a small one"}, {"type": "text", "text": INTENT_INSTRUCTION}]),
    chat({"type": "text", "text": "a small one"}, audios=[]),
    sharegpt(("system", "Help."), ("human", "a small one"), ("gpt", ANSWER)),
    {"instruction": "What is meant?", "input": "a small one", "output": ANSWER},
    {"instruction": "a small one", "input": "", "output": ANSWER, "system": "Help."},
    {"query": "a small one", "response": ANSWER},
    {"prompt": "a small one", "completion": ANSWER},
]


@pytest.mark.parametrize("row", WRITTEN, ids=json.dumps)
def test_words_in_a_chat_are_text_without_our_instruction(tmp_path: Path, row: dict[str, Any]) -> None:
    (found,) = read(tmp_path, row).utterances
    assert (found.text, found.frame, found.recordings) == ("a small one", FRAME, ())


@pytest.mark.parametrize(
    "answer",
    [
        '{"scenario": "alarm", "action": "set", "entities": [{"type": "date", "filler": "friday"}]}',
        '{"scenario": "alarm", "action": "set", "entities": [{"date": "friday"}]}',
        '{"scenario": "alarm", "action": "set", "slots": {"date": "friday"}}',
        '```json\n{"scenario": "alarm", "action": "set", "slots": {"date": "friday"}}\n```\n',
        {"scenario": "alarm", "action": "set", "slots": {"date": "friday"}},
    ],
    ids=str,
)
def test_the_answer_is_the_frame(tmp_path: Path, answer: Any) -> None:
    (found,) = read(tmp_path, chat("wake me on friday", answer)).utterances
    assert found.frame == frame("alarm.set", "date:friday")


def test_id_and_language_are_kept(tmp_path: Path) -> None:
    (found,) = read(tmp_path, chat("go", id="c7", language="en")).utterances
    assert (found.id, found.language) == ("c7", "en")


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
        {"type": "audio", "audio": {"bytes": "UklG", "path": None}},
        {"type": "audio_url", "audio_url": {"url": "data:audio/wav;base64,UklG"}},
    ],
    ids=json.dumps,
)
def test_sound_in_a_chat_is_stored(tmp_path: Path, part: dict[str, Any]) -> None:
    (found,) = read(tmp_path, chat([part])).utterances
    (recording,) = found.recordings
    assert isinstance(recording, Excerpt) and recording.stored == b"RIF"


TURNS = "must be one turn of the user and one of the assistant"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, '"messages" must be a list of {"role": ..., "content": ...}'),
        ({"messages": "go"}, '"messages" must be a list of {"role": ..., "content": ...}'),
        ({"messages": ["go"]}, '"messages" must be a list of {"role": ..., "content": ...}'),
        ({"messages": []}, TURNS),
        ({"messages": [{"role": ["user"]}, {"role": "assistant"}]}, TURNS),
        ({"messages": chat("go")["messages"] * 2}, TURNS),
        ({"messages": chat("go")["messages"][:1]}, TURNS),
        (chat("<audio>"), "marks 1 recordings and names 0; a row is one recording, or text"),
        (chat("<audio>", audios=["a.wav", "a.wav"]), "marks 1 recordings and names 2; a row is one recording, or text"),
        (chat("<audio><audio>", audios=["a.wav"]), "marks 2 recordings and names 1; a row is one recording, or text"),
        (chat([{"type": "input_audio", "input_audio": {"data": "no!"}}]), "the bytes of a recording must be in base64"),
        ({"query": "<audio>", "response": ANSWER}, "marks 1 recordings and names 0; a row is one recording, or text"),
        ({"query": "go", "response": ANSWER, "history": [["a", "b"]]}, f"{TURNS}, after one of the system if any; it"),
        (chat([{"type": "audio", "audio": "https://a.b/c.wav"}]), "the recording https://a.b/c.wav is a URL"),
        (chat([{"type": "image", "image": "a.png"}]), "the content of a turn must be text, or a list of"),
        (chat(5), "the content of a turn must be text, or a list of"),
        (chat(""), "has neither text nor a recording"),
        (chat(INTENT_INSTRUCTION), "has neither text nor a recording"),
        (chat("go", "drive"), "the assistant's answer must be JSON"),
        (chat("go", None), "the content of a turn must be text"),
        (chat("go", '["drive"]'), 'the assistant must answer {"intent": ..., "entities": [...]}, as JSON'),
        (chat("go", "{}"), 'needs an "intent", or "scenario" and "action"'),
    ],
    ids=lambda value: json.dumps(value)[:80],
)
def test_a_chat_that_cannot_be_used_has_its_reason(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    imported = read(tmp_path, row)
    assert imported.utterances == () and imported.rejected[0].reason.startswith(reason)
    assert imported.rejected[0].row == row


words = st.text(min_size=1, max_size=12).filter(str.strip)
labels = words.map(str.strip)
entities = st.lists(st.builds(Entity, labels, labels), max_size=3).map(tuple)
frames = st.builds(SemanticFrame.of, labels, labels, entities) | st.builds(SemanticFrame, labels, entities)


@given(text=words, meaning=frames)
@example(text="<audio>", meaning=FRAME)
@example(text=f"{SCENARIO_ACTION_INSTRUCTION}\ngo", meaning=FRAME)
@example(text="wake me at [time : nine]", meaning=SemanticFrame("wake"))
@example(text="go", meaning=frame("x", "type:a", "filler:b", "entity:c"))
def test_text_is_read_back(tmp_path_factory: pytest.TempPathFactory, text: str, meaning: SemanticFrame) -> None:
    path = tmp_path_factory.getbasetemp() / "chats.jsonl"
    write_messages(path, [Utterance("u", text, "en", meaning)])
    imported = read_utterances(path)
    assert [(u.text, u.frame) for u in imported.utterances] == [(text, meaning)]


def test_every_recording_is_a_chat_and_read_back(tmp_path: Path) -> None:
    (tmp_path / "data" / "s1").mkdir(parents=True)
    paths = [tmp_path / "data" / "s1" / "a.wav", tmp_path / "b.wav"]
    for path in paths:
        path.touch()
    spoken = replace(utterance(), recordings=tuple(Recording(path, 1.0) for path in paths))
    write_messages(tmp_path / "data" / "chats.jsonl", [spoken, utterance("u2", "go", FRAME)])
    found = read_utterances(tmp_path / "data" / "chats.jsonl").utterances
    assert [u.frame for u in found] == [spoken.frame, spoken.frame, FRAME]
    assert [[recording.path for recording in u.recordings] for u in found] == [[paths[0]], [paths[1]], []]
    rows = [json.loads(line) for line in (tmp_path / "data" / "chats.jsonl").read_text().splitlines()]
    names = [row["messages"][0]["content"][0].get("audio") for row in rows]
    assert names == ["s1/a.wav", str(tmp_path / "b.wav"), None]


def test_a_chat_reads_as_the_contract_shows_it(tmp_path: Path) -> None:
    spoken = replace(utterance("u", "a latte", frame("order")), recordings=(Recording(tmp_path / "a.wav", 1.0),))
    write_messages(tmp_path / "chats.jsonl", [spoken])
    asked = json.dumps(INTENT_INSTRUCTION, ensure_ascii=False)
    answer = '"{\\"intent\\":\\"order\\",\\"entities\\":[]}"'
    assert (tmp_path / "chats.jsonl").read_text() == (
        '{"messages":[{"role":"user","content":[{"type":"audio","audio":"a.wav"},{"type":"text","text":'
        f'{asked}}}]}},{{"role":"assistant","content":[{{"type":"text","text":{answer}}}]}}]}}\n'
    )


def test_nothing_is_written_for_an_utterance_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^the utterance 'u1' has neither text nor recordings$"):
        write_messages(tmp_path / "chats.jsonl", [utterance("u0"), utterance("u1", None)])
    assert list(tmp_path.iterdir()) == []
