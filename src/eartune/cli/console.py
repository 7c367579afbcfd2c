"""The console of all commands; without a terminal its lines are wide enough for every table."""

import os
import sys

from rich.console import Console


def console() -> Console:
    """Return the console for everything that a command prints; of several processes of torchrun, the first one does."""
    is_first = os.environ.get("RANK", "0") == "0"
    return Console(width=None if sys.stdout.isatty() else 140, highlight=False, quiet=not is_first)
