"""The families of audio LLMs by name, and loading one that an experiment's architecture section names."""

import os
from pathlib import Path

import torch
from transformers import PreTrainedConfig
from transformers.utils import logging

from eartune.errors import InputError
from eartune.files import atomic, remove_leftovers
from eartune.models.architecture import POCKET, Architecture, Family
from eartune.models.audio_llm import AudioLLM
from eartune.models.families.audioflamingo3 import AudioFlamingo3
from eartune.models.families.encoder_adapter_llm import EncoderAdapterLlm
from eartune.models.families.fun_asr_nano import FunAsrNano
from eartune.models.families.gemma4 import Gemma4
from eartune.models.families.glmasr import GlmAsr
from eartune.models.families.granite_speech import GraniteSpeech, GraniteSpeechPlus
from eartune.models.families.musicflamingo import MusicFlamingo
from eartune.models.families.phi4_multimodal import Phi4Multimodal
from eartune.models.families.qwen2_5_omni import Qwen25Omni
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.families.qwen3_asr import Qwen3Asr
from eartune.models.families.qwen3_omni import Qwen3Omni
from eartune.models.families.voxtral import Voxtral
from eartune.models.nf4 import quantise_nf4

FAMILIES: dict[Family, type[AudioLLM]] = {
    "qwen2-audio": Qwen2Audio,
    "qwen2.5-omni": Qwen25Omni,
    "qwen3-asr": Qwen3Asr,
    "qwen3-omni": Qwen3Omni,
    "audioflamingo3": AudioFlamingo3,
    "encoder-adapter-llm": EncoderAdapterLlm,
    "fun-asr-nano": FunAsrNano,
    "gemma4": Gemma4,
    "glmasr": GlmAsr,
    "granite-speech": GraniteSpeech,
    "granite-speech-plus": GraniteSpeechPlus,
    "musicflamingo": MusicFlamingo,
    "phi4-multimodal": Phi4Multimodal,
    "voxtral": Voxtral,
}


def load(settings: Architecture) -> AudioLLM:
    """Load a model in evaluation mode, on the GPU if there is one.

    Raises InputError for a checkpoint of another family, one that lacks weights or cannot be loaded from the hub, or
    nf4 without bitsandbytes.
    """
    logging.disable_progress_bar()  # ours is shown instead
    folder = checkpoint_of(settings)
    dtype = torch.float32 if settings.precision == "float32" else torch.bfloat16
    try:
        model = FAMILIES[settings.type].load(folder, dtype)
    except OSError as error:
        if error.errno is not None or Path(folder).is_dir():  # the disk's, or a file that is missing from the folder
            raise
        raise not_found(folder, error) from error
    if settings.precision == "nf4":
        quantise_nf4(model.lora.linears())
    model.module.to("cuda" if torch.cuda.is_available() else "cpu")
    return model


def not_found(checkpoint: str | Path, error: OSError) -> InputError:
    """Return what to raise where transformers finds a checkpoint neither here nor on the hub."""
    why = str(error).splitlines()[0]
    return InputError(f"{checkpoint}: is no folder here, and cannot be loaded from the hub ({why})")


def untuned_architecture(checkpoint: str) -> Architecture:
    """Return the architecture of a checkpoint that nothing else is known of, by the model type of its configuration.

    Raises InputError for a checkpoint of a family that is not supported.
    """
    if checkpoint == POCKET:
        return Architecture(type="qwen2-audio", checkpoint=checkpoint)
    found = str(PreTrainedConfig.get_config_dict(checkpoint)[0].get("model_type"))
    for family, kind in FAMILIES.items():
        if kind.model_class.config_class.model_type in (found, f"{found}_thinker"):
            return Architecture(type=family, checkpoint=checkpoint)
    raise InputError(f"{checkpoint}: is a {found}, which is of no supported family; `eartune list` shows them")


def checkpoint_of(settings: Architecture) -> str:
    """Return the hub's name or the folder of an architecture's weights; pocket is built on first use."""
    return str(pocket_folder()) if settings.checkpoint == POCKET else settings.checkpoint


def pocket_folder() -> Path:
    """Return the folder of the pocket checkpoint in the hub's layout, built on first use in the user's cache.

    Processes may build it at once: the first that is ready counts.
    """
    from eartune.models.pocket.build import build_pocket
    from eartune.models.pocket.weights import pocket_fingerprint

    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "eartune"
    folder = cache / f"pocket-{pocket_fingerprint()}"
    if not (folder / "config.json").exists():
        remove_leftovers(cache)
        model = build_pocket()
        try:
            with atomic(folder) as half_written:
                model.save(half_written)
        except OSError:
            if not (folder / "config.json").exists():  # it is, where another process was faster: that one's is used
                raise
    return folder
