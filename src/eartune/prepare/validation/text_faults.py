"""Find faults in the text and labels of rows, and between splits that share what they should not.

Rows are checked first, one by one; splits are checked when the rows that are set aside are gone.
"""

import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import groupby

from eartune.data.fillers import absent_fillers
from eartune.data.utterance import Utterance
from eartune.prepare.importers.excerpt import ROUNDED, Excerpt
from eartune.prepare.importers.row import is_unseen
from eartune.prepare.importers.whole_recordings import whole_in_several
from eartune.prepare.split import distance_from_test, training_splits
from eartune.prepare.validation.fault import Fault, Rule, Treatment
from eartune.wording import counted, listed

Splits = Mapping[str, Sequence[Utterance]]
Part = tuple[float, float | None, int | str | None]
"""The start of a part of a file, its end, or None for that of the file, and its channel, or None for all."""


class TextFault(StrEnum):
    """The kinds of faults of text and labels."""

    DUPLICATE_ID = "duplicate-id"
    EMPTY_ID = "empty-id"
    EMPTY_TEXT = "empty-text"
    EMPTY_FILLER = "empty-filler"
    HALF_CHARACTER = "half-character"
    BYTE_ORDER_MARK = "byte-order-mark"
    REPLACEMENT_CHARACTER = "replacement-character"
    MOJIBAKE = "mojibake"
    CONTROL_CHARACTER = "control-character"
    CHAT_MARKUP = "chat-markup"
    REPEATED_RECORDING = "repeated-recording"
    SHARED_RECORDING = "shared-recording"
    NOT_NFC = "not-nfc"
    FILLER_ABSENT = "filler-absent"
    TWO_INTENTS = "two-intents"
    TWO_SPELLINGS = "two-spellings"
    WHOLE_IN_SEVERAL = "whole-in-several"
    SHARED_SENTENCE = "shared-sentence"
    SHARED_SPEAKER = "shared-speaker"
    NEVER_TRAINED = "never-trained"
    SEEN_ONCE = "seen-once"


_OUT, _WARN = Treatment.SET_ASIDE, Treatment.WARNING
TEXT_RULES = {
    TextFault.DUPLICATE_ID: Rule(_OUT, "an earlier row has the same id; ids must be unique"),
    TextFault.EMPTY_ID: Rule(_OUT, "the id is empty; every row needs one"),
    TextFault.EMPTY_TEXT: Rule(_OUT, "the text is empty; leave it out if the row has recordings"),
    TextFault.EMPTY_FILLER: Rule(_OUT, "the entity {value} has an empty filler"),
    TextFault.HALF_CHARACTER: Rule(_OUT, "holds {value}, half of a surrogate pair, which UTF-8 cannot encode"),
    TextFault.BYTE_ORDER_MARK: Rule(_OUT, "holds a byte order mark, {value}; save the file as UTF-8 without one"),
    TextFault.REPLACEMENT_CHARACTER: Rule(_OUT, "holds {value}, which replaces a character that was lost"),
    TextFault.MOJIBAKE: Rule(_OUT, "holds {value}, which is UTF-8 decoded as Latin-1; decode it as UTF-8"),
    TextFault.CONTROL_CHARACTER: Rule(_OUT, "holds the control character {value}"),
    TextFault.CHAT_MARKUP: Rule(_OUT, "holds {value}, which a model may take for a special token"),
    TextFault.REPEATED_RECORDING: Rule(_OUT, "is listed twice in its row; the first one is kept"),
    TextFault.SHARED_RECORDING: Rule(_OUT, "is also in {value}, which must not be trained on"),
    TextFault.NOT_NFC: Rule(_WARN, "is not in Unicode form NFC: accents are separate characters, as in {value}"),
    TextFault.FILLER_ABSENT: Rule(_WARN, "the filler {value} is not in the text"),
    TextFault.TWO_INTENTS: Rule(_WARN, "is labelled {value}; one sentence is learned with one intent"),
    TextFault.TWO_SPELLINGS: Rule(_WARN, "is also written {value}; a model learns each spelling as a label of its own"),
    TextFault.WHOLE_IN_SEVERAL: Rule(_WARN, "is the whole recording of {value} with different words; name its parts"),
    TextFault.SHARED_SENTENCE: Rule(_WARN, "is in {value}; scores on it measure memory"),
    TextFault.SHARED_SPEAKER: Rule(_WARN, "speaks in {value}; scores say nothing about new speakers"),
    TextFault.NEVER_TRAINED: Rule(_WARN, "is in {value} but never in training"),
    TextFault.SEEN_ONCE: Rule(_WARN, "occurs once"),
}

# Letters that UTF-8's first bytes become in Latin-1 or Windows-1252, followed by what its later bytes become. A
# capital before them makes it Portuguese in capitals and quotes, not mojibake.
_LATER = "[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"  # noqa: RUF001  (they are what is searched for)
_MOJIBAKE = f"(?<![A-ZÀ-Þ])[ÂÃ]{_LATER}|â€{_LATER}?|ï»¿|ðŸ|(?:[ÐÑ]{_LATER}){{2}}|(?:[ã-é]{_LATER}{{2}}){{2}}"
SIGNS = {
    TextFault.HALF_CHARACTER: re.compile("[\ud800-\udfff]"),
    TextFault.BYTE_ORDER_MARK: re.compile("\ufeff"),
    TextFault.REPLACEMENT_CHARACTER: re.compile("\ufffd"),
    TextFault.MOJIBAKE: re.compile(_MOJIBAKE),
    TextFault.CONTROL_CHARACTER: re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"),  # not tab and line ends
    TextFault.CHAT_MARKUP: re.compile(r"<\|[^|<>]*\|>"),
}


def check_rows(splits: Splits) -> Iterator[Fault]:
    """Yield faults of single rows, repeated ids and recordings, and recordings that training must not see."""
    for split, utterances in splits.items():
        yield from _repeated_ids(split, utterances)
        yield from _repeated_recordings(split, utterances)
        for row, utterance in enumerate(utterances):
            for kind, value in text_faults(utterance):
                yield _fault(kind, value, split, utterance.id, row)
    yield from _shared_recordings(splits)


def check_splits(splits: Splits) -> Iterator[Fault]:
    """Yield faults that only show between rows.

    They are sentences of two intents, recordings of several sentences, what is in both training and test, and labels
    that are written in two ways, are rare, or are never trained.
    """
    yield from _two_intents(splits)
    for split, utterances in splits.items():
        for path, count in whole_in_several(utterances).items():
            yield _fault(TextFault.WHOLE_IN_SEVERAL, counted(count, "row"), split, str(path))
    yield from _shared(TextFault.SHARED_SENTENCE, splits, _sentences)
    yield from _shared(TextFault.SHARED_SPEAKER, splits, _speakers)
    yield from _labels("the intent", splits, lambda utterance: [utterance.frame.intent] if utterance.frame else [])
    yield from _labels("the entity type", splits, lambda utterance: [e.type for e in utterance.entities])


def text_faults(utterance: Utterance) -> Iterator[tuple[TextFault, str]]:
    """Yield each kind of fault of one row's text and labels, with the characters or word that show it."""
    if not utterance.id.strip():
        yield TextFault.EMPTY_ID, ""
    if not (utterance.text or "").strip() and (utterance.text is not None or not utterance.recordings):
        yield TextFault.EMPTY_TEXT, ""
    yield from ((TextFault.EMPTY_FILLER, e.type) for e in utterance.entities if not e.filler.split())
    yield from _strange_characters(utterance)
    if utterance.text is not None:
        absent = absent_fillers(utterance.entities, utterance.text, utterance.language)
        yield from ((TextFault.FILLER_ABSENT, filler) for filler in absent)


def _strange_characters(utterance: Utterance) -> Iterator[tuple[TextFault, str]]:
    frame = utterance.frame
    named = (frame.intent, frame.scenario or "", frame.action or "") if frame else ()
    labels = (utterance.id, utterance.language, *named, utterance.label or "")
    entities = (word for entity in utterance.entities for word in (entity.type, entity.filler))
    speakers = (recording.speaker or "" for recording in utterance.recordings)
    words = "\n".join((utterance.text or "", *labels, *entities, *speakers))
    paths = "".join(str(recording.path) for recording in utterance.recordings)
    for kind, sign in SIGNS.items():
        if found := sign.search(words + paths if kind is TextFault.HALF_CHARACTER else words):
            yield kind, found.group()
    if not unicodedata.is_normalized("NFC", words):
        strange = (word for word in words.split() if not unicodedata.is_normalized("NFC", word))
        yield TextFault.NOT_NFC, next(strange, "a space")


def _repeated_ids(split: str, utterances: Sequence[Utterance]) -> Iterator[Fault]:
    seen = set()
    for row, utterance in enumerate(utterances):
        if utterance.id in seen:
            yield _fault(TextFault.DUPLICATE_ID, "", split, utterance.id, row)
        seen.add(utterance.id)


def _repeated_recordings(split: str, utterances: Sequence[Utterance]) -> Iterator[Fault]:
    """The same file under any name; two files of one name in two folders are two recordings."""
    for row, utterance in enumerate(utterances):
        seen: set[str] = set()
        for place, recording in enumerate(utterance.recordings if len(utterance.recordings) > 1 else ()):
            file = os.path.realpath(recording.path) + (f" {recording.part}" if isinstance(recording, Excerpt) else "")
            if file in seen:
                yield _fault(TextFault.REPEATED_RECORDING, "", split, str(recording.path), row, place)
            seen.add(file)


def _shared_recordings(splits: Splits) -> Iterator[Fault]:
    """Recordings whose sound is also in a split nearer to the test, where it is kept."""
    nearer: dict[str, dict[Part, str]] = {}
    for _, names in groupby(sorted(splits, key=distance_from_test), distance_from_test):
        found = [(split, *one) for split in names for one in _files(splits[split])]
        for split, file, part, row, place, path in found:
            kept = next((where for other, where in nearer.get(file, {}).items() if _overlap(part, other)), None)
            if kept is not None:
                yield _fault(TextFault.SHARED_RECORDING, kept, split, path, row, place)
        for split, file, part, *_ in found:
            nearer.setdefault(file, {}).setdefault(part, split)


def _files(utterances: Sequence[Utterance]) -> Iterator[tuple[str, Part, int, int, str]]:
    """Yield of each recording that exists its file with links resolved, part, row, place in the row, and path."""
    for row, utterance in enumerate(utterances):
        for place, recording in enumerate(utterance.recordings):
            if os.path.isfile(recording.path):
                part = recording.part if isinstance(recording, Excerpt) else (0.0, None, None)
                yield os.path.realpath(recording.path), part, row, place, str(recording.path)


def _overlap(one: Part, other: Part) -> bool:
    """Whether two parts of a file have sound in common, which parts that only meet where times are rounded have not."""
    (start, end, channel), (other_start, other_end, other_channel) = one, other
    last = min(each for each in (end, other_end, math.inf) if each is not None)
    have_a_channel_in_common = channel == other_channel or channel is None or other_channel is None
    return last - max(start, other_start) > ROUNDED and have_a_channel_in_common


def _shared(kind: TextFault, splits: Splits, named: Callable[[Utterance], Mapping[str, str]]) -> Iterator[Fault]:
    """Names that are in splits of different distance from the test, once each, in the first wording found."""
    found: dict[str, dict[str, str]] = {}
    for split, utterances in splits.items():
        for utterance in utterances:
            for name, wording in named(utterance).items():
                found.setdefault(name, {}).setdefault(split, wording)
    for where in found.values():
        if len({distance_from_test(split) for split in where}) > 1:
            first, wording = next(iter(where.items()))
            yield _fault(kind, listed(list(where)), first, wording)


def _two_intents(splits: Splits) -> Iterator[Fault]:
    """Sentences that are labelled with several intents, in one split or in several, each once."""
    intents: dict[str, list[str]] = {}
    found: dict[str, tuple[str, str]] = {}
    for split, utterances in splits.items():
        for utterance in utterances:
            for sentence, wording in _sentences(utterance).items() if utterance.frame else ():
                found.setdefault(sentence, (split, wording))
                known = intents.setdefault(sentence, [])
                if utterance.frame and utterance.frame.intent not in known:
                    known.append(utterance.frame.intent)
    for sentence, labels in intents.items():
        if len(labels) > 1:
            split, wording = found[sentence]
            yield _fault(TextFault.TWO_INTENTS, listed(labels), split, wording)


def _sentences(utterance: Utterance) -> Mapping[str, str]:
    return {} if utterance.text is None else {" ".join(utterance.text.casefold().split()): utterance.text}


def _speakers(utterance: Utterance) -> Mapping[str, str]:
    return {recording.speaker: recording.speaker for recording in utterance.recordings if recording.speaker}


def _labels(noun: str, splits: Splits, of: Callable[[Utterance], Iterable[str]]) -> Iterator[Fault]:
    counts = {
        split: Counter(label for utterance in utterances for label in of(utterance))
        for split, utterances in splits.items()
    }
    training = training_splits(split for split in splits if splits[split])
    trained = {label for split in training for label in counts[split]}
    total = sum(counts.values(), Counter[str]())
    for first, *others in _spellings(total):
        if others:
            begins_in = next(split for split in splits if first in counts[split])
            yield _fault(TextFault.TWO_SPELLINGS, listed(others), begins_in, f"{noun} {first}")
    for label, count in total.items():
        where = [split for split in splits if label in counts[split]]
        if training and label not in trained:
            yield _fault(TextFault.NEVER_TRAINED, listed(where), where[0], f"{noun} {label}")
        elif count == 1:
            yield _fault(TextFault.SEEN_ONCE, "", where[0], f"{noun} {label}")


def _spellings(labels: Iterable[str]) -> Iterable[list[str]]:
    """Labels in groups that differ only in case, in what nobody sees, or between words, in the order of the first."""
    found: dict[str, list[str]] = {}
    for label in labels:
        seen = "".join(char for char in label.casefold() if not is_unseen(char))
        found.setdefault(re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFC", seen)), []).append(label)
    return found.values()


def _fault(
    kind: TextFault, value: str, split: str, subject: str, row: int | None = None, recording: int | None = None
) -> Fault:
    rule = TEXT_RULES[kind]
    shown = value if row is None or recording is not None else repr(value)  # repr shows invisible characters
    return Fault(kind, rule.treatment, split, subject, rule.message.format(value=shown), row, recording)
