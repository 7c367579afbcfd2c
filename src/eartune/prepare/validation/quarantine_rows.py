"""Split rows into those that are kept, with measured lengths, and those that are set aside, with the reason."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from eartune.data.utterance import Recording, Utterance
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.validation.audio_faults import (
    AUDIO_RULES,
    AudioMeasurements,
    explain,
    measure_recordings,
)
from eartune.prepare.validation.fault import Fault, Treatment
from eartune.prepare.validation.quarantine import Quarantined, rejected_row, unusable_recording, unusable_row
from eartune.progress import Progress

Rows = Mapping[str, Sequence[Utterance]]
"""The utterances of each split."""
Place = tuple[str, int, int | None]
"""The split, the row, and the recording in the row, which is None for the row as a whole."""
Aside = Mapping[Place, Fault]
"""The rows and recordings that are set aside, with the first fault that was found in each."""


def set_aside(faults: Iterable[Fault]) -> Aside:
    """Return the rows and recordings that these faults make unusable."""
    aside: dict[Place, Fault] = {}
    for fault in faults:
        if fault.treatment is Treatment.SET_ASIDE and fault.row is not None:
            aside.setdefault((fault.split, fault.row, fault.recording), fault)
    return aside


def measure(rows: Rows, aside: Aside, read_samples: bool, progress: Progress | None) -> dict[Place, AudioMeasurements]:
    """Measure the recordings that are not set aside."""
    wanted = {
        (split, row, place): recording
        for split, utterances in rows.items()
        for row, utterance in enumerate(utterances)
        for place, recording in _usable_recordings(split, row, utterance, aside)
    }
    measured = measure_recordings(list(wanted.values()), samples=read_samples, progress=progress)
    return dict(zip(wanted, measured, strict=True))


def recording_faults(measured: Mapping[Place, AudioMeasurements]) -> Iterator[Fault]:
    """Yield the faults of the recordings."""
    for (split, row, recording), measurements in measured.items():
        for kind in measurements.faults:
            treatment, message = AUDIO_RULES[kind].treatment, explain(kind, measurements)
            yield Fault(kind, treatment, split, str(measurements.path), message, row, recording)


def kept_rows(
    rows: Rows, aside: Aside, measured: Mapping[Place, AudioMeasurements]
) -> dict[str, tuple[Utterance, ...]]:
    """Return the rows of each split that remain, without the recordings that are set aside."""
    kept: dict[str, tuple[Utterance, ...]] = {}
    for split, utterances in rows.items():
        remaining = []
        for row, utterance in enumerate(utterances):
            if not _is_gone(split, row, utterance, aside):
                recordings = _usable_recordings(split, row, utterance, aside)
                exact = (_as_measured(r, measured[split, row, place]) for place, r in recordings)
                remaining.append(replace(utterance, recordings=tuple(exact)))
        kept[split] = tuple(remaining)
    return kept


def _as_measured(recording: Recording, measured: AudioMeasurements) -> Recording:
    """The recording with its measured length; an excerpt that is its whole file becomes that file."""
    seconds = measured.seconds or 0.0
    if isinstance(recording, Excerpt) and not measured.is_excerpt:
        return Recording(recording.path, seconds, recording.speaker)
    return replace(recording, seconds=seconds)


def quarantined_rows(splits: Mapping[str, Imported], aside: Aside) -> Iterator[Quarantined]:
    """Yield what does not remain: of each split the rejected rows, then rows and recordings in their order."""
    for split, imported in splits.items():
        yield from (rejected_row(split, rejected) for rejected in imported.rejected)
        for row, utterance in enumerate(imported.utterances):
            if (split, row, None) in aside:
                yield unusable_row(aside[split, row, None], utterance)
                continue
            for place, recording in enumerate(utterance.recordings):
                if (split, row, place) in aside:
                    yield unusable_recording(aside[split, row, place], utterance, recording)


def warnings_of_kept(faults: Iterable[Fault], rows: Rows, aside: Aside) -> Iterator[Fault]:
    """Yield the warnings, except those of rows and recordings that are set aside for something worse."""
    for fault in faults:
        if fault.treatment is Treatment.WARNING and fault.row is not None:
            is_gone = _is_gone(fault.split, fault.row, rows[fault.split][fault.row], aside)
            if not is_gone and (fault.split, fault.row, fault.recording) not in aside:
                yield fault


def _usable_recordings(split: str, row: int, utterance: Utterance, aside: Aside) -> list[tuple[int, Recording]]:
    if (split, row, None) in aside:
        return []
    return [(place, r) for place, r in enumerate(utterance.recordings) if (split, row, place) not in aside]


def _is_gone(split: str, row: int, utterance: Utterance, aside: Aside) -> bool:
    """Whether the row is set aside; a spoken row without a usable recording is, and does not become a row of text."""
    if (split, row, None) in aside:
        return True
    return bool(utterance.recordings) and not _usable_recordings(split, row, utterance, aside)
