"""The test that is held out: its size, its labels, and what is never in training and test at once."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eartune.data.frame import SemanticFrame
from eartune.data.normalization import normalize_spoken_text
from eartune.data.utterance import Recording, Utterance
from eartune.errors import InputError
from eartune.prepare.hold_out import check_one_split, divide, parse_hold_out
from eartune.prepare.importers.excerpt import Excerpt


def row(name: str, text: str | None, intent: str = "go", speaker: str | None = None, file: str = "") -> Utterance:
    recording = Recording(Path(file or f"{name}.wav"), 1.0, speaker)
    return Utterance(name, text, "en", SemanticFrame(intent), (recording,))


def rows_of_speakers(sizes: list[int]) -> list[Utterance]:
    """So many rows of each speaker, all of different words."""
    speakers = [f"s{n}" for n, size in enumerate(sizes) for _ in range(size)]
    return [row(f"u{n}", f"sentence {n}", "go", speaker) for n, speaker in enumerate(speakers)]


def speakers_of(rows: tuple[Utterance, ...]) -> set[str | None]:
    return {recording.speaker for utterance in rows for recording in utterance.recordings}


def test_each_label_has_its_share() -> None:
    rows = [row(f"u{n}", f"sentence {n}", "rare" if n < 10 else "often") for n in range(100)]
    divided = divide(rows, parse_hold_out("20%"))
    assert Counter(u.frame.intent for u in divided.held_out if u.frame) == {"rare": 2, "often": 18}
    assert len(divided.train) == 80 and {u.id for u in divided.train} | {u.id for u in divided.held_out} == {
        u.id for u in rows
    }


def test_of_more_labels_than_are_compared_at_once_each_has_its_share() -> None:
    rows = [row(f"u{n}", f"sentence {n}", f"label {n % 500}") for n in range(2500)]
    held_out = divide(rows, parse_hold_out("20%")).held_out
    counts = Counter(u.frame.intent for u in held_out if u.frame)
    assert len(held_out) == 500 and sum(count == 1 for count in counts.values()) > 450


def test_the_last_of_a_label_is_trained_on() -> None:
    rows = [row(f"u{n}", f"sentence {n}", f"label {n // 4}") for n in range(8)] + [row("a", "alone", "once")]
    for seed in range(5):
        divided = divide(rows, parse_hold_out("60%", seed))
        assert len(divided.held_out) == 5
        assert {u.frame.intent for u in divided.train if u.frame} == {"label 0", "label 1", "once"}


def test_speakers_are_in_one_of_both() -> None:
    rows = [row(f"u{n}", f"sentence {n}", "go", f"s{n % 10}") for n in range(100)]
    divided = divide(rows, parse_hold_out("20%"))
    assert len(speakers_of(divided.held_out)) == 2 and not speakers_of(divided.held_out) & speakers_of(divided.train)
    assert divided.sentence == (
        "held out for the test: 20 of 100 recorded rows (20 %), chosen with seed 0, "
        "of 2 of 10 speakers, none of whom is trained on"
    )


@pytest.mark.parametrize(
    ("sizes", "asked", "said"),
    [
        ([50, 50], "20%", r"50 of 100 recorded rows \(50 %\), .* of 1 of 2 speakers, .*; 20% was asked for"),
        (
            [25, 25, 25, 25],
            "10%",
            r"25 of 100 recorded rows \(25 %\), .* of 1 of 4 speakers, .*; 10% was asked for, but",
        ),
        (
            [33, 33, 33, 1],
            "15%",
            r"34 of 100 recorded rows .* of 2 of 4 speakers, .*; 15% was asked for, but rows that",
        ),
        ([50, 50], "80 utterances", "50 of 100 .*; 80 utterances was asked for"),
        ([99, 1], "20%", "1 of 100 recorded rows"),
        ([47, 46, 7], "15%", "7 of 100 recorded rows .*; 15% was asked for"),
        ([40, 40, 20], "20%", r"20 of 100 recorded rows .* none of whom is trained on$"),
    ],
)
def test_speakers_of_many_rows_are_not_divided_and_another_share_is_said(
    sizes: list[int], asked: str, said: str
) -> None:
    """They were in both, with a reason that was not true; or a speaker of one row was the whole test."""
    divided = divide(rows_of_speakers(sizes), parse_hold_out(asked))
    assert not speakers_of(divided.held_out) & speakers_of(divided.train)
    assert re.search(said, divided.sentence)


@pytest.mark.parametrize(
    ("sizes", "n", "said"),
    [
        ([50, 50], 15, "the 2 speakers are in both, as keeping them apart would hold out far more or less"),
        ([99, 1], 15, "the 2 speakers are in both, as keeping them apart would hold out far more or less"),
        (
            [25, 25, 25, 25],
            25,
            "; 15% was asked for, but rows that share words, a recording or a speaker stay together",
        ),
    ],
)
def test_a_part_that_is_to_keep_its_share_may_be_of_speakers_who_are_trained_on(
    sizes: list[int], n: int, said: str
) -> None:
    divided = divide(rows_of_speakers(sizes), replace(parse_hold_out("15%"), keep_share=True))
    assert len(divided.held_out) == n and divided.sentence.endswith(said)


@pytest.mark.parametrize("percent", [20, 60])
def test_where_all_speakers_say_the_same_sentences_stay_whole_and_it_is_said(percent: int) -> None:
    """At 60 %, all rows were chosen, and it ended as if they could not be divided."""
    rows = [row(f"u{n}", f"Sentence {n % 10}!", "go", f"s{n // 10}") for n in range(100)]
    divided = divide(rows, parse_hold_out(f"{percent}%"))
    assert len(divided.held_out) == percent and "the 10 speakers are in both" in divided.sentence
    assert not {u.text for u in divided.held_out} & {u.text for u in divided.train}


def test_parts_of_one_recording_and_wordings_of_one_sentence_stay_together() -> None:
    calls = [
        replace(row(f"u{n}", None), recordings=(Excerpt(Path(f"call{n // 4}.wav"), 1.0, start=n % 4, end=n % 4 + 1.0),))
        for n in range(40)
    ]
    said = [row("x1", "Lights on!"), row("x2", "lights on"), row("x3", "lights  on")]
    divided = divide([*calls, *said], parse_hold_out("30%"))
    for name in {u.id for u in divided.held_out}:
        assert name.startswith("x") or all(
            f"u{4 * (int(name[1:]) // 4) + part}" in {u.id for u in divided.held_out} for part in range(4)
        )
    assert {"x1", "x2", "x3"} & {u.id for u in divided.held_out} in (set(), {"x1", "x2", "x3"})


def test_rows_of_text_are_not_counted_where_there_are_recordings_but_go_with_their_sentence() -> None:
    spoken = [row(f"u{n}", f"sentence {n}") for n in range(10)]
    typed = [replace(u, id=f"typed {u.id}", recordings=()) for u in spoken] + [
        Utterance(f"t{n}", f"only typed {n}", "en", SemanticFrame("go")) for n in range(50)
    ]
    divided = divide([*spoken, *typed], parse_hold_out("2 utterances"))
    assert len(divided.held_out) == 4 and len({u.text for u in divided.held_out}) == 2


def test_of_typed_rows_no_speaker_is_spoken_of() -> None:
    rows = [Utterance(f"t{n}", f"typed {n}", "en", SemanticFrame("go")) for n in range(10)]
    assert (
        divide(rows, parse_hold_out("20%")).sentence == "held out for the test: 2 of 10 rows (20 %), chosen with seed 0"
    )


def test_another_seed_holds_out_others_and_the_same_one_the_same() -> None:
    rows = [row(f"u{n}", f"sentence {n}") for n in range(100)]
    first, again, other = (divide(rows, parse_hold_out("20%", seed)).held_out for seed in (0, 0, 1))
    assert first == again != other
    assert divide(rows[::-1], parse_hold_out("20%")).held_out == first[::-1]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(0, 3)), min_size=2, max_size=60),
    st.integers(5, 60),
)
def test_nothing_is_lost_and_no_sentence_is_in_both(numbers: list[tuple[int, int, int]], share: int) -> None:
    rows = [
        row(f"u{n}", f"S {s}." if n % 2 else f"s  {s}", f"i{i}", f"p{p}" if p else None)
        for n, (s, i, p) in enumerate(numbers)
    ]
    try:
        divided = divide(rows, parse_hold_out(f"{share}%"))
    except InputError:
        assert len({s for s, _, _ in numbers}) < 10  # few sentences, each too large to be held out
        return
    assert sorted(u.id for u in (*divided.train, *divided.held_out)) == sorted(u.id for u in rows)
    assert divided.train and divided.held_out
    heard, learned = ({normalize_spoken_text(u.text or "") for u in side} for side in (divided.held_out, divided.train))
    assert not heard & learned
    if "none of whom" in divided.sentence:
        assert not (speakers_of(divided.held_out) & speakers_of(divided.train)) - {None}


@pytest.mark.parametrize("written", ["0%", "100%", "2h", "a fifth", "120%", ""])
def test_an_amount_that_makes_no_test(written: str) -> None:
    with pytest.raises(InputError, match=r"must be a share of the rows, such as 20%, or a number: 100 utterances$"):
        parse_hold_out(written)


@pytest.mark.parametrize(
    ("said", "asked", "fault"),
    [
        (["the same", "the same"], "20%", r"2 rows .* holding out 20%: what has the same .* all of it; use more rows$"),
        (
            ["one", "two"],
            "2 utterances",
            r"2 rows .*, which leaves none to train on; hold out fewer, or use more rows$",
        ),
        (["one", "two"], "1000 utterances", r"2 rows cannot be divided by holding out 1000 utterances, which leaves"),
        (["one"], "20%", r"1 row cannot be divided by holding out 20%, which leaves none to train on"),
    ],
)
def test_what_cannot_be_divided(said: list[str], asked: str, fault: str) -> None:
    with pytest.raises(InputError, match=f"^{fault}"):
        divide([row(f"u{n}", words) for n, words in enumerate(said)], parse_hold_out(asked))


def test_sentences_of_many_rows_are_not_divided_and_another_share_is_said() -> None:
    """It ended as if they could not be divided."""
    divided = divide([row(f"u{n}", f"sentence {n % 4}") for n in range(100)], parse_hold_out("10%"))
    assert len(divided.held_out) == 25
    assert divided.sentence.endswith("; 10% was asked for, but rows that share words or a recording stay together")


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        (["train", "test"], "these are already the splits train and test"),
        (["all", "dev"], "these are already the splits all and dev"),
        (["test"], "these are the split test"),
    ],
)
def test_a_test_that_is_there_already(splits: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_one_split(splits)


def test_a_file_of_any_other_name_can_be_divided() -> None:
    for split in ("all", "train", "calls"):
        check_one_split([split])
