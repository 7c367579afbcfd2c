"""Read Rasa's NLU training data, version 3.1: text examples of intents, in which entities are marked.

    nlu:
    - intent: set_alarm
      examples: |
        - wake me on [friday](date)
        - wake me in [NYC]{"entity": "city", "value": "new york", "role": "here"}

The filler is the word in the text, NYC; its synonym, new york, is not used. A role is added to the type: city.here.
Quotes and blanks around a type are no part of it, nor are blanks of its words; a link, [here](https://a.b), is text.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from eartune.errors import InputError
from eartune.files import YamlLoader
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.row import Row, RowError
from eartune.prepare.importers.text import read_text
from eartune.prepare.importers.to_utterances import to_utterances

_MARKED = re.compile(r"\[(?P<words>[^\[\]]+)\](?:\((?P<type>[^)]*)\)|(?P<one>\{[^}]*\})|(?P<many>\[\s*\{[^\]]*\]))")
_FOLDED = "has several examples in one line, which all but `|` makes of them; write `examples: |`"
_LINK = re.compile(r"\s*(https?://|mailto:)")


def is_rasa(path: Path) -> bool:
    """Return whether a file is YAML with a key `nlu`."""
    try:
        return path.is_file() and "nlu" in _fields(_root(path), path)
    except InputError:
        return False


def read_rasa(path: Path) -> Imported:
    """Read one utterance from each example, numbered by its line; synonyms, lookup tables and patterns are ignored."""
    sections = _fields(_root(path), path).get("nlu")
    if not isinstance(sections, yaml.SequenceNode):
        raise InputError(f'{path}: is not NLU data of Rasa; it needs a list "nlu"')
    rows = (row for section in sections.value for row in _examples(_fields(section, path), path))
    return to_utterances(rows, _translated, path.parent)


def _root(path: Path) -> Any:
    try:
        return yaml.compose(read_text(path), Loader=YamlLoader)  # nothing is made of tags: nodes are read as text
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{path}: is not YAML ({' '.join(str(error).split())})") from error


def _fields(node: Any, path: Path) -> dict[str, Any]:
    """The nodes of a mapping by key; a node has its line, and keeps a bare yes as text."""
    fields: dict[str, Any] = {}
    for key, value in node.value if isinstance(node, yaml.MappingNode) else []:
        if fields.setdefault(str(key.value), value) is not value:
            raise InputError(f"{path}, row {key.start_mark.line + 1}: has the key {key.value!r} twice; write it once")
    return fields


def _examples(section: dict[str, Any], path: Path) -> Iterator[Row]:
    """The examples of a section; one without an intent holds synonyms and the like, and none."""
    if "intent" not in section:
        return
    intent = section["intent"]
    examples = section.get("examples")
    lines = list(_lines(examples, path))
    for line, text in lines:
        fault = _fault_of(text) or (_FOLDED if _is_folded(examples) and " - " in text else "")
        yield Row(f"{path}, row {line}", {"intent": intent.value, "text": text}, fault)
    if not lines:
        yield Row(f"{path}, row {intent.start_mark.line + 1}", {"intent": str(intent.value)}, "has no examples")


def _lines(examples: Any, path: Path) -> Iterator[tuple[int, str]]:
    """Examples with their line numbers, from text of many lines or a list of {"text": ..., "metadata": ...}."""
    if isinstance(examples, yaml.ScalarNode):
        first = examples.start_mark.line + (2 if examples.style in ("|", ">") else 1)  # the line after "|"
        for number, line in enumerate(examples.value.split("\n"), start=first):
            if line.strip():
                yield number, line.strip()
    elif isinstance(examples, yaml.SequenceNode):
        for item in examples.value:
            text = _fields(item, path).get("text", item)
            words = text.value.strip() if isinstance(text, yaml.ScalarNode) else ""
            yield text.start_mark.line + 1, words if words.startswith("-") else f"- {words}"


def _is_folded(node: Any) -> bool:
    """Whether text of several lines may have become one line, as all but `|` makes of it."""
    is_text = isinstance(node, yaml.ScalarNode) and node.style != "|"
    return is_text and node.end_mark.line > node.start_mark.line


def _fault_of(line: str) -> str:
    return "" if line.startswith("-") else 'must begin with "- "'


def _translated(content: dict[str, Any]) -> dict[str, Any]:
    example = content["text"].removeprefix("-").strip()
    marks = list(_MARKED.finditer(example))
    entities = [{"type": kind, "filler": mark["words"].strip()} for mark in marks for kind in _types(mark)]
    text = _MARKED.sub(lambda mark: mark["words"], example)
    if any(mark["words"] != mark["words"].strip() for mark in marks):
        text = " ".join(text.split())  # "pay [ 40 ](amount) euros" has one blank on either side
    return {"intent": content["intent"], "text": text, "entities": entities}


def _types(mark: re.Match[str]) -> list[str]:
    """The types of one marked piece of text, which may have several."""
    if mark["type"] is not None:
        if _LINK.match(mark["type"]):
            return []
        return [_bare(mark["type"].partition(":")[0])]  # [NYC](city:new york) is an older way to write a synonym
    try:
        stated = json.loads(mark["many"] or f"[{mark['one']}]")
    except ValueError as error:
        raise RowError(f"what comes after [{mark['words']}] must be JSON ({error})") from error
    if not all(isinstance(each, dict) and isinstance(each.get("entity"), str) for each in stated):
        raise RowError(f'what comes after [{mark["words"]}] needs an "entity", as text')
    return [_bare(each["entity"]) + (f".{_bare(str(each['role']))}" if each.get("role") else "") for each in stated]


def _bare(kind: str) -> str:
    """A type without the quotes and blanks around it."""
    return kind.strip(" \t\"'")
