"""The console of all commands; without a terminal its lines are wide enough for every table."""

import sys

from rich.console import Console


def console() -> Console:
    """Return the console for everything that a command prints."""
    return Console(width=None if sys.stdout.isatty() else 140, highlight=False)
