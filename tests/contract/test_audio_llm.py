"""What every family must satisfy; each test names the trap it proves avoided. Real classes at tiny size."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from eartune.data.frame import Entity, SemanticFrame
from eartune.errors import InputError
from eartune.models.architecture import Architecture
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Batch, Row
from eartune.models.chat_format import render
from eartune.models.generation.generate import generate, rules_of, write
from eartune.models.generation.kept import Kept
from eartune.models.nf4 import quantise_nf4
from eartune.models.packed_attention import has_sliding_windows
from eartune.models.registry import FAMILIES, load
from eartune.settings import Component, Decoding, Lora
from eartune.tasks.slu import Schema, grammar, parse
from eartune.tasks.task import ParseStatus
from eartune.training.encoder_cache import encoded, read_clip, write_clip
from eartune.training.trainer import Learner
from stock import DEPEND_ON_BATCH, never_share_prefixes, restore_stock, stock_tokens, texts
from tiny_models import is_supported, tiny

GREEDY = Decoding(beams=1, max_new_tokens=6)
SUPPORTED = [family for family in FAMILIES.values() if is_supported(family)]
SAMPLES = (1600, 1601, 1759, 1760, 1761, 4800, 15999, 16000, 16001, 48123, 479999, 480000)


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest) -> AudioLLM:
    if not is_supported(FAMILIES[request.param]):
        pytest.skip(f"needs transformers {FAMILIES[request.param].least_transformers}")
    return tiny(FAMILIES[request.param], 0)


def wave(seconds: float, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(round(seconds * 16_000)) * 0.1).astype(np.float32)


def heard(model: AudioLLM, seconds: float, seed: int = 0, answer: str | None = '{"intent":"a"}') -> Row:
    return Row(render(model.chat, "What?", None), model.features(wave(seconds, seed)), answer)


def typed(model: AudioLLM, text: str = "a small latte", answer: str | None = '{"intent":"b","entities":[]}') -> Row:
    return Row(render(model.chat, "What?", text), None, answer)


def loss(model: AudioLLM, rows: list[Row]) -> torch.Tensor:
    return Learner(model)(model.collate(rows))


def part(model: AudioLLM, component: Component) -> torch.nn.Module:
    """The module under a component's first prefix."""
    return model.module.get_submodule(model.component_prefixes[component][0].rstrip("."))


@torch.no_grad()
def logits(model: AudioLLM, rows: list[Row]) -> torch.Tensor:
    """Logits of the last position, where the answer would begin."""
    asked = [Row(row.prompt, row.clip, None) for row in rows]
    return model.head(model.hidden(model.collate(asked))[:, -1])


# --- audio input -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [[2.0], [8.013], [2.0, 4.0, 7.77], [0.1, 29.9]], ids=str)
def test_logits_equal_those_of_the_stock_model(model: AudioLLM, seconds: list[float]) -> None:
    """The same tokens and the same recordings, given to the library's own forward with its own extractor."""
    clips = list(enumerate(seconds))
    never_share_prefixes(model)  # the stock forward wants padding at an end
    together = [[clip] for clip in clips] if isinstance(model, DEPEND_ON_BATCH) else [clips]
    batches = [model.collate([typed(model), *(heard(model, s, seed, None) for seed, s in some)]) for some in together]
    with torch.no_grad():
        ours = [model.head(model.hidden(batch)) for batch in batches]
        for some, batch, our in zip(together, batches, ours, strict=True):
            restore_stock(model)
            sounds = model.stock_audio([wave(s, seed) for seed, s in some])
            stock = model.model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, **sounds).logits
            assert (our - stock)[batch.attention_mask.bool()].abs().max() < 2e-5 * max(1, float(stock.abs().max()))


@pytest.mark.parametrize("samples", SAMPLES)
def test_placeholders_embeddings_and_formula_agree(model: AudioLLM, samples: int) -> None:
    clip = model.features(wave(samples / 16_000))
    row = Row(render(model.chat, "What?", None), clip, None)
    batch = model.collate([row])
    assert int((batch.input_ids == model.audio_token_id).sum()) == clip.n_tokens
    assert model.embed(batch).shape[:2] == batch.input_ids.shape  # raises if the encoder gives another number


def test_frames_are_those_of_the_recording_and_not_of_what_it_is_padded_to(model: AudioLLM) -> None:
    """Masks of time fall on the first `n_frames`: on speech, and not on padding."""
    one, two = (model.features(wave(seconds)).n_frames for seconds in (1.0, 2.0))
    assert two / one == pytest.approx(2, rel=0.15)


def test_kept_states_are_heard_as_the_recording_is(model: AudioLLM, tmp_path: Path) -> None:
    """Not every encoder gives as many states as there are tokens; alone, from a file, they are those of any batch."""
    seconds = {"a": 2.3, "b": 0.7, "c": 8.013, "d": 0.1}
    for seed, (name, length) in enumerate(seconds.items()):
        kept = encoded(model, wave(length, seed))
        assert kept.mel is None and kept.states is not None
        write_clip(tmp_path / name, kept)
    from_mels = [typed(model), *(heard(model, s, seed) for seed, s in enumerate(seconds.values())), typed(model, "x")]
    stored = iter(read_clip(tmp_path / name) for name in seconds)
    from_states = [row if row.clip is None else replace(row, clip=next(stored)) for row in from_mels]
    one, other = model.collate(from_mels), model.collate(from_states)
    assert other.mel is None and torch.equal(one.input_ids, other.input_ids)
    with torch.no_grad():
        hidden, again = model.hidden(one), model.hidden(other)
    there = one.attention_mask.bool()
    assert (hidden - again)[there].abs().max() < 1e-5 * max(1, float(hidden[there].abs().max()))


@pytest.mark.parametrize("component", Component)
def test_kept_states_depend_on_what_the_family_says_and_on_nothing_else(model: AudioLLM, component: Component) -> None:
    """A stage that trains none of it may use them; their name must change with it."""
    before, name = encoded(model, wave(1.0)).states, model.components.fingerprint(model.encoded_by)
    with torch.no_grad():
        for parameter, value in model.module.named_parameters():
            if model.components.component_of(parameter) is component:
                value.add_(0.05 * torch.randn_like(value))
    changed = not torch.equal(encoded(model, wave(1.0)).states, before)
    renamed = model.components.fingerprint(model.encoded_by) != name
    assert changed == renamed == (component in model.encoded_by)


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


def test_workers_can_prepare_a_batch_without_the_weights(model: AudioLLM) -> None:
    """They are forks, in which what lies on a GPU cannot be touched."""
    rows = [typed(model), heard(model, 1.0)]
    expected = model.collate(rows)
    model.module.to("meta")
    found = model.collate([typed(model), heard(model, 1.0)])
    assert expected.mel is not None and found.mel is not None
    assert torch.equal(found.mel, expected.mel) and torch.equal(found.input_ids, expected.input_ids)
    assert max(map(model.n_positions, rows)) == found.input_ids.shape[1]


# --- loss --------------------------------------------------------------------------------------------------------


def test_words_that_look_like_sound_are_refused(model: AudioLLM) -> None:
    """A literal placeholder in somebody's text would ask for embeddings that no clip has."""
    placeholder = model.tokenizer.convert_ids_to_tokens(model.audio_token_id)
    with pytest.raises(InputError, match=r"the text must not contain .*; take it out"):
        model.collate([typed(model, f"play {placeholder} now"), heard(model, 1.0)])


def test_labels_stand_on_answers_only(model: AudioLLM) -> None:
    batch = model.collate([typed(model), heard(model, 1.0)])
    for row, labels in zip([typed(model), heard(model, 1.0)], batch.labels, strict=True):
        assert model.tokenizer.decode(labels[labels != -100]) == f"{row.answer}{model.chat.answer_end}"


def test_the_loss_is_that_of_the_stock_forward(model: AudioLLM) -> None:
    never_share_prefixes(model)
    rows = [typed(model), heard(model, 1.0), typed(model, "other")]
    batch = model.collate(rows)
    n_labels = int((batch.labels[:, 1:] != -100).sum())
    inputs, ours = model.decoder_inputs(batch), loss(model, rows) / n_labels
    restore_stock(model)
    stock = model.model(**inputs, attention_mask=batch.attention_mask, labels=batch.labels).loss
    assert abs(ours - stock) < 1e-5


def test_the_head_is_applied_to_label_positions_only(model: AudioLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    head = model.head

    def watched(hidden: Tensor) -> Tensor:
        seen.append(len(hidden))
        return head(hidden)

    monkeypatch.setattr(model, "head", watched)
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
    model.components.set_trainable(tuple(Component))
    optimizer = torch.optim.AdamW(model.components.trainable(), lr=3e-3)
    first = loss(model, chosen).item()
    for _ in range(30):
        optimizer.zero_grad()
        now = loss(model, chosen)
        if now.item() < 0.5 * first:
            return
        now.backward()
        optimizer.step()
    raise AssertionError(f"after 30 steps the loss is {now.item()}, of {first}")


def test_the_loss_of_a_bfloat16_model_is_float32(model: AudioLLM) -> None:
    """Several stock forwards want the features cast first, and some take the loss in bfloat16."""
    half = tiny(type(model), 0, dtype=torch.bfloat16)
    found = loss(half, [typed(half), heard(half, 1.0)])
    assert found.dtype == torch.float32 and torch.isfinite(found)


# --- parts, freezing, LoRA ---------------------------------------------------------------------------------------


def test_every_parameter_lies_in_exactly_one_component(model: AudioLLM) -> None:
    found = {name: model.components.component_of(name) for name, _ in model.module.named_parameters()}
    assert set(found.values()) - {None} == set(Component)
    assert {name for name, of in found.items() if of is None} == {n for n in found if n.startswith(model.never_trained)}
    sizes = {name: value.numel() for name, value in model.module.named_parameters() if found[name]}
    assert sum(total for total, _ in model.components.counts().values()) == sum(sizes.values())


@pytest.mark.parametrize(
    "trainable", [(Component.LANGUAGE_MODEL,), (Component.MODALITY_ADAPTER, Component.LANGUAGE_MODEL), tuple(Component)]
)
def test_frozen_parts_do_not_move_and_the_others_do(model: AudioLLM, trainable: tuple[Component, ...]) -> None:
    before = {name: value.detach().clone() for name, value in model.module.named_parameters()}
    model.components.set_trainable(trainable)
    loss(model, [typed(model), heard(model, 1.0)]).backward()
    torch.optim.SGD(model.components.trainable(), lr=0.1).step()
    moved = set()
    for name, value in model.module.named_parameters():
        component = model.components.component_of(name)
        if component in trainable:
            moved |= {component} if not torch.equal(value, before[name]) else set()
        else:
            assert value.grad is None and torch.equal(value, before[name])
    assert moved == set(trainable)


WITH_SINUSOIDS = ("qwen2-audio", "audioflamingo3", "musicflamingo", "encoder-adapter-llm", "voxtral")
"""Families whose encoder keeps its sinusoidal position embeddings as a parameter."""


def test_sinusoids_and_what_lies_in_no_component_are_never_trained(model: AudioLLM) -> None:
    model.components.set_trainable(tuple(Component))
    frozen = {name for name, value in model.module.named_parameters() if not value.requires_grad}
    in_no_component = {name for name in frozen if name.startswith(model.never_trained)}
    has_sinusoids = type(model) in [FAMILIES[name] for name in WITH_SINUSOIDS]
    assert frozen - in_no_component == ({"model.audio_tower.embed_positions.weight"} if has_sinusoids else set())
    assert bool(in_no_component) == bool(model.never_trained)


def test_frozen_parts_are_put_into_eval_mode(model: AudioLLM) -> None:
    model.components.set_trainable((Component.LANGUAGE_MODEL,))
    model.module.train()
    model.components.put_frozen_in_eval_mode()
    assert not part(model, Component.AUDIO_ENCODER).training and not part(model, Component.MODALITY_ADAPTER).training
    assert part(model, Component.LANGUAGE_MODEL).training


def test_batch_normalisation_never_learns_from_a_few_clips(model: AudioLLM) -> None:
    """Its running means are no parameters, so that they would move in training and be lost when weights are saved."""
    model.components.set_trainable(tuple(Component))
    before = {name: value.clone() for name, value in model.module.named_buffers()}
    model.module.train()
    model.components.put_frozen_in_eval_mode()
    loss(model, [typed(model), heard(model, 1.0)]).backward()
    after = dict(model.module.named_buffers())
    assert [name for name, value in before.items() if not torch.equal(value, after[name])] == []
    norms = [module for module in model.module.modules() if isinstance(module, torch.nn.BatchNorm1d)]
    assert bool(norms) == (type(model) in (FAMILIES["granite-speech"], FAMILIES["granite-speech-plus"]))


def test_lora_reaches_every_linear_layer_of_the_language_model_and_no_other(model: AudioLLM) -> None:
    model.lora.add(Lora(rank=4), seed=0)
    wrapped = [name for name, _ in model.module.named_parameters() if name.endswith("lora_A.default.weight")]
    assert len(wrapped) == 2 * len(model.lora_leaves)  # two layers
    assert all(name.startswith(model.lora_layers) for name in wrapped)
    model.components.set_trainable((Component.LANGUAGE_MODEL,))
    assert all("lora_" in name for name, value in model.module.named_parameters() if value.requires_grad)


def test_lora_starts_as_the_base_model_and_depends_on_the_seed(model: AudioLLM) -> None:
    base = logits(model, [typed(model)])
    model.lora.add(Lora(rank=4), seed=3)
    assert torch.equal(logits(model, [typed(model)]), base)
    again, other = tiny(type(model), 0), tiny(type(model), 0)
    again.lora.add(Lora(rank=4), seed=3)
    other.lora.add(Lora(rank=4), seed=4)
    name = next(name for name, _ in model.module.named_parameters() if name.endswith("lora_A.default.weight"))
    assert torch.equal(model.module.get_parameter(name), again.module.get_parameter(name))
    assert not torch.equal(model.module.get_parameter(name), other.module.get_parameter(name))


@pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])
def test_every_lora_matrix_gets_a_gradient_after_one_step(model: AudioLLM, dora: bool) -> None:
    """B begins at zero, so A has none in the first step."""
    model.lora.add(Lora(rank=4, dora=dora), seed=0)
    model.components.set_trainable((Component.LANGUAGE_MODEL,))
    optimizer = torch.optim.SGD(model.components.trainable(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        loss(model, [typed(model), heard(model, 1.0)]).backward()
        optimizer.step()
    without = [n for n, p in model.module.named_parameters() if "lora_" in n and (p.grad is None or not p.grad.any())]
    assert without == []


@pytest.mark.parametrize("mode", ["lora", "dora", "nf4"])
def test_merged_updates_give_the_same_logits_and_leave_no_wrapping(model: AudioLLM, mode: str) -> None:
    names = [name for name, _ in model.module.named_parameters()]
    rows = [typed(model), heard(model, 1.0)]
    if mode == "nf4":
        pytest.importorskip("bitsandbytes")
        quantise_nf4(model.lora.linears())
        model.module.to("cpu")  # which is when the library quantises
    base = logits(model, rows)
    model.lora.add(Lora(rank=4, dora=mode == "dora"), seed=0)
    with torch.no_grad():
        for name, value in model.module.named_parameters():
            if "lora_B" in name:
                value.normal_(std=0.05, generator=torch.Generator().manual_seed(len(name)))
    tuned = logits(model, rows)
    model.lora.merge()
    assert (tuned - base).abs().max() > 1e-2  # or the test would be empty
    assert (logits(model, rows) - tuned).abs().max() < 1e-5
    assert [name for name, _ in model.module.named_parameters()] == names


# --- what a plan says beforehand ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [1.0, 12.0])
def test_a_clip_takes_as_many_tokens_as_its_family_says(model: AudioLLM, seconds: float) -> None:
    assert model.features(wave(seconds)).n_tokens == pytest.approx(model.tokens.of(seconds), rel=0.05, abs=5)


# --- gradients ---------------------------------------------------------------------------------------------------


def gradients(model: AudioLLM, batches: list[list[Row]], n_labels: int) -> torch.Tensor:
    """Of the language model's first trained weights and the adapter's, one after another."""
    model.module.zero_grad()
    for rows in batches:
        (loss(model, rows) / n_labels).backward()
    found = [value.grad.flatten() for value in model.components.trainable() if value.grad is not None]
    return torch.cat(found)


def test_gradients_do_not_depend_on_the_micro_batches(model: AudioLLM) -> None:
    """The stock losses of Qwen2-Audio and Granite Speech are means over each, so that theirs do."""
    rows = [
        typed(model),
        heard(model, 1.0, 1),
        typed(model, "b", "{}"),
        heard(model, 0.4, 2, '{"intent":"much longer"}'),
    ]
    model.components.set_trainable((Component.MODALITY_ADAPTER, Component.LANGUAGE_MODEL))
    together = gradients(model, [rows], 50)
    assert torch.allclose(together, gradients(model, [[row] for row in rows], 50), rtol=1e-3, atol=1e-5)


def test_recomputed_activations_give_the_same_gradients(model: AudioLLM) -> None:
    rows = [typed(model), heard(model, 1.0)]
    model.components.set_trainable((Component.LANGUAGE_MODEL,))  # some adapters drop out, which would be drawn anew
    model.module.train()
    model.components.put_frozen_in_eval_mode()
    kept = gradients(model, [rows], 50)
    model.recompute_activations()
    assert any(getattr(part_of, "gradient_checkpointing", False) for part_of in model.language_model.modules())
    assert torch.allclose(gradients(model, [rows], 50), kept, rtol=1e-4, atol=1e-6)


# --- a beginning that all rows share ------------------------------------------------------------------------------


def after_an_instruction(model: AudioLLM, answers: bool = True) -> list[Row]:
    """Rows of both kinds and of several lengths, with a long instruction before what it is about."""
    asked = "Answer with the intent and the entities of this request as JSON, and with nothing else. " * 3
    answer = '{"intent":"a"}' if answers else None
    written = [Row(render(model.chat, asked, text, "before"), None, answer) for text in ("a", "a small latte please")]
    clips = [model.features(wave(seconds, seed)) for seed, seconds in enumerate((0.7, 2.3))]
    return written + [Row(render(model.chat, asked, None, "before"), clip, answer) for clip in clips]


def both_ways(model: AudioLLM, rows: list[Row]) -> tuple[Batch, Batch]:
    """With the beginning read once, and with it read for each row."""
    shared = model.collate(rows)
    never_share_prefixes(model)
    return shared, model.collate(rows)


def test_a_shared_beginning_read_once_gives_the_same_loss_and_gradients(model: AudioLLM) -> None:
    shared, whole = both_ways(model, after_an_instruction(model))
    assert shared.n_shared > 50
    model.components.set_trainable((Component.MODALITY_ADAPTER, Component.LANGUAGE_MODEL))
    learner, found = Learner(model).eval(), []
    for batch in (whole, shared):
        model.module.zero_grad()
        total = learner(batch) / 50
        total.backward()
        found.append((total.detach(), torch.cat([p.grad.flatten() for p in model.components.trainable()])))
    (loss_of_whole, of_whole), (loss_of_shared, of_shared) = found
    assert abs(loss_of_whole - loss_of_shared) < 1e-4
    assert (of_whole - of_shared).abs().max() < 1e-4 * max(1, float(of_whole.abs().max()))


@pytest.mark.parametrize("beams", [1, 3])
def test_a_shared_beginning_read_once_gives_the_same_answers(model: AudioLLM, beams: int) -> None:
    shared, whole = both_ways(model, after_an_instruction(model, answers=False))
    assert (shared.n_shared > 50) != has_sliding_windows(model.language_model)
    decoding = Decoding(beams=beams, max_new_tokens=6)
    assert generate(model, shared, decoding) == generate(model, whole, decoding)


def test_what_is_kept_from_other_answers_changes_none(model: AudioLLM) -> None:
    kept, decoding = Kept(), Decoding(beams=3, max_new_tokens=4)
    for rows in ([heard(model, 0.7, 1)], [heard(model, 1.1, 2)], [heard(model, 0.5, 3), typed(model)], [typed(model)]):
        batch = model.collate([replace(row, answer=None) for row in rows])
        assert [one.text for one in write(model, batch, decoding, kept=kept)] == generate(model, batch, decoding)


def test_a_batch_without_its_padding_gives_the_same_loss_and_gradients(model: AudioLLM) -> None:
    rows = [typed(model), heard(model, 0.7, 1), typed(model, "one of very many words " * 5, "{}"), heard(model, 2.3, 2)]
    model.components.set_trainable(tuple(Component))
    never_share_prefixes(model)
    packed = gradients(model, [rows], 50)
    model.packs = False
    padded = gradients(model, [rows], 50)
    assert (packed - padded).abs().max() < 1e-4 * max(1, float(padded.abs().max()))


# --- generation --------------------------------------------------------------------------------------------------


def test_each_clip_is_encoded_once_however_many_beams(model: AudioLLM) -> None:
    sizes: list[int] = []
    encoder = part(model, Component.AUDIO_ENCODER)
    encoder.register_forward_pre_hook(lambda module, args, named: sizes.append(args[0].numel()), with_kwargs=True)
    batch = model.collate([heard(model, 1.0, 1, None), typed(model, answer=None), heard(model, 2.0, 2, None)])
    model.embed(batch)
    once = sizes.copy()
    generate(model, batch, Decoding(beams=3, max_new_tokens=4))
    assert once and sizes == 2 * once


@pytest.mark.parametrize("beams", [1, 3])
def test_answers_equal_those_of_the_stock_model(model: AudioLLM, beams: int) -> None:
    batch = model.collate([heard(model, 1.5, 1, None), heard(model, 1.5, 2, None)])
    decoding = Decoding(beams=beams, max_new_tokens=6)
    ours = generate(model, batch, decoding)
    restore_stock(model)
    audio = model.stock_audio([wave(1.5, 1), wave(1.5, 2)])
    assert ours == texts(model, stock_tokens(model, batch, decoding, **audio))


@pytest.mark.parametrize("beams", [1, 3])
def test_random_weights_held_to_a_schema_write_valid_answers(model: AudioLLM, beams: int) -> None:
    schema = Schema.of(
        [SemanticFrame.of("alarm", "set", [Entity("date", "friday")]), SemanticFrame.of("music", "play")]
    )
    batch = model.collate([heard(model, 1.0, 1, None), typed(model, answer=None), heard(model, 2.0, 2, None)])
    held = Decoding(beams=beams, max_new_tokens=48, constrain="schema")
    statuses = [parse(answer, schema)[1] for answer in generate(model, batch, held, grammar(schema))]
    assert statuses == [ParseStatus.OK] * 3


def test_forced_tokens_are_skipped_where_no_window_would_count_the_padding_after(model: AudioLLM) -> None:
    schema = Schema.of([SemanticFrame.of("alarm", "set")])
    rules = rules_of(model, Decoding(max_new_tokens=48, constrain="schema"), grammar(schema))
    assert (rules.forced(()) == ()) == has_sliding_windows(model.language_model)


def test_the_placeholder_is_never_answered(model: AudioLLM) -> None:
    with torch.no_grad():
        model.model.lm_head.weight[model.audio_token_id] = 100 * model.model.lm_head.weight.abs().max()
    batch = model.collate([typed(model, answer=None)])
    answers = generate(model, batch, GREEDY)
    assert model.tokenizer.convert_ids_to_tokens(model.audio_token_id) not in answers[0]
    assert answers == generate(model, batch, GREEDY)


# --- saving ------------------------------------------------------------------------------------------------------


def test_a_saved_model_loads_in_the_hubs_layout_and_answers_alike(model: AudioLLM, tmp_path: Path) -> None:
    model.save(tmp_path / "saved")
    (name,) = (name for name, family in FAMILIES.items() if family is type(model))
    again = load(Architecture(type=name, checkpoint=str(tmp_path / "saved"), precision="float32"))
    rows = [typed(model), heard(model, 1.0)]
    assert (logits(model, rows) - logits(again, rows)).abs().max() < 1e-6


def test_a_checkpoint_of_another_family_is_refused(model: AudioLLM, tmp_path: Path) -> None:
    """The library would load it, fill up what is missing at random, and only log that."""
    model.save(tmp_path)
    others = [family for family in SUPPORTED if family.model_class is not type(model).model_class]
    for other in others:
        with pytest.raises(InputError, match=r"is a .*, not a .*; `eartune list` shows the types there are"):
            other.load(str(tmp_path), torch.float32)
