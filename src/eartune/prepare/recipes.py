"""The recipes of `eartune tune`: what is trained for what a folder holds, and why; the numbers are of docs/results.md.

what the manifests hold -> the first recipe that fits -> training and dev manifests -> a YAML with one model
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from eartune.data.utterance import Recording, Utterance, read_manifest, write_manifest
from eartune.errors import InputError
from eartune.files import write_text
from eartune.prepare.contents import Contents, contents_of, experiment_name, pool
from eartune.prepare.experiment_file import EXPERIMENT, batch_size
from eartune.prepare.hold_out import divide, parse_hold_out
from eartune.prepare.prepare import is_manifest
from eartune.prepare.starting_model import StartingModel
from eartune.wording import counted

FOLDER = "tune"
"""The folder beside the manifests for what `tune` writes."""
UNLABELLED = "unlabelled"
"""The manifest in it of the recordings that nobody labelled."""
FEW, MANY = 33, 99
"""Numbers of recordings at which docs/results.md has measured what they bring."""
FEW_TO_LABEL_OTHERS, MANY_UNLABELLED = 16, 100
"""The labelled recordings with which self-training was measured, and a third of the unlabelled ones."""
WHAT_SELF_TRAINING_NEEDS = (
    f"self-training needs {FEW_TO_LABEL_OTHERS} to {MANY - 1} labelled recordings, {MANY_UNLABELLED} or more without "
    "labels, rows with words, and voices for their language"
)
_LEAST_TO_DIVIDE = 8
"""The fewest recordings of which some are held out to choose epochs."""
_DEV_SHARE, _MOST_DEV, _MANY_TO_DIVIDE = "15%", 100, 600
_HEARD = "trainable: [modality-adapter, language-model]"


@dataclass(frozen=True)
class Recipe:
    """One way of tuning a model, for whom it is, and why."""

    name: str
    fits: Callable[[Contents], bool]
    scheme: Callable[[StartingModel], str]
    """The scheme as YAML; of each stage as many epochs are trained as may be chosen from."""
    why: str
    through_words: bool = False
    """Whether the model writes down the words of a recording and answers from these."""
    uses_voices: bool = False
    """Whether synthetic voices speak the text for training."""
    uses_unlabelled: bool = False
    """Whether the model labels recordings that nobody labelled, and learns from them."""


def _can_be_spoken(contents: Contents) -> bool:
    return bool(contents.text) and contents.voices is not None


RECIPES = (  # the first that fits is taken
    Recipe(
        "many recordings: text first, recordings after",
        lambda c: bool(c.text) and c.n_recorded >= MANY,
        lambda model: _curriculum(model, ""),
        "The curriculum has a slot F1 of 97.1 % on coffee orders with 99 recordings and of 99.0 % with 330, against "
        "96.9 % through words without any; it answers in one pass.",
    ),
    Recipe(
        "a few labelled recordings, many without labels, and voices for the language: self-training",
        lambda c: c.n_recorded >= FEW_TO_LABEL_OTHERS and len(c.unlabelled) >= MANY_UNLABELLED and _can_be_spoken(c),
        lambda model: _curriculum(model, "synthetic: true, ", "self-training"),
        "From 200 typed coffee orders, 16 recordings, synthetic speech, and 314 recordings without labels, the slot F1 "
        "is 92.4 %, against 85.5 % without these, and 87.1 % through words; the model labels them itself.",
        uses_voices=True,
        uses_unlabelled=True,
    ),
    Recipe(
        "a few recordings, and voices for the language: the curriculum with synthetic speech beside them",
        lambda c: c.n_recorded >= FEW and _can_be_spoken(c),
        lambda model: _curriculum(model, "synthetic: true, "),
        "With 33 recordings and synthetic speech, the slot F1 on coffee orders is 97.3 %, against 92.4 % without the "
        "synthetic speech, and 96.4 % through words.",
        uses_voices=True,
    ),
    Recipe(
        "text, and hardly any recordings or no voices: learn from text, and answer through words",
        lambda c: bool(c.text),
        lambda model: f"{{type: text-only, epochs: 3, learning_rate: {model.text_rate:.1e}}}",
        "A model that learned from text alone and reads the words that it wrote down before has a slot F1 of 96.9 % on "
        "coffee orders, against 80.6 % in one pass and 91.9 % with 33 recordings; with a quarter of the text 87.1 %, "
        "against 85.5 % with 16 recordings and synthetic speech.",
        through_words=True,
    ),
    Recipe(
        "recordings without words: learn from these alone",
        lambda c: bool(c.speech),
        lambda model: f"{{type: direct-mixing, epochs: 5, learning_rate: {model.speech_rate:.1e}, {_HEARD}}}",
        "All other schemes need words; it has not been compared with anything yet.",
    ),
)


@dataclass(frozen=True)
class Tuning:
    """What `tune` makes of a folder: the recipe, the YAML, and the manifests that it needs beside those there are."""

    recipe: Recipe
    text: str
    """The YAML."""
    path: Path
    manifests: dict[str, Sequence[Utterance]]
    """By their names in the folder of the YAML."""

    def write(self) -> None:
        """Write the YAML and the manifests."""
        for name, rows in self.manifests.items():
            write_manifest(self.path.parent / f"{name}.jsonl", rows, relative=True)
        write_text(self.path, self.text)


def read_contents(folder: Path, unlabelled: Path | None = None) -> Contents:
    """Return what the manifests of a folder hold, and the recordings of another that it does not have.

    Raises InputError for a folder without manifests.
    """
    labelled = {path.stem: read_manifest(path) for path in _manifests(folder, "FILE", "--hold-out 20%")}
    contents = contents_of(labelled)
    if unlabelled is None:
        return contents
    known = {_real(one) for row in chain.from_iterable(labelled.values()) for one in row.recordings}
    others = [
        replace(row, id=f"{path.stem}/{row.id}")  # ids of two manifests may be equal
        for path in _manifests(unlabelled, "RECORDINGS", "--unlabelled")
        for row in read_manifest(path, labelled=False)
        if row.recordings and not any(_real(one) in known for one in row.recordings)
    ]
    return replace(contents, unlabelled=others)


def _real(recording: Recording) -> str:
    return os.path.realpath(recording.path)


def _manifests(folder: Path, of: str, option: str) -> list[Path]:
    paths = [path for path in sorted(folder.glob("*.jsonl")) if is_manifest(path)]
    if not paths:
        raise InputError(f"{folder}: holds no manifests; make them with eartune prepare {of} --to {folder} {option}")
    return paths


def tuning_of(contents: Contents, folder: Path, model: StartingModel, seed: int = 0) -> Tuning:
    """Return what the first recipe that fits makes of a folder.

    Raises InputError where there is no test, or nothing to train on.
    """
    if not contents.test:
        raise InputError(f"{folder}: has no test with recordings; prepare it again with --hold-out 20%")
    recipe = next((recipe for recipe in RECIPES if recipe.fits(contents)), None)
    if recipe is None:
        raise InputError(f"{folder}: has nothing to train on, neither rows with words nor recordings")
    pools = _with_dev(contents, seed)
    lines = _lines(contents, pools, recipe, folder, model, seed)
    manifests = pools.manifests | ({UNLABELLED: contents.unlabelled} if recipe.uses_unlabelled else {})
    return Tuning(recipe, "".join(f"{line}\n" for line in lines), folder / FOLDER / EXPERIMENT, manifests)


@dataclass(frozen=True)
class _Pools:
    """The pools as YAML, of which what is trained on lacks the dev part, and the manifests to be written for them."""

    text: str
    speech: str
    synthetic: str
    dev: str | None
    """None where no recording can be spared, and no voice speaks."""
    said: str
    manifests: dict[str, Sequence[Utterance]]


def _with_dev(contents: Contents, seed: int) -> _Pools:
    """Take the dev part that is there, or hold one out of what is trained on."""
    voices = contents.voices.training if contents.voices else ()
    whole = pool(contents.text), pool(contents.speech), pool(contents.text, voices)
    if contents.dev:
        return _Pools(*whole, pool(contents.dev), "those that are there", {})
    if contents.n_recorded < _LEAST_TO_DIVIDE and (contents.speech or not voices):
        return _Pools(*whole, None, "", {})
    names = list(dict.fromkeys((*contents.text, *contents.speech)))
    rows = contents.rows(names)
    share = _DEV_SHARE if (contents.n_recorded or len(rows)) < _MANY_TO_DIVIDE else f"{_MOST_DEV} utterances"
    divided = divide(rows, replace(parse_hold_out(share, seed), name="choice of epochs", keep_share=True))
    held_out = set(divided.held_out)  # of two equal rows both are in it, as they have the same words or recordings
    train = {name: [row for row in contents.splits[name] if row not in held_out] for name in names}
    text, speech = ([name for name in pooled if train[name]] for pooled in (contents.text, contents.speech))
    if contents.text and not text:  # each typed sentence is recorded, too, and held out with its recording
        return _Pools(*whole, None, "", {})
    inside = f"{FOLDER}/"
    return _Pools(
        pool(text, folder=inside),
        pool(speech, folder=inside),
        pool(text, voices, inside),
        pool(["dev"], () if contents.speech else voices, inside),
        divided.sentence,
        {**train, "dev": [row for row in divided.held_out if row.recordings or not contents.speech]},
    )


def _lines(
    contents: Contents, pools: _Pools, recipe: Recipe, folder: Path, model: StartingModel, seed: int
) -> Iterator[str]:
    yield f"# Written by eartune tune for {folder}, and written anew by it; change a copy."
    yield f"# Recipe: {recipe.name}."
    yield f"# {recipe.why}"
    yield f"name: {experiment_name(folder)}-tuned"
    yield "question: How well does the recommended recipe do?"
    if not contents.has_entities:
        yield "task: {type: classification}  # one label for each recording, as no row has entities"
    yield "data:"
    yield "  root: ..  # the folder of the manifests"
    if contents.text:
        yield f"  text: {pools.text}"
    if contents.speech and not recipe.through_words:
        yield f"  speech: {pools.speech}"
    if recipe.uses_voices:
        yield f"  synthetic_speech: {pools.synthetic}"
    if recipe.uses_unlabelled:
        yield f"  unlabelled: {pool([UNLABELLED], folder=f'{FOLDER}/')}"
    if pools.dev:
        yield f"  # {pools.said}"
        yield f"  dev: {pools.dev}"
    voices = contents.voices.test if contents.voices and not contents.is_test_spoken else ()
    yield f"  test: {pool(contents.test, voices)}"
    yield f"# {model.comment}"
    yield f"architecture: {model.architecture}"
    if pools.dev:
        yield f"dev: {{most_recordings: {_MOST_DEV}}}  # the epoch that answers most of these right is kept"
    yield "grid:"
    yield f"  schemes: [{recipe.scheme(model)}]"
    if contents.speech and not recipe.through_words:
        yield "  budgets: [100%]"
    yield f"  seeds: [{seed}]"
    yield "training:"
    yield f"  batch_size: {batch_size(len(contents.rows(contents.text or contents.speech)))}"
    yield "  lora: {rank: 16, alpha: 32}"
    through = ", through: words" if recipe.through_words else ""
    yield f"decoding: {{beams: 3, max_new_tokens: 80{through}}}"


def _curriculum(model: StartingModel, synthetic: str, scheme: str = "curriculum") -> str:
    text = f"text_epochs: 3, text_learning_rate: {model.text_rate:.1e}"
    speech = f"speech_epochs: 2, speech_learning_rate: {model.speech_rate:.1e}, least_speech: 0.35"
    return f"{{type: {scheme}, {synthetic}{text}, {speech}, {_HEARD}}}"


def what_there_is(contents: Contents) -> str:
    """Return a sentence with the numbers by which a recipe is chosen."""
    words = counted(len(contents.rows(contents.text)), "row") + " with words"
    voices = "voices for its language" if contents.voices else "no voice for its language that is named and installed"
    unlabelled = f"{counted(len(contents.unlabelled), 'row')} without labels, " if contents.unlabelled else ""
    return f"{words}, {counted(contents.n_recorded, 'row')} with recordings, {unlabelled}{voices}"
