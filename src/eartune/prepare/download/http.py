"""Files fetched over HTTP: taken up again where they broke off, and seen under their names only once they are right.

NAME.part          as much as has come
NAME.part.json     {"url": ..., "validator": ...}, the ETag or date by which a server knows which version that is of
.checksums.json    {"NAME": "sha256:..."}, the finished files whose checksum nobody published
"""

import errno
import hashlib
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from eartune.errors import InputError
from eartune.files import read_json, write_json

READ_SECONDS = 30.0
"""A read that has brought nothing for so long has broken off."""
LONGEST_PAUSE = 60.0  # seconds, also where a server asks for more
MEMORY = ".checksums.json"

Progress = Callable[[int, int | None], None]
"""Told the bytes that are done and the bytes in all, None while nobody knows these."""

_BLOCK = 1 << 16  # bytes read at a time


@dataclass(frozen=True)
class RemoteFile:
    """A file on a server, and what is known of it beforehand."""

    url: str
    name: str
    """Its path under the folder for which it is fetched, with "/" between the parts."""
    n_bytes: int | None = None
    checksum: str | None = None
    """"sha256:..." or "md5:...", hexadecimal."""


def fetch(
    files: Sequence[RemoteFile], folder: Path, progress: Progress, *, tries: int = 5, pause: float = 1.0
) -> tuple[Path, ...]:
    """The paths of the files under `folder`, in their order, each file whole and right.

    A file that is there and right is left alone; for one without a checksum, right means as it was when first seen.
    `tries` in a row that get no further end it, with `pause` seconds after the first and twice as long after each
    more. `progress` counts bytes that are there, also those of earlier runs; it goes back when a part is thrown away.
    Raises InputError when the disk is too small, a server refuses or keeps breaking off, or what it sends is wrong.
    Whatever ends it, a file that has not come altogether stays NAME.part, and the next call goes on from there.
    """
    _check_asked(files, folder)
    missing = [file for file in files if not _is_there(file, folder)]
    sizes = {file: _remote_size(file) for file in missing}
    _check_room(sizes, folder)
    present = sum((folder / file.name).stat().st_size for file in files if file not in sizes)
    known = [size for size in sizes.values() if size is not None]
    tally = _Tally(progress, present, present + sum(known) if len(known) == len(sizes) else None)
    for file in missing:
        _fetch_one(file, folder, tally, tries, pause)
    tally.add(0)
    return tuple(folder / file.name for file in files)


def check_space(folder: Path, n_bytes: int) -> None:
    """Raise InputError if the disk on which `folder` is, or will be, has less room than that."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if n_bytes > free:
        raise InputError(f"{folder}: needs {_readable(n_bytes)}, but only {_readable(free)} are free on that disk")


def is_inside(name: str) -> bool:
    """Whether a name is a path that stays in its folder, on any operating system."""
    if "\0" in name or not PurePosixPath(name).parts:
        return False
    return all(
        not path.anchor and not path.drive and ".." not in path.parts
        for path in (PurePosixPath(name), PureWindowsPath(name))
    )


class _BrokenOffError(Exception):
    """Worth another try; `wait` is the seconds that the server asked for, if it did."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class _WrongContentError(Exception):
    """All has come, but it is not the file that was meant."""


@dataclass
class _Tally:
    """Bytes there, of all bytes, for whoever watches."""

    progress: Progress
    finished: int
    total: int | None

    def part(self, n_bytes: int) -> None:
        self.progress(self.finished + n_bytes, self.total)

    def add(self, n_bytes: int) -> None:
        self.finished += n_bytes
        self.part(0)


@dataclass(frozen=True)
class _Part:
    """NAME.part, and beside it the note on which version of what it is the beginning of."""

    path: Path
    url: str

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def validator(self) -> str | None:
        """What the server called the version; None if it did not, or the part is of another URL."""
        try:
            noted = read_json(self.note)
        except InputError:  # there is none, or the power went while it was written
            return None
        return noted.get("validator") if noted.get("url") == self.url else None

    def begin(self, validator: str | None) -> None:
        """Empty; the old part goes before the new note comes, so that no note stands by a part of another version."""
        self.discard()
        write_json(self.note, {"url": self.url, "validator": validator})
        self.path.touch()

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def rename(self, path: Path) -> None:
        self.path.replace(path)
        self.note.unlink(missing_ok=True)


class _Redirects(HTTPRedirectHandler):
    """Redirects are followed, but not out of an encrypted connection, nor to anything but HTTP."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.type, scheme) == ("https", "http"):
            raise HTTPError(req.full_url, code, f"a redirect from {req.type} to {scheme} is not followed", headers, fp)
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None:
            request.method = req.get_method()  # a HEAD would become a GET
        return request

    def http_error_302(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage) -> Any:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError as error:
            raise HTTPError(req.full_url, code, f"a redirect that cannot be read: {error}", headers, fp) from error

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _check_asked(files: Sequence[RemoteFile], folder: Path) -> None:
    """Names and URLs may come from a server's listing, so they are no safer than that."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, where a folder is needed")
    for file in files:
        if not is_inside(file.name) or file.name == MEMORY or file.name.endswith((".part", ".part.json")):
            raise InputError(f"{file.name!r}: must be a path under the folder, and not {MEMORY} or one in .part")
        if not _is_web_address(file.url):
            raise InputError(f"{file.name}: {file.url!r} must be an http or https URL, with all but ASCII escaped")
        if file.checksum and not re.fullmatch("sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", file.checksum.lower()):
            raise InputError(f'{file.name}: the checksum {file.checksum!r} must be "sha256:" or "md5:" and its digits')
    if len({file.name for file in files}) < len(files):
        raise InputError(f"{folder}: two files to be fetched have the same name")


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and _is_plain(url)
    except ValueError:  # of the port, or the brackets around an IPv6 address
        return False


def _is_there(file: RemoteFile, folder: Path) -> bool:
    path = folder / file.name
    if not path.is_file():
        return False
    try:
        _check_content(file, path)
    except _WrongContentError:
        return False
    if file.checksum:
        return True
    found, memory = _checksum(path, "sha256"), _memory(folder)
    if file.name not in memory:
        _remember(file, folder, found)  # somebody put it there by hand
    return memory.get(file.name, found) == found


def _memory(folder: Path) -> dict[str, object]:
    return read_json(folder / MEMORY) if (folder / MEMORY).exists() else {}


def _remember(file: RemoteFile, folder: Path, checksum: str) -> None:
    write_json(folder / MEMORY, dict(sorted((_memory(folder) | {file.name: checksum}).items())))


def _remote_size(file: RemoteFile) -> int | None:
    """The server's word where nobody published it; None if it gives none, for the download itself will say why."""
    if file.n_bytes is not None:
        return file.n_bytes
    try:
        with _open(file.url, {}, "HEAD") as response:
            length = response.headers.get("Content-Length", "")
            return int(length) if re.fullmatch("[0-9]{1,18}", length) else None
    except HTTPError as error:
        error.close()
    except _BrokenOffError:
        pass
    return None


def _check_room(sizes: dict[RemoteFile, int | None], folder: Path) -> None:
    """What has come in part need not come again."""
    to_come = {file: max(size - _part(file, folder).size, 0) for file, size in sizes.items() if size is not None}
    check_space(folder, sum(to_come.values()))


def _fetch_one(file: RemoteFile, folder: Path, tally: _Tally, tries: int, pause: float) -> None:
    path, part = folder / file.name, _part(file, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    _bring(file, part, tally, tries, pause)
    if not file.checksum:
        _remember(file, folder, _checksum(part.path, "sha256"))
    part.rename(path)
    tally.add(path.stat().st_size)


def _part(file: RemoteFile, folder: Path) -> _Part:
    return _Part(folder / f"{file.name}.part", file.url)


def _bring(file: RemoteFile, part: _Part, tally: _Tally, tries: int, pause: float) -> None:
    """The whole file as a part, checked. A wrong one gets one more chance: it may have been glued together wrongly."""
    for is_last_chance in (False, True):
        try:
            _bring_all(file, part, tally, tries, pause)
            _check_content(file, part.path)
            return
        except _WrongContentError as wrong:
            part.discard()
            if is_last_chance:
                raise InputError(f"{file.name}: {wrong}, as it comes from {file.url}") from wrong


def _bring_all(file: RemoteFile, part: _Part, tally: _Tally, tries: int, pause: float) -> None:
    """Requests until the part is as long as the file. A try that gets further than any before starts a new count."""
    failed, furthest = 0, part.size
    while True:
        try:
            return _bring_more(file, part, tally)
        except _BrokenOffError as broken:
            failed = 1 if part.size > furthest else failed + 1
            furthest = max(part.size, furthest)
            if failed >= tries:
                kept = f"{_readable(part.size)} are kept for the next time"
                raise InputError(f"{file.url}: no more came in {failed} tries ({broken}); {kept}") from broken
            time.sleep(min(pause * 2 ** (failed - 1), LONGEST_PAUSE) if broken.wait is None else broken.wait)


def _bring_more(file: RemoteFile, part: _Part, tally: _Tally) -> None:
    """One request for what is still to come; returns when that is all."""
    tally.part(part.size)
    headers = _resuming(file, part)
    if headers and file.checksum and part.size == file.n_bytes:
        return  # an earlier run was stopped before it could check
    try:
        with _open(file.url, headers) as response:
            _refuse_page(file, response)
            total = _take_up(part, response)
            _check_total(file, total)
            total = file.n_bytes if total is None else total
            check_space(part.path.parent, (total or 0) - part.size)
            _append(part, response, tally)
    except HTTPError as error:
        error.close()
        if error.code == 416 and headers:
            return _judge_end(file, part, error)
        raise _refusal(file, error) from error
    if total is not None and part.size != total:
        raise _BrokenOffError(f"it ended after {part.size:,} of {total:,} bytes")


def _resuming(file: RemoteFile, part: _Part) -> dict[str, str]:
    """The headers that ask for the rest alone; a part that could be of another version unnoticed is thrown away."""
    validator = part.validator
    if not (validator or file.checksum):
        part.discard()
    if not part.size:
        return {}
    return {"Range": f"bytes={part.size}-"} | ({"If-Range": validator} if validator else {})


def _open(url: str, headers: dict[str, str], method: str = "GET") -> HTTPResponse:
    """The answer to a request; raises HTTPError, to be closed, or _BrokenOffError."""
    request = Request(url, headers={"User-Agent": "eartune"} | headers, method=method)
    try:
        response: HTTPResponse = build_opener(_Redirects).open(request, timeout=READ_SECONDS)
    except HTTPError:
        raise
    except (OSError, HTTPException) as error:
        raise _BrokenOffError(_one_line(error.reason if isinstance(error, URLError) else error)) from error
    except ValueError as error:
        raise InputError(f"{url}: is an address that cannot be read ({error})") from error
    return response


def _refuse_page(file: RemoteFile, response: HTTPResponse) -> None:
    """A login or an error is often sent as a page, with a status as if all were well."""
    if response.headers.get_content_type() == "text/html" and not file.name.lower().endswith(("html", "htm")):
        text = _one_line(_read(response, 4096).decode("utf-8", errors="replace"))
        raise InputError(f"{file.url}: the server sent a web page, not {file.name}; it begins {text[:80]!r}")


def _take_up(part: _Part, response: HTTPResponse) -> int | None:
    """Make the part one to which the response's body can be appended; the length of the whole file, if it is said."""
    validator = _validator(response.headers)
    if response.status == 200:
        part.begin(validator)
        return response.length
    if response.status != 206:  # 202, "come back later", for one
        raise _BrokenOffError(f"the server answered {response.status}")
    piece = re.fullmatch(r"bytes (\d+)-\d+/(\d{1,18}|\*)", response.headers.get("Content-Range", "").strip())
    if not piece or not part.size or int(piece[1]) != part.size or _differs(part.validator, validator):
        part.discard()
        raise _BrokenOffError("another piece came than the one that was asked for")
    if piece[2] != "*":
        return int(piece[2])
    return None if response.length is None else part.size + response.length


def _differs(kept: str | None, said: str | None) -> bool:
    """Whether a piece is of another version than the part; where the server heeds If-Range, it need not say a date."""
    return kept is not None and said != kept and (said is not None or kept.startswith('"'))


def _check_total(file: RemoteFile, total: int | None) -> None:
    """Before hours go by for a file that cannot be the one that was meant."""
    if None not in (total, file.n_bytes) and total != file.n_bytes:
        raise _WrongContentError(f"should have {file.n_bytes:,} bytes, not {total:,}")


def _append(part: _Part, response: HTTPResponse, tally: _Tally) -> None:
    try:
        with part.path.open("ab") as out:
            for block in _blocks(response):
                out.write(block)
                tally.part(out.tell())
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(f"{part.path}: the disk is full; what has come is kept for the next time") from error


def _blocks(response: HTTPResponse) -> Iterator[bytes]:
    """The body as it comes, up to its stated length or to where it ends."""
    left = response.length  # counted here, as some versions of read1 do not
    while left is None or left > 0:
        block = _read(response, _BLOCK if left is None else min(_BLOCK, left))
        if not block:
            return
        yield block
        left = None if left is None else left - len(block)


def _read(response: HTTPResponse, n_bytes: int) -> bytes:
    try:
        return response.read1(n_bytes)
    except (OSError, HTTPException) as error:
        raise _BrokenOffError(_one_line(error)) from error


def _judge_end(file: RemoteFile, part: _Part, error: HTTPError) -> None:
    """The server has nothing after the part: it is the whole file, if that can be checked, or is begun anew."""
    ends_here = error.headers.get("Content-Range", "").strip() == f"bytes */{part.size}"
    is_same_version = part.validator is not None and part.validator == _validator(error.headers)
    if not ends_here or not (file.checksum or is_same_version):
        part.discard()
        raise _BrokenOffError("the part that was there did not fit the file")


def _refusal(file: RemoteFile, error: HTTPError) -> Exception:
    said = f"the server answered {error.code} ({_one_line(error.reason)})"
    if error.code in (408, 429) or error.code >= 500:
        return _BrokenOffError(said, _asked_wait(error.headers))
    if error.code in (401, 403):
        said += "; the file may want a login, or a licence to be accepted on its web page"
    return InputError(f"{file.url}: {said}")


def _asked_wait(headers: Message) -> float | None:
    """Seconds until the server wants to be asked again: it names them, or the time of day."""
    asked = str(headers.get("Retry-After", "")).strip()
    try:
        seconds = float(asked) if asked.isdecimal() else parsedate_to_datetime(asked).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_PAUSE)


def _validator(headers: Message) -> str | None:
    """A weak ETag stands for the same meaning, not the same bytes, and is none."""
    tag = str(headers.get("ETag", ""))
    found = tag if tag.startswith('"') else str(headers.get("Last-Modified", ""))
    return found if found and _is_plain(found) else None


def _check_content(file: RemoteFile, path: Path) -> None:
    """Raise _WrongContentError if the length or checksum is another than was published."""
    _check_total(file, path.stat().st_size)
    if file.checksum:
        expected = file.checksum.lower()
        found = _checksum(path, expected.partition(":")[0])
        if found != expected:
            raise _WrongContentError(f"should have the checksum {expected}, not {found}")


def _checksum(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return f"{kind}:{hashlib.file_digest(file, kind).hexdigest()}"


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _one_line(said: object) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in str(said))
    return " ".join(text.split()) or type(said).__name__


def _readable(n_bytes: int) -> str:
    power = min(len(str(n_bytes)) - 1, 12) // 3
    return f"{n_bytes / 1000**power:.{1 if power else 0}f} {('bytes', 'kB', 'MB', 'GB', 'TB')[power]}"
