"""Find what a folder holds that people keep data in: a saved dataset, Kaldi's files, an AudioFolder, or recordings.

calls/train/metadata.csv        AudioFolder: a table with file_name, in each split or at the top
calls/train/order/ab12.wav      AudioFolder: recordings in a folder for each label
calls/2026-11/ab12.wav          recordings that nobody labelled, at any depth
data/train/wav.scp              Kaldi and ESPnet
calls/train/state.json          Hugging Face's save_to_disk
cv-corpus/de/train.tsv          Common Voice, beside clips/
"""

import os
from collections.abc import Container, Iterable, Iterator
from pathlib import Path, PureWindowsPath
from typing import Literal

from eartune.data.audio import AUDIO_SUFFIXES
from eartune.errors import InputError
from eartune.files import is_hidden
from eartune.prepare.importers.hugging_face import SPLITS, STATE, splits_of_dataset
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.kaldi import WAV_SCP
from eartune.prepare.importers.recording_files import SUBFOLDERS
from eartune.prepare.importers.row import Row
from eartune.prepare.importers.to_utterances import to_utterances
from eartune.prepare.prepare import PROFILE, QUARANTINE
from eartune.prepare.split import UNNAMED, is_split, split_of
from eartune.wording import listed

FolderFormat = Literal["dataset", "kaldi", "audiofolder", "recordings"]
_SPLITS_OF_COMMON_VOICE = ("train", "dev", "test")
_OTHER_SOUND = (".raw", ".pcm", ".vox", ".sln", ".g729", ".dss")  # what nobody can read without more being said
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


def inputs_in(path: Path, labelled: bool = True) -> list[tuple[str, Path]]:
    """Return the files or folders to read with the split of each: a file itself, and all that a folder holds.

    Where rows need not be `labelled`, a folder may hold nothing but recordings, at any depth. Raises InputError for one
    that holds nothing of what is known.
    """
    if not path.is_dir():
        return [(split_of(path.stem), path)]
    if (path / SPLITS).is_file():
        return [(split_of(name), path / name) for name in splits_of_dataset(path)]
    if found := _read_as_one(path):
        return [(split_of(path.name), found)]
    tables = [path / f"{split}.tsv" for split in _SPLITS_OF_COMMON_VOICE]
    if (path / "clips").is_dir() and any(table.is_file() for table in tables):
        return [(split_of(table.stem), table) for table in tables if table.is_file()]
    inside = [(split_of(each.name), each) for each in sorted(path.iterdir()) if each.is_dir()]
    known = {each: found for _, each in inside if (found := _read_as_one(each))}
    parts = [
        (split, known.get(each, each))
        for split, each in inside
        if each in known or (labelled and split != UNNAMED and _has_recordings_below(each))
    ]
    if len(parts) > len(known) or not known:
        _check_no_tables(path, known)
    if not parts and (_has_recordings_below(path) if labelled else _holds_recordings(path)):
        parts = [(split_of(path.name), path)]
    if not parts:
        raise _nothing_in(path, labelled)
    return parts


def format_of_folder(path: Path, labelled: bool = True) -> FolderFormat:
    """Return what kind of data a folder is, one of those that `inputs_in` returns; raises InputError if it is none."""
    if (path / STATE).is_file():
        return "dataset"
    if (path / WAV_SCP).is_file():
        return "kaldi"
    if not labelled and _holds_recordings(path):
        return "recordings"
    if not _has_recordings_below(path):
        raise _nothing_in(path, labelled)
    if splits := list(dict.fromkeys(file.parent.name for file in _recordings(path) if is_split(file.parent.name))):
        raise InputError(
            f"{path}: its recordings lie in {listed(splits)}, whose names are splits and no labels; "
            f"put them into a folder for each label, such as {splits[0]}/LABEL, or name the file that lists them"
        )
    return "audiofolder"


def read_label_folders(folder: Path) -> Imported:
    """Read one utterance from each recording, which is labelled by the folder that it is in."""
    rows = (Row(f"{folder}, {file.relative_to(folder)}", {"file": str(file)}) for file in _recordings(folder))

    def translated(row: dict[str, str]) -> dict[str, object]:
        file = Path(row["file"])
        name = str(file.relative_to(folder).with_suffix(""))
        return {"id": name, "intent": file.parent.name, "recordings": [{"file": str(file.absolute())}]}

    return to_utterances(rows, translated, folder)


def read_unlabelled_recordings(folder: Path) -> Imported:
    """Read one utterance, without words and label, from each recording of a folder, at any depth."""
    files = sorted(file for file in _sound_below(folder) if file.suffix.lower() in AUDIO_SUFFIXES)
    rows = (Row(f"{folder}, {file.relative_to(folder)}", {"file": str(file)}) for file in files)

    def translated(row: dict[str, str]) -> dict[str, object]:
        file = Path(row["file"])
        inside = file.relative_to(folder)  # of two folders, files may have the same name, as a.wav and a.mp3 do in one
        return {"id": f"{folder.absolute().name}/{inside}", "recordings": [{"file": str(file.absolute())}]}

    return to_utterances(rows, translated, folder, labelled=False)


def _nothing_in(path: Path, labelled: bool) -> InputError:
    if not labelled:
        return InputError(f"{path}: is a folder without recordings and without a file that lists them")
    return InputError(
        f"{path}: is a folder without {WAV_SCP}, {STATE}, {', '.join(_METADATA)} or recordings in a folder for each "
        "label; name the file in it that lists the rows, or add --unlabelled if its recordings have no labels"
    )


def _check_no_tables(path: Path, known: Container[Path]) -> None:
    """Raise InputError if a folder has tables, which may have the words and the labels of its recordings."""
    if tables := [str(table.relative_to(path)) for table in _tables_below(path, known)]:
        shown = listed(tables if len(tables) < 4 else [*tables[:2], f"{len(tables) - 2:,} more tables"])
        raise InputError(
            f"{path}: has {shown}, which may list its recordings; name what is to be read instead of the folder, "
            "or move away what lists none"
        )


def _tables_below(folder: Path, known: Container[Path]) -> Iterator[Path]:
    """The tables in a folder and those below it, but for hidden ones, `known` folders and what eartune wrote."""
    for inside, folders, names in os.walk(folder):
        is_written_by_prepare = {PROFILE, QUARANTINE} <= set(names)
        folders[:] = [] if is_written_by_prepare else [name for name in folders if Path(inside, name) not in known]
        for file in (Path(inside, name) for name in sorted(names) if not is_written_by_prepare):
            if file.name.lower().removesuffix(".gz").endswith(_TABLES) and not is_hidden(file, folder):
                yield file


def _read_as_one(folder: Path) -> Path | None:
    """The folder itself, or the table in it, if that is how it is read; None for any other folder."""
    if (folder / WAV_SCP).is_file() or (folder / STATE).is_file():
        return folder
    return next((folder / name for name in _METADATA if (folder / name).is_file()), None)


def _has_recordings_below(folder: Path) -> bool:
    """Whether recordings are in folders of this one."""
    return next(_recordings(folder), None) is not None


def _holds_recordings(folder: Path) -> bool:
    """Whether a folder, or any folder below it, has recordings."""
    return any(file.suffix.lower() in AUDIO_SUFFIXES for file in _sound_below(folder))


def _recordings(folder: Path) -> Iterator[Path]:
    """The recordings in the folders of a folder, which are named for their labels; hidden ones are none."""
    for label in sorted(each for each in folder.iterdir() if each.is_dir() and each.name not in SUBFOLDERS):
        files = () if is_hidden(label, folder) else sorted(label.iterdir())
        yield from (file for file in files if file.suffix.lower() in AUDIO_SUFFIXES and not is_hidden(file, label))


def passed_over(folder: Path, read: Iterable[Imported], out: Path) -> Iterator[str]:
    """Yield a sentence if there are recordings in a folder, at any depth, that no row names; those in `out` are none.

    A row that could not be read names whatever has a file's name in it.
    """
    read = list(read)
    named = {os.path.abspath(each.path) for one in read for row in one.utterances for each in row.recordings}
    rejected = {_stem(word) for one in read for row in one.rejected for word in _words(row.row)}
    others = sorted(
        file.relative_to(folder)
        for file in _sound_below(folder)
        if not {os.path.abspath(file), os.path.realpath(file)} & named
        and _stem(file.name) not in rejected
        and not Path(os.path.abspath(file)).is_relative_to(os.path.abspath(out))
    )
    if others:
        more = f" and {len(others) - 1:,} more" if len(others) > 1 else ""
        yield f"{folder}: passed over, as named by no row: {others[0]}{more}"


def _sound_below(folder: Path) -> Iterator[Path]:
    """The files of sound in a folder and those below it, but for hidden ones."""
    for inside, _, names in os.walk(folder):
        for file in (Path(inside, name) for name in names):
            if file.suffix.lower() in (*AUDIO_SUFFIXES, *_OTHER_SOUND) and not is_hidden(file, folder):
                yield file


def _stem(name: str) -> str:
    """The name of a file without its folder and its suffix, as written on any system."""
    return PureWindowsPath(name).stem


def _words(value: object) -> Iterator[str]:
    """The texts in a row, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _words(each)
