"""Read exports of tools in which people label data: Label Studio (JSON) and Doccano (JSONL).

    Label Studio   {"id": 7, "data": {"audio": "/data/upload/1/1f0c9a3b-ab12.wav", "text": "a small latte"},
                    "annotations": [{"was_cancelled": false, "result": [
                        {"from_name": "intent", "type": "choices", "value": {"choices": ["order"]}},
                        {"from_name": "slot", "type": "labels",
                         "value": {"start": 2, "end": 7, "text": "small", "labels": ["size"]}}]}]}
    Doccano        {"id": 7, "text": "a small latte", "cats": ["order"], "entities": [[2, 7, "size"]]}
                   {"id": 7, "text": "a small latte", "label": ["order"]}
                   {"id": 7, "text": "a small latte", "label": [[2, 7, "size"]], "intent": "order"}  (or "labels")

A transcript that was written in Label Studio (a TextArea) is the text; where the data have words, only one that is
called text or transcript. Of several annotations the ground truth counts. The keys of "data" are their author's: a
recording under any key is known by its suffix.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eartune.data.audio import AUDIO_SUFFIXES
from eartune.prepare.importers.columns import LABELS, NAMES, guess, known_values, without_half_a_part
from eartune.prepare.importers.entities import are_spans, decode, words_at
from eartune.prepare.importers.excerpt import part_and_channel, recording_fields
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.row import Row, RowError, is_blank
from eartune.prepare.importers.to_utterances import to_utterances
from eartune.wording import listed

_NAMED = ("intent", "scenario", "action")
_SPAN_TYPES = ("labels", "hypertextlabels")
_CHOICES_AS_TEXT = re.compile(r'\s*\{\s*"choices"')
_LIST_AS_TEXT = re.compile(r"""\s*\[\s*(['"].*['"]\s*)?\]\s*""", re.DOTALL)
_ARRAY_AS_TEXT = re.compile(r"""^\s*\[\s*(['"])[^'"]*\1\s+['"]""")  # Python would join what has no comma between it
_SEVERAL = "has several values for {}; name the choices intent, scenario or action, with one each"
_LISTS_OF_DOCCANO = ("cats", "label", "labels")


def is_label_studio(content: dict[str, Any]) -> bool:
    """Whether a row is a task of Label Studio with its annotations."""
    annotated = content.get("annotations", content.get("completions"))
    return isinstance(content.get("data"), dict) and isinstance(annotated, list)


def is_doccano(content: dict[str, Any]) -> bool:
    """Whether a row is one of Doccano: its labels are lists, of names or of places in the text."""
    if isinstance(content.get("cats"), list):
        return True
    label, labels = content.get("label"), content.get("labels")
    has_labels = isinstance(label, list) and not are_spans(label)
    has_spans = isinstance(labels, list) and any(isinstance(each, list) for each in labels)
    return (has_labels or has_spans) and ("text" in content or "filename" in content)


def read_label_studio(rows: Sequence[Row], path: Path) -> Imported:
    """Read one utterance from each task that has an annotation."""
    unread: dict[str, None] = {}
    choices = _choices(rows)
    read = [name for name in choices if any(key in name.lower() for key in _NAMED)] or choices

    def translated(task: dict[str, Any]) -> dict[str, Any]:
        data = task.get("data")
        if not isinstance(data, dict):
            raise RowError('needs "data" and "annotations", as Label Studio exports them in JSON')
        named = guess(data, ("text", "audio", "language", "speaker", *LABELS))
        named |= {} if "audio" in named else _recording_by_suffix(data)
        unread.update(dict.fromkeys(key for key in data if key not in named.values()))
        values = {ours: data[theirs] for ours, theirs in named.items() if ours not in LABELS}
        audio, speaker = recording_fields(values.pop("audio", None)), values.pop("speaker", None)
        recordings = [audio | {"speaker": speaker}] if audio else []
        values |= {"id": str(task.get("id", "")), "recordings": recordings}
        return known_values(data) | values | _annotation(task, not is_blank(values.get("text")), read)

    found = to_utterances(rows, translated, path.parent)
    said = f"of the data {listed(list(unread))} {'is' if len(unread) == 1 else 'are'} not read" if unread else ""
    notes = [f"{said}; the words are called text, the recording audio"] if said else []
    if others := [name for name in choices if name not in read]:
        are = "is" if len(others) == 1 else "are"
        notes.append(f"the choices {listed(others)} {are} not read, as others are called {listed(read)}")
    return replace(found, notes=tuple(notes))


def _choices(rows: Sequence[Row]) -> list[str]:
    """The names of the controls in which one chooses, in any task of a file."""
    tasks = [row.content for row in rows if isinstance(row.content, dict)]
    made = [each for task in tasks for key in ("annotations", "completions") for each in _items(dict.get(task, key))]
    items = [item for each in made for item in _items(dict.get(each, "result"))]
    names = [str(dict.get(item, "from_name")) for item in items if dict.get(item, "type") == "choices"]
    return list(dict.fromkeys(names))


def _recording_by_suffix(data: dict[str, Any]) -> dict[str, str]:
    """The key under which data name a recording, by our name for it; none if there is no recording."""
    keys = [
        key
        for key, value in data.items()
        if isinstance(value, str) and Path(value.partition("?")[0]).suffix.lower() in AUDIO_SUFFIXES
    ]
    if len(keys) > 1:
        raise RowError(f"has several recordings, {', '.join(keys)}; call the right one audio")
    return {"audio": keys[0]} if keys else {"audio": "url"} if "url" in data else {}


def _annotation(task: dict[str, Any], has_words: bool, choices: Sequence[str]) -> dict[str, Any]:
    """The text, the labels and the entities of the annotation that counts; of its choices those in `choices`."""
    stated = task.get("annotations", task.get("completions"))
    made = [each for each in _items(stated) if not each.get("was_cancelled")]
    true = [each for each in made if each.get("ground_truth")]
    meanings = [_annotated(_items(each.get("result")), has_words, choices) for each in true or made]
    if not meanings:
        raise RowError("has no annotation")
    if any(meaning != meanings[0] for meaning in meanings):
        raise RowError(f"has {len(meanings)} annotations that differ; mark the right one as ground truth")
    return meanings[0]


def _items(result: Any) -> list[dict[str, Any]]:
    return [item for item in result if isinstance(item, dict)] if isinstance(result, list) else []


def _annotated(items: Sequence[dict[str, Any]], has_words: bool, choices: Sequence[str]) -> dict[str, Any]:
    """The text, the labels and the entities that an annotator gave, of data that have words or have none."""
    found: dict[str, Any] = {}
    areas = [str(item.get("from_name")) for item in items if item.get("type") == "textarea"]
    texts = [name for name in areas if _is_called_text(name)] or ([] if has_words else areas)
    entities = []
    for item in items:
        kind, name, value = item.get("type"), str(item.get("from_name")), item.get("value")
        if not isinstance(value, dict):
            continue
        if kind == "choices":
            key = next((label for label in _NAMED if label in name.lower()), "intent")
            found |= _once(found, key, value.get("choices")) if name in choices else {}
        elif kind == "textarea" and "start" not in value:
            found |= _words(found, name, value.get("text")) if name in texts else {}
        elif kind in _SPAN_TYPES and isinstance(value.get("text"), str):
            entities += [{"type": label, "filler": value["text"]} for label in _listed(value.get(kind))]
        elif "start" in value:
            raise RowError("labels parts of its recording; export each part as a task of its own")
    return found | ({"entities": entities} if entities else {})


def _words(found: dict[str, Any], name: str, values: Any) -> dict[str, Any]:
    """The text in a text area, which has a list of one; raises RowError for several, or for several text areas."""
    if "text" in found:
        raise RowError(f"has several text areas with words, {name} among them; leave those in one of them")
    if len(stated := _listed(values)) != 1:
        raise RowError(f"has {len(stated)} texts in its text area {name}; write the words as one")
    return {"text": stated[0]}


def _is_called_text(name: str) -> bool:
    """Whether a text area is for the words: corrected_transcript is, comment is not."""
    return bool(guess(re.findall(r"[a-z]+", name.lower()), ("text",)) or guess([name], ("text",)))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def label_or_choice(value: Any, key: str) -> Any:
    """Return a label of a table, or the one choice in {"choices": [...]}, as JSON-MIN and CSV have several.

    A list of one label, in JSON or as pandas writes it into a cell, is that label; raises RowError for several.
    """
    if isinstance(value, str) and _ARRAY_AS_TEXT.search(value):
        raise RowError(_SEVERAL.format(key))
    is_written = isinstance(value, str) and (_CHOICES_AS_TEXT.match(value) or _LIST_AS_TEXT.fullmatch(value))
    found = decode(value, key) if is_written else value
    if isinstance(found, dict) and found.keys() == {"choices"}:
        return _only(found["choices"], key)
    if isinstance(found, list):
        return _only(found, key) if found else None
    return value


def _only(values: Any, key: str) -> Any:
    if len(stated := _listed(values)) != 1:
        raise RowError(_SEVERAL.format(key))
    return stated[0]


def _once(found: dict[str, Any], key: str, values: Any) -> dict[str, Any]:
    """One value for a key; raises RowError for several."""
    if key in found:
        raise RowError(_SEVERAL.format(key))
    return {key: _only(values, key)}


def read_doccano(rows: Sequence[Row], path: Path, labelled: bool = True) -> Imported:
    """Read one utterance from each row; of Doccano's projects those for intents and slots, labels, spans and speech."""
    return to_utterances(rows, _of_doccano, path.parent, labelled=labelled)


def _of_doccano(row: dict[str, Any]) -> dict[str, Any]:
    others = {key: value for key, value in row.items() if key not in ("entities", *_LISTS_OF_DOCCANO)}
    named = without_half_a_part(guess(others, NAMES.keys() - {"entities", "split"}))
    values = {ours: others[theirs] for ours, theirs in named.items()}
    audio, speaker = recording_fields(values.pop("audio", None)), values.pop("speaker", None)
    recording = (audio or {}) | {"speaker": speaker} | part_and_channel(values, named)
    stated = [each for key in _LISTS_OF_DOCCANO for each in _listed(row.get(key))]
    spans = [each for each in stated if isinstance(each, list)] + _listed(row.get("entities"))
    labels = [each for each in stated if not isinstance(each, list)]
    given = "text" if "text" not in values and audio is not None else "intent"  # a transcript, or a class
    if labels and not is_blank(values.get(given)) and values[given] not in labels:
        labels.append(values[given])
    if len(labels) > 1:
        raise RowError(f"has the labels {', '.join(map(str, labels))}; an utterance has one")
    values |= {given: labels[0]} if labels else {}
    values["id"] = row.get("id")
    entities = [_span(span, str(values.get("text") or "")) for span in spans]
    return values | {"entities": entities, "recordings": [recording] if audio else []}


def _span(span: Any, text: str) -> dict[str, str]:
    """An entity from its place in the text: [2, 7, "size"], or an object with the same."""
    if isinstance(span, dict):
        span = [span.get("start_offset"), span.get("end_offset"), span.get("label")]
    if not isinstance(span, list) or len(span) != 3 or not all(type(place) is int for place in span[:2]):
        raise RowError('an entity must be [start, end, "type"]')
    return {"type": str(span[2]), "filler": words_at(text, span[0], span[1])}
