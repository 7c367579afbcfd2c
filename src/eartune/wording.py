"""How numbers and names are written for a reader: percent with one decimal, intervals in brackets, units."""

ABSENT = "–"  # noqa: RUF001  (an en dash: a hyphen would read as a minus sign)
PERCENT = "\u00a0%"  # a line must not break before the sign


def percent(fraction: float) -> str:
    """0.8431 as `84.3`."""
    return f"{100 * fraction:.1f}"


def hours(amount: float) -> str:
    """Two digits below 0.1 h, where two decimals would hide how little it is."""
    if amount == 0:
        return "0"
    return f"{amount:.2g}" if amount < 0.1 else f"{amount:.2f}" if amount < 10 else f"{amount:,.1f}"


def duration(seconds: float) -> str:
    """In the largest unit that is not below one."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def counted(number: float, noun: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{number:,.0f} {noun}" if number == 1 else f"{number:,.0f} {noun}s"


def listed(parts: list[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def capitalised(sentence: str) -> str:
    """With a first capital, all else as it is."""
    return sentence[:1].upper() + sentence[1:]
