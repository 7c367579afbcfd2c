"""Phi-4-multimodal: a Conformer, an adapter of two layers, and Phi-4-mini; its vision encoder is never trained."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Phi4MultimodalFeatureExtractor, Phi4MultimodalForCausalLM

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.size import Rate
from eartune.models.vllm import Vllm
from eartune.settings import Component

AUDIO = "model.embed_tokens_extend.audio_embed."


class Phi4Multimodal(AudioLLM):
    """Phi-4-multimodal: 12.5 audio tokens a second.

    Its encoder's mask hides nothing, so clips are encoded one by one.
    """

    chat = ChatFormat(
        opening="<|user|>",
        audio_open="",
        audio_close="",
        answer_open="<|end|><|assistant|>",
        answer_end="<|end|>",
    )
    model_class = Phi4MultimodalForCausalLM
    extractor_class = Phi4MultimodalFeatureExtractor
    states = tokens = Rate(12.5)
    vllm = Vllm(no_model="it reads the original layout of Phi-4-multimodal alone, and not that of transformers")
    component_prefixes: ClassVar = {
        Component.AUDIO_ENCODER: (f"{AUDIO}encoder.",),
        Component.MODALITY_ADAPTER: (f"{AUDIO}up_proj_for_speech.", f"{AUDIO}down_proj_for_speech."),
        Component.LANGUAGE_MODEL: ("model.layers.", "model.norm.", "model.embed_tokens.", "lm_head."),
    }
    never_trained = (
        "model.embed_tokens_extend.image_embed.",
        f"{AUDIO}up_proj_for_vision_speech.",  # for speech beside images
        f"{AUDIO}down_proj_for_vision_speech.",
    )
    lora_layers = "model.layers"
    lora_leaves = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")

    @property
    def audio_token_id(self) -> int:
        """The id of the token that holds the place of one audio embedding in a prompt."""
        token_id: int = self.model.config.audio_config.audio_token_id
        return token_id

    @classmethod
    def decoder_of(cls, module: nn.Module) -> Any:
        """Return the decoder below the head; both encoders are inside it, and unused where embeddings are given."""
        return module.get_submodule("model")

    def features(self, wave: Wave) -> Clip:
        """Compute the log-mel of all windows that lie within the clip."""
        found = self.stock_audio([wave])
        mel = found["audio_input_features"][0]
        return Clip(mel.T, len(mel), int(found["audio_embed_sizes"][0]))

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Encode each clip alone, to states (audio tokens, encoder width)."""
        encoder = self.model.model.embed_tokens_extend.audio_embed.encoder
        mel = mel.transpose(1, 2).to(encoder.embed.out.weight.dtype)
        return torch.cat([encoder(mel[i : i + 1, :n], None)[0] for i, n in enumerate(n_frames.tolist())])

    def adapt(self, states: Tensor) -> Tensor:
        """Map encoder states (audio tokens, width) to embeddings of the language model."""
        audio = self.model.model.embed_tokens_extend.audio_embed
        raised = audio.up_proj_for_speech(states.to(audio.up_proj_for_speech.weight.dtype))
        embeddings: Tensor = audio.down_proj_for_speech(torch.nn.functional.gelu(raised))
        return embeddings

    def stock_audio(self, waves: Sequence[Wave]) -> dict[str, Tensor]:
        """Compute the stock forward's mels (clips, frames, bins), and the number of tokens of each clip."""
        waves = [np.asarray(wave) for wave in waves]
        return dict(self.extractor(waves, sampling_rate=SAMPLE_RATE, return_tensors="pt"))
