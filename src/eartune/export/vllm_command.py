"""The command that serves an exported model with vLLM, or why there is none."""

import shlex
from dataclasses import dataclass

from eartune.experiments.finished_model import FinishedModel
from eartune.export.request import TEMPLATE
from eartune.models.audio_llm import AudioLLM
from eartune.models.vllm import RANKS

COMPACT = '{"backend": "guidance", "disable_any_whitespace": true}'
"""JSON as models are trained to write it: one that is held to a schema may write nothing but white space if it can."""


@dataclass(frozen=True)
class VllmCommand:
    """A command to be run in the exported folder; without one, the reason is a clause."""

    lines: tuple[str, ...] = ()
    reason: str = ""


def vllm_command(model: AudioLLM, run: FinishedModel, name: str, adapter: bool) -> VllmCommand:
    """Return the command that serves a model, merged or as an adapter of its base model, under this name."""
    if reason := _reason(model, run, adapter):
        return VllmCommand(reason=reason)
    as_trained = (
        f"--chat-template {TEMPLATE}",
        "--chat-template-content-format openai",
        "--generation-config vllm",  # none of the penalties that a checkpoint may ask for
        f"--structured-outputs-config '{COMPACT}'",
    )
    if not adapter:
        return VllmCommand(("vllm serve .", f"--served-model-name {shlex.quote(name)}", *as_trained))
    room = min(rank for rank in RANKS if rank >= model.lora.rank())
    base = shlex.quote(run.experiment.architecture.checkpoint)
    lora = ("--enable-lora", f"--max-lora-rank {room}", f"--lora-modules {shlex.quote(f'{name}=.')}")
    return VllmCommand((f"vllm serve {base}", *lora, *as_trained))


def _reason(model: AudioLLM, run: FinishedModel, adapter: bool) -> str:
    """Why vLLM cannot serve the model; empty if it can."""
    facts, decoder = model.vllm, str(model.model.config.get_text_config().model_type)
    if run.through == "words":
        return "the model is asked twice for an answer, which one request cannot do; serve it with `eartune serve`"
    if facts.no_model:
        return facts.no_model
    if facts.decoder is not None and decoder != facts.decoder:
        return f"its class for this family builds a decoder of the kind {facts.decoder}, and the model's is {decoder}"
    if not adapter:
        return ""
    if facts.no_adapter:
        return f"{facts.no_adapter}; export the merged model"
    lora = run.experiment.training.lora
    if lora is not None and lora.dora:
        return "it takes no DoRA; export the merged model"
    if model.lora.rank() > RANKS[-1]:
        return f"the adapter's rank is {model.lora.rank()}, and it takes {RANKS[-1]} at most; export the merged model"
    return ""
