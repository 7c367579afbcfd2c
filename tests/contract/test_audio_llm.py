"""What every architecture must satisfy; each test names the trap it proves avoided. Real classes at toy size."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers.models.qwen2_audio.modeling_qwen2_audio import Qwen2AudioEncoder

from eartune.architectures.audio_llm import AudioLLM
from eartune.architectures.load import load
from eartune.architectures.qwen2_audio import TrimmedEncoder, n_audio_tokens
from eartune.architectures.settings import Qwen2AudioSettings
from eartune.architectures.tiny import tiny_qwen2_audio
from eartune.batches import Batch, Row
from eartune.prompts import render
from eartune.schemes import Component
from eartune.settings import Decoding, Lora
from eartune.training.stage_trainer import Learner

TINY: dict[str, Callable[[int], AudioLLM]] = {"qwen2-audio": tiny_qwen2_audio}
GREEDY = Decoding(beams=1, max_new_tokens=6)


@pytest.fixture(params=TINY)
def model(request: pytest.FixtureRequest) -> AudioLLM:
    return TINY[request.param](0)


def wave(seconds: float, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(round(seconds * 16_000)) * 0.1).astype(np.float32)


def heard(model: AudioLLM, seconds: float, seed: int = 0, answer: str | None = '{"intent":"a"}') -> Row:
    return Row(render(model.chat, "What?", None), model.features(wave(seconds, seed)), answer)


def typed(model: AudioLLM, text: str = "a small latte", answer: str | None = '{"intent":"b","entities":[]}') -> Row:
    return Row(render(model.chat, "What?", text), None, answer)


def loss(model: AudioLLM, rows: list[Row]) -> torch.Tensor:
    return Learner(model)(model.collate(rows))


@torch.no_grad()
def logits(model: AudioLLM, rows: list[Row]) -> torch.Tensor:
    """Logits of the last position, where the answer would begin."""
    asked = [Row(row.prompt, row.clip, None) for row in rows]
    return model.head(model.hidden(model.collate(asked))[:, -1])


# --- audio input -------------------------------------------------------------------------------------------------


def padded_batch(model: AudioLLM, seconds: list[float]) -> Batch:
    """The batch with its mels padded to 30 s by the library's own extractor, as the stock tower demands."""
    batch = model.collate([heard(model, s, seed, None) for seed, s in enumerate(seconds)])
    mel = model.extractor([wave(s, i) for i, s in enumerate(seconds)], sampling_rate=16_000, return_tensors="pt")
    return Batch(batch.input_ids, batch.attention_mask, batch.labels, mel["input_features"], batch.n_frames)


@pytest.mark.parametrize("seconds", [[2.0], [4.0], [8.013], [2.0, 4.0, 7.77], [0.1, 29.9]])
def test_true_length_audio_equals_the_30_s_pad(model: AudioLLM, seconds: list[float]) -> None:
    trimmed = model.collate([heard(model, s, seed, None) for seed, s in enumerate(seconds)])
    padded = padded_batch(model, seconds)
    assert trimmed.mel is not None and trimmed.mel.shape[-1] < 3000
    with torch.no_grad():
        hidden, logit = model.hidden(trimmed), model.head(model.hidden(trimmed))
        model.model.model.audio_tower.__class__ = Qwen2AudioEncoder  # the stock tower, same weights
        stock_hidden, stock_logit = model.hidden(padded), model.head(model.hidden(padded))
    assert (hidden - stock_hidden).abs().max() < 1e-5
    assert (logit - stock_logit).abs().max() < 1e-5


def test_a_bare_cut_without_margin_would_not_be_equal(model: AudioLLM) -> None:
    """The convolutions look two frames ahead, so this negative control must differ."""
    batch = model.collate([heard(model, 2.0, 0, None)])
    assert batch.mel is not None and batch.n_frames is not None
    bare = batch.mel[..., : int(batch.n_frames[0])]
    with torch.no_grad():
        kept = n_audio_tokens(int(batch.n_frames[0]))
        whole, cut = (model.padded_states(mel, batch.n_frames)[:, :kept] for mel in (batch.mel, bare))
    assert (whole - cut).abs().max() > 1e-3


def test_the_short_mel_is_the_start_of_the_30_s_mel_bit_for_bit(model: AudioLLM) -> None:
    clip = model.features(wave(3.217))
    full = model.extractor(wave(3.217), sampling_rate=16_000, return_tensors="pt")["input_features"][0]
    assert clip.mel is not None and torch.equal(clip.mel, full[:, : clip.mel.shape[-1]])


def test_a_mel_of_the_bare_signal_would_not_be(model: AudioLLM) -> None:
    """Without silence to its right the STFT reflects the signal's end into the last frames."""
    full = model.extractor(wave(3.2), sampling_rate=16_000, return_tensors="pt")["input_features"][0]
    bare = model.extractor(wave(3.2), sampling_rate=16_000, padding="longest", return_tensors="pt")
    longest = bare["input_features"][0]
    assert not torch.equal(longest, full[:, : longest.shape[-1]])


def test_an_odd_mel_width_is_refused() -> None:
    tower = tiny_qwen2_audio().model.model.audio_tower
    assert isinstance(tower, TrimmedEncoder)
    with pytest.raises(ValueError, match="201 frames wide"):
        tower(torch.zeros(1, 80, 201))


@pytest.mark.parametrize("samples", [1600, 1601, 1759, 1760, 1761, 4800, 15999, 16000, 16001, 48123, 479999, 480000])
def test_placeholders_embeddings_and_formula_agree(model: AudioLLM, samples: int) -> None:
    clip = model.features(wave(samples / 16_000))
    row = Row(render(model.chat, "What?", None), clip, None)
    batch = model.collate([row])
    assert int((batch.input_ids == model.audio_token_id).sum()) == clip.n_tokens
    assert model.embed(batch).shape[:2] == batch.input_ids.shape  # raises if the encoder gives another number


def test_it_listens(model: AudioLLM) -> None:
    first, second, silence = heard(model, 1.0, 1), heard(model, 1.0, 2), Row(heard(model, 1.0).prompt, None, None)
    silence = Row(first.prompt, model.features(wave(1.0) * 0), None)
    assert torch.equal(logits(model, [first]), logits(model, [heard(model, 1.0, 1)]))
    assert not torch.allclose(logits(model, [first]), logits(model, [second]), atol=1e-4)
    assert not torch.allclose(logits(model, [first]), logits(model, [silence]), atol=1e-4)


def test_a_text_row_does_not_hear_its_neighbours(model: AudioLLM) -> None:
    with_one = logits(model, [typed(model), heard(model, 1.0, 1)])[0]
    with_other = logits(model, [typed(model), heard(model, 1.0, 2)])[0]
    assert torch.equal(with_one, with_other)


def test_a_row_is_the_same_alone_and_in_a_mixed_batch(model: AudioLLM) -> None:
    rows = [
        heard(model, 2.3, 1),
        typed(model, "x"),
        heard(model, 0.7, 2),
        typed(model, "a much longer request than the others"),
    ]
    together = logits(model, rows)
    for i, row in enumerate(rows):
        assert (together[i] - logits(model, [row])[0]).abs().max() < 1e-5


def test_text_rows_bring_no_audio_tensors(model: AudioLLM) -> None:
    batch = model.collate([typed(model), typed(model, "another")])
    assert batch.mel is None and batch.n_frames is None and batch.states is None
    assert torch.isfinite(loss(model, [typed(model), typed(model, "another")]))


# --- loss --------------------------------------------------------------------------------------------------------


def test_labels_stand_on_answers_only(model: AudioLLM) -> None:
    batch = model.collate([typed(model), heard(model, 1.0)])
    for row, labels in zip([typed(model), heard(model, 1.0)], batch.labels, strict=True):
        assert model.tokenizer.decode(labels[labels != -100]) == f"{row.answer}<|im_end|>"


def test_the_loss_is_that_of_the_stock_forward(model: AudioLLM) -> None:
    rows = [typed(model), heard(model, 1.0), typed(model, "other")]
    batch = model.collate(rows)
    n_labels = int((batch.labels[:, 1:] != -100).sum())
    stock = model.model(inputs_embeds=model.embed(batch), attention_mask=batch.attention_mask, labels=batch.labels).loss
    assert abs(loss(model, rows) / n_labels - stock) < 1e-5


def test_the_head_is_applied_to_label_positions_only(model: AudioLLM) -> None:
    seen: list[int] = []
    model.model.lm_head.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape[0]))
    rows = [typed(model), heard(model, 1.0)]
    loss(model, rows)
    assert seen == [int((model.collate(rows).labels[:, 1:] != -100).sum())]


@pytest.mark.parametrize("rows", ["text", "speech", "mixed"])
def test_the_loss_goes_down(model: AudioLLM, rows: str) -> None:
    chosen = {
        "text": [typed(model, "a"), typed(model, "b", "{}")],
        "speech": [heard(model, 0.5, 1), heard(model, 0.6, 2, "{}")],
        "mixed": [typed(model, "a"), heard(model, 0.5, 1)],
    }[rows]
    model.parts.set_trainable(tuple(Component))
    optimizer = torch.optim.AdamW(model.parts.trainable(), lr=3e-3)
    first = loss(model, chosen).item()
    for _ in range(30):
        optimizer.zero_grad()
        loss(model, chosen).backward()
        optimizer.step()
    assert loss(model, chosen).item() < 0.5 * first


def test_the_loss_of_a_bfloat16_model_is_float32() -> None:
    model = tiny_qwen2_audio(0, torch.bfloat16)
    assert loss(model, [typed(model), heard(model, 1.0)]).dtype == torch.float32


# --- parts, freezing, LoRA ---------------------------------------------------------------------------------------


def test_every_parameter_lies_in_exactly_one_component(model: AudioLLM) -> None:
    assert {model.parts.component_of(name) for name, _ in model.module.named_parameters()} == set(Component)
    counts = model.parts.counts()
    assert sum(total for total, _ in counts.values()) == sum(p.numel() for p in model.module.parameters())


@pytest.mark.parametrize(
    "trainable", [(Component.LANGUAGE_MODEL,), (Component.MODALITY_ADAPTER, Component.LANGUAGE_MODEL), tuple(Component)]
)
def test_frozen_parts_do_not_move_and_the_others_do(model: AudioLLM, trainable: tuple[Component, ...]) -> None:
    before = {name: value.detach().clone() for name, value in model.module.named_parameters()}
    model.parts.set_trainable(trainable)
    loss(model, [typed(model), heard(model, 1.0)]).backward()
    torch.optim.SGD(model.parts.trainable(), lr=0.1).step()
    moved = set()
    for name, value in model.module.named_parameters():
        component = model.parts.component_of(name)
        if component in trainable:
            moved |= {component} if not torch.equal(value, before[name]) else set()
        else:
            assert value.grad is None and torch.equal(value, before[name])
    assert moved == set(trainable)


def test_sinusoids_are_never_trained(model: AudioLLM) -> None:
    model.parts.set_trainable(tuple(Component))
    frozen = [name for name, value in model.module.named_parameters() if not value.requires_grad]
    assert frozen == ["model.audio_tower.embed_positions.weight"]


def test_frozen_parts_are_put_into_eval_mode(model: AudioLLM) -> None:
    model.parts.set_trainable((Component.LANGUAGE_MODEL,))
    model.module.train()
    model.parts.settle()
    assert not model.model.model.audio_tower.training and not model.model.model.multi_modal_projector.training
    assert model.model.model.language_model.training


def test_lora_reaches_every_linear_layer_of_the_language_model_and_no_other(model: AudioLLM) -> None:
    model.parts.add_lora(Lora(rank=4), seed=0)
    wrapped = [name for name, _ in model.module.named_parameters() if name.endswith("lora_A.default.weight")]
    assert len(wrapped) == 2 * 7  # layers x leaf names
    assert all(name.startswith("model.language_model.layers.") for name in wrapped)
    model.parts.set_trainable((Component.LANGUAGE_MODEL,))
    assert all("lora_" in name for name, value in model.module.named_parameters() if value.requires_grad)


def test_lora_starts_as_the_base_model_and_depends_on_the_seed(model: AudioLLM) -> None:
    base = logits(model, [typed(model)])
    model.parts.add_lora(Lora(rank=4), seed=3)
    assert torch.equal(logits(model, [typed(model)]), base)
    again, other = tiny_qwen2_audio(0), tiny_qwen2_audio(0)
    again.parts.add_lora(Lora(rank=4), seed=3)
    other.parts.add_lora(Lora(rank=4), seed=4)
    name = "model.language_model.layers.0.mlp.up_proj.lora_A.default.weight"
    assert torch.equal(model.module.get_parameter(name), again.module.get_parameter(name))
    assert not torch.equal(model.module.get_parameter(name), other.module.get_parameter(name))


# --- generation --------------------------------------------------------------------------------------------------


def test_each_clip_is_encoded_once_however_many_beams(model: AudioLLM) -> None:
    clips: list[int] = []
    model.model.model.audio_tower.register_forward_pre_hook(lambda module, args: clips.append(args[0].shape[0]))
    rows = [heard(model, 1.0, 1, None), typed(model, answer=None), heard(model, 2.0, 2, None)]
    model.generate(model.collate(rows), Decoding(beams=3, max_new_tokens=4))
    assert clips == [2]


@pytest.mark.parametrize("beams", [1, 3])
def test_answers_equal_those_of_the_stock_path(model: AudioLLM, beams: int) -> None:
    batch = model.collate([heard(model, 1.0, 1, None), heard(model, 1.5, 2, None)])
    ours = model.generate(batch, Decoding(beams=beams, max_new_tokens=6))
    padded = padded_batch(model, [1.0, 1.5])
    mel = model.extractor([wave(1.0, 1), wave(1.5, 2)], sampling_rate=16_000, return_tensors="pt")["input_features"]
    mask = torch.arange(3000)[None] < batch.n_frames[:, None]
    model.model.model.audio_tower.__class__ = Qwen2AudioEncoder
    stock = model.model.generate(
        input_ids=padded.input_ids,
        attention_mask=padded.attention_mask,
        input_features=mel,
        feature_attention_mask=mask.long(),
        num_beams=beams,
        max_new_tokens=6,
        do_sample=False,
        suppress_tokens=[model.audio_token_id],
        pad_token_id=model.tokenizer.pad_token_id,
        eos_token_id=model.tokenizer.convert_tokens_to_ids("<|im_end|>"),
    )
    new = stock[:, padded.input_ids.shape[1] :]
    assert ours == [text.strip() for text in model.tokenizer.batch_decode(new, skip_special_tokens=True)]


def test_the_placeholder_is_never_answered(model: AudioLLM) -> None:
    with torch.no_grad():
        model.model.lm_head.weight[model.audio_token_id] = 100 * model.model.lm_head.weight.abs().max()
    answers = model.generate(model.collate([typed(model, answer=None)]), GREEDY)
    assert "AUDIO" not in model.tokenizer.decode(model.tokenizer(answers[0])["input_ids"])


# --- saving ------------------------------------------------------------------------------------------------------


def test_a_saved_model_loads_in_the_hubs_layout_and_answers_alike(model: AudioLLM, tmp_path: Path) -> None:
    model.save(tmp_path / "saved")
    again = load(Qwen2AudioSettings(type="qwen2-audio", checkpoint=str(tmp_path / "saved"), precision="float32"))
    rows = [typed(model), heard(model, 1.0)]
    assert (logits(model, rows) - logits(again, rows)).abs().max() < 1e-6
