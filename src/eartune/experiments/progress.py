"""Progress of a run and the remaining time: a bar in a terminal, else a line every 20 seconds.

Several workers may be at work at once, each with a piece of its own.
"""

import time
from typing import NamedTuple, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

SECONDS_BETWEEN_LINES = 20.0


class Shows(Protocol):
    """What a piece of work needs to show how far it is."""

    console: Console

    def within(self, what: str, units: float, part: float, earlier: float = 0.0) -> None:
        """Show that the fraction `part` (0 to 1) of a piece of `units` is done, `earlier` of it by an earlier run."""

    def done(self, units: float, skipped: bool = False, piece: str | None = None) -> None:
        """Note that a piece of `units` is finished; `skipped` if an earlier run did all of it.

        A piece with a name is counted once, however often it is noted.
        """


class Piece(NamedTuple):
    """The piece that a worker is at: what it is, how much of it is done, and how much of that by an earlier run."""

    what: str
    done: float
    earlier: float


class RunProgress:
    """Shows progress over work of a known size; the caller chooses the unit of `total`."""

    def __init__(self, console: Console, total: float) -> None:
        self.console = console
        self.total = max(total, 1e-9)
        self.finished = 0.0  # units of finished pieces of work
        self.skipped = 0.0  # units that an earlier run did; they took no time now
        self.started = time.monotonic()
        self._present: dict[str, Piece] = {}  # by worker
        self._counted: set[str] = set()
        self._line_at = -SECONDS_BETWEEN_LINES
        what = TextColumn("{task.description}", markup=False)
        columns = (what, BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, TextColumn("{task.fields[left]}"), console=console, transient=True)
        self._task = self._bar.add_task("", total=self.total, left="")

    def __enter__(self) -> "RunProgress":
        if self.console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *ending: object) -> None:
        if self.console.is_terminal:
            self._bar.stop()

    def within(self, what: str, units: float, part: float, earlier: float = 0.0, worker: str = "") -> None:
        """Show how much of a worker's piece of `units` is done, 0 to 1, and how much of that by an earlier run."""
        self._present[worker] = Piece(what, units * part, units * earlier)
        self._show()

    def done(self, units: float, skipped: bool = False, piece: str | None = None, worker: str = "") -> None:
        """Note that a worker's piece of `units` is finished; `skipped` if an earlier run did all of it."""
        present = self._present.pop(worker, Piece("", 0.0, 0.0))
        if piece is None or piece not in self._counted:
            self.finished += units
            self.skipped += units if skipped else present.earlier
        if piece is not None:
            self._counted.add(piece)

    def gave_up(self, worker: str) -> None:
        """Note that a worker is at no piece any more, and that the one it was at is not finished."""
        self._present.pop(worker, None)

    def _show(self) -> None:
        at_work = self._present.values()
        done = min(self.finished + sum(piece.done for piece in at_work), self.total)  # the total is an estimate
        worked = done - self.skipped - sum(piece.earlier for piece in at_work)
        elapsed = time.monotonic() - self.started
        left = f"{_clock(elapsed / worked * (self.total - done))} left" if worked > 0 and done < self.total else ""
        named = (f"{worker}: {piece.what}" if worker else piece.what for worker, piece in self._present.items())
        what = " | ".join(named)
        self._bar.update(self._task, completed=done, description=what, left=left)
        if not self.console.is_terminal and time.monotonic() - self._line_at >= SECONDS_BETWEEN_LINES:
            self._line_at = time.monotonic()
            self.console.print(f"{done / self.total:4.0%}  {what}  {left}", highlight=False, markup=False)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
