"""The face of an architecture: any object with these is one, no base class to inherit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

from eartune.data.audio import Wave
from eartune.models.batch import Batch, Clip, Row
from eartune.models.chat_format import ChatFormat
from eartune.models.components import Parts
from eartune.models.size import Rate
from eartune.settings import Component, Decoding
from eartune.tasks.task import Grammar


class AudioLLM(Protocol):
    """An audio encoder, a modality adapter and a language model that answer prompts about text or speech."""

    @property
    def module(self) -> nn.Module:
        """All weights, as one torch module."""

    @property
    def chat(self) -> ChatFormat:
        """The turns around what it is asked."""

    @property
    def parts(self) -> Parts:
        """Its components: what trains, what is frozen, what was trained."""

    @property
    def tokens(self) -> Rate:
        """Positions that a clip takes in the decoder."""

    @property
    def encoded_by(self) -> tuple[Component, ...]:
        """The components that `encode` runs through: its states may be kept while all of them are frozen."""

    def features(self, wave: Wave) -> Clip:
        """One 16 kHz clip as the encoder wants it, at its true length, with its number of audio tokens."""

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """What the encoder makes of clips, one after another, (states, encoder width)."""

    def collate(self, rows: Sequence[Row]) -> Batch:
        """Rows, any mixture of text and speech, to padded tensors; labels only on answers."""

    def n_positions(self, row: Row) -> int:
        """How many positions of the decoder a row takes, without padding."""

    def hidden(self, batch: Batch) -> Tensor:
        """Last hidden states, (rows, tokens, width); no loss is computed here."""

    def head(self, hidden: Tensor) -> Tensor:
        """Logits of any selection of hidden states."""

    def generate(self, batch: Batch, decoding: Decoding, grammar: Grammar | None = None) -> list[str]:
        """One answer a row, of the grammar if the settings say so; each clip is encoded, each prompt read once."""

    def recompute_activations(self) -> None:
        """Keep no activations of the decoder in training."""

    def save(self, folder: Path) -> None:
        """A checkpoint in the hub's layout."""
