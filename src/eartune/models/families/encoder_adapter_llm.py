"""A model put together from any Whisper's encoder, an adapter that begins at random, and any causal language model.

    architecture: {type: encoder-adapter-llm, checkpoint: openai/whisper-base + HuggingFaceTB/SmolLM2-135M-Instruct}

It is an Audio Flamingo 3, whose classes take any decoder, and is saved as one. Its adapter must first be trained to
give embeddings that the decoder understands: see `alignment` in an experiment.
"""

from typing import Any, Self

import torch
from torch import nn
from transformers import (
    AudioFlamingo3Config,
    AudioFlamingo3ForConditionalGeneration,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    WhisperFeatureExtractor,
    WhisperModel,
)

from eartune.errors import InputError
from eartune.models.chat_format import ChatFormat
from eartune.models.checkpoint_check import load_complete
from eartune.models.families.audioflamingo3 import TrueLengthEncoder
from eartune.models.lora import LoraLayers
from eartune.models.vllm import OTHER_NAMES, Vllm
from eartune.models.whisper_encoder import PooledWhisperModel

AUDIO_TOKEN = "<sound>"
JOINT = " + "


class EncoderAdapterLlm(PooledWhisperModel):
    """Whisper's encoder joined with a language model: 25 audio tokens a second, in the language model's own chat."""

    model_class = AudioFlamingo3ForConditionalGeneration
    tower_class = TrueLengthEncoder
    vllm = Vllm(decoder="qwen2", no_adapter=OTHER_NAMES)

    def __init__(self, model: Any, tokenizer: PreTrainedTokenizerFast, extractor: Any) -> None:
        """Wrap a joined model; raises InputError for a tokenizer without a usable chat template."""
        self.chat = chat_of(tokenizer)  # other families declare theirs
        super().__init__(model, tokenizer, extractor)

    @classmethod
    def load(cls, checkpoint: str, dtype: torch.dtype) -> Self:
        """Load and join two checkpoints named with " + " between them, or load the folder of a saved joined model."""
        if JOINT not in checkpoint:
            return super().load(checkpoint, dtype)
        encoder, language_model = checkpoint.split(JOINT)
        model, tokenizer = join(
            load_complete(WhisperModel, encoder).encoder,
            load_complete(AutoModelForCausalLM, language_model, dtype=torch.float32),
            AutoTokenizer.from_pretrained(language_model, padding_side="left"),
        )
        extractor = WhisperFeatureExtractor.from_pretrained(encoder)
        return cls(model.to(dtype).eval(), tokenizer, extractor)

    @classmethod
    def config_of(cls, checkpoint: str) -> Any:
        """Return the joined configuration of two checkpoints, or that of a folder."""
        if JOINT not in checkpoint:
            return super().config_of(checkpoint)
        return joined_config(*(AutoConfig.from_pretrained(part) for part in checkpoint.split(JOINT)))

    @classmethod
    def lora_of(cls, module: nn.Module) -> LoraLayers:
        """Return all linear layers of the decoder's layers, whatever their names."""
        layers = layers_of(module.get_submodule("model.language_model"))
        leaves = {name.rpartition(".")[2] for name, part in layers.named_modules() if isinstance(part, nn.Linear)}
        return LoraLayers(module, cls.lora_layers, sorted(leaves))


def join(encoder: Any, language_model: Any, tokenizer: PreTrainedTokenizerFast) -> tuple[Any, PreTrainedTokenizerFast]:
    """Join both in a float32 model with a new adapter, always the same; the tokenizer gets an audio token.

    Raises InputError for a decoder that has no `layers`.
    """
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
    """Return the list of a decoder's layers; raises InputError for a decoder that has no `layers`."""
    if not hasattr(decoder, "layers"):
        raise InputError(f"a {decoder.config.model_type} has no `layers`; choose a decoder of the Llama kind")
    layers: nn.Module = decoder.layers
    return layers


def joined_config(encoder: Any, language_model: Any) -> AudioFlamingo3Config:
    """Return the configuration of the model that joins an encoder and a language model with these configurations."""
    return AudioFlamingo3Config(
        audio_config=encoder.to_dict() | {"model_type": "audioflamingo3_encoder"},
        text_config=language_model.to_dict(),
    )


def chat_of(tokenizer: PreTrainedTokenizerFast) -> ChatFormat:
    """Return the chat of a tokenizer's template; raises InputError if there is none, or nothing follows an answer."""
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
