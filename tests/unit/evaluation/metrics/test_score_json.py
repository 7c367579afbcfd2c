"""A score survives its file."""

import json

import pytest

from eartune.evaluation.metrics import Score


@pytest.mark.parametrize(
    "score",
    [Score(0.5, 0.25, 0.75, 40), Score(1.0, 0.0, 1.0, 3, 1.0, 1.0, 2.0, 0.5, 0.0)],
    ids=["accuracy", "f1"],
)
def test_score_comes_back_from_json(score: Score) -> None:
    assert Score.from_json(json.loads(json.dumps(score.to_json()))) == score


def test_what_a_score_lacks_is_not_written() -> None:
    assert Score(0.5, 0.25, 0.75, 40).to_json() == {"value": 0.5, "low": 0.25, "high": 0.75, "n": 40}


def test_a_score_prints_with_its_interval() -> None:
    assert str(Score(0.7309, 0.722, 0.7401, 40)) == "0.731 (95% 0.722-0.740)"
