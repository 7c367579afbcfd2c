"""Numbers and names for readers: percent with one decimal, intervals in brackets, units."""

ABSENT = "–"  # noqa: RUF001  (an en dash: a hyphen would read as a minus sign)
PERCENT = "\u00a0%"  # a line must not break before the sign


def percent(fraction: float) -> str:
    """Return a fraction in per cent with one decimal: 0.8431 becomes `84.3`."""
    return f"{100 * fraction:.1f}"


def hours(amount: float) -> str:
    """Return an amount of hours as text, with two significant digits below 0.1 h, where two decimals would show 0."""
    if amount == 0:
        return "0"
    return f"{amount:.2g}" if amount < 0.1 else f"{amount:.2f}" if amount < 10 else f"{amount:,.1f}"


def duration(seconds: float) -> str:
    """Return seconds as text in the largest unit that gives at least 1: `42 s`, `2.5 min`, `1.2 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def counted(number: float, noun: str) -> str:
    """Return a number with its noun in singular or plural: `1 cell`, `2 cells`."""
    return f"{number:,.0f} {noun}" if number == 1 else f"{number:,.0f} {noun}s"


def listed(parts: list[str]) -> str:
    """Return parts as an enumeration: `a, b and c`; there must be at least one."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def capitalised(sentence: str) -> str:
    """Return a sentence with a capital first letter, all else unchanged."""
    return sentence[:1].upper() + sentence[1:]
