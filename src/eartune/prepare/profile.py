"""Describe prepared data on one page: how much there is of everything, and which faults it has.

kept rows, measured recordings, what was set aside, warnings -> sections -> Markdown, terminal
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text

from eartune.data.utterance import Recording, Utterance
from eartune.prepare.validation.audio_faults import AudioMeasurements
from eartune.prepare.validation.fault import Fault, Treatment, escaped
from eartune.prepare.validation.quarantine import Quarantined
from eartune.tables import Table, escape_markdown, markdown_table, terminal_table
from eartune.wording import ABSENT, counted, hours

LABELS_SHOWN = 20
LANGUAGES_SHOWN = 3
EXAMPLES_SHOWN = 3
EXAMPLE_CHARACTERS = 100
BAR_CHARACTERS = 40
MOST_BINS = 10
BIN_SECONDS = (0.5, 1, 2, 3)  # ten of the last reach 30 s, the longest that is kept
QUANTILES = {"shortest": 0.0, "5 %": 0.05, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "95 %": 0.95, "longest": 1.0}
HEADERS_ONLY = "Only headers were read, so silence, clipping, NaN and damage inside of files were not found."

Splits = Mapping[str, Sequence[Utterance]]


@dataclass(frozen=True)
class Section:
    """A heading with a table, sentences, or both."""

    title: str
    table: Table | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Profile:
    """The page: its sections in order."""

    sections: tuple[Section, ...]


def build_profile(
    kept: Splits,
    measured: Iterable[AudioMeasurements],
    quarantined: Sequence[Quarantined],
    warnings: Sequence[Fault],
    read_samples: bool = True,
    right_rows: Sequence[str] = (),
) -> Profile:
    """Return the page on the kept rows, their measured recordings, what was set aside, and the warnings.

    `right_rows` are sentences that show how rows that could not be read should look.
    """
    sections = (
        _overview(kept, quarantined, read_samples),
        _labels("intent", kept, lambda utterance: [utterance.frame.intent] if utterance.frame else []),
        _labels("entity type", kept, lambda utterance: [entity.type for entity in utterance.entities]),
        _durations(kept),
        _histogram([recording.seconds for utterances in kept.values() for recording in _recordings(utterances)]),
        _formats(measured),
        _faults(quarantined, warnings),
        Section("What a right row looks like", notes=tuple(right_rows)),
    )
    return Profile(tuple(section for section in sections if section.table or section.notes))


def markdown_profile(profile: Profile) -> str:
    """Return the page as Markdown."""
    parts = ["# Profile"]
    for section in profile.sections:
        parts.append(f"## {section.title}")
        parts += [markdown_table(section.table)] if section.table else []
        parts += [escape_markdown(note) for note in section.notes]
    return "\n\n".join(parts) + "\n"


def terminal_profile(profile: Profile) -> Group:
    """Return the page for a rich console."""
    parts: list[Text | RichTable] = []
    for section in profile.sections:
        parts.append(Text(section.title, style="bold"))
        parts += [terminal_table(section.table)] if section.table else []
        parts += [*(Text(note) for note in section.notes), Text()]
    return Group(*parts[:-1])


def _overview(kept: Splits, quarantined: Sequence[Quarantined], read_samples: bool) -> Section:
    aside = Counter(entry.split for entry in quarantined)
    lines = [_overview_line(split, utterances, aside[split]) for split, utterances in kept.items()]
    if len(kept) > 1:
        lines.append(_overview_line("together", list(chain.from_iterable(kept.values())), aside.total()))
    headings = ("split", "languages", "utterances", "text only", "recordings", "hours", "speakers", "set aside")
    return Section("Overview", Table(headings, tuple(lines), left=2), () if read_samples else (HEADERS_ONLY,))


def _overview_line(split: str, utterances: Sequence[Utterance], aside: int) -> tuple[str, ...]:
    recordings = list(_recordings(utterances))
    speakers = {recording.speaker for recording in recordings if recording.speaker}
    text_only = sum(not utterance.recordings for utterance in utterances)
    languages = _most_frequent(Counter(utterance.language for utterance in utterances))
    spoken = hours(sum(recording.seconds for recording in recordings) / 3600)
    numbers = (f"{len(utterances):,}", f"{text_only:,}", f"{len(recordings):,}", spoken)
    return (split, languages, *numbers, f"{len(speakers):,}" if speakers else ABSENT, f"{aside:,}")


def _most_frequent(languages: Counter[str]) -> str:
    named = [language for language, _ in languages.most_common(LANGUAGES_SHOWN)]
    more = len(languages) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "") if named else ABSENT


def _labels(kind: str, kept: Splits, of: Callable[[Utterance], Iterable[str]]) -> Section:
    counts = {split: Counter(chain.from_iterable(map(of, utterances))) for split, utterances in kept.items()}
    together = sum(counts.values(), Counter[str]())
    columns = list(counts.values()) + ([together] if len(counts) > 1 else [])
    shown = together.most_common(LABELS_SHOWN)
    lines = tuple((label, *(f"{column[label]:,}" for column in columns)) for label, _ in shown)
    headings = (kind, *counts, *(["together"] if len(counts) > 1 else []))
    rest = together.total() - sum(count for _, count in shown)
    notes = (
        (f"And {counted(len(together) - len(shown), kind)} more, which occur {rest:,} times in all.",) if rest else ()
    )
    title = f"{len(together):,} {kind}{'' if len(together) == 1 else 's'}"
    return Section(title, Table(headings, lines, left=1) if lines else None, notes)


def _durations(kept: Splits) -> Section:
    lines = []
    for split, utterances in kept.items():
        seconds = [recording.seconds for recording in _recordings(utterances)]
        if seconds:
            lines.append((split, *(f"{value:.2f}" for value in np.quantile(seconds, list(QUANTILES.values())))))
    table = Table(("split", *QUANTILES), tuple(lines), left=1)
    return Section("Lengths of recordings in seconds", table if lines else None)


def _histogram(seconds: Sequence[float]) -> Section:
    if not seconds:
        return Section("Distribution of lengths")
    width = next((w for w in BIN_SECONDS if max(seconds) <= w * MOST_BINS), BIN_SECONDS[-1])
    counts = Counter(math.ceil(length / width) - 1 for length in seconds)  # a bin includes its upper end
    lines = tuple(
        (f"{place * width:g} to {(place + 1) * width:g}", _bar(counts[place], max(counts.values())), str(counts[place]))
        for place in range(max(counts) + 1)
    )
    return Section("Distribution of lengths", Table(("seconds", "", "recordings"), lines, left=2))


def _bar(count: int, largest: int) -> str:
    return "█" * math.ceil(BAR_CHARACTERS * count / largest)


def _formats(measured: Iterable[AudioMeasurements]) -> Section:
    counts = Counter((one.rate or 0, one.channels or 0) for one in measured)
    lines = tuple((f"{rate:,}", str(channels), f"{count:,}") for (rate, channels), count in counts.most_common())
    table = Table(("sampling rate (Hz)", "channels", "recordings"), lines, left=0)
    return Section("Sampling rates and channels", table if lines else None)


def _faults(quarantined: Sequence[Quarantined], warnings: Sequence[Fault]) -> Section:
    found = [(entry.fault, Treatment.SET_ASIDE, entry.sentence) for entry in quarantined]
    found += [(f.kind, Treatment.WARNING, escaped(f"{f.subject}: {f.message}")) for f in warnings]
    lines = tuple(chain.from_iterable(_fault_lines(found)))
    table = Table(("fault", "treatment", "examples", "count"), lines, left=3)
    return Section("Faults", table if lines else None, () if lines else ("None were found.",))


def _fault_lines(found: Sequence[tuple[str, Treatment, str]]) -> Iterator[list[tuple[str, ...]]]:
    """The lines of each kind, with examples: what is set aside first, then by frequency."""
    counts = Counter((treatment, kind) for kind, treatment, _ in found)
    for (treatment, kind), count in sorted(counts.items(), key=lambda item: (item[0][0], -item[1])):
        examples = [_shortened(text) for other, became, text in found if (became, other) == (treatment, kind)]
        first, *others = examples[:EXAMPLES_SHOWN]
        yield [(kind, treatment, first, f"{count:,}"), *(("", "", other, "") for other in others)]


def _shortened(text: str) -> str:
    return text if len(text) <= EXAMPLE_CHARACTERS else text[: EXAMPLE_CHARACTERS - 1] + "…"


def _recordings(utterances: Iterable[Utterance]) -> Iterator[Recording]:
    return chain.from_iterable(utterance.recordings for utterance in utterances)
