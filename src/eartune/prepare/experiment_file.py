"""Write an experiment about prepared data: what more recordings bring, by the schemes that fit what there is.

what the manifests hold -> pools, schemes, budgets -> a YAML with comments, which `eartune run` takes as it is
"""

from collections.abc import Iterator
from pathlib import Path

from eartune.prepare.contents import Contents, experiment_name, pool
from eartune.prepare.starting_model import StartingModel
from eartune.wording import counted

EXPERIMENT = "experiment.yaml"
_PERCENTS = (1, 2, 5, 10, 20, 50)
_LEAST_RECORDED = 10
"""How many recorded utterances a budget should hold: with fewer, chance decides more than the budget does."""
_FEWEST_TO_DIVIDE = 4  # of which a quarter is one
_FEW_ROWS = 400  # experiments/demo.yaml has 192 and experiments/coffee-schemes.yaml 200, both in batches of 4


def experiment_text(contents: Contents, folder: Path, model: StartingModel) -> str | None:
    """Return the YAML about the manifests of a folder; None where there is nothing to train on or nothing to test on.

    It compares the model as it is with every scheme that the data permit, at three budgets of speech.
    """
    if not contents.test or not (contents.text or contents.speech):
        return None
    return "".join(f"{line}\n" for line in _lines(contents, folder, model))


def budgets(n_recorded: int) -> list[int]:
    """Return three budgets in per cent of so many recorded utterances: one with at least ten, one between, and all."""
    if n_recorded < _FEWEST_TO_DIVIDE:
        return [100]
    useful = [percent for percent in _PERCENTS if percent * n_recorded >= 100 * _LEAST_RECORDED]
    return [25, 50, 100] if len(useful) < 2 else [useful[0], useful[len(useful) // 2], 100]


def batch_size(n_rows: int) -> int:
    """Return a batch size for so many rows: small for few, which would otherwise be learned in a handful of steps."""
    return 4 if n_rows < _FEW_ROWS else 16


def _lines(contents: Contents, folder: Path, model: StartingModel) -> Iterator[str]:
    yield "# Written by eartune prepare; change what you like."
    yield f"#   eartune check {folder / EXPERIMENT}   prints what it would do and what that needs"
    yield f"#   eartune run {folder / EXPERIMENT}     does it; the same command resumes it"
    yield f"name: {experiment_name(folder)}"
    yield f"question: {_question(contents)}"
    if not contents.has_entities:
        yield "task: {type: classification}  # one label for each recording, as no row has entities"
    yield "data:"
    yield "  root: .  # this folder, so that it may be moved"
    yield from _pools(contents)
    yield f"# {model.comment}"
    yield f"architecture: {model.architecture}"
    yield "grid:"
    yield "  schemes:"
    for comment, scheme in _schemes(contents, model):
        yield from (f"    # {comment}", f"    - {scheme}")
    if contents.speech:
        yield f"  budgets: {_budgets(contents.n_recorded)}"
    yield "  seeds: [0]  # [0, 1, 2] makes each model three times, which shows how much is chance"
    yield "training:"
    yield f"  batch_size: {batch_size(len(contents.rows(contents.text or contents.speech)))}"
    yield "  lora: {rank: 16, alpha: 32}  # without this line all weights are trained, which needs far more memory"
    yield "decoding: {beams: 1, max_new_tokens: 80}"


def _question(contents: Contents) -> str:
    if not contents.speech:
        return "How well is this understood without any recording?"
    return "How many recordings does this need?"


def _pools(contents: Contents) -> Iterator[str]:
    if contents.text:
        yield f"  text: {pool(contents.text)}  # {counted(len(contents.rows(contents.text)), 'row')}, shown as text"
    if contents.speech:
        recorded = counted(contents.n_recorded, "row")
        yield f"  speech: {pool(contents.speech)}  # {recorded} with recordings, from which a budget chooses"
    elif contents.voices:
        yield f"  synthetic_speech: {pool(contents.text, contents.voices.training)}  # spoken by machines"
    if contents.dev:
        chosen = "without its first #, the epoch of each stage is chosen on these"
        yield f"  # dev: {pool(contents.dev)}  # {chosen}"
    if contents.is_test_spoken:
        number = sum(bool(row.recordings) for row in contents.rows(contents.test))
        yield f"  test: {pool(contents.test)}  # {counted(number, 'row')} with recordings, never trained on"
    elif contents.voices:
        yield "  # Machines speak the test, in a voice that is not trained on. People are harder: record some soon."
        yield f"  test: {pool(contents.test, contents.voices.test)}"


def _schemes(contents: Contents, model: StartingModel) -> Iterator[tuple[str, str]]:
    """A comment on each scheme that the data permit, and the scheme."""
    text, speech = f"learning_rate: {model.text_rate:.1e}", f"learning_rate: {model.speech_rate:.1e}"
    heard = "trainable: [modality-adapter, language-model]"
    yield "the model as it is", "{type: untuned}"
    if contents.text:
        yield "learns from text, answers from sound", f"{{type: text-only, epochs: 2, {text}}}"
        yield "the same weights, which read what the untuned model heard", f"{{type: cascade, epochs: 2, {text}}}"
    else:
        yield "the model as it is, told which labels there are", "{type: prompted}"
    if contents.speech and contents.text:
        few = "least_speech: 0.35"
        mixing = f"{{type: direct-mixing, epochs: 2, {speech}, {few}, {heard}}}"
        yield "text and recordings at once; few recordings are shown several times, a third of all", mixing
        stages = f"text_epochs: 2, text_{text}, speech_epochs: 1, speech_{speech}"
        yield "text first, text and recordings after", f"{{type: curriculum, {stages}, {few}, {heard}}}"
    elif contents.speech:
        yield "the recordings alone", f"{{type: direct-mixing, epochs: 4, {speech}, {heard}}}"
    elif contents.voices:
        yield "text, and what machines speak of it", f"{{type: synthetic-speech, epochs: 2, {speech}, {heard}}}"


def _budgets(n_recorded: int) -> str:
    shares = budgets(n_recorded)
    numbers = ", ".join(f"{round(share * n_recorded / 100):,}" for share in shares)
    return f"[{', '.join(f'{share}%' for share in shares)}]  # {numbers} of {counted(n_recorded, 'recorded row')}"
