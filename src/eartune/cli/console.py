"""The terminal; where there is none, lines are wide enough that no table is cut."""

import sys

from rich.console import Console


def console() -> Console:
    """For everything a command prints."""
    return Console(width=None if sys.stdout.isatty() else 140, highlight=False)
