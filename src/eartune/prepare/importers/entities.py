"""Read entities in the ways in which people write them.

    [{"type": "date", "filler": "friday"}]    [{"entity": "date", "value": "friday"}]    [{"date": "friday"}]
    [{"start": 11, "end": 17, "text": "friday", "labels": ["date"]}]    [{"entity_group": "date", "word": "friday"}]
    [{"category": "date", "offset": 11, "length": 6}]    [[11, 17, "date"]]
    {"date": "friday", "size": ["small", "large"]}    "wake me on [date : friday]"    "date=friday; size=small"

In an object that is no item of a list, "type" and "text" may be slots, too: {"type": "pizza", "text": "hi", "to":
"bob"} has three. A type without a filler is left out: a table has a column for it, but the row does not mention it. A
type that stands twice in an object, {"city": "oslo", "city": "rome"}, has both fillers.
"""

import ast
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from eartune.data.fillers import absent_fillers
from eartune.data.frame import Entity
from eartune.files import object_of_pairs
from eartune.prepare.importers.columns import plain
from eartune.prepare.importers.row import RowError, bare_or_none, is_blank, label_or_none, text_or_none

_NOTHING = ("null", "None")  # as a table has it in a cell
_TYPES = ("slotname", "type", "entity", "slot", "label", "labels", "entitygroup", "entitytype", "slottype", "tag")
_FILLERS = ("filler", "value", "text", "word", "words", "surface", "mention")
_MAY_BE_SLOTS = ("type", "label", "labels", "tag")
_IN_LISTS = (*_TYPES, "name", "category", "class")  # an object that is no item of a list is likely to mean slots
_PLACES = (
    *(("start", "end"), ("startoffset", "endoffset"), ("startchar", "endchar"), ("from", "to"), ("begin", "end")),
    ("offset", "length"),
)
_ABOUT_A_PLACE = {*(key for keys in _PLACES for key in keys), "score", "confidence", "confidencescore"}
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
        return text, read_entities(_as_said(given, text), text or "")
    if _LIKELY_CODE.match(given):
        return text, read_entities(_as_said(decode(given, "entities"), text), text or "")
    if given != text and (pairs := _pairs(given)) is not None:
        return text, pairs
    words, entities = unmarked(text_or_none(given, "entities") or "")
    if not entities and _letters(words) != _letters(text or ""):  # a row of BIO tags, say, is not the text
        raise RowError(f'"entities" {_SHAPES}, or "type=filler; type=filler", or the text with [type : words] in it')
    return words if text in (None, given) else text, entities


def _as_said(value: Any, text: str | None) -> Any:
    """Entities with the words that are marked in the text, of which their values may be synonyms, as Rasa has them."""
    value = _of_columns(value)
    if not isinstance(value, list | tuple) or not text:
        return value
    return [_with_words(_span(item), text) for item in value]


def _of_columns(value: Any) -> Any:
    """The items of an object that has a list for each of their keys, as `datasets` stores a sequence of objects."""
    if not isinstance(value, dict) or not all(isinstance(each, list | tuple) for each in value.values()):
        return value
    keys = {plain(str(key)) for key in value}
    if not keys & {*_IN_LISTS} or not any(keys >= {*places} for places in _PLACES):
        return value
    if len({len(each) for each in value.values()}) > 1:
        raise RowError(f'"entities" has lists of different lengths for {", ".join(map(str, value))}')
    return [dict(zip(value, item, strict=True)) for item in zip(*value.values(), strict=True)]


def _span(item: Any) -> Any:
    """An item of a list, which may be [start, end, "type"]."""
    if isinstance(item, list | tuple) and [type(each) for each in item] == [int, int, str]:
        return {"start": item[0], "end": item[1], "label": item[2]}
    return item


def _with_words(item: Any, text: str) -> Any:
    """An item with what is said of it as its filler: the words at its place, or that of its values which is said."""
    kind, filler = _described(item, _IN_LISTS) if isinstance(item, dict) else (None, None)
    if kind is None:
        return item
    place, value = _place(item), item.get(filler)
    if place is None:
        said = (each for name, each in item.items() if plain(str(name)) in _FILLERS and _is_said(each, text))
        return item if filler is None or _is_said(value, text) else item | {"filler": next(said, value)}
    if filler is not None and (not 0 <= place[0] < place[1] <= len(text) or _is_elsewhere(value, text, *place)):
        return item  # places that are counted in another way, in tokens, say
    return item if _same(value, text[slice(*place)]) else item | {"filler": _whole_words_at(text, *place)}


def _is_said(value: Any, text: str) -> bool:
    return isinstance(value, str) and _is_in(value, text)


def _is_elsewhere(value: Any, text: str, start: int, end: int) -> bool:
    """Whether a value is said, but not at its place, which cuts a word."""
    is_cut = _cuts_a_word(text, start) or _cuts_a_word(text, end)
    return is_cut and isinstance(value, str) and value.casefold() in text.casefold()


def _same(value: Any, words: str) -> bool:
    return isinstance(value, str) and value.casefold().split() == words.casefold().split()


def words_at(text: str, start: int, end: int) -> str:
    """Return what stands from one place to another, the end being behind it; raises RowError for places outside."""
    if not 0 <= start < end <= len(text):
        raise RowError(f"has an entity from {start} to {end}, but its text has the places 0 to {len(text)}")
    return text[start:end]


def _whole_words_at(text: str, start: int, end: int) -> str:
    """The same, but where the tool is not known: it may count to the last letter and not to the place behind it."""
    words = words_at(text, start, end)
    if _cuts_a_word(text, start) or _cuts_a_word(text, end):
        raise RowError(f"has an entity from {start} to {end}, {words!r}, which cuts a word; end is the place behind it")
    return words


def _cuts_a_word(text: str, place: int) -> bool:
    """Whether a word goes on at a place, in a script that has spaces; in 5pm there are two."""
    pair = text[place - 1 : place + 1] if place > 0 else ""
    if len(pair) < 2 or pair[0].isdigit() != pair[1].isdigit():
        return False
    return bool(absent_fillers([Entity("", pair[0])], pair, "und"))


def _place(item: dict[Any, Any]) -> tuple[int, int] | None:
    """Where an entity begins and ends in the text, if it says so in characters."""
    keys = {plain(key): key for key in item if isinstance(key, str)}
    for first, second in _PLACES:
        begin, other = item.get(keys.get(first)), item.get(keys.get(second))
        if type(begin) is int and type(other) is int:
            return begin, begin + other if second == "length" else other
    return None


def unmarked(text: str) -> tuple[str, tuple[Entity, ...]]:
    """Return the text without marks, and the entities, of text with [type : words] in it."""
    entities = tuple(Entity(mark["type"].strip(), mark["filler"].strip()) for mark in _MARKED.finditer(text))
    return _MARKED.sub(lambda mark: mark["filler"].strip(), text), entities


def are_spans(value: Any) -> bool:
    """Return whether a value is a list of objects, in JSON or decoded, as a label never is."""
    if isinstance(value, str):
        return _SPANS.match(value) is not None
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def has_places(value: Any) -> bool:
    """Return whether a value, in JSON or decoded, is a list of what has a place in a text."""
    if isinstance(value, str):
        try:
            value = decode(value, "entities") if _LIKELY_CODE.match(value) else None
        except RowError:
            return False
    items = [_span(item) for item in value] if isinstance(value, list) else []
    return any(isinstance(item, dict) and _place(item) is not None for item in items)


def _pairs(given: str) -> tuple[Entity, ...] | None:
    """The entities in `size=small; shots=2`; None for text of another form. A type without a filler is left out."""
    parts = [_PAIR.fullmatch(part) for part in re.split(r"[;\n]", given) if part.strip()]
    if not parts or None in parts:
        return None
    found = ((part["type"], part["filler"]) for part in parts if part is not None)
    return tuple(_entity(kind, filler) for kind, filler in found if not is_blank(filler))


def read_entities(value: Any, text: str = "") -> tuple[Entity, ...]:
    """Return the entities of a text in decoded JSON, in its order; raises RowError that says what would be right."""
    if value is None:
        return ()
    if isinstance(value, dict):
        return tuple(_of_object(value, text))
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


def _of_object(value: dict[Any, Any], text: str) -> Iterator[Entity]:
    """An object may hold all entities of a row by type, a single entity, or a list each of types and of fillers."""
    kind, filler = _described(value, _TYPES)
    if kind is None or filler is None or not _is_one(value, kind, filler, text):
        return _by_type(value)
    if isinstance(value[kind], list) and isinstance(value[filler], list):
        if len(value[kind]) != len(value[filler]):
            raise RowError(f'"entities" has {len(value[kind])} of {kind!r} but {len(value[filler])} of {filler!r}')
        return (_entity(*pair) for pair in zip(value[kind], value[filler], strict=True))
    return _of_types(value[kind], value[filler], _role(value))


def _is_one(value: dict[Any, Any], kind: str, filler: str, text: str) -> bool:
    """Whether an object with the keys of an entity is one, and not slots by name; raises RowError if it may be both."""
    if plain(kind) not in _MAY_BE_SLOTS or plain(filler) == "filler":
        return True
    further, place = {plain(str(key)): each for key, each in value.items() if key not in (kind, filler)}, _place(value)
    if not all(name in _ABOUT_A_PLACE and not isinstance(each, str) for name, each in further.items()):
        return False
    is_said = all(isinstance(each, str) and _is_in(each, text) for each in (value[kind], value[filler]))
    if (is_said and not further) or (place and not _is_in(str(value[filler]), text[place[0] : place[1]])):
        raise RowError(
            f'"entities" has {", ".join(map(str, value))}: are they slots, or one entity? '
            'Write a list of {"type": ..., "filler": ...}'
        )
    return True


def _is_in(words: str, text: str) -> bool:
    return f" {words} ".casefold() in f" {text} ".casefold()


def _of_item(item: Any) -> Iterator[Entity]:
    """An item of a list of entities is an object, or a pair, as Parquet reads a map."""
    if isinstance(item, tuple) and len(item) == 2:
        return _by_type({item[0]: item[1]})
    if not isinstance(item, dict):
        raise RowError(f'"entities" {_SHAPES}; one of the list is {type(item).__name__}')
    kind, filler = _described(item, _IN_LISTS)
    if kind is not None and filler is not None:
        return _of_types(item[kind], item[filler], _role(item))
    said = [value for value in item.values() if not is_blank(value)]
    is_about_a_place = bool(item.keys() & {"start", "end"}) or any(isinstance(value, int | float) for value in said)
    if len(said) > 1 and (kind is not None or filler is not None or is_about_a_place):
        raise RowError(f'"entities" {_SHAPES}; one has {", ".join(map(str, item))}')
    return _by_type(item)


def _described(item: dict[Any, Any], types: Sequence[str]) -> tuple[str | None, str | None]:
    """The keys of an object that hold the type and the filler of one entity.

    Beside a type and a filler, a name is that of the slot, unless it is the filler once more.
    """
    keys = {plain(key): key for key in item if isinstance(key, str)}
    kind, filler = (_first(item, [keys[name] for name in names if name in keys]) for names in (types, _FILLERS))
    name = keys.get("name") if types is _IN_LISTS and kind in (keys.get("type"), keys.get("entity")) else None
    if (
        name is not None
        and filler is not None
        and not is_blank(item[name])
        and not _same(item[name], str(item[filler]))
    ):
        return name, filler
    return kind, filler


def _first(item: dict[Any, Any], keys: Sequence[str]) -> str | None:
    """The first key with a value, or else the first one."""
    return next((key for key in keys if not is_blank(item[key])), next(iter(keys), None))


def _role(item: dict[Any, Any]) -> str:
    """What stands behind the types of an item with a role, as in city.from; nothing for another item."""
    role = next((value for key, value in item.items() if plain(str(key)) == "role" and not is_blank(value)), None)
    return "" if role is None else f".{bare_or_none(label_or_none(role, 'role'))}"


def _of_types(kinds: Any, filler: Any, role: str) -> Iterator[Entity]:
    """The entities of words that have one type, or a list of them."""
    for entity in (_entity(kind, filler) for kind in (kinds if isinstance(kinds, list) else [kinds])):
        yield Entity(entity.type + role, entity.filler)


def _by_type(fillers: dict[Any, Any]) -> Iterator[Entity]:
    for kind, filler in fillers.items():
        for each in filler if isinstance(filler, list) else [filler]:
            if not is_blank(each):
                yield _entity(kind, each)


def _entity(kind: Any, filler: Any) -> Entity:
    named, words = (bare_or_none(label_or_none(value, name)) for value, name in ((kind, "type"), (filler, "filler")))
    if named is None or words is None:
        raise RowError(f'"entities" {_SHAPES}; one has a blank type or filler')
    return Entity(named, words)


def _letters(text: str) -> str:
    return "".join(text.split()).casefold()
