"""Read a whole frame that stands in one cell: JSON, a Python literal, or one with bars for commas (SpeechBrain).

"{'scenario': 'coffee'| 'action': 'order'| 'entities': []}"    {"intent": "order", "slots": {"size": "small"}}
"""

from typing import Any

from eartune.prepare.importers.columns import known_values
from eartune.prepare.importers.entities import decode
from eartune.prepare.importers.row import RowError, is_blank


def labels_of_frame(value: Any, name: str = "semantics") -> dict[str, Any]:
    """Return the labels of a frame by our names, none for a blank cell; raises RowError, with `name`, for no frame."""
    if is_blank(value):
        return {}
    frame = _decoded(value, name) if isinstance(value, str) else value
    if not isinstance(frame, dict):
        raise RowError(f'"{name}" must be {{"scenario": ..., "action": ..., "entities": [...]}}')
    return known_values(frame)


def _decoded(written: str, name: str) -> Any:
    try:
        return decode(written, name)
    except RowError:
        if "," in written or "|" not in written:
            raise
        return decode(written.replace("|", ","), name)
