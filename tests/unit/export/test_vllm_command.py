"""The command for vLLM is written where its source says that it loads what was exported, and else the reason."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from builders import experiment
from eartune.export.vllm_command import vllm_command
from eartune.models.audio_llm import AudioLLM
from eartune.models.families.audioflamingo3 import AudioFlamingo3
from eartune.models.families.glmasr import GlmAsr
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.families.qwen3_asr import Qwen3Asr
from eartune.models.families.voxtral import Voxtral
from eartune.models.registry import FAMILIES
from eartune.models.vllm import Vllm
from eartune.settings import Lora
from tiny_models import tiny

AS_TRAINED = (
    *("--chat-template prompt.jinja", "--chat-template-content-format openai", "--generation-config vllm"),
    """--structured-outputs-config '{"backend": "guidance", "disable_any_whitespace": true}'""",
)


def run(through: str = "nothing", **lora: Any) -> Any:
    """What the command needs to know of a run."""
    return SimpleNamespace(
        through=through, experiment=experiment(training__lora=lora, architecture__checkpoint="o/base")
    )


def with_lora(kind: type[AudioLLM], rank: int) -> AudioLLM:
    model = tiny(kind)
    model.lora.add(Lora(rank=rank), seed=0)
    return model


def test_every_family_states_what_vllm_does_with_it() -> None:
    assert all(isinstance(kind.vllm, Vllm) for kind in FAMILIES.values())


def test_a_merged_model_is_served_from_its_folder_under_its_name() -> None:
    command = vllm_command(tiny(Qwen2Audio), run(), "my model", adapter=False)
    assert command.lines == ("vllm serve .", "--served-model-name 'my model'", *AS_TRAINED) and not command.reason


def test_an_adapter_is_served_with_its_base_and_room_for_its_rank() -> None:
    command = vllm_command(with_lora(Qwen3Asr, 12), run(rank=12), "slu", adapter=True)
    lora = ("--enable-lora", "--max-lora-rank 16", "--lora-modules slu=.")
    assert command.lines == ("vllm serve o/base", *lora, *AS_TRAINED)


@pytest.mark.parametrize(
    ("kind", "lora", "reason"),
    [
        (Qwen2Audio, {}, "its class for Qwen2-Audio takes no LoRA; export the merged model"),
        (AudioFlamingo3, {}, "it looks for an adapter's weights under other names than peft's"),
        (GlmAsr, {}, "it looks for an adapter's weights under other names than peft's"),
        (Qwen3Asr, {"dora": True}, "it takes no DoRA; export the merged model"),
        (Voxtral, {}, "it reads Voxtral in Mistral's own layout alone"),
    ],
)
def test_an_adapter_that_it_would_not_find_gets_no_command(kind: type[AudioLLM], lora: Any, reason: str) -> None:
    command = vllm_command(with_lora(kind, 2), run(rank=2, **lora), "slu", adapter=True)
    assert command.lines == () and command.reason.startswith(reason)


def test_a_decoder_that_its_class_does_not_build_gets_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pocket checkpoint is a Qwen2-Audio with Llama's decoder; vLLM's class for it builds Qwen2's."""
    monkeypatch.setattr(Qwen2Audio, "vllm", replace(Qwen2Audio.vllm, decoder="llama"))
    command = vllm_command(tiny(Qwen2Audio), run(), "slu", adapter=False)
    assert command.reason == "its class for this family builds a decoder of the kind llama, and the model's is qwen2"


def test_a_model_that_is_asked_twice_gets_no_command() -> None:
    assert vllm_command(tiny(Qwen2Audio), run("words"), "slu", adapter=False).reason.startswith(
        "the model is asked twice"
    )
