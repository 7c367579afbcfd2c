"""The library's own model and search, to compare ours with."""

import subprocess
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from eartune.export import exporting, stock_logits
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Batch
from eartune.models.families.fun_asr_nano import FunAsrNano
from eartune.models.families.granite_speech import GraniteSpeech
from eartune.models.families.phi4_multimodal import Phi4Multimodal
from eartune.models.families.qwen3_omni import Qwen3Omni
from eartune.models.fused_layers import FUSED
from eartune.models.packed_attention import PREFIX
from eartune.models.whisper_encoder import PooledWhisperModel
from eartune.settings import Decoding

DEPEND_ON_BATCH = (FunAsrNano, GraniteSpeech, Phi4Multimodal, Qwen3Omni)
"""Families whose stock forward gives a clip other embeddings beside a longer one; ours never does."""


def restore_stock(model: AudioLLM) -> None:
    """Make the module of a model the stock one again, with the library's own layers, attention and encoder."""
    stock_layers = {ours: theirs for theirs, ours in FUSED.items()}
    for layer in model.language_model.layers:
        layer.__class__ = stock_layers.get(type(layer), type(layer))
    configs = [model.language_model.config]
    if isinstance(model, PooledWhisperModel):
        tower = model.model.model.audio_tower
        tower.__class__ = model.tower_class.__bases__[1]
        configs.append(tower.config)
    for config in configs:
        config._attn_implementation = {"": config._attn_implementation.removeprefix(PREFIX)}


def never_share_prefixes(model: AudioLLM) -> None:
    """Let the model's batches be padded at the left alone, as the stock forward wants them."""
    model.collator = replace(model.collator, shares_prefix="never")


def stock_tokens(model: AudioLLM, batch: Batch, decoding: Decoding, **audio: Any) -> Tensor:
    """The ids of what `generate` writes after the prompts, a row each, padded."""
    written: Tensor = model.model.generate(
        input_ids=batch.input_ids,
        attention_mask=batch.attention_mask,
        **audio,
        num_beams=decoding.beams,
        max_new_tokens=decoding.max_new_tokens,
        do_sample=False,
        suppress_tokens=[model.audio_token_id],
        pad_token_id=model.tokenizer.pad_token_id,
        eos_token_id=model.tokenizer.convert_tokens_to_ids(model.chat.answer_end),
    )
    return written[:, batch.input_ids.shape[1] :]


def texts(model: AudioLLM, tokens: Tensor) -> list[str]:
    """The answers that the ids spell."""
    return [text.strip() for text in model.tokenizer.batch_decode(tokens, skip_special_tokens=True)]


@contextmanager
def checked_in_this_process() -> Iterator[None]:
    """Let an export be looked at by plain transformers in this process, not in a new one."""

    def in_this_process(command: Sequence[str], **_: Any) -> subprocess.CompletedProcess[str]:
        with warnings.catch_warnings(), torch.set_grad_enabled(torch.is_grad_enabled()):  # as they were, afterwards
            warnings.simplefilter("ignore")
            stock_logits.main(*command[2:])
        return subprocess.CompletedProcess(command, 0, "", "")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "subprocess", SimpleNamespace(run=in_this_process))
        yield
