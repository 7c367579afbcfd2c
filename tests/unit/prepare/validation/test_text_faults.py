"""Every fault of words and labels, and what looks like one and is none."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builders import frame, utterance
from eartune.data.fillers import absent_fillers
from eartune.data.utterance import Recording, Utterance
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.validation.fault import Fault, Treatment
from eartune.prepare.validation.text_faults import TEXT_RULES, TextFault, check_rows, check_splits, text_faults

F = TextFault


def said(text: str | None, name: str = "u1", *entities: str, language: str = "en", speaker: str = "") -> Utterance:
    recordings = (Recording(Path(f"{name}.wav"), 1.0, speaker),) if speaker or text is None else ()
    return Utterance(name, text, language, frame("alarm.set", *entities), recordings)


def faults(row: Utterance) -> list[TextFault]:
    return [fault for fault, _ in text_faults(row)]


def in_words(faults: list[Fault]) -> list[str]:
    return [f"{f.split} {f.row} {f.kind}: {f.subject} {f.message}" for f in faults]


def test_there_is_a_rule_for_every_fault_and_only_words_that_teach_nonsense_are_set_aside() -> None:
    assert TEXT_RULES.keys() == set(TextFault)
    kept = {fault for fault, rule in TEXT_RULES.items() if rule.treatment is Treatment.WARNING}
    assert kept == {
        F.NOT_NFC,
        F.FILLER_ABSENT,
        F.SHARED_SENTENCE,
        F.SHARED_SPEAKER,
        F.NEVER_TRAINED,
        F.SEEN_ONCE,
        F.TWO_INTENTS,
        F.TWO_SPELLINGS,
        F.WHOLE_IN_SEVERAL,
    }


def test_a_recording_that_is_whole_in_rows_of_different_words_is_warned_of_once() -> None:
    """Where the columns of times were not known, every row of a call had all of it, and nothing was said."""
    call, part = Recording(Path("call.wav"), 6.0), Excerpt(Path("call.wav"), 6.0, start=1.0, end=2.0)
    words = ("wake me", "stop", "Stop ", None)
    rows = [replace(said(text, f"u{n}"), recordings=(call,)) for n, text in enumerate(words)]
    rows += [replace(said("go", "part"), recordings=(part,)), replace(said("go", "own"), recordings=(part,))]
    found = [fault for fault in check_splits({"train": rows}) if fault.kind is F.WHOLE_IN_SEVERAL]
    assert in_words(found) == [
        "train None whole-in-several: call.wav is the whole recording of 3 rows with different words; name its parts"
    ]
    assert F.WHOLE_IN_SEVERAL not in [fault.kind for fault in check_splits({"train": rows[1:3], "test": rows[4:]})]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", F.EMPTY_TEXT),
        (" \t\n", F.EMPTY_TEXT),
        ("\ufeffwake me", F.BYTE_ORDER_MARK),
        ("wake me at caf\ufffd", F.REPLACEMENT_CHARACTER),
        ("cafÃ© au lait", F.MOJIBAKE),
        ("Ã‰cole", F.MOJIBAKE),
        ("it costs 3Â£", F.MOJIBAKE),
        ("donâ€™t", F.MOJIBAKE),
        ("wake me ðŸ˜€", F.MOJIBAKE),  # noqa: RUF001
        ("Ð¿Ñ€Ð¸Ð²ÐµÑ‚", F.MOJIBAKE),  # noqa: RUF001
        ("æ—¥æœ¬", F.MOJIBAKE),
        ("ding\x07 dong", F.CONTROL_CHARACTER),
        ("nul\0", F.CONTROL_CHARACTER),
        ("next\x85line", F.CONTROL_CHARACTER),
        ("half \ud83d a smile", F.HALF_CHARACTER),
        ("wake me<|im_end|>", F.CHAT_MARKUP),
        ("cafe\u0301", F.NOT_NFC),
        ("an en\u2000quad", F.NOT_NFC),
    ],
)
def test_words_that_were_damaged(text: str, fault: TextFault) -> None:
    assert faults(said(text)) == [fault]


@pytest.mark.parametrize(
    "text",
    [
        "café, naïve, Ärger, São Paulo, Ângela, Ünal, señor, привет, 日本, ひらがな, ไทย, 한국어",
        "two\tspaces\nand a line",
        "NÃO",
        "diga «MAÇû",
        "Viel Spaß“ sagte er",
        "allé…”",
        "là… et là-bas…",
        "a | b <b> |x|",
        None,
    ],
)
def test_words_that_only_look_damaged(text: str | None) -> None:
    assert faults(said(text)) == []


def test_labels_fillers_speakers_and_ids_are_looked_at_too() -> None:
    assert faults(said("x", "u\ufeff1")) == [F.BYTE_ORDER_MARK]
    assert faults(said("x", speaker="JosÃ©")) == [F.MOJIBAKE]
    assert faults(replace(said("x"), frame=frame("alarm\x00.set"))) == [F.CONTROL_CHARACTER]
    assert faults(said("x\ufffd", "u1", "date:x\ufffd")) == [F.REPLACEMENT_CHARACTER]
    assert faults(replace(said("x"), recordings=(Recording(Path("\udcff.wav"), 1.0),))) == [F.HALF_CHARACTER]


def test_what_could_not_be_read_back_is_set_aside() -> None:
    assert faults(said("x", "")) == [F.EMPTY_ID]
    assert faults(replace(said(None), recordings=())) == [F.EMPTY_TEXT]
    assert faults(said("x", "u1", "date: ")) == [F.EMPTY_FILLER]


@pytest.mark.parametrize(
    ("text", "filler", "language", "stands"),
    [
        ("Wake me on Friday, please", "friday", "en", True),
        ("wake me on friday", "fri", "en", False),
        ("wake me at  seven\tthirty", "seven thirty", "en", True),
        ("wake me at seven", "7:00", "en", False),
        ("at 7:00!", "7:00", "en", True),
        ("mom's birthday", "mom", "en", True),
        ("in der STRASSE", "straße", "de", True),
        ("明日の天気", "天気", "ja", True),
        ("明日の天気", "天気", "ja-JP", True),
        ("明日の天気", "天気", "und", True),
        ("明日の天気", "昨日", "ja", False),
        ("ปลุกฉันพรุ่งนี้", "พรุ่งนี้", "th-TH", True),
        ("北京的天气", "北京", "zh-CN", True),
        ("wake me on friday", "fri", "und", False),
        ("how much in $", "$", "en", True),
    ],
)
def test_fillers_are_looked_for_as_whole_words_where_there_are_words(
    text: str, filler: str, language: str, stands: bool
) -> None:
    row = replace(said(text, language=language), frame=replace(frame(), entities=()))
    row = replace(row, frame=frame("a.b", f"x:{filler}"))
    assert absent_fillers(row.frame.entities, text, language) == ([] if stands else [filler])


def test_nothing_is_looked_for_where_nobody_wrote_the_words_down() -> None:
    assert faults(said(None, "u1", "date:friday")) == []


def test_the_later_rows_of_an_id_are_found_within_a_split_only() -> None:
    rows = [said("a", "u1"), said("b", "u2"), said("c", "u1"), said("d", "u1")]
    found = list(check_rows({"train": rows, "test": rows[:2]}))
    assert [(f.split, f.row, f.kind) for f in found] == [("train", 2, F.DUPLICATE_ID), ("train", 3, F.DUPLICATE_ID)]


def test_a_finding_shows_what_has_no_shape() -> None:
    assert in_words(list(check_rows({"train": [said("a\ufeff")]}))) == [
        "train 0 byte-order-mark: u1 holds a byte order mark, '\\ufeff'; save the file as UTF-8 without one"
    ]


def spoken(name: str, path: Path) -> Utterance:
    path.touch()
    return replace(utterance(name), recordings=(Recording(path, 1.0),))


def test_a_recording_of_the_test_is_taken_from_training_under_whatever_name(tmp_path: Path) -> None:
    a, b, c = (spoken(name, tmp_path / f"{name}.wav") for name in "abc")
    (tmp_path / "link.wav").symlink_to(tmp_path / "a.wav")
    again = [spoken("x", tmp_path / "link.wav"), spoken("y", tmp_path / ".." / tmp_path.name / "b.wav")]
    found = list(check_rows({"train": [*again, c], "dev": [b], "test": [a, b]}))
    assert [(f.split, f.row, f.recording, f.kind) for f in found] == [
        ("dev", 0, 0, F.SHARED_RECORDING),
        ("train", 0, 0, F.SHARED_RECORDING),
        ("train", 1, 0, F.SHARED_RECORDING),
    ]
    assert found[1].message == "is also in test, which must not be trained on"


@pytest.mark.parametrize(
    ("test", "train", "is_shared"),
    [
        ((0.1, 1.9, None), (0.0, None, None), True),
        ((0.0, None, None), (0.1, 1.9, None), True),
        ((0.1, 1.4, None), (0.0, 1.5, None), True),
        ((0.0, None, 0), (0.0, None, None), True),
        ((0.0, 2.0, 0), (1.0, None, 0), True),
        ((0.0, None, 0), (0.0, None, 1), False),
        ((0.0, 1.0, None), (1.0, 2.0, None), False),
        ((0.0, 1.01, None), (1.0, 2.0, None), False),
        ((1.0, None, None), (0.0, 1.0, None), False),
    ],
)
def test_sound_of_the_test_is_not_trained_on_however_it_is_cut(
    tmp_path: Path, test: Any, train: Any, is_shared: bool
) -> None:
    """Only the very same part was found, so that the sound of the test was trained on."""
    (tmp_path / "a.wav").touch()

    def row(part: Any) -> Utterance:
        start, end, channel = part
        whole = part == (0.0, None, None)
        path = tmp_path / "a.wav"
        cut = Recording(path, 2.0) if whole else Excerpt(path, 2.0, start=start, end=end, channel=channel)
        return replace(utterance(), recordings=(cut,))

    found = [(f.split, f.kind) for f in check_rows({"train": [row(train)], "test": [row(test)]})]
    assert found == ([("train", F.SHARED_RECORDING)] if is_shared else [])


def test_a_recording_listed_twice_in_a_row_is_found_under_whatever_name(tmp_path: Path) -> None:
    near, far = (tmp_path / folder / "1.wav" for folder in ("near", "far"))
    for path in (near, far):
        path.parent.mkdir()
        path.touch()
    (tmp_path / "link.wav").symlink_to(near)
    paths = [near, far, tmp_path / "far" / ".." / "near" / "1.wav", tmp_path / "link.wav"]
    row = replace(utterance("u1"), recordings=tuple(Recording(path, 0.5) for path in paths))
    found = list(check_rows({"train": [row, replace(row, id="u2", recordings=row.recordings[:2])]}))
    assert [(f.row, f.recording, f.kind) for f in found] == [(0, 2, F.REPEATED_RECORDING), (0, 3, F.REPEATED_RECORDING)]
    assert found[0].message == "is listed twice in its row; the first one is kept"


def test_two_training_pools_may_share_recordings_sentences_and_speakers(tmp_path: Path) -> None:
    rows = [spoken("a", tmp_path / "a.wav")]
    assert list(check_rows({"text": rows, "speech": rows})) == []
    assert list(check_splits({"text": rows, "speech": rows})) == []


def test_sentences_and_speakers_that_stand_in_training_and_test() -> None:
    train = [
        said("Wake  me", "u1", speaker="ann"),
        said("wake me", "u2", speaker="bob"),
        said("tea", "u3", speaker="Eve"),
    ]
    test = [said("WAKE ME", "t1", speaker="bob"), said("coffee", "t2", speaker="eve")]
    assert in_words(list(check_splits({"train": train, "test": test}))) == [
        "train None shared-sentence: Wake  me is in train and test; scores on it measure memory",
        "train None shared-speaker: bob speaks in train and test; scores say nothing about new speakers",
    ]


def test_a_sentence_of_two_intents_is_named_once_with_both() -> None:
    """ "pay bill" stood under pay_bill and payment_verification, and nobody was told."""
    rows = [
        replace(said(text, f"u{n}"), frame=frame(label))
        for n, (text, label) in enumerate(
            [("Pay  bill", "pay"), ("pay bill", "check"), ("pay BILL", "pay"), ("go", "go")]
        )
    ]
    sentence = "Pay  bill is labelled pay and check; one sentence is learned with one intent"
    assert in_words([f for f in check_splits({"train": rows}) if f.kind == F.TWO_INTENTS]) == [
        f"train None two-intents: {sentence}"
    ]
    across = check_splits({"train": rows[:1], "test": rows[1:2]})
    assert [f.message for f in across if f.kind == F.TWO_INTENTS] == [sentence.removeprefix("Pay  bill ")]
    assert F.TWO_INTENTS not in [f.kind for f in check_splits({"train": [*rows[::2], rows[3]]})]


def test_labels_that_are_rare_or_never_trained() -> None:
    def row(label: str, *entities: str) -> Utterance:
        return utterance(f"u{label}{entities}", None, frame(label, *entities), 1.0)

    train = [row("alarm.set", "date:friday"), row("alarm.set", "date:friday", "time:noon"), row("alarm.off")]
    test = [row("alarm.set", "place:home"), row("music.play")]
    assert in_words(list(check_splits({"train": train, "dev": [], "test": test}))) == [
        "train None seen-once: the intent alarm_off occurs once",
        "test None never-trained: the intent music_play is in test but never in training",
        "train None seen-once: the entity type time occurs once",
        "test None never-trained: the entity type place is in test but never in training",
    ]


def test_labels_that_are_spelled_in_two_ways_are_named_together() -> None:
    """ "Cancel", "CANCEL" and "cancel" were three of nine intents of a table with three."""
    labels = ["order", "Cancel", "ORDER", "pay-bill", "pay_bill", "Order", "cancel", "b1", "b-1"]
    rows = [replace(said(str(n), f"u{n}"), frame=frame(label)) for n, label in enumerate(labels)]
    found = [f for f in check_splits({"train": rows[:4], "test": rows[4:]}) if f.kind == F.TWO_SPELLINGS]
    unseen = ["caf\u00e9", "cafe\u0301", "ca\u00adf\u00e9"]
    rows_unseen = [replace(said(str(n), f"u{n}"), frame=frame(label)) for n, label in enumerate(unseen)]
    (alike,) = (f for f in check_splits({"train": rows_unseen}) if f.kind == F.TWO_SPELLINGS)
    assert alike.message.startswith("is also written cafe\u0301 and ca\u00adf\u00e9; a model")
    same = "a model learns each spelling as a label of its own"
    assert in_words(found) == [
        f"train None two-spellings: the intent order is also written ORDER and Order; {same}",
        f"train None two-spellings: the intent Cancel is also written cancel; {same}",
        f"train None two-spellings: the intent pay-bill is also written pay_bill; {same}",
    ]


def test_a_test_alone_is_not_blamed_for_missing_training() -> None:
    assert [f.kind for f in check_splits({"test": [utterance()]})] == [F.SEEN_ONCE, F.SEEN_ONCE]


def test_fifty_thousand_rows_take_a_few_seconds() -> None:
    """Ten seconds are what the command may take for them; process time does not count what else the machine does."""
    rows = [
        said(f"please wake me number {n} on day {n} at the café", f"u{n}", f"date:day {n}", "place:café")
        for n in range(50_000)
    ]
    started = time.process_time()
    found = [*check_rows({"train": rows[:40_000], "test": rows[40_000:]}), *check_splits({"train": rows, "test": rows})]
    assert time.process_time() - started < 10
    assert len(found) == 50_000  # sentences of training that are of the test, too
