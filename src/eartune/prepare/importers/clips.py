"""Where the recordings lie that rows name."""

import errno
import os
import re
from pathlib import Path
from typing import Any

from eartune.data.audio import AUDIO_SUFFIXES
from eartune.prepare.importers.row import RowError, text_or_none

SUBFOLDERS = ("audio", "wav", "wavs", "clips", "recordings")
_ADDRESS = re.compile(r"\w+://")


class Clips:
    """Files found by name in a folder, or in its usual subfolders; each folder is listed once, none is opened."""

    def __init__(self, folder: Path) -> None:
        self._folders = [folder, *(folder / name for name in SUBFOLDERS if (folder / name).is_dir())]
        self._listed: dict[Path, dict[str, list[str]]] = {}

    def find(self, name: str) -> Path:
        """The file called `name`, or the one recording called so but for its suffix.

        One that is not there is taken to be missing beside the rows: who measures recordings counts those. Raises
        RowError for a name that leaves open which file it is, or that no file can have.
        """
        if _ADDRESS.match(name):
            raise RowError(f"the recording {name} is an address; fetch the file and name that")
        for folder in self._folders:
            wanted = folder / name  # just `name`, where that is an absolute path
            fitting = self._list(wanted.parent).get(wanted.name, [])
            if len(fitting) > 1:
                raise RowError(f"the recording {name} may be {' or '.join(fitting)}; write the suffix too")
            if fitting:
                return wanted.with_name(fitting[0])
        if not _can_be(self._folders[0] / name):
            raise RowError(f"no recording can be called {name[:80]!r}")
        return self._folders[0] / name

    def _list(self, folder: Path) -> dict[str, list[str]]:
        if folder not in self._listed:
            self._listed[folder] = _names(folder)
        return self._listed[folder]


def clip_name(value: Any) -> str | None:
    """The path in what a row has as audio: text, or Hugging Face's {"path", "bytes"} with a path alone."""
    if isinstance(value, dict):
        if value.get("bytes") is not None:
            raise RowError("the recording is inside the table; write it to a file and name that")
        value = value.get("path")
    return text_or_none(value, "audio")


def _can_be(path: Path) -> bool:
    try:
        os.lstat(path)
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    except ValueError:  # a zero byte
        return False
    return True


def _names(folder: Path) -> dict[str, list[str]]:
    """The files of a folder by their names, and recordings also by their names without suffix."""
    try:
        with os.scandir(folder) as entries:
            files = sorted(entry.name for entry in entries if entry.is_file())
    except (OSError, ValueError):  # no such folder; a name that no file can have
        return {}
    names: dict[str, list[str]] = {}
    for file in files:
        stem, suffix = os.path.splitext(file)
        if suffix.lower() in AUDIO_SUFFIXES:
            names.setdefault(stem, []).append(file)
    return names | {file: [file] for file in files}
