"""Compare audio at its true length with audio padded to 30 s, with the same weights: python benchmarks/trimmed_audio.py

Writes benchmarks/trimmed_audio.json: for clips of some lengths, milliseconds of mel and encoder either way (median of
several calls, taken in turns), their ratio, and the largest difference of hidden states and logits in float32.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers.masking_utils import create_bidirectional_mask
from transformers.models.qwen2_audio.modeling_qwen2_audio import Qwen2AudioEncoder

from eartune.data.audio import SAMPLE_RATE
from eartune.experiments.provenance import made_with
from eartune.files import write_json
from eartune.models.batch import Batch, Row
from eartune.models.chat_format import render
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.pocket.build import build_pocket
from eartune.models.whisper_encoder import n_audio_tokens

SECONDS = (2.0, 4.0, 8.0)
ROUNDS = 7


def main() -> None:
    """Measure the pocket checkpoint, whose encoder is Whisper base."""
    pocket = build_pocket()
    pocket.model.float()
    rows = [compare(pocket, seconds) for seconds in SECONDS]
    write_json(Path(__file__).with_suffix(".json"), {"rows": rows, "made_with": made_with()})
    for row in rows:
        print(row)


@torch.no_grad()
def compare(pocket: Qwen2Audio, seconds: float) -> dict[str, float]:
    """Measure one clip of noise, trimmed and padded."""
    wave = (np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE)) * 0.1).astype(np.float32)
    row = Row(render(pocket.chat, "Repeat the sentence.", None), pocket.features(wave), None)
    batch = pocket.collate([row])
    assert batch.n_frames is not None

    def trimmed_forward() -> Tensor:
        clip = pocket.features(wave)
        assert clip.mel is not None
        return pocket.encode(clip.mel[None], batch.n_frames)

    def padded_forward() -> Tensor:
        mel = pocket.extractor(wave, sampling_rate=SAMPLE_RATE, return_tensors="pt")["input_features"]
        return states_of_stock(pocket, mel, batch.n_frames)

    ours, stock = in_turns(trimmed_forward, padded_forward)
    hidden = pocket.hidden(batch)
    stock_hidden = pocket.hidden(Batch(batch.input_ids, batch.attention_mask, batch.labels, states=padded_forward()))
    return {
        "seconds": seconds,
        "trimmed_ms": round(ours * 1000, 2),
        "padded_ms": round(stock * 1000, 2),
        "ratio": round(stock / ours, 1),
        "hidden_difference": float((hidden - stock_hidden).abs().max()),
        "hidden_scale": float(stock_hidden.abs().mean()),
        "logit_difference": float((pocket.head(hidden) - pocket.head(stock_hidden)).abs().max()),
    }


def states_of_stock(pocket: Qwen2Audio, mel: Tensor, n_frames: Tensor) -> Tensor:
    """Return the states of transformers' encoder for one mel of 30 s, with its default attention."""
    tower = pocket.model.model.audio_tower
    tower.__class__ = Qwen2AudioEncoder
    tower.config._attn_implementation = "sdpa"
    valid = (torch.arange(mel.shape[-1] // 2)[None] < (n_frames[:, None] - 1) // 2 + 1).long()
    like = torch.zeros((*valid.shape, 1), dtype=mel.dtype)
    mask = create_bidirectional_mask(config=tower.config, inputs_embeds=like, attention_mask=valid)
    states: Tensor = tower(mel, attention_mask=mask).last_hidden_state[0, : n_audio_tokens(int(n_frames))]
    pocket.prepare()
    return states


def in_turns(*calls: Callable[[], object]) -> list[float]:
    """Return median seconds of each call, measured in turns so that other load affects all of them."""
    taken: list[list[float]] = [[] for _ in calls]
    for round_number in range(ROUNDS + 1):
        for call, times in zip(calls, taken, strict=True):
            started = time.perf_counter()
            call()
            if round_number:  # the first warms up
                times.append(time.perf_counter() - started)
    return [statistics.median(times) for times in taken]


if __name__ == "__main__":
    main()
