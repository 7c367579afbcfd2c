"""Slots by their places among the tokens, against MASSIVE's way of counting written out with BIO labels."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eartune.data.corpora.massive import OUTSIDE
from eartune.data.frame import Entity, SemanticFrame
from eartune.evaluation.metrics import Answered, Score, evaluate
from eartune.evaluation.scoring.positions import entities_by_position, fit_labels, locate_entities

Span = tuple[str, int, int]

label_lists = st.lists(st.sampled_from([OUTSIDE, "date", "time"]), min_size=1, max_size=8)
sentences = st.lists(st.tuples(label_lists, label_lists), min_size=1, max_size=5)
spoken = st.lists(st.sampled_from(["ten", "am", "Ten", "on", "may"]), min_size=1, max_size=7)
answers = st.lists(
    st.builds(Entity, st.sampled_from(["date", "time"]), spoken.map(lambda words: " ".join(words[:2]))), max_size=4
)


@given(pairs=sentences)
def test_labels_are_scored_as_bio_spans_are(pairs: list[tuple[list[str], list[str]]]) -> None:
    rows, gold, said = [], [], []
    for place, (right, answer) in enumerate(pairs):
        tokens = [f"w{n}" for n in range(len(right))]
        fitted = fit_labels(answer, len(right))
        rows.append(
            Answered(
                frame(entities_by_position(right, tokens)), frame(entities_by_position(fitted, tokens)), str(place)
            )
        )
        gold.append(bio(right))
        said.append(bio([answer[n] if n < len(answer) else OUTSIDE for n in range(len(right))]))
    scores = evaluate(rows, resamples=0)
    assert counts(scores["slot_f1"]) == span_counts(gold, said)
    same = sum(one == other for one, other in zip(gold, said, strict=True))
    assert scores["exact_match"].value == pytest.approx(same / len(pairs))


@given(tokens=spoken, right=label_lists, entities=answers)
def test_answers_without_places_are_scored_as_the_bio_spans_of_the_words_they_name(
    tokens: list[str], right: list[str], entities: list[Entity]
) -> None:
    right = fit_labels(right, len(tokens))
    labels, nowhere = naively_located(entities, tokens)
    row = Answered(frame(entities_by_position(right, tokens)), frame(locate_entities(entities, tokens, "en-US")), "1")
    hits, spurious, missed = span_counts([bio(right)], [bio(labels)])
    assert counts(evaluate([row], resamples=0)["slot_f1"]) == (hits, spurious + nowhere, missed)


@given(right=label_lists)
def test_the_gold_fillers_in_any_order_find_their_places_again(right: list[str]) -> None:
    tokens = [f"w{n}" for n in range(len(right))]
    said = [Entity(kind, " ".join(tokens[start:end])) for kind, start, end in sorted(spans(bio(right)))]
    assert locate_entities(said, tokens, "en-US") == entities_by_position(right, tokens)


def test_a_filler_names_its_tokens_and_the_first_ones_place() -> None:
    tokens = ["wake", "me", "at", "ten", "am", "on", "friday"]
    found = entities_by_position([OUTSIDE, OUTSIDE, OUTSIDE, "time", "time", OUTSIDE, "date"], tokens)
    assert found == (Entity("time", "ten am @3"), Entity("date", "friday @6"))


def test_touching_slots_of_one_type_are_one_and_of_two_types_are_two() -> None:
    tokens = ["ann", "bob", "ten"]
    assert entities_by_position(["person", "person", "time"], tokens) == (
        Entity("person", "ann bob @0"),
        Entity("time", "ten @2"),
    )
    said = (Entity("person", "bob"), Entity("person", "ann"), Entity("time", "ten"))
    assert locate_entities(said, tokens, "en-US") == entities_by_position(["person", "person", "time"], tokens)


def test_the_same_words_twice_take_two_places_and_a_third_time_none() -> None:
    found = locate_entities([Entity("time", "ten")] * 3, ["ten", "or", "ten"], "en-US")
    assert found == (Entity("time", "ten @0"), Entity("time", "ten @2"), Entity("time", "ten @nowhere"))


def test_words_that_were_taken_are_not_part_of_another_slot() -> None:
    found = locate_entities([Entity("time", "ten am"), Entity("date", "am friday")], ["ten", "am", "friday"], "en-US")
    assert found == (Entity("time", "ten am @0"), Entity("date", "am friday @nowhere"))


@pytest.mark.parametrize("filler", ["eleven", "ten friday", "", "  ", "ten am friday now", "ten am @0"])
def test_an_entity_that_stands_nowhere_is_spurious(filler: str) -> None:
    tokens = ["ten", "am", "friday"]
    found = locate_entities([Entity("time", filler)], tokens, "en-US")
    assert found == (Entity("time", f"{filler} @nowhere"),)
    gold = frame(entities_by_position(["time", "time", OUTSIDE], tokens))
    assert counts(evaluate([Answered(gold, frame(found), "1")], resamples=0)["slot_f1"]) == (0, 1, 1)


def test_case_is_not_a_matter_of_place() -> None:
    assert locate_entities([Entity("date", "FRIDAY")], ["on", "Friday"], "en-US") == (Entity("date", "Friday @1"),)


@pytest.mark.parametrize(
    ("locale", "place"), [("ja-JP", "五 時 @2"), ("zh-CN", "五 時 @2"), ("en-US", "五時 @nowhere")]
)
def test_without_spaces_a_place_is_that_of_a_character(locale: str, place: str) -> None:
    assert locate_entities([Entity("time", "五時")], list("明日五時に"), locale) == (Entity("time", place),)


def test_labels_are_cut_or_filled_up_to_the_reference() -> None:
    assert fit_labels(["date", "date", "time"], 2) == ["date", "date"]
    assert fit_labels(["date"], 3) == ["date", OUTSIDE, OUTSIDE] and fit_labels([], 1) == [OUTSIDE]


def frame(entities: tuple[Entity, ...]) -> SemanticFrame:
    return SemanticFrame("alarm_set", entities)


def bio(labels: Sequence[str]) -> list[str]:
    """A "B-" wherever the label changes, an "I-" where it goes on."""
    found, before = [], OUTSIDE
    for label in labels:
        found.append("O" if label == OUTSIDE else f"I-{label}" if label == before else f"B-{label}")
        before = label
    return found


def spans(tags: Sequence[str]) -> list[Span]:
    """(type, start, end) of each "B-" and the "I-" after it."""
    found: list[Span] = []
    for place, tag in enumerate(tags):
        if tag.startswith("B-"):
            found.append((tag[2:], place, place + 1))
        elif tag.startswith("I-"):
            kind, start, _ = found.pop()
            found.append((kind, start, place + 1))
    return found


def span_counts(gold: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> tuple[int, int, int]:
    """Hits, spurious and missed spans of a corpus."""
    right = {(row, span) for row, tags in enumerate(gold) for span in spans(tags)}
    answered = {(row, span) for row, tags in enumerate(said) for span in spans(tags)}
    return len(right & answered), len(answered - right), len(right - answered)


def naively_located(entities: Sequence[Entity], tokens: Sequence[str]) -> tuple[list[str], int]:
    """The labels after each entity took the first place that is free, and how many found none."""
    labels, taken, nowhere = [OUTSIDE] * len(tokens), [False] * len(tokens), 0
    for entity in entities:
        words = entity.filler.lower().split()
        for start in range(len(tokens)):
            here = [token.lower() for token in tokens[start : start + len(words)]]
            if here == words and not any(taken[start : start + len(words)]):
                labels[start : start + len(words)] = [entity.type] * len(words)
                taken[start : start + len(words)] = [True] * len(words)
                break
        else:
            nowhere += 1
    return labels, nowhere


def counts(score: Score) -> tuple[float | None, ...]:
    return score.true_positives, score.false_positives, score.false_negatives
