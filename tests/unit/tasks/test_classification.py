"""Classification asks for one label: a row's own, or its intent; what is not such an answer keeps its reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import frame, utterance
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.evaluation.metrics import Answered, compare, evaluate
from eartune.tasks.classification import Classes, ClassificationTask
from eartune.tasks.task import ParseStatus

TASK = ClassificationTask()
ANGRY = Utterance("a1", "where is my train", "en", None, (), "angry")
CALM = Utterance("c1", 'he said "fine"', "en", None, (), 'calm "fine"')
MOODS = TASK.labels([ANGRY, CALM])


def test_the_reference_is_the_label_and_without_one_the_intent() -> None:
    assert TASK.reference(ANGRY) == "angry"
    assert TASK.reference(utterance(meaning=frame("alarm.set", "date:friday"))) == "alarm_set"
    both = Utterance("b1", "play it", "en", frame("music.play"), (), "happy")
    assert TASK.reference(both) == "happy"


def test_a_row_without_label_and_intent_is_named() -> None:
    with pytest.raises(InputError, match=r"^n1: needs a label or an intent for the task classification$"):
        TASK.check([ANGRY, Utterance("n1", "hm", "en", None)])


def test_a_label_outside_the_declared_ones_is_named() -> None:
    ClassificationTask(classes=("angry", "calm", "sad")).check([ANGRY])
    with pytest.raises(InputError, match=r"^a1: the label 'angry' is not among task\.classes$"):
        ClassificationTask(classes=("calm",)).check([ANGRY])


def test_labels_are_read_as_they_were_written() -> None:
    assert Classes(frozenset({"angry", 'calm "fine"'})) == MOODS
    assert TASK.read_labels(MOODS.to_json()) == MOODS
    assert (MOODS.describe(), Classes(frozenset("a")).describe()) == ("2 classes", "1 class")


def test_the_answer_to_learn_is_read_back_as_the_label() -> None:
    assert TASK.target(ANGRY) == '{"label":"angry"}'
    for row in (ANGRY, CALM):
        assert TASK.parse(TASK.target(row), MOODS) == (TASK.reference(row), ParseStatus.OK)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{"label": "angry"}', ("angry", ParseStatus.OK)),
        ('{"label":"furious"}', ("furious", ParseStatus.UNKNOWN_LABEL)),
        ('{"label":"\\ud800"}', ("?", ParseStatus.UNKNOWN_LABEL)),
        ('{"label":"angry","entities":[]}', (None, ParseStatus.WRONG_SHAPE)),
        ('{"label":["angry"]}', (None, ParseStatus.WRONG_SHAPE)),
        ('{"label":"calm","label":"angry"}', (None, ParseStatus.WRONG_SHAPE)),
        ('["label"]', (None, ParseStatus.WRONG_SHAPE)),
        ('"angry"', (None, ParseStatus.WRONG_SHAPE)),
        ("angry", (None, ParseStatus.NOT_JSON)),
        ("", (None, ParseStatus.NOT_JSON)),
        ('{"label":"ang', (None, ParseStatus.TRUNCATED)),
    ],
)
def test_what_is_no_label_keeps_its_reason(text: str, read: tuple[str | None, ParseStatus]) -> None:
    assert TASK.parse(text, MOODS) == read


@given(st.text())
def test_reading_never_raises(text: str) -> None:
    answer, status = TASK.parse(text, MOODS)
    assert (answer is None) == (status not in (ParseStatus.OK, ParseStatus.UNKNOWN_LABEL))


def test_a_prompted_model_is_told_the_labels_and_shown_examples() -> None:
    assert TASK.preface([CALM, ANGRY, ANGRY], [ANGRY]) == (
        'Labels: angry, calm "fine".\nwhere is my train -> {"label":"angry"}\n'
    )
    assert TASK.preface([], []) == ""


# --- metrics -----------------------------------------------------------------------------------------------------

GOLD = ["a", "a", "a", "a", "b", "b", "c", "c"]
SAID = ["a", "a", "a", "b", "b", "d", "c", None]
ROWS = [Answered(gold, said, str(place)) for place, (gold, said) in enumerate(zip(GOLD, SAID, strict=True))]


def test_scores_by_hand() -> None:
    """sklearn gives the same: accuracy_score, balanced_accuracy_score, f1_score(average="macro", zero_division=0).

    Of "d", which no reference has, there is an F1 of 0 and no recall. What could not be read is nobody's false alarm.
    """
    scores = evaluate(ROWS, TASK.metrics(MOODS), resamples=100)
    f1 = {"a": 2 * 3 / (2 * 3 + 0 + 1), "b": 2 * 1 / (2 * 1 + 1 + 1), "c": 2 * 1 / (2 * 1 + 0 + 1), "d": 0}
    assert {name: score.value for name, score in scores.items()} == pytest.approx(
        {
            "accuracy": 5 / 8,
            "macro_f1": sum(f1.values()) / 4,
            "unweighted_average_recall": (3 / 4 + 1 / 2 + 1 / 2) / 3,
        }
    )
    assert all(0 <= score.low < score.value < score.high <= 1 for score in scores.values())


def test_rare_labels_weigh_as_much_as_frequent_ones() -> None:
    """Nine of ten right by always saying the frequent label: half of the labels were found."""
    rows = [Answered("calm" if n else "angry", "calm", str(n)) for n in range(10)]
    scores = evaluate(rows, TASK.metrics(MOODS), resamples=50)
    assert scores["accuracy"].value == pytest.approx(0.9)
    assert scores["unweighted_average_recall"].value == pytest.approx(0.5)
    assert scores["macro_f1"].value == pytest.approx((0 + 2 * 9 / 19) / 2)


def test_the_score_of_all_right_and_of_all_wrong() -> None:
    for said, value in (("a", 1.0), ("b", 0.0), (None, 0.0)):
        scores = evaluate([Answered("a", said, "1"), Answered("a", said, "2")], TASK.metrics(MOODS), resamples=50)
        assert {score.value for score in scores.values()} == {value}


def test_two_systems_are_compared_label_by_label() -> None:
    """The second never finds the rare label: little accuracy is lost, and half of the average recall."""
    gold = ["angry" if n % 10 == 0 else "calm" for n in range(100)]
    first = [Answered(label, label, str(n)) for n, label in enumerate(gold)]
    second = [Answered(label, "calm", str(n)) for n, label in enumerate(gold)]
    found = compare(first, second, TASK.metrics(MOODS), resamples=500)
    assert found["accuracy"].value == pytest.approx(-0.1) and found["accuracy"].p < 0.05
    assert found["unweighted_average_recall"].value == pytest.approx(-0.5)
    assert found["unweighted_average_recall"].p < 0.05
    assert found["unweighted_average_recall"].low <= -0.5 <= found["unweighted_average_recall"].high < 0


def test_of_one_label_alone_average_recall_is_accuracy_with_the_same_interval_and_p() -> None:
    """F1 is not: it knows the labels that were said, too. So each of these must go by the metric's own ratio."""
    gold = ["angry"] * 60
    first = [Answered(label, "angry" if n % 3 else "calm", str(n)) for n, label in enumerate(gold)]
    second = [Answered(label, "angry" if n % 5 else f"label {n}", str(n)) for n, label in enumerate(gold)]
    scores = evaluate(first, TASK.metrics(MOODS), resamples=300)
    assert scores["unweighted_average_recall"].value != scores["macro_f1"].value
    found = compare(first, second, TASK.metrics(MOODS), resamples=300)
    for recall, accuracy in (
        (scores["unweighted_average_recall"], scores["accuracy"]),
        (found["unweighted_average_recall"], found["accuracy"]),
    ):
        assert (recall.value, recall.low, recall.high) == pytest.approx((accuracy.value, accuracy.low, accuracy.high))
    assert found["unweighted_average_recall"].p == found["accuracy"].p != found["macro_f1"].p


def test_the_main_metric_is_one_of_the_metrics_and_all_are_defined() -> None:
    metrics = TASK.metrics(MOODS)
    assert TASK.main_metric(MOODS) in metrics
    assert all(metric.definition.endswith(".") for metric in metrics.values())
