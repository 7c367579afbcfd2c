"""Read exports of tools in which people label data: Label Studio (JSON) and Doccano (JSONL).

    Label Studio   {"id": 7, "data": {"audio": "/data/upload/1/1f0c9a3b-ab12.wav", "text": "a small latte"},
                    "annotations": [{"was_cancelled": false, "result": [
                        {"from_name": "intent", "type": "choices", "value": {"choices": ["order"]}},
                        {"from_name": "slot", "type": "labels",
                         "value": {"start": 2, "end": 7, "text": "small", "labels": ["size"]}}]}]}
    Doccano        {"id": 7, "text": "a small latte", "cats": ["order"], "entities": [[2, 7, "size"]]}
                   {"id": 7, "text": "a small latte", "label": ["order"]}
                   {"id": 7, "text": "a small latte", "label": [[2, 7, "size"]], "intent": "order"}

A transcript that was written in Label Studio (a TextArea) is the text; where the data have words, only one that is
called text or transcript. Of several annotations the ground truth counts. The keys of "data" are their author's: a
recording under any key is known by its suffix.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from eartune.data.audio import AUDIO_SUFFIXES
from eartune.prepare.importers.columns import LABELS, NAMES, guess, known_values
from eartune.prepare.importers.entities import are_spans
from eartune.prepare.importers.excerpt import recording_fields
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.recording_files import RecordingFiles
from eartune.prepare.importers.row import Row, RowError, is_blank
from eartune.prepare.importers.to_utterances import to_utterances
from eartune.wording import listed

_UPLOADED = re.compile(r"/data/upload/(?:\d+/)?(?P<stored>(?:[0-9a-f]{8}-)?(?P<name>[^/]+))$")
_LOCAL = re.compile(r"/data/local-files/\?d=(?P<path>.+)$")
_CHOICES = ("intent", "scenario", "action", "label")
_SPAN_TYPES = ("labels", "hypertextlabels")


def is_label_studio(content: dict[str, Any]) -> bool:
    """Whether a row is a task of Label Studio with its annotations."""
    annotated = content.get("annotations", content.get("completions"))
    return isinstance(content.get("data"), dict) and isinstance(annotated, list)


def is_doccano(content: dict[str, Any]) -> bool:
    """Whether a row is one of Doccano: its labels are lists, of names or of places in the text."""
    if isinstance(content.get("cats"), list):
        return True
    labels = content.get("label")
    return isinstance(labels, list) and not are_spans(labels) and ("text" in content or "filename" in content)


def read_label_studio(rows: Sequence[Row], path: Path) -> Imported:
    """Read one utterance from each task that has an annotation."""
    files = RecordingFiles(path.parent)
    unread: dict[str, None] = {}

    def translated(task: dict[str, Any]) -> dict[str, Any]:
        data = task.get("data")
        if not isinstance(data, dict):
            raise RowError('needs "data" and "annotations", as Label Studio exports them in JSON')
        named = guess(data, ("text", "audio", "language", "speaker", *LABELS))
        named |= {} if "audio" in named else _recording_by_suffix(data)
        unread.update(dict.fromkeys(key for key in data if key not in named.values()))
        values = {ours: data[theirs] for ours, theirs in named.items() if ours not in LABELS}
        audio, speaker = recording_fields(values.pop("audio", None)), values.pop("speaker", None)
        recordings = [audio | {"file": _on_disk(audio["file"], files), "speaker": speaker}] if audio else []
        values |= {"id": str(task.get("id", "")), "recordings": recordings}
        return known_values(data) | values | _annotation(task, not is_blank(values.get("text")))

    found = to_utterances(rows, translated, path.parent)
    said = f"of the data {listed(list(unread))} {'is' if len(unread) == 1 else 'are'} not read" if unread else ""
    return replace(found, notes=(f"{said}; the words are called text, the recording audio",) if said else ())


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


def _annotation(task: dict[str, Any], has_words: bool) -> dict[str, Any]:
    """The text, the labels and the entities of the annotation that counts."""
    stated = task.get("annotations", task.get("completions"))
    made = [each for each in _items(stated) if not each.get("was_cancelled")]
    true = [each for each in made if each.get("ground_truth")]
    meanings = [_annotated(_items(each.get("result")), has_words) for each in true or made]
    if not meanings:
        raise RowError("has no annotation")
    if any(meaning != meanings[0] for meaning in meanings):
        raise RowError(f"has {len(meanings)} annotations that differ; mark the right one as ground truth")
    return meanings[0]


def _items(result: Any) -> list[dict[str, Any]]:
    return [item for item in result if isinstance(item, dict)] if isinstance(result, list) else []


def _annotated(items: Sequence[dict[str, Any]], has_words: bool) -> dict[str, Any]:
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
            key = next((label for label in _CHOICES if label in name.lower()), "intent")
            found |= _once(found, "intent" if key == "label" else key, value.get("choices"))
        elif kind == "textarea" and "start" not in value:
            found |= _once(found, "text", value.get("text")) if name in texts else {}
        elif kind in _SPAN_TYPES and isinstance(value.get("text"), str):
            entities += [{"type": label, "filler": value["text"]} for label in _listed(value.get(kind))]
        elif "start" in value:
            raise RowError("labels parts of its recording; export each part as a task of its own")
    return found | ({"entities": entities} if entities else {})


def _is_called_text(name: str) -> bool:
    """Whether a text area is for the words: corrected_transcript is, comment is not."""
    return bool(guess(re.findall(r"[a-z]+", name.lower()), ("text",)) or guess([name], ("text",)))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _once(found: dict[str, Any], key: str, values: Any) -> dict[str, Any]:
    """One value for a key; raises RowError for several."""
    if len(stated := _listed(values)) != 1 or key in found:
        raise RowError(f"has several values for {key}; name the choices intent, scenario or action, with one each")
    return {key: stated[0]}


def _on_disk(name: str, files: RecordingFiles) -> str:
    """The file of a recording that Label Studio names by an address; uploads get eight digits before their name."""
    if found := _LOCAL.search(name):
        return unquote(found["path"])
    if found := _UPLOADED.search(name):
        stored, own = unquote(found["stored"]), unquote(found["name"])
        return own if files.exist(own) and not files.exist(stored) else stored
    return name


def read_doccano(rows: Sequence[Row], path: Path, labelled: bool = True) -> Imported:
    """Read one utterance from each row; of Doccano's projects those for intents and slots, labels, spans and speech."""
    return to_utterances(rows, _of_doccano, path.parent, labelled=labelled)


def _of_doccano(row: dict[str, Any]) -> dict[str, Any]:
    others = {key: value for key, value in row.items() if key not in ("label", "entities", "cats")}
    values = {ours: others[theirs] for ours, theirs in guess(others, NAMES.keys() - {"entities"}).items()}
    audio, speaker = values.pop("audio", None), values.pop("speaker", None)
    labels, spans = _listed(row.get("cats", row.get("label"))), _listed(row.get("entities"))
    if any(isinstance(label, list) for label in labels):
        labels, spans = [], labels
    if len(labels) > 1:
        raise RowError(f"has the labels {', '.join(map(str, labels))}; an utterance has one")
    label = labels[0] if labels else None
    given = "text" if "text" not in values and audio is not None else "intent"  # a transcript, or a class
    values |= {} if label is None else {given: label}
    values["id"] = row.get("id")
    entities = [_span(span, str(values.get("text") or "")) for span in spans]
    return values | {"entities": entities, "recordings": [] if audio is None else [{"file": audio, "speaker": speaker}]}


def _span(span: Any, text: str) -> dict[str, str]:
    """An entity from its place in the text: [2, 7, "size"], or an object with the same."""
    if isinstance(span, dict):
        span = [span.get("start_offset"), span.get("end_offset"), span.get("label")]
    if not isinstance(span, list) or len(span) != 3 or not all(type(place) is int for place in span[:2]):
        raise RowError('an entity must be [start, end, "type"]')
    return {"type": str(span[2]), "filler": text[span[0] : span[1]]}
