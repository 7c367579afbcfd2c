"""The table of errors as data for the page's script: every model's wrong answers, in as few characters as possible.

Errors + Clips -> parts, rows and answers as numbers and lists -> JSON
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from eartune.report.answers import RunAnswers
from eartune.report.errors import ErrorKind, Errors, Parts, TestRow, find_errors
from eartune.report.recording_clips import MOST_BYTES, Clips, make_clips
from eartune.report.result import RunResult
from eartune.report.scheme_result import SchemeResult
from eartune.wording import counted

LONGEST_TEXT = 300  # characters of an answer that could not be parsed

MODELS_SHOWN = 12
KINDS = tuple(ErrorKind)


class _Numbers:
    """Values that are written once and named by their place."""

    def __init__(self) -> None:
        self.places: dict[Any, int] = {}

    def of(self, value: Any) -> int:
        return self.places.setdefault(value, len(self.places))


@dataclass(frozen=True)
class ErrorSection:
    """The table of errors of a page: what it holds, in sentences, and its data."""

    sentence: str
    data: Markup


def error_section(
    answers: RunAnswers, rows: Sequence[SchemeResult], side_by_side: Sequence[RunResult], place: Path
) -> ErrorSection | None:
    """Return the errors of the first seed of each row, as many as a page can hold; None if there are none to show.

    Those of `side_by_side`, whose last is the best, are among them, and the page begins with the last two. It is in the
    folder `place`, from which it links the recordings that it does not hold.
    """
    first_seeds = [row.finished[0] for row in rows if row.finished]
    by_name = {result.name: result for result in (*reversed(side_by_side), *first_seeds)}
    shown = list(by_name.values())[:MODELS_SHOWN]
    errors = find_errors(answers, shown)
    if errors is None:
        return None
    urgent = sorted(errors.rows, key=lambda row: 0 not in row.wrong)
    clips = make_clips((row.recording for row in urgent if row.recording), place)
    data = error_data(errors, clips, first=0, second=min(1, len(errors.models) - 1))
    return ErrorSection(_what_it_holds(errors, clips, len(shown) < len(by_name)), data)


def _what_it_holds(errors: Errors, clips: Clips, is_cut: bool) -> str:
    size = counted(errors.tested, "test recording")
    sentence = f"Of {size}, {len(errors.rows):,} are wrong in one of {counted(len(errors.models), 'model')} at least."
    if is_cut:
        sentence += f" The first seed of {MODELS_SHOWN} rows is shown, the best among them."
    if clips.linked:
        limit = f"{MOST_BYTES / 1e6:.0f} MB"
        sentence += (
            f" {counted(clips.embedded, 'recording')} can be played from this file, which holds up to {limit} of them; "
            f"{clips.linked:,} more are played from their files, as long as these are where they were."
        )
    return sentence


def error_data(errors: Errors, clips: Clips, first: int, second: int) -> Markup:
    """Return the JSON of the table; `first` and `second` are the places of the models that it shows at the beginning.

    parts: [name, value]; rows: [id, words, parts, transcript, source of the recording]; answers, by model: a list of
    [row, kinds, parts or 0, confidence in per cent or null, text of an answer that could not be parsed].
    """
    parts = _Numbers()
    rows = [_row(row, clips, parts) for row in errors.rows]
    answers = [
        [
            [
                place,
                [KINDS.index(kind) for kind in wrong.kinds],
                0 if wrong.parts is None else _places(wrong.parts, parts),
                None if wrong.confidence is None else round(100 * wrong.confidence),
                *([wrong.text[:LONGEST_TEXT]] if wrong.parts is None else []),
            ]
            for place, row in enumerate(errors.rows)
            if (wrong := row.wrong.get(model))
        ]
        for model in range(len(errors.models))
    ]
    data = {
        "models": errors.models,
        "first": first,
        "second": second,
        "tested": errors.tested,
        "kinds": [str(kind) for kind in KINDS],
        "parts": [list(part) for part in parts.places],
        "rows": rows,
        "answers": answers,
    }
    # Inside a script element only "</" and "<!--" could end it, so no "<" is left.
    return Markup(json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"))


def _row(row: TestRow, clips: Clips, parts: _Numbers) -> list[Any]:
    source = clips.sources.get(row.recording) if row.recording else None
    return [row.id, row.words, _places(row.right, parts), row.heard, source]


def _places(said: Parts, parts: _Numbers) -> list[int]:
    return [parts.of(part) for part in said]
