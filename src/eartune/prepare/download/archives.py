"""Unpack an archive whole or not at all: into a temporary folder first, then renamed."""

import gzip
import platform
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from eartune.errors import InputError
from eartune.prepare.download.http import FractionDone, check_space

SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")
_DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error),
    *(struct.error, UnicodeError, RuntimeError),  # zipfile raises these for broken headers, methods and passwords
)


def unpack(archive: Path, folder: str, progress: FractionDone) -> None:
    """Unpack an archive so that its folder of this name, and all that lies beside that, come to lie beside the archive.

    The folder may lie anywhere in the archive. It is moved last, so whoever finds it finds everything. What lay in a
    place before stays. Raises InputError, and leaves nothing behind, for an archive that is damaged or cut, holds no
    such folder, would write outside of its place, or needs more room than the disk has.
    """
    if not hasattr(tarfile, "data_filter"):
        raise InputError(f"Python {platform.python_version()} cannot unpack archives safely; use 3.11.4 or newer")
    temporary = archive.with_name(f".{archive.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)  # of a run that was killed
    try:
        extract = _extract_zip if archive.name.lower().endswith(".zip") else _extract_tar
        extract(archive, temporary, progress)
        found = min((p for p in temporary.rglob(folder) if p.is_dir()), key=lambda p: len(p.parts), default=None)
        if not found:
            raise InputError(f"{archive}: holds no folder {folder}; unpack it by hand to {archive.parent / folder}")
        for path in sorted(found.parent.iterdir(), key=lambda path: path == found):
            if path == found or not (archive.parent / path.name).exists():
                path.replace(archive.parent / path.name)
    except tarfile.FilterError as error:
        raise InputError(f"{archive}: is not unpacked, as it may do harm ({error})") from error
    except _DAMAGED as error:
        raise InputError(f"{archive}: is damaged or incomplete ({error}); delete it and download it again") from error
    except OSError as error:
        raise InputError(f"{archive}: cannot be unpacked ({error.strerror or error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract_tar(archive: Path, folder: Path, progress: FractionDone) -> None:
    with tarfile.open(archive, "r:" if archive.name.lower().endswith(".tar") else "r:gz") as tar:
        members = tar.getmembers()
        # tarfile takes a cut or damaged header for the end, which is zeros; gzip compares its checksum there.
        assert tar.fileobj is not None
        is_cut = tar.fileobj.tell() < tar.offset + tarfile.BLOCKSIZE
        while block := tar.fileobj.read(1 << 20):
            is_cut = is_cut or any(block)
        if is_cut:
            raise tarfile.ReadError("its members do not end where they should")
        _check_room(archive, (member.size for member in members))
        for done, member in enumerate(members, start=1):
            tar.extract(member, folder, filter="data")
            progress(done / len(members))


def _extract_zip(archive: Path, folder: Path, progress: FractionDone) -> None:
    with zipfile.ZipFile(archive) as opened:
        members = opened.infolist()
        _check_room(archive, (member.file_size for member in members))
        for done, member in enumerate(members, start=1):
            opened.extract(member, folder)  # takes "/" and ".." out of names, and writes a link as a file
            progress(done / len(members))


def _check_room(archive: Path, sizes: Iterable[int]) -> None:
    check_space(archive.parent, sum(-(-size // 4096) * 4096 for size in sizes))  # a disk gives whole blocks
