"""The four system outputs published with SLURP score as the official scorer scores them.

The predictions and the scorer's numbers are not part of the repository: they are looked for in the folder that
EARTUNE_DATA names, else in ../shared/data beside the repository.
"""

import os
from functools import cache, partial
from pathlib import Path

import pytest

from eartune.evaluation.metrics import Average, Score, evaluate
from eartune.evaluation.scoring.match import Matched, answers_to_score, match
from eartune.evaluation.scoring.predictions import read_answers
from eartune.evaluation.scoring.reference import Reference, read_references
from eartune.files import read_json

DATA = Path(os.environ.get("EARTUNE_DATA") or Path(__file__).parents[4] / "shared/data")

pytestmark = pytest.mark.skipif(
    not (DATA / "slurp_predictions/official_scores.json").is_file(),
    reason=f"SLURP's published predictions are not in {DATA}; name the folder that has them in EARTUNE_DATA",
)

FILES = ("gold_hermit", "gold_sfid", "google_hermit", "google_sfid")
OFFICIAL_NAMES = {
    "scenario_f1": "Scenario",
    "action_f1": "Action",
    "intent_f1": "Intent (scen_act)",
    "entity_f1": "Entities",
    "word_f1": "Entities (distance word)",
    "char_f1": "Entities (distance char)",
    "slu_f1": "Slu f1",
}
RESAMPLES = 1_000
exactly = partial(pytest.approx, rel=0, abs=1e-9)


@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.parametrize("file", FILES)
def test_official_mode_gives_the_official_numbers(file: str, average: Average) -> None:
    expected = read_json(DATA / "slurp_predictions/official_scores.json")[f"{file}_predictions.jsonl"][average]
    scores = official_scores(file, average)
    for name, official_name in OFFICIAL_NAMES.items():
        assert official_fields(scores[name]) == exactly(expected[official_name]), name
    missing, gold_rows = expected["_missing"]
    assert scores["slu_f1"].n == gold_rows - missing
    found = matched(file)
    assert (len(found.pairs), found.missing, found.duplicated, found.unknown) == (gold_rows, missing, 0, 0)


@pytest.mark.parametrize("file", FILES)
def test_accuracy_is_the_official_micro_f1(file: str) -> None:
    scores = official_scores(file, "micro")
    assert scores["intent_accuracy"].value == exactly(scores["intent_f1"].value)


@pytest.mark.parametrize(
    ("file", "accuracy", "slu_f1"), [("google_hermit", 69.57, 64.64), ("google_sfid", 68.29, 62.55)]
)
def test_strict_mode_counts_what_was_not_predicted(file: str, accuracy: float, slu_f1: float) -> None:
    scores = evaluate(answers_to_score(matched(file).pairs), mode="strict", resamples=10)
    assert scores["intent_accuracy"].n == 13_078
    assert round(100 * scores["intent_accuracy"].value, 2) == accuracy
    assert round(100 * scores["slu_f1"].value, 2) == slu_f1


BY_SENTENCE = [
    ("google_hermit", (71.83, 74.99), (64.56, 67.51)),
    ("google_sfid", (70.47, 73.58), (62.44, 65.64)),
]


@pytest.mark.parametrize(("file", "accuracy", "slu_f1"), BY_SENTENCE)
def test_intervals_are_those_of_an_independent_bootstrap(
    file: str, accuracy: tuple[float, float], slu_f1: tuple[float, float]
) -> None:
    scores = official_scores(file, "micro")
    assert percent_interval(scores["intent_accuracy"]) == pytest.approx(accuracy, abs=0.25)
    assert percent_interval(scores["slu_f1"]) == pytest.approx(slu_f1, abs=0.25)


def test_intervals_by_recording_are_the_narrow_ones_of_an_independent_bootstrap() -> None:
    rows = answers_to_score(matched("google_hermit").pairs, cluster="recording")
    scores = evaluate(rows, mode="official", resamples=RESAMPLES)
    assert percent_interval(scores["intent_accuracy"]) == pytest.approx((72.61, 74.20), abs=0.25)
    assert percent_interval(scores["slu_f1"]) == pytest.approx((65.25, 66.76), abs=0.25)


@cache
def official_scores(file: str, average: Average) -> dict[str, Score]:
    return evaluate(answers_to_score(matched(file).pairs), mode="official", average=average, resamples=RESAMPLES)


@cache
def matched(file: str) -> Matched:
    """The gold, one row per sentence or per recording as the file's predictions are, with the predictions."""
    path = DATA / f"slurp_predictions/{file}_predictions.jsonl"
    return match(gold(), read_answers(path, "slurp", {}, "official"), path, "official")


@cache
def gold() -> tuple[Reference, ...]:
    return read_references(DATA / "slurp_devtest/test.jsonl", "slurp")


def official_fields(score: Score) -> dict[str, float | None]:
    return {
        "precision": score.precision,
        "recall": score.recall,
        "f1": score.value,
        "tp": score.true_positives,
        "fp": score.false_positives,
        "fn": score.false_negatives,
    }


def percent_interval(score: Score) -> tuple[float, float]:
    return 100 * score.low, 100 * score.high
