"""The errors that a command prints as a sentence, without a traceback."""


class InputError(ValueError):
    """Raised where input is wrong; the message names the file, the row or key, and what would be right."""


class ProcessLostError(RuntimeError):
    """Raised where another process that works on the same model has ended or is silent; the message says which."""
