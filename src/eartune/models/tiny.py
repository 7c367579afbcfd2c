"""What families share to build themselves at tiny size, real classes with random weights: offline, in milliseconds."""

from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

CHAT_SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TINY_WHISPER = {
    "d_model": 32,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "num_mel_bins": 80,
}
TINY_DECODER: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}


def tiny_model(model_class: Any, config: Any, seed: int, dtype: torch.dtype = torch.float32) -> Any:
    """The class with random weights."""
    torch.manual_seed(seed)
    model = model_class(config)
    scale_up(model)
    return model.to(dtype).eval()


def scale_up(model: Any) -> None:
    """Weights so large that attention is not nearly uniform."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(30.0 if parameter.dim() == 4 else 3.0)  # 4: convolutions over time and pitch


def byte_tokenizer(audio_specials: tuple[str, ...], answer_end: str) -> PreTrainedTokenizerFast:
    """A token a byte, and special tokens of a chat and of audio."""
    alphabet = {char: i for i, char in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = tuple(dict.fromkeys((*CHAT_SPECIALS, answer_end, *audio_specials)))
    tokenizer.add_special_tokens(list(specials))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|endoftext|>",
        eos_token=answer_end,
        padding_side="left",
        additional_special_tokens=[name for name in specials if name not in ("<|endoftext|>", answer_end)],
    )
