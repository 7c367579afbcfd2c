"""Write the two joined models of experiments/coffee-families.yaml: python pocket/joined.py [--to build/joined]

Both are of type encoder-adapter-llm and made of pocket's packages: Whisper base or its lower four layers,
a new adapter, and SmolLM2-135M-Instruct. Nothing of what pocket was taught is in them.
"""

import argparse
from pathlib import Path

from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from eartune.files import atomic
from eartune.models.families.encoder_adapter_llm import EncoderAdapterLlm, join
from eartune.models.pocket.build import read_smollm2, read_whisper_encoder

LAYERS = {"six-layers": 6, "four-layers": 4}


def main() -> None:
    """Write each model into a folder of its own, unless it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=Path("build/joined"), help="the folder of the models")
    folder = parser.parse_args().to
    for name, n_layers in LAYERS.items():
        if not (folder / name).exists():
            with atomic(folder / name) as half_written:
                joined_with_lower(n_layers).save(half_written)
        print(folder / name)


def joined_with_lower(n_layers: int) -> EncoderAdapterLlm:
    """Return SmolLM2 joined with the lowest layers of Whisper base's encoder and its final normalisation."""
    config = WhisperConfig(
        d_model=512, encoder_layers=n_layers, encoder_attention_heads=8, encoder_ffn_dim=2048, num_mel_bins=80
    )
    encoder = WhisperEncoder(config)
    state = read_whisper_encoder()
    encoder.load_state_dict({name: state[name] for name in encoder.state_dict()})
    model, tokenizer = join(encoder, *read_smollm2())
    tokenizer.padding_side = "left"
    return EncoderAdapterLlm(model.bfloat16().eval(), tokenizer, WhisperFeatureExtractor(feature_size=80))


if __name__ == "__main__":
    main()
