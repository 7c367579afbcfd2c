"""Archives, good, damaged and malicious: everything is unpacked, or nothing, and nothing else lies beside it."""

import io
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eartune.errors import InputError
from eartune.prepare.download.archives import unpack

FILES = {
    "ITALIC/recordings/1.wav": bytes(range(256)) * 20,
    "ITALIC/train.json": b'{"id":1}\n' * 50,
    "ITALIC/LICENSE": b"",
}
UNPACKED = {name.removeprefix("ITALIC/"): content for name, content in FILES.items()}
KINDS = ["a.tar", "a.tgz", "a.tar.gz", "A.ZIP"]


def member(name: str, **fields: Any) -> tarfile.TarInfo:
    """member("a", type=tarfile.SYMTYPE, linkname="b")"""
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def archive(path: Path, *members: tarfile.TarInfo, files: dict[str, bytes] = FILES) -> Path:
    """An archive of plain files, and in a tar of other members."""
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
            for name, content in files.items():
                out.writestr(name, content)
        return path
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as out:
        for name, content in files.items():
            out.addfile(member(name, size=len(content)), io.BytesIO(content))
        for info in members:
            out.addfile(info)
    return path


def unpacked(path: Path) -> dict[str, bytes]:
    """What lies beside an archive after it is unpacked."""
    unpack(path, "recordings", lambda share: None)
    files = (file for file in path.parent.rglob("*") if file.is_file() and file != path)
    return {file.relative_to(path.parent).as_posix(): file.read_bytes() for file in files}


def refused(path: Path, sentence: str) -> None:
    """It is one sentence that names the archive, and there is nothing new beside it, or beside its folder, afterwards.

    That is a folder within the test's own: the one above has all that earlier tests wrote.
    """
    before = sorted(path.parent.parent.rglob("*"))
    with pytest.raises(InputError, match=sentence) as error:
        unpack(path, "recordings", lambda share: None)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)
    assert sorted(path.parent.parent.rglob("*")) == before


@pytest.mark.parametrize("name", KINDS)
def test_an_archive_is_unpacked_beside_itself_with_progress(tmp_path: Path, name: str) -> None:
    shares: list[float] = []
    unpack(archive(tmp_path / name), "recordings", shares.append)
    assert shares == [1 / 3, 2 / 3, 1.0]
    (tmp_path / "recordings" / "1.wav").unlink()
    assert unpacked(tmp_path / name) == UNPACKED


@pytest.mark.parametrize("top", ["", "some/where/deep/"])
def test_the_folder_is_found_wherever_it_is_and_what_lies_beside_it_comes_along(tmp_path: Path, top: str) -> None:
    names = [f"{top}recordings/1.wav", f"{top}train.json", f"{top}more/recordings/2.wav"]
    path = archive(tmp_path / "a.tar", files=dict.fromkeys(names, b"x"))
    assert sorted(unpacked(path)) == ["more/recordings/2.wav", "recordings/1.wav", "train.json"]


def test_what_lay_there_before_stays(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    (tmp_path / "train.json").write_bytes(b"mine")
    assert unpacked(archive(tmp_path / "a.tgz")) == UNPACKED | {"train.json": b"mine"}


def test_an_unpacking_that_was_killed_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, replace = archive(tmp_path / "a.tgz"), Path.replace

    def kill(source: Path, target: Path) -> Path:
        if source.name == "recordings":
            raise KeyboardInterrupt
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", kill)
    monkeypatch.setattr(shutil, "rmtree", lambda *args, **options: None)  # it has no time to clean up
    with pytest.raises(KeyboardInterrupt):
        unpack(path, "recordings", lambda share: None)
    assert not (tmp_path / "recordings").exists() and (tmp_path / "train.json").exists()
    monkeypatch.undo()
    assert unpacked(path) == UNPACKED and not (tmp_path / ".a.tgz.unpacking").exists()


def test_an_archive_without_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    path = archive(tmp_path / "x" / "a.tgz", files={"sounds/1.wav": b"", "recordings": b"no folder"})
    refused(path, r"holds no folder recordings; unpack it by hand to .*/recordings$")


@pytest.mark.parametrize(
    "evil",
    [
        member("../evil", size=0),
        member("ITALIC/../../evil", size=0),
        member("ITALIC/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("ITALIC/link", type=tarfile.SYMTYPE, linkname="../../evil"),
        member("ITALIC/link", type=tarfile.LNKTYPE, linkname="../evil"),
        member("ITALIC/device", type=tarfile.CHRTYPE),
        member("ITALIC/pipe", type=tarfile.FIFOTYPE),
    ],
    ids=lambda evil: f"{evil.name}-{evil.type.decode()}-{evil.linkname}",
)
def test_a_member_that_may_do_harm_is_refused(tmp_path: Path, evil: tarfile.TarInfo) -> None:
    (tmp_path / "x").mkdir()
    refused(archive(tmp_path / "x" / "a.tgz", evil), "is not unpacked, as it may do harm")


@pytest.mark.parametrize("name", ["a.tar", "a.zip"])
def test_an_absolute_name_and_in_a_zip_any_name_stays_inside(tmp_path: Path, name: str) -> None:
    outside = {f"{tmp_path}/evil": b"x"} | ({"../../evil": b"x"} if name == "a.zip" else {})
    (tmp_path / "x").mkdir()
    unpack(archive(tmp_path / "x" / name, files=FILES | outside), "recordings", lambda share: None)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_link_in_a_zip_is_no_link(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("ITALIC/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive(tmp_path / "a.zip"), "a") as out:
        out.writestr(link, "/etc/passwd")
    assert unpacked(tmp_path / "a.zip")["link"] == b"/etc/passwd"


def test_links_inside_of_a_tar_are_kept(tmp_path: Path) -> None:
    links = [member("ITALIC/a", type=tarfile.SYMTYPE, linkname="train.json")]
    links += [member("ITALIC/b", type=tarfile.LNKTYPE, linkname="ITALIC/train.json")]
    both = unpacked(archive(tmp_path / "a.tgz", *links))
    assert both["a"] == both["b"] == UNPACKED["train.json"]


@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "a.zip"])
def test_an_archive_that_is_cut_anywhere_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "x").mkdir()
    path = archive(tmp_path / "x" / name)
    data = path.read_bytes()
    end = len(data) if name != "a.tar" else len(data.rstrip(b"\0")) // 512 * 512 + 512 + 512  # the rest is padding
    for cut in sorted({*range(0, end, 97), *range(0, end, 512), end - 513, end - 1}):
        path.write_bytes(data[:cut])
        refused(path, "is damaged or incomplete")


@pytest.mark.parametrize("place", [148, 512 + 5120 + 100])
def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path, place: int) -> None:
    (tmp_path / "x").mkdir()
    path = archive(tmp_path / "x" / "a.tar")
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    refused(path, "is damaged or incomplete")


@given(name=st.sampled_from(["a.tar", "a.tgz", "a.zip"]), data=st.data())
def test_damage_anywhere_gives_one_sentence_or_does_no_harm(name: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as top:
        path = archive(Path(top) / name)
        damaged = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(damaged)
        with suppress(InputError):
            unpack(path, "recordings", lambda share: None)
        assert (Path(top) / "recordings").exists() or os.listdir(top) == [name]


@pytest.mark.parametrize("name", ["a.tgz", "a.zip"])
def test_an_archive_that_does_not_fit_on_the_disk_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=12287))
    with pytest.raises(InputError, match="MB, but the disk has only"):  # 5,120 and 450 bytes take three blocks of 4,096
        unpacked(archive(tmp_path / name))
    assert os.listdir(tmp_path) == [name]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=12288))
    assert unpacked(tmp_path / name) == UNPACKED


def test_a_python_without_the_data_filter_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(tarfile, "data_filter")
    with pytest.raises(InputError, match=r"cannot unpack archives safely; use 3\.11\.4 or newer"):
        unpacked(archive(tmp_path / "a.tar"))
