"""Gemma 4 in the sizes that take audio (E2B, E4B): a causal Conformer, one linear adapter, and Gemma."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from transformers import Gemma4AudioFeatureExtractor, Gemma4ForConditionalGeneration

from eartune.data.audio import Wave
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Batch, Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.size import Rate
from eartune.models.vllm import Vllm
from eartune.settings import Component

FRAMES_A_TOKEN = 4  # two convolutions of stride 2


class Gemma4(AudioLLM):
    """Gemma 4: 25 audio tokens a second; each layer of the decoder has an embedding of its own for each token."""

    chat = ChatFormat(  # without thinking
        opening="<bos><|turn>user\n",
        audio_open="<|audio>",
        audio_close="<audio|>",
        answer_open="<turn|>\n<|turn>model\n",
        answer_end="<turn|>",
    )
    model_class = Gemma4ForConditionalGeneration
    extractor_class = Gemma4AudioFeatureExtractor
    least_transformers = "5.23"
    states = Rate(25)
    vllm = Vllm(adds_marks=True)
    component_prefixes: ClassVar = {
        Component.AUDIO_ENCODER: ("model.audio_tower.",),
        Component.MODALITY_ADAPTER: ("model.embed_audio.",),
        Component.LANGUAGE_MODEL: ("model.language_model.", "lm_head."),
    }
    never_trained = ("model.vision_tower.", "model.embed_vision.")
    lora_leaves = (*AudioLLM.lora_leaves, "per_layer_input_gate", "per_layer_projection")

    def features(self, wave: Wave) -> Clip:
        """Compute the log-mel of all windows that lie within the clip."""
        found = self.extractor([np.asarray(wave)], return_tensors="pt")
        mel = found["input_features"][0][found["input_features_mask"][0]]
        return Clip(mel.T, len(mel), -(-len(mel) // FRAMES_A_TOKEN))

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Encode mels to the valid states, (audio tokens, encoder width)."""
        valid = torch.arange(mel.shape[-1], device=mel.device)[None] < n_frames[:, None]
        output = self.model.model.audio_tower(mel.transpose(1, 2), valid)
        states: Tensor = output.last_hidden_state[output.attention_mask]
        return states

    def adapt(self, states: Tensor) -> Tensor:
        """Map encoder states (audio tokens, width) to embeddings of the language model."""
        adapter = self.model.model.embed_audio
        embeddings: Tensor = adapter(states.to(adapter.embedding_projection.weight.dtype))
        return embeddings

    def decoder_inputs(self, batch: Batch) -> dict[str, Tensor]:
        """Return the embeddings and the layers' own ones, of which those of the padding token stand for audio."""
        inputs = super().decoder_inputs(batch)
        text = self.model.config.text_config
        if text.hidden_size_per_layer_input:
            ids = batch.input_ids.masked_fill(batch.input_ids == self.audio_token_id, text.pad_token_id)
            inputs["per_layer_inputs"] = self.language_model.get_per_layer_inputs(ids)
        return inputs

    @classmethod
    def meta_inputs(cls, text_config: Any, length: int) -> dict[str, Tensor]:
        """Return inputs of a decoder for one row on the meta device, with the layers' own embeddings."""
        inputs = super().meta_inputs(text_config, length)
        if width := text_config.hidden_size_per_layer_input:
            own = inputs["inputs_embeds"].new_empty(1, length, text_config.num_hidden_layers, width)
            inputs["per_layer_inputs"] = own
        return inputs

    def head(self, hidden: Tensor) -> Tensor:
        """Return logits (..., vocabulary), soft-capped to a bound."""
        logits, bound = super().head(hidden), self.model.config.text_config.final_logit_softcapping
        return logits if bound is None else bound * torch.tanh(logits / bound)

    def stock_audio(self, waves: Sequence[Wave]) -> dict[str, Tensor]:
        """Compute the stock forward's mels (clips, frames, bins) and their mask."""
        return dict(self.extractor([np.asarray(wave) for wave in waves], return_tensors="pt"))
