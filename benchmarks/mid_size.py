"""The model and data of the benchmarks: a middle-sized Qwen2-Audio with random weights, and assistant requests."""

import tempfile
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import torch
from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration

from eartune.data.audio import SAMPLE_RATE, Wave, write_audio
from eartune.data.corpora import Source
from eartune.data.corpora.grammar import GrammarCorpus
from eartune.data.example import Example
from eartune.data.utterance import Recording, Utterance
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.registry import pocket_folder


def config() -> Qwen2AudioConfig:
    """Return the configuration: an encoder like Whisper base, 8 layers of width 1024 (103 M), pocket's vocabulary."""
    return Qwen2AudioConfig(
        audio_config={"d_model": 512, "encoder_layers": 6, "encoder_ffn_dim": 2048, "num_mel_bins": 80}
        | {"encoder_attention_heads": 8},
        text_config={"model_type": "qwen2", "hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 8}
        | {"num_attention_heads": 16, "num_key_value_heads": 16, "vocab_size": 49_155},
        audio_token_index=49_152,
    )


def stock_model(dtype: torch.dtype = torch.bfloat16) -> Qwen2AudioForConditionalGeneration:
    """Return transformers' model with random weights that are the same every time."""
    return deepcopy(drawn()).to(dtype)


@cache
def drawn() -> Qwen2AudioForConditionalGeneration:
    """Return the state dict, which is drawn once, as that takes longer than a copy."""
    torch.manual_seed(0)
    settings = config()
    settings._attn_implementation = "sdpa"
    return Qwen2AudioForConditionalGeneration(settings)


def our_model(dtype: torch.dtype = torch.bfloat16) -> Qwen2Audio:
    """Return eartune's model with the same weights, and pocket's tokenizer and feature extractor."""
    return Qwen2Audio(stock_model(dtype), pocket().tokenizer, pocket().extractor)


@cache
def pocket() -> Qwen2Audio:
    """Return the pocket checkpoint, loaded once for its tokenizer and feature extractor."""
    return Qwen2Audio.load(str(pocket_folder()), torch.bfloat16)


def requests(count: int) -> tuple[Utterance, ...]:
    """Return requests as text with their frames."""
    corpus = GrammarCorpus(corpus="grammar", grammar="home", sentences=count)
    with tempfile.TemporaryDirectory() as nothing:
        return corpus.load(Source(Path(nothing), Path(nothing)))


def spoken(utterances: tuple[Utterance, ...], folder: Path) -> tuple[Example, ...]:
    """Return each request as noise of its spoken length: 12 letters per second and 1 s of silence."""
    examples = []
    for number, utterance in enumerate(utterances):
        path = folder / f"{number}.wav"
        samples = noise(1 + len(utterance.text or "") / 12, number)
        write_audio(path, samples)
        examples.append(Example(utterance, Recording(path, len(samples) / SAMPLE_RATE)))
    return tuple(examples)


def noise(seconds: float, seed: int = 0) -> Wave:
    """Return noise, which takes as long to encode as speech."""
    draw = np.random.default_rng(seed)
    return (draw.standard_normal(round(seconds * SAMPLE_RATE)) * 0.1).astype(np.float32)
