"""Where corpora come from: the files of each on public servers, brought into the layout in which its class reads them.

Entry -> the Parts that the settings and splits need -> their RemoteFiles, listed -> fetched -> archives unpacked
"""

import glob
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import AliasPath, BaseModel, Field, TypeAdapter, ValidationError

from eartune.data.corpora.snips import INTENTS
from eartune.errors import InputError
from eartune.files import read_text
from eartune.prepare.download.archives import SUFFIXES, unpack
from eartune.prepare.download.http import Progress, RemoteFile, fetch

GITHUB = "https://raw.githubusercontent.com"
HUB = "https://huggingface.co"
ZENODO = "https://zenodo.org"

Watch = Callable[[str], AbstractContextManager[Progress]]
"""Shows a piece of work of this name; what it yields is told how far that is."""
Listed = TypeVar("Listed")


@dataclass(frozen=True)
class WebFile:
    """One file at an address of its own."""

    url: str
    n_bytes: int | None = None
    checksum: str | None = None

    def files(self) -> tuple[RemoteFile, ...]:
        """The file."""
        return (RemoteFile(self.url, PurePosixPath(self.url).name, self.n_bytes, self.checksum),)


@dataclass(frozen=True)
class GitHubFiles:
    """Files of a repository as they were at a commit, put side by side whatever their folders are there."""

    repository: str
    commit: str
    paths: tuple[str, ...]

    def files(self) -> tuple[RemoteFile, ...]:
        """Their sizes and checksums are not published; the commit is what pins them."""
        folder = f"{GITHUB}/{self.repository}/{self.commit}"
        return tuple(RemoteFile(f"{folder}/{quote(path)}", PurePosixPath(path).name) for path in self.paths)


@dataclass(frozen=True)
class ZenodoRecord:
    """The files of a record; only those of these names, if any are named."""

    number: int
    names: tuple[str, ...] = ()

    def files(self) -> tuple[RemoteFile, ...]:
        """As the record lists them; raises InputError for a name that it does not list."""
        url = f"{ZENODO}/api/records/{self.number}"
        listed = {file.key: file for file in _listed(url, _ZenodoListing).files}
        if missing := [name for name in self.names if name not in listed]:
            raise InputError(f"{url}: lists no {missing[0]}; it has {', '.join(listed) or 'no files at all'}")
        chosen = [listed[name] for name in self.names or listed]
        return tuple(RemoteFile(file.url, file.key, file.size, file.checksum) for file in chosen)


@dataclass(frozen=True)
class HubFolder:
    """The parquet files of some splits in a folder of a data set on the Hugging Face Hub."""

    dataset: str
    folder: str
    splits: tuple[str, ...]

    def files(self) -> tuple[RemoteFile, ...]:
        """Those of the main branch, FOLDER/SPLIT-*.parquet; none for a split that the folder lacks."""
        entries = _listed(f"{HUB}/api/datasets/{self.dataset}/tree/main/{quote(self.folder)}", list[_HubEntry])
        return tuple(self._file(entry) for entry in entries if entry.type == "file" and self._is_wanted(entry.path))

    def _is_wanted(self, path: str) -> bool:
        name = PurePosixPath(path).name
        return name.endswith(".parquet") and any(name.startswith(f"{split}-") for split in self.splits)

    def _file(self, entry: "_HubEntry") -> RemoteFile:
        url = f"{HUB}/datasets/{self.dataset}/resolve/main/{quote(entry.path)}"
        return RemoteFile(url, entry.path, entry.size, f"sha256:{entry.sha256}" if entry.sha256 else None)


@dataclass(frozen=True)
class Part:
    """What a corpus needs from one place."""

    remote: WebFile | GitHubFiles | ZenodoRecord | HubFolder
    folder: str
    """Under the data root."""
    unpacked: str = ""
    """If archives come: the folder in them that stands in `folder` when all is there."""
    is_sound: bool = False
    """Whether the corpus can be read without it, as text."""

    def is_unpacked(self, data: Path) -> bool:
        """Whether its archives have done their duty, and may be gone."""
        inner = data / self.folder / self.unpacked
        return bool(self.unpacked) and inner.is_dir() and any(inner.iterdir())


Keys = Mapping[str, Any]
"""The settings of a corpus, as its YAML names them."""


@dataclass(frozen=True)
class Entry:
    """How a corpus is got, and told to be there."""

    page: str
    """Where people read of it, and get it if this program cannot."""
    split_files: str
    """A pattern, under the corpus' folder, for the files of a split; keys of the corpus stand in braces."""
    parts: Callable[[Keys, Sequence[str]], tuple[Part, ...]] | None = None
    """What to fetch for these settings and splits; None for what cannot be fetched as it is."""

    def pattern(self, keys: Keys) -> str:
        """`split_files` for one split."""
        return self.split_files.format(**keys)

    def is_there(self, keys: Keys, data: Path) -> bool:
        """Whether there is any file of that split; whether all are, and are right, its class finds out."""
        return bool(glob.glob(self.pattern(keys), root_dir=data / keys["folder"], recursive=True))


def bring(parts: Sequence[Part], data: Path, watch: Watch) -> None:
    """Fetch and unpack what is not there yet; whatever ends it, the next call goes on from there."""
    missing = [part for part in parts if not part.is_unpacked(data)]
    for folder in dict.fromkeys(part.folder for part in missing):
        files = {part: part.remote.files() for part in missing if part.folder == folder}
        with watch(f"downloading {folder}") as progress:
            fetch([file for some in files.values() for file in some], data / folder, progress)
        for part, some in files.items():
            for archive in (data / folder / file.name for file in some if file.name.lower().endswith(SUFFIXES)):
                with watch(f"unpacking {archive.name}") as progress:
                    _unpack(archive, part.unpacked, progress)


def _unpack(archive: Path, wanted: str, progress: Progress) -> None:
    """The folder `wanted` and all beside it move from wherever they are in the archive to where that lies.

    `wanted` comes last: who sees it there knows that all is there. What was there before is left alone.
    """
    aside = archive.with_name(f".{archive.name}.unpacked")
    unpack(archive, aside, progress=progress)
    found = min((path for path in aside.rglob(wanted) if path.is_dir()), key=lambda path: len(path.parts), default=None)
    if found:
        for path in sorted(found.parent.iterdir(), key=lambda path: path == found):
            if path == found or not (archive.parent / path.name).exists():
                path.replace(archive.parent / path.name)
    shutil.rmtree(aside)
    if not found:
        raise InputError(f"{archive}: holds no folder {wanted}; unpack it by hand so that {archive.parent} has one")


class _ZenodoFile(BaseModel):
    key: str
    size: int = Field(ge=0)
    checksum: str
    url: str = Field(validation_alias=AliasPath("links", "self"))


class _ZenodoListing(BaseModel):
    files: list[_ZenodoFile]


class _HubEntry(BaseModel):
    type: str
    path: str
    size: int = Field(ge=0)
    sha256: str | None = Field(default=None, validation_alias=AliasPath("lfs", "oid"))


def _listed(url: str, shape: type[Listed]) -> Listed:
    """What a server lists at that address."""
    with tempfile.TemporaryDirectory() as folder:
        (path,) = fetch([RemoteFile(url, "listing.json")], Path(folder), lambda done, total: None)
        text = read_text(path)
    try:
        return TypeAdapter(shape).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{url}: is not the list of files it should be ({place or 'all'}: {first['msg']})") from error


MASSIVE = WebFile(
    "https://amazon-massive-nlu-dataset.s3.amazonaws.com/amazon-massive-dataset-1.1.tar.gz",
    40_251_390,  # this and the checksum as ten projects that fetched it publish them; Amazon names none
    "sha256:4cba5faa11c71437928e17cb1b9b3d8b8e727e7ea363a3a9a8045e19c0491577",
)


def _slurp(keys: Keys, splits: Sequence[str]) -> tuple[Part, ...]:
    paths = tuple(f"dataset/slurp/{split}.jsonl" for split in splits)
    text = GitHubFiles("pswietojanski/slurp", "8eb16545762be97ace75334109d73824217311f1", paths)
    audio = dict.fromkeys("slurp_synth" if split == "train_synthetic" else "slurp_real" for split in splits)
    sound = (Part(ZenodoRecord(4274930, (f"{name}.tar.gz",)), keys["folder"], name, is_sound=True) for name in audio)
    return (Part(text, keys["folder"]), *sound)


def _massive(keys: Keys, splits: Sequence[str]) -> tuple[Part, ...]:
    return (Part(MASSIVE, keys["folder"], "1.1"),)


def _speech_massive(keys: Keys, splits: Sequence[str]) -> tuple[Part, ...]:
    others = tuple(split for split in splits if split != "test")
    wanted = (("FBK-MT/Speech-MASSIVE", others), ("FBK-MT/Speech-MASSIVE-test", ("test",) if "test" in splits else ()))
    return tuple(Part(HubFolder(name, keys["locale"], some), keys["folder"]) for name, some in wanted if some)


def _italic(keys: Keys, splits: Sequence[str]) -> tuple[Part, ...]:
    return (Part(MASSIVE, keys["massive_folder"], "1.1"), Part(ZenodoRecord(8040649), keys["folder"], "recordings"))


def _snips(keys: Keys, splits: Sequence[str]) -> tuple[Part, ...]:
    names = {"train": "train_{}_full.json", "validation": "validate_{}.json"}
    paths = [f"{intent}/{names[split].format(intent)}" for split in splits for intent in INTENTS]
    commit = "b86ac7f1577868c42158d0dec77db50956046696"
    folder = "2017-06-custom-intent-engines"
    return (Part(GitHubFiles("sonos/nlu-benchmark", commit, tuple(f"{folder}/{p}" for p in paths)), keys["folder"]),)


def _xsid(keys: Keys, splits: Sequence[str]) -> tuple[Part, ...]:
    paths = tuple(f"data/xSID-0.7/{keys['language']}.{split}.conll" for split in splits)
    return (Part(GitHubFiles("mainlp/xsid", "761d926c3f2e9f6bea13192d2f39cec1d04d9777", paths), keys["folder"]),)


CATALOGUE = {
    "fluent": Entry(
        "https://fluent.ai/fluent-speech-commands-a-dataset-for-spoken-language-understanding-research/",
        "data/{split}_data.csv",
    ),
    "italic": Entry("https://zenodo.org/records/8040649", "{configuration}_{split}.json", _italic),
    "massive": Entry("https://github.com/alexa/massive", "**/{locale}.jsonl", _massive),
    "nlu-eval": Entry("https://github.com/xliuhw/NLU-Evaluation-Data", "nlu_eval_annotated.jsonl"),
    "picovoice": Entry("https://github.com/Picovoice/speech-to-intent-benchmark", "labels.jsonl"),
    "slurp": Entry("https://github.com/pswietojanski/slurp", "{split}.jsonl", _slurp),
    "snips": Entry("https://github.com/sonos/nlu-benchmark", "{split:.5}*.json", _snips),  # train_, valid(ate)_
    "speech-massive": Entry(
        "https://huggingface.co/datasets/FBK-MT/Speech-MASSIVE", "{locale}/{split}-*.parquet", _speech_massive
    ),
    "xsid": Entry("https://github.com/mainlp/xsid", "{language}.{split}.conll", _xsid),
}
