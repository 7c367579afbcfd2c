"""Awkward input is scored as SLURP's official scorer scores it; edge_cases.yaml is the table."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped,unused-ignore]

from eartune.data.frame import Entity, SemanticFrame
from eartune.errors import InputError
from eartune.evaluation.metrics import Answered, Mode, Score, evaluate
from eartune.evaluation.metrics.distance import character_distance, word_distance
from eartune.evaluation.scoring.match import Matched, answers_to_score, match
from eartune.evaluation.scoring.predictions import read_answers
from eartune.evaluation.scoring.reference import read_references

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
    f1, *_ = case[column]
    assert fields(score) == exact_fields(case[column])
    precision, recall = case.get("precision_recall", (f1, f1))
    assert [score.precision, score.recall] == [exactly(precision), exactly(recall)]


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_nothing_answered_scores_0_with_no_idea_how_good_it_is(average: Any) -> None:
    # The official scorer prints 0 for micro and divides by zero for macro.
    row = Answered(SemanticFrame.of("alarm", "set", [Entity("date", "friday")]), None, "1")
    for score in evaluate([row], mode="official", average=average, resamples=10).values():
        assert (score.value, score.low, score.high, score.n) == (0, 0, 1, 0)


@pytest.mark.parametrize("mode", ["official", "strict"])
@pytest.mark.parametrize("case", TABLE["written"], ids=lambda case: case["name"])
def test_entities_as_a_file_writes_them(case: dict[str, Any], mode: Mode, tmp_path: Path) -> None:
    answer = ANSWER | {"file": "a.flac", "entities": [json.loads(case["predicted"])]}
    if case[mode] == "refused":
        with pytest.raises(InputError, match=r'^\S*predictions\.jsonl, row 2: "entities" must be a list of [^\n]*$'):
            read(tmp_path, mode, ANSWER | {"file": "b.flac"}, answer)
    else:
        found = evaluate(answers_to_score(read(tmp_path, mode, answer).pairs[:1]), mode=mode, resamples=1)
        assert {column: fields(found[METRICS[column]]) for column in METRICS} == {
            column: exact_fields(case[mode][column]) for column in METRICS
        }


@pytest.mark.parametrize("key", ["file", "scenario", "action", "entities"])
def test_a_prediction_without_a_key_is_officially_refused_in_one_sentence(key: str, tmp_path: Path) -> None:
    fault = {name: value for name, value in (ANSWER | {"file": "a.flac"}).items() if name != key}
    with pytest.raises(InputError, match=r"^\S*predictions\.jsonl, row 2: needs [^\n]*$"):
        read(tmp_path, "official", ANSWER | {"file": "b.flac"}, fault)


def test_an_id_that_is_a_number_is_officially_found_nowhere(tmp_path: Path) -> None:
    matched = read(tmp_path, "official", ANSWER | {"slurp_id": 7})
    assert (matched.missing, matched.unknown) == (1, 1)
    for score in evaluate(answers_to_score(matched.pairs), mode="official", resamples=10).values():
        assert (score.value, score.n) == (0, 0)


@pytest.mark.parametrize(("key", "mode"), [("7", "official"), (7, "strict"), ("7", "strict")])
def test_other_ids_find_their_sentence(key: str | int, mode: Mode, tmp_path: Path) -> None:
    matched = read(tmp_path, mode, ANSWER | {"slurp_id": key})
    assert (matched.missing, matched.unknown) == (0, 0)
    assert {score.value for score in evaluate(answers_to_score(matched.pairs), mode=mode, resamples=10).values()} == {1}


ANSWER = {"scenario": "alarm", "action": "set", "entities": [{"type": "date", "filler": "friday"}]}
SENTENCE = {
    "slurp_id": 7,
    "scenario": "alarm",
    "action": "set",
    "intent": "set",
    "tokens": [{"id": 0, "surface": "on"}, {"id": 1, "surface": "Friday"}],
    "recordings": [{"file": "a.flac"}, {"file": "b.flac"}],
    "entities": [{"type": "date", "span": [1]}],
}


def read(folder: Path, mode: Mode, *predictions: dict[str, Any]) -> Matched:
    """The sentence, or each of its two recordings where predictions name files, with the predictions."""
    gold, path = folder / "test.jsonl", folder / "predictions.jsonl"
    gold.write_text(json.dumps(SENTENCE), encoding="utf-8")
    path.write_text("\n".join(map(json.dumps, predictions)), encoding="utf-8")
    return match(read_references(gold, "slurp"), read_answers(path, "slurp", {}, mode), path, mode)


def scores(case: dict[str, Any]) -> dict[str, Score]:
    gold, predicted = (
        SemanticFrame.of("alarm", "set", [Entity(*pair) for pair in case[side]]) for side in ("gold", "predicted")
    )
    return evaluate([Answered(gold, predicted, "1")], mode="official", resamples=1)


def fields(score: Score) -> list[Any]:
    return [score.value, score.true_positives, score.false_positives, score.false_negatives]


def exact_fields(row: list[str | int]) -> list[Any]:
    return [exactly(number) for number in row]


def exactly(number: str | int) -> Any:
    return pytest.approx(float(Fraction(number)), rel=0, abs=1e-9)
