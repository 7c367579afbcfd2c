"""Reads references, the right answers of a corpus, in the formats of eartune, SLURP and MASSIVE."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from eartune.data.corpora.massive import massive_tokens, token_labels
from eartune.data.corpora.slurp import slurp_frame, slurp_text
from eartune.data.frame import SemanticFrame
from eartune.data.utterance import read_manifest
from eartune.errors import InputError
from eartune.evaluation.scoring.positions import entities_by_position
from eartune.files import read_lines

Format = Literal["manifest", "slurp", "massive"]


@dataclass(frozen=True)
class Reference:
    """A sentence with its meaning and the file names of its recordings, of which text alone has none."""

    id: str
    text: str | None
    language: str
    frame: SemanticFrame
    files: tuple[str, ...] = ()
    speakers: tuple[str | None, ...] = ()
    tokens: tuple[str, ...] = ()
    """The tokens on which MASSIVE counts slots; empty for other corpora."""


def read_references(path: Path, format: Format, partition: str = "test") -> tuple[Reference, ...]:
    """Read the references in a file; raises InputError that names the file and the row of the first fault.

    `partition` is used for MASSIVE only, whose files hold all partitions.
    """
    readers: dict[str, Callable[[], Iterator[Reference]]] = {
        "manifest": lambda: _manifest(path),
        "slurp": lambda: _slurp(path),
        "massive": lambda: _massive(path, partition),
    }
    references = tuple(readers[format]())
    if not references:
        raise InputError(f"{path}: holds no references" + (f" of {partition!r}" if format == "massive" else ""))
    _refuse_ambiguous(references, path)
    return references


def _refuse_ambiguous(references: Sequence[Reference], path: Path) -> None:
    """Raise InputError if an answer could belong to two references, or could not be scored."""
    if len({reference.frame.scenario is None for reference in references}) > 1:
        raise InputError(f"{path}: some rows have a scenario and an action, some only an intent; score them separately")
    for what, keys in (
        ("rows have the id", [reference.id for reference in references]),
        ("recordings of a sentence are", [f"{r.id} {file}" for r in references for file in r.files]),
    ):
        key, times = (Counter(keys).most_common(1) or [("", 0)])[0]
        if times > 1:
            raise InputError(f"{path}: two {what} {key!r}, so an answer could belong to either")
    for reference in references:
        if not all(entity.filler.split() for entity in reference.frame.entities):
            raise InputError(f"{path}: {reference.id!r} has an entity whose filler has no words")


def _manifest(path: Path) -> Iterator[Reference]:
    for utterance in read_manifest(path):
        files = tuple(recording.path.as_posix() for recording in utterance.recordings)
        speakers = tuple(recording.speaker for recording in utterance.recordings)
        if utterance.frame is None:
            raise InputError(f"{path}: {utterance.id!r} has a label alone; only rows with an intent are scored here")
        yield Reference(utterance.id, utterance.text, utterance.language, utterance.frame, files, speakers)


def _slurp(path: Path) -> Iterator[Reference]:
    for place, row in read_lines(path):
        frame = slurp_frame(row, place)
        try:
            files = tuple(str(recording["file"]) for recording in row.get("recordings", []))
        except (KeyError, TypeError) as error:
            raise InputError(f'{place}: is not a row of SLURP; each of "recordings" needs a "file"') from error
        if not isinstance(row.get("slurp_id"), str | int):
            raise InputError(f'{place}: is not a row of SLURP; it needs a "slurp_id"')
        yield Reference(str(row["slurp_id"]), slurp_text(row), "en", frame, files, (None,) * len(files))


def _massive(path: Path, partition: str) -> Iterator[Reference]:
    for place, row in read_lines(path):
        if row.get("partition") != partition:
            continue
        if not all(isinstance(row.get(key), str) for key in ("id", "locale", "intent", "utt", "annot_utt")):
            raise InputError(f'{place}: is not a row of MASSIVE; it needs "id", "locale", "intent", "utt", "annot_utt"')
        tokens, labels = token_labels(row["annot_utt"], row["locale"])
        if len(tokens) != len(massive_tokens(row["utt"], row["locale"])):
            raise InputError(f'{place}: "annot_utt" has other words than "utt"')
        frame = SemanticFrame(row["intent"], entities_by_position(labels, tokens))
        yield Reference(row["id"], row["utt"], row["locale"], frame, tokens=tuple(tokens))
