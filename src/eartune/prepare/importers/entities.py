"""Read entities in the ways in which people write them.

    [{"type": "date", "filler": "friday"}]    [{"entity": "date", "value": "friday"}]    [{"date": "friday"}]
    [{"start": 11, "end": 17, "text": "friday", "labels": ["date"]}]    [{"entity_group": "date", "word": "friday"}]
    {"date": "friday", "size": ["small", "large"]}    "wake me on [date : friday]"    "date=friday; size=small"

A type without a filler is left out: a table has a column for it, but the row does not mention it. A type that stands
twice in an object, {"city": "oslo", "city": "rome"}, has both fillers.
"""

import ast
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from eartune.data.frame import Entity
from eartune.files import object_of_pairs
from eartune.prepare.importers.columns import plain
from eartune.prepare.importers.row import RowError, is_blank, label_or_none, text_or_none

_NOTHING = ("null", "None")  # as a table has it in a cell
_TYPES = ("type", "entity", "slot", "label", "labels", "entitygroup", "entitytype", "slotname", "slottype", "tag")
_FILLERS = ("filler", "value", "text", "word", "words", "surface", "mention")
_IN_LISTS = (*_TYPES, "name")  # an object that is no item of a list is likely to mean a slot that is called name
_PLACE = {"start", "end"}
_SPANS = re.compile(r"\s*\[\s*\{")
_LIKELY_CODE = re.compile(r"\s*(\{|\[\s*[\[{(\"'\]])")
_MARKED = re.compile(r"\[\s*+(?P<type>[^\[\]:]+):\s*+(?P<filler>[^\[\]]+)\]")
MARKED_TEXT = re.compile(r"\[ *[^\W\d][\w.-]* : [^\[\]]+\]")
"""Text in which entities are likely to be marked, as MASSIVE does it; "[noise: door]" and "[10:30]" are none."""
_PAIR = re.compile(r"\s*(?P<type>[^=;\[\]{}]*\w)\s*=\s*(?P<filler>[^=;\[\]{}]*)")
_SHAPES = 'must be a list of {"type": ..., "filler": ...} or an object of {"type": "filler"}'


def text_and_entities(text: str | None, given: Any) -> tuple[str | None, tuple[Entity, ...]]:
    """Return the text of a row, and its entities; `given` is the row's value for entities, or None.

    Marks are taken out of a text that is its own value for entities. Any other text stays as it is, because brackets
    may be times, noises or speakers: "[10:30] remind me", "[noise: door] lights off". Raises RowError if the entities
    are not written in any of the known ways.
    """
    if is_blank(given) or given in _NOTHING:
        return text, ()
    if not isinstance(given, str):
        return text, read_entities(_as_said(given, text))
    if _LIKELY_CODE.match(given):
        return text, read_entities(_as_said(decode(given, "entities"), text))
    if given != text and (pairs := _pairs(given)) is not None:
        return text, pairs
    words, entities = unmarked(text_or_none(given, "entities") or "")
    if not entities and _letters(words) != _letters(text or ""):  # a row of BIO tags, say, is not the text
        raise RowError(f'"entities" {_SHAPES}, or "type=filler; type=filler", or the text with [type : words] in it')
    return words if text in (None, given) else text, entities


def _as_said(value: Any, text: str | None) -> Any:
    """Entities with the words that stand at their place, where their value is a synonym of these, as Rasa has it."""
    if not isinstance(value, list) or not text:
        return value
    return [_with_words(item, text) if isinstance(item, dict) else item for item in value]


def _with_words(item: dict[str, Any], text: str) -> dict[str, Any]:
    filler = _described(item, _IN_LISTS)[1]
    if filler is None or not item.keys() >= {"start", "end"}:
        return item
    start, end, value = item["start"], item["end"], item[filler]
    is_place = type(start) is int and type(end) is int and 0 <= start < end <= len(text)
    if not is_place or not isinstance(value, str) or value.casefold() in text.casefold():
        return item
    return item | {filler: text[start:end]}


def unmarked(text: str) -> tuple[str, tuple[Entity, ...]]:
    """Return the text without marks, and the entities, of text with [type : words] in it."""
    entities = tuple(Entity(mark["type"].strip(), mark["filler"].strip()) for mark in _MARKED.finditer(text))
    return _MARKED.sub(lambda mark: mark["filler"].strip(), text), entities


def are_spans(value: Any) -> bool:
    """Return whether a value is a list of objects, in JSON or decoded, as a label never is."""
    if isinstance(value, str):
        return _SPANS.match(value) is not None
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _pairs(given: str) -> tuple[Entity, ...] | None:
    """The entities in `size=small; shots=2`; None for text of another form. A type without a filler is left out."""
    parts = [_PAIR.fullmatch(part) for part in re.split(r"[;\n]", given) if part.strip()]
    if not parts or None in parts:
        return None
    found = ((part["type"], part["filler"]) for part in parts if part is not None)
    return tuple(_entity(kind, filler) for kind, filler in found if not is_blank(filler))


def read_entities(value: Any) -> tuple[Entity, ...]:
    """Return the entities in decoded JSON, in its order; raises RowError that says what would be right."""
    if value is None:
        return ()
    if isinstance(value, dict):
        return tuple(_of_object(value))
    if isinstance(value, list | tuple):
        return tuple(entity for item in value for entity in _of_item(item))
    raise RowError(f'"entities" {_SHAPES}, not {type(value).__name__}')


def decode(text: str, name: str) -> Any:
    """Return the value of JSON, or of a Python literal, as pandas writes into CSV files; raises RowError.

    An object with a key twice is `RepeatedKeys`.
    """
    try:
        return json.loads(text, object_pairs_hook=object_of_pairs)
    except (ValueError, RecursionError):
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a backslash in the text, say
            return _literal(ast.parse(text.strip(), mode="eval").body)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise RowError(f"{name} must be JSON, or a Python literal, but is neither") from error


def _literal(node: ast.expr) -> Any:
    """The value of a literal, as `ast.literal_eval` returns it but for dicts in which a key stands twice."""
    if isinstance(node, ast.Dict):
        keys = [ast.literal_eval(key) for key in node.keys if key is not None]
        return object_of_pairs(list(zip(keys, map(_literal, node.values), strict=True)))
    if isinstance(node, ast.List):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_literal(item) for item in node.elts)
    return ast.literal_eval(node)


def _of_object(value: dict[Any, Any]) -> Iterator[Entity]:
    """An object may hold all entities of a row by type, a single entity, or a list each of types and of fillers."""
    kind, filler = _described(value, _TYPES)
    if kind is None or filler is None:
        return _by_type(value)
    if isinstance(value[kind], list) and isinstance(value[filler], list):
        if len(value[kind]) != len(value[filler]):
            raise RowError(f'"entities" has {len(value[kind])} of {kind!r} but {len(value[filler])} of {filler!r}')
        return (_entity(*pair) for pair in zip(value[kind], value[filler], strict=True))
    return _of_types(value[kind], value[filler])


def _of_item(item: Any) -> Iterator[Entity]:
    """An item of a list of entities is an object, or a pair, as Parquet reads a map."""
    if isinstance(item, tuple) and len(item) == 2:
        return _by_type({item[0]: item[1]})
    if not isinstance(item, dict):
        raise RowError(f'"entities" {_SHAPES}; one of the list is {type(item).__name__}')
    kind, filler = _described(item, _IN_LISTS)
    if kind is not None and filler is not None:
        return _of_types(item[kind], item[filler])
    if len(item) > 1 and (kind is not None or filler is not None or item.keys() & _PLACE):
        raise RowError(f'"entities" {_SHAPES}; one has {", ".join(map(str, item))}')
    return _by_type(item)


def _described(item: dict[Any, Any], types: Sequence[str]) -> tuple[str | None, str | None]:
    """The keys of an object that hold the type and the filler of one entity."""
    keys = {plain(key): key for key in item if isinstance(key, str)}
    kind, filler = (next((keys[name] for name in names if name in keys), None) for names in (types, _FILLERS))
    return kind, filler


def _of_types(kinds: Any, filler: Any) -> Iterator[Entity]:
    """The entities of words that have one type, or a list of them."""
    return (_entity(kind, filler) for kind in (kinds if isinstance(kinds, list) else [kinds]))


def _by_type(fillers: dict[Any, Any]) -> Iterator[Entity]:
    for kind, filler in fillers.items():
        for each in filler if isinstance(filler, list) else [filler]:
            if not is_blank(each):
                yield _entity(kind, each)


def _entity(kind: Any, filler: Any) -> Entity:
    named, words = label_or_none(kind, "type"), label_or_none(filler, "filler")
    if named is None or words is None:
        raise RowError(f'"entities" {_SHAPES}; one has a blank type or filler')
    return Entity(named.strip(), words.strip())  # a label with a blank beside it would be another label


def _letters(text: str) -> str:
    return "".join(text.split()).casefold()
