"""The console of all commands, which prints text as it is; without a terminal its lines hold every table."""

import os
import sys

from rich.console import Console


def console() -> Console:
    """Return the console for everything that a command prints; of several processes of torchrun, the first one does.

    Brackets are no markup, as names, questions and paths may have some: `style` is what makes a line bold or red.
    """
    is_first = os.environ.get("RANK", "0") == "0"
    return Console(width=None if sys.stdout.isatty() else 140, markup=False, highlight=False, quiet=not is_first)
