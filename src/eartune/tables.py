"""Tables of text, and their forms in Markdown and in a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table as RichTable
from rich.text import Text


@dataclass(frozen=True)
class Table:
    """A table whose cells are text; the first `left` columns hold words, all others numbers, aligned to the right."""

    headings: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    left: int

    @property
    def width(self) -> int:
        """The width of the table in a terminal, in characters: two between columns, one at the end."""
        columns = zip(self.headings, *self.lines, strict=True)
        return sum(max(map(len, column)) + 2 for column in columns) - 1


def terminal_table(table: Table) -> RichTable:
    """Return the table for a rich console; a cell that does not fit is folded, not cut."""
    shown = RichTable(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for place, heading in enumerate(table.headings):
        shown.add_column(heading, justify="left" if place < table.left else "right", overflow="fold")
    for line in table.lines:
        shown.add_row(*(Text(cell) for cell in line))
    return shown


def markdown_table(table: Table) -> str:
    """Return the table in Markdown, padded with spaces so that its source can be read as well."""
    texts = [[escape_markdown(cell) for cell in line] for line in (table.headings, *table.lines)]
    widths = [max(3, *map(len, column)) for column in zip(*texts, strict=True)]
    rules = [f"{'-' * (w - 1)}{'-' if place < table.left else ':'}" for place, w in enumerate(widths)]
    padded = [_padded(line, widths, table.left) for line in texts]
    return "\n".join(f"| {' | '.join(line)} |" for line in (padded[0], rules, *padded[1:]))


def escape_markdown(text: str) -> str:
    """Return a text on one line, without anything that would open a tag, a table cell, code, emphasis or a link."""
    for special in ("\\", "`", "*", "|"):
        text = text.replace(special, f"\\{special}")
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("](", "]\\(")
    return " ".join(text.split())


def _padded(line: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    cells = enumerate(zip(line, widths, strict=True))
    return [cell.ljust(width) if place < left else cell.rjust(width) for place, (cell, width) in cells]
