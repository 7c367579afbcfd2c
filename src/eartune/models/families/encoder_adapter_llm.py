"""A model where none exists: any Whisper's encoder, an adapter that begins at random, and any causal language model.

    architecture: {type: encoder-adapter-llm, checkpoint: openai/whisper-base + HuggingFaceTB/SmolLM2-135M-Instruct}

It is put together as an Audio Flamingo 3, whose classes take any decoder; saved, it is one. Its adapter must learn to
speak the decoder's language first: see `alignment` in an experiment.
"""

from typing import Any, Self

import torch
from torch import nn
from transformers import (
    AudioFlamingo3Config,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
)

from eartune.errors import InputError
from eartune.models.chat_format import ChatFormat
from eartune.models.checkpoint_check import load_whole
from eartune.models.components import Parts
from eartune.models.families.audioflamingo3 import AUDIO_TOKEN, AudioFlamingo3
from eartune.models.tiny import TINY_DECODER, TINY_WHISPER, byte_tokenizer, scale_up

JOINT = " + "
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class EncoderAdapterLlm(AudioFlamingo3):
    """25 audio tokens a second; the chat is the language model's own."""

    def __init__(self, model: Any, tokenizer: PreTrainedTokenizerFast, extractor: Any) -> None:
        super().__init__(model, tokenizer, extractor)
        self.chat = chat_of(tokenizer)  # type: ignore[misc]  # other families know theirs beforehand

    @classmethod
    def load(cls, folder: str, dtype: torch.dtype) -> Self:
        """Two checkpoints joined by " + ", or a folder of one that was saved."""
        if JOINT not in folder:
            return super().load(folder, dtype)
        encoder, language_model = folder.split(JOINT)
        model, tokenizer = join(
            load_whole(WhisperModel, encoder).encoder,
            load_whole(AutoModelForCausalLM, language_model, dtype=torch.float32),
            AutoTokenizer.from_pretrained(language_model, padding_side="left"),
        )
        extractor = WhisperFeatureExtractor.from_pretrained(encoder)
        return cls(model.to(dtype).eval(), tokenizer, extractor)

    @classmethod
    def config_of(cls, checkpoint: str) -> Any:
        """The joined configuration of both, or that of a folder."""
        if JOINT not in checkpoint:
            return super().config_of(checkpoint)
        return joined_config(*(AutoConfig.from_pretrained(part) for part in checkpoint.split(JOINT)))

    @classmethod
    def parts_of(cls, module: nn.Module) -> Parts:
        """LoRA wraps every linear layer of the decoder, whatever they are called."""
        layers = layers_of(module.get_submodule("model.language_model"))
        leaves = {name.rpartition(".")[2] for name, part in layers.named_modules() if isinstance(part, nn.Linear)}
        return Parts(module, cls.components, cls.lora_layers, sorted(leaves))

    @classmethod
    def tiny(cls, seed: int = 0, **settings: Any) -> "EncoderAdapterLlm":
        """A tiny Whisper and a tiny Llama, joined."""
        torch.manual_seed(seed)
        tokenizer = byte_tokenizer((), "<|im_end|>")
        tokenizer.chat_template = CHATML
        whisper = WhisperModel(WhisperConfig(**TINY_WHISPER, decoder_layers=1, decoder_attention_heads=2))
        llama = AutoModelForCausalLM.from_config(
            AutoConfig.for_model("llama", **TINY_DECODER, vocab_size=len(tokenizer), eos_token_id=0, bos_token_id=0)
        )
        model, tokenizer = join(whisper.encoder, llama, tokenizer)
        scale_up(model)
        dtype = settings.get("dtype", torch.float32)
        return cls(model.to(dtype).eval(), tokenizer, WhisperFeatureExtractor(feature_size=80))


def join(encoder: Any, language_model: Any, tokenizer: PreTrainedTokenizerFast) -> tuple[Any, PreTrainedTokenizerFast]:
    """The model with both weights in it, in float32, and the tokenizer with an audio token; the adapter is seeded."""
    layers_of(getattr(language_model, "model", language_model))
    tokenizer.add_special_tokens({"additional_special_tokens": [AUDIO_TOKEN]})
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    language_model.resize_token_embeddings(max(len(tokenizer), language_model.config.vocab_size), mean_resizing=False)
    config = joined_config(encoder.config, language_model.config)
    config.audio_token_id = tokenizer.convert_tokens_to_ids(AUDIO_TOKEN)
    torch.manual_seed(0)
    model = EncoderAdapterLlm.model_class(config)
    model.model.audio_tower.load_state_dict(encoder.state_dict())
    model.model.language_model.load_state_dict(language_model.model.state_dict())
    model.lm_head.load_state_dict(language_model.lm_head.state_dict())
    return model, tokenizer


def layers_of(decoder: Any) -> nn.Module:
    """The layers that LoRA wraps; raises InputError for a decoder that calls them otherwise."""
    if not hasattr(decoder, "layers"):
        raise InputError(f"a {decoder.config.model_type} has no `layers`; choose a decoder of the Llama kind")
    layers: nn.Module = decoder.layers
    return layers


def joined_config(encoder: Any, language_model: Any) -> AudioFlamingo3Config:
    """The configuration of a model of the two."""
    return AudioFlamingo3Config(
        audio_config=encoder.to_dict() | {"model_type": "audioflamingo3_encoder"},
        text_config=language_model.to_dict(),
    )


def chat_of(tokenizer: PreTrainedTokenizerFast) -> ChatFormat:
    """The chat that a tokenizer's template writes; raises InputError where it has none, or closes no answer."""
    if not tokenizer.chat_template:
        raise InputError(f"{tokenizer.name_or_path}: its tokenizer has no chat template; choose an instruct model")
    asked = {"role": "user", "content": "\0"}
    answered = [asked, {"role": "assistant", "content": "\1"}]
    today: dict[str, Any] = {"date_string": "26 Jul 2024"}  # Llama's templates would write another one every day
    question = tokenizer.apply_chat_template([asked], tokenize=False, add_generation_prompt=True, **today)
    opening, answer_open = question.split("\0")
    rest = tokenizer.apply_chat_template(answered, tokenize=False, **today).split("\1")[1]
    ids = tokenizer(rest, add_special_tokens=False)["input_ids"]
    if not ids:
        raise InputError(f"{tokenizer.name_or_path}: its chat template puts nothing after an answer")
    return ChatFormat(opening, "", "", answer_open, tokenizer.convert_ids_to_tokens(ids[0]))
