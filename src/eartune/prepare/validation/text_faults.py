"""What is wrong with the words and labels of rows, and with splits that share what they should not.

Rows are looked at first, one by one; splits only when the rows that are set aside are gone.
"""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from eartune.data.fillers import absent_fillers
from eartune.data.utterance import Utterance
from eartune.prepare.split import distance_from_test, training_splits
from eartune.prepare.validation.finding import Finding, Rule, Treatment
from eartune.wording import listed

Splits = Mapping[str, Sequence[Utterance]]


class TextFault(StrEnum):
    """What can be wrong with words and labels."""

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
    SHARED_RECORDING = "shared-recording"
    NOT_NFC = "not-nfc"
    FILLER_ABSENT = "filler-absent"
    SHARED_SENTENCE = "shared-sentence"
    SHARED_SPEAKER = "shared-speaker"
    NEVER_TRAINED = "never-trained"
    SEEN_ONCE = "seen-once"


_OUT, _WARN = Treatment.SET_ASIDE, Treatment.WARNING
TEXT_RULES = {
    TextFault.DUPLICATE_ID: Rule(_OUT, "an earlier row has the same id; ids must be unique"),
    TextFault.EMPTY_ID: Rule(_OUT, "the id is empty; every row needs one"),
    TextFault.EMPTY_TEXT: Rule(_OUT, "the text is empty; it may be left out where a recording says it"),
    TextFault.EMPTY_FILLER: Rule(_OUT, "the entity {value} has no words"),
    TextFault.HALF_CHARACTER: Rule(_OUT, "holds {value}, half of a character, which UTF-8 cannot write"),
    TextFault.BYTE_ORDER_MARK: Rule(_OUT, "holds a byte order mark, {value}; save the file as UTF-8 without one"),
    TextFault.REPLACEMENT_CHARACTER: Rule(_OUT, "holds {value}, which stands for a character that was lost"),
    TextFault.MOJIBAKE: Rule(_OUT, "holds {value}, which is UTF-8 that was read as Latin-1; read it as UTF-8"),
    TextFault.CONTROL_CHARACTER: Rule(_OUT, "holds the control character {value}"),
    TextFault.CHAT_MARKUP: Rule(_OUT, "holds {value}, which a model takes for the end of a turn or for audio"),
    TextFault.SHARED_RECORDING: Rule(_OUT, "also stands in {value}, which is kept from training"),
    TextFault.NOT_NFC: Rule(_WARN, "has accents as characters of their own (not NFC), as in {value}"),
    TextFault.FILLER_ABSENT: Rule(_WARN, "the filler {value} does not stand in the text"),
    TextFault.SHARED_SENTENCE: Rule(_WARN, "stands in {value}; scores on it show memory"),
    TextFault.SHARED_SPEAKER: Rule(_WARN, "speaks in {value}; scores say nothing of new voices"),
    TextFault.NEVER_TRAINED: Rule(_WARN, "stands in {value} but never in training"),
    TextFault.SEEN_ONCE: Rule(_WARN, "is seen once"),
}

# Letters that UTF-8's first bytes become in Latin-1 or Windows-1252, followed by what its later bytes become. A
# capital before them makes it Portuguese in capitals and quotes, not mojibake.
_LATER = "[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"  # noqa: RUF001  (they are what is looked for)
_MOJIBAKE = f"(?<![A-ZÀ-Þ])[ÂÃ]{_LATER}|â€{_LATER}?|ï»¿|ðŸ|(?:[ÐÑ]{_LATER}){{2}}|(?:[ã-é]{_LATER}{{2}}){{2}}"
SIGNS = {
    TextFault.HALF_CHARACTER: re.compile("[\ud800-\udfff]"),
    TextFault.BYTE_ORDER_MARK: re.compile("\ufeff"),
    TextFault.REPLACEMENT_CHARACTER: re.compile("\ufffd"),
    TextFault.MOJIBAKE: re.compile(_MOJIBAKE),
    TextFault.CONTROL_CHARACTER: re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"),  # tab and line ends are space
    TextFault.CHAT_MARKUP: re.compile(r"<\|[^|<>]*\|>"),
}


def check_rows(splits: Splits) -> Iterator[Finding]:
    """Faults of rows by themselves, ids that stand twice in a split, and recordings that training must not see."""
    for split, utterances in splits.items():
        yield from _repeated_ids(split, utterances)
        for row, utterance in enumerate(utterances):
            for fault, value in text_faults(utterance):
                yield _finding(fault, value, split, utterance.id, row)
    yield from _shared_recordings(splits)


def check_splits(splits: Splits) -> Iterator[Finding]:
    """Sentences and speakers that stand in training and in a test, and labels that are rare or never trained."""
    yield from _shared(TextFault.SHARED_SENTENCE, splits, _sentences)
    yield from _shared(TextFault.SHARED_SPEAKER, splits, _speakers)
    yield from _labels("the intent", splits, lambda utterance: [utterance.frame.intent] if utterance.frame else [])
    yield from _labels("the entity type", splits, lambda utterance: [e.type for e in utterance.entities])


def text_faults(utterance: Utterance) -> Iterator[tuple[TextFault, str]]:
    """Each fault of the words and labels of one row, with what shows it."""
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
    for fault, sign in SIGNS.items():
        if found := sign.search(words + paths if fault is TextFault.HALF_CHARACTER else words):
            yield fault, found.group()
    if not unicodedata.is_normalized("NFC", words):
        strange = (word for word in words.split() if not unicodedata.is_normalized("NFC", word))
        yield TextFault.NOT_NFC, next(strange, "a space")


def _repeated_ids(split: str, utterances: Sequence[Utterance]) -> Iterator[Finding]:
    seen = set()
    for row, utterance in enumerate(utterances):
        if utterance.id in seen:
            yield _finding(TextFault.DUPLICATE_ID, "", split, utterance.id, row)
        seen.add(utterance.id)


def _shared_recordings(splits: Splits) -> Iterator[Finding]:
    """In all splits but those nearest to the test in which the file stands."""
    if len({distance_from_test(split) for split in splits}) < 2:
        return
    nearest: dict[str, str] = {}
    for split in sorted(splits, key=distance_from_test):
        for file, row, place, path in _files(splits[split]):
            kept = nearest.setdefault(file, split)
            if distance_from_test(kept) < distance_from_test(split):
                yield _finding(TextFault.SHARED_RECORDING, kept, split, path, row, place)


def _files(utterances: Sequence[Utterance]) -> Iterator[tuple[str, int, int, str]]:
    """Each recording that is there: the file whatever links lead to it, row, place in the row, path as given."""
    for row, utterance in enumerate(utterances):
        for place, recording in enumerate(utterance.recordings):
            if os.path.isfile(recording.path):
                yield os.path.realpath(recording.path), row, place, str(recording.path)


def _shared(fault: TextFault, splits: Splits, named: Callable[[Utterance], Mapping[str, str]]) -> Iterator[Finding]:
    """What stands in splits of different distance from the test, once each; the first wording found is shown."""
    found: dict[str, dict[str, str]] = {}
    for split, utterances in splits.items():
        for utterance in utterances:
            for name, wording in named(utterance).items():
                found.setdefault(name, {}).setdefault(split, wording)
    for where in found.values():
        if len({distance_from_test(split) for split in where}) > 1:
            first, wording = next(iter(where.items()))
            yield _finding(fault, listed(list(where)), first, wording)


def _sentences(utterance: Utterance) -> Mapping[str, str]:
    return {} if utterance.text is None else {" ".join(utterance.text.casefold().split()): utterance.text}


def _speakers(utterance: Utterance) -> Mapping[str, str]:
    return {recording.speaker: recording.speaker for recording in utterance.recordings if recording.speaker}


def _labels(kind: str, splits: Splits, of: Callable[[Utterance], Iterable[str]]) -> Iterator[Finding]:
    counts = {
        split: Counter(label for utterance in utterances for label in of(utterance))
        for split, utterances in splits.items()
    }
    training = training_splits(split for split in splits if splits[split])
    trained = {label for split in training for label in counts[split]}
    for label, count in sum(counts.values(), Counter[str]()).items():
        where = [split for split in splits if label in counts[split]]
        if training and label not in trained:
            yield _finding(TextFault.NEVER_TRAINED, listed(where), where[0], f"{kind} {label}")
        elif count == 1:
            yield _finding(TextFault.SEEN_ONCE, "", where[0], f"{kind} {label}")


def _finding(
    fault: TextFault, value: str, split: str, what: str, row: int | None = None, recording: int | None = None
) -> Finding:
    rule = TEXT_RULES[fault]
    shown = value if row is None or recording is not None else repr(value)  # repr shows what has no shape
    return Finding(fault, rule.treatment, split, what, rule.says.format(value=shown), row, recording)
