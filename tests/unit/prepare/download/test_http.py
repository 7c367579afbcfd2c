"""Downloads from a server on this machine that can do all that goes wrong on the way: the file is right, or none."""

import errno
import hashlib
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from email.message import Message
from email.utils import formatdate
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eartune.errors import InputError
from eartune.prepare.download import http as download
from eartune.prepare.download.http import MEMORY, RemoteFile, fetch

CONTENT = bytes(range(256)) * 4
CHANGED = CONTENT[::-1]  # as long, so that only an ETag, a date or a checksum tells them apart


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Answer:
    """How a request is answered; as it stands, as a good server would."""

    status: int = 200
    content: bytes = CONTENT
    headers: dict[str, str] = field(default_factory=dict)  # more of them, or others; an empty one is not sent
    cut: int | None = None  # the connection breaks off after so many bytes of the body
    stalls: bool = False  # after `cut` nothing comes any more, but the connection stays
    said_length: int | None = None
    ranges: bool = True
    if_range: bool = True  # a range of another version than was asked for is not sent
    shift: int = 0  # Content-Range lies by so much
    chunked: bool = False
    location: str = ""


GOOD = Answer()


class Server(ThreadingHTTPServer):
    """Answers GETs with `answers` in turn, then with `usual`; HEADs with `head`, or as the next GET."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.usual = GOOD
        self.head: Answer | None = None
        self.asked: list[tuple[str, str, dict[str, str]]] = []  # method, path, headers
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.bin"

    @property
    def ranges(self) -> list[str | None]:
        """The Range of each GET so far."""
        return [headers.get("Range") for method, _, headers in self.asked if method == "GET"]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news here."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(self.server.head or (self.server.answers or [self.server.usual])[0])

    def do_GET(self) -> None:
        self._answer(self.server.answers.pop(0) if self.server.answers else self.server.usual)

    def _answer(self, answer: Answer) -> None:
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        status, headers, body = _good_answer(answer, self.headers)
        if answer.said_length is not None:
            headers["Content-Length"] = str(answer.said_length)
        self.send_response(status)
        for name, value in (headers | answer.headers).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        if self.command == "GET":
            self.wfile.write(body if answer.cut is None else body[: answer.cut])
            if answer.stalls:
                self.server.closing.wait(20)


def _good_answer(answer: Answer, asked: Message) -> tuple[int, dict[str, str], bytes]:
    etag = f'"{hashlib.md5(answer.content).hexdigest()}"'
    headers = {"ETag": etag, "Content-Type": "application/octet-stream"}
    body, status = answer.content, answer.status
    version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or etag
    is_same = not answer.if_range or asked.get("If-Range", version) == version
    if answer.location:
        return status, {"Location": answer.location, "Content-Length": "0"}, b""
    if status == 200 and asked["Range"] and answer.ranges and is_same:
        start = int(asked["Range"].removeprefix("bytes=").removesuffix("-"))
        if start >= len(body):
            return 416, headers | {"Content-Range": f"bytes */{len(body)}", "Content-Length": "0"}, b""
        headers["Content-Range"] = f"bytes {start + answer.shift}-{len(body) - 1}/{len(body)}"
        status, body = 206, body[start:]
    if answer.chunked:
        chunks = [body[i : i + 100] for i in range(0, len(body), 100)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
        return status, headers | {"Transfer-Encoding": "chunked"}, body
    return status, headers | {"Content-Length": str(len(body))}, body


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as server:
        yield server


def bring(server: Server, folder: Path, tries: int = 3, name: str = "file.bin", **known: Any) -> Path:
    """One file, fetched without anybody watching."""
    (path,) = fetch([RemoteFile(server.url, name, **known)], folder, lambda done, total: None, tries=tries, pause=0.01)
    return path


def left(folder: Path) -> list[str]:
    """What is in the folder but the memory of checksums."""
    return sorted(path.name for path in folder.rglob("*") if path.name != MEMORY)


def broken_off(server: Server, folder: Path, after: int = 300, **known: Any) -> None:
    """A part of the file in the folder, as an interrupted call leaves it."""
    server.answers = [Answer(cut=after)]
    with pytest.raises(InputError, match="no more came"):
        bring(server, folder, tries=1, **known)
    server.asked.clear()


# What is there, and what is asked for


def test_files_come_in_order_and_are_said_to_come(server: Server, tmp_path: Path) -> None:
    files = [RemoteFile(server.url, "b/two.bin", len(CONTENT)), RemoteFile(server.url, "one.bin")]
    told: list[tuple[int, int | None]] = []
    paths = fetch(files, tmp_path / "new", lambda done, total: told.append((done, total)))
    assert paths == (tmp_path / "new" / "b" / "two.bin", tmp_path / "new" / "one.bin")
    assert [path.read_bytes() for path in paths] == [CONTENT, CONTENT]
    assert told == sorted(told) and told[0][0] == 0 and told[-1] == (2048, 2048)
    said = {(headers["User-Agent"], headers["Accept-Encoding"]) for _, _, headers in server.asked}
    assert said == {("eartune", "identity")}
    assert left(tmp_path / "new") == ["b", "one.bin", "two.bin"]


def test_no_files_are_there_at_once(tmp_path: Path) -> None:
    assert fetch([], tmp_path, lambda done, total: None) == ()
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "known",
    [{}, {"n_bytes": 1024}, {"checksum": sha256(CONTENT)}, {"checksum": f"md5:{hashlib.md5(CONTENT).hexdigest()}"}],
)
def test_a_file_that_is_there_is_left_alone_and_a_damaged_one_comes_anew(
    server: Server, tmp_path: Path, known: dict[str, Any]
) -> None:
    path = bring(server, tmp_path, **known)
    server.asked.clear()
    assert bring(server, tmp_path, **known) == path
    assert server.asked == []
    path.write_bytes(CONTENT[:-1] + b"?")  # as long as before
    assert bring(server, tmp_path, **known).read_bytes() == CONTENT
    assert server.ranges == [None]


def test_the_memory_holds_only_what_nobody_published(server: Server, tmp_path: Path) -> None:
    bring(server, tmp_path, name="published.bin", checksum=sha256(CONTENT).upper().replace("SHA", "sha"))
    assert not (tmp_path / MEMORY).exists()
    bring(server, tmp_path, name="b.bin")
    bring(server, tmp_path, name="a/a.bin")
    assert json.loads((tmp_path / MEMORY).read_text()) == {"a/a.bin": sha256(CONTENT), "b.bin": sha256(CONTENT)}


def test_a_file_put_there_by_hand_is_taken_and_remembered(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"from a colleague")
    assert bring(server, tmp_path).read_bytes() == b"from a colleague"
    assert server.asked == []
    (tmp_path / "file.bin").write_bytes(b"from a c0lleague")
    assert bring(server, tmp_path).read_bytes() == CONTENT


def test_a_file_that_is_there_counts_as_done(server: Server, tmp_path: Path) -> None:
    bring(server, tmp_path)
    told: list[tuple[int, int | None]] = []
    files = [RemoteFile(server.url, "more.bin"), RemoteFile(server.url, "file.bin")]
    fetch(files, tmp_path, lambda done, total: told.append((done, total)))
    assert told[0] == (1024, 2048) and told[-1] == (2048, 2048)


def test_an_empty_file_is_a_file(server: Server, tmp_path: Path) -> None:
    server.usual = Answer(content=b"")
    assert bring(server, tmp_path, name="a").read_bytes() == b""
    assert bring(server, tmp_path, name="b", n_bytes=0, checksum=sha256(b"")).read_bytes() == b""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "../file.bin"}, "must be a path under the folder"),
        ({"name": "/tmp/file.bin"}, "must be a path under the folder"),
        ({"name": "C:\\file.bin"}, "must be a path under the folder"),
        ({"name": ""}, "must be a path under the folder"),
        ({"name": "a\0"}, "must be a path under the folder"),
        ({"name": MEMORY}, "must be a path under the folder"),
        ({"name": "file.bin.part"}, "must be a path under the folder"),
        ({"url": "ftp://example.org/a"}, "must be an http or https URL"),
        ({"url": "file:///etc/passwd"}, "must be an http or https URL"),
        ({"url": "http:///a"}, "must be an http or https URL"),
        ({"url": "http://[::1/a"}, "must be an http or https URL"),
        ({"url": "http://example.org:port/a"}, "must be an http or https URL"),
        ({"url": "http://example.org/ü"}, "must be an http or https URL"),
        ({"checksum": "sha256:12"}, 'must be "sha256:" or "md5:"'),
        ({"checksum": "sha1:" + 40 * "0"}, 'must be "sha256:" or "md5:"'),
    ],
)
def test_what_cannot_be_asked_for_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    good = RemoteFile("http://127.0.0.1:1/a", "file.bin")
    with pytest.raises(InputError, match=said):
        fetch([good, replace(good, **({"name": "other.bin"} | changes))], tmp_path, lambda done, total: None)


def test_two_files_of_one_name_and_a_folder_that_is_a_file_are_named(tmp_path: Path) -> None:
    good = RemoteFile("http://127.0.0.1:1/a", "file.bin")
    with pytest.raises(InputError, match="the same name"):
        fetch([good, replace(good, url="http://127.0.0.1:1/b")], tmp_path, lambda done, total: None)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file, where a folder is needed"):
        fetch([good], tmp_path / "file", lambda done, total: None)


# Room on the disk


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the bytes that are free."""
    usage = shutil.disk_usage("/")
    return lambda free: monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=free))


def test_all_that_is_to_come_must_fit_on_the_disk(server: Server, tmp_path: Path, disk: Callable[[int], None]) -> None:
    files = [RemoteFile(server.url, "a", 1024), RemoteFile(server.url, "b"), RemoteFile(server.url, "c", 5_000_000)]
    disk(5_002_047)
    with pytest.raises(InputError, match=r"new: needs 5\.0 MB, but only 5\.0 MB are free on that disk$"):
        fetch(files, tmp_path / "new", lambda done, total: None)
    assert server.ranges == [] and not (tmp_path / "new").exists()
    disk(2048)
    assert len(fetch(files[:2], tmp_path / "new", lambda done, total: None)) == 2


def test_what_came_before_need_not_fit_again(server: Server, tmp_path: Path, disk: Callable[[int], None]) -> None:
    broken_off(server, tmp_path, after=1000)
    disk(24)
    assert bring(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("head", [Answer(status=405), Answer(headers={"Content-Length": ""}, chunked=True)])
def test_a_size_that_only_the_download_tells_must_fit_too(
    server: Server, tmp_path: Path, disk: Callable[[int], None], head: Answer
) -> None:
    server.head = head
    disk(1023)
    with pytest.raises(InputError, match=r"needs 1\.0 kB, but only 1\.0 kB are free"):
        bring(server, tmp_path)
    disk(1024)
    told: list[int | None] = []
    fetch([RemoteFile(server.url, "file.bin")], tmp_path, lambda done, total: told.append(total))
    assert set(told) == {None}
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_disk_that_fills_up_is_named_and_the_part_is_kept(server: Server, tmp_path: Path) -> None:
    def fill_up(done: int, total: int | None) -> None:
        if done:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(InputError, match=r"file\.bin\.part: the disk is full"):
        fetch([RemoteFile(server.url, "file.bin")], tmp_path, fill_up)
    assert left(tmp_path) == ["file.bin.part", "file.bin.part.json"]


# Broken off, and taken up again


def test_a_download_that_breaks_off_goes_on_from_there(server: Server, tmp_path: Path) -> None:
    server.answers = [Answer(cut=100), Answer(cut=200), Answer(cut=1)]
    assert bring(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100-", "bytes=300-", "bytes=301-"]
    assert server.asked[-1][2]["If-Range"] == f'"{hashlib.md5(CONTENT).hexdigest()}"'
    assert left(tmp_path) == ["file.bin"]


def test_one_that_is_stopped_by_hand_goes_on_the_next_time(server: Server, tmp_path: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    server.answers = [Answer(cut=300)]
    with pytest.raises(KeyboardInterrupt):
        fetch([RemoteFile(server.url, "file.bin")], tmp_path, stop)
    assert (tmp_path / "file.bin.part").read_bytes() == CONTENT[:300]
    told: list[int] = []
    fetch([RemoteFile(server.url, "file.bin")], tmp_path, lambda done, total: told.append(done))
    assert server.ranges[-1] == "bytes=300-" and told[0] == 300 and told[-1] == 1024
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_tries_count_only_while_they_get_no_further_and_pauses_grow(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("eartune.prepare.download.http.time.sleep", pauses.append)
    server.answers = [Answer(cut=0), Answer(cut=0), *[Answer(cut=10)] * 5]
    server.usual = Answer(cut=0)
    with pytest.raises(InputError) as fault:
        bring(server, tmp_path, tries=4)
    assert pauses == [0.01, 0.02, *[0.01] * 5, 0.02, 0.04]
    said = "no more came in 4 tries (it ended after 50 of 1,024 bytes); 50 bytes are kept for the next time"
    assert str(fault.value) == f"{server.url}: {said}"


def test_a_server_that_can_only_begin_anew_and_always_breaks_off_is_given_up(server: Server, tmp_path: Path) -> None:
    server.usual = Answer(ranges=False, cut=700)
    with pytest.raises(InputError, match="no more came in 3 tries"):
        bring(server, tmp_path)
    assert len(server.ranges) == 3
    assert left(tmp_path) == ["file.bin.part", "file.bin.part.json"]


def test_a_server_that_ignores_ranges_begins_anew(server: Server, tmp_path: Path) -> None:
    server.answers = [Answer(cut=700), Answer(ranges=False)]
    assert bring(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=700-"]


@pytest.mark.parametrize("lie", [Answer(shift=-1), Answer(shift=1), Answer(headers={"Content-Range": ""})])
def test_a_piece_other_than_asked_for_is_not_glued_on(server: Server, tmp_path: Path, lie: Answer) -> None:
    server.answers = [Answer(cut=700), lie]
    assert bring(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=700-", None]


def test_a_piece_that_nobody_asked_for_is_not_taken(server: Server, tmp_path: Path) -> None:
    server.answers = [Answer(status=206, headers={"Content-Range": "bytes 0-1023/4096"}), Answer(status=202)]
    assert bring(server, tmp_path).read_bytes() == CONTENT


def test_slices_make_a_file(server: Server, tmp_path: Path) -> None:
    """A server may send less than was asked for, if it says so."""
    server.answers = [
        Answer(cut=500),
        Answer(cut=100, said_length=100, headers={"Content-Range": "bytes 500-599/1024"}),
    ]
    assert bring(server, tmp_path, n_bytes=1024).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=500-", "bytes=600-"]


@pytest.mark.parametrize("known", [{}, {"n_bytes": 1024}, {"checksum": sha256(CHANGED)}])
@pytest.mark.parametrize("if_range", [True, False])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_that_changed_is_not_glued_onto_the_old_part(
    server: Server, tmp_path: Path, known: dict[str, Any], if_range: bool, ranges: bool
) -> None:
    broken_off(server, tmp_path, **known)
    server.usual = Answer(content=CHANGED, if_range=if_range, ranges=ranges)
    assert bring(server, tmp_path, **known).read_bytes() == CHANGED


def test_a_date_tells_versions_apart_where_there_is_no_strong_etag(server: Server, tmp_path: Path) -> None:
    old, new = ({"ETag": etag, "Last-Modified": formatdate(at, usegmt=True)} for etag, at in (("", 1), ('W/"1"', 2)))
    server.answers = [Answer(cut=300, headers=old), Answer(content=CHANGED, if_range=False, headers=new)]
    server.usual = Answer(content=CHANGED, headers=new)
    assert bring(server, tmp_path).read_bytes() == CHANGED
    assert server.asked[2][2]["If-Range"] == old["Last-Modified"]


def test_a_changed_file_that_hides_its_etag_is_not_glued_on(server: Server, tmp_path: Path) -> None:
    server.answers = [Answer(cut=300), Answer(content=CHANGED, if_range=False, headers={"ETag": ""})]
    assert bring(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=300-", None]


def test_a_server_that_goes_by_dates_need_not_repeat_them(server: Server, tmp_path: Path) -> None:
    date = {"ETag": "", "Last-Modified": formatdate(1, usegmt=True)}
    server.answers = [Answer(cut=300, headers=date), Answer(if_range=False, headers={"ETag": ""})]
    assert bring(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=300-"]


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
def test_where_nothing_tells_versions_apart_it_is_begun_anew(server: Server, tmp_path: Path, etag: str) -> None:
    server.answers = [Answer(cut=300, headers={"ETag": etag})]
    assert bring(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, None]


def test_a_published_checksum_is_enough_to_go_on(server: Server, tmp_path: Path) -> None:
    server.answers = [Answer(cut=300, headers={"ETag": ""})]
    assert bring(server, tmp_path, checksum=sha256(CONTENT)).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=300-"] and "If-Range" not in server.asked[-1][2]


@pytest.mark.parametrize("note", ["", '{"url": "http://example.org/other.bin", "validator": "\\"1\\""}'])
def test_a_part_of_unknown_origin_is_not_trusted(server: Server, tmp_path: Path, note: str) -> None:
    (tmp_path / "file.bin.part").write_bytes(b"x" * 300)
    (tmp_path / "file.bin.part.json").write_text(note)
    assert bring(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None]


# Parts that are long enough


def test_a_part_that_is_whole_is_checked_and_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    assert bring(server, tmp_path, n_bytes=1024, checksum=sha256(CONTENT)).read_bytes() == CONTENT
    assert server.asked == []


def test_the_server_may_say_that_a_part_is_whole(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    assert bring(server, tmp_path, checksum=sha256(CONTENT)).read_bytes() == CONTENT
    broken_off(server, tmp_path, name="other.bin")
    (tmp_path / "other.bin.part").write_bytes(CONTENT)  # the ETag in its note is the one that the server repeats
    assert bring(server, tmp_path, name="other.bin").read_bytes() == CONTENT
    assert server.ranges == ["bytes=1024-"]


@pytest.mark.parametrize("known", [{}, {"n_bytes": 1024}, {"checksum": sha256(CONTENT)}])
@pytest.mark.parametrize("part", [b"x" * 1024, b"x" * 2000])
@pytest.mark.parametrize("if_range", [True, False])
def test_a_part_that_is_wrong_is_begun_anew(
    server: Server, tmp_path: Path, known: dict[str, Any], part: bytes, if_range: bool
) -> None:
    broken_off(server, tmp_path, **known)
    (tmp_path / "file.bin.part").write_bytes(part)
    if "checksum" not in known and len(part) == 1024:  # only a note of another version tells
        note = {"url": server.url, "validator": '"another"'}
        (tmp_path / "file.bin.part.json").write_text(json.dumps(note))
    server.usual = Answer(if_range=if_range)
    assert bring(server, tmp_path, **known).read_bytes() == CONTENT


# Lengths and checksums that are wrong


@pytest.mark.parametrize("said", [1, 1000, 1025, 9999])
@pytest.mark.parametrize("known", [{"checksum": sha256(CONTENT)}, {"n_bytes": 1024}])
def test_a_length_that_lies_is_found_out(server: Server, tmp_path: Path, said: int, known: dict[str, Any]) -> None:
    server.answers = [Answer(said_length=said)]
    assert bring(server, tmp_path, **known).read_bytes() == CONTENT
    server.usual = Answer(said_length=said, ranges=False)
    with pytest.raises(InputError):
        bring(server, tmp_path, name="other.bin", **known)
    assert not (tmp_path / "other.bin").exists()


def test_a_file_of_another_length_than_published_is_not_even_loaded(server: Server, tmp_path: Path) -> None:
    told: list[int] = []
    with pytest.raises(InputError) as fault:
        fetch([RemoteFile(server.url, "file.bin", 1_000_000)], tmp_path, lambda done, total: told.append(done))
    assert set(told) == {0}
    assert str(fault.value) == f"file.bin: should have 1,000,000 bytes, not 1,024, as it comes from {server.url}"
    assert left(tmp_path) == []


def test_a_wrong_checksum_has_one_more_chance(server: Server, tmp_path: Path) -> None:
    server.answers = [Answer(content=CHANGED)]
    assert bring(server, tmp_path, checksum=sha256(CONTENT)).read_bytes() == CONTENT
    assert server.ranges == [None, None]


def test_a_checksum_that_stays_wrong_is_named(server: Server, tmp_path: Path) -> None:
    server.usual = Answer(content=CHANGED)
    with pytest.raises(InputError) as fault:
        bring(server, tmp_path, checksum=sha256(CONTENT))
    said = f"should have the checksum {sha256(CONTENT)}, not {sha256(CHANGED)}"
    assert str(fault.value) == f"file.bin: {said}, as it comes from {server.url}"
    assert server.ranges == [None, None] and left(tmp_path) == []


def test_a_wrong_file_does_not_replace_the_one_that_is_there(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"of an earlier release")
    server.usual = Answer(content=CHANGED)
    with pytest.raises(InputError, match="should have the checksum"):
        bring(server, tmp_path, checksum=sha256(CONTENT))
    assert (tmp_path / "file.bin").read_bytes() == b"of an earlier release"


def test_chunks_have_no_length_and_still_an_end(server: Server, tmp_path: Path) -> None:
    server.answers = [Answer(chunked=True, cut=500)]
    assert bring(server, tmp_path).read_bytes() == CONTENT
    assert len(server.ranges) == 2
    server.usual = Answer(chunked=True)
    assert bring(server, tmp_path, name="other.bin").read_bytes() == CONTENT


def test_a_published_length_tells_where_a_file_without_one_broke_off(server: Server, tmp_path: Path) -> None:
    server.answers = [Answer(headers={"Content-Length": ""}, cut=500)]
    server.head = GOOD
    assert bring(server, tmp_path, n_bytes=1024).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=500-"]
    server.usual = Answer(headers={"Content-Length": ""}, ranges=False)
    with pytest.raises(InputError):
        bring(server, tmp_path, name="other.bin", n_bytes=1000)
    assert not (tmp_path / "other.bin").exists()


# Servers that refuse, wait, or send elsewhere


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "401 (Unauthorized); the file may want a login, or a licence to be accepted on its web page"),
        (403, "403 (Forbidden); the file may want a login, or a licence to be accepted on its web page"),
        (404, "404 (Not Found)"),
        (410, "410 (Gone)"),
        (416, "416 (Requested Range Not Satisfiable)"),
    ],
)
def test_a_refusal_is_one_sentence_and_final(server: Server, tmp_path: Path, status: int, said: str) -> None:
    server.usual = Answer(status=status)
    with pytest.raises(InputError) as fault:
        bring(server, tmp_path)
    assert str(fault.value) == f"{server.url}: the server answered {said}"
    assert len(server.ranges) == 1 and left(tmp_path) == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_again(server: Server, tmp_path: Path, status: int) -> None:
    server.answers = [Answer(status=status), Answer(status=status)]
    assert bring(server, tmp_path).read_bytes() == CONTENT
    server.usual = Answer(status=status)
    with pytest.raises(InputError, match=rf"no more came in 3 tries \(the server answered {status} "):
        bring(server, tmp_path, name="other.bin")


def test_a_refusal_leaves_the_part_for_later(server: Server, tmp_path: Path) -> None:
    broken_off(server, tmp_path)
    server.answers = [Answer(status=403)]
    with pytest.raises(InputError, match="403"):
        bring(server, tmp_path)
    assert bring(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == ["bytes=300-", "bytes=300-"]


@pytest.mark.parametrize(
    ("asked", "pause"),
    [("7", 7), ("0", 0), ("3600", 60), ("9" * 400, 60), ("soon", 0.01), ("", 0.01), ("-5", 0.01)],
)
def test_a_server_says_how_long_to_wait(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, pause: float
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("eartune.prepare.download.http.time.sleep", pauses.append)
    server.answers = [Answer(status=429, headers={"Retry-After": asked})]
    bring(server, tmp_path)
    assert pauses == [pause]


@pytest.mark.parametrize(("seconds", "low", "high"), [(20, 15, 20), (-20, 0, 0), (1e6, 60, 60)])
def test_or_until_when(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, low: float, high: float
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("eartune.prepare.download.http.time.sleep", pauses.append)
    date = formatdate(time.time() + seconds, usegmt=True)
    server.answers = [Answer(status=503, headers={"Retry-After": date})]
    bring(server, tmp_path)
    assert low <= pauses[0] <= high


def test_a_slow_server_is_left_and_asked_again(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers = [Answer(cut=400, stalls=True)]
    server.head = GOOD
    monkeypatch.setattr(download, "READ_SECONDS", 0.3)
    assert bring(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=400-"]


def test_a_server_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(InputError, match="an address that cannot be read"):
        fetch([RemoteFile("http://a..b/c", "c", 1)], tmp_path, lambda done, total: None)
    with Server() as gone:
        pass
    with pytest.raises(InputError, match=r"no more came in 2 tries \(.*refused.*\); 0 bytes are kept"):
        bring(gone, tmp_path, tries=2)


def test_redirects_are_followed_with_the_range(server: Server, tmp_path: Path) -> None:
    there = Answer(status=302, location="/elsewhere.bin")
    server.head, server.answers = GOOD, [there, Answer(cut=300), there]
    assert bring(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, None, "bytes=300-", "bytes=300-"]
    assert server.asked[-1][1] == "/elsewhere.bin"
    server.head = there
    server.asked.clear()
    with suppress(InputError):  # this one goes round in circles, but stays a HEAD
        bring(server, tmp_path, name="other.bin")
    assert {method for method, _, _ in server.asked[:-1]} == {"HEAD"}


@pytest.mark.parametrize(
    ("status", "location", "said"),
    [
        (302, "/file.bin", "302 (The HTTP server returned a redirect error that would lead to an infinite loop."),
        (302, "ftp://example.org/file.bin", "302 (a redirect from http to ftp is not followed)"),
        (302, "file:///etc/passwd", "302 (Found - Redirection to url 'file:///etc/passwd' is not allowed)"),
        (308, "http://[::1/a", "308 (a redirect that cannot be read: Invalid IPv6 URL)"),
        (301, "http://a..b/", "301 (a redirect that cannot be read: "),
    ],
)
def test_other_redirects_are_not_followed(
    server: Server, tmp_path: Path, status: int, location: str, said: str
) -> None:
    server.head, server.usual = GOOD, Answer(status=status, location=location)
    with pytest.raises(InputError) as fault:
        bring(server, tmp_path)
    assert said in str(fault.value) and "\n" not in str(fault.value)


def test_no_redirect_leaves_an_encrypted_connection() -> None:
    redirects = download._Redirects()
    secure, headers = Request("https://example.org/a", headers={"Range": "bytes=5-"}), HTTPMessage()
    with pytest.raises(HTTPError, match="a redirect from https to http is not followed") as fault:
        redirects.redirect_request(secure, BytesIO(), 302, "Found", headers, "http://example.org/b")
    fault.value.close()
    other = redirects.redirect_request(secure, BytesIO(), 302, "Found", headers, "https://example.org/b")
    assert other is not None and other.get_header("Range") == "bytes=5-"


def test_a_web_page_is_no_file(server: Server, tmp_path: Path) -> None:
    broken_off(server, tmp_path)
    page = b"<html>\n <title>Please  log in\x1b[31m</title>" + b"." * 500
    server.answers = [Answer(content=page, headers={"Content-Type": "text/html; charset=utf-8"}, if_range=True)]
    with pytest.raises(InputError) as fault:
        bring(server, tmp_path)
    hint = "<html> <title>Please log in [31m</title>" + "." * 40
    assert str(fault.value) == f"{server.url}: the server sent a web page, not file.bin; it begins {hint!r}"
    assert (tmp_path / "file.bin.part").read_bytes() == CONTENT[:300]


def test_a_web_page_that_was_asked_for_is_one(server: Server, tmp_path: Path) -> None:
    server.usual = Answer(content=b"<html>", headers={"Content-Type": "text/html"})
    assert bring(server, tmp_path, name="licence.HTML").read_bytes() == b"<html>"


# Whatever happens

TROUBLES = [
    *[Answer(cut=n) for n in (0, 1, 300, 1023)],
    *[Answer(cut=n, chunked=True) for n in (0, 300, 1023)],
    Answer(chunked=True),
    Answer(cut=500, ranges=False),
    Answer(content=CHANGED),
    Answer(content=CHANGED, cut=600),
    Answer(content=CHANGED, if_range=False),
    Answer(content=CHANGED, cut=200, if_range=False),
    Answer(content=CHANGED, ranges=False, cut=900),
    Answer(shift=3),
    Answer(cut=700, headers={"ETag": ""}),
    Answer(content=CHANGED, headers={"ETag": ""}, if_range=False),
    Answer(said_length=2000),
    *[Answer(status=status, headers={"Retry-After": "0"}) for status in (202, 404, 416, 429, 500)],
    Answer(headers={"Content-Type": "text/html"}),
]


@given(
    answers=st.lists(st.sampled_from(TROUBLES), max_size=12),
    known=st.sampled_from([{}, {"n_bytes": 1024}, {"checksum": sha256(CONTENT)}]),
)
def test_after_any_troubles_the_file_is_right_or_there_is_none(answers: list[Answer], known: dict[str, Any]) -> None:
    with serving() as server, tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "*")
        patch.setattr("eartune.prepare.download.http.time.sleep", lambda seconds: None)
        server.answers, server.head, path = list(answers), GOOD, Path(name) / "file.bin"
        while server.answers and not path.exists():
            with suppress(InputError):
                bring(server, Path(name), **known)
            if path.exists():  # without a checksum the changed one is as good, but no mixture of both
                assert path.read_bytes() in ([CONTENT] if "checksum" in known else [CONTENT, CHANGED])
            assert set(left(Path(name))) <= {"file.bin", "file.bin.part", "file.bin.part.json"}
        assert bring(server, Path(name), **known).exists()  # no trouble is for ever
        assert left(Path(name)) == ["file.bin"]
