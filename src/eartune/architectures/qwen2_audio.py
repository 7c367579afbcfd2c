"""Qwen2-Audio's own classes, at 7B or pocket size, with audio encoded at its true length."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2AudioForConditionalGeneration,
    WhisperFeatureExtractor,
)
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.qwen2_audio.modeling_qwen2_audio import Qwen2AudioEncoder

from eartune.architectures.parts import Parts, lora_pattern
from eartune.audio import SAMPLE_RATE, Wave
from eartune.batches import Batch, Clip, Row
from eartune.prompts import ANSWER_END
from eartune.schemes import Component
from eartune.settings import Decoding

AUDIO_TOKEN = "<|AUDIO|>"
AUDIO_SPECIALS = (AUDIO_TOKEN, "<|audio_bos|>", "<|audio_eos|>")
HOP_SAMPLES = 160  # one mel frame, 10 ms
MARGIN_FRAMES = 4  # the two convolutions look 2 frames past the last valid one; 4 leaves room for evening out
LONGEST_FRAMES = 3000  # 30 s, where the position embeddings end
IGNORED = -100
COMPONENTS = {
    Component.AUDIO_ENCODER: ("model.audio_tower.",),
    Component.MODALITY_ADAPTER: ("model.multi_modal_projector.",),
    Component.LANGUAGE_MODEL: ("model.language_model.", "lm_head."),
}
LORA_LEAVES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class TrimmedEncoder(Qwen2AudioEncoder):
    """The stock tower without its demand for 30 s of mel frames; it adds no parameter.

    Equal to the padded tower on every valid position, because the padding is masked in attention and the
    mel keeps `MARGIN_FRAMES` frames of real silence to the right of each clip.
    """

    def forward(
        self, input_features: Tensor, attention_mask: Tensor | None = None, **kwargs: object
    ) -> BaseModelOutput:
        """Mel (clips, bins, frames), frames even, to states (clips, frames // 4, width)."""
        frames = input_features.shape[-1]
        if frames % 2:
            raise ValueError(f"the mel is {frames} frames wide; the width must be even")
        mel = input_features.to(dtype=self.conv1.weight.dtype, device=self.conv1.weight.device)
        states = nn.functional.gelu(self.conv1(mel))
        states = nn.functional.gelu(self.conv2(states)).permute(0, 2, 1)
        states = states + self.embed_positions.weight[: frames // 2]
        for layer in self.layers:
            states = layer(states, attention_mask)
        states = self.avg_pooler(states.permute(0, 2, 1)).permute(0, 2, 1)
        return BaseModelOutput(last_hidden_state=self.layer_norm(states))


class Qwen2Audio:
    """Qwen2-Audio behind the `AudioLLM` face; see `audio_llm.py` for what each method promises."""

    def __init__(
        self,
        model: Qwen2AudioForConditionalGeneration,
        tokenizer: PreTrainedTokenizerFast,
        mel_extractor: WhisperFeatureExtractor,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.mel_extractor = mel_extractor
        self.audio_token_id: int = model.config.audio_token_id
        self.parts = Parts(model, COMPONENTS, lora_pattern("model.language_model.layers.", LORA_LEAVES))
        model.model.audio_tower.__class__ = TrimmedEncoder  # state dict, saving and PEFT paths stay as they are

    @property
    def module(self) -> nn.Module:
        """All weights."""
        module: nn.Module = self.model
        return module

    # --- input ---------------------------------------------------------------------------------------------

    def features(self, wave: Wave) -> Clip:
        """The log-mel of one 16 kHz clip at its own length, bit-identical to the start of the 30 s mel."""
        n_frames = -(-len(wave) // HOP_SAMPLES)
        width = min(n_frames + MARGIN_FRAMES + n_frames % 2, LONGEST_FRAMES)
        extracted = self.mel_extractor(
            np.asarray(wave),
            sampling_rate=SAMPLE_RATE,
            padding="max_length",  # "longest" would let the STFT reflect the end of the signal
            max_length=width * HOP_SAMPLES,
            return_tensors="pt",
        )
        return Clip(mel=extracted["input_features"][0], n_frames=n_frames, n_tokens=n_audio_tokens(n_frames))

    def collate(self, rows: Sequence[Row]) -> Batch:
        """Rows to left-padded tensors; labels only on answers, no audio tensors when no row has a clip."""
        encoded = [self._token_ids(row) for row in rows]
        width = max(len(prompt) + len(answer) for prompt, answer in encoded)
        input_ids = torch.full((len(rows), width), self.tokenizer.pad_token_id)
        attention_mask = torch.zeros_like(input_ids)
        labels = torch.full_like(input_ids, IGNORED)
        for i, (prompt, answer) in enumerate(encoded):
            start = width - len(prompt) - len(answer)
            input_ids[i, start:] = torch.tensor(prompt + answer)
            attention_mask[i, start:] = 1
            if answer:
                labels[i, -len(answer) :] = torch.tensor(answer)
        clips = [row.clip for row in rows if row.clip is not None]
        return Batch(input_ids, attention_mask, labels, *_stack(clips))

    def _token_ids(self, row: Row) -> tuple[list[int], list[int]]:
        prompt = self._ids(row.prompt.before)
        if row.clip is not None:
            prompt += [self.audio_token_id] * row.clip.n_tokens + self._ids(row.prompt.after)
        answer = [] if row.answer is None else self._ids(row.answer + ANSWER_END)
        return prompt, answer

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    # --- forward -------------------------------------------------------------------------------------------

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Encoder states of padded mels, (clips, bins, frames) to (clips, frames // 4, width)."""
        tower = self.model.model.audio_tower
        positions = torch.arange(mel.shape[-1] // 2, device=mel.device)
        valid = (positions[None, :] < ((n_frames - 1) // 2 + 1)[:, None]).long()
        mask = create_bidirectional_mask(
            config=tower.config,
            inputs_embeds=torch.zeros((*valid.shape, 1), dtype=tower.conv1.weight.dtype, device=mel.device),
            attention_mask=valid,
        )
        states: Tensor = tower(mel, attention_mask=mask).last_hidden_state
        return states

    def embed(self, batch: Batch) -> Tensor:
        """Input embeddings (rows, tokens, width) with each clip's embeddings in place of its placeholders."""
        embeds: Tensor = self.model.get_input_embeddings()(batch.input_ids)
        states = batch.states
        if batch.mel is not None and batch.n_frames is not None:
            padded = self.encode(batch.mel, batch.n_frames)
            lengths = n_audio_tokens(batch.n_frames)
            states = padded[torch.arange(padded.shape[1], device=padded.device)[None, :] < lengths[:, None]]
        if states is None:
            return embeds
        adapter = self.model.model.multi_modal_projector
        heard = adapter(states.to(adapter.linear.weight.dtype))
        slots = batch.input_ids == self.audio_token_id
        if int(slots.sum()) != heard.shape[0]:
            raise ValueError(f"{int(slots.sum())} audio placeholders for {heard.shape[0]} audio embeddings")
        return embeds.masked_scatter(slots[..., None], heard.to(embeds.dtype))

    def hidden(self, batch: Batch) -> Tensor:
        """The language model's last hidden states, (rows, tokens, width)."""
        output = self.model.model.language_model(
            inputs_embeds=self.embed(batch), attention_mask=batch.attention_mask, use_cache=False
        )
        states: Tensor = output.last_hidden_state
        return states

    def head(self, hidden: Tensor) -> Tensor:
        """Logits over the vocabulary for any selection of hidden states."""
        logits: Tensor = self.model.lm_head(hidden)
        return logits

    @torch.no_grad()
    def generate(self, batch: Batch, decoding: Decoding) -> list[str]:
        """One answer a row. Clips are encoded before the beams are spread, so each is encoded once."""
        output = self.model.generate(
            inputs_embeds=self.embed(batch),
            attention_mask=batch.attention_mask,
            num_beams=decoding.beams,
            max_new_tokens=decoding.max_new_tokens,
            do_sample=False,
            suppress_tokens=[self.audio_token_id],
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.tokenizer.convert_tokens_to_ids(ANSWER_END),
        )
        return [text.strip() for text in self.tokenizer.batch_decode(output, skip_special_tokens=True)]

    def save(self, folder: Path) -> None:
        """A checkpoint in the hub's layout, with all that is needed to load it elsewhere."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        self.mel_extractor.save_pretrained(folder)


FrameCount = TypeVar("FrameCount", int, Tensor)


def n_audio_tokens(n_frames: FrameCount) -> FrameCount:
    """Mel frames to audio embeddings: a convolution of stride 2, then pooling by 2; 25 a second."""
    return ((n_frames - 1) // 2 + 1 - 2) // 2 + 1


def _stack(clips: Sequence[Clip]) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Clips to (mel, n_frames, states): mels padded to the longest, or cached states one after another."""
    if not clips:
        return None, None, None
    if clips[0].states is not None:
        return None, None, torch.cat([clip.states for clip in clips if clip.states is not None])
    mels = [clip.mel for clip in clips if clip.mel is not None]
    width = max(mel.shape[-1] for mel in mels)
    padded = torch.stack([nn.functional.pad(mel, (0, width - mel.shape[-1])) for mel in mels])
    return padded, torch.tensor([clip.n_frames for clip in clips]), None
