"""Read a public corpus by its name, as the splits on which `eartune prepare` works; download it first if asked."""

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
from eartune.prepare.download.catalogue import CATALOGUE, CorpusPart, Entry, download_parts
from eartune.prepare.download.http import FractionDone
from eartune.prepare.importers.import_result import Imported
from eartune.settings import explain

Print = Callable[[str], None]
"""Prints one line."""

_FIELDS = {get_args(kind.model_fields["corpus"].annotation)[0]: kind.model_fields for kind in CORPORA}
_NOT_SETTABLE = ("corpus", "voices")  # keys that no KEY=VALUE can set


@dataclass(frozen=True)
class NamedCorpus:
    """The splits of a corpus that the command line names, each with its settings."""

    name: str
    splits: Mapping[str, Corpus]
    data: Path
    """The data root."""
    text_only: bool

    @property
    def entry(self) -> Entry:
        """The corpus in the catalogue."""
        return CATALOGUE[self.name]

    @property
    def keys(self) -> dict[str, Any]:
        """The settings of the corpus; `split` is that of the first split."""
        return next(iter(self.splits.values())).model_dump()

    @property
    def folder(self) -> Path:
        """The folder of the corpus in the data root."""
        return self.data / str(self.keys["folder"])

    def parts(self, splits: Iterable[str]) -> tuple[CorpusPart, ...]:
        """Return what must be downloaded for these splits; nothing for a corpus that cannot be."""
        parts = self.entry.parts(self.keys, tuple(splits)) if self.entry.parts else ()
        return tuple(part for part in parts if not (self.text_only and part.is_audio))


def named_corpus(name: str, settings: Mapping[str, str], data: Path, text_only: bool) -> NamedCorpus:
    """Return all splits of a corpus, or the one that the settings name; raises InputError that lists its keys."""
    fields = {key: field for key, field in _FIELDS[name].items() if key not in _NOT_SETTABLE}
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


def download(corpus: NamedCorpus, console: Console, print_line: Print) -> None:
    """Print the licence of a corpus, then download what is missing of it."""
    if not corpus.entry.parts:
        raise InputError(f"{corpus.name} cannot be downloaded by eartune; {_by_hand(corpus)}")
    print_line(f"licence: {getattr(next(iter(corpus.splits.values())), 'LICENCE', 'not stated')}")
    download_parts(corpus.parts(corpus.splits), corpus.data, lambda what: _progress_bar(console, what))


@contextmanager
def _progress_bar(console: Console, what: str) -> Iterator[FractionDone]:
    first = True

    def show(share: float) -> None:
        nonlocal first
        if first:
            bar.skipped = share  # an earlier run downloaded this much; it took no time now
            first = False
        bar.within(what, 1, share)

    with RunProgress(console, 1) as bar:
        yield show


def read_corpus(corpus: NamedCorpus, print_line: Print) -> dict[str, Imported]:
    """Read the splits that exist; print which splits, and which recordings, are missing."""
    patterns = {split: corpus.entry.pattern(one.model_dump()) for split, one in corpus.splits.items()}
    present = [s for s, one in corpus.splits.items() if corpus.entry.is_present(one.model_dump(), corpus.data)]
    if not present:
        how = f"add --download, or {_by_hand(corpus)}" if corpus.entry.parts else _by_hand(corpus)
        raise InputError(f"{corpus.folder}: holds no {' or '.join(dict.fromkeys(patterns.values()))}; {how}")
    for split in patterns:
        if split not in present:
            print_line(f"{corpus.folder}: holds no {patterns[split]}, so split {split} is left out")
    for part in corpus.parts(present):
        if part.is_audio and not part.is_unpacked(corpus.data):
            folder = corpus.data / part.folder / part.unpacked
            print_line(f"{folder}: does not exist, so there are no recordings; add --download, or else --text-only")
    return {split: Imported(_utterances(corpus, split, print_line), (), {}) for split in present}


def _utterances(corpus: NamedCorpus, split: str, print_line: Print) -> tuple[Utterance, ...]:
    utterances = corpus.splits[split].load(Source(corpus.data, corpus.data))
    print_line(f"{corpus.name}: split {split}, {len(utterances):,} rows")
    if not corpus.text_only:
        return utterances
    if any(utterance.text is None for utterance in utterances):
        raise InputError(f"{corpus.name}: has recordings without a transcript; leave --text-only out")
    return tuple(replace(utterance, recordings=()) for utterance in utterances)


def _by_hand(corpus: NamedCorpus) -> str:
    return f"get it from {corpus.entry.page} and put it into {corpus.folder} as docs/corpora.md says"
