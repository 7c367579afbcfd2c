"""A model is put together from any Whisper and any decoder of the Llama kind."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    PreTrainedTokenizerFast,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
)

from eartune.errors import InputError
from eartune.models.architecture import Architecture
from eartune.models.batch import Row
from eartune.models.chat_format import ChatFormat, render
from eartune.models.families.encoder_adapter_llm import EncoderAdapterLlm, chat_of
from eartune.models.registry import load
from eartune.models.size_from_config import size_of
from eartune.settings import Component
from tiny_models import CHATML, TINY_DECODER, TINY_WHISPER, byte_tokenizer


def chatml_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = byte_tokenizer((), "<|im_end|>")
    tokenizer.chat_template = CHATML
    return tokenizer


def save_parts(
    folder: Path, kind: str = "qwen2", tokenizer: PreTrainedTokenizerFast | None = None, **settings: Any
) -> str:
    """A Whisper and a decoder on disk, as a checkpoint of two."""
    torch.manual_seed(1)
    whisper = WhisperModel(WhisperConfig(**TINY_WHISPER, decoder_layers=1, decoder_attention_heads=2))
    whisper.save_pretrained(folder / "whisper")
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder / "whisper")
    tokenizer = tokenizer or chatml_tokenizer()
    tokenizer.save_pretrained(folder / "llm")
    ends = {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0}
    config = AutoConfig.for_model(kind, **TINY_DECODER | ends | settings, vocab_size=len(tokenizer))
    AutoModelForCausalLM.from_config(config).save_pretrained(folder / "llm")
    return f"{folder / 'whisper'} + {folder / 'llm'}"


@pytest.mark.parametrize("kind", ["qwen2", "llama", "phi3", "gemma2"])
def test_two_checkpoints_become_one_with_the_weights_of_both(kind: str, tmp_path: Path) -> None:
    checkpoint = save_parts(tmp_path, kind)
    architecture = Architecture(type="encoder-adapter-llm", checkpoint=checkpoint, precision="float32")
    model = load(architecture)
    whisper = WhisperModel.from_pretrained(tmp_path / "whisper").encoder.state_dict()
    decoder = AutoModelForCausalLM.from_pretrained(tmp_path / "llm").model.state_dict()
    tower, language_model = model.model.model.audio_tower.state_dict(), model.language_model.state_dict()
    assert all(torch.equal(tower[name], value) for name, value in whisper.items())
    assert all(torch.equal(language_model[name][: len(value)], value) for name, value in decoder.items())
    counted = {component: total for component, (total, _) in model.components.counts().items()}
    planned = size_of(architecture).parameters
    assert planned[Component.AUDIO_ENCODER] == counted[Component.AUDIO_ENCODER]
    assert planned[Component.LANGUAGE_MODEL] == pytest.approx(counted[Component.LANGUAGE_MODEL], rel=0.01)


def test_the_adapter_is_the_same_every_time(tmp_path: Path) -> None:
    checkpoint = save_parts(tmp_path)
    first, second = (EncoderAdapterLlm.load(checkpoint, torch.float32) for _ in range(2))
    adapters = [model.model.model.multi_modal_projector.linear_1.weight for model in (first, second)]
    assert torch.equal(*adapters)


def test_the_chat_is_the_tokenizers() -> None:
    tokenizer = chatml_tokenizer()
    expected = ChatFormat("<|im_start|>user\n", "", "", "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>")
    assert chat_of(tokenizer) == expected


def test_a_decoder_whose_chat_is_not_chatml_is_joined_too(tmp_path: Path) -> None:
    """Its tokenizer was once refused, as it was asked for the end of an answer of another family's chat."""
    tokenizer = byte_tokenizer((), "</s>", chat_specials=("<|endoftext|>", "[INST]", "[/INST]"))
    tokenizer.chat_template = (
        "{% for message in messages %}{% if message.role == 'user' %}[INST]{{ message.content }}[/INST]"
        "{% else %}{{ message.content }}</s>{% endif %}{% endfor %}"
    )
    model = EncoderAdapterLlm.load(save_parts(tmp_path, "llama", tokenizer), torch.float32)
    batch = model.collate([Row(render(model.chat, "What?", "a"), None, "{}")])
    assert model.tokenizer.decode(batch.input_ids[0]) == "[INST]a\nWhat?[/INST]{}</s>"


@pytest.mark.parametrize(
    ("template", "said"),
    [(None, "has no chat template; choose an instruct model"), ("{{ messages[-1].content }}", "puts nothing after")],
)
def test_a_tokenizer_that_cannot_chat_is_refused(template: str | None, said: str) -> None:
    tokenizer = byte_tokenizer((), "<|im_end|>")
    tokenizer.chat_template = template
    with pytest.raises(InputError, match=said):
        chat_of(tokenizer)


def test_a_decoder_of_another_kind_is_named(tmp_path: Path) -> None:
    checkpoint = save_parts(tmp_path, "gpt2", n_embd=32, n_layer=2, n_head=4)
    with pytest.raises(InputError, match="a gpt2 has no `layers`; choose a decoder of the Llama kind"):
        EncoderAdapterLlm.load(checkpoint, torch.float32)


def test_a_decoder_with_convolutions_is_trained_on_padded_rows(tmp_path: Path) -> None:
    """They would mix the end of a row with the beginning of the next."""
    checkpoint = save_parts(tmp_path, "lfm2", layer_types=["conv", "full_attention"], block_auto_adjust_ff_dim=False)
    model = EncoderAdapterLlm.load(checkpoint, torch.float32)
    rows = [Row(render(model.chat, "What?", text), None, "{}") for text in ("a", "many more words than that")]
    batch = model.collate(rows)
    assert batch.n_shared == 0 and not model.packs
    with torch.no_grad():
        ours = model.head(model.hidden(batch))
        stock = model.model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
    assert torch.equal(ours, stock)
