"""Rows of CSV and TSV files, by the names of their columns."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path

from eartune.errors import InputError
from eartune.files import read_text


def read_csv(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of a CSV file with a header, each with its place, "FILE, row N"; a cell that is missing is empty.

    Raises InputError for a file that is missing or not CSV, and for one that lacks a column.
    """
    yield from _rows(path, "CSV", csv.DictReader(StringIO(read_text(path), newline="")), columns, first=2)


def read_tsv(
    path: Path, columns: Sequence[str], header: bool = True, escape: str | None = None
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of a file of cells between tabs, in which quotation marks mean nothing; else as `read_csv`.

    Without a header, `columns` are the columns of the file in their order. `escape` is the character before a tab
    that belongs to a cell.
    """
    names, lines = None if header else columns, StringIO(read_text(path), newline="\n")
    reader = csv.DictReader(lines, names, delimiter="\t", quoting=csv.QUOTE_NONE, escapechar=escape)
    yield from _rows(path, "TSV", reader, columns, first=2 if header else 1)


def _rows(
    path: Path, kind: str, reader: "csv.DictReader[str]", columns: Sequence[str], first: int
) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        if missing := set(columns) - set(reader.fieldnames or ()):
            raise InputError(f"{path}: lacks the column {min(missing)!r}")
        for number, row in enumerate(reader, start=first):
            yield f"{path}, row {number}", {column: row[column] or "" for column in columns}
    except csv.Error as error:
        raise InputError(f"{path}, row {reader.line_num}: is not {kind} ({error})") from error
