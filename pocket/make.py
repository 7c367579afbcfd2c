"""Make the pocket checkpoint's adapter and LoRA: python pocket/make.py [--examples N] (see README.md beside this).

    sentences -> speech -> encoder states -> adapter in closed form -> alignment -> pocket.safetensors -> errors

After an interruption the same command resumes; with a larger number of examples, a finished alignment continues.
"""

import argparse
import os
import shutil
from pathlib import Path

import torch

from adapter import fit_adapter
from align import align
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.pocket.build import build_pocket
from eartune.models.pocket.weights import TRAINED
from hearing import Clips, encode_all, read_shards
from sentences import Sentence, gather
from wer import report_word_errors

ADAPTER_CLIPS = 3000


def main() -> None:
    """Run every step that is not finished."""
    options = read_options()
    sentences = gather(options.data)[: options.sentences]
    for take in range(options.takes):
        encode_all(sentences, options.work / "states", take, workers=2)
    clips = read_shards(sentences, options.work / "states", options.takes)
    pocket = build_pocket(trained=None)
    if not options.go_on:
        start_adapter(pocket, sentences, clips, options.work / "adapter.pt")
    align(pocket, sentences, clips, options.examples, options.work, TRAINED["pocket"] if options.go_on else None)
    shutil.copy(options.work / "pocket.safetensors", TRAINED["pocket"])
    report_word_errors(build_pocket(), sentences, clips, Path("results/pocket/word_errors.json"))


def read_options() -> argparse.Namespace:
    """Return the command line's options: folders, and how long to train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("EARTUNE_DATA", "data")))
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache/eartune/making-pocket")
    parser.add_argument("--takes", type=int, default=1, help="readings of each sentence, each by another voice")
    parser.add_argument("--sentences", type=int, help="use only the first so many, for a trial")
    parser.add_argument("--examples", type=int, default=45_000, help="alignment examples, about 0.17 s each")
    parser.add_argument("--go-on", action="store_true", help="start from the weights that are shipped")
    return parser.parse_args()


def start_adapter(pocket: Qwen2Audio, sentences: list[Sentence], clips: Clips, path: Path) -> None:
    """Load the closed-form adapter into the model; it is computed once and saved."""
    if not path.exists():
        chosen = [sentence.text for sentence in sentences if not sentence.held_out][:ADAPTER_CLIPS]
        states = [clip.states for text in chosen if (clip := clips[0, text]).states is not None]
        tokens = [pocket.tokenizer(text)["input_ids"] for text in chosen]
        torch.save(fit_adapter(states, tokens, pocket.model.get_input_embeddings().weight.detach()), path)
    weight, bias = torch.load(path, weights_only=True)
    linear = pocket.model.model.multi_modal_projector.linear
    with torch.no_grad():
        linear.weight.copy_(weight)
        linear.bias.copy_(bias)


if __name__ == "__main__":
    main()
