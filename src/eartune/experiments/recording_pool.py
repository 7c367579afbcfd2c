"""The sentences that may be recorded: those of the text pool, once for each label, that the speech has not recorded."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from eartune.data.example import as_text
from eartune.data.frame import Entity
from eartune.data.normalization import normalize_spoken_text
from eartune.data.recording_choice import Sentence
from eartune.data.utterance import Utterance
from eartune.tasks.task import Task


@dataclass(frozen=True)
class RecordingPool:
    """Utterances with different words or labels, and what a choice of them goes by."""

    utterances: tuple[Utterance, ...]
    """The first utterance with each wording and label."""
    sentences: tuple[Sentence, ...]
    """The same, as sentences."""
    n_recorded: int
    """How many of these are left out because they are recorded."""
    n_without_words: int
    """How many utterances of the speech have no words, so that nobody knows which sentence they are."""


def recording_pool(text: Iterable[Utterance], speech: Iterable[Utterance], task: Task) -> RecordingPool:
    """Return what may be recorded; raises InputError for an utterance of the text without words or a right answer.

    Wordings that differ in capitals and punctuation alone are one; the same words may be said in several ways, as an
    emotion is. An utterance counts as recorded if one of the same words, and of the same label or none, has a
    recording, or one without words and with the same id: of what has words, ids of different files may be the same by
    chance, as where each file numbers its rows from 1.
    """
    first: dict[tuple[str, str], Utterance] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for example in as_text(tuple(text)):
        said = normalize_spoken_text(str(example.utterance.text)), task.group(example.utterance)
        first.setdefault(said, example.utterance)
        counts[said] += 1
    spoken = [utterance for utterance in speech if utterance.recordings]
    with_words = [(u, normalize_spoken_text(u.text)) for u in spoken if u.text is not None]
    said_already = {(words, task.group(u) if u.is_labelled else None) for u, words in with_words}
    ids_spoken = {utterance.id for utterance in spoken if utterance.text is None}
    open_ones = {
        (words, label): u
        for (words, label), u in first.items()
        if not {(words, label), (words, None)} & said_already and u.id not in ids_spoken
    }
    return RecordingPool(
        tuple(open_ones.values()),
        tuple(_sentence(utterance, counts[said], task) for said, utterance in open_ones.items()),
        len(first) - len(open_ones),
        sum(utterance.text is None for utterance in spoken),
    )


def script_row(utterance: Utterance, task: Task) -> dict[str, str]:
    """Return the columns of an utterance in a script, under the names that `eartune prepare` reads."""
    row = {"id": utterance.id, "text": " ".join(str(utterance.text).split()), "language": utterance.language}
    answer = task.answer_fields(task.reference(utterance))
    return row | {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in answer.items()
    }


def _sentence(utterance: Utterance, count: int, task: Task) -> Sentence:
    _, *others = task.parts(task.reference(utterance))
    return Sentence(str(utterance.text), count, task.group(utterance), tuple(Entity(*part) for part in others))
