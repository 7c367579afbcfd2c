"""The modality adapter in closed form: frames are aligned to tokens, then mapped by ridge regression."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm import trange

ROUNDS = 5
RIDGE = 1e-3  # of the mean variance of a feature
SILENCE_THRESHOLD = 0.4  # a frame less than this far along its token, relative to the average, may be silence


def fit_adapter(states: Sequence[Tensor], tokens: Sequence[Sequence[int]], embeddings: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight (width, features) and bias (width,) that map a frame to the embedding of its token.

    states: (frames, features) for each clip; tokens: those of its text; embeddings: (vocabulary, width) of the language
    model.
    Frames between words are mapped to the mean embedding. Each round aligns every clip's frames to its tokens
    (monotone, Viterbi) under the current map and solves for the next; the first alignment is uniform.
    """
    frames = torch.cat([clip.float() for clip in states])
    mean, scale = frames.mean(0), frames.std(0) + 1e-5
    normal = (frames - mean) / scale
    counts = torch.bincount(torch.tensor([t for text in tokens for t in text]), minlength=len(embeddings))
    centre = embeddings[counts > 0].float().mean(0)
    weights = torch.cat([counts.clamp(min=1) ** -0.5, torch.tensor([counts.sum() ** -0.5])])
    table = torch.cat([embeddings.float() - centre, torch.zeros(1, embeddings.shape[1])])  # the last row is silence
    silence = len(embeddings)
    directions = torch.nn.functional.normalize(table, dim=1)
    paths = [np.asarray([silence, *(t for token in text for t in (token, silence))]) for text in tokens]
    labels = np.concatenate([uniform(len(clip), path) for clip, path in zip(states, paths, strict=True)])
    weight = torch.empty(0)
    for _ in (progress := trange(ROUNDS, desc="adapter", unit="round")):
        weight = ridge(normal, table[torch.from_numpy(labels)], weights[torch.from_numpy(labels), None])
        guesses = normal @ weight.T
        spoken = torch.from_numpy(labels != silence)
        fit = (guesses * directions[torch.from_numpy(labels)]).sum(1)[spoken].mean()
        aligned, start = [], 0
        for clip, path in zip(states, paths, strict=True):
            scores = guesses[start : start + len(clip)] @ directions[path].T
            scores[:, 0::2] = SILENCE_THRESHOLD * fit
            aligned.append(path[viterbi(scores.numpy())])
            start += len(clip)
        changed = float((np.concatenate(aligned) != labels).mean())
        labels = np.concatenate(aligned)
        progress.set_postfix(changed=f"{changed:.1%}", silent=f"{(labels == silence).mean():.0%}")
    weight = weight / scale
    return weight, centre - weight @ mean


def uniform(n_frames: int, path: Sequence[int]) -> np.ndarray:
    """Return the first alignment: an eighth of the clip is silence at either end, with tokens spread evenly between."""
    edge = n_frames // 8
    inner = np.linspace(0, len(path) // 2, n_frames - 2 * edge, endpoint=False).astype(int)
    return np.asarray(path)[np.concatenate([np.zeros(edge, int), 2 * inner + 1, np.full(edge, len(path) - 1)])]


def viterbi(scores: np.ndarray) -> np.ndarray:
    """Return the best state for each frame from scores (frames, states); states are silence, token, ..., silence.

    A path starts in one of the first two states, ends in one of the last two, and advances by 0, 1 or, over silence, 2.
    """
    n_frames, n_states = scores.shape
    best = np.full(n_states, -np.inf)
    best[:2] = scores[0, :2]
    came_from = np.zeros((n_frames, n_states), int)
    states = np.arange(n_states)
    may_skip = (states % 2 == 1) & (states >= 3)
    for t in range(1, n_frames):
        moves = np.full((3, n_states), -np.inf)
        moves[0] = best
        moves[1, 1:] = best[:-1]
        moves[2, 2:] = best[:-2]
        moves[2, ~may_skip] = -np.inf
        step = moves.argmax(0)
        came_from[t] = states - step
        best = moves[step, states] + scores[t]
    path = np.empty(n_frames, int)
    path[-1] = n_states - 1 if best[-1] >= best[-2] else n_states - 2
    for t in range(n_frames - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return path


def ridge(features: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the weights (targets, features) of a weighted ridge regression; both sides are centred already."""
    weighted = features * (weights / weights.mean())
    gram = weighted.T @ features / len(features)
    gram += RIDGE * torch.eye(len(gram)) * gram.diagonal().mean()
    return torch.linalg.solve(gram, weighted.T @ targets / len(features)).T.contiguous()
