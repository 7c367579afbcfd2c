"""Archives, good, damaged and malicious: the folder is there whole, or not at all, and nothing lies beside it."""

import gzip
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
from eartune.files import is_lfs_pointer
from eartune.prepare.download.archives import unpack

FILES = {"slurp/train.jsonl": b'{"id":1}\n' * 50, "slurp/audio/a.flac": bytes(range(256)) * 20, "LICENSE": b""}
TARS = ["a.tar", "a.tgz", "a.tar.gz", "A.TAR.GZ"]


def tar(path: Path, *members: tarfile.TarInfo, files: dict[str, bytes] | None = None) -> Path:
    """A tar of plain files, then of other members."""
    with tarfile.open(path, "w" if path.suffix.lower() == ".tar" else "w:gz") as out:
        for name, content in (FILES if files is None else files).items():
            out.addfile(member(name, size=len(content)), io.BytesIO(content))
        for info in members:
            out.addfile(info)
    return path


def member(name: str, **fields: Any) -> tarfile.TarInfo:
    """member("a", type=tarfile.SYMTYPE, linkname="b")"""
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    return member(name, type=kind, linkname=target)


def zipped(path: Path, files: dict[str, bytes] | None = None, kind: int = stat.S_IFREG) -> Path:
    """A zip, its members of a kind as Unix has it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in (FILES if files is None else files).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (kind | 0o644) << 16
            out.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def archive(path: Path) -> Path:
    """The usual files in an archive of the suffix's kind."""
    return zipped(path) if path.suffix == ".zip" else tar(path)


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def refused(path: Path, said: str) -> None:
    """It is one sentence that names the archive, and there is nothing beside it afterwards."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(InputError, match=said) as fault:
        unpack(path, path.parent / "corpus")
    assert str(fault.value).startswith(f"{path}: ") and "\n" not in str(fault.value)
    assert sorted(path.parent.rglob("*")) == before


# Good ones


@pytest.mark.parametrize("name", [*TARS, "a.zip"])
def test_an_archive_is_unpacked(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "data" / "corpus"
    assert unpack(archive(tmp_path / name), folder) == folder
    assert content(folder) == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["corpus"]


@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "a.zip"])
def test_members_are_chosen_by_name(tmp_path: Path, name: str) -> None:
    folder = unpack(archive(tmp_path / name), tmp_path / "corpus", lambda name: name.endswith(".flac"))
    assert list(content(folder)) == ["slurp/audio/a.flac"]


def test_names_begin_without_a_dot(tmp_path: Path) -> None:
    seen: list[str] = []
    path = tar(tmp_path / "a.tar", files={"./": b"", "./a": b"1", "./b/./c": b"2"})
    assert content(unpack(path, tmp_path / "corpus", lambda name: not seen.append(name))) == {"a": b"1", "b/c": b"2"}  # type: ignore[func-returns-value]
    assert set(seen) == {"a", "b/c"}


@pytest.mark.parametrize("name", ["a.tgz", "a.zip"])
def test_an_archive_without_what_is_wanted_is_named(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / name)
    with pytest.raises(InputError, match="holds none of the files that are wanted"):
        unpack(path, tmp_path / "corpus", lambda name: name.endswith(".wav"))
    assert not (tmp_path / "corpus").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "mine").write_text("mine")
    assert content(unpack(tmp_path / "gone.tgz", tmp_path / "corpus")) == {"mine": b"mine"}


def test_an_empty_folder_and_what_an_earlier_try_left_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / ".corpus.part-7-abcd" / "half").mkdir(parents=True)
    (tmp_path / ".corpus.part-7-abcd" / "half" / "a").write_text("half of it")
    os.utime(tmp_path / ".corpus.part-7-abcd", (0, 0))
    assert content(unpack(tar(tmp_path / "a.tgz"), tmp_path / "corpus")) == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tgz", "corpus"]


@pytest.mark.parametrize("name", ["a.tgz", "a.zip"])
def test_progress_goes_from_looking_to_writing(tmp_path: Path, name: str) -> None:
    told: list[tuple[int, int | None]] = []
    unpack(archive(tmp_path / name), tmp_path / "corpus", progress=lambda done, total: told.append((done, total)))
    looked, wrote = ([done for done, total in told if (total is None) is is_first] for is_first in (True, False))
    assert looked == wrote == sorted(wrote) and told[-1] == (wrote[-1], wrote[-1])


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        if total:
            assert [path.is_dir() for path in tmp_path.glob(".corpus.part-*")] == [True]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack(tar(tmp_path / "a.tgz"), tmp_path / "corpus", progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tgz"]


def test_links_inside_are_kept(tmp_path: Path) -> None:
    down, up, hard = (
        link("one", "slurp/audio"),
        link("slurp/two", "../LICENSE"),
        link("three", "LICENSE", tarfile.LNKTYPE),
    )
    folder = unpack(tar(tmp_path / "a.tgz", down, up, hard), tmp_path / "corpus")
    assert (folder / "one" / "a.flac").read_bytes() == FILES["slurp/audio/a.flac"]
    assert os.readlink(folder / "slurp" / "two") == "../LICENSE"
    assert (folder / "three").samefile(folder / "LICENSE")


def test_links_in_a_zip_are_links(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a": b"b"}, stat.S_IFLNK)
    assert os.readlink(unpack(path, tmp_path / "corpus") / "a") == "b"


def test_of_two_members_of_one_name_the_later_counts(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", link("b", "a"), files={"a": b"1"})
    with tarfile.open(path, "a") as out:
        out.addfile(member("b", size=1), io.BytesIO(b"2"))
    assert content(unpack(path, tmp_path / "corpus")) == {"a": b"1", "b": b"2"}


def test_files_can_be_read_and_written_whatever_the_archive_says(tmp_path: Path) -> None:
    folder = unpack(
        tar(tmp_path / "a.tar", member("a", mode=0), member("b", type=tarfile.DIRTYPE, mode=0)), tmp_path / "c"
    )
    assert os.access(folder / "a", os.R_OK | os.W_OK)
    assert stat.S_IMODE((folder / "b").stat().st_mode) & 0o700 == 0o700
    assert not os.access(folder / "a", os.X_OK)


# Bad ones


@pytest.mark.parametrize("name", ["/etc/evil", "../evil", "a/../../evil", "..\\evil", "C:\\evil", "//host/share/evil"])
def test_a_member_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    refused(tar(tmp_path / "a.tgz", files={"good": b"1", name: b"2"}), "would lie outside the folder")
    refused(zipped(tmp_path / "a.zip", {"good": b"1", name: b"2"}), "would lie outside the folder")


@pytest.mark.parametrize(
    ("name", "target"),
    [("a", "/etc/passwd"), ("a", "../b"), ("d/a", "../../b"), ("a", "b/../../c"), ("a", "C:\\b"), ("a", "..")],
)
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, name: str, target: str) -> None:
    refused(tar(tmp_path / "a.tgz", link(name, target)), "links to .* outside the folder")
    refused(zipped(tmp_path / "a.zip", {name: target.encode()}, stat.S_IFLNK), "links to .* outside the folder")


@pytest.mark.parametrize("target", ["/etc/passwd", "../b", "d/../b"])
def test_a_hard_link_out_of_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    refused(tar(tmp_path / "a.tgz", link("d/a", target, tarfile.LNKTYPE)), "links to .* outside the folder")


def test_a_way_out_over_two_links_is_refused(tmp_path: Path) -> None:
    """Each stays inside by its letters: a/s is a, so a/s/.. is the top, and a/s/../.. above it."""
    refused(tar(tmp_path / "a.tgz", link("a/s", "."), link("out", "a/s/../..")), "outside the folder")
    refused(tar(tmp_path / "b.tgz", link("s", "a/b"), link("s/up", "../..")), "links to .* outside|through a link")
    refused(tar(tmp_path / "c.tgz", link("s", "slurp/audio"), member("s/up")), "would be written through a link")
    refused(tar(tmp_path / "d.tgz", link("s", "a"), member("s/up", type=tarfile.DIRTYPE)), "cannot be unpacked|through")


def test_a_hard_link_to_what_is_not_there_is_refused(tmp_path: Path) -> None:
    refused(tar(tmp_path / "a.tgz", link("a", "later", tarfile.LNKTYPE), member("later")), "no file unpacked before it")
    through = link("a", "s/a.flac", tarfile.LNKTYPE)
    refused(tar(tmp_path / "b.tgz", link("s", "slurp/audio"), through), "no file unpacked before it")
    refused(
        tar(tmp_path / "c.tgz", link("s", "LICENSE"), link("a", "s", tarfile.LNKTYPE)), "no file unpacked before it"
    )


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"?"])
def test_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    refused(tar(tmp_path / "a.tgz", member("a", type=kind)), r"'a' is no plain file \(device\)")
    refused(zipped(tmp_path / "a.zip", {"a": b""}, stat.S_IFIFO), r"'a' is no plain file \(device\)")


def test_a_link_longer_than_any_path_is_refused_unread(tmp_path: Path) -> None:
    refused(zipped(tmp_path / "a.zip", {"a": b"b" * 5000}, stat.S_IFLNK), r"'a' is no plain file \(device\)")


def test_what_is_not_wanted_may_be_anything(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tgz", member("a", type=tarfile.CHRTYPE), link("b", "/etc"), member("../c"))
    assert list(content(unpack(path, tmp_path / "corpus", lambda name: name == "LICENSE"))) == ["LICENSE"]


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    refused(tar(tmp_path / "a.tgz", files={"a": b"1", "a/b": b"2"}), "cannot be unpacked to .*corpus")
    (tmp_path / "corpus").write_text("mine")
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpack(tar(tmp_path / "a.tgz"), tmp_path / "corpus")
    assert (tmp_path / "corpus").read_text() == "mine"


@pytest.mark.parametrize("name", ["a.tgz", "a.zip"])
def test_an_archive_that_would_not_fit_is_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=12287))
    path = archive(tmp_path / name)  # 450 and 5,120 bytes take up three blocks of 4,096
    with pytest.raises(InputError, match=r"corpus: needs 12\.3 kB, but only 12\.3 kB are free on that disk"):
        unpack(path, tmp_path / "corpus")
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_zip_with_a_password_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a": b"1"})
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    refused(path, r"'a' is no plain file \(encrypted\)")


@pytest.mark.parametrize(("name", "said"), [("a.rar", r"must be one of \.tar\.gz, "), ("gone.zip", "no such archive")])
def test_what_is_no_archive_is_named(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    refused(tmp_path / name, said)


@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "a.zip"])
@pytest.mark.parametrize("junk", [b"", b"<html>please log in</html>", b"\0" * 100, b"\x1f\x8b", b"PK\3\4"])
def test_junk_is_named(tmp_path: Path, name: str, junk: bytes) -> None:
    (tmp_path / name).write_bytes(junk)
    refused(tmp_path / name, "is damaged or cut short")


@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "a.zip"])
def test_an_archive_cut_anywhere_is_named(tmp_path: Path, name: str) -> None:
    data = archive(tmp_path / name).read_bytes()
    end = len(data) if name != "a.tar" else 512 * (len(data.rstrip(b"\0")) // 512 + 1 + 1)  # the rest is padding
    for cut in sorted({*range(0, end, 97), *range(0, end, 512), end - 513, end - 1}):
        (tmp_path / name).write_bytes(data[:cut])
        refused(tmp_path / name, "is damaged or cut short")


@pytest.mark.parametrize("place", [148, 1024 + 100])
def test_a_damaged_header_in_the_middle_is_not_taken_for_the_end(tmp_path: Path, place: int) -> None:
    path = tar(tmp_path / "a.tar")
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    refused(path, "is damaged or cut short")


@pytest.mark.parametrize("name", ["a.tar", "a.tgz"])
def test_a_size_that_cannot_be_true_is_not_searched_for_its_end(tmp_path: Path, name: str) -> None:
    """tarfile reads on at the end of the file, in steps of 10 kB: for this one, for years."""
    refused(tar(tmp_path / name, member("a", size=2**60), member("b")), "'a' ends after the archive")


def test_a_hole_in_the_middle_is_not_taken_for_the_end(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar")
    data = path.read_bytes()
    path.write_bytes(data[:1024] + b"\0" * 1024 + data[2048:])
    refused(path, "there is more after what should be its end")


def test_a_wrong_byte_in_a_file_is_noticed_before_anything_is_written(tmp_path: Path) -> None:
    """Stored without compression, so that only the checksum at the very end tells."""
    path = tar(tmp_path / "a.tar")
    data = bytearray(gzip.compress(path.read_bytes(), 0))
    data[data.index(bytes(range(200)))] ^= 1
    (tmp_path / "b.tgz").write_bytes(data)
    refused(tmp_path / "b.tgz", "is damaged or cut short .*CRC")


@given(name=st.sampled_from(["a.tar", "a.tgz", "a.zip"]), data=st.data())
def test_damage_anywhere_gives_one_sentence_or_does_no_harm(name: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as top:
        path = archive(Path(top) / name)
        damaged = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(damaged)
        with suppress(InputError):
            unpack(path, Path(top) / "corpus")
        assert {p.name for p in Path(top).iterdir()} <= {name, "corpus"}


# Git LFS


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"


@pytest.mark.parametrize(
    ("content", "is_one"), [(POINTER, True), (b"", False), (POINTER * 2, False), (b" " + POINTER, False)]
)
def test_a_pointer_is_told_from_a_file(tmp_path: Path, content: bytes, is_one: bool) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    assert is_lfs_pointer(tmp_path / "a.wav") is is_one
    assert not is_lfs_pointer(tmp_path) and not is_lfs_pointer(tmp_path / "gone")


def test_a_pointer_to_an_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(POINTER)
    refused(tmp_path / "a.tgz", "is no archive but a Git LFS pointer")
