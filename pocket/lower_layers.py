"""Speak, record and encode sentences once, into shards of what the encoder's lower layers make of them.

sentence -> voice -> room -> mel -> lower layers -> shard-NNNN.safetensors, one tensor (positions, 512) a clip

The lower layers stay as they are, so their output is computed once; the upper ones are trained on it (`encoder.py`).
An interrupted run resumes.
"""

import hashlib
import random
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from acoustics import record
from eartune.files import atomic
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.packed_attention import PackedRows
from eartune.models.pocket.build import build_pocket
from eartune.models.whisper_encoder import layer_output
from sentences import Sentence
from voices import Take, draw_take, speak

LOWER_LAYERS = 3  # of six; they stay frozen
SHARD = 200
_listener: Qwen2Audio  # each worker's own

Lower = dict[tuple[int, str], torch.Tensor]
"""The lower layers' output, (positions, 512) in float16, 50 positions a second, by take and text."""


def encode_all(sentences: list[Sentence], folder: Path, take: int, workers: int) -> None:
    """Write the missing shards of one take of every sentence."""
    folder.mkdir(parents=True, exist_ok=True)
    shards = [sentences[start : start + SHARD] for start in range(0, len(sentences), SHARD)]
    jobs = [(shard, take, path) for shard in shards if not (path := shard_path(folder, take, shard)).exists()]
    with ProcessPoolExecutor(workers, initializer=_start) as pool:
        for _ in tqdm(pool.map(_encode_shard, jobs), total=len(jobs), desc=f"speech, take {take}", unit="shard"):
            pass


def shard_path(folder: Path, take: int, shard: list[Sentence]) -> Path:
    """Return the path of a shard of one take; its name changes with its sentences."""
    content = hashlib.sha256("\n".join(sentence.text for sentence in shard).encode()).hexdigest()
    return folder / f"take{take}-{content[:16]}.safetensors"


def read_shards(sentences: list[Sentence], folder: Path, takes: int) -> Lower:
    """Return the lower layers' output of all clips."""
    return {
        (take, text): states
        for take in range(takes)
        for start in range(0, len(sentences), SHARD)
        for text, states in load_file(shard_path(folder, take, sentences[start : start + SHARD])).items()
    }


def take_of(sentence: Sentence, take: int) -> Take:
    """Return how a sentence is spoken in one take, which is always the same."""
    return draw_take(random.Random(f"{sentence.text}/{take}"), sentence.held_out)


def _start() -> None:
    global _listener
    torch.set_num_threads(1)
    _listener = build_pocket(trained=None)
    _listener.model.model.audio_tower.float()


def _encode_shard(job: tuple[list[Sentence], int, Path]) -> None:
    sentences, take, path = job
    with atomic(path) as half_written:
        save_file({sentence.text: hear(_listener, sentence, take) for sentence in sentences}, half_written)


def hear(listener: Qwen2Audio, sentence: Sentence, take: int) -> torch.Tensor:
    """Return the lower layers' output for one take of one sentence, shape (positions, 512), in float16."""
    spoken = speak(sentence.text, take_of(sentence, take))
    seed = int(hashlib.sha256(f"{sentence.text}/{take}".encode()).hexdigest()[:8], 16)
    clip = listener.features(record(spoken, np.random.default_rng(seed)))
    assert clip.mel is not None
    tower = listener.model.model.audio_tower
    with torch.no_grad():
        states = tower.convolve(clip.mel[None])
        rows = PackedRows(torch.arange(states.shape[1])[None] <= (clip.n_frames - 1) // 2)
        states = rows.pack(states)
        for layer in tower.layers[:LOWER_LAYERS]:
            states = layer_output(layer, states, rows.lengths)
        return rows.unpack(states)[rows.kept].to(torch.float16)
