"""The real classes at toy size with random weights and a tokenizer of bytes: for tests, offline, in milliseconds."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2AudioConfig,
    Qwen2AudioForConditionalGeneration,
    WhisperFeatureExtractor,
)

from eartune.architectures.qwen2_audio import AUDIO_SPECIALS, AUDIO_TOKEN, Qwen2Audio

CHAT_SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def tiny_qwen2_audio(seed: int = 0, dtype: torch.dtype = torch.float32) -> Qwen2Audio:
    """Qwen2-Audio with two layers a side; weights are scaled up so that attention is not nearly uniform."""
    tokenizer = byte_tokenizer()
    audio = {
        "d_model": 32,
        "encoder_layers": 2,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "num_mel_bins": 80,
    }
    text = {
        "model_type": "qwen2",
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
    }
    audio_token = tokenizer.convert_tokens_to_ids(AUDIO_TOKEN)
    torch.manual_seed(seed)
    model = Qwen2AudioForConditionalGeneration(
        Qwen2AudioConfig(audio_config=audio, text_config=text, audio_token_index=audio_token)
    )
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(3.0)
    return Qwen2Audio(model.to(dtype).eval(), tokenizer, WhisperFeatureExtractor(feature_size=80))


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """A token a byte, and Qwen2-Audio's special tokens."""
    alphabet = {char: i for i, char in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([*CHAT_SPECIALS, *AUDIO_SPECIALS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        padding_side="left",
        additional_special_tokens=["<|im_start|>", *AUDIO_SPECIALS],
    )
