"""A choice has each label, entity types and frequent values, and else what is typical; it is the same every time."""

import random
from collections import Counter
from collections.abc import Sequence
from itertools import islice

import numpy as np
import pytest

from eartune.data import recording_choice
from eartune.data.frame import Entity
from eartune.data.recording_choice import TIMES_EACH_TYPE, Choice, Reason, Sentence, choose, units_of
from eartune.data.sentence_vectors import sentence_vectors

DRINKS = ("latte", "mocha", "espresso", "tea", "cocoa")


def orders(count: int, seed: int = 0) -> list[Sentence]:
    """Coffee orders, some of which the pool has often, and a rare label in one of fifty."""
    draw = random.Random(seed)
    found: dict[str, Sentence] = {}
    while len(found) < count:
        drink, number = draw.choice(DRINKS), len(found)
        rare = number % 50 == 49
        text = f"{draw.choice(('bring', 'make', 'i want'))} {draw.choice(('me', 'us'))} {drink} number {number}"
        text = f"stop order {number}" if rare else text
        entities = () if rare else (Entity("drink", drink), Entity("number", str(number)))
        found[text] = Sentence(text, draw.choice((1, 1, 5)), "stop" if rare else "order", entities)
    return list(found.values())


def first(sentences: Sequence[Sentence], number: int, seed: int = 0) -> list[Choice]:
    return list(islice(choose(sentences, number, seed), number))


def texts(sentences: Sequence[Sentence], choices: Sequence[Choice]) -> list[str]:
    return [sentences[choice.place].text for choice in choices]


def test_every_label_is_there_though_it_is_rare() -> None:
    pool = orders(200)
    chosen = [pool[choice.place] for choice in first(pool, 2)]
    assert [sentence.label for sentence in chosen] == ["order", "stop"]  # the frequent one first


def test_every_entity_type_is_there_several_times() -> None:
    pool = [Sentence(f"say it {n}", 1, "say") for n in range(40)]
    pool += [Sentence(f"room {n}", 1, "say", (Entity("room", f"r{n}"),)) for n in range(TIMES_EACH_TYPE)]
    chosen = [pool[choice.place] for choice in first(pool, 10)]
    assert sum(bool(sentence.entities) for sentence in chosen) == TIMES_EACH_TYPE


def test_values_take_half_of_the_choice_at_most_the_frequent_ones_first() -> None:
    pool = orders(200)
    choices = first(pool, 40)
    reasons = Counter(choice.reason for choice in choices)
    assert [choice.reason for choice in choices[20:]] == [Reason.TYPICAL] * 20
    assert reasons[Reason.VALUE] == 20 - reasons[Reason.LABEL] - reasons[Reason.TYPE]
    drinks = {e.filler for choice in choices[:20] for e in pool[choice.place].entities if e.type == "drink"}
    assert drinks == {*DRINKS}


def test_the_most_typical_sentence_comes_first() -> None:
    """It resembles the others, or the pool has it often."""
    pool = [Sentence(f"turn on the light in the {room}", 1, "on") for room in ("hall", "kitchen", "bath", "attic")]
    odd = Sentence("zzz yyy xxx", 1, "on")
    assert texts([odd, *pool], first([odd, *pool], 1))[0] != odd.text
    frequent = Sentence(odd.text, 100, "on")
    assert texts([frequent, *pool], first([frequent, *pool], 1)) == [odd.text]


def test_what_is_represented_is_not_chosen_again() -> None:
    pool = [Sentence(f"play jazz song {n}", 1, "do") for n in range(10)] + [Sentence("close the window", 1, "do")]
    assert "close the window" in texts(pool, first(pool, 2))


def test_the_lazy_choice_is_the_greedy_one() -> None:
    """Each choice brings as much as any other sentence would."""
    pool = [Sentence(sentence.text, sentence.count, "one label") for sentence in orders(60)]
    vectors = sentence_vectors([sentence.text for sentence in pool])
    similarity, counts = vectors @ vectors.T, np.array([sentence.count for sentence in pool])
    represented = np.zeros(len(pool))
    for choice in first(pool, 30):
        gains = np.maximum(similarity - represented, 0) @ counts
        assert gains[choice.place] == pytest.approx(gains.max(), rel=1e-5)
        represented = np.maximum(represented, similarity[choice.place])


def test_the_choice_depends_neither_on_the_order_of_the_pool_nor_on_the_time() -> None:
    pool = orders(100)
    shuffled = random.Random(1).sample(pool, len(pool))
    assert texts(pool, first(pool, 30)) == texts(shuffled, first(shuffled, 30))


def test_all_sentences_can_be_chosen_each_once() -> None:
    pool = orders(30)
    assert sorted(choice.place for choice in first(pool, 30)) == list(range(30))
    assert len(list(choose(pool, 5))) == 30


def test_of_a_large_pool_a_sample_is_compared_that_has_what_is_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_choice, "MOST_COMPARED", 50)
    pool = [sentence for sentence in orders(1000) if sentence.label != "stop"] + [Sentence("stop", 1, "stop")]
    one, other = (list(choose(pool, 10, seed)) for seed in (0, 1))
    assert 50 <= len(one) < 70 and all("stop" in texts(pool, choices)[:10] for choices in (one, other))
    assert texts(pool, one) != texts(pool, other)
    frequent = sum(pool[choice.place].count == 5 for choice in one) / len(one)
    assert frequent > 0.5  # a third of the pool


def test_units_are_counted() -> None:
    assert units_of(orders(50)) == {Reason.LABEL: 2, Reason.TYPE: 2, Reason.VALUE: 54}
