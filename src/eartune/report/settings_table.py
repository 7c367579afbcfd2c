"""How the numbers came about: settings and surroundings of all cells, told once where all cells agree."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eartune.wording import counted


def told_once(parts: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Dotted keys with their value; where cells differ, each value with the number of cells that have it."""
    flat = [dict(_flat(part)) for part in parts]
    keys = dict.fromkeys(key for part in flat for key in part)
    return tuple((key, _told([part[key] for part in flat if key in part], len(flat))) for key in keys)


def _told(values: Sequence[str], cells: int) -> str:
    distinct = dict.fromkeys(values)
    if len(distinct) == 1 and len(values) == cells:
        return values[0]
    return "; ".join(f"{value} ({counted(values.count(value), 'cell')})" for value in distinct)


def _flat(part: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in part.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
