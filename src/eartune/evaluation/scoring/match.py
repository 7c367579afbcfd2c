"""Matches predictions with references: which recording each answers, which are missing, which are there twice."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
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
    """Match by recording where a prediction names one, and by id otherwise; by both where recordings share a name.

    In strict mode, none of several predictions for one recording counts; in official mode, the last one does. Raises
    InputError in strict mode if no prediction belongs to any reference, and in both for a prediction that could belong
    to either of two recordings.
    """
    shared = _shared_names(references)
    expected, aliases = _expected(references, by_id=all(prediction.file is None for prediction in predictions))
    found: dict[str, list[Prediction]] = {}
    unknown = []
    for prediction in predictions:
        name = basename(prediction.file) if prediction.file else None
        key = aliases.get(prediction.id, prediction.id) if name is None else _key(prediction.id, name, shared)
        if name in shared and key not in expected:
            raise InputError(f"{path}: two recordings are called {name!r}; add the id of the sentence")
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
    """The pairs as the metrics take them; raises InputError if speakers are to be the clusters and one is unknown."""
    return [
        Answered(
            pair.reference.frame,
            pair.prediction.answer if pair.prediction else None,
            _cluster(pair, cluster),
            _stratum(pair, stratum),
        )
        for pair in pairs
    ]


def _expected(
    references: Sequence[Reference], by_id: bool
) -> tuple[dict[str, tuple[Reference, str | None]], dict[str, str]]:
    """The references and speakers by their key, and for sentences with one recording its key by the sentence's id."""
    shared = _shared_names(references)
    expected: dict[str, tuple[Reference, str | None]] = {}
    aliases: dict[str, str] = {}
    for reference in references:
        if by_id or not reference.files:
            expected[reference.id] = (reference, reference.speakers[0] if len(reference.speakers) == 1 else None)
        else:
            keys = [_key(reference.id, file, shared) for file in reference.files]
            expected |= {key: (reference, speaker) for key, speaker in zip(keys, reference.speakers, strict=True)}
        if len(reference.files) == 1:
            aliases[reference.id] = reference.id if by_id else _key(reference.id, reference.files[0], shared)
    return expected, aliases


def _shared_names(references: Sequence[Reference]) -> frozenset[str]:
    """The file names that recordings of several sentences share."""
    times = Counter(file for reference in references for file in reference.files)
    return frozenset(file for file, n in times.items() if n > 1)


def _key(sentence: str, file: str, shared: frozenset[str]) -> str:
    return f"{sentence} {file}" if file in shared else file


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
