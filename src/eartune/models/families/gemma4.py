"""Gemma 4, the sizes that hear (E2B, E4B): a Conformer that looks back alone, one linear adapter, and Gemma."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from transformers import Gemma4AudioFeatureExtractor, Gemma4Config, Gemma4ForConditionalGeneration

from eartune.data.audio import Wave
from eartune.models.batch import Batch, Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.chat_model import ChatModel
from eartune.models.size import Rate
from eartune.models.tiny import TINY_DECODER, byte_tokenizer, tiny_model
from eartune.settings import Component

AUDIO_TOKEN, AUDIO_OPEN, AUDIO_CLOSE = "<|audio|>", "<|audio>", "<audio|>"
SPECIALS = ("<bos>", "<|turn>", AUDIO_TOKEN, AUDIO_OPEN, AUDIO_CLOSE, "<|image|>", "<|video|>")
FRAMES_A_TOKEN = 4  # two convolutions of stride 2


class Gemma4(ChatModel):
    """25 audio tokens a second; each layer of the decoder is given an embedding of its own for each token."""

    chat = ChatFormat(  # without thinking
        opening="<bos><|turn>user\n",
        audio_open=AUDIO_OPEN,
        audio_close=AUDIO_CLOSE,
        answer_open="<turn|>\n<|turn>model\n",
        answer_end="<turn|>",
    )
    model_class = Gemma4ForConditionalGeneration
    extractor_class = Gemma4AudioFeatureExtractor
    least_transformers = "5.23"
    states = Rate(25)
    components: ClassVar = {
        Component.AUDIO_ENCODER: ("model.audio_tower.",),
        Component.MODALITY_ADAPTER: ("model.embed_audio.",),
        Component.LANGUAGE_MODEL: ("model.language_model.", "lm_head."),
    }
    never_trained = ("model.vision_tower.", "model.embed_vision.")
    lora_leaves = (*ChatModel.lora_leaves, "per_layer_input_gate", "per_layer_projection")

    def features(self, wave: Wave) -> Clip:
        """The log-mel of all windows that lie within the clip."""
        found = self.extractor([np.asarray(wave)], return_tensors="pt")
        mel = found["input_features"][0][found["input_features_mask"][0]]
        return Clip(mel.T, len(mel), -(-len(mel) // FRAMES_A_TOKEN))

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """The states of sound."""
        valid = torch.arange(mel.shape[-1], device=mel.device)[None] < n_frames[:, None]
        output = self.model.model.audio_tower(mel.transpose(1, 2), valid)
        states: Tensor = output.last_hidden_state[output.attention_mask]
        return states

    def adapt(self, states: Tensor) -> Tensor:
        """Encoder states to embeddings of the language model."""
        adapter = self.model.model.embed_audio
        embeddings: Tensor = adapter(states.to(adapter.embedding_projection.weight.dtype))
        return embeddings

    def decoder_inputs(self, batch: Batch) -> dict[str, Tensor]:
        """With the layers' own embeddings, of which those of padding stand for sound."""
        inputs = super().decoder_inputs(batch)
        text = self.model.config.text_config
        if text.hidden_size_per_layer_input:
            ids = batch.input_ids.masked_fill(batch.input_ids == self.audio_token_id, text.pad_token_id)
            inputs["per_layer_inputs"] = self.language_model.get_per_layer_inputs(ids)
        return inputs

    @classmethod
    def weightless_inputs(cls, text: Any, length: int) -> dict[str, Tensor]:
        """With the layers' own embeddings."""
        inputs = super().weightless_inputs(text, length)
        if width := text.hidden_size_per_layer_input:
            own = inputs["inputs_embeds"].new_empty(1, length, text.num_hidden_layers, width)
            inputs["per_layer_inputs"] = own
        return inputs

    def head(self, hidden: Tensor) -> Tensor:
        """Logits, which are bent so that none is beyond a bound."""
        logits, bound = super().head(hidden), self.model.config.text_config.final_logit_softcapping
        return logits if bound is None else bound * torch.tanh(logits / bound)

    def stock_audio(self, waves: Sequence[Wave]) -> dict[str, Tensor]:
        """Mels, frames before pitch, with their mask."""
        return dict(self.extractor([np.asarray(wave) for wave in waves], return_tensors="pt"))

    @classmethod
    def tiny(cls, seed: int = 0, **settings: Any) -> "Gemma4":
        """Two layers a side, one of each kind of attention in the decoder, and an eye of one."""
        tokenizer = byte_tokenizer(SPECIALS, cls.chat.answer_end)
        token, width = tokenizer.convert_tokens_to_ids, TINY_DECODER["hidden_size"]
        kinds = {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 32}
        heads = {"head_dim": 8, "global_head_dim": 8}
        own = {"hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": len(tokenizer)}
        config = Gemma4Config(
            audio_config={"hidden_size": width, "num_hidden_layers": 2, "num_attention_heads": 2}
            | {"subsampling_conv_channels": [128, 4], "output_proj_dims": width},
            vision_config={"hidden_size": width, "intermediate_size": width, "num_hidden_layers": 1}
            | {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16, "position_embedding_size": 64},
            text_config=TINY_DECODER
            | kinds
            | heads
            | own
            | {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, "final_logit_softcapping": 30.0},
            audio_token_id=token(AUDIO_TOKEN),
            image_token_id=token("<|image|>"),
            video_token_id=token("<|video|>"),
        )
        model = tiny_model(cls.model_class, config, seed, **settings)
        return cls(model, tokenizer, Gemma4AudioFeatureExtractor())
