"""From what was imported to files that can be trusted.

Imported a split -> faults of text -> recordings heard -> kept | set aside -> faults between splits -> profile -> files

    OUT/train.jsonl, OUT/test.jsonl, ...   manifests with measured seconds
    OUT/quarantine.jsonl                   what was set aside, with the reason
    OUT/profile.md                         the one page on both
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from eartune.data.utterance import Utterance, write_manifest
from eartune.errors import InputError
from eartune.files import write_text
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.profile import Profile, build_profile, markdown_profile
from eartune.prepare.validation.audio_faults import Progress
from eartune.prepare.validation.finding import Finding, escaped
from eartune.prepare.validation.quarantine import Quarantined, write_quarantine
from eartune.prepare.validation.quarantine_rows import (
    hear,
    kept_rows,
    quarantined_rows,
    recording_findings,
    set_aside,
    warnings_of_kept,
)
from eartune.prepare.validation.text_faults import check_rows, check_splits
from eartune.wording import counted, listed

QUARANTINE, PROFILE = "quarantine.jsonl", "profile.md"
_PENDING = ".prepare-"  # how files are called until all are written


@dataclass(frozen=True)
class Prepared:
    """What was kept, by split, what was set aside, what is kept but doubtful, and the page on it all."""

    splits: Mapping[str, tuple[Utterance, ...]]
    quarantined: tuple[Quarantined, ...]
    warnings: tuple[Finding, ...]
    profile: Profile


def prepare(
    splits: Mapping[str, Imported],
    out: Path,
    strict: bool = False,
    read_samples: bool = True,
    progress: Progress | None = None,
) -> Prepared:
    """Check everything, then write a manifest a split, the quarantine file and the profile into `out`.

    Every recording with its row, every row without recordings and every rejected row ends up in a manifest or in
    the quarantine file, once. A row keeps the recordings that can be used, and is set aside with the last of them.
    `progress` is told how many files have been heard, and of how many. Raises InputError, and writes nothing, for
    names of splits that cannot be files, for an `out` that is one, and if `strict` for whatever would be set aside.
    """
    _refuse_names(splits, out)
    rows = {split: imported.utterances for split, imported in splits.items()}
    found = list(check_rows(rows))
    heard = hear(rows, set_aside(found), read_samples, progress)
    found += recording_findings(heard)
    aside = set_aside(found)
    quarantined = tuple(quarantined_rows(splits, aside))
    if strict and quarantined:
        raise InputError(_complaint(quarantined))
    kept = kept_rows(rows, aside, heard)
    warnings = (*warnings_of_kept(found, rows, aside), *check_splits(kept))
    still_heard = [one for place, one in heard.items() if place not in aside]
    profile = build_profile(kept, still_heard, quarantined, warnings, read_samples)
    _write(out, kept, quarantined, profile)
    return Prepared(kept, quarantined, warnings, profile)


def in_words(quarantined: Sequence[Quarantined]) -> str:
    """`3 rows (2 missing and 1 silent)`."""
    counts = Counter(entry.fault for entry in quarantined).most_common()
    return f"{counted(len(quarantined), 'row')} ({listed([f'{count:,} {fault}' for fault, count in counts])})"


def _complaint(quarantined: Sequence[Quarantined]) -> str:
    return f"{in_words(quarantined)} cannot be used, the first being {quarantined[0].sentence}"


def _refuse_names(splits: Iterable[str], out: Path) -> None:
    for split in splits:
        if not re.fullmatch(r"\w[\w.-]*", split) or f"{split}.jsonl" == QUARANTINE:
            raise InputError(f"{split!r} cannot name a split; take letters and digits, such as train, dev or test")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; name a folder to write to")


def _write(
    out: Path, kept: Mapping[str, tuple[Utterance, ...]], quarantined: tuple[Quarantined, ...], profile: Profile
) -> None:
    write: dict[str, Callable[[Path], None]] = {
        f"{split}.jsonl": partial(write_manifest, utterances=utterances) for split, utterances in kept.items()
    }
    write[QUARANTINE] = partial(write_quarantine, quarantined=quarantined)
    write[PROFILE] = partial(write_text, text=escaped(markdown_profile(profile)))
    _write_all_or_none(out, write)


def _write_all_or_none(out: Path, write: Mapping[str, Callable[[Path], None]]) -> None:
    """Under other names first, in the folder itself: what a manifest names relative to its place stays true."""
    new_folders = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        for name, write_to in write.items():
            write_to(out / f"{_PENDING}{name}")
        for name in write:
            (out / f"{_PENDING}{name}").replace(out / name)
    except BaseException:  # a full disk, Ctrl-C
        for half_done in out.glob(f"*{_PENDING}*"):
            half_done.unlink()
        for folder in (folder for folder in new_folders if folder.is_dir() and not any(folder.iterdir())):
            folder.rmdir()
        raise
