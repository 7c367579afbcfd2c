"""Check imported rows and recordings, and write manifests, a quarantine file and a profile of them.

Imported rows -> faults of text -> recordings measured -> kept | set aside -> faults between splits -> profile -> files

    OUT/train.jsonl, OUT/test.jsonl, ...   manifests with measured lengths
    OUT/recordings/call-1f0c….flac         parts and channels of recordings, sound that rows held themselves, copies
    OUT/quarantine.jsonl                   what was set aside, with the reasons
    OUT/profile.md                         one page about both
"""

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from eartune.data.audio import NOT_READABLE, write_audio
from eartune.data.sound_file import SoundError
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.errors import InputError
from eartune.files import read_lines, remove, write_text
from eartune.prepare.channel_numbers import count_from_zero
from eartune.prepare.hold_out import TRAIN, HoldOut, divide
from eartune.prepare.importers.excerpt import Excerpt, copy_name, file_name
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.named_splits import divide_by_rows
from eartune.prepare.profile import Profile, build_profile, markdown_profile
from eartune.prepare.repeated_ids import with_ids_of_their_own
from eartune.prepare.split import distance_from_test
from eartune.prepare.validation.fault import Fault, escaped
from eartune.prepare.validation.quarantine import Quarantined, write_quarantine
from eartune.prepare.validation.quarantine_rows import (
    kept_rows,
    measure,
    quarantined_rows,
    recording_faults,
    set_aside,
    warnings_of_kept,
)
from eartune.prepare.validation.text_faults import check_rows, check_splits
from eartune.progress import Progress
from eartune.wording import counted, listed

QUARANTINE, PROFILE, RECORDINGS = "quarantine.jsonl", "profile.md", "recordings"
_PENDING = ".prepare-"  # the prefix of files until all are written


@dataclass(frozen=True)
class Prepared:
    """The rows that were kept, by split, what was set aside, the warnings about what was kept, and the profile."""

    splits: Mapping[str, tuple[Utterance, ...]]
    quarantined: tuple[Quarantined, ...]
    warnings: tuple[Fault, ...]
    profile: Profile
    notes: tuple[str, ...] = ()
    """Sentences about what was done: how the test was held out, and where recordings were copied to or stay."""


def prepare(
    splits: Mapping[str, Imported],
    out: Path,
    strict: bool = False,
    read_samples: bool = True,
    progress: Progress | None = None,
    hold_out: HoldOut | None = None,
    copy: bool = False,
) -> Prepared:
    """Check everything, then write a manifest for each split, the quarantine file and the profile into `out`.

    A part of a recording, one of its channels, and sound that a row holds itself are written to files of their own.
    Every recording with its row, every row without recordings and every rejected row ends up once, in a manifest or in
    the quarantine file. A row keeps the recordings that can be used, and is set aside if none of them can.
    Rows of one split with the same id get a number after it, unless they are the same row.
    Rows that name a split of their own are in that one, and no longer in that of their file.
    With `hold_out`, for which there must be one split, the rows that remain are divided into training and a test.
    Manifests name recordings relative to `out`; with `copy`, those that lie elsewhere are copied into it.
    `progress` is called with the number of files that were measured, and of all files. Raises InputError, and writes
    nothing, if a split's name cannot be a file's, if rows name another split than their file, or one although a test is
    to be held out, if `out` is a file, or holds what was held out of other rows when a
    test is to be held out, and with `strict` if anything would be set aside.
    """
    _check_names(splits, out)
    splits, divided = divide_by_rows(splits, hold_out is not None)
    splits, renamed = with_ids_of_their_own(splits)
    splits, counted_from_one = count_from_zero(splits)
    if hold_out:
        _check_none_is_held_out(out, hold_out)
    rows = {split: imported.utterances for split, imported in splits.items()}
    faults = list(check_rows(rows))
    measured = measure(rows, set_aside(faults), read_samples, progress)
    faults += recording_faults(measured)
    aside = set_aside(faults)
    quarantined = tuple(quarantined_rows(splits, aside))
    if strict and quarantined:
        raise InputError(f"{count_faults(quarantined)} cannot be used, the first being {quarantined[0].sentence}")
    kept, held_out = _divided(kept_rows(rows, aside, measured), hold_out)
    warnings = (*warnings_of_kept(faults, rows, aside), *check_splits(kept))
    kept_recordings = [one for place, one in measured.items() if place not in aside]
    right_rows = tuple(chain.from_iterable(imported.right_row for imported in splits.values()))
    profile = build_profile(kept, kept_recordings, quarantined, warnings, read_samples, right_rows)
    kept, to_write = _with_files(kept, out, copy)
    _write(out, kept, quarantined, profile, to_write)
    return Prepared(
        kept,
        quarantined,
        warnings,
        profile,
        (*divided, *renamed, *counted_from_one, *held_out, *_where_recordings_are(kept, out, to_write)),
    )


def is_manifest(path: Path) -> bool:
    """Return whether a file of JSON lines is a manifest: rows of chats, which may stand beside it, have no id."""
    return path.name != QUARANTINE and "id" in next((row for _, row in read_lines(path)), {})


def count_faults(quarantined: Sequence[Quarantined]) -> str:
    """Return how many rows were set aside and why, as `3 rows (2 missing and 1 silent)`."""
    counts = Counter(entry.fault for entry in quarantined).most_common()
    return f"{counted(len(quarantined), 'row')} ({listed([f'{count:,} {fault}' for fault, count in counts])})"


def _check_names(splits: Iterable[str], out: Path) -> None:
    for split in splits:
        if not re.fullmatch(r"\w[\w.-]*", split) or f"{split}.jsonl" == QUARANTINE:
            raise InputError(f"{split!r} cannot name a split; use letters and digits, such as train, dev or test")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; name a folder to write to")


def _check_none_is_held_out(out: Path, hold_out: HoldOut) -> None:
    """Raise InputError for a dev part or a test of an earlier run, which would stay beside a new division."""
    for path in sorted(out.glob("*.jsonl")):
        is_held_out = path.stem != hold_out.name and distance_from_test(path.stem) <= distance_from_test("dev")
        if is_held_out and is_manifest(path):
            raise InputError(
                f"{path}: was held out before, and its rows may now be in {TRAIN} or {hold_out.name}; "
                "move it away, or name another folder"
            )


def _divided(
    kept: dict[str, tuple[Utterance, ...]], hold_out: HoldOut | None
) -> tuple[dict[str, tuple[Utterance, ...]], tuple[str, ...]]:
    """The rows with a test held out of them, if that is asked for, and how that was done."""
    (rows,) = kept.values() if hold_out else ((),)
    if hold_out is None or not rows:
        return kept, ()
    divided = divide(rows, hold_out)
    return {TRAIN: divided.train, hold_out.name: divided.held_out}, (divided.sentence,)


def _with_files(
    kept: Mapping[str, tuple[Utterance, ...]], out: Path, copy: bool
) -> tuple[dict[str, tuple[Utterance, ...]], dict[str, Recording]]:
    """The rows with recordings that are files, and the recordings to be written, by the name of the file in `out`."""
    to_write: dict[str, Recording] = {}

    def as_file(recording: Recording) -> Recording:
        if isinstance(recording, Excerpt):
            name = f"{RECORDINGS}/{file_name(recording)}"
        elif copy and not _is_inside(recording.path, out):
            name = f"{RECORDINGS}/{copy_name(recording.path)}"
        else:
            return recording
        to_write[name] = recording
        return Recording(out / name, recording.seconds, recording.speaker)

    rows = {
        split: tuple(replace(row, recordings=tuple(map(as_file, row.recordings))) for row in utterances)
        for split, utterances in kept.items()
    }
    return rows, to_write


def _is_inside(path: Path, folder: Path) -> bool:
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))


def _where_recordings_are(
    kept: Mapping[str, tuple[Utterance, ...]], out: Path, to_write: Mapping[str, Recording]
) -> Iterator[str]:
    """Sentences on what was copied into the folder, and on what lies outside of it and must be moved with it."""
    copied = sum(not isinstance(recording, Excerpt) for recording in to_write.values())
    if copied:
        yield f"copied: {counted(copied, 'recording')} to {out / RECORDINGS}, so that {out} can be moved by itself"
    rows = chain.from_iterable(kept.values())
    outside = sum(not _is_inside(recording.path, out) for row in rows for recording in row.recordings)
    if outside:
        yield f"{counted(outside, 'recording')} outside of {out}, to be moved together with it; or copy with --copy"


def _write_recording(path: Path, recording: Recording) -> None:
    if not isinstance(recording, Excerpt):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(recording.path, path)
        return
    try:
        write_audio(path, recording.wave())
    except SoundError as error:
        raise InputError(f"{recording.path}: {NOT_READABLE} ({error})") from error


def _write(
    out: Path,
    kept: Mapping[str, tuple[Utterance, ...]],
    quarantined: tuple[Quarantined, ...],
    profile: Profile,
    to_write: Mapping[str, Recording],
) -> None:
    write: dict[str, Callable[[Path], None]] = {
        name: partial(_write_recording, recording=recording) for name, recording in to_write.items()
    }
    write |= {
        f"{split}.jsonl": partial(write_manifest, utterances=utterances, relative=True)
        for split, utterances in kept.items()
    }
    write[QUARANTINE] = partial(write_quarantine, quarantined=quarantined)
    write[PROFILE] = partial(write_text, text=escaped(markdown_profile(profile)))
    _write_all_or_none(out, write)


def _write_all_or_none(out: Path, write: Mapping[str, Callable[[Path], None]]) -> None:
    """Write under other names first, in the folder itself, as manifests name recordings relative to their folder."""
    folders = {(out / name).parent for name in write} | {out, *out.parents}
    new_folders = sorted((folder for folder in folders if not folder.exists()), reverse=True)  # the innermost first
    try:
        for name, write_to in write.items():
            write_to(out / f"{_PENDING}{name}")
        for name in write:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / f"{_PENDING}{name}").replace(out / name)
        remove(out / f"{_PENDING}{RECORDINGS}")
    except BaseException:  # a full disk, Ctrl-C
        for half_done in out.glob(f"*{_PENDING}*"):
            remove(half_done)
        for folder in new_folders:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise
