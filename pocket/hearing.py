"""Speak, record and encode sentences once, into shards of the frozen encoder's states; an interrupted run resumes.

sentence -> voice -> room -> mel -> encoder -> shard-NNNN.safetensors, one tensor (audio tokens, 512) a clip
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
from eartune.models.batch import Clip
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.pocket.build import build_pocket
from sentences import Sentence
from voices import Take, draw_take, speak

SHARD = 200
_listener: Qwen2Audio  # each worker's own

Clips = dict[tuple[int, str], Clip]  # by take and text


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


def read_shards(sentences: list[Sentence], folder: Path, takes: int) -> Clips:
    """Return all encoded clips by take and text."""
    clips = {}
    for take in range(takes):
        for start in range(0, len(sentences), SHARD):
            for text, states in load_file(shard_path(folder, take, sentences[start : start + SHARD])).items():
                clips[take, text] = Clip(mel=None, n_frames=0, n_tokens=len(states), states=states)
    return clips


def take_of(sentence: Sentence, take: int) -> Take:
    """Return how a sentence is spoken in one take, which is always the same."""
    return draw_take(random.Random(f"{sentence.text}/{take}"), sentence.held_out, sentence.language)


def _start() -> None:
    global _listener
    torch.set_num_threads(1)
    _listener = build_pocket(trained=None)


def _encode_shard(job: tuple[list[Sentence], int, Path]) -> None:
    sentences, take, path = job
    half_done = path.with_suffix(".part")
    save_file({sentence.text: hear(_listener, sentence, take) for sentence in sentences}, half_done)
    half_done.replace(path)


def hear(listener: Qwen2Audio, sentence: Sentence, take: int) -> torch.Tensor:
    """Return one take of one sentence as encoder states, shape (audio tokens, 512), in float16."""
    spoken = speak(sentence.text, take_of(sentence, take))
    seed = int(hashlib.sha256(f"{sentence.text}/{take}".encode()).hexdigest()[:8], 16)
    clip = listener.features(record(spoken, np.random.default_rng(seed)))
    assert clip.mel is not None
    with torch.no_grad():
        states = listener.encode(clip.mel[None], torch.tensor([clip.n_frames]))
    return states.to(torch.float16)
