"""Read the text of a file, or raise one sentence that says why it cannot be read."""

import gzip
import zlib
from pathlib import Path

from eartune.errors import InputError
from eartune.files import decoded, is_lfs_pointer

_GZIP = b"\x1f\x8b"


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
    return decoded(_unzipped(path), path)


def _unzipped(path: Path) -> bytes:
    data = path.read_bytes()
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: is a damaged gzip file ({error})") from error
