"""From an experiment's architecture section to a model in memory."""

import os
from pathlib import Path

import torch
from transformers import AutoTokenizer, Qwen2AudioForConditionalGeneration, WhisperFeatureExtractor
from transformers.utils import logging

from eartune.architectures.qwen2_audio import Qwen2Audio
from eartune.architectures.settings import Architecture

POCKET = "pocket"


def load(settings: Architecture) -> Qwen2Audio:
    """The model in evaluation mode, on the GPU if there is one."""
    logging.disable_progress_bar()  # ours is shown instead
    folder = pocket_folder() if settings.checkpoint == POCKET else settings.checkpoint
    on_gpu = torch.cuda.is_available()
    model = Qwen2AudioForConditionalGeneration.from_pretrained(
        folder,
        dtype=getattr(torch, settings.precision),
        # On a CPU the plain product is faster than the fused kernel for rows of a few hundred tokens.
        attn_implementation="sdpa" if on_gpu else {"text_config": "eager", "audio_config": "sdpa"},
    )
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    extractor = WhisperFeatureExtractor.from_pretrained(folder)
    return Qwen2Audio(model.eval().to("cuda" if on_gpu else "cpu"), tokenizer, extractor)


def pocket_folder() -> Path:
    """The pocket checkpoint in the hub's layout, put together on first use and kept in the user's cache."""
    from eartune.checkpoints.pocket import build_pocket, pocket_fingerprint

    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "eartune"
    folder = cache / f"pocket-{pocket_fingerprint()}"
    if not (folder / "config.json").exists():
        half_done = folder.with_name(f".{folder.name}-{os.getpid()}")
        build_pocket().save(half_done)
        half_done.rename(folder)
    return folder
