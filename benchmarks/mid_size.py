"""What the benchmarks run on: a Qwen2-Audio of middle size with random weights, and requests of an assistant."""

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
    """A tower of Whisper base's size, and 8 layers of 1024 (103 M) with the pocket vocabulary."""
    return Qwen2AudioConfig(
        audio_config={"d_model": 512, "encoder_layers": 6, "encoder_ffn_dim": 2048, "num_mel_bins": 80}
        | {"encoder_attention_heads": 8},
        text_config={"model_type": "qwen2", "hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 8}
        | {"num_attention_heads": 16, "num_key_value_heads": 16, "vocab_size": 49_155},
        audio_token_index=49_152,
    )


def stock_model(dtype: torch.dtype = torch.bfloat16) -> Qwen2AudioForConditionalGeneration:
    """The library's class with weights that are the same every time."""
    return deepcopy(drawn()).to(dtype)


@cache
def drawn() -> Qwen2AudioForConditionalGeneration:
    """Drawn once, which takes longer than a copy."""
    torch.manual_seed(0)
    settings = config()
    settings._attn_implementation = "sdpa"
    return Qwen2AudioForConditionalGeneration(settings)


def our_model(dtype: torch.dtype = torch.bfloat16) -> Qwen2Audio:
    """The same weights behind our face, with the tokenizer and the extractor of the pocket checkpoint."""
    return Qwen2Audio(stock_model(dtype), pocket().tokenizer, pocket().extractor)


@cache
def pocket() -> Qwen2Audio:
    """Loaded once, for its tokenizer and its extractor."""
    return Qwen2Audio.load(str(pocket_folder("pocket")), torch.bfloat16)


def requests(count: int) -> tuple[Utterance, ...]:
    """Typed requests with their frames."""
    corpus = GrammarCorpus(corpus="grammar", grammar="home", sentences=count)
    with tempfile.TemporaryDirectory() as nothing:
        return corpus.load(Source(Path(nothing), Path(nothing)))


def spoken(utterances: tuple[Utterance, ...], folder: Path) -> tuple[Example, ...]:
    """Each as noise of the length that its words would take at 12 letters a second and 1 s of silence."""
    examples = []
    for number, utterance in enumerate(utterances):
        path = folder / f"{number}.wav"
        samples = noise(1 + len(utterance.text or "") / 12, number)
        write_audio(path, samples)
        examples.append(Example(utterance, Recording(path, len(samples) / SAMPLE_RATE)))
    return tuple(examples)


def noise(seconds: float, seed: int = 0) -> Wave:
    """What takes as long to hear as speech."""
    draw = np.random.default_rng(seed)
    return (draw.standard_normal(round(seconds * SAMPLE_RATE)) * 0.1).astype(np.float32)
