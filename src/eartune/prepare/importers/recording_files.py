"""Find the files of the recordings that rows name."""

import errno
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from eartune.data.audio import AUDIO_SUFFIXES
from eartune.prepare.importers.row import RowError

SUBFOLDERS = ("audio", "wav", "wavs", "clips", "recordings")
_URL = re.compile(r"\w+://")
_UPLOADED = re.compile(r"/data/upload/(?:\d+/)?(?P<stored>(?:[0-9a-f]{8}-)?(?P<name>[^/]+))$")  # by Label Studio
_LOCAL = re.compile(r"/data/local-files/\?d=(?P<path>.+)$")


class RecordingFiles:
    """Finds recordings by name in a folder and its usual subfolders; each folder is listed once, no file is opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._folders = [folder, *(folder / name for name in SUBFOLDERS if (folder / name).is_dir())]
        self._listed: dict[Path, dict[str, list[str]]] = {}

    def find(self, name: str) -> Path:
        """Return the file called `name`, or the one recording that is called so except for its suffix.

        A name that no file has may have been written on Windows, as clips\\a.wav, with %20 for a blank, with file://
        before it, or be an address of Label Studio, /data/upload/1/1f0c9a3b-a.wav. A recording that does not exist gets
        the path that it would have in the folder; it is reported as missing when recordings are measured. Raises
        RowError for a name that fits several files, or that no file can have.
        """
        if _is_url(name):
            raise RowError(f"the recording {name} is a URL; download the file and name that")
        for spelled in _spellings(name):
            for folder in self._folders:
                wanted = folder / spelled  # the name itself, if that is an absolute path
                fitting = self._list(wanted.parent).get(wanted.name, [])
                if len(fitting) > 1:
                    raise RowError(f"the recording {name} may be {' or '.join(fitting)}; write the suffix too")
                if fitting:
                    return wanted.with_name(fitting[0])
        missing = self._folders[0] / _names_on_disk(name)[0]
        if not _is_possible(missing):
            raise RowError(f"no file can be called {name[:80]!r}")
        return missing

    def exist(self, name: Any) -> bool:
        """Return whether a value is the name, or the name but for its suffix, of a recording that is there."""
        if not isinstance(name, str) or not name.strip() or len(name) > 1000 or _is_url(name):
            return False
        paths = [folder / spelled for spelled in _spellings(name) for folder in self._folders]
        return any(path.name in self._list(path.parent) for path in paths)

    def _list(self, folder: Path) -> dict[str, list[str]]:
        if folder not in self._listed:
            self._listed[folder] = _names(folder)
        return self._listed[folder]


def _is_url(name: str) -> bool:
    """Whether a name is an address of something that no file of ours is called."""
    return _URL.match(name) is not None and name in _names_on_disk(name)


def _spellings(name: str) -> Iterable[str]:
    """A name as it stands, as a path of Windows, with accents as macOS and as others write them, and decoded."""
    names = (name, *_names_on_disk(name), *map(unquote, _names_on_disk(name)))
    written = (*names, *(each.replace("\\", "/") for each in names))
    forms = (unicodedata.normalize(form, each) for form in ("NFC", "NFD") for each in written)
    return dict.fromkeys((*written, *forms))


def _names_on_disk(name: str) -> tuple[str, ...]:
    """The name, without file:// before it, or what the file of an address of Label Studio may be called.

    Uploads get eight digits before their names.
    """
    if name.startswith("file://"):
        return (name.removeprefix("file://"),)
    if found := _LOCAL.search(name):
        path = unquote(found["path"])
        return path, Path(path).name
    if found := _UPLOADED.search(name):
        return unquote(found["stored"]), unquote(found["name"])
    return (name,)


def _is_possible(path: Path) -> bool:
    try:
        os.lstat(path)
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    except ValueError:  # a zero byte
        return False
    return True


def _names(folder: Path) -> dict[str, list[str]]:
    """The files of a folder by name, and recordings also by name without suffix."""
    try:
        with os.scandir(folder) as entries:
            files = sorted(entry.name for entry in entries if entry.is_file())
    except (OSError, ValueError):  # no such folder, or a name that no folder can have
        return {}
    names: dict[str, list[str]] = {}
    for file in files:
        stem, suffix = os.path.splitext(file)
        if suffix.lower() in AUDIO_SUFFIXES:
            names.setdefault(stem, []).append(file)
    return names | {file: [file] for file in files}
