"""The settings and the provenance of all models, merged if they are equal."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eartune.wording import counted


def merge_settings(parts: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Return dotted keys with their value; where models differ, each value with the number of models that have it."""
    flat = [dict(_flat(part)) for part in parts]
    merged = {}
    for key in dict.fromkeys(key for part in flat for key in part):
        values = [part[key] for part in flat if key in part]
        distinct = dict.fromkeys(values)
        if len(distinct) == 1 and len(values) == len(flat):
            merged[key] = values[0]
        else:
            merged[key] = "; ".join(f"{value} ({counted(values.count(value), 'model')})" for value in distinct)
    return tuple(merged.items())


def _flat(part: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in part.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
