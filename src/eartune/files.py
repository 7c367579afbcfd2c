"""Reading of files, with the place of every fault, and writing of files, whole or not at all."""

import errno
import json
import os
import platform
import re
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from eartune.errors import InputError

_LFS_POINTER, _LFS_POINTER_BYTES = b"version https://git-lfs", 200
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_IN_EXCEL = " (in Excel: CSV UTF-8)"


_HALF_WRITTEN = ".part-"
_HOST = re.sub("[^A-Za-z0-9]+", "-", platform.node())[:40]
_OTHERS_SECONDS = 3600
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is some ten times as fast


class YamlLoader(_LOADER):
    """Loads YAML, in which no key may stand twice in a mapping: the last value would count, without a word."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._looked_at: set[int] = set()

    def flatten_mapping(self, node: Any) -> None:
        """Raise ConstructorError for a key that is written twice; what `<<` merges in may be written again."""
        if id(node) not in self._looked_at:  # later it holds what was merged in
            self._looked_at.add(id(node))
            seen: set[tuple[str, str]] = set()
            for key, _ in node.value:
                name = (key.tag, str(key.value))
                if name in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} stands twice", key.start_mark
                    )
                seen.add(name)
        super().flatten_mapping(node)


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` to write a file or a folder at; it is renamed when the block ends.

    The temporary name holds the machine, the process id and a random part, so that processes and threads may write the
    same path at once, and it keeps the suffix. If the block raises, what was written is removed and `path` stays as it
    was. Missing parent folders are created. An existing file is replaced; raises OSError where a folder that is not
    empty stands at `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = f"{_HOST}-{os.getpid()}-{secrets.token_hex(4)}"
    half_written = path.with_name(f".{path.stem}{_HALF_WRITTEN}{writer}{path.suffix}")
    try:
        yield half_written
        half_written.replace(path)
    finally:
        remove(half_written)


def link_or_copy(path: Path, to: Path) -> None:
    """Write a second name of a file, or a copy where the file system cannot have one; `to` must not exist."""
    try:
        os.link(path, to)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(path, to)


def remove_leftovers(folder: Path, recursive: bool = False, stem: str = "*") -> None:
    """Remove temporary files that killed processes left in a folder; with `recursive`, also in those below it.

    Those of running processes stay. Of a process of another machine nobody here knows whether it runs: its files are
    removed when they were not written to for an hour. With `stem`, only temporary files of the file with this stem are
    removed.
    """
    pattern = f".{stem}{_HALF_WRITTEN}*"
    for path in folder.rglob(pattern) if recursive else folder.glob(pattern):
        if not _is_being_written(path):
            remove(path)


def _is_being_written(half_written: Path) -> bool:
    """Whether the process that writes a temporary file may still run."""
    writer = half_written.name.partition(_HALF_WRITTEN)[2].partition(".")[0]
    host, _, process = writer.rpartition("-")[0].rpartition("-")
    if host == _HOST and process.isdigit():
        return _runs(int(process))
    with suppress(FileNotFoundError):
        return time.time() - half_written.lstat().st_mtime < _OTHERS_SECONDS
    return False


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs as another user
        return True
    return True


def disk_fault(error: BaseException, folder: Path) -> str | None:
    """Return a sentence about an error for which a disk is to blame, and None for any other error.

    torch and safetensors raise errors of their own where a disk is full; these are known by their text.
    """
    number = error.errno if isinstance(error, OSError) else None
    where = getattr(error, "filename", None) or folder
    text = str(error)
    if number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text or "PytorchStreamWriter failed" in text:
        return f"{folder}: the disk is full ({text}); free some space and run it again, all that is done is kept"
    if number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{where}: may not be written or read ({error.strerror}); change that and run it again"  # type: ignore[attr-defined]
    if number in (errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENOTCONN):
        return f"{where}: the disk or the network file system fails ({error.strerror}); run it again when it is back"  # type: ignore[attr-defined]
    return None


@contextmanager
def disk_faults_as_sentences(folder: Path) -> Iterator[None]:
    """Raise InputError with a sentence for an error inside the block for which the disk of the folder is to blame."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, InputError) and (fault := disk_fault(error, folder)) is not None:
            raise InputError(fault) from error
        raise


def is_hidden(path: Path, folder: Path) -> bool:
    """Return whether a path in a folder is hidden, or one that macOS writes beside each file."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.relative_to(folder).parts)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; nothing happens where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


class RepeatedKeyError(InputError):
    """Raised where a key is read that a JSON object has more than once, so that nobody knows which value is meant."""


class RepeatedKeys(dict[str, Any]):
    """A JSON object that has a key more than once, of which a dict would keep the last value without a word.

    Reading such a key raises RepeatedKeyError; `items` has every pair, for objects in which a key may stand twice.
    """

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs
        counts = Counter(key for key, _ in pairs)
        self.repeated = next(key for key, count in counts.items() if count > 1)

    def __getitem__(self, key: str) -> Any:
        """Return the value of a key that stands once."""
        if sum(name == key for name, _ in self._pairs) > 1:
            raise RepeatedKeyError(f"has the key {key!r} twice; write it once")
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key that stands at most once."""
        try:
            return self[key]
        except KeyError:
            return default

    def items(self) -> Any:
        """Return all pairs in their order."""
        return self._pairs


Pairs = list[tuple[str, Any]]
"""The keys and values of a JSON object, as `json.loads` hands them to its `object_pairs_hook`."""


def object_of_pairs(pairs: Pairs) -> dict[str, Any]:
    """Return the object: a dict, or RepeatedKeys."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else RepeatedKeys(pairs)


def object_of_single_keys(pairs: Pairs) -> dict[str, Any]:
    """Return the object as a dict; raises RepeatedKeyError for a key that stands twice."""
    found = object_of_pairs(pairs)
    return found if not isinstance(found, RepeatedKeys) else {found.repeated: found[found.repeated]}


def read_lines(
    path: Path, hook: Callable[[Pairs], dict[str, Any]] = object_of_single_keys
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a JSON-lines file, each with its place, "FILE, row N", for error messages.

    Raises InputError for a missing file, one that is not UTF-8, a row that is no JSON object, and a key that stands
    twice in one object, unless another `hook` makes the objects of their pairs.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield f"{path}, row {number}", json_object(line, f"{path}, row {number}", hook)


def read_json(path: Path) -> dict[str, Any]:
    """Return the one object of a JSON file; raises InputError for a missing file and for anything else in it."""
    return json_object(read_text(path), str(path))


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file whole or not at all; a file that holds this text already is left unchanged."""
    if path.exists() and path.read_bytes() == text.encode("utf-8"):
        return
    with atomic(path) as half_written:
        half_written.write_text(text, encoding="utf-8")


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write a JSON-lines file: one compact JSON object in each line."""
    write_text(path, "".join(json_line(row) for row in rows))


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file with indentation, so that a person can read and compare it."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def json_line(row: dict[str, Any]) -> str:
    """Return a row as a line of a JSON-lines file, with its newline."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def drop_cut_line(path: Path) -> None:
    """Drop the last line of a file if it has no newline, because the process was ended while it wrote the line."""
    text = path.read_bytes()
    whole = text.rfind(b"\n") + 1
    if whole < len(text):
        with path.open("r+b") as file:
            file.truncate(whole)


def is_lfs_pointer(path: Path) -> bool:
    """Return whether a file is only the pointer that a clone without Git LFS has in place of a large file."""
    if not path.is_file() or path.stat().st_size >= _LFS_POINTER_BYTES:
        return False
    return path.read_bytes().startswith(_LFS_POINTER)


def read_text(path: Path) -> str:
    """Return the text of a file, without the byte order mark and the carriage returns that some editors write.

    Raises InputError if it is missing, not UTF-8, or only a Git LFS pointer.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if is_lfs_pointer(path):
        raise InputError(f"{path}: is a Git LFS pointer, not the file itself; fetch that with git lfs pull")
    return decoded(path.read_bytes(), path).replace("\r\n", "\n").replace("\r", "\n")


def decoded(data: bytes, path: Path) -> str:
    """Return the text of a file's bytes; raises InputError, which says what they look like, if they are not UTF-8."""
    head = data[:1000]
    if data.startswith(_UTF16) or 4 * head.count(0) > len(head):  # in UTF-16, half of a Western letter is zero
        raise InputError(f"{path}: is not UTF-8 but looks like UTF-16; save it as UTF-8{_IN_EXCEL}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        looks = "binary data" if b"\0" in data else "text of an older encoding, such as Windows-1252 or Shift-JIS"
        fault = f"is not UTF-8 (byte {error.start}) but looks like {looks}"
        raise InputError(f"{path}: {fault}; save it as UTF-8 text{_IN_EXCEL}") from error


def json_object(text: str, place: str, hook: Callable[[Pairs], dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return the JSON object in a text; raises InputError, which starts with `place`, if it holds none.

    `hook` makes each object of its pairs; without one, the last of several values of a key counts.
    """
    try:
        value = json.loads(text, object_pairs_hook=hook)
    except RepeatedKeyError as error:
        raise InputError(f"{place}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise InputError(f"{place}: must be a JSON object, {{...}}, not {type(value).__name__}")
    return value


def writable(text: str) -> str:
    """Return a text in which half surrogate pairs, which JSON may escape but no file can hold, are question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
