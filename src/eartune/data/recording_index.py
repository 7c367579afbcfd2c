"""An index of recordings: length, digest and faults of each file, so that no file is opened twice to learn them.

A row counts as long as the file's size and time of change are those that it was written for.

{"file":"/data/orders/r1.flac","size":48213,"modified_ns":1790000000000000000,"seconds":2.31,"digest":"9f…","fault":null}
"""

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from eartune.claims import CLAIMS, Claims
from eartune.data.audio import audio_seconds, read_audio
from eartune.errors import InputError
from eartune.files import read_lines, remove_leftovers, write_lines
from eartune.progress import Progress

READ_AHEAD = 256  # recordings in the hands of the threads, so that little is lost when a run is interrupted
SAVE_EVERY = 5_000  # recordings, after which the index is saved while it is being filled


@dataclass(frozen=True)
class RecordingFacts:
    """The facts known about one recording file."""

    size: int
    """The size of the file in bytes."""
    modified_ns: int
    """When the file was last changed, in nanoseconds since 1970."""
    seconds: float
    """The length that the header states."""
    digest: str | None = None
    """The SHA-256 of the file's bytes; None until the recording is examined."""
    fault: str | None = None
    """Why no model can be given the recording: a sentence that names the file, or None."""


class RecordingIndex:
    """Facts about recordings by path, kept in a JSON-lines file, or in memory alone without one."""

    def __init__(self, file: Path | None = None) -> None:
        """Read what `file` holds, if it is there; raises InputError for a file that is no index."""
        self.file = file
        self._facts = _read(file)
        self._is_saved = True

    def seconds(self, path: Path) -> float:
        """Return the length of a recording in seconds; raises InputError if it is missing or not audio."""
        name, size, modified_ns = _identity(path)
        facts = self._facts.get(name)
        if facts is None or (facts.size, facts.modified_ns) != (size, modified_ns):
            facts = RecordingFacts(size, modified_ns, audio_seconds(path))
            self._remember(name, facts)
        return facts.seconds

    def examine(self, paths: Iterable[Path], progress: Progress = lambda done, total: None) -> None:
        """Decode and digest every recording that is not known yet, several at a time, and save the index.

        Raises InputError with the sentence of the first recording, in the order given, that no model can be given.
        """
        fault = next(iter(self.faults(paths, progress).values()), None)
        if fault is not None:
            raise InputError(fault)

    def faults(self, paths: Iterable[Path], progress: Progress = lambda done, total: None) -> dict[Path, str]:
        """Examine recordings as above; return a sentence for each one that no model can be given, in their order."""
        wanted, unknown, faults = dict.fromkeys(paths), [], {}
        for path in wanted:
            try:
                if self._fresh_facts(path).digest is None:
                    unknown.append(path)
            except InputError as error:
                faults[path] = str(error)
        for start in range(0, len(unknown), READ_AHEAD):
            some = unknown[start : start + READ_AHEAD]
            with ThreadPoolExecutor() as threads:
                for path, (digest, fault) in zip(some, threads.map(_examine, some), strict=True):
                    name = _name(path)
                    self._remember(name, replace(self._facts[name], digest=digest, fault=fault))
            progress(start + len(some), len(unknown))
            if (start // READ_AHEAD + 1) % (SAVE_EVERY // READ_AHEAD) == 0:
                self.save()
        self.save()
        found = ((path, faults.get(path) or self._facts[_name(path)].fault) for path in wanted)
        return {path: fault for path, fault in found if fault is not None}

    def digest(self, path: Path) -> str:
        """Return the SHA-256 of the bytes of a recording, in hexadecimal."""
        facts = self._fresh_facts(path)
        if facts.digest is None:
            digest, fault = _examine(path)
            facts = replace(facts, digest=digest, fault=fault)
            self._remember(_name(path), facts)
        assert facts.digest is not None
        return facts.digest

    def save(self) -> None:
        """Write the file, if anything was learned since; what another process wrote there meanwhile is kept.

        Experiments share the file, so that one process at a time writes it. What a killed one left is removed.
        """
        if self.file is None or self._is_saved:
            return
        with Claims(self.file.parent / CLAIMS).hold(self.file.stem, wait=True):
            remove_leftovers(self.file.parent, stem=self.file.stem)
            self._facts = _read(self.file) | self._facts
            write_lines(self.file, ({"file": name, **vars(facts)} for name, facts in sorted(self._facts.items())))
        self._is_saved = True

    def _fresh_facts(self, path: Path) -> RecordingFacts:
        self.seconds(path)
        return self._facts[_name(path)]

    def _remember(self, name: str, facts: RecordingFacts) -> None:
        self._facts[name] = facts
        self._is_saved = False


def _name(path: Path) -> str:
    """The absolute path; most are absolute already, and `abspath` takes as long as all the rest."""
    name = str(path)
    return name if path.is_absolute() and os.pardir not in name else os.path.abspath(name)


def _identity(path: Path) -> tuple[str, int, int]:
    try:
        stat = os.stat(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such recording") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return _name(path), stat.st_size, stat.st_mtime_ns


def _examine(path: Path) -> tuple[str, str | None]:
    """The digest and the fault of one recording; decoding and hashing leave other threads running."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        read_audio(path)
    except InputError as error:
        return digest, str(error)
    return digest, None


def _read(file: Path | None) -> dict[str, RecordingFacts]:
    if file is None or not file.is_file():
        return {}
    found = {}
    for place, row in read_lines(file):
        try:
            name = str(row.pop("file"))
            found[name] = RecordingFacts(**row)
        except (KeyError, TypeError) as error:
            raise InputError(f"{file}: is no index of recordings ({place}); delete it, and it is made anew") from error
    return found
