"""Reads scores at amounts of speech from a table of the user's own, so that any system's curve can be forecast.

CSV with the columns recordings (or hours) and score (or error), and if known deviation -> measurements -> SpeechCurve
"""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev

from eartune.errors import InputError
from eartune.evaluation.learning_curve import FEWEST, LearningCurve, Measurement
from eartune.report.speech_curve import Fits, SpeechCurve, look_back

UNITS = {"recordings": "recording", "hours": "hour", "amount": "recording"}
"""The names of the column of amounts, and what the amounts are counted in."""

SCORE, ERROR, DEVIATION = "score", "error", "deviation"


def read_score_table(path: Path) -> Fits:
    """Return the curve of the scores in a CSV file; rows of one amount are seeds, and count as their mean.

    Scores, errors and deviations are fractions, or percentages if any of them is above 1. Raises InputError, naming the
    row, for a value that is no number or out of range, and if there are fewer than three different amounts.
    """
    column, rows = _read(path)
    unit = 100.0 if any(value > 1 for row in rows for key, value in row.items() if key != column) else 1.0
    seeds: dict[float, list[tuple[float, float]]] = {}
    for row in rows:
        score = row[SCORE] / unit if SCORE in row else 1 - row[ERROR] / unit
        if not 0 <= score <= 1:
            raise InputError(f"{path}: at {row[column]:g} {column} the score is not from 0 to {unit:g}")
        seeds.setdefault(row[column], []).append((score, row.get(DEVIATION, 0.0) / unit))
    if len(seeds) < FEWEST:
        raise InputError(
            f"{path}: has {len(seeds)} different amounts; a forecast needs {FEWEST}, of which 0 may be one"
        )
    measured = [_measurement(amount, found) for amount, found in sorted(seeds.items())]
    hindsight = look_back(measured, {one.amount: f"{one.amount:g}" for one in measured})
    curve = SpeechCurve(path.stem, "the system", LearningCurve.fit(measured), hindsight, unit=UNITS[column])
    return Fits((curve,), ())


def _read(path: Path) -> tuple[str, list[dict[str, float]]]:
    """The name of the column of amounts, and the numbers of each row by column; empty cells are left out."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from error
    columns = set(lines[0]) if lines else set()
    column = next((name for name in UNITS if name in columns), None)
    if column is None or not columns & {SCORE, ERROR}:
        raise InputError(
            f'{path}: its first line must name the columns "recordings" (or "hours") and "score" or "error"'
        )
    return column, [_numbers(row, column, f"{path}: row {number}") for number, row in enumerate(lines, start=2)]


def _numbers(row: Mapping[str, str | None], amount: str, place: str) -> dict[str, float]:
    found = {}
    for column in (amount, SCORE, ERROR, DEVIATION):
        written = (row.get(column) or "").strip()
        if not written:
            continue
        try:
            found[column] = float(written)
        except ValueError:
            raise InputError(f"{place}: {column} must be a number, not {written!r}") from None
        if not math.isfinite(found[column]) or found[column] < 0:
            raise InputError(f"{place}: {column} must be a number from 0, not {written}")
    if amount not in found or not found.keys() & {SCORE, ERROR}:
        raise InputError(f"{place}: needs {amount} and a {SCORE}")
    return found


def _measurement(amount: float, seeds: Sequence[tuple[float, float]]) -> Measurement:
    """The mean of the seeds, with the standard error of their mean and of the test."""
    scores = [score for score, _ in seeds]
    between = stdev(scores) / math.sqrt(len(scores)) if len(scores) > 1 else 0.0
    return Measurement(amount, fmean(scores), math.hypot(between, fmean(deviation for _, deviation in seeds)))
