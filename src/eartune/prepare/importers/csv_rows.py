"""Read the rows of CSV, where quotes hold a cell together, and of TSV, where a quote is a letter.

    id,text,intent                          id	text	intent
    a1,"play ""Hey Jude"", please",play     a1	"Hey Jude by the Beatles	play

A lone quote at the beginning of a cell of CSV would swallow the rows behind it: a row that holds what looks like other
rows is named as faulty, and those are read by themselves.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from eartune.errors import InputError
from eartune.prepare.importers.row import Row

_DELIMITERS = (",", ";", "\t", "|")
_ESCAPED_QUOTE = re.compile(r'(?<!\\)((?:\\\\)*)\\"')  # after an even number of backslashes
_FOR_EXCEL = re.compile(r'"?sep=.?"?\s*', re.IGNORECASE)
_LINE_END = re.compile(r"\s*[\r\n]\s*")
_MOST_LINES_OF_HEADER = 100
_LONGEST_CELL = 2**31 - 1  # csv permits 131,072 characters, which a long text, or sound in base64, may have
_OPEN_QUOTE = "; is a quote left open?"


def split_lines(text: str) -> list[str]:
    """Return the lines of a text, with their ends, split where csv splits them.

    A first line such as `sep=;` tells Excel the delimiter and is not shown by it; it is left out. A header that has
    names of several lines, in quotes, is one line.
    """
    lines = list(io.StringIO(text, newline=""))
    lines = lines[1:] if lines and _FOR_EXCEL.fullmatch(lines[0]) else lines
    n_lines = _lines_of_header(lines)
    return ["".join(lines[:n_lines]), *lines[n_lines:]] if lines else lines


def read_header(lines: Sequence[str], path: Path) -> tuple[str, list[str]]:
    """Return the delimiter, and the names of the columns in the first line; raises InputError if it has none.

    The delimiter is the one that splits the header into most names, as text in the rows may be full of commas, and
    into whole ones, as what is quoted may be.
    """
    if not lines or not lines[0].strip():
        raise InputError(f"{path}: must begin with a row that names the columns")
    names = {delimiter: _names(lines[0], delimiter) for delimiter in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda each: (not _has_quotes(names[each]), len(names[each])))
    if not names[delimiter]:
        raise InputError(f"{path}: must begin with a row that names the columns, with quotes around whole names alone")
    return delimiter, names[delimiter]


def read_rows(lines: Sequence[str], delimiter: str, header: Sequence[str], path: Path) -> list[Row]:
    """Return the rows, numbered as in a spreadsheet, where the header is row 1; empty rows are left out.

    A row that cannot be read has a fault. In CSV a quote inside of quotes may be written "" or, where this leaves fewer
    faults, \\".
    """
    csv.field_size_limit(_LONGEST_CELL)
    if delimiter == "\t":
        return list(_rows(_cells_of_tsv(lines), lines, delimiter, header, path))
    rows = list(_rows(_cells_of_csv(lines, delimiter, len(header)), lines, delimiter, header, path))
    faults = sum(bool(row.fault) for row in rows)
    if faults and any('\\"' in line for line in lines):
        doubled = [_ESCAPED_QUOTE.sub(r'\1""', line) for line in lines]
        other = list(_rows(_cells_of_csv(doubled, delimiter, len(header)), lines, delimiter, header, path))
        return min(rows, other, key=lambda rows: sum(bool(row.fault) for row in rows))
    return rows


def _lines_of_header(lines: Sequence[str]) -> int:
    """How many lines the header has; a lone quote in it, or any in a TSV, holds none together."""
    if not lines or lines[0].count('"') % 2 == 0 or "\t" in lines[0]:
        return 1
    for delimiter in _DELIMITERS:
        reader = csv.reader(lines[:_MOST_LINES_OF_HEADER], delimiter=delimiter, strict=True)
        with suppress(csv.Error):
            if not _has_quotes(next(reader)):
                return reader.line_num
    return 1


Cells = tuple[int, list[str], str]
"""The number of lines of a row, its cells, and what is wrong with them, or an empty text."""


def _names(line: str, delimiter: str) -> list[str]:
    """The names of the columns with this delimiter; none if it does not stand between what is quoted, but in it."""
    try:
        cells = next(csv.reader([line], delimiter=delimiter, strict=delimiter != "\t"))
    except csv.Error:
        return []
    return [_LINE_END.sub(" ", cell.strip()) for cell in cells]


def _has_quotes(names: Sequence[str]) -> bool:
    """Whether there is a quote in a name, as in half of one, or there are no names."""
    return not names or any('"' in name for name in names)


def _rows(
    cells_of_rows: Iterable[Cells], lines: Sequence[str], delimiter: str, header: Sequence[str], path: Path
) -> Iterator[Row]:
    start = 1
    for number, (n_lines, cells, fault) in enumerate(cells_of_rows, start=2):
        line = "".join(lines[start : start + n_lines])
        start += n_lines
        if line.strip(f'{delimiter}" \t\r\n'):
            if cells and cells == [*header]:
                fault = "is the header once more, as where files are joined; leave it out"
            if not fault and len(cells) != len(header):
                fault = f"has {len(cells)} cells, but the header has {len(header)}"
                fault += _OPEN_QUOTE if n_lines > 1 else ""
            yield Row(f"{path}, row {number}", line if fault else dict(zip(header, cells, strict=True)), fault)


def _cells_of_tsv(lines: Sequence[str]) -> Iterator[Cells]:
    """Each line is a row; quotes around a cell are taken off where those inside are doubled, as pandas writes them.

    They are also taken off where all names of the header stand in quotes, as every cell does then.
    """
    all_quoted = all(cell.startswith('"') and cell.endswith('"') for cell in lines[0].strip().split("\t"))
    for line in lines[1:]:
        cells = [cell.strip() for cell in line.split("\t")]
        yield 1, [_unquoted(cell, all_quoted) for cell in cells] if '"' in line else cells, ""


def _unquoted(cell: str, always: bool) -> str:
    inside = cell[1:-1]
    if len(cell) < 2 or not (cell.startswith('"') and cell.endswith('"')) or '"' in inside.replace('""', ""):
        return cell
    return inside.replace('""', '"').strip() if always or '""' in inside or not inside else cell


def _cells_of_csv(lines: Sequence[str], delimiter: str, n_columns: int) -> Iterator[Cells]:
    """Where a quote was left open, its line alone is a row with a fault, and the next line is read as one again."""
    start = 1
    while start < len(lines):
        reader = csv.reader((lines[place] for place in range(start, len(lines))), delimiter=delimiter, strict=True)
        while start < len(lines):
            before = reader.line_num
            cells, fault = _next(reader)
            n_lines = reader.line_num - before
            if n_lines > 1 and (fault or _are_rows(lines[start : start + n_lines], delimiter, n_columns)):
                yield 1, [], "has a quote that is left open" if not fault else fault + _OPEN_QUOTE
                start += 1
                break  # the reader is inside of the quote
            yield n_lines, cells, fault
            start += n_lines
            if fault:
                break  # the reader is in the middle of a line


def _next(reader: Iterator[list[str]]) -> tuple[list[str], str]:
    try:
        return [cell.strip() for cell in next(reader)], ""
    except csv.Error as error:
        return [], f"is not a row of CSV ({error})"


def _are_rows(lines: Sequence[str], delimiter: str, n_columns: int) -> bool:
    """Whether the lines of what was read as one row look like rows: the first, and at least half of the others.

    With two columns a line of prose, such as "Dear Bob,", looks much like a row; that one has no blank last cell.
    """
    first = lines[0].split(delimiter)
    if n_columns < 2 or not _are_cells(first, n_columns) or (n_columns == 2 and not first[-1].strip()):
        return False
    return 2 * sum(_is_a_row(line, delimiter, n_columns) for line in lines[1:]) >= len(lines) - 1


def _is_a_row(line: str, delimiter: str, n_columns: int) -> bool:
    cells = line.split(delimiter)
    if len(cells) > n_columns and '"' in line:
        with suppress(csv.Error):
            cells = next(csv.reader([line], delimiter=delimiter))
    return _are_cells(cells, n_columns)


def _are_cells(cells: Sequence[str], n_columns: int) -> bool:
    """Whether there is a cell for each column, and none begins with a space, as the parts of a sentence do."""
    return len(cells) == n_columns and not any(cell.startswith(" ") for cell in cells)
