"""Tables of text, and how they are written in Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Text in cells; the first `left` columns are words, all others numbers."""

    headings: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    left: int

    @property
    def width(self) -> int:
        """Characters of a line in the terminal: two between columns, one at the end."""
        columns = zip(self.headings, *self.lines, strict=True)
        return sum(max(map(len, column)) + 2 for column in columns) - 1


def markdown_table(table: Table) -> str:
    """Padded, so that it can be read unrendered too."""
    texts = [[escape_markdown(cell) for cell in line] for line in (table.headings, *table.lines)]
    widths = [max(3, *map(len, column)) for column in zip(*texts, strict=True)]
    rules = [f"{'-' * (w - 1)}{'-' if place < table.left else ':'}" for place, w in enumerate(widths)]
    padded = [_padded(line, widths, table.left) for line in texts]
    return "\n".join(f"| {' | '.join(line)} |" for line in (padded[0], rules, *padded[1:]))


def escape_markdown(text: str) -> str:
    """On one line, with nothing left that would open a tag, a table cell, code, emphasis or a link."""
    for special in ("\\", "`", "*", "|"):
        text = text.replace(special, f"\\{special}")
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("](", "]\\(")
    return " ".join(text.split())


def _padded(line: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    cells = enumerate(zip(line, widths, strict=True))
    return [cell.ljust(width) if place < left else cell.rjust(width) for place, (cell, width) in cells]
