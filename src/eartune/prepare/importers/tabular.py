"""Read tables (JSON lines, CSV, TSV and Parquet) with columns for the text, the recording, the intent.

    {"id": "ab12", "sentence": "a small latte", "intent": "orderDrink", "slots": {"size": "small"}}

    path,transcript,scenario,action,entities
    ab12.wav,a small latte,coffee,order,"[{""type"": ""size"", ""filler"": ""small""}]"

    ID,duration,wav,semantics,transcript                                                  (SpeechBrain's SLURP)
    7,2.1,ab12.flac,{'scenario': 'coffee'| 'action': 'order'| 'entities': []},a small latte

Rows of our own manifest, with "recordings", are read too.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from eartune.errors import InputError
from eartune.prepare.importers.annotation import label_or_choice
from eartune.prepare.importers.columns import guess, match_columns, other_columns, slot_columns
from eartune.prepare.importers.csv_rows import read_header, read_rows, split_lines
from eartune.prepare.importers.entities import are_spans
from eartune.prepare.importers.excerpt import part_and_channel, recording_fields
from eartune.prepare.importers.hugging_face import STATE, labels_of, open_dataset
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.missing_values import without_missing_values
from eartune.prepare.importers.row import Row, RowError, is_blank
from eartune.prepare.importers.semantics import labels_of_frame
from eartune.prepare.importers.split_column import with_split
from eartune.prepare.importers.text import read_text
from eartune.prepare.importers.to_utterances import to_utterances
from eartune.prepare.importers.unread import Unread

_ROWS_LOOKED_AT = 1000  # of which one shows what a column holds
_WORDS = "text or audio", {"text", "audio"}
_LABELS = "intent, or scenario and action", {"intent", "scenario", "semantics"}


def read_jsonl(rows: Sequence[Row], path: Path, named: Mapping[str, str], labelled: bool = True) -> Imported:
    """Read rows of JSON, whose columns are all keys that any of them has."""
    header = {key: None for row in rows if isinstance(row.content, dict) for key in row.content}
    return _imported(rows, match_columns(header, named, path), header, named, path, labelled)


def read_csv(path: Path, named: Mapping[str, str], labelled: bool = True) -> Imported:
    """Read a header and its rows; raises InputError if the header lacks a column that is needed."""
    lines = split_lines(read_text(path))
    delimiter, header = read_header(lines, path)
    columns = _needed(match_columns(_unique(header, path), named, path), header, path, labelled)
    rows, notes = without_missing_values(read_rows(lines, delimiter, header, path), columns.get("text"))
    found = _imported(rows, columns, header, named, path, labelled, lambda: rows)
    return replace(found, notes=(*notes, *found.notes))


def read_dataset(folder: Path, named: Mapping[str, str], labelled: bool = True) -> Imported:
    """Read a dataset that Hugging Face's save_to_disk wrote; raises InputError if it cannot be read."""
    header, rows = open_dataset(folder)
    columns = _needed(match_columns(header, named, folder), header, folder, labelled)
    return _imported(rows, columns, header, named, folder / STATE, labelled, lambda: open_dataset(folder)[1])


def read_parquet(path: Path, named: Mapping[str, str], labelled: bool = True) -> Imported:
    """Read a Parquet file; raises InputError if pyarrow is not installed, or cannot read the file."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise InputError(f"{path}: Parquet files need pyarrow; pip install 'eartune[data]'") from error
    try:
        with ParquetFile(path) as table:
            header = table.schema_arrow.names
            columns = _needed(match_columns(header, named, path), header, path, labelled)
            rows = partial(_parquet_rows, table, path)
            return _imported(rows(), columns, header, named, path, labelled, rows)
    except (OSError, ArrowException) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error})") from error


def _translated(
    content: dict[str, Any],
    columns: Mapping[str, str],
    others: Mapping[str, Sequence[str]],
    slots: Sequence[str],
    is_absent: Callable[[Any], bool],
) -> dict[str, Any]:
    _check_is_accepted(content, columns)
    values = {ours: content.get(theirs) for ours, theirs in columns.items()}
    if slots:
        values["entities"] = {slot: value for slot in slots if not is_blank(value := content.get(slot))}
    for ours in others:
        if is_absent(values[ours]):
            said = (content[name] for name in others[ours] if not is_absent(content.get(name)))
            values[ours] = next(said, values[ours])
    values |= {
        label: label_or_choice(values[label], label) for label in values.keys() & {"intent", "scenario", "action"}
    }
    values |= labels_of_frame(values.pop("semantics", None))
    speaker, audio = values.pop("speaker", None), values.pop("audio", None)
    listed = content.get("recordings")
    if isinstance(listed, list) and listed:
        return values | {"recordings": _listed_recordings(listed, content, speaker)}
    found = recording_fields(audio)
    return values | {"recordings": [found | {"speaker": speaker} | part_and_channel(values, columns)] if found else []}


def _listed_recordings(items: list[Any], content: dict[str, Any], speaker: Any) -> list[Any]:
    """The recordings of a row that lists several, each with its part and its speaker, or else that of the row."""
    beside = [name for name in guess(content, ("start", "end", "channel")).values() if not is_blank(content[name])]
    if beside:
        raise RowError(
            f'has "{beside[0]}" beside "recordings"; write it into each of these, or rename it if it is no part of them'
        )
    return [_listed_recording(item, speaker) for item in items]


def _listed_recording(item: Any, speaker: Any) -> Any:
    found = recording_fields(item) if isinstance(item, dict) else None
    if found is None:
        return item  # which is refused as all are that name no file
    own = item.get(guess(item, ("speaker",)).get("speaker"))
    return found | {"seconds": item.get("seconds"), "speaker": speaker if is_blank(own) else own}


def _check_is_accepted(content: dict[str, Any], columns: Mapping[str, str]) -> None:
    """Raise RowError for a row of Prodigy that somebody rejected or passed over."""
    if "answer" not in columns.values() and content.get("answer") in ("reject", "ignore"):
        raise RowError(f'has the "answer" {content["answer"]!r}, as Prodigy writes it; only what is accepted is read')


def _is_null(value: Any) -> bool:
    """Whether a key of JSON is absent or null; an empty text or list is an answer, as of a row without entities."""
    return is_blank(value) and not isinstance(value, str)


def _imported(
    rows: Iterable[Row],
    columns: dict[str, str],
    header: Collection[str],
    named: Mapping[str, str],
    path: Path,
    labelled: bool,
    cells: Callable[[], Iterable[Row]] | None = None,
) -> Imported:
    """Read the rows; `cells` gives them again, for a table that has a cell for each column in every row."""
    columns = _with_spans(columns, rows, header, named)
    columns, half_named = with_split(columns, header, named, rows if cells is None else cells())
    others = other_columns(header, columns, named)
    if others and cells is not None:
        others = _alternatives(others, columns, cells())
    slots = [] if named.get("entities") in header else slot_columns(header, named)
    read = {*columns.values(), *chain.from_iterable(others.values()), *slots}
    ignored = tuple(name for name in header if name and name not in read)
    unread = Unread(columns, ignored, path)
    is_absent = _is_null if cells is None else is_blank
    translate = partial(_translated, columns=columns, others=others, slots=slots, is_absent=is_absent)
    found = to_utterances(unread.passing(rows), translate, path.parent, columns, labelled)
    return replace(found, ignored=ignored, others=others, notes=(*half_named, *unread.notes(found.utterances)))


def _alternatives(
    others: Mapping[str, Sequence[str]], columns: Mapping[str, str], rows: Iterable[Row]
) -> dict[str, list[str]]:
    """The further columns that no row fills beside the first one; what both fill is for something else."""
    pairs = {(ours, name) for ours, names in others.items() for name in names}
    for content in (row.content for row in rows if isinstance(row.content, dict)):
        pairs -= {
            (ours, name)
            for ours, name in pairs
            if not is_blank(content.get(columns[ours])) and not is_blank(content.get(name))
        }
    found = {ours: [name for name in names if (ours, name) in pairs] for ours, names in others.items()}
    return {ours: names for ours, names in found.items() if names}


def _with_spans(
    columns: dict[str, str], rows: Iterable[Row], header: Collection[str], named: Mapping[str, str]
) -> dict[str, str]:
    """The columns, of which one that would be the intent is the entities': Label Studio calls spans label, too."""
    if "entities" in columns or "entities" in named or not isinstance(rows, Sequence):
        return columns
    first = [row.content for row in rows[:_ROWS_LOOKED_AT] if isinstance(row.content, dict)]
    intents = [columns.get("intent", ""), *other_columns(header, columns, named).get("intent", ())]
    spans = next((name for name in intents if any(are_spans(dict.get(each, name)) for each in first)), None)
    if spans is None or spans == named.get("intent"):
        return columns
    left = next((name for name in intents if name != spans), None)
    found = {ours: theirs for ours, theirs in columns.items() if theirs != spans} | {"entities": spans}
    return found | ({"intent": left} if "intent" not in found and left else {})


def _needed(columns: dict[str, str], header: Collection[str], path: Path, labelled: bool) -> dict[str, str]:
    for asked, needed in (_WORDS, _LABELS) if labelled else (_WORDS,):
        if not columns.keys() & needed:
            known = f"none of its columns is known as {asked}; it has {', '.join(header)}"
            raise InputError(f"{path}: {known}; rename the right one, or name it with --map of eartune prepare")
    return columns


def _unique(header: list[str], path: Path) -> list[str]:
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: has two columns {twice!r}; their names must differ")
    return header


def _parquet_rows(table: Any, path: Path) -> Iterator[Row]:
    number, named = 0, labels_of(table.schema_arrow)
    for batch in table.iter_batches(batch_size=1000):  # not all at once: a table may hold its recordings
        for content in batch.to_pylist():
            number += 1
            yield Row(f"{path}, row {number}", named(content))
