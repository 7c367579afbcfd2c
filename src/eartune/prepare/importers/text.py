"""The text of a file, or the one sentence that says why it is none."""

import gzip
import zlib
from pathlib import Path

from eartune.errors import InputError
from eartune.files import is_lfs_pointer

_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def refuse_unusable(path: Path) -> None:
    """Raise InputError for what is no file, or a Git LFS pointer: 130 bytes that only say where the file is."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name the file in it that lists the rows")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if is_lfs_pointer(path):
        raise InputError(f"{path}: is a Git LFS pointer, not the file itself; fetch that with git lfs pull")


def read_text(path: Path) -> str:
    """UTF-8, with or without a byte order mark, gzipped or not; raises InputError for everything else."""
    data = _unzipped(path)
    if _is_utf16(data):
        raise InputError(f"{path}: is not UTF-8 but looks like UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        looks = "no text at all" if b"\0" in data else "latin-1 (or Windows-1252)"
        where = f"byte {error.start}"
        raise InputError(f"{path}: is not UTF-8 ({where}) but looks like {looks}; save it as UTF-8 text") from error


def _unzipped(path: Path) -> bytes:
    data = path.read_bytes()
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: is a damaged gzip file ({error})") from error


def _is_utf16(data: bytes) -> bool:
    """By its mark, or by the zero bytes that Western letters have in it."""
    return data.startswith(_UTF16) or 4 * data[:1000].count(0) > len(data[:1000])
