"""The one kind of error that a command prints as a sentence, without a traceback."""


class InputError(ValueError):
    """Raised where input is wrong; the message names the file, the row or key, and what would be right."""
