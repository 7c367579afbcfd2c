"""Download a file over HTTP: an interrupted download resumes, and a file gets its name once it is whole and checked.

NAME.part, as much as has come -> length and checksum as published? -> NAME
"""

import errno
import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from eartune.errors import InputError

TRIES = 5  # in a row that bring nothing new; the pauses between them are 2, 4, 8 and 16 s
SILENCE_SECONDS = 30.0  # without a byte, after which a connection counts as lost
BLOCK_BYTES = 1 << 16

FractionDone = Callable[[float], None]
"""Called with the fraction of the work that is done, 0 to 1."""


@dataclass(frozen=True)
class RemoteFile:
    """A file on a server, with what is published about it."""

    url: str
    name: str
    """The path of the file inside the download folder, with "/" between the parts."""
    n_bytes: int | None = None
    checksum: str | None = None
    """"sha256:..." or "md5:...", in hexadecimal."""
    authorization: str | None = field(default=None, repr=False)
    """The Authorization header for this server; servers to which it redirects do not get it."""
    access: str = (
        "it may want a login, or its licence to be accepted; download it in a browser, as docs/corpora.md says"
    )
    """The advice in the message if the server refuses access."""


class _LostError(Exception):
    """The connection broke off, or the server is in trouble: another try may help."""


def is_complete(file: RemoteFile, folder: Path) -> bool:
    """Whether the file lies in the folder with the length and checksum that are published."""
    return (folder / file.name).is_file() and not _fault(file, folder / file.name)


def download(file: RemoteFile, folder: Path, progress: FractionDone) -> None:
    """Download a file into a folder, replacing what lies there under its name.

    Whatever interrupts it, what has come of the file stays beside it as NAME.part, and the next call resumes there.
    Raises InputError if the server refuses or keeps breaking off, if the disk is full, and if the file that came has
    not the length or checksum that are published.
    """
    path = folder / file.name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{file.url}: is called {file.name!r}, which lies outside of {folder}; it is not downloaded")
    part = path.with_name(f"{path.name}.part")
    is_resumed = part.exists()
    _complete(file, part, progress)
    if is_resumed and _fault(file, part):  # pieces of two versions, say: once more from the beginning
        part.unlink()
        _complete(file, part, progress)
    if fault := _fault(file, part):
        part.unlink()
        raise InputError(f"{file.url}: the file that was downloaded {fault}")
    part.replace(path)


def check_space(folder: Path, n_bytes: int) -> None:
    """Raise InputError if the disk of a folder, which need not exist yet, has less room than that."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if n_bytes > free:
        raise InputError(f"{folder}: needs {n_bytes / 1e6:,.1f} MB, but the disk has only {free / 1e6:,.1f} MB free")


def _fault(file: RemoteFile, path: Path) -> str:
    """What is wrong with a file that has been downloaded; an empty text if nothing is."""
    n_bytes = path.stat().st_size
    if file.n_bytes not in (None, n_bytes):
        return f"has {n_bytes:,} bytes, not {file.n_bytes:,} as published"
    if file.checksum:
        kind, _, published = file.checksum.partition(":")
        with path.open("rb") as content:
            found = hashlib.file_digest(content, kind).hexdigest()
        if found != published:
            return f"has the {kind} checksum {found}, not {published} as published"
    return ""


def _complete(file: RemoteFile, part: Path, progress: FractionDone) -> None:
    """Append what is missing to the part, connecting again where the connection breaks off."""
    failures = 0
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as out:
            while file.n_bytes is None or out.tell() < file.n_bytes:
                before = out.tell()
                try:
                    return _append(file, out, progress)
                except _LostError as lost:
                    failures = 1 if out.tell() > before else failures + 1
                    if failures == TRIES:
                        reason = f"{TRIES} tries brought nothing more ({lost}); run the same command again to resume"
                        raise InputError(f"{file.url}: {reason}") from lost
                    time.sleep(2.0**failures)
    except OSError as error:
        raise InputError(f"{part}: cannot be written ({error.strerror}); run the same command to resume") from error


def _append(file: RemoteFile, out: BinaryIO, progress: FractionDone) -> None:
    """Send one request for the rest of the file, and append what comes."""
    # Only a checksum tells whether the rest fits what came before; a file that has none begins anew.
    start = out.tell() if file.n_bytes and file.checksum else 0
    request = Request(file.url, headers={"User-Agent": "eartune"} | ({"Range": f"bytes={start}-"} if start else {}))
    if file.authorization:
        request.add_unredirected_header("Authorization", file.authorization)
    try:
        with urlopen(request, timeout=SILENCE_SECONDS) as response:
            if response.headers.get_content_type() == "text/html":  # a login or an error, sent as if all were well
                raise InputError(f"{file.url}: the server sent a web page instead of the file; {file.access}")
            if response.status != 206:  # the whole file comes
                out.seek(0)
                out.truncate()
            total = response.length if file.n_bytes is None else file.n_bytes
            if total is None and not response.chunked:
                raise InputError(f"{file.url}: the server does not say how long the file is; it may come incomplete")
            while block := response.read(BLOCK_BYTES):
                out.write(block)
                progress(out.tell() / total if total else 0.0)
    except HTTPError as error:
        error.close()
        answer = f"the server answered {error.code} ({error.reason})"
        if error.code in (408, 429) or error.code >= 500:
            raise _LostError(answer) from error
        raise InputError(f"{file.url}: {answer}{f'; {file.access}' if error.code in (401, 403) else ''}") from error
    except (OSError, HTTPException) as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise _LostError(getattr(error, "reason", error)) from error
    if out.tell() < (total or 0):
        raise _LostError(f"it ended after {out.tell():,} of {total:,} bytes")
