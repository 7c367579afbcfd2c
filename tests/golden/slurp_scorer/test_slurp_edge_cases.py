"""Awkward input is scored as SLURP's official scorer scores it; edge_cases.yaml is the table."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped,unused-ignore]

from eartune.metrics import Answered, Score, evaluate
from eartune.metrics.distance import character_distance, word_distance
from eartune.semantics import Entity, SemanticFrame

TABLE = yaml.safe_load(Path(__file__).with_name("edge_cases.yaml").read_text(encoding="utf-8"))
METRICS = {"span": "entity_f1", "word": "word_f1", "char": "char_f1", "slu": "slu_f1"}


@pytest.mark.parametrize("case", TABLE["distances"], ids=lambda case: f"{case['gold']!r}-{case['predicted']!r}")
def test_distance(case: dict[str, Any]) -> None:
    assert character_distance(case["gold"], case["predicted"]) == exactly(case["char"])
    if case["word"] == "none":
        with pytest.raises(ValueError, match="the gold filler '' has no words"):
            word_distance(case["gold"], case["predicted"])
    else:
        assert word_distance(case["gold"], case["predicted"]) == exactly(case["word"])


@pytest.mark.parametrize("column", METRICS)
@pytest.mark.parametrize("case", TABLE["entities"], ids=lambda case: case["name"])
def test_entities(case: dict[str, Any], column: str) -> None:
    score = scores(case)[METRICS[column]]
    f1, *counts = case[column]
    assert score.value == exactly(f1)
    assert [score.true_positives, score.false_positives, score.false_negatives] == [exactly(count) for count in counts]
    precision, recall = case.get("precision_recall", (f1, f1))
    assert [score.precision, score.recall] == [exactly(precision), exactly(recall)]


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_nothing_answered_scores_0_with_no_idea_how_good_it_is(average: Any) -> None:
    # The official scorer prints 0 for micro and divides by zero for macro.
    row = Answered(SemanticFrame.of("alarm", "set", [Entity("date", "friday")]), None, "1")
    for score in evaluate([row], mode="official", average=average, resamples=10).values():
        assert (score.value, score.low, score.high, score.n) == (0, 0, 1, 0)


def scores(case: dict[str, Any]) -> dict[str, Score]:
    gold, predicted = (
        SemanticFrame.of("alarm", "set", [Entity(*pair) for pair in case[side]]) for side in ("gold", "predicted")
    )
    return evaluate([Answered(gold, predicted, "1")], mode="official", resamples=1)


def exactly(number: str | int) -> Any:
    return pytest.approx(float(Fraction(number)), rel=0, abs=1e-9)
