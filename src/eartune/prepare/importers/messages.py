"""Read and write chats for fine-tuning tools (Hugging Face, ms-swift, LLaMA-Factory); the answer is the frame.

    {"messages": [
        {"role": "user", "content": [{"type": "audio", "audio": "ab12.wav"}, {"type": "text", "text": "Extract ..."}]},
        {"role": "assistant", "content": [{"type": "text", "text": "{\\"intent\\": ..., \\"entities\\": [...]}"}]}]}
    {"messages": [{"role": "user", "content": "<audio>..."}, {"role": "assistant", "content": "{...}"}],
     "audios": ["ab12.wav"]}
    {"conversations": [{"from": "human", "value": "<audio>..."}, {"from": "gpt", "value": "{...}"}],
     "audios": ["ab12.wav"]}
    {"instruction": "Extract ...", "input": "a small latte", "output": "{...}"}
    {"query": "<audio>ab12.wav</audio>Extract ...", "response": "{...}"}

With a recording, the user's text is an instruction; without one it is the utterance's text, and our own instruction
is removed from it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.files import write_lines
from eartune.prepare.importers.columns import known_values
from eartune.prepare.importers.entities import decode
from eartune.prepare.importers.excerpt import recording_fields
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.row import Row, RowError, is_blank
from eartune.prepare.importers.to_utterances import to_utterances
from eartune.tasks.slu import INTENT_INSTRUCTION, SCENARIO_ACTION_INSTRUCTION, instruction, target

_ROLES = {"user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "system": "system"}
_AUDIO = ("audio", "path", "url", "audio_url", "input_audio")
_TAG = "<audio>"
_INLINE = re.compile(r"<audio>([^<>]+)</audio>")
_FENCED = re.compile(r"\s*```\w*\s*\n(.*?)```\s*", re.DOTALL)
ONE_TURN = (("query", "response"), ("instruction", "output"), ("prompt", "completion"), ("prompt", "response"))
"""The keys of the question and of the answer in rows that hold one turn of each: ms-swift, Alpaca, TRL."""
_TURNS = "must be one turn of the user and one of the assistant, after one of the system if any"
_OURS = (SCENARIO_ACTION_INSTRUCTION, INTENT_INSTRUCTION)


def read_messages(rows: Sequence[Row], path: Path) -> Imported:
    """Read one utterance from each chat; a chat of more than one question and answer is rejected."""
    return to_utterances(rows, _translated, path.parent)


def write_messages(path: Path, utterances: Iterable[Utterance]) -> None:
    """Write a chat in Hugging Face's format for every recording, and a chat of text for utterances without one.

    Recordings inside the file's folder are named relative to it. `read_messages` reads what is written.
    """
    write_lines(path, (chat for utterance in utterances for chat in _chats(utterance, path.parent)))


def _translated(content: dict[str, Any]) -> dict[str, Any]:
    question, answer = _question_and_answer(content)
    file = _file(content, question)
    source = {"recordings": [file]} if file else {"text": _without_instruction(_text(question))}
    return known_values(content, ("id", "language")) | _meaning(answer) | source


def _question_and_answer(content: dict[str, Any]) -> tuple[Any, Any]:
    """The content of the user's and of the assistant's turn, unchanged."""
    keys = next((keys for keys in ONE_TURN if content.keys() >= set(keys)), None)
    if keys and "messages" not in content and "conversations" not in content:
        return _one_turn(content, *keys)
    return _of_turns(content.get("messages", content.get("conversations")))


def _one_turn(content: dict[str, Any], asked: str, answered: str) -> tuple[Any, Any]:
    """The question and the answer of a row; an instruction beside an input is no part of what was said."""
    if content.get("history"):
        raise RowError(f"{_TURNS}; it has a history")
    question, answer = content[asked], content[answered]
    if isinstance(question, list) and isinstance(answer, list):  # TRL: a list of turns each
        return _of_turns([*question, *answer])
    said = content.get("input") if asked == "instruction" else None
    if is_blank(said):
        return question, answer
    marked = [text for text in (question, said) if isinstance(text, str) and _TAG in text]
    return "".join(dict.fromkeys(marked)) or said, answer


def _of_turns(turns: Any) -> tuple[Any, Any]:
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise RowError('"messages" must be a list of {"role": ..., "content": ...}')
    roles = [_ROLES.get(str(turn.get("role", turn.get("from")))) for turn in turns]
    contents = [turn.get("content", turn.get("value")) for turn in turns]
    spoken = [content for content, role in zip(contents, roles, strict=True) if role != "system"]
    if [role for role in roles if role != "system"] != ["user", "assistant"]:
        raise RowError(_TURNS)
    return spoken[0], spoken[1]


def _file(content: dict[str, Any], question: Any) -> dict[str, Any] | None:
    """The recording of a chat; tools differ in whether they mark its place."""
    parts = [part for part in question if isinstance(part, dict)] if isinstance(question, list) else []
    stated = content.get("audios", content.get("audio"))
    listed = stated if isinstance(stated, list) else [stated]
    inline = _INLINE.findall(question) if isinstance(question, str) else []
    in_parts = [part[key] for part in parts for key in _AUDIO if key in part]
    named = [recording_fields(value) for value in (*listed, *inline, *in_parts)]
    files = [name for name in named if name]
    marks = question.count(_TAG) if isinstance(question, str) else sum("audio" in str(p.get("type")) for p in parts)
    if len(files) > 1 or marks > len(files):
        raise RowError(f"marks {marks} recordings and names {len(files)}; a row is one recording, or text")
    return files[0] if files else None


def _text(content: Any) -> str:
    """The text of a turn: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    if len(texts) < len(parts):
        raise RowError('the content of a turn must be text, or a list of {"type": "text", "text": ...}')
    return "\n".join(texts)


def _without_instruction(text: str) -> str:
    """The text before or after our own instruction, which is removed once, as the text may quote it."""
    if text.strip() in _OURS:
        return ""
    after = next((f"\n{ours}" for ours in _OURS if text.endswith(f"\n{ours}")), "")
    before = next((f"{ours}\n" for ours in _OURS if text.startswith(f"{ours}\n")), "")
    return text.removesuffix(after) if after else text.removeprefix(before)


def _meaning(answer: Any) -> dict[str, Any]:
    """The labels of an answer: JSON as text, in a code fence or not, or an object that is not text in a list's form."""
    if isinstance(answer, dict) and "text" not in answer:
        return known_values(answer)
    text = _text(answer)
    fenced = _FENCED.fullmatch(text)
    meaning = decode(fenced[1] if fenced else text, "the assistant's answer")
    if not isinstance(meaning, dict):
        raise RowError('the assistant must answer {"intent": ..., "entities": [...]}, as JSON')
    return known_values(meaning)


def _chats(utterance: Utterance, folder: Path) -> Iterator[dict[str, Any]]:
    if utterance.text is None and not utterance.recordings:
        raise InputError(f"the utterance {utterance.id!r} has neither text nor recordings")
    if utterance.frame is None:
        raise InputError(f"the utterance {utterance.id!r} has no intent, nor scenario and action, to be answered with")
    ask = instruction(utterance.frame.scenario is not None)
    spoken = [[{"type": "audio", "audio": _name(r.path, folder)}, _part(ask)] for r in utterance.recordings]
    for question in spoken or [[_part(f"{utterance.text}\n{ask}")]]:
        answer = [_part(target(utterance.frame))]
        yield {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def _part(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _name(path: Path, folder: Path) -> str:
    inside = path.resolve().is_relative_to(folder.resolve())
    return str(path.resolve().relative_to(folder.resolve()) if inside else path.resolve())
