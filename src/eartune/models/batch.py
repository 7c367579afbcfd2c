"""What an architecture's collate takes and gives."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from eartune.models.chat_format import Prompt


@dataclass(frozen=True)
class Clip:
    """One recording as an architecture hears it: mel (bins, frames), or the frozen encoder's states of it."""

    mel: Tensor | None
    n_frames: int
    n_tokens: int
    states: Tensor | None = None  # (states, encoder width)


@dataclass(frozen=True)
class Row:
    """An example ready for a model: prompt, clip if the content is speech, answer if it is to be learned."""

    prompt: Prompt
    clip: Clip | None
    answer: str | None
    token_ids: tuple[list[int], list[int]] | None = None
    """The tokens of prompt and answer, once a model has tokenized the row."""


@dataclass(frozen=True)
class Batch:
    """Padded tensors of some rows; audio fields are None where no row has a clip."""

    input_ids: Tensor  # (rows, tokens)
    attention_mask: Tensor  # (rows, tokens)
    labels: Tensor  # (rows, tokens), -100 everywhere but on answers
    mel: Tensor | None = None  # (clips, bins, frames)
    n_frames: Tensor | None = None  # (clips,) valid mel frames
    states: Tensor | None = None  # (states of all clips, encoder width)
    n_shared: int = 0  # first tokens, the same in all rows, that stand before the padding and are read once

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        moved = {f.name: value.to(device) for f in fields(self) if isinstance(value := getattr(self, f.name), Tensor)}
        return replace(self, **moved)  # type: ignore[arg-type]  # all of them tensors
