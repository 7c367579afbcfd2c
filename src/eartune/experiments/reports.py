"""What a worker reports to the process that shows the progress of a run: lines of text, and how far it is.

worker -> Reports -> a connection, or a queue -> show -> RunProgress
"""

import time
from typing import Any, Protocol

from rich.console import Console

from eartune.experiments.progress import RunProgress

SECONDS_BETWEEN_MESSAGES = 0.5


def show(progress: RunProgress, worker: str, what: str, content: Any) -> None:
    """Show a message of the `Reports` of a worker."""
    if what == "line":
        progress.console.print(f"{worker}: {content}", markup=False, highlight=False)
    elif what == "within":
        progress.within(**content, worker=worker)
    else:
        progress.done(**content, worker=worker)


class Told(Protocol):
    """The end of a connection at which a worker reports."""

    def send(self, message: tuple[str, Any]) -> None:
        """Send a message, which `show` shows."""


class Nobody:
    """The end of no connection, for processes that are not to report."""

    def send(self, message: tuple[str, Any]) -> None:
        """Drop the message: of several processes of one model, the first alone reports."""


class Reports:
    """The progress of a worker, which is sent to the process that started it."""

    def __init__(self, told: Told, width: int) -> None:
        self.told = told
        self.console = Console(file=_Lines(told), width=width)  # type: ignore[arg-type]
        self._sent_at = -SECONDS_BETWEEN_MESSAGES

    def within(self, what: str, units: float, part: float, earlier: float = 0.0) -> None:
        """Send how far the piece is, at most twice a second."""
        if time.monotonic() - self._sent_at >= SECONDS_BETWEEN_MESSAGES:
            self._sent_at = time.monotonic()
            self.told.send(("within", {"what": what, "units": units, "part": part, "earlier": earlier}))

    def done(self, units: float, skipped: bool = False, piece: str | None = None) -> None:
        """Send that a piece is finished."""
        self.told.send(("done", {"units": units, "skipped": skipped, "piece": piece}))


class _Lines:
    """A file to which the console of a worker writes, and which sends whole lines."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.begun = ""

    def write(self, text: str) -> None:
        *whole, self.begun = (self.begun + text).split("\n")
        for line in whole:
            self.told.send(("line", line.rstrip()))

    def flush(self) -> None:
        """Do nothing, as lines are sent at once."""
