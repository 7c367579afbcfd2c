"""Read the text of a file, or raise one sentence that says why it cannot be read."""

import gzip
import zlib
from pathlib import Path

from eartune.errors import InputError
from eartune.files import is_lfs_pointer

_GZIP = b"\x1f\x8b"
_IN_EXCEL = " (in Excel: CSV UTF-8)"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def check_readable(path: Path) -> None:
    """Raise InputError if there is no such file, or only a Git LFS pointer to it."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name the file in it that lists the rows")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if is_lfs_pointer(path):
        raise InputError(f"{path}: is a Git LFS pointer, not the file itself; fetch that with git lfs pull")


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file, gzipped or not, with a byte order mark or without; otherwise InputError."""
    data = _unzipped(path)
    if _is_utf16(data):
        raise InputError(f"{path}: is not UTF-8 but looks like UTF-16; save it as UTF-8{_IN_EXCEL}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        looks = "binary data" if b"\0" in data else "text of an older encoding, such as Windows-1252 or Shift-JIS"
        where = f"byte {error.start}"
        right = f"save it as UTF-8 text{_IN_EXCEL}"
        raise InputError(f"{path}: is not UTF-8 ({where}) but looks like {looks}; {right}") from error


def _unzipped(path: Path) -> bytes:
    data = path.read_bytes()
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: is a damaged gzip file ({error})") from error


def _is_utf16(data: bytes) -> bool:
    """Whether the data looks like UTF-16, by its mark, or by the zero bytes that Western letters have in it."""
    return data.startswith(_UTF16) or 4 * data[:1000].count(0) > len(data[:1000])
