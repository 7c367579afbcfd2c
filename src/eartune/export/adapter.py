"""Export of a model's LoRA weights alone, in peft's format."""

import re
from pathlib import Path

from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import save_file

from eartune.errors import InputError
from eartune.experiments.finished_model import FinishedModel
from eartune.models.audio_llm import AudioLLM


def save_adapter(model: AudioLLM, run: FinishedModel, folder: Path) -> None:
    """Write adapter_config.json and adapter_model.safetensors; raises InputError if more than LoRA was trained."""
    lora, components = run.experiment.training.lora, model.components
    if lora is None or run.weights is None:
        raise InputError(f"{run.folder.path}: has no LoRA; export the whole model, without --adapter")
    if others := sorted(name for name, _ in components.trained() if "lora_" not in name):
        component = components.component_of(others[0])
        instead = "export without --adapter" if run.through == "nothing" else "load it from its run with eartune.load"
        raise InputError(f"{run.folder.path}: its {component} was trained too, which an adapter cannot hold; {instead}")
    folder.mkdir(parents=True)
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        use_dora=lora.dora,
        target_modules=rf"{re.escape(model.lora.path)}\..*\.({'|'.join(model.lora.leaves)})",
        base_model_name_or_path=run.experiment.architecture.checkpoint,
        inference_mode=True,
    )
    config.save_pretrained(folder)
    found = get_peft_model_state_dict(model.module.get_submodule(model.lora.path))
    prefix = f"base_model.model.{model.lora.path}."
    save_file(
        {prefix + name: value.contiguous().cpu() for name, value in found.items()}, folder / "adapter_model.safetensors"
    )
