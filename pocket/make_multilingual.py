"""Train the pocket checkpoint on German and Italian too: python pocket/make_multilingual.py [--examples N] (README.md).

It starts from the English weights that are shipped, and keeps English in training, so that it is not forgotten.
After an interruption the same command resumes.
"""

import argparse
import os
import shutil
from pathlib import Path

from align import align
from eartune.models.pocket.build import build_pocket
from eartune.models.pocket.weights import TRAINED
from foreign import LANGUAGES, gather_foreign
from hearing import encode_all, read_shards
from sentences import gather
from wer import report_word_errors

MULTILINGUAL = TRAINED["pocket-multilingual"]
ENGLISH_SENTENCES = 11_600  # those that the English weights were made with


def main() -> None:
    """Run every step that is not finished."""
    options = read_options()
    languages = {"en": gather(options.data)[:ENGLISH_SENTENCES]} | {name: gather_foreign(name) for name in LANGUAGES}
    clips = {}
    for sentences in languages.values():
        encode_all(sentences, options.work / "states", take=0, workers=2)
        clips |= read_shards(sentences, options.work / "states", takes=1)
    work = options.work / "multilingual"
    work.mkdir(exist_ok=True)
    everything = [sentence for sentences in languages.values() for sentence in sentences]
    align(build_pocket(trained=None), everything, clips, options.examples, work, TRAINED["pocket"])
    shutil.copy(work / "pocket.safetensors", MULTILINGUAL)
    pocket = build_pocket(MULTILINGUAL)
    for name, sentences in languages.items():
        report_word_errors(pocket, sentences, clips, Path(f"results/pocket-multilingual/word_errors_{name}.json"))


def read_options() -> argparse.Namespace:
    """Return the command line's options: folders, and how long to train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("EARTUNE_DATA", "data")))
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache/eartune/making-pocket")
    parser.add_argument("--examples", type=int, default=16_000, help="alignment examples, about 0.2 s each")
    return parser.parse_args()


if __name__ == "__main__":
    main()
