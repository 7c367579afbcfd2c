"""The input of a model: clips, rows of prompt, clip and answer, and padded batches of rows."""

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from eartune.models.chat_format import Prompt


@dataclass(frozen=True)
class Clip:
    """The audio of one recording as a family's encoder takes it: a mel spectrogram, or cached encoder states.

    Exactly one of `mel` and `states` is set.
    """

    mel: Tensor | None
    """The log-mel spectrogram, (bins, frames); it may be wider than `n_frames`."""
    n_frames: int
    """The number of frames of the recording. A frame is 10 ms, but 20 ms for Granite Speech and 60 ms for
    Fun-ASR-Nano, whose extractors put neighbouring frames side by side."""
    n_tokens: int
    """The number of language-model positions that the clip takes, each held by an audio token in the prompt."""
    states: Tensor | None = None
    """The encoder states of this clip, (states, width), as the family's `encode` returns them; None if not encoded."""


class TokenProbabilities(NamedTuple):
    """The tokens that a model finds most probable at each place of an answer, best first."""

    ids: Tensor
    """Token ids, int64, (answer tokens, tokens kept)."""
    log_probs: Tensor
    """Their log-probabilities, float32, of the same shape; minus infinity where nothing is known."""

    def to(self, device: torch.device) -> "TokenProbabilities":
        """Return the same on another device."""
        return TokenProbabilities(self.ids.to(device), self.log_probs.to(device))


@dataclass(frozen=True)
class Row:
    """One example for a model: the prompt, the clip if its content is speech, and the answer if it is to be learned."""

    prompt: Prompt
    clip: Clip | None
    answer: str | None
    token_ids: tuple[list[int], list[int]] | None = None
    """The tokens of prompt and answer, once a model has tokenized the row."""
    teacher: TokenProbabilities | None = None
    """What a teacher finds probable at each token of the answer, the end included; None if there is no teacher."""
    is_right: bool = True
    """Whether the answer is known to be right, and not one that the teacher wrote."""


@dataclass(frozen=True)
class Batch:
    """Some rows as padded tensors; the audio fields are None where no row has a clip."""

    input_ids: Tensor
    """Token ids, (rows, tokens), with one audio token for each embedding of a clip."""
    attention_mask: Tensor
    """1 on tokens and 0 on padding, (rows, tokens)."""
    labels: Tensor
    """The ids of the answers' tokens and -100 everywhere else, (rows, tokens)."""
    mel: Tensor | None = None
    """Mel spectrograms, padded to the widest, (clips, bins, frames)."""
    n_frames: Tensor | None = None
    """The number of frames of each mel that belong to its recording, (clips,); see `Clip.n_frames` for their unit."""
    states: Tensor | None = None
    """The cached encoder states of all clips one after another, (states of all clips, width): the encoder's width, or
    the language model's for families whose `encode` includes the modality adapter."""
    n_shared: int = 0
    """The number of leading tokens shared by all rows; they precede the padding and are computed once."""
    teacher: TokenProbabilities | None = None
    """What a teacher finds probable at the answer tokens of all rows, one row after another; None without a teacher."""
    is_right: Tensor | None = None
    """Whether each of these tokens is of a right answer, (answer tokens of all rows,); None if all of them are."""

    def to(self, device: torch.device) -> "Batch":
        """Return the same batch on another device."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        movable = {name: value for name, value in values.items() if isinstance(value, Tensor | TokenProbabilities)}
        moved: dict[str, Any] = {name: value.to(device) for name, value in movable.items()}
        return replace(self, **moved)
