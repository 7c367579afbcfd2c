"""Sections: frozen, unknown keys refused with the nearest known one, faults in one sentence."""

import pytest
from pydantic import Field, ValidationError

from eartune.settings import Decoding, Section, Training, explain


def fault(kind: type[Section], values: object) -> str:
    with pytest.raises(ValidationError) as raised:
        kind.model_validate(values)
    return explain(raised.value, "demo.yaml")


def test_a_section_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Training().batch_size = 2  # type: ignore[misc]


def test_the_defaults_are_the_papers() -> None:
    assert Training().batch_size == 128 and Training().lora is None
    assert Decoding().beams == 3


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"batchsize": 1}, "unknown key 'batchsize'; did you mean 'batch_size'?"),
        ({"lora": {"rnk": 1}}, "lora: unknown key 'rnk'; did you mean 'rank'?"),
        ({"lora": {"xyz": 1}}, "lora: unknown key 'xyz'; known are alpha, dora, dropout, rank"),
        (
            {"lora": {4: 4}},
            "lora: unknown key 4; known are alpha, dora, dropout, rank",
        ),
        ({"batch_size": 0}, "batch_size: input should be greater than or equal to 1"),
        ({"batch_size": "many"}, "batch_size: input should be a valid integer, unable to parse string as an integer"),
        ({"lora": {"dropout": 1.0}}, "lora.dropout: input should be less than 1"),
    ],
)
def test_a_fault_is_one_sentence_with_file_and_place(values: object, said: str) -> None:
    assert fault(Training, values) == f"demo.yaml: {said}"


class Listed(Section):
    """Has a list that must not be empty."""

    seeds: tuple[int, ...] = Field(min_length=1)


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (0, "must be a list, such as [0]"),
        ("5%", "must be a list, such as [5%]"),
        ({"a": 1}, "must be a list"),
        (None, "must be a list"),
        ([], "list should have at least 1 item after validation, not 0"),
    ],
)
def test_what_must_be_a_list_is_not_called_a_tuple(seeds: object, said: str) -> None:
    assert fault(Listed, {"seeds": seeds}) == f"demo.yaml: seeds: {said}"


def test_what_an_answer_passes_through_is_nothing_or_words() -> None:
    assert Decoding().through == "nothing"
    assert fault(Decoding, {"through": "letters"}) == "demo.yaml: through: input should be 'nothing' or 'words'"


def test_all_faults_are_told_in_a_line_each() -> None:
    assert fault(Training, {"batch_size": 0, "lora": {"rnk": 8, "alfa": 1}, "max_grad_norm": "no"}).split("\n") == [
        "demo.yaml: batch_size: input should be greater than or equal to 1",
        "demo.yaml: lora: unknown key 'rnk'; did you mean 'rank'?; unknown key 'alfa'; did you mean 'alpha'?",
        "demo.yaml: max_grad_norm: input should be a valid number, unable to parse string as a number",
    ]
