"""The size of a checkpoint from its configuration alone: its class is built without weights and counted."""

from functools import cache, partial
from pathlib import Path
from typing import Any

from eartune.errors import InputError
from eartune.models.architecture import Architecture, Family
from eartune.models.size import KNOWN, Size


@cache
def size_of(architecture: Architecture) -> Size:
    """Return the size of a checkpoint that is known, in a folder, or on the hub; only its configuration is fetched.

    Raises InputError where no configuration can be read. Torch is imported only for checkpoints that are not known.
    """
    if architecture.checkpoint in KNOWN and architecture.type == "qwen2-audio":
        return KNOWN[architecture.checkpoint]
    return size_of_config(architecture.type, _config(architecture))


def size_of_config(family_name: Family, config: Any) -> Size:
    """Return the size of the model that a family's class builds from a configuration of transformers."""
    import torch

    from eartune.models.activation_memory import decoder_bytes_per_token, encoder_bytes_per_state
    from eartune.models.components import SINUSOIDS
    from eartune.models.fused_layers import fuse_layers
    from eartune.models.registry import FAMILIES

    family = FAMILIES[family_name]
    with torch.device("meta"):
        module = family.model_class(config)
    components = family.components_of(module)
    sinusoids = [value for name, value in module.named_parameters() if name.endswith(SINUSOIDS)]
    text = config.get_text_config()
    decoder = family.decoder_of(module)
    fuse_layers(decoder)
    wrapped = [linear for _, _, linear in family.lora_of(module).linears()]
    return Size(
        parameters={component: total for component, (total, _) in components.counts().items()},
        lora_features=sum(layer.in_features + layer.out_features for layer in wrapped),
        positions=sum(value.numel() for value in sinusoids),
        layers=text.num_hidden_layers,
        width=text.hidden_size,
        vocabulary=text.vocab_size,
        wrapped=sum(layer.weight.numel() for layer in wrapped),
        lora_outputs=sum(layer.out_features for layer in wrapped),
        token_bytes=decoder_bytes_per_token(decoder, partial(family.meta_inputs, text)),
        state_bytes=encoder_bytes_per_state(module, components),
        experts=_experts_of_a_token(decoder, text),
        states=family.states,
        tokens=family.tokens,
    )


def _experts_of_a_token(decoder: Any, text: Any) -> int:
    experts = sum(value.numel() for name, value in decoder.named_parameters() if ".experts." in name)
    if not experts:
        return 0
    chosen = getattr(text, "top_k_experts", None) or text.num_experts_per_tok  # Gemma's name, and Qwen's
    return int(experts * chosen / text.num_experts)


def _config(architecture: Architecture) -> Any:
    checkpoint = architecture.checkpoint
    nowhere = f"{checkpoint}: neither a folder with a config.json, nor on the hub, nor one of {', '.join(KNOWN)}"
    for part in checkpoint.split(" + "):  # encoder-adapter-llm joins two
        if not Path(part).is_dir() and part.count("/") != 1:  # on the hub it is OWNER/NAME
            raise InputError(nowhere)
    from eartune.models.registry import FAMILIES

    try:
        return FAMILIES[architecture.type].config_of(checkpoint)
    except (OSError, ValueError) as error:  # no such file, or not a configuration
        raise InputError(f"{nowhere} ({str(error).splitlines()[0]})") from error
