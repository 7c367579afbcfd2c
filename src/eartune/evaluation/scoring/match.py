"""Matches predictions with references: which recording each answers, which are missing, which are there twice."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from os.path import basename  # a Path takes ten times as long, and there are thousands
from pathlib import Path
from typing import Literal

from eartune.errors import InputError
from eartune.evaluation.metrics import Answered, Mode
from eartune.evaluation.scoring.reference import Reference
from eartune.tasks.prediction import Prediction

Cluster = Literal["sentence", "recording", "speaker"]
Stratum = Literal["intent", "scenario", "language"]


@dataclass(frozen=True)
class Pair:
    """A recording, or a sentence without one, with its prediction, which is None if missing or not the only one."""

    key: str
    reference: Reference
    speaker: str | None
    prediction: Prediction | None

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer that could be parsed."""
        return self.prediction is not None and self.prediction.answer is not None


@dataclass(frozen=True)
class Matched:
    """A pair for everything that should be answered, in the order of the references, and counts of what went wrong."""

    pairs: tuple[Pair, ...]
    missing: int
    duplicated: int
    unknown: int
    """The number of predictions that belong to no reference."""

    @property
    def unparsable(self) -> int:
        """The number of predictions that could not be parsed into a frame."""
        return sum(pair.prediction is not None and not pair.is_answered for pair in self.pairs)


def match(references: Sequence[Reference], predictions: Sequence[Prediction], path: Path, mode: Mode) -> Matched:
    """Match by recording where a prediction names one, and by id otherwise.

    A recording is found by its file name, in whatever folder; where several share the name, by as much of the path as
    the prediction names, and then by the sentence's id. Paths may be written as on Windows.

    In strict mode, none of several predictions for one recording counts; in official mode, the last one does. Raises
    InputError in strict mode if no prediction belongs to any reference, and in both for a prediction that could belong
    to either of two recordings.
    """
    recordings = _recordings(references)
    expected = _expected(references, recordings, by_id=all(prediction.file is None for prediction in predictions))
    only = {r.reference.id: r.key for r in recordings if len(r.reference.files) == 1 and r.key in expected}
    by_name: dict[str, list[_Recording]] = {}
    for recording in recordings:
        by_name.setdefault(recording.parts[-1], []).append(recording)
    found: dict[str, list[Prediction]] = {}
    unknown = []
    for prediction in _with_slashes(predictions, by_name):
        if prediction.file is None:
            key = only.get(prediction.id, prediction.id)
        else:
            key = _key_of_file(prediction, by_name.get(basename(prediction.file), []), path)
        if key in expected:
            found.setdefault(key, []).append(prediction)
        else:
            unknown.append(key)
    if unknown and (mode == "strict" and not found):
        raise InputError(f"{path}: {unknown[0]!r} is not in the reference; does it come from another corpus or split?")
    pairs = []
    for key, (reference, speaker) in expected.items():
        rivals = found.get(key, [])
        counts = len(rivals) == 1 or (rivals and mode == "official")
        pairs.append(Pair(key, reference, speaker, rivals[-1] if counts else None))
    return Matched(
        tuple(pairs),
        missing=sum(key not in found for key in expected),
        duplicated=sum(len(rivals) > 1 for rivals in found.values()),
        unknown=len(unknown),
    )


def answers_to_score(
    pairs: Sequence[Pair], cluster: Cluster = "sentence", stratum: Stratum | None = None
) -> list[Answered]:
    """Return the pairs as rows for the metrics; raises InputError if clusters are speakers and one is unknown."""
    return [
        Answered(
            pair.reference.frame,
            pair.prediction.answer if pair.prediction else None,
            _cluster(pair, cluster),
            _stratum(pair, stratum),
        )
        for pair in pairs
    ]


@dataclass(frozen=True)
class _Recording:
    """A recording of the references: the key of its pair, and the parts of its path."""

    key: str
    reference: Reference
    speaker: str | None
    parts: tuple[str, ...]


def _recordings(references: Sequence[Reference]) -> list[_Recording]:
    """All recordings, each with the shortest key that no other has: its name, with its sentence's id, or its path."""
    names = Counter(basename(file) for reference in references for file in reference.files)
    named = Counter((reference.id, basename(file)) for reference in references for file in reference.files)
    found = []
    for reference in references:
        for file, speaker in zip(reference.files, reference.speakers, strict=True):
            key = name = basename(file)
            if names[name] > 1:
                key = f"{reference.id} {name if named[reference.id, name] == 1 else file}"
            found.append(_Recording(key, reference, speaker, tuple(file.split("/"))))
    return found


def _expected(
    references: Sequence[Reference], recordings: Sequence[_Recording], by_id: bool
) -> dict[str, tuple[Reference, str | None]]:
    """The references and speakers by the key of what should be answered: a recording, or a sentence.

    With `by_id` a sentence of several recordings is answered once; that of one recording is answered by it either way.
    """
    of_reference: dict[str, list[_Recording]] = {}
    for recording in recordings:
        of_reference.setdefault(recording.reference.id, []).append(recording)
    expected: dict[str, tuple[Reference, str | None]] = {}
    for reference in references:
        if not reference.files or (by_id and len(reference.files) > 1):
            expected[reference.id] = (reference, reference.speakers[0] if len(reference.speakers) == 1 else None)
        else:
            expected |= {r.key: (reference, r.speaker) for r in of_reference[reference.id]}
    return expected


def _with_slashes(predictions: Iterable[Prediction], names: Container[str]) -> Iterator[Prediction]:
    """The predictions; a path with backslashes that names no recording is read as one of Windows."""
    for prediction in predictions:
        if prediction.file is not None and "\\" in prediction.file and basename(prediction.file) not in names:
            yield replace(prediction, file=prediction.file.replace("\\", "/"))
        else:
            yield prediction


def _key_of_file(prediction: Prediction, candidates: Sequence[_Recording], path: Path) -> str:
    """The key of the recording that a prediction names; raises InputError where two fit equally well."""
    file = str(prediction.file)
    parts = tuple(file.split("/"))
    if len(candidates) > 1:
        fit = [_common_ending(parts, candidate.parts) for candidate in candidates]
        candidates = [candidate for candidate, n in zip(candidates, fit, strict=True) if n == max(fit)]
    if len(candidates) > 1:
        candidates = [candidate for candidate in candidates if candidate.reference.id == prediction.id]
        if len(candidates) != 1:
            raise InputError(f"{path}: two recordings are called {file!r}; add the id of the sentence, or the folder")
    return candidates[0].key if candidates else basename(file)


def _common_ending(one: Sequence[str], other: Sequence[str]) -> int:
    """How many of the last parts of two paths are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(reversed(one), reversed(other), strict=False)))


def _cluster(pair: Pair, cluster: Cluster) -> str:
    if cluster == "speaker":
        if pair.speaker is None:
            raise InputError(f"{pair.key!r} has no speaker, so speakers cannot be the clusters of the intervals")
        return pair.speaker
    return pair.reference.id if cluster == "sentence" else pair.key


def _stratum(pair: Pair, stratum: Stratum | None) -> str:
    if stratum is None:
        return ""
    if stratum == "language":
        return pair.reference.language
    return str(pair.reference.frame.scenario if stratum == "scenario" else pair.reference.frame.intent)
