"""Make the pocket checkpoint's trained weights: python pocket/make.py [--examples N] (see README.md beside this).

    sentences -> speech -> lower layers -> encoder and adapter by CTC -> alignment of the language model -> errors

After an interruption the same command resumes; with a larger number of passes or examples, a finished training goes on.
"""

import argparse
import os
from pathlib import Path

from safetensors.torch import load_file, save_file

from align import align
from eartune.files import atomic
from eartune.models.pocket.build import build_pocket
from eartune.models.pocket.weights import TRAINED
from encoder import TokenEncoder, encode_clips, put_back, shipped_tensors, start_adapter, train_encoder, word_errors
from lower_layers import encode_all, read_shards
from sentences import gather
from wer import report_word_errors


def main() -> None:
    """Run every step that is not finished."""
    options = read_options()
    sentences = gather(options.data)[: options.sentences]
    for take in range(options.takes):
        encode_all(sentences, options.work / "lower", take, workers=2)
    lower = read_shards(sentences, options.work / "lower", options.takes)
    encoder = TokenEncoder(build_pocket(trained=None), sentences)
    shipped = load_file(TRAINED) if options.go_on else {}
    if options.go_on:
        put_back(encoder, shipped)
    else:
        start_adapter(encoder, sentences, lower, options.work / "adapter.pt")
    train_encoder(encoder, sentences, lower, options.passes, options.work)
    print(f"word error rate of the encoder alone, by its frames: {word_errors(encoder, sentences, lower):.1%}")
    clips = encode_clips(encoder, sentences, lower, options.work / "states.safetensors")
    trained = shipped_tensors(encoder)
    pocket = build_pocket(trained=None)
    align(pocket, sentences, clips, options.examples, options.work, shipped | trained)
    with atomic(TRAINED) as half_written:
        save_file(trained | load_file(options.work / "aligned.safetensors"), half_written)
    report_word_errors(build_pocket(), sentences, clips, Path("results/pocket/word_errors.json"))


def read_options() -> argparse.Namespace:
    """Return the command line's options: folders, and how long to train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("EARTUNE_DATA", "data")))
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache/eartune/making-pocket")
    parser.add_argument("--takes", type=int, default=1, help="readings of each sentence, each by another voice")
    parser.add_argument("--sentences", type=int, help="use only the first so many, for a trial")
    parser.add_argument("--passes", type=float, default=3, help="how often the encoder hears each clip")
    parser.add_argument("--examples", type=int, default=24_000, help="examples of the language model's alignment")
    parser.add_argument("--go-on", action="store_true", help="start from the weights that are shipped")
    return parser.parse_args()


if __name__ == "__main__":
    main()
