"""Archives unpacked whole or not at all: looked through first, written beside the folder, then renamed to it.

ARCHIVE -> every member checked, their sizes summed -> a temporary folder -> FOLDER
"""

import gzip
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Literal, cast

from eartune.errors import InputError
from eartune.files import atomic, is_lfs_pointer, remove_leftovers
from eartune.prepare.download.http import Progress, check_space, is_inside

SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")

_DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error),
    *(struct.error, UnicodeError, NotImplementedError),  # what zipfile raises for headers that make no sense
)
_DISK_BLOCK = 4096  # what the smallest file takes up
_DEFLATE_MAX_RATIO = 1032  # of what comes out of a gzip to what goes in


def unpack(
    archive: Path,
    folder: Path,
    members: Callable[[str], bool] | None = None,
    progress: Progress = lambda done, total: None,
) -> Path:
    """The folder with what is in a .tar.gz, .tgz, .tar or .zip, or with those members that `members` wants by name.

    A folder that holds something already is left alone, whatever was wanted then: only a whole one gets its name.
    `progress` counts bytes; the sum is None for as long as the archive is only looked through.
    Raises InputError, and leaves nothing behind, for an archive that is damaged, cut short or too large for the disk,
    and for a wanted member that is no plain file, or lies or links outside the folder.
    """
    if folder.is_dir() and any(folder.iterdir()):
        return folder
    _check_archive(archive)
    remove_leftovers(folder.absolute().parent)
    try:
        n_bytes = _survey(archive, members, progress)
        check_space(folder, n_bytes)
        with atomic(folder.absolute()) as half_written:
            _write_all(archive, members, half_written, lambda done: progress(done, n_bytes))
    except _DAMAGED as error:
        raise InputError(f"{archive}: is damaged or cut short ({error}); delete it and fetch it again") from error
    except OSError as error:
        raise InputError(f"{archive}: cannot be unpacked to {folder} ({error.strerror or error})") from error
    return folder


@dataclass(frozen=True)
class _Entry:
    """A member of an archive of any kind."""

    name: str
    kind: Literal["file", "folder", "link", "hard link", "device", "encrypted"]
    n_bytes: int
    target: str
    """What a link names: from its own folder, a hard link from the top."""
    open: Callable[[], IO[bytes] | None]
    """A file's content; of a tar, only until the next entry."""

    @property
    def room(self) -> int:
        """Bytes that it takes up on a disk."""
        return -(-self.n_bytes // _DISK_BLOCK) * _DISK_BLOCK if self.kind == "file" else 0


class _StrictHeader(tarfile.TarInfo):
    """A header that makes no sense is an error; tarfile would take it for the end, and the rest would be missing."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_StrictHeader":
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                raise  # the end as it should be
            raise tarfile.ReadError(str(error)) from error


def _check_archive(archive: Path) -> None:
    if not archive.is_file():
        raise InputError(f"{archive}: no such archive")
    if not archive.name.lower().endswith(SUFFIXES):
        raise InputError(f"{archive}: must be one of {', '.join(SUFFIXES)}")
    if is_lfs_pointer(archive):
        raise InputError(f"{archive}: is no archive but a Git LFS pointer to one; fetch the file itself")


def _survey(archive: Path, members: Callable[[str], bool] | None, progress: Progress) -> int:
    """The bytes that the wanted members will take up; a tar is read to its very end, where its checksum is."""
    n_bytes = n_wanted = 0
    for entry in _wanted(archive, members):
        n_bytes += entry.room
        n_wanted += 1
        progress(n_bytes, None)
    if not n_wanted:
        raise InputError(f"{archive}: holds none of the files that are wanted")
    return n_bytes


def _write_all(
    archive: Path, members: Callable[[str], bool] | None, folder: Path, progress: Callable[[int], None]
) -> None:
    folder.mkdir(parents=True)
    top = folder.resolve()
    n_bytes = 0
    for entry in _wanted(archive, members):
        _write(entry, top, archive)
        n_bytes += entry.room
        progress(n_bytes)


def _wanted(archive: Path, members: Callable[[str], bool] | None) -> Iterator[_Entry]:
    entries = _zip_entries(archive) if archive.name.lower().endswith(".zip") else _tar_entries(archive)
    for entry in entries:
        if entry.name != "." and (members is None or members(entry.name)):
            _check_entry(entry, archive)
            yield entry


def _tar_entries(archive: Path) -> Iterator[_Entry]:
    most_bytes = archive.stat().st_size * (1 if archive.name.lower().endswith(".tar") else _DEFLATE_MAX_RATIO)
    with _open_tar(archive) as stream, tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictHeader) as tar:
        for info in tar:
            if tar.offset > most_bytes:
                raise tarfile.ReadError(f"{info.name!r} ends after the archive")  # tarfile would seek for ever
            name = str(PurePosixPath(info.name))
            yield _Entry(name, _tar_kind(info), info.size, info.linkname, partial(tar.extractfile, info))
        while rest := tar.fileobj.read(1 << 20):  # gzip compares its checksum at the end
            if rest.strip(b"\0"):
                raise tarfile.ReadError("there is more after what should be its end")


def _open_tar(archive: Path) -> IO[bytes]:
    return archive.open("rb") if archive.name.lower().endswith(".tar") else cast(IO[bytes], gzip.open(archive))


def _tar_kind(info: tarfile.TarInfo) -> Literal["file", "folder", "link", "hard link", "device"]:
    if info.isreg():
        return "file"
    if info.isdir():
        return "folder"
    if info.issym():
        return "link"
    return "hard link" if info.islnk() else "device"


def _zip_entries(archive: Path) -> Iterator[_Entry]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            kind = _zip_kind(info)
            target = opened.read(info).decode() if kind == "link" else ""
            name = str(PurePosixPath(info.filename))
            yield _Entry(name, kind, info.file_size, target, partial(opened.open, info))


def _zip_kind(info: zipfile.ZipInfo) -> Literal["file", "folder", "link", "device", "encrypted"]:
    mode = info.external_attr >> 16  # as Unix has it; 0 from other systems
    if info.flag_bits & 1:
        return "encrypted"
    if info.filename.endswith("/"):  # its is_dir fails for a name of no letters
        return "folder"
    if stat.S_ISLNK(mode) and info.file_size <= _DISK_BLOCK:  # no path is longer
        return "link"
    return "file" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "device"


def _check_entry(entry: _Entry, archive: Path) -> None:
    """The rules of tarfile's data filter and stricter ones, as its older versions could be led outside."""
    if not is_inside(entry.name):
        raise InputError(f"{archive}: {entry.name!r} would lie outside the folder; it is not unpacked")
    if entry.kind in ("device", "encrypted"):
        raise InputError(f"{archive}: {entry.name!r} is no plain file ({entry.kind}); it is not unpacked")
    if entry.kind in ("link", "hard link") and not _links_inside(entry):
        raise InputError(f"{archive}: {entry.name!r} links to {entry.target!r}, outside the folder; it is not unpacked")


def _links_inside(entry: _Entry) -> bool:
    """Up by no more folders than there are, then only down: "a/../.." is more than it looks if a is a link itself."""
    target, depth = PurePosixPath(entry.target), len(PurePosixPath(entry.name).parts) - 1
    if entry.kind == "hard link":
        return is_inside(entry.target)
    n_up = next((i for i, part in enumerate(target.parts) if part != ".."), len(target.parts))
    down = target.parts[n_up:]
    return n_up <= depth and "\0" not in entry.target and (not down or is_inside("/".join(down)))


def _write(entry: _Entry, top: Path, archive: Path) -> None:
    path = top / entry.name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent.resolve(strict=True) != path.parent:
        raise InputError(f"{archive}: {entry.name!r} would be written through a link; it is not unpacked")
    if entry.kind == "folder":
        path.mkdir(exist_ok=True)
        return
    path.unlink(missing_ok=True)  # a later member of the same name is the one that counts
    if entry.kind == "link":
        path.symlink_to(entry.target)
    elif entry.kind == "hard link":
        _link_hard(entry, top, archive)
    else:
        content = entry.open()
        assert content is not None  # it is a file
        with content, path.open("wb") as out:
            shutil.copyfileobj(content, out, 1 << 20)


def _link_hard(entry: _Entry, top: Path, archive: Path) -> None:
    source = top / entry.target
    if not source.is_file() or source.resolve(strict=True) != source:
        raise InputError(f"{archive}: {entry.name!r} links to {entry.target!r}, which is no file unpacked before it")
    os.link(source, top / entry.name)
