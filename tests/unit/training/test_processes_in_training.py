"""Two and three processes train as one does: losses, gradients and weights, for every modality and what trains."""

from pathlib import Path

import pytest
import torch

import processes_in_training as stages
from eartune.data.example import Example
from eartune.errors import ProcessLostError
from eartune.experiments.ranks import on_ranks
from eartune.models.families.qwen2_audio import Qwen2Audio
from processes_in_training import (
    ADAPTER_ALONE,
    CUT,
    DROPPED,
    EIGHT_BIT,
    FEW,
    ROUNDED,
    TEXT_AND_ADAPTER,
    UNEVEN,
    Case,
    Found,
)

pytestmark = pytest.mark.usefixtures("forks")
OF_FAMILIES = tuple(
    case for case in stages.CASES if case.family is Qwen2Audio or case.trains == stages.EVERYTHING or case.lora
)
"""All kinds of stages of one family, and of the others that in which everything trains, and LoRA."""
SPECIAL = (FEW, TEXT_AND_ADAPTER, ADAPTER_ALONE, UNEVEN, ROUNDED, EIGHT_BIT, CUT)
ON_THREE = (FEW, TEXT_AND_ADAPTER, ADAPTER_ALONE, ROUNDED, CUT)
"""Both train fewer stages here than in benchmarks/ranks.py, so that this takes less than a minute."""
EQUAL = 1e-6
ROUNDING = 2**-7
"""bfloat16 has 8 bits: gradients of a process are rounded before they are added to those of the others."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stages")


@pytest.fixture(scope="module")
def shown(folder: Path) -> tuple[Example, ...]:
    return stages.examples(folder)


@pytest.fixture(scope="module")
def one(shown: tuple[Example, ...], folder: Path) -> dict[Case, Found]:
    """What one process finds."""
    return {case: stages.train(case, shown, folder / "1" / case.name) for case in (*OF_FAMILIES, *SPECIAL)}


@pytest.fixture(scope="module")
def two(shown: tuple[Example, ...], folder: Path) -> dict[Case, list[Found]]:
    """What each of two processes finds."""
    cases = (*OF_FAMILIES, *SPECIAL, DROPPED)
    return dict(zip(cases, on_ranks(2, stages.train_all, cases, shown, folder / "2"), strict=True))


@pytest.fixture(scope="module")
def three(shown: tuple[Example, ...], folder: Path) -> dict[Case, list[Found]]:
    """What each of three processes finds."""
    return dict(zip(ON_THREE, on_ranks(3, stages.train_all, ON_THREE, shown, folder / "3"), strict=True))


TWO_AND_THREE = pytest.mark.parametrize("several", [2, 3], indirect=True)
COMPARED = [case for case in (*OF_FAMILIES, *SPECIAL) if case is not ROUNDED]
PAIRS = [(n, case) for n in (2, 3) for case in COMPARED if n == 2 or case in ON_THREE]


@pytest.fixture
def several(request: pytest.FixtureRequest) -> dict[Case, list[Found]]:
    """What each of two or of three processes finds."""
    found: dict[Case, list[Found]] = request.getfixturevalue({2: "two", 3: "three"}[request.param])
    return found


@pytest.mark.parametrize(("several", "case"), PAIRS, indirect=["several"], ids=str)
def test_several_processes_train_as_one(case: Case, one: dict[Case, Found], several: dict[Case, list[Found]]) -> None:
    for found in several[case]:
        far = stages.differences(one[case], found)
        assert max(far.losses, far.norms, far.gradients, far.weights) < EQUAL


@TWO_AND_THREE
def test_bfloat16_weights_are_trained_alike_within_rounding(
    one: dict[Case, Found], several: dict[Case, list[Found]]
) -> None:
    found = several[ROUNDED]
    far = stages.differences(one[ROUNDED], found[0])
    assert far.losses < 1e-4 and max(far.norms, far.gradients) < ROUNDING
    for name, value in one[ROUNDED].weights.items():
        torch.testing.assert_close(found[0].weights[name], value, rtol=ROUNDING, atol=2 * ROUNDED.rate)
    assert all(stages.differences(found[0], other).weights == 0 for other in found)


@TWO_AND_THREE
def test_what_no_row_reaches_has_no_gradient_and_stays_as_it_is(
    one: dict[Case, Found], several: dict[Case, list[Found]]
) -> None:
    """With zeros for gradients, AdamW would decay the adapter's weights and move them by what it remembers."""
    for found in (one[TEXT_AND_ADAPTER], *several[TEXT_AND_ADAPTER]):
        untouched = [name for name, value in found.gradients[0].items() if value is None]
        assert len(untouched) == 2  # the adapter's weight and bias


@TWO_AND_THREE
def test_the_log_is_written_once(several: dict[Case, list[Found]]) -> None:
    assert len(several[CUT][0].losses) == len(several[CUT][0].gradients)


@pytest.mark.parametrize(("case", "first", "then"), [(CUT, 3, 2), (CUT, 1, 2), (EIGHT_BIT, 2, 1)])
def test_a_stage_cut_on_some_processes_and_taken_up_on_others_ends_as_if_never_cut(
    case: Case, first: int, then: int, shown: tuple[Example, ...], one: dict[Case, Found], tmp_path: Path
) -> None:
    cut_after = len(one[case].losses) - 1
    run_on(first, stages.cut, case, shown, tmp_path, cut_after)
    assert len(list(tmp_path.glob("checkpoint-*/optimizer-*.pt"))) == first
    (resumed,) = run_on(then, stages.train_all, (case,), shown, tmp_path.parent, tmp_path.name)
    for found in resumed:
        far = stages.differences(stages.last_steps(one[case], len(one[case].losses) - cut_after), found)
        assert max(far.losses, far.gradients, far.weights) < EQUAL


def test_a_stage_with_dropout_that_is_cut_ends_as_if_never_cut(
    shown: tuple[Example, ...], two: dict[Case, list[Found]], tmp_path: Path
) -> None:
    """Each process draws for itself; the state of the first one's generator was loaded by all."""
    n_steps = len(two[DROPPED][0].losses)
    on_ranks(2, stages.cut, DROPPED, shown, tmp_path, n_steps - 1)
    (resumed,) = on_ranks(2, stages.train_all, (DROPPED,), shown, tmp_path.parent, tmp_path.name)
    assert stages.differences(stages.last_steps(two[DROPPED][0], 1), resumed[0]) == stages.Differences(0, 0, 0, 0)


def test_a_stage_whose_second_process_is_killed_ends_as_if_it_was_not(
    shown: tuple[Example, ...], one: dict[Case, Found], tmp_path: Path
) -> None:
    with pytest.raises(ProcessLostError, match="process 2 of 2 was killed"):
        on_ranks(2, stages.train_until_killed, CUT, shown, tmp_path, 1, 7)
    (resumed,) = on_ranks(2, stages.train_all, (CUT,), shown, tmp_path.parent, tmp_path.name)
    for found in resumed:
        far = stages.differences(stages.last_steps(one[CUT], len(found.gradients)), found)
        assert max(far.losses, far.gradients, far.weights) < EQUAL


def run_on(n: int, function: object, *arguments: object) -> object:
    return on_ranks(n, function, *arguments) if n > 1 else function(*arguments)  # type: ignore[arg-type,operator]
