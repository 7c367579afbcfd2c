"""The version of the installed transformers, compared with what a family or a command needs."""

from importlib.metadata import version


def installed_transformers() -> str:
    """Return the version of the installed transformers, such as "5.23.0"."""
    return version("transformers")


def transformers_is_at_least(least: str) -> bool:
    """Return whether the installed transformers has at least the major and minor version `least`, such as "5.23"."""
    installed, needed = (tuple(map(int, text.split(".")[:2])) for text in (installed_transformers(), least))
    return installed >= needed
