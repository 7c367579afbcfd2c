"""A student learns its teacher's probabilities: the divergence is zero where they agree, and nothing else is taught."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from eartune.models.batch import Batch, TokenProbabilities
from eartune.training.distillation import (
    most_probable,
    read_probabilities,
    summed_divergence,
    taught_loss,
    write_probabilities,
)

DRAW = torch.Generator().manual_seed(0)
TEACHER, STUDENT = (torch.randn(5, 40, generator=DRAW) for _ in range(2))
LABELS = torch.tensor([3, 1, 4, 1, 5])


def batch(teacher: TokenProbabilities | None, is_right: Tensor | None) -> Batch:
    """One row whose five answer tokens follow one token of prompt."""
    labels = torch.cat([torch.tensor([-100]), LABELS])[None]
    return Batch(labels, torch.ones_like(labels), labels, teacher=teacher, is_right=is_right)


def test_the_divergence_from_all_tokens_is_that_of_torch() -> None:
    everything = most_probable(TEACHER, 40)
    expected = torch.nn.functional.kl_div(
        STUDENT.log_softmax(-1), TEACHER.log_softmax(-1), log_target=True, reduction="sum"
    )
    torch.testing.assert_close(summed_divergence(STUDENT, everything), expected, atol=1e-3, rtol=1e-4)


def test_tokens_that_are_not_kept_count_as_one() -> None:
    """By hand: three kept tokens and the rest of both distributions."""
    kept = most_probable(TEACHER, 3)
    p, q = TEACHER.softmax(-1), STUDENT.softmax(-1)
    expected = 0.0
    for row in range(5):
        ids = kept.ids[row]
        p_all = torch.cat([p[row, ids], 1 - p[row, ids].sum(0, keepdim=True)])
        q_all = torch.cat([q[row, ids], 1 - q[row, ids].sum(0, keepdim=True)])
        expected += float((p_all * (p_all / q_all).log()).sum())
    assert float(summed_divergence(STUDENT, kept)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("number", [1, 3, 40])
def test_a_student_that_agrees_has_nothing_to_learn(number: int) -> None:
    logits = TEACHER.clone().requires_grad_()
    divergence = summed_divergence(logits, most_probable(TEACHER, number))
    divergence.backward()
    assert float(divergence.detach()) == pytest.approx(0, abs=1e-4)
    assert logits.grad is not None and float(logits.grad.abs().max()) < 1e-4


def test_a_step_down_the_gradient_brings_a_student_nearer() -> None:
    logits, taught = STUDENT.clone().requires_grad_(), most_probable(TEACHER, 4)
    summed_divergence(logits, taught).backward()
    assert logits.grad is not None
    assert summed_divergence((logits - 0.1 * logits.grad).detach(), taught) < summed_divergence(STUDENT, taught)


def test_a_sure_student_of_a_sure_teacher_has_a_finite_loss() -> None:
    sure, wrong = (torch.full((1, 9), -80.0).index_fill_(1, torch.tensor([token]), 80.0) for token in (2, 5))
    assert torch.isfinite(summed_divergence(wrong, most_probable(sure, 3)))


def test_without_a_teacher_the_loss_is_the_cross_entropy() -> None:
    expected = cross_entropy(STUDENT, LABELS, reduction="sum")
    torch.testing.assert_close(taught_loss(STUDENT, batch(None, None), 0.5), expected)


def test_right_answers_and_taught_tokens_are_added_up_each_where_it_is_known() -> None:
    """The first three tokens are of a right answer, the last four have a teacher."""
    taught = most_probable(TEACHER, 4)
    taught.log_probs[0] = -torch.inf
    is_right = torch.tensor([True, True, True, False, False])
    rest = TokenProbabilities(taught.ids[1:], taught.log_probs[1:])
    expected = cross_entropy(STUDENT[:3], LABELS[:3], reduction="sum") + 0.25 * summed_divergence(STUDENT[1:], rest)
    torch.testing.assert_close(taught_loss(STUDENT, batch(taught, is_right), 0.25), expected)


def test_probabilities_are_read_as_they_were_written(tmp_path: Path) -> None:
    taught = most_probable(TEACHER, 4)
    write_probabilities(tmp_path / "one.safetensors", taught)
    found = read_probabilities(tmp_path / "one.safetensors")
    assert found.ids.dtype == torch.int64
    assert torch.equal(found.ids, taught.ids) and torch.equal(found.log_probs, taught.log_probs)
