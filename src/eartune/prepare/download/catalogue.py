"""Where corpora come from: their files on public servers, downloaded into the layout in which their classes read them.

Entry -> the Parts that the settings and splits need -> their RemoteFiles -> downloaded -> archives unpacked
"""

import glob
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from eartune.claims import CLAIMS, Claims
from eartune.data.corpora.snips import INTENTS
from eartune.errors import InputError
from eartune.prepare.download.archives import SUFFIXES, unpack
from eartune.prepare.download.http import FractionDone, RemoteFile, check_space, download, is_complete
from eartune.prepare.download.servers import github_files, hub_files, zenodo_files

Watch = Callable[[str], AbstractContextManager[FractionDone]]
"""Shows a piece of work under this name, and yields the function that takes its progress."""
Keys = Mapping[str, Any]
"""The settings of a corpus, as its YAML names them."""


@dataclass(frozen=True)
class CorpusPart:
    """The files that a corpus needs from one server."""

    files: Callable[[], Sequence[RemoteFile]]
    """Lists the files; it may ask the server."""
    folder: str
    """The folder of the files, below the data root."""
    unpacked: str = ""
    """For archives: a folder inside them, which is in `folder` once they are unpacked."""
    is_audio: bool = False
    """Whether the corpus can be read as text without it."""

    def is_unpacked(self, data: Path) -> bool:
        """Whether its archives have been unpacked, so that they are needed no more."""
        inner = data / self.folder / self.unpacked
        return bool(self.unpacked) and inner.is_dir() and any(inner.iterdir())


@dataclass(frozen=True)
class Entry:
    """One corpus: how it is downloaded, and recognised on the disk."""

    page: str
    """The web page of the corpus, from which people can get it if eartune cannot."""
    split_files: str
    """A glob pattern, under the folder of the corpus, for the files of a split; {KEY} stands for a setting."""
    parts: Callable[[Keys, Sequence[str]], tuple[CorpusPart, ...]] | None = None
    """Returns the parts to download for settings and splits; None if eartune cannot download the corpus."""

    def pattern(self, keys: Keys) -> str:
        """Return `split_files` for one split."""
        return self.split_files.format(**keys)

    def is_present(self, keys: Keys, data: Path) -> bool:
        """Whether there is any file of that split; whether all are there, and right, its class finds out."""
        return bool(glob.glob(self.pattern(keys), root_dir=data / keys["folder"], recursive=True))


def download_parts(parts: Sequence[CorpusPart], data: Path, watch: Watch) -> None:
    """Download and unpack what is not there yet; whatever interrupts it, the next call resumes.

    Raises InputError, before anything is downloaded, if the disk has too little room for it.
    """
    missing = {part: part.files() for part in parts if not part.is_unpacked(data)}
    check_space(data, sum(_bytes_needed(part, files, data / part.folder) for part, files in missing.items()))
    for part, files in missing.items():
        folder = data / part.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be created ({error.strerror})") from error
        with Claims(folder / CLAIMS).hold("download", wait=True):  # another process may download the same corpus
            if part.is_unpacked(data):
                continue
            _download_all(files, folder, watch)
            for archive in _archives(part, files):
                with watch(f"unpacking {archive.name}") as progress:
                    unpack(folder / archive.name, part.unpacked, progress)


def _archives(part: CorpusPart, files: Sequence[RemoteFile]) -> list[RemoteFile]:
    return [file for file in files if part.unpacked and file.name.lower().endswith(SUFFIXES)]


def _bytes_needed(part: CorpusPart, files: Sequence[RemoteFile], folder: Path) -> int:
    """What is still to come, and as much as the archives, which never unpack to less."""
    paths = [path for file in files for path in (folder / file.name, folder / f"{file.name}.part") if path.is_file()]
    sizes = sum(file.n_bytes or 0 for file in (*files, *_archives(part, files)))
    return max(sizes - sum(path.stat().st_size for path in paths), 0)


def _download_all(files: Sequence[RemoteFile], folder: Path, watch: Watch) -> None:
    missing = [file for file in files if not is_complete(file, folder)]
    sizes = [file.n_bytes or 1 for file in missing]  # of one server, all lengths are published, or none
    with watch(f"downloading {missing[0].name if len(missing) == 1 else folder.name}") as progress:
        for place, file in enumerate(missing):
            download(file, folder, partial(_report, progress, sizes, place))


def _report(progress: FractionDone, sizes: Sequence[int], place: int, share: float) -> None:
    progress((sum(sizes[:place]) + share * sizes[place]) / sum(sizes))


MASSIVE = RemoteFile(
    "https://amazon-massive-nlu-dataset.s3.amazonaws.com/amazon-massive-dataset-1.1.tar.gz",
    "amazon-massive-dataset-1.1.tar.gz",
    40_251_390,  # this and the checksum as ten projects that downloaded it publish them; Amazon names none
    "sha256:4cba5faa11c71437928e17cb1b9b3d8b8e727e7ea363a3a9a8045e19c0491577",
)


def _slurp(keys: Keys, splits: Sequence[str]) -> tuple[CorpusPart, ...]:
    paths = [f"dataset/slurp/{split}.jsonl" for split in splits]
    text = partial(github_files, "pswietojanski/slurp", "8eb16545762be97ace75334109d73824217311f1", paths)
    audio = dict.fromkeys("slurp_synth" if split == "train_synthetic" else "slurp_real" for split in splits)
    archives = [(name, partial(zenodo_files, 4274930, [f"{name}.tar.gz"])) for name in audio]
    folder = keys["folder"]
    return (CorpusPart(text, folder), *(CorpusPart(files, folder, name, is_audio=True) for name, files in archives))


def _massive(keys: Keys, splits: Sequence[str]) -> tuple[CorpusPart, ...]:
    return (CorpusPart(lambda: [MASSIVE], keys["folder"], "1.1"),)


def _speech_massive(keys: Keys, splits: Sequence[str]) -> tuple[CorpusPart, ...]:
    sets = {"FBK-MT/Speech-MASSIVE": set(splits) - {"test"}, "FBK-MT/Speech-MASSIVE-test": set(splits) & {"test"}}
    patterns = {name: [f"{split}-*.parquet" for split in some] for name, some in sets.items() if some}
    return tuple(
        CorpusPart(partial(hub_files, name, keys["locale"], some), keys["folder"]) for name, some in patterns.items()
    )


def _italic(keys: Keys, splits: Sequence[str]) -> tuple[CorpusPart, ...]:
    massive = CorpusPart(lambda: [MASSIVE], keys["massive_folder"], "1.1")
    return (massive, CorpusPart(partial(zenodo_files, 8040649), keys["folder"], "recordings"))


def _snips(keys: Keys, splits: Sequence[str]) -> tuple[CorpusPart, ...]:
    names = {"train": "train_{}_full.json", "validation": "validate_{}.json"}
    files = [f"{intent}/{names[split].format(intent)}" for split in splits for intent in INTENTS]
    paths = [f"2017-06-custom-intent-engines/{file}" for file in files]
    commit = "b86ac7f1577868c42158d0dec77db50956046696"
    return (CorpusPart(partial(github_files, "sonos/nlu-benchmark", commit, paths), keys["folder"]),)


def _xsid(keys: Keys, splits: Sequence[str]) -> tuple[CorpusPart, ...]:
    paths = [f"data/xSID-0.7/{keys['language']}.{split}.conll" for split in splits]
    commit = "761d926c3f2e9f6bea13192d2f39cec1d04d9777"
    return (CorpusPart(partial(github_files, "mainlp/xsid", commit, paths), keys["folder"]),)


def _fleurs(keys: Keys, splits: Sequence[str]) -> tuple[CorpusPart, ...]:
    tables = partial(_fleurs_files, "", [f"{split}.tsv" for split in splits])
    languages = dict.fromkeys((keys["language"], keys["to"]))
    texts = [CorpusPart(partial(tables, language), f"{keys['folder']}/{language}") for language in languages]
    sounds = f"{keys['folder']}/{keys['language']}/audio"
    archives = partial(_fleurs_files, "/audio")
    audio = [
        CorpusPart(partial(archives, [f"{split}.tar.gz"], keys["language"]), sounds, split, is_audio=True)
        for split in splits
    ]
    return (*texts, *audio)


def _fleurs_files(below: str, patterns: Sequence[str], language: str) -> list[RemoteFile]:
    files = hub_files("google/fleurs", f"data/{language}{below}", patterns)
    return [replace(file, name=PurePosixPath(file.name).name) for file in files]


def _ravdess(keys: Keys, splits: Sequence[str]) -> tuple[CorpusPart, ...]:
    archive = partial(zenodo_files, 1188976, ["Audio_Speech_Actors_01-24.zip"])
    return (CorpusPart(archive, keys["folder"], "Actor_24"),)  # the actors' folders lie side by side in it


CATALOGUE = {
    "covost2": Entry("https://github.com/facebookresearch/covost", "{language}/covost_v2.{language}_{to}.tsv"),
    "crema-d": Entry("https://github.com/CheyneyComputerScience/CREMA-D", "AudioWAV/*.wav"),
    "fleurs": Entry("https://huggingface.co/datasets/google/fleurs", "{language}/{split}.tsv", _fleurs),
    "fluent": Entry(
        "https://fluent.ai/fluent-speech-commands-a-dataset-for-spoken-language-understanding-research/",
        "data/{split}_data.csv",
    ),
    "iemocap": Entry("https://sail.usc.edu/iemocap", "Session*/dialog/EmoEvaluation/*.txt"),
    "italic": Entry("https://zenodo.org/records/8040649", "{configuration}_{split}.json", _italic),
    "massive": Entry("https://github.com/alexa/massive", "**/{locale}.jsonl", _massive),
    "meld": Entry("https://affective-meld.github.io", "{split}_sent_emo.csv"),
    "nlu-eval": Entry("https://github.com/xliuhw/NLU-Evaluation-Data", "nlu_eval_annotated.jsonl"),
    "picovoice": Entry("https://github.com/Picovoice/speech-to-intent-benchmark", "labels.jsonl"),
    "ravdess": Entry("https://zenodo.org/records/1188976", "Actor_*/*.wav", _ravdess),
    "slurp": Entry("https://github.com/pswietojanski/slurp", "{split}.jsonl", _slurp),
    "snips": Entry("https://github.com/sonos/nlu-benchmark", "{split:.5}*.json", _snips),  # train_, valid(ate)_
    "speech-massive": Entry(
        "https://huggingface.co/datasets/FBK-MT/Speech-MASSIVE", "{locale}/{split}-*.parquet", _speech_massive
    ),
    "xsid": Entry("https://github.com/mainlp/xsid", "{language}.{split}.conll", _xsid),
}
