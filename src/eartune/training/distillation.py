"""Distillation: the loss of learning a teacher's probabilities, beside that of right answers, and their files.

cross entropy of the right answers + weight * KL(teacher, who reads the words || student, who hears them)
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.special import xlogy

from eartune.files import atomic
from eartune.models.batch import Batch, TokenProbabilities
from eartune.models.fused_operations import summed_cross_entropy

TINY = 1e-6
"""The least probability of all other tokens together: float32 cannot tell what is left of 1 more exactly."""


def taught_loss(logits: Tensor, batch: Batch, weight: float) -> Tensor:
    """Return the loss summed over answer tokens, a float32 scalar, of logits (answer tokens, vocabulary).

    It is the cross entropy of the tokens of right answers, and `weight` times the divergence from the teacher at the
    tokens that it has taught, of right answers as of its own.
    """
    labels = batch.labels[:, 1:][batch.labels[:, 1:] != -100]
    right, taught = batch.is_right, batch.teacher
    loss = summed_cross_entropy(logits, labels) if right is None else summed_cross_entropy(logits[right], labels[right])
    return loss if taught is None else loss + weight * summed_divergence(logits, taught)


def summed_divergence(logits: Tensor, teacher: TokenProbabilities) -> Tensor:
    """Return the Kullback-Leibler divergence of a student from its teacher, summed over tokens, a float32 scalar.

    `logits` (tokens, vocabulary) are the student's. The teacher's most probable tokens count one by one, and all
    others together as one. Tokens that have no teacher, whose log-probabilities are all minus infinity, add nothing.
    """
    is_taught = teacher.log_probs[:, 0] > -torch.inf
    log_probs = logits[is_taught].log_softmax(dim=-1, dtype=torch.float32)
    wanted, found = teacher.log_probs[is_taught], log_probs.gather(1, teacher.ids[is_taught])
    probs = wanted.exp()
    others, found_others = ((1 - part.sum(dim=1)).clamp(min=TINY) for part in (probs, found.exp()))
    of_others: Tensor = xlogy(others, others) - xlogy(others, found_others)
    return (probs * (wanted - found)).sum() + of_others.sum()


def most_probable(logits: Tensor, number: int) -> TokenProbabilities:
    """Return the most probable tokens and their log-probabilities, best first, of logits (tokens, vocabulary)."""
    best = logits.log_softmax(dim=-1, dtype=torch.float32).topk(min(number, logits.shape[-1]), dim=-1)
    return TokenProbabilities(best.indices, best.values)


def write_probabilities(path: Path, found: TokenProbabilities) -> None:
    """Write the probabilities of one answer; the file is written whole or not at all."""
    with atomic(path) as half_written:
        save_file(
            {"ids": found.ids.int().cpu().contiguous(), "log_probs": found.log_probs.cpu().contiguous()}, half_written
        )


def read_probabilities(path: Path) -> TokenProbabilities:
    """Return the probabilities of one answer."""
    stored = load_file(path)
    return TokenProbabilities(stored["ids"].long(), stored["log_probs"])
