"""Builds the table of an experiment, one row for each scheme and budget, for the terminal, Markdown and HTML."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text

from eartune.report.result import RunResult
from eartune.report.scheme_result import SchemeResult, join_seeds, parsed_share
from eartune.report.wording import metric_name, with_interval
from eartune.tables import Table
from eartune.wording import ABSENT, duration, hours, percent

TERMINAL_WIDTH = 100
WANTED_FIRST = ("slu_f1", "slot_f1", "entity_f1", "intent_accuracy", "exact_match")  # what papers report


@dataclass(frozen=True)
class _Column:
    heading: str
    cell: Callable[[SchemeResult], str]


def build_table(rows: Sequence[SchemeResult], metrics: Sequence[str]) -> Table:
    """Return the table with scores in percent and 95 % intervals; a row without a finished model gives the reason."""
    names = [_Column("scheme", lambda row: row.scheme), _Column("speech", lambda row: row.budget or ABSENT)]
    numbers = [
        _Column("models", _models),
        *(_metric_column(metric) for metric in metrics),
        _Column("n", lambda row: _n(row, metrics[0])),
        _Column("parsed", lambda row: _mean(row, parsed_share, percent)),
        _Column("hours", lambda row: _mean(row, lambda result: result.speech_hours, hours)),
        *([_Column("free hours", _free_hours)] if any(_free_hours(row) != ABSENT for row in rows) else []),
        _Column("training", lambda row: _mean(row, lambda result: result.seconds.get("train"), duration)),
    ]
    columns = names + numbers
    return Table(
        headings=tuple(column.heading for column in columns),
        lines=tuple(tuple(column.cell(row) for column in columns) for row in rows),
        left=len(names),
    )


def _free_hours(row: SchemeResult) -> str:
    amount = row.mean(lambda result: result.free_hours)
    return hours(amount) if amount else ABSENT


def metrics_of(results: Sequence[RunResult]) -> tuple[str, ...]:
    """Return the main metric, then those of WANTED_FIRST, then the others in the order of the results."""
    written = dict.fromkeys(metric for result in results for metric in result.scores)
    wanted = [metric for metric in WANTED_FIRST if metric in written]
    return tuple(dict.fromkeys([results[0].main_metric, *wanted, *written]))


def terminal_table(results: Sequence[RunResult]) -> Group:
    """Return the table with as many metrics as fit in 100 columns, and below it the unfinished models."""
    table = _widest(join_seeds(results), metrics_of(results))
    shown = RichTable(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), title=Text(results[0].experiment))
    for place, heading in enumerate(table.headings):
        # A scheme of the user's own may have any name; it is the one column that gives way.
        shown.add_column(heading, justify="left" if place < table.left else "right", no_wrap=place > 0)
    for line in table.lines:
        shown.add_row(*(Text(cell) for cell in line))
    below = [f"failed: {result.name}: {error_line(result)}" for result in results if result.status == "failed"]
    unfinished = [result.name for result in results if result.status == "unfinished"]
    if unfinished:
        below.append(f"not finished yet: {', '.join(unfinished)}")
    return Group(shown, *(Text(line, no_wrap=True, overflow="ellipsis") for line in below))


def error_line(result: RunResult) -> str:
    """Return the error of a failed model on one line."""
    return " ".join((result.error or "no error message was stored").split())


def _widest(rows: Sequence[SchemeResult], metrics: Sequence[str]) -> Table:
    tables = (build_table(rows, metrics[:count]) for count in range(len(metrics), 0, -1))
    fitting = (table for table in tables if table.width <= TERMINAL_WIDTH)
    return next(fitting, build_table(rows, metrics[:1]))


def _metric_column(metric: str) -> _Column:
    def cell(row: SchemeResult) -> str:
        score = row.score(metric)
        if score is not None:
            return with_interval(score)
        if row.finished:
            return ABSENT
        return "failed" if row.failed else "not finished"

    return _Column(f"{metric_name(metric)} %", cell)


def _models(row: SchemeResult) -> str:
    finished, cells = len(row.finished), len(row.cells)
    return str(finished) if finished == cells else f"{finished} of {cells}"


def _n(row: SchemeResult, metric: str) -> str:
    score = row.score(metric)
    return f"{score.n:,}" if score else ABSENT


def _mean(row: SchemeResult, number: Callable[[RunResult], float | None], written: Callable[[float], str]) -> str:
    mean = row.mean(number)
    return ABSENT if mean is None else written(mean)
