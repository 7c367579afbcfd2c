"""On random corpora, official mode gives what a scorer of loops and dicts gives, written from the rules alone."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eartune.data.frame import Entity, SemanticFrame
from eartune.evaluation.metrics import Answered, Average, Mode, evaluate, evaluate_by_label

Counted = dict[str, list[float]]
"""True positives, false positives and false negatives by label."""

words = st.lists(st.sampled_from(["ten", "am", "10", "a", "m", "am ", "\t", "a\tm", "Ten", "é", "e\u0301"]), max_size=4)
# Two spaces in a row, outer spaces and tabs are what the two distances see differently.
spoken = st.builds(lambda parts, gap: gap.join(parts), words, st.sampled_from([" ", "  "]))
predicted = st.builds(Entity, st.sampled_from(["date", "time"]), spoken)
gold = predicted.filter(lambda entity: entity.filler.split())


def frames(entities: st.SearchStrategy[Entity]) -> st.SearchStrategy[SemanticFrame]:
    names = st.sampled_from(["play", "alarm"]), st.sampled_from(["set", "volume_mute"])
    return st.builds(SemanticFrame.of, *names, st.lists(entities, max_size=4))


corpora = st.lists(
    st.builds(Answered, frames(gold), st.none() | frames(predicted), st.just("1")), min_size=1, max_size=8
)


@settings(max_examples=200)
@given(rows=corpora, average=st.sampled_from(["micro", "macro"]))
def test_official_mode_scores_as_the_rules_say(rows: list[Answered], average: Average) -> None:
    scores = evaluate(rows, mode="official", average=average, resamples=0)
    for name, counted in by_the_rules(rows).items():
        score = scores[name]
        assert (score.precision, score.recall, score.value) == close(average_of(counted, average)), name
        assert (score.true_positives, score.false_positives, score.false_negatives) == close(sums(counted.values()))


@given(rows=corpora)
def test_each_label_is_scored_as_the_rules_say(rows: list[Answered]) -> None:
    scores = evaluate_by_label(rows, mode="official", resamples=0)
    for name, counted in by_the_rules(rows).items():
        found = scores.get(name, {})
        assert {label: score.value for label, score in found.items()} == close(
            {label: ratios(counts)[2] for label, counts in counted.items()}
        )


@given(rows=corpora, mode=st.sampled_from(["strict", "official"]))
def test_intent_accuracy_is_a_share_of_utterances(rows: list[Answered], mode: Mode) -> None:
    asked = [row for row in rows if mode == "strict" or row.predicted]
    right = [row for row in asked if row.predicted and row.predicted.intent == row.reference.intent]
    scores = evaluate(rows, mode=mode, resamples=0)
    assert scores["intent_accuracy"].value == close(len(right) / len(asked) if asked else 0)
    if mode == "official":
        assert scores["intent_f1"].value == close(scores["intent_accuracy"].value)


def by_the_rules(rows: list[Answered]) -> dict[str, Counted]:
    """What SLURP's scorer counts, metric by metric; rows without a prediction are skipped."""
    pairs = [(row.reference, row.predicted) for row in rows if row.predicted]
    labels: tuple[tuple[str, Callable[[SemanticFrame], str]], ...] = (
        ("scenario_f1", lambda frame: str(frame.scenario)),
        ("action_f1", lambda frame: str(frame.action)),
        ("intent_f1", lambda frame: f"{frame.scenario}_{frame.action}"),
    )
    found: dict[str, Counted] = {}
    for metric, label_of in labels:
        counted = found[metric] = defaultdict(lambda: [0.0, 0.0, 0.0])
        for reference, answer in pairs:
            if label_of(reference) == label_of(answer):
                counted[label_of(answer)][0] += 1
            else:
                counted[label_of(answer)][1] += 1
                counted[label_of(reference)][2] += 1
    exactly: Callable[[str, str], float | None] = lambda gold, said: 0.0 if gold == said else None  # noqa: E731
    for metric, distance in (("entity_f1", exactly), ("word_f1", word_error_rate), ("char_f1", character_share)):
        counted = found[metric] = defaultdict(lambda: [0.0, 0.0, 0.0])
        for reference, answer in pairs:
            remaining = list(reference.entities)
            for entity in answer.entities:
                closest, at = None, None
                for place, rival in enumerate(remaining):
                    apart = distance(rival.filler, entity.filler) if rival.type == entity.type else None
                    if apart is not None and (closest is None or apart < closest):
                        closest, at = apart, place
                if closest is None or at is None:
                    counted[entity.type][1] += 1
                else:
                    counted[entity.type] = sums([counted[entity.type], [1, closest, closest]])
                    del remaining[at]
            for entity in remaining:
                counted[entity.type][2] += 1
    word, char = found["word_f1"], found["char_f1"]
    found["slu_f1"] = {label: sums([word[label], char[label]]) for label in word}
    return found


def word_error_rate(gold: str, said: str) -> float:
    """Edits a gold word; runs of white space are one space, and nothing but a space parts words."""
    parts = [[word for word in collapsed(filler).split(" ") if word] for filler in (gold, said)]
    return edits(*parts) / len(parts[0])


def collapsed(text: str) -> str:
    found, run = "", ""
    for character in f"{text}.":
        if character.isspace():
            run += character
        else:
            found, run = found + (" " if len(run) > 1 else run) + character, ""
    return found[:-1].strip()


def character_share(gold: str, said: str) -> float:
    longer = max(len(gold), len(said))
    return edits(list(gold), list(said)) / longer if longer else 1.0


def edits(one: list[str], other: list[str]) -> int:
    """Insertions, deletions and substitutions between two lists, row by row."""
    before = list(range(len(other) + 1))
    for i, left in enumerate(one, start=1):
        row = [i]
        for j, right in enumerate(other, start=1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right)))
        before = row
    return before[-1]


def average_of(counted: Counted, average: Average) -> tuple[float, ...]:
    """Precision, recall and F1: of the sums, or each the mean of its labels'."""
    if average == "micro":
        return ratios(sums(counted.values()))
    of_labels = [ratios(counts) for counts in counted.values()]
    return tuple(sum(column) / len(of_labels) for column in zip(*of_labels, strict=True)) or (0.0, 0.0, 0.0)


def ratios(counts: list[float]) -> tuple[float, float, float]:
    hits, spurious, missed = counts
    precision = hits / (hits + spurious) if hits + spurious else 0.0
    recall = hits / (hits + missed) if hits + missed else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def sums(counts: Iterable[list[float]]) -> list[float]:
    return [sum(column) for column in zip([0.0, 0.0, 0.0], *counts, strict=True)]


def close(expected: Any) -> Any:
    return pytest.approx(expected, rel=0, abs=1e-9)
