"""Phi-4-multimodal: a Conformer, an adapter of two layers, and Phi-4-mini; its eyes are never trained."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Phi4MultimodalConfig, Phi4MultimodalFeatureExtractor, Phi4MultimodalForCausalLM

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.models.batch import Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.chat_model import ChatModel
from eartune.models.size import Rate
from eartune.models.tiny import TINY_DECODER, byte_tokenizer, tiny_model
from eartune.settings import Component

AUDIO_TOKEN, IMAGE_TOKEN = "<|audio|>", "<|image|>"
EARS = "model.embed_tokens_extend.audio_embed."


class Phi4Multimodal(ChatModel):
    """12.5 audio tokens a second; its encoder's mask keeps nothing out, so clips go one by one."""

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
    stock_depends_on_batch = True
    components: ClassVar = {
        Component.AUDIO_ENCODER: (f"{EARS}encoder.",),
        Component.MODALITY_ADAPTER: (f"{EARS}up_proj_for_speech.", f"{EARS}down_proj_for_speech."),
        Component.LANGUAGE_MODEL: ("model.layers.", "model.norm.", "model.embed_tokens.", "lm_head."),
    }
    never_trained = (
        "model.embed_tokens_extend.image_embed.",
        f"{EARS}up_proj_for_vision_speech.",  # for speech beside images
        f"{EARS}down_proj_for_vision_speech.",
    )
    lora_layers = "model.layers"
    lora_leaves = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")

    @property
    def audio_token_id(self) -> int:
        """The placeholder's."""
        token_id: int = self.model.config.audio_config.audio_token_id
        return token_id

    @classmethod
    def decoder_of(cls, module: nn.Module) -> Any:
        """The decoder under the head, which has eyes and ears in it; given embeddings, it uses neither."""
        return module.get_submodule("model")

    def features(self, wave: Wave) -> Clip:
        """The log-mel of all windows that lie within the clip."""
        found = self.stock_audio([wave])
        mel = found["audio_input_features"][0]
        return Clip(mel.T, len(mel), int(found["audio_embed_sizes"][0]))

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Each clip's states alone."""
        encoder = self.model.model.embed_tokens_extend.audio_embed.encoder
        mel = mel.transpose(1, 2).to(encoder.embed.out.weight.dtype)
        return torch.cat([encoder(mel[i : i + 1, :n], None)[0] for i, n in enumerate(n_frames.tolist())])

    def adapt(self, states: Tensor) -> Tensor:
        """Encoder states to embeddings of the language model."""
        ears = self.model.model.embed_tokens_extend.audio_embed
        raised = ears.up_proj_for_speech(states.to(ears.up_proj_for_speech.weight.dtype))
        embeddings: Tensor = ears.down_proj_for_speech(torch.nn.functional.gelu(raised))
        return embeddings

    def stock_audio(self, waves: Sequence[Wave]) -> dict[str, Tensor]:
        """Mels, frames before pitch, and the number of tokens of each."""
        waves = [np.asarray(wave) for wave in waves]
        return dict(self.extractor(waves, sampling_rate=SAMPLE_RATE, return_tensors="pt"))

    @classmethod
    def tiny(cls, seed: int = 0, **settings: Any) -> "Phi4Multimodal":
        """Two layers a side, and eyes of two."""
        tokenizer = byte_tokenizer(("<|user|>", "<|assistant|>", AUDIO_TOKEN, IMAGE_TOKEN), cls.chat.answer_end)
        token, width = tokenizer.convert_tokens_to_ids, TINY_DECODER["hidden_size"]
        channels = {"ext_pw_out_channel": width, "depthwise_separable_out_channel": width, "nemo_conv_channels": 8}
        layers = {"hidden_size": width, "intermediate_size": 48, "num_attention_heads": 2}
        config = Phi4MultimodalConfig(
            **TINY_DECODER,
            vocab_size=len(tokenizer),
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.pad_token_id,
            eos_token_id=token(cls.chat.answer_end),
            audio_config=layers | channels | {"num_blocks": 2, "audio_token_id": token(AUDIO_TOKEN)},
            vision_config=layers | {"num_hidden_layers": 2, "image_token_id": token(IMAGE_TOKEN)},
        )
        model = tiny_model(cls.model_class, config, seed, **settings)
        return cls(model, tokenizer, Phi4MultimodalFeatureExtractor())
