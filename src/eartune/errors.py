"""The one kind of error that commands turn into a sentence."""


class InputError(ValueError):
    """Something a user gave is wrong; the message names the file, the place, and what would be right."""
