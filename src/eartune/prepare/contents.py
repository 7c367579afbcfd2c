"""What prepared manifests hold, as an experiment needs to know it: words, recordings, a test, and voices to speak."""

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from eartune.data.tts.languages import VoicesOfLanguage, voices_of_language
from eartune.data.utterance import Utterance
from eartune.prepare.split import distance_from_test, training_splits
from eartune.wording import listed

UNKNOWN = "und"  # the language of rows that name none

Splits = Mapping[str, Sequence[Utterance]]


@dataclass(frozen=True)
class Contents:
    """The rows of each split that has any, and which of them are text, speech and test."""

    splits: Splits
    unlabelled: Sequence[Utterance] = ()
    """Recordings that nobody labelled, from another folder."""

    @cached_property
    def text(self) -> list[str]:
        """The splits to train on whose rows all have words."""
        return [name for name in self._training if all(row.text is not None for row in self.splits[name])]

    @cached_property
    def speech(self) -> list[str]:
        """The splits to train on that have recordings."""
        return [name for name in self._training if any(row.recordings for row in self.splits[name])]

    @cached_property
    def test(self) -> list[str]:
        """The held-out splits that are nearest to the test and have recordings, or whose words voices can speak."""
        held_out = [name for name in self.splits if name not in self._training]
        spoken = [name for name in held_out if any(row.recordings for row in self.splits[name])]
        if not spoken and not self.speech and self.voices:
            spoken = [name for name in held_out if all(row.text is not None for row in self.splits[name])]
        return [
            name for name in spoken if distance_from_test(name) == min(distance_from_test(other) for other in spoken)
        ]

    @property
    def is_test_spoken(self) -> bool:
        """Whether the test has recordings of its own."""
        return any(row.recordings for row in self.rows(self.test))

    @property
    def lacks_voices(self) -> bool:
        """Whether a test is held out whose words nobody has said, and that no voice can speak."""
        held_out = [name for name in self.splits if name not in self._training]
        return bool(held_out) and not self.test and not self.speech

    @cached_property
    def language(self) -> str:
        """The language of most rows."""
        languages = Counter(row.language for row in chain.from_iterable(self.splits.values()))
        return max(languages, key=lambda name: languages[name], default=UNKNOWN)

    @cached_property
    def voices(self) -> VoicesOfLanguage | None:
        """The voices for the language of most rows; None if rows name no language, or no voice of it is installed."""
        return None if self.language == UNKNOWN else voices_of_language(self.language)

    @property
    def has_entities(self) -> bool:
        """Whether any row has an entity."""
        return any(row.entities for row in chain.from_iterable(self.splits.values()))

    @property
    def n_recorded(self) -> int:
        """The number of utterances with recordings to train on."""
        return sum(bool(row.recordings) for row in self.rows(self.speech))

    @cached_property
    def dev(self) -> list[str]:
        """The splits to choose settings on that have recordings: those held out that are no test."""
        held_out = [name for name in self.splits if distance_from_test(name) == 1 and name not in self.test]
        return [name for name in held_out if any(row.recordings for row in self.splits[name])]

    @property
    def not_used(self) -> list[str]:
        """A sentence about each split that is neither trained on nor held out, which says why."""
        near_test = [name for name in self.splits if distance_from_test(name) <= 1]
        used = {*self._training, *self.test, *near_test}
        return [self._why_not_used(name, used) for name in self.splits if name not in used]

    def _why_not_used(self, name: str, used: Collection[str]) -> str:
        ids = {row.id for row in self.splits[name]}
        if twice := [other for other in self.splits if other in used and any(r.id in ids for r in self.splits[other])]:
            files = listed([f"{other}.jsonl" for other in twice])
            return f"{name}.jsonl is not used, as rows of it are in {files}; delete it if an earlier command wrote it"
        return (
            f"{name}.jsonl is not used, as its name says neither train nor dev nor test; to train on it, prepare it "
            f"with --split train-{name}=FILE"
        )

    def rows(self, names: Iterable[str]) -> list[Utterance]:
        """Return the rows of some splits."""
        return [row for name in names for row in self.splits[name]]

    @cached_property
    def _training(self) -> list[str]:
        training = training_splits(self.splits)
        return [name for name in self.splits if name in training]


def contents_of(splits: Splits) -> Contents:
    """Return what the splits hold, without those that have no rows."""
    return Contents({name: rows for name, rows in splits.items() if rows})


def pool(names: Iterable[str], voices: Sequence[Mapping[str, Any]] = (), folder: str = "") -> str:
    """Return a pool of manifests as YAML in one line, with the voices that speak them, if any."""
    spoken = {"voices": [dict(voice) for voice in voices]} if voices else {}
    corpora = [{"corpus": "manifest", "path": f"{folder}{name}.jsonl"} | spoken for name in names]
    return flow(corpora)


def flow(value: Any) -> str:
    """Return a value as YAML in one line."""
    written: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
    return written.strip().removesuffix("...").strip()


def experiment_name(folder: Path) -> str:
    """Return a name for an experiment, made from that of a folder: calls-2024 for `Calls 2024`.

    That of a folder in other letters ends in a hash of it, as all such folders would share a run otherwise.
    """
    name = unicodedata.normalize("NFC", Path(os.path.abspath(folder)).name.lower())
    words = re.findall(r"[a-z0-9]+", name) or ["mine"]
    is_latin = name.isascii() or re.search("[a-z]", name)
    return "-".join(words if is_latin else [*words, hashlib.sha256(name.encode()).hexdigest()[:6]])
