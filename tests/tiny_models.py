"""Every family's real classes at tiny size, with random weights: built offline, in milliseconds."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AudioFlamingo3Config,
    AutoConfig,
    AutoModelForCausalLM,
    FunAsrNanoConfig,
    Gemma4AudioFeatureExtractor,
    Gemma4Config,
    GlmAsrConfig,
    MusicFlamingoConfig,
    Phi4MultimodalConfig,
    Phi4MultimodalFeatureExtractor,
    PreTrainedTokenizerFast,
    Qwen2_5OmniThinkerConfig,
    Qwen2AudioConfig,
    Qwen3ASRConfig,
    Qwen3OmniMoeThinkerConfig,
    VoxtralConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
)

from eartune.models.audio_llm import AudioLLM
from eartune.models.families.audioflamingo3 import AudioFlamingo3
from eartune.models.families.encoder_adapter_llm import EncoderAdapterLlm, join
from eartune.models.families.fun_asr_nano import FunAsrNano, FunAsrNanoFeatureExtractor
from eartune.models.families.gemma4 import Gemma4
from eartune.models.families.glmasr import GlmAsr
from eartune.models.families.granite_speech import GraniteSpeech, GraniteSpeechPlus, LogMel
from eartune.models.families.musicflamingo import MusicFlamingo
from eartune.models.families.phi4_multimodal import Phi4Multimodal
from eartune.models.families.qwen2_5_omni import Qwen25Omni
from eartune.models.families.qwen2_audio import AUDIO_SPECIALS, AUDIO_TOKEN, Qwen2Audio
from eartune.models.families.qwen3_asr import Qwen3Asr
from eartune.models.families.qwen3_omni import Qwen3Omni
from eartune.models.families.voxtral import Voxtral
from eartune.models.transformers_version import transformers_is_at_least

WIDTH = 32
TINY_WHISPER = {
    "d_model": WIDTH,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "num_mel_bins": 80,
}
TINY_DECODER: dict[str, Any] = {
    "hidden_size": WIDTH,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}
TINY_VISION = {"depth": 1, "hidden_size": WIDTH, "num_heads": 2, "intermediate_size": 32, "out_hidden_size": WIDTH}
ROTARY_OF_THREE = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2]}
CHAT_SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
Model = TypeVar("Model", bound=AudioLLM)


def tiny(family: type[Model], seed: int = 0, dtype: torch.dtype = torch.float32) -> Model:
    """A model of this family with two layers on each side and weights drawn from `seed`, in evaluation mode."""
    if family is EncoderAdapterLlm:
        return tiny_joined(family, seed, dtype)
    config, tokenizer = CONFIGS[family]()
    torch.manual_seed(seed)
    model = family.model_class(config)
    scale_up(model)
    return family(model.to(dtype).eval(), tokenizer, EXTRACTORS.get(family, mel_of_whisper)())


def is_supported(family: type[AudioLLM]) -> bool:
    """Whether the installed transformers is new enough for this family."""
    return transformers_is_at_least(family.least_transformers)


def scale_up(model: Any) -> None:
    """Make weights so large that attention is not nearly uniform."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(30.0 if parameter.dim() == 4 else 3.0)  # 4: convolutions over time and pitch


def byte_tokenizer(
    audio_specials: tuple[str, ...], answer_end: str, chat_specials: tuple[str, ...] = CHAT_SPECIALS
) -> PreTrainedTokenizerFast:
    """A tokenizer with one token for each byte, and the special tokens of a chat and of audio."""
    alphabet = {char: i for i, char in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = tuple(dict.fromkeys((*chat_specials, answer_end, *audio_specials)))
    tokenizer.add_special_tokens(list(specials))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|endoftext|>",
        eos_token=answer_end,
        padding_side="left",
        additional_special_tokens=[name for name in specials if name not in ("<|endoftext|>", answer_end)],
    )


def decoder_config(tokenizer: PreTrainedTokenizerFast, **settings: Any) -> dict[str, Any]:
    return TINY_DECODER | {"vocab_size": len(tokenizer)} | settings


def mel_of_whisper() -> WhisperFeatureExtractor:
    return WhisperFeatureExtractor(feature_size=TINY_WHISPER["num_mel_bins"])


# --- configurations, one a family --------------------------------------------------------------------------------

Parts = tuple[Any, PreTrainedTokenizerFast]


def tiny_joined(family: Any, seed: int, dtype: torch.dtype, decoder: str = "llama") -> Any:
    """A tiny Whisper and a tiny decoder, joined."""
    torch.manual_seed(seed)
    tokenizer = byte_tokenizer((), "<|im_end|>")
    tokenizer.chat_template = CHATML
    whisper = WhisperModel(WhisperConfig(**TINY_WHISPER, decoder_layers=1, decoder_attention_heads=2))
    language_model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(decoder, **decoder_config(tokenizer, eos_token_id=0, bos_token_id=0))
    )
    model, tokenizer = join(whisper.encoder, language_model, tokenizer)
    scale_up(model)
    return family(model.to(dtype).eval(), tokenizer, mel_of_whisper())


def audioflamingo3() -> Parts:
    tokenizer = byte_tokenizer(("<sound>",), "<|im_end|>")
    config = AudioFlamingo3Config(
        audio_config=TINY_WHISPER | {"model_type": "audioflamingo3_encoder"},
        text_config=decoder_config(tokenizer, model_type="qwen2"),
        audio_token_id=tokenizer.convert_tokens_to_ids("<sound>"),
    )
    return config, tokenizer


def fun_asr_nano() -> Parts:
    """The encoder's last layer is for timestamps."""
    tokenizer = byte_tokenizer(("<|object_ref_start|>",), "<|im_end|>")
    heads = {"hidden_size": WIDTH, "num_attention_heads": 2, "num_hidden_layers": 2}
    config = FunAsrNanoConfig(
        audio_config=heads | {"intermediate_size": 64, "num_timestamp_prediction_layers": 1},
        adaptor_config=heads | {"intermediate_size": WIDTH // 4, "projector_hidden_size": 64},
        text_config=decoder_config(tokenizer, model_type="qwen3", head_dim=8),
        audio_token_id=tokenizer.convert_tokens_to_ids("<|object_ref_start|>"),
    )
    return config, tokenizer


def gemma4() -> Parts:
    """The decoder has one layer of each kind of attention."""
    specials = ("<bos>", "<|turn>", "<|audio|>", "<|audio>", "<audio|>", "<|image|>", "<|video|>")
    tokenizer = byte_tokenizer(specials, "<turn|>")
    token = tokenizer.convert_tokens_to_ids
    config = Gemma4Config(
        audio_config={"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2}
        | {"subsampling_conv_channels": [128, 4], "output_proj_dims": WIDTH},
        vision_config={"hidden_size": WIDTH, "intermediate_size": WIDTH, "num_hidden_layers": 1}
        | {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16, "position_embedding_size": 64},
        text_config=decoder_config(
            tokenizer,
            layer_types=["sliding_attention", "full_attention"],
            sliding_window=32,
            head_dim=8,
            global_head_dim=8,
            hidden_size_per_layer_input=8,
            vocab_size_per_layer_input=len(tokenizer),
            pad_token_id=tokenizer.pad_token_id,
            final_logit_softcapping=30.0,
        ),
        audio_token_id=token("<|audio|>"),
        image_token_id=token("<|image|>"),
        video_token_id=token("<|video|>"),
    )
    return config, tokenizer


def glmasr() -> Parts:
    specials = ("<|user|>", "<|assistant|>", "<|pad|>", "<|begin_of_audio|>", "<|end_of_audio|>")
    tokenizer = byte_tokenizer(specials, "<|user|>")
    config = GlmAsrConfig(
        audio_config={"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": 2}
        | {"num_attention_heads": 2, "num_mel_bins": TINY_WHISPER["num_mel_bins"]},
        text_config=decoder_config(tokenizer, model_type="llama", eos_token_id=0),
        audio_token_id=tokenizer.convert_tokens_to_ids("<|pad|>"),
    )
    return config, tokenizer


def granite_speech(family: type[AudioLLM]) -> Parts:
    tokenizer = byte_tokenizer(("<|start_of_role|>", "<|end_of_role|>", "<|audio|>"), "<|end_of_text|>")
    config = family.model_class.config_class(
        encoder_config={"input_dim": 160, "num_layers": 2, "hidden_dim": WIDTH, "num_heads": 4, "dim_head": 8}
        | {"output_dim": 10, "context_size": 20, "max_pos_emb": 64, "conv_kernel_size": 5},
        projector_config={"model_type": "blip_2_qformer", "hidden_size": WIDTH, "num_hidden_layers": 2}
        | {"num_attention_heads": 4, "intermediate_size": 64, "encoder_hidden_size": WIDTH},
        text_config=decoder_config(tokenizer, model_type="granite"),
        audio_token_index=tokenizer.convert_tokens_to_ids("<|audio|>"),
        audio_token_id=tokenizer.convert_tokens_to_ids("<|audio|>"),
    )
    return config, tokenizer


def musicflamingo() -> Parts:
    tokenizer = byte_tokenizer(("<sound>", "<|sound_bos|>", "<|sound_eos|>"), "<|im_end|>")
    token = tokenizer.convert_tokens_to_ids
    config = MusicFlamingoConfig(
        audio_config=TINY_WHISPER | {"model_type": "audioflamingo3_encoder"},
        text_config=decoder_config(tokenizer, model_type="qwen2"),
        audio_token_id=token("<sound>"),
        audio_bos_token_id=token("<|sound_bos|>"),
        audio_eos_token_id=token("<|sound_eos|>"),
    )
    return config, tokenizer


def phi4_multimodal() -> Parts:
    tokenizer = byte_tokenizer(("<|user|>", "<|assistant|>", "<|audio|>", "<|image|>"), "<|end|>")
    token = tokenizer.convert_tokens_to_ids
    channels = {"ext_pw_out_channel": WIDTH, "depthwise_separable_out_channel": WIDTH, "nemo_conv_channels": 8}
    layers = {"hidden_size": WIDTH, "intermediate_size": 48, "num_attention_heads": 2}
    config = Phi4MultimodalConfig(
        **decoder_config(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.pad_token_id,
        eos_token_id=token("<|end|>"),
        audio_config=layers | channels | {"num_blocks": 2, "audio_token_id": token("<|audio|>")},
        vision_config=layers | {"num_hidden_layers": 2, "image_token_id": token("<|image|>")},
    )
    return config, tokenizer


def qwen2_audio() -> Parts:
    tokenizer = byte_tokenizer(AUDIO_SPECIALS, "<|im_end|>")
    config = Qwen2AudioConfig(
        audio_config=TINY_WHISPER,
        text_config=decoder_config(tokenizer, model_type="qwen2"),
        audio_token_index=tokenizer.convert_tokens_to_ids(AUDIO_TOKEN),
    )
    return config, tokenizer


def qwen2_5_omni() -> Parts:
    specials = ("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>", "<|IMAGE|>", "<|VIDEO|>")
    tokenizer = byte_tokenizer(specials, "<|im_end|>")
    token = tokenizer.convert_tokens_to_ids
    config = Qwen2_5OmniThinkerConfig(
        audio_config=TINY_WHISPER | {"output_dim": WIDTH},
        vision_config=TINY_VISION,
        text_config=decoder_config(tokenizer, rope_parameters=ROTARY_OF_THREE),
        audio_token_index=token("<|AUDIO|>"),
        image_token_index=token("<|IMAGE|>"),
        video_token_index=token("<|VIDEO|>"),
        audio_start_token_id=token("<|audio_bos|>"),
        audio_end_token_id=token("<|audio_eos|>"),
        vision_start_token_id=token("<|VIDEO|>"),  # which the stock forward wants even without an image
    )
    return config, tokenizer


def qwen3_asr() -> Parts:
    tokenizer = byte_tokenizer(("<|audio_pad|>", "<|audio_start|>", "<|audio_end|>"), "<|im_end|>")
    config = Qwen3ASRConfig(
        audio_config=TINY_WHISPER | {"downsample_hidden_size": 8, "output_dim": WIDTH},
        text_config=decoder_config(tokenizer, model_type="qwen3", head_dim=8),
        audio_token_id=tokenizer.convert_tokens_to_ids("<|audio_pad|>"),
    )
    return config, tokenizer


def qwen3_omni() -> Parts:
    audio, vision = ("<|audio_pad|>", "<|audio_start|>", "<|audio_end|>"), ("<|image_pad|>", "<|video_pad|>")
    tokenizer = byte_tokenizer((*audio, *vision, "<|vision_start|>"), "<|im_end|>")
    token = tokenizer.convert_tokens_to_ids
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    config = Qwen3OmniMoeThinkerConfig(
        audio_config=TINY_WHISPER | {"downsample_hidden_size": 8, "output_dim": WIDTH},
        vision_config=TINY_VISION | {"deepstack_visual_indexes": [0]},
        text_config=decoder_config(tokenizer, head_dim=8, rope_parameters=ROTARY_OF_THREE, **experts),
        audio_token_id=token("<|audio_pad|>"),
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        audio_start_token_id=token("<|audio_start|>"),
        vision_start_token_id=token("<|vision_start|>"),
    )
    return config, tokenizer


def voxtral() -> Parts:
    tokenizer = byte_tokenizer(("<s>", "[INST]", "[/INST]", "[AUDIO]", "[BEGIN_AUDIO]"), "</s>")
    config = VoxtralConfig(
        audio_config=TINY_WHISPER | {"model_type": "voxtral_encoder", "encoder_ffn_dim": 4 * WIDTH},
        text_config=decoder_config(tokenizer, model_type="llama", head_dim=8),
        audio_token_id=tokenizer.convert_tokens_to_ids("[AUDIO]"),
    )
    return config, tokenizer


CONFIGS: dict[type[AudioLLM], Callable[[], Parts]] = {
    AudioFlamingo3: audioflamingo3,
    FunAsrNano: fun_asr_nano,
    Gemma4: gemma4,
    GlmAsr: glmasr,
    GraniteSpeech: lambda: granite_speech(GraniteSpeech),
    GraniteSpeechPlus: lambda: granite_speech(GraniteSpeechPlus),
    MusicFlamingo: musicflamingo,
    Phi4Multimodal: phi4_multimodal,
    Qwen2Audio: qwen2_audio,
    Qwen25Omni: qwen2_5_omni,
    Qwen3Asr: qwen3_asr,
    Qwen3Omni: qwen3_omni,
    Voxtral: voxtral,
}
EXTRACTORS: dict[type[AudioLLM], Callable[[], Any]] = {
    FunAsrNano: FunAsrNanoFeatureExtractor,
    Gemma4: Gemma4AudioFeatureExtractor,
    GraniteSpeech: lambda: LogMel({}),
    GraniteSpeechPlus: lambda: LogMel({}),
    Phi4Multimodal: Phi4MultimodalFeatureExtractor,
}
