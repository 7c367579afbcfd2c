"""The recipes of `eartune tune`: what is trained for what a folder holds, and why; the numbers are of docs/results.md.

what the manifests hold -> the first recipe that fits -> training and dev manifests -> a YAML with one model
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eartune.data.utterance import Utterance, read_manifest, write_manifest
from eartune.errors import InputError
from eartune.files import read_lines, write_text
from eartune.prepare.contents import Contents, contents_of, experiment_name, pool
from eartune.prepare.experiment_file import EXPERIMENT, batch_size
from eartune.prepare.hold_out import divide, parse_hold_out
from eartune.prepare.prepare import QUARANTINE
from eartune.prepare.split import distance_from_test
from eartune.prepare.starting_model import StartingModel
from eartune.wording import counted

FOLDER = "tune"
"""The folder beside the manifests for what `tune` writes."""
FEW, MANY = 16, 66
"""Numbers of recordings at which docs/results.md has measured what they bring."""
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


RECIPES = (  # the first that fits is taken
    Recipe(
        "many recordings: text first, recordings after",
        lambda c: bool(c.text) and c.n_recorded >= MANY,
        lambda model: _curriculum(model, ""),
        "The curriculum has a slot F1 of 96.3 % on coffee orders with 66 recordings and of 98.1 % with 330, against "
        "96.4 % through words without any; it answers in one pass.",
    ),
    Recipe(
        "a few recordings, and voices for the language: the curriculum with synthetic speech beside them",
        lambda c: bool(c.text) and c.n_recorded >= FEW and c.voices is not None,
        lambda model: _curriculum(model, "synthetic: true, "),
        "With 33 recordings and synthetic speech, the slot F1 on coffee orders is 97.3 %, against 92.4 % without the "
        "synthetic speech, and 96.4 % through words.",
        uses_voices=True,
    ),
    Recipe(
        "text, and hardly any recordings or no voices: learn from text, and answer through words",
        lambda c: bool(c.text),
        lambda model: f"{{type: text-only, epochs: 3, learning_rate: {model.text_rate:.1e}}}",
        "A model that learned from text alone and reads the words that it wrote down before has a slot F1 of 96.4 % on "
        "coffee orders, against 67.9 % in one pass and 92.4 % with 33 recordings.",
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


def read_contents(folder: Path) -> Contents:
    """Return what the manifests of a folder hold; raises InputError if there are none."""
    paths = [path for path in sorted(folder.glob("*.jsonl")) if path.name != QUARANTINE and _is_manifest(path)]
    if not paths:
        raise InputError(
            f"{folder}: holds no manifests; make them with eartune prepare FILE --to {folder} --hold-out 20%"
        )
    return contents_of({path.stem: read_manifest(path) for path in paths})


def tuning_of(contents: Contents, folder: Path, model: StartingModel, seed: int = 0) -> Tuning:
    """Return what the first recipe that fits makes of a folder.

    Raises InputError where there is no test, or nothing to train on.
    """
    if not contents.test:
        raise InputError(f"{folder}: has no test with recordings; prepare it again with --hold-out 20%")
    recipe = next((recipe for recipe in RECIPES if recipe.fits(contents)), None)
    if recipe is None:
        raise InputError(f"{folder}: has nothing to train on, neither rows with words nor recordings")
    divided = _with_dev(contents, seed)
    lines = _lines(divided, recipe, folder, model, seed)
    return Tuning(recipe, "".join(f"{line}\n" for line in lines), folder / FOLDER / EXPERIMENT, divided.manifests)


@dataclass(frozen=True)
class _Divided:
    """The contents without the dev part, the pools as YAML, and the manifests that have to be written for them."""

    contents: Contents
    text: str
    speech: str
    synthetic: str
    dev: str | None
    """None where no recording can be spared, and no voice speaks."""
    said: str
    manifests: dict[str, Sequence[Utterance]]


def _with_dev(contents: Contents, seed: int) -> _Divided:
    """Take the dev part that is there, or hold one out of what is trained on."""
    voices = contents.voices.training if contents.voices else ()
    there = [name for name in contents.splits if distance_from_test(name) == 1 and name not in contents.test]
    spoken = [name for name in there if any(row.recordings for row in contents.splits[name])]
    whole = pool(contents.text), pool(contents.speech), pool(contents.text, voices)
    if spoken:
        return _Divided(contents, *whole, pool(spoken), "those that are there", {})
    if contents.n_recorded < _LEAST_TO_DIVIDE and (contents.speech or not voices):
        return _Divided(contents, *whole, None, "", {})
    rows = contents.rows(dict.fromkeys((*contents.text, *contents.speech)))
    share = _DEV_SHARE if (contents.n_recorded or len(rows)) < _MANY_TO_DIVIDE else f"{_MOST_DEV} utterances"
    divided = divide(rows, replace(parse_hold_out(share, seed), name="choice of epochs"))
    train, inside = ["train"], f"{FOLDER}/"
    return _Divided(
        contents_of({"train": divided.train, "test": contents.rows(contents.test)}),
        pool(train if contents.text else [], folder=inside),
        pool(train if contents.speech else [], folder=inside),
        pool(train, voices, inside),
        pool(["dev"], () if contents.speech else voices, inside),
        divided.sentence,
        {"train": divided.train, "dev": divided.held_out},
    )


def _lines(divided: _Divided, recipe: Recipe, folder: Path, model: StartingModel, seed: int) -> Iterator[str]:
    contents = divided.contents
    yield f"# Written by eartune tune {folder}, and written anew by it; change a copy."
    yield f"# Recipe: {recipe.name}."
    yield f"# {recipe.why}"
    yield f"name: {experiment_name(folder)}-tuned"
    yield "question: How well does the recommended recipe do?"
    if not contents.has_entities:
        yield "task: {type: classification}  # one label for each recording, as no row has entities"
    yield "data:"
    yield "  root: ..  # the folder of the manifests"
    if contents.text:
        yield f"  text: {divided.text}"
    if contents.speech and not recipe.through_words:
        yield f"  speech: {divided.speech}"
    if recipe.uses_voices:
        yield f"  synthetic_speech: {divided.synthetic}"
    if divided.dev:
        yield f"  # {divided.said}"
        yield f"  dev: {divided.dev}"
    voices = contents.voices.test if contents.voices and not contents.is_test_spoken else ()
    yield f"  test: {pool(contents.test, voices)}"
    yield f"# {model.comment}"
    yield f"architecture: {model.architecture}"
    if divided.dev:
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


def _curriculum(model: StartingModel, synthetic: str) -> str:
    text = f"text_epochs: 3, text_learning_rate: {model.text_rate:.1e}"
    speech = f"speech_epochs: 2, speech_learning_rate: {model.speech_rate:.1e}, least_speech: 0.35"
    return f"{{type: curriculum, {synthetic}{text}, {speech}, {_HEARD}}}"


def _is_manifest(path: Path) -> bool:
    """Whether the first row of a file has an id: rows of chats, which may stand beside manifests, have none."""
    return any("id" in row for _, row in zip(range(1), (row for _, row in read_lines(path)), strict=False))


def what_there_is(contents: Contents) -> str:
    """Return a sentence with the numbers by which a recipe is chosen."""
    words = counted(len(contents.rows(contents.text)), "row") + " with words"
    voices = "voices for its language" if contents.voices else "no voice for its language that is named and installed"
    return f"{words}, {counted(contents.n_recorded, 'row')} with recordings, {voices}"
