"""Reads scores at amounts of speech from a table of the user's own, so that any system's curve can be forecast.

CSV with the columns recordings (or hours) and score (or error), and if known deviation -> measurements -> SpeechCurve
"""

import csv
import math
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from statistics import fmean, stdev

from eartune.errors import InputError
from eartune.evaluation.learning_curve import FEWEST, LearningCurve, Measurement
from eartune.files import read_text
from eartune.report.speech_curve import Fits, SpeechCurve, look_back

UNITS = {"recordings": "recording", "hours": "hour", "amount": "recording"}
"""The names of the column of amounts, and what the amounts are counted in."""

SCORE, ERROR, DEVIATION = "score", "error", "deviation"
DELIMITERS = ",;\t"

LEAST_AMOUNT, LARGEST_AMOUNT = 1e-6, 1e12  # beyond these the powers of the law overflow


def read_score_table(path: Path) -> Fits:
    """Return the curve of the scores in a CSV file; rows of one amount are seeds, and count as their mean.

    Scores and errors are fractions, or percentages if any of them is above 1; deviations are what these are. Raises
    InputError, naming the row, for a value that is no number or out of range, and if there are fewer than three
    different amounts.
    """
    column, rows = _read(path)
    unit = 100.0 if any(row.get(key, 0.0) > 1 for _, row in rows for key in (SCORE, ERROR)) else 1.0
    seeds: dict[float, list[tuple[float, float]]] = {}
    for place, row in rows:
        score, deviation = _in_range(row, unit, place)
        seeds.setdefault(row[column], []).append((score, deviation))
    if len(seeds) < FEWEST:
        raise InputError(
            f"{path}: has {len(seeds)} different amounts; a forecast needs {FEWEST}, of which 0 may be one"
        )
    measured = [_measurement(amount, found) for amount, found in sorted(seeds.items())]
    hindsight = look_back(measured, {one.amount: f"{one.amount:g}" for one in measured})
    curve = SpeechCurve(path.stem, "the system", LearningCurve.fit(measured), hindsight, unit=UNITS[column])
    return Fits((curve,), ())


def _in_range(row: Mapping[str, float], unit: float, place: str) -> tuple[float, float]:
    """The score and the deviation of a row as fractions."""
    name = SCORE if SCORE in row else ERROR
    if row[name] > unit:
        raise InputError(f"{place}: the {name} must be from 0 to {unit:g}, not {row[name]:g}")
    deviation = row.get(DEVIATION, 0.0) / unit
    if deviation >= 0.5:
        raise InputError(
            f"{place}: the deviation must be below {unit / 2:g}, as the {name}s are from 0 to {unit:g}, "
            f"not {row[DEVIATION]:g}"
        )
    return row[name] / unit if name == SCORE else 1 - row[name] / unit, deviation


def _read(path: Path) -> tuple[str, list[tuple[str, dict[str, float]]]]:
    """The name of the column of amounts, and each row's place and numbers by column; empty cells are left out."""
    text = read_text(path)
    first, _, _ = text.partition("\n")
    reader = csv.reader(StringIO(text), delimiter=max(DELIMITERS, key=first.count), skipinitialspace=True)
    try:
        columns = [name.strip().lower() for name in next(reader, [])]
        lines = [(reader.line_num, cells) for cells in reader if any(cells)]
    except csv.Error as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from error
    column = next((name for name in UNITS if name in columns), None)
    if column is None or not lines or not {SCORE, ERROR} & set(columns):
        raise InputError(
            f'{path}: its first line must name the columns "recordings" (or "hours") and "score" or "error"'
        )
    if twice := next((name for name in (column, SCORE, ERROR, DEVIATION) if columns.count(name) > 1), None):
        raise InputError(f"{path}: has the column {twice!r} twice; leave one")
    while not columns[-1]:
        columns.pop()
    rows = ((f"{path}: row {number}", cells) for number, cells in lines)
    return column, [(place, _numbers(_named(cells, columns, place), column, place)) for place, cells in rows]


def _named(cells: Sequence[str], columns: Sequence[str], place: str) -> Mapping[str, str]:
    """The cells by column; one beyond the columns would have moved the others, as the comma in 1,000 does."""
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise InputError(
            f"{place}: has {len(cells)} cells, the first line {len(columns)}; write numbers without separators, such "
            "as 1000 for 1,000"
        )
    return dict(zip(columns, cells, strict=False))


def _numbers(row: Mapping[str, str], amount: str, place: str) -> dict[str, float]:
    found = {}
    for column in (amount, SCORE, ERROR, DEVIATION):
        written = row.get(column, "").strip()
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
    if found[amount] and not LEAST_AMOUNT <= found[amount] <= LARGEST_AMOUNT:
        limits = f"{LEAST_AMOUNT:g} to {LARGEST_AMOUNT:g}"
        raise InputError(f"{place}: {amount} must be 0 or from {limits}, not {found[amount]:g}")
    return found


def _measurement(amount: float, seeds: Sequence[tuple[float, float]]) -> Measurement:
    """The mean of the seeds, with the standard error of their mean and of the test."""
    scores = [score for score, _ in seeds]
    between = stdev(scores) / math.sqrt(len(scores)) if len(scores) > 1 else 0.0
    return Measurement(amount, fmean(scores), math.hypot(between, fmean(deviation for _, deviation in seeds)))
