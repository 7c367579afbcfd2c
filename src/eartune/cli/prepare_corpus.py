"""A public corpus becomes the splits that `eartune prepare` works on: found by its name, fetched first if asked."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from eartune.data.corpora import CORPORA, Corpus, Source
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.experiments.progress import RunProgress
from eartune.prepare.download.catalogue import CATALOGUE, Entry, Part, bring
from eartune.prepare.download.http import Progress
from eartune.prepare.importers.import_result import Imported
from eartune.settings import explain

Say = Callable[[str], None]

_FIELDS = {get_args(kind.model_fields["corpus"].annotation)[0]: kind.model_fields for kind in CORPORA}
_NOT_TEXT = ("corpus", "voices")  # keys that no KEY=VALUE can set


@dataclass(frozen=True)
class NamedCorpus:
    """What of a corpus the command line asks for."""

    name: str
    splits: Mapping[str, Corpus]
    data: Path
    text_only: bool

    @property
    def entry(self) -> Entry:
        """What the catalogue knows of it."""
        return CATALOGUE[self.name]

    @property
    def keys(self) -> dict[str, Any]:
        """Its settings; the split is that of the first one."""
        return next(iter(self.splits.values())).model_dump()

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.data / str(self.keys["folder"])

    def parts(self, splits: Iterable[str]) -> tuple[Part, ...]:
        """What is fetched for some of its splits; nothing for what cannot be."""
        parts = self.entry.parts(self.keys, tuple(splits)) if self.entry.parts else ()
        return tuple(part for part in parts if not (self.text_only and part.is_sound))


def named_corpus(name: str, settings: Mapping[str, str], data: Path, text_only: bool) -> NamedCorpus:
    """All splits of a corpus, or the one that is set; raises InputError naming the keys there are."""
    fields = {key: field for key, field in _FIELDS[name].items() if key not in _NOT_TEXT}
    needed = [key for key, field in fields.items() if field.is_required() and key != "split"]
    keys = ", ".join(f"{key} (needed)" if key in needed else key for key in fields)
    for key in settings:
        if key not in fields:
            raise InputError(f"--with {key}={settings[key]}: {name} has no such key; it has {keys}")
    for key in needed:
        if key not in settings:
            raise InputError(f"{name} needs --with {key}=...; its keys are {keys}")
    if "split" not in fields:
        return NamedCorpus(name, {"train": _configured(name, settings)}, data, text_only)
    splits = [settings["split"]] if "split" in settings else get_args(fields["split"].annotation)
    return NamedCorpus(name, {s: _configured(name, {**settings, "split": s}) for s in splits}, data, text_only)


def _configured(name: str, settings: Mapping[str, str]) -> Corpus:
    try:
        corpus: Corpus = TypeAdapter(Corpus).validate_python({"corpus": name, **settings})
    except ValidationError as error:
        raise InputError(explain(error, "--with")) from error
    return corpus


def download(corpus: NamedCorpus, console: Console, say: Say) -> None:
    """Fetch what is missing of a corpus, having shown its licence."""
    if not corpus.entry.parts:
        raise InputError(f"{corpus.name} cannot be fetched by --download; {_by_hand(corpus)}")
    say(f"licence: {getattr(next(iter(corpus.splits.values())), 'LICENCE', 'not stated')}")
    bring(corpus.parts(corpus.splits), corpus.data, lambda what: _watched(console, what))


@contextmanager
def _watched(console: Console, what: str) -> Iterator[Progress]:
    already: float | None = None

    def show(done: int, total: int | None) -> None:
        nonlocal already
        part = done / total if total else 0.0
        already = part if already is None else already
        bar.skipped = already  # what an earlier run brought took no time now
        bar.within(what, 1, part)

    with RunProgress(console, 1) as bar:
        yield show


def read_corpus(corpus: NamedCorpus, say: Say) -> dict[str, Imported]:
    """The splits that are there; says which are not, and which have no sound yet."""
    patterns = {split: corpus.entry.pattern(one.model_dump()) for split, one in corpus.splits.items()}
    there = [split for split, one in corpus.splits.items() if corpus.entry.is_there(one.model_dump(), corpus.data)]
    if not there:
        how = f"add --download, or {_by_hand(corpus)}" if corpus.entry.parts else _by_hand(corpus)
        raise InputError(f"{corpus.folder}: holds no {' or '.join(dict.fromkeys(patterns.values()))}; {how}")
    for split in patterns:
        if split not in there:
            say(f"{corpus.folder}: holds no {patterns[split]}, so split {split} is left out")
    for part in corpus.parts(there):
        if part.is_sound and not part.is_unpacked(corpus.data):
            lacking = corpus.data / part.folder / part.unpacked
            say(f"{lacking}: not there, so there is no sound; --download fetches it, --text-only says this is meant")
    return {split: Imported(_utterances(corpus, split, say), (), {}) for split in there}


def _utterances(corpus: NamedCorpus, split: str, say: Say) -> tuple[Utterance, ...]:
    utterances = corpus.splits[split].load(Source(corpus.data, corpus.data))
    say(f"{corpus.name}: split {split}, {len(utterances):,} rows")
    if not corpus.text_only:
        return utterances
    if any(utterance.text is None for utterance in utterances):
        raise InputError(f"{corpus.name}: has recordings whose words nobody wrote down; leave --text-only out")
    return tuple(replace(utterance, recordings=()) for utterance in utterances)


def _by_hand(corpus: NamedCorpus) -> str:
    return f"get it from {corpus.entry.page} and put it into {corpus.folder} as docs/corpora.md says"
