"""Progress of a run and the remaining time: a bar in a terminal, else a line every 20 seconds."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

SECONDS_BETWEEN_LINES = 20.0


class RunProgress:
    """Shows progress over work of a known size; the caller chooses the unit of `total`."""

    def __init__(self, console: Console, total: float) -> None:
        self.console = console
        self.total = max(total, 1e-9)
        self.finished = 0.0  # units of finished pieces of work
        self.skipped = 0.0  # units that an earlier run did; they took no time now
        self._earlier = 0.0  # units of the present piece that an earlier run did
        self.started = time.monotonic()
        self._line_at = -SECONDS_BETWEEN_LINES
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, TextColumn("{task.fields[left]}"), console=console, transient=True)
        self._task = self._bar.add_task("", total=self.total, left="")

    def __enter__(self) -> "RunProgress":
        if self.console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            self._bar.stop()

    def within(self, what: str, units: float, part: float, earlier: float = 0.0) -> None:
        """Show that the fraction `part` (0 to 1) of a piece of `units` is done, `earlier` of it by an earlier run."""
        done = min(self.finished + units * part, self.total)  # the total is an estimate and may be too small
        self._earlier = units * earlier
        worked = done - self.skipped - self._earlier
        elapsed = time.monotonic() - self.started
        left = f"{_clock(elapsed / worked * (self.total - done))} left" if worked > 0 and done < self.total else ""
        self._bar.update(self._task, completed=done, description=what, left=left)
        if not self.console.is_terminal and time.monotonic() - self._line_at >= SECONDS_BETWEEN_LINES:
            self._line_at = time.monotonic()
            self.console.print(f"{done / self.total:4.0%}  {what}  {left}", highlight=False)

    def done(self, units: float, skipped: bool = False) -> None:
        """Note that a piece of `units` is finished; `skipped` if an earlier run did all of it."""
        self.finished += units
        self.skipped += units if skipped else self._earlier
        self._earlier = 0.0


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
