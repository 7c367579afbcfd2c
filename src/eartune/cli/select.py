"""`eartune select`: choose the sentences that are worth recording next, and write a script and a page to record them.

text pool -> sentences without a recording -> typical ones -> [those that a model does not hear] -> script.csv, .html
"""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console

from eartune.before_torch import before_torch
from eartune.cli.console import console as terminal
from eartune.cli.options import DataRoot, RunsRoot, data_root
from eartune.data.corpora import Source
from eartune.data.recording_choice import Choice, Reason, choose, units_of
from eartune.data.recording_index import RecordingIndex
from eartune.data.recording_script import check_name, page_of, write_script
from eartune.data.tts.pico import PicoVoice
from eartune.data.tts.synthesis import estimated_seconds, synthesize
from eartune.data.tts.voices import SpeakingVoice
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.experiments.experiment import Experiment, read_experiment, shipped_experiment, voices_of
from eartune.experiments.progress import RunProgress
from eartune.experiments.recording_pool import RecordingPool, recording_pool, script_row
from eartune.prepare.importers.detect_format import read_utterances
from eartune.prepare.importers.rasa import is_rasa
from eartune.report import read_results
from eartune.report.scheme_result import join_seeds
from eartune.run_folder import RunFolder, RunsFolder
from eartune.tasks.settings import DEFAULT_TASK
from eartune.tasks.task import Task
from eartune.wording import counted, duration, listed

DISAGREEMENT_FROM = 200
"""The number of sentences from which on a part is chosen by disagreement: with fewer, typical ones teach more."""
SHARE_OF_DISAGREEMENT = 3  # one in three at most
ASKED_FOR_EACH = 4  # typical sentences that a model is asked about for each that may be chosen by disagreement

WORDING = {
    Reason.LABEL: "for labels",
    Reason.TYPE: "for entity types",
    Reason.VALUE: "for frequent values",
    Reason.TYPICAL: "for being typical",
    Reason.DISAGREEMENT: "for not being heard by the model",
}


@dataclass(frozen=True)
class Asked:
    """The input: its pool of sentences, the task, and the experiment if it is one."""

    pool: RecordingPool
    task: Task
    experiment: Experiment | None


def select(
    source: Annotated[
        Path, typer.Argument(metavar="EXPERIMENT.yaml|FILE", help="The experiment, or a file of labelled sentences.")
    ],
    number: Annotated[int, typer.Option("--n", min=1, help="How many sentences to record.")],
    to: Annotated[Path, typer.Option("--to", metavar="SCRIPT.csv", help="The script; a page is written beside it.")],
    run: Annotated[
        Path | None,
        typer.Option("--run", help="A finished run: its text-only model says which sentences it does not hear."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The seed of the sample that a pool of over 5,000 is reduced to.")] = 0,
    data: DataRoot = None,
    runs: RunsRoot = Path("runs"),
) -> None:
    """Choose the sentences to record next, and write a script and a page that records them in a browser.

    Example: eartune select orders.yaml --n 50 --to recordings/script.csv
    """
    check_name(to)  # before a model is asked, which takes minutes
    console = terminal()
    asked = read_asked(source, data, runs)
    pool = asked.pool
    if number > len(pool.utterances):
        raise InputError(
            f"{source}: has {counted(len(pool.utterances), 'sentence')} without a recording; "
            f"choose at most so many with --n, not {number:,}"
        )
    _print(console, *pool_lines(pool))
    if run is None or number < DISAGREEMENT_FROM:
        choices: Sequence[Choice] = list(islice(choose(pool.sentences, number, seed), number))
        _print(console, *why_without_disagreement(run, number))
    else:
        choices = choose_with_model(asked, number, seed, run, runs, console)
    utterances = [pool.utterances[choice.place] for choice in choices]
    write_script(to, [script_row(utterance, asked.task) for utterance in utterances])
    _print(console, *choice_lines(pool, choices), *next_lines(to))


def read_asked(source: Path, data: Path | None, runs: Path) -> Asked:
    """Read the text and the speech of an experiment; or the rows of a file, of which some may be recorded already."""
    is_yaml = source.suffix.lower() in (".yaml", ".yml") and not is_rasa(source)
    if is_yaml or (not source.exists() and shipped_experiment(source)):
        experiment = read_experiment(source)
        folder = RunsFolder(runs)
        place = Source(
            data_root(data, experiment), folder.speech, may_write=False, index=RecordingIndex(folder.recordings)
        )
        of_people = [corpus for corpus in experiment.data.speech if not voices_of(corpus)]
        text, speech = (
            list(chain.from_iterable(corpus.load(place) for corpus in corpora))
            for corpora in (experiment.data.text, of_people)
        )
        if not text:
            raise InputError(f"{source}: the text pool is empty; list corpora under data.text")
        return Asked(recording_pool(text, speech, experiment.task), experiment.task, experiment)
    imported = read_utterances(source)
    for row in imported.rejected[:1]:
        raise InputError(f"{row.place}: {row.reason}")
    rows = imported.utterances
    speech = [row for row in rows if any(recording.path.exists() for recording in row.recordings)]
    text = [row for row in rows if row.text is not None]
    return Asked(recording_pool(text, speech, DEFAULT_TASK), DEFAULT_TASK, None)


# --- what the model does not hear ----------------------------------------------------------------------------------


def choose_with_model(
    asked: Asked, number: int, seed: int, run: Path, runs: Path, console: Console
) -> Sequence[Choice]:
    """Choose two thirds as ever, and of the sentences that come next those that the text-only model does not hear.

    If these are fewer than a third of all, typical ones follow; if no voice can speak, all are chosen as ever.
    """
    n_unheard = number // SHARE_OF_DISAGREEMENT
    model = text_only_model(run)
    ordered = list(islice(choose(asked.pool.sentences, number, seed), number + (ASKED_FOR_EACH - 1) * n_unheard))
    first, next_ones = ordered[: number - n_unheard], ordered[number - n_unheard :]
    utterances = [asked.pool.utterances[choice.place] for choice in next_ones]
    try:
        voices = voices_to_ask(asked.experiment, utterances[0].language)
        with RunProgress(console, 1) as bar:
            spoken = synthesize(
                utterances,
                voices,
                RunsFolder(runs).speech,
                progress=lambda done, of: bar.within("making synthetic speech", 1, done / of),
            )
    except InputError as error:
        _print(console, f"Sentences that the model does not hear are not chosen: {error}.")
        return ordered[:number]
    with RunProgress(console, 1) as bar:
        differs = ask_model(model, spoken, bar)
    unheard = [
        Choice(choice.place, Reason.DISAGREEMENT) for choice, is_so in zip(next_ones, differs, strict=True) if is_so
    ]
    typical = [choice for choice, is_so in zip(next_ones, differs, strict=True) if not is_so]
    return [*first, *[*unheard, *typical][:n_unheard]]


def text_only_model(run: Path) -> Path:
    """Return the folder of a run's finished text-only model; raises InputError if there is none."""
    rows = [row for row in join_seeds(read_results(run)) if row.role == "text reference"]
    finished = [result.name for row in rows for result in row.finished]
    if not finished:
        raise InputError(f"{run}: has no finished model that was trained on text alone; run one, or leave --run out")
    return RunFolder(run).model(finished[0]).path


def voices_to_ask(experiment: Experiment | None, language: str) -> Sequence[SpeakingVoice]:
    """Return the voices of the experiment's synthetic speech, else Pico's of the language, or raise InputError."""
    named = [] if experiment is None else [*chain.from_iterable(map(voices_of, experiment.data.synthetic_speech))]
    known = [name for name in get_args(PicoVoice.model_fields["name"].annotation) if name[:2] == language[:2]]
    if not named and not known:
        raise InputError(
            f"no synthetic voice is known for the language {language!r}; name voices in data.synthetic_speech"
        )
    return named or [PicoVoice(name=known[0])]


def ask_model(model: Path, spoken: Sequence[Utterance], bar: RunProgress) -> list[bool]:
    """Return for each utterance whether the model answers its words and its recording differently."""
    before_torch()
    from eartune.api import load
    from eartune.inference.disagreement import disagreements

    trained = load(model, through="nothing")
    return disagreements(trained, spoken, lambda done, of: bar.within("asking the model", 1, done / of))


# --- what is printed -------------------------------------------------------------------------------------------------


def why_without_disagreement(run: Path | None, number: int) -> list[str]:
    """Return why no sentence is chosen by what a model does not hear, if that may be expected."""
    if run is not None:
        return [f"--run is not used: below {DISAGREEMENT_FROM} sentences, typical ones teach more."]
    if number >= DISAGREEMENT_FROM:
        return ["Sentences that a model does not hear are not chosen, as no finished run is named with --run."]
    return []


def pool_lines(pool: RecordingPool) -> list[str]:
    """Return how many sentences there are, and what is not known about those that are recorded."""
    recorded = f"; {pool.n_recorded:,} more are recorded already" if pool.n_recorded else ""
    lines = [f"{counted(len(pool.utterances), 'sentence')} without a recording{recorded}."]
    if pool.n_without_words:
        lines.append(
            f"{counted(pool.n_without_words, 'recording')} without words: their sentences may be chosen again."
        )
    return lines


def choice_lines(pool: RecordingPool, choices: Sequence[Choice]) -> list[str]:
    """Return why the sentences were chosen, and what of the pool they have."""
    reasons = Counter(choice.reason for choice in choices)
    chosen = [pool.sentences[choice.place] for choice in choices]
    has, there_are = units_of(chosen), units_of(pool.sentences)
    coverage = [
        f"{has[kind]:,} of {counted(there_are[kind], noun)}"
        for kind, noun in ((Reason.LABEL, "label"), (Reason.TYPE, "entity type"), (Reason.VALUE, "value"))
        if there_are[kind]
    ]
    seconds = sum(estimated_seconds(sentence.text) for sentence in chosen)
    return [
        f"Chosen: {listed([f'{reasons[kind]:,} {what}' for kind, what in WORDING.items() if reasons[kind]])}.",
        f"They have {listed(coverage)}, and take about {duration(seconds)} to say.",
    ]


def next_lines(to: Path) -> list[str]:
    """Return what was written and what to do now; the last line is a command to copy."""
    return [
        f"written: {to} and {page_of(to)}. Open the page in a browser and record; then:",
        f"eartune prepare --split train={shlex.quote(str(to))} --to prepared",
    ]


def _print(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(line, soft_wrap=True)
