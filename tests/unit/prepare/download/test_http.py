"""Downloads from a server on this machine on which everything goes wrong: the file is right, or there is none."""

import errno
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eartune.errors import InputError
from eartune.prepare.download import http
from eartune.prepare.download.http import RemoteFile, check_space, download, is_complete
from file_server import FileServer, serving

CONTENT, OTHER = bytes(range(256)) * 4, b"?" * 1024
CHECKSUM = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
PATH = "/file.bin"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("eartune.prepare.download.http.time.sleep", lambda seconds: None)
    with serving() as server:
        server.files[PATH] = CONTENT
        yield server


def file_on(server: FileServer, **published: Any) -> RemoteFile:
    """The file with its length and checksum, or with what is published instead."""
    return RemoteFile(server.url + PATH, "file.bin", **(published or {"n_bytes": 1024, "checksum": CHECKSUM}))


def fetched(file: RemoteFile, folder: Path) -> bytes:
    download(file, folder, lambda share: None)
    assert sorted(path.name for path in folder.iterdir()) == [file.name]
    return (folder / file.name).read_bytes()


def refused(file: RemoteFile, folder: Path) -> str:
    """The one sentence with which it ends, as a file that is not right never gets its name."""
    with pytest.raises(InputError) as error:
        download(file, folder, lambda share: None)
    assert not (folder / file.name).exists() and "\n" not in str(error.value)
    return str(error.value)


def test_a_file_is_downloaded_with_progress_and_is_complete_until_it_is_damaged(
    server: FileServer, tmp_path: Path
) -> None:
    file, shares = file_on(server), []
    assert not is_complete(file, tmp_path)
    download(file, tmp_path, shares.append)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT and is_complete(file, tmp_path)
    assert shares == sorted(shares) and shares[-1] == 1.0
    (tmp_path / "file.bin").write_bytes(OTHER)
    assert not is_complete(file, tmp_path) and fetched(file, tmp_path) == CONTENT


@pytest.mark.parametrize("trouble", ["cut 300", "stall 300"])
def test_a_connection_that_breaks_or_falls_silent_is_resumed(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(http, "SILENCE_SECONDS", 0.3)
    monkeypatch.setattr(http, "BLOCK_BYTES", 100)
    server.troubles[PATH] = [trouble]
    assert fetched(file_on(server), tmp_path) == CONTENT
    assert server.ranges(PATH) == [None, "bytes=300-"]


def test_a_line_that_breaks_often_is_enough_as_long_as_something_comes(server: FileServer, tmp_path: Path) -> None:
    server.troubles[PATH] = [f"cut {n}" for n in range(100, 1000, 100)]
    assert fetched(file_on(server), tmp_path) == CONTENT
    assert len(server.requests) == 10


@pytest.mark.parametrize("trouble", [503, "cut 300"])
def test_an_interrupted_download_is_resumed_by_the_next_call(
    server: FileServer, tmp_path: Path, trouble: int | str
) -> None:
    server.troubles[PATH] = ["cut 300", *[trouble] * 5]
    assert "5 tries brought nothing more (" in refused(file_on(server), tmp_path)
    assert (tmp_path / "file.bin.part").read_bytes() == CONTENT[:300]
    server.troubles.clear()
    assert fetched(file_on(server), tmp_path) == CONTENT
    assert server.ranges(PATH)[-1] == "bytes=300-"


def test_ctrl_c_leaves_a_part_that_is_resumed(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(share: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(http, "BLOCK_BYTES", 300)
    with pytest.raises(KeyboardInterrupt):
        download(file_on(server), tmp_path, stop)
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin.part"]
    assert fetched(file_on(server), tmp_path) == CONTENT
    assert server.ranges(PATH) == [None, "bytes=300-"]


def test_a_part_that_is_whole_is_only_checked(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    assert fetched(file_on(server), tmp_path) == CONTENT and server.requests == []


@pytest.mark.parametrize("part", [OTHER[:300], OTHER, OTHER * 2])
def test_a_part_of_another_version_is_thrown_away(server: FileServer, tmp_path: Path, part: bytes) -> None:
    (tmp_path / "file.bin.part").write_bytes(part)
    assert fetched(file_on(server), tmp_path) == CONTENT


@pytest.mark.parametrize("published", [{}, {"n_bytes": 1024}])
def test_without_a_checksum_nothing_is_glued_together(
    server: FileServer, tmp_path: Path, published: dict[str, Any]
) -> None:
    (tmp_path / "file.bin.part").write_bytes(OTHER[:300])
    assert fetched(RemoteFile(server.url + PATH, "file.bin", **published), tmp_path) == CONTENT
    assert server.ranges(PATH) == [None]


def test_a_server_without_ranges_sends_the_whole_file_again(server: FileServer, tmp_path: Path) -> None:
    server.troubles[PATH] = ["cut 300", "no ranges"]
    assert fetched(file_on(server), tmp_path) == CONTENT
    assert server.ranges(PATH) == [None, "bytes=300-"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (OTHER, f"has the sha256 checksum {hashlib.sha256(OTHER).hexdigest()}, not {CHECKSUM[7:]} as published"),
        (CONTENT + b"?", "has 1,025 bytes, not 1,024 as published"),
    ],
)
def test_what_is_not_the_published_file_is_refused_and_deleted(
    server: FileServer, tmp_path: Path, content: bytes, sentence: str
) -> None:
    server.files[PATH] = content
    assert refused(file_on(server), tmp_path) == f"{server.url}{PATH}: the file that was downloaded {sentence}"
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_file_does_not_replace_an_older_one(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"of an earlier release")
    server.files[PATH] = OTHER
    with pytest.raises(InputError):
        download(file_on(server), tmp_path, lambda share: None)
    assert (tmp_path / "file.bin").read_bytes() == b"of an earlier release"


LOGIN = "; it may want a login, or its licence to be accepted; download it in a browser, as docs/corpora.md says"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (404, "404 (Not Found)"),
        (410, "410 (Gone)"),
        (401, f"401 (Unauthorized){LOGIN}"),
        (403, f"403 (Forbidden){LOGIN}"),
    ],
)
def test_a_refusal_is_one_sentence_and_final(server: FileServer, tmp_path: Path, status: int, answer: str) -> None:
    server.troubles[PATH] = [status]
    assert refused(file_on(server), tmp_path) == f"{server.url}{PATH}: the server answered {answer}"
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_server_in_trouble_is_asked_again(server: FileServer, tmp_path: Path, status: int) -> None:
    server.troubles[PATH] = [status] * 4
    assert fetched(file_on(server), tmp_path) == CONTENT
    server.troubles[PATH] = [status] * 5
    assert f"5 tries brought nothing more (the server answered {status}" in refused(file_on(server), tmp_path / "new")


def test_a_server_that_does_not_answer_is_named(server: FileServer, tmp_path: Path) -> None:
    with serving() as gone:
        pass
    assert "Connection refused); run the same command again to resume" in refused(file_on(gone), tmp_path)


def test_a_web_page_and_a_file_of_unknown_length_are_refused(server: FileServer, tmp_path: Path) -> None:
    file = RemoteFile(server.url + PATH, "file.bin")
    server.headers = {"Content-Type": "text/html; charset=utf-8"}
    assert "the server sent a web page instead of the file" in refused(file, tmp_path)
    server.headers = {"Content-Length": ""}
    assert "the server does not say how long the file is" in refused(file, tmp_path)
    assert fetched(file_on(server), tmp_path) == CONTENT  # whose length is published


def test_a_token_is_not_passed_on_to_another_server(server: FileServer, tmp_path: Path) -> None:
    server.troubles[PATH] = [f"to {server.url}/elsewhere"]
    server.files["/elsewhere"] = CONTENT
    assert fetched(file_on(server, authorization="Bearer secret"), tmp_path) == CONTENT
    assert [headers["Authorization"] for _, headers in server.requests] == ["Bearer secret", None]


@pytest.mark.parametrize("name", ["../file.bin", "/tmp/file.bin", "a/../../file.bin"])
def test_a_name_that_leads_out_of_the_folder_is_refused(server: FileServer, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="lies outside of"):
        download(RemoteFile(server.url + PATH, name), tmp_path, lambda share: None)
    assert server.requests == []


def test_a_disk_that_fills_up_is_named_and_the_part_is_kept(server: FileServer, tmp_path: Path) -> None:
    def fill_up(share: float) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(InputError, match=r"file\.bin\.part: cannot be written \(No space left on device\)"):
        download(file_on(server), tmp_path, fill_up)
    assert (tmp_path / "file.bin.part").exists() and len(server.requests) == 1


def test_room_is_looked_for_on_the_disk_of_a_folder_that_will_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=5_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: {tmp_path: usage}[path])
    check_space(tmp_path / "new" / "folder", 5_000_000)
    with pytest.raises(InputError, match=r"folder: needs 5\.1 MB, but the disk has only 5\.0 MB free"):
        check_space(tmp_path / "new" / "folder", 5_100_000)


TROUBLES = ["cut 0", "cut 1", "cut 300", "cut 1023", "no ranges", 404, 408, 416, 500]


@given(troubles=st.lists(st.sampled_from(TROUBLES), max_size=12), is_published=st.booleans())
def test_after_any_troubles_the_file_is_right_or_there_is_none(troubles: list[int | str], is_published: bool) -> None:
    with serving() as server, tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "*")
        patch.setattr("eartune.prepare.download.http.time.sleep", lambda seconds: None)
        server.files[PATH], server.troubles[PATH] = CONTENT, troubles
        file = file_on(server) if is_published else RemoteFile(server.url + PATH, "file.bin")
        while server.troubles[PATH]:
            with suppress(InputError):
                download(file, Path(name), lambda share: None)
            path = Path(name) / "file.bin"
            assert not path.exists() or path.read_bytes() == CONTENT
        assert fetched(file, Path(name)) == CONTENT
