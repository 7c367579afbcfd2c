"""Rows are sorted into those that are kept, with measured seconds, and those that are set aside, with the reason."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from eartune.data.utterance import Recording, Utterance
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.validation.audio_faults import AUDIO_RULES, Heard, Progress, check_recordings, explain
from eartune.prepare.validation.finding import Finding, Treatment
from eartune.prepare.validation.quarantine import Quarantined, rejected_row, unusable_recording, unusable_row

Rows = Mapping[str, Sequence[Utterance]]
"""Of each split."""
Place = tuple[str, int, int | None]
"""Split, row, and recording of the row; None for the row as a whole."""
Aside = Mapping[Place, Finding]
"""Rows and recordings that cannot be used, with the first reason found for each."""


def set_aside(found: Iterable[Finding]) -> Aside:
    """What the findings make unusable."""
    aside: dict[Place, Finding] = {}
    for finding in found:
        if finding.treatment is Treatment.SET_ASIDE and finding.row is not None:
            aside.setdefault((finding.split, finding.row, finding.recording), finding)
    return aside


def hear(rows: Rows, aside: Aside, read_samples: bool, progress: Progress | None) -> dict[Place, Heard]:
    """The recordings that are not set aside, as they sound."""
    wanted = {
        (split, row, place): recording
        for split, utterances in rows.items()
        for row, utterance in enumerate(utterances)
        for place, recording in _usable_recordings(split, row, utterance, aside)
    }
    heard = check_recordings(list(wanted.values()), samples=read_samples, progress=progress)
    return dict(zip(wanted, heard, strict=True))


def recording_findings(heard: Mapping[Place, Heard]) -> Iterator[Finding]:
    """What is wrong with the recordings."""
    for (split, row, recording), one in heard.items():
        for fault in one.faults:
            says = explain(fault, one)
            yield Finding(fault, AUDIO_RULES[fault].treatment, split, str(one.path), says, row, recording)


def kept_rows(rows: Rows, aside: Aside, heard: Mapping[Place, Heard]) -> dict[str, tuple[Utterance, ...]]:
    """What remains of each split: rows without the recordings that are set aside."""
    kept: dict[str, tuple[Utterance, ...]] = {}
    for split, utterances in rows.items():
        left = []
        for row, utterance in enumerate(utterances):
            if not _is_gone(split, row, utterance, aside):
                recordings = _usable_recordings(split, row, utterance, aside)
                measured = (replace(r, seconds=heard[split, row, place].seconds or 0.0) for place, r in recordings)
                left.append(replace(utterance, recordings=tuple(measured)))
        kept[split] = tuple(left)
    return kept


def quarantined_rows(splits: Mapping[str, Imported], aside: Aside) -> Iterator[Quarantined]:
    """What does not remain: of each split the rejected rows, then rows and recordings in their order."""
    for split, imported in splits.items():
        yield from (rejected_row(split, rejected) for rejected in imported.rejected)
        for row, utterance in enumerate(imported.utterances):
            if (split, row, None) in aside:
                yield unusable_row(aside[split, row, None], utterance)
                continue
            for place, recording in enumerate(utterance.recordings):
                if (split, row, place) in aside:
                    yield unusable_recording(aside[split, row, place], utterance, recording)


def warnings_of_kept(found: Iterable[Finding], rows: Rows, aside: Aside) -> Iterator[Finding]:
    """Warnings, but for those of rows and recordings that are set aside for something worse."""
    for finding in found:
        if finding.treatment is Treatment.WARNING and finding.row is not None:
            utterance = rows[finding.split][finding.row]
            is_left = not _is_gone(finding.split, finding.row, utterance, aside)
            if is_left and (finding.split, finding.row, finding.recording) not in aside:
                yield finding


def _usable_recordings(split: str, row: int, utterance: Utterance, aside: Aside) -> list[tuple[int, Recording]]:
    if (split, row, None) in aside:
        return []
    return [(place, r) for place, r in enumerate(utterance.recordings) if (split, row, place) not in aside]


def _is_gone(split: str, row: int, utterance: Utterance, aside: Aside) -> bool:
    """A spoken row of which no recording is left does not become one of text; nobody asked for that."""
    if (split, row, None) in aside:
        return True
    return bool(utterance.recordings) and not _usable_recordings(split, row, utterance, aside)
