"""Sentences spoken, recorded and encoded once: shards of the frozen encoder's states, safe to interrupt.

sentence -> voice -> room -> mel -> encoder -> shard-NNNN.safetensors, one tensor (audio tokens, 512) a clip
"""

import random
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from acoustics import record
from eartune.architectures.qwen2_audio import Qwen2Audio
from eartune.batches import Clip
from eartune.checkpoints.pocket import build_pocket
from sentences import Sentence
from voices import draw_take, speak

SHARD = 200
_listener: Qwen2Audio  # each worker's own


def encode_all(sentences: list[Sentence], folder: Path, take: int, workers: int) -> None:
    """Write the shards of one take of every sentence that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        (sentences[start : start + SHARD], start, take, shard_path(folder, take, start))
        for start in range(0, len(sentences), SHARD)
        if not shard_path(folder, take, start).exists()
    ]
    with ProcessPoolExecutor(workers, initializer=_start) as pool:
        for _ in tqdm(pool.map(_encode_shard, jobs), total=len(jobs), desc=f"speech, take {take}", unit="shard"):
            pass


def shard_path(folder: Path, take: int, start: int) -> Path:
    """Where a shard of one take lies."""
    return folder / f"take{take}-{start:05d}.safetensors"


def read_shards(folder: Path) -> dict[tuple[int, int], Clip]:
    """All encoded clips by (take, index of the sentence)."""
    clips = {}
    for path in sorted(folder.glob("take*.safetensors")):
        take = int(path.name[4 : path.name.index("-")])
        for index, states in load_file(path).items():
            clips[take, int(index)] = Clip(mel=None, n_frames=0, n_tokens=len(states), states=states)
    return clips


def _start() -> None:
    global _listener
    torch.set_num_threads(1)
    _listener = build_pocket(trained=None)


def _encode_shard(job: tuple[list[Sentence], int, int, Path]) -> None:
    sentences, start, take, path = job
    states = {str(start + i): hear(_listener, sentence, start + i, take) for i, sentence in enumerate(sentences)}
    half_done = path.with_suffix(".part")
    save_file(states, half_done)
    half_done.replace(path)


def hear(listener: Qwen2Audio, sentence: Sentence, index: int, take: int) -> torch.Tensor:
    """One take of one sentence as the encoder's states, (audio tokens, 512) float16."""
    voice = draw_take(random.Random(f"{index}/{take}"), sentence.held_out)
    wave = record(speak(sentence.text, voice), np.random.default_rng([index, take]))
    clip = listener.features(wave)
    with torch.no_grad():
        states = listener.encode(clip.mel[None], torch.tensor([clip.n_frames]))
    return states[0, : clip.n_tokens].to(torch.float16)
