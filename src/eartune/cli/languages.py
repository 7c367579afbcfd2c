"""`eartune languages`: say before training which target languages will fail, and afterwards which figure told.

clips -> transcripts of the untuned model; text -> tokens, typed score; names -> distances, hours -> table, forecasts
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml
from pydantic import TypeAdapter, ValidationError

from eartune.before_torch import before_torch
from eartune.cli.console import console as terminal
from eartune.cli.options import DataRoot, RunsRoot, data_root
from eartune.data import language_distance
from eartune.data.corpora import Corpus, Source
from eartune.data.example import as_speech
from eartune.data.recording_index import RecordingIndex
from eartune.data.utterance import Utterance
from eartune.data.whisper_hours import BEGIN_WITH_WHISPER, WHISPER_HOURS
from eartune.errors import InputError
from eartune.evaluation.transcript_errors import TranscriptErrors, transcript_errors
from eartune.experiments.progress import RunProgress
from eartune.files import YAML_LOADER
from eartune.report.transfer import (
    Target,
    agreement_sentences,
    agreement_table,
    agreements,
    figures_table,
    forecasts,
    measured_transfers,
    transfer_table,
)
from eartune.run_folder import RunsFolder
from eartune.settings import explain
from eartune.tables import terminal_table
from eartune.wording import listed

if TYPE_CHECKING:
    from eartune.evaluation.metrics import Score
    from eartune.inference.trained_model import TrainedModel

ENGLISH = "en"
LEAST_PARALLEL = 10
"""The number of sentences in both languages from which tokens of the same sentences are compared."""
ANY_CORPUS: TypeAdapter[Corpus] = TypeAdapter(Corpus)


def languages(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="An untuned checkpoint: a folder, its name, or pocket.")
    ],
    source: Annotated[str, typer.Option("--from", help="The source language, of which there is speech, such as fr.")],
    to: Annotated[str, typer.Option("--to", help="The target languages, such as de,es,vi,ko.")],
    clips: Annotated[
        list[str] | None,
        typer.Option(help="A manifest, or a corpus such as '{corpus: speech-massive, locale: vi-VN, split: test}'."),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(help="Typed sentences of targets and of English, parallel if there are any, in the same form."),
    ] = None,
    tuned: Annotated[
        Path | None, typer.Option(help="The folder of a model tuned on text alone, which reads the typed sentences.")
    ] = None,
    run: Annotated[
        list[Path] | None, typer.Option("--run", help="A finished run with one target as its test; one for each.")
    ] = None,
    row: Annotated[str | None, typer.Option(help="The row of the runs that counts, such as 'curriculum 0%'.")] = None,
    most: Annotated[int, typer.Option(min=1, help="The most clips, and typed sentences, of each language.")] = 50,
    data: DataRoot = None,
    runs: RunsRoot = Path("runs"),
) -> None:
    """Say which target languages will fail before anything is trained, and which figure told once runs exist.

    Clips and sentences are sorted by the language that their rows name. Distances of languages need
    pip install 'eartune\\[languages]'.

    Example: eartune languages pocket --from en --to de,it --text '{corpus: xsid, language: de, split: test}'
    """
    wanted = [name.strip().lower() for name in to.split(",") if name.strip()]
    if not wanted:
        raise InputError("--to names no language; write them as de,es,vi,ko")
    if Path(model).is_dir() and not (Path(model) / "config.json").is_file():
        raise InputError(
            f"{model}: is no untuned checkpoint; name that which is to be tuned, and a tuned one by --tuned"
        )
    measured = measured_transfers(run or (), row)  # before a model is loaded
    console = terminal()
    place = RunsFolder(runs)
    index = RecordingIndex(place.recordings)
    where = Source(data_root(data), place.speech, index=index, labelled=tuned is not None)
    sentences = Sentences(read(text or (), where), read(clips or (), replace(where, labelled=False)), most)
    before_torch()
    with RunProgress(console, 1) as progress:
        targets = figures_of(model, source.lower(), wanted, sentences, tuned, progress)
    console.print(terminal_table(figures_table(targets)))
    for sentence in [*missing(sentences, wanted, tuned), *forecasts(targets)]:
        console.print(sentence, markup=False)
    if measured:
        found = agreements(targets, measured)
        console.print(terminal_table(transfer_table(measured)))
        if found:
            console.print(terminal_table(agreement_table(found)))
        for sentence in agreement_sentences(targets, measured, found):
            console.print(sentence, markup=False)


@dataclass(frozen=True)
class Sentences:
    """Typed sentences and clips of all languages."""

    typed: tuple[Utterance, ...]
    clips: tuple[Utterance, ...]
    most: int

    def typed_in(self, language: str) -> list[Utterance]:
        """Return the typed sentences of a language, or the words of its clips if there are none."""
        own = of_language(self.typed, language) or of_language(self.clips, language)
        return [utterance for utterance in own if utterance.text is not None]

    def clips_in(self, language: str) -> list[Utterance]:
        """Return some clips of a language whose words are known, one recording each."""
        known = [utterance for utterance in of_language(self.clips, language) if utterance.text is not None]
        heard = [utterance for utterance in known if utterance.recordings][: self.most]
        return [replace(utterance, recordings=utterance.recordings[:1]) for utterance in heard]


def read(written: Sequence[str], source: Source) -> tuple[Utterance, ...]:
    """Return the utterances of manifests and corpora."""
    return tuple(utterance for one in written for utterance in corpus_of(one).load(source))


def corpus_of(written: str) -> Corpus:
    """Return the corpus that an option names: as in YAML, or as the path of a manifest."""
    if not written.lstrip().startswith("{"):
        here = Path(written)
        path = str(here.resolve()) if here.is_file() else written
        return ANY_CORPUS.validate_python({"corpus": "manifest", "path": path})
    try:
        return ANY_CORPUS.validate_python(yaml.load(written, YAML_LOADER))
    except yaml.YAMLError as error:
        raise InputError(f"{written}: is not YAML ({' '.join(str(error).split())})") from error
    except ValidationError as error:
        raise InputError(explain(error, written)) from error


def of_language(utterances: Sequence[Utterance], language: str) -> list[Utterance]:
    """Return the utterances in a language: in exactly this one, or else in one with a region, as de-DE for de."""
    exact = [utterance for utterance in utterances if utterance.language.lower() == language]
    return exact or [one for one in utterances if one.language.lower().split("-")[0] == language]


def figures_of(
    checkpoint: str,
    source: str,
    wanted: Sequence[str],
    sentences: Sentences,
    tuned: Path | None,
    progress: RunProgress,
) -> list[Target]:
    """Return the figures of each target; only one model is in memory at a time."""
    from eartune.api import load

    model = load(checkpoint)
    with_hours = model.architecture.type in BEGIN_WITH_WHISPER
    count = token_counter(model)
    english = sentences.typed_in(ENGLISH)
    targets = []
    for language in wanted:
        errors, n = errors_in(model, sentences.clips_in(language), language, progress)
        typed = sentences.typed_in(language)
        base = language.split("-")[0]
        targets.append(
            Target(
                language,
                errors=errors,
                clips=n,
                tokens_a_character=per_character(typed, count),
                tokens=against(typed, english, count),
                distances=language_distance.distances(source, language) if language_distance.is_installed() else {},
                hours=WHISPER_HOURS.get(base) if with_hours else None,
            )
        )
    if tuned is None:
        return targets
    del model
    return typed_scores(tuned, targets, sentences, progress)


def token_counter(model: "TrainedModel") -> Callable[[str], int]:
    """Return what counts the tokens of a text."""
    tokenizer = model.model.tokenizer
    return lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])


def errors_in(
    model: "TrainedModel", clips: Sequence[Utterance], language: str, progress: RunProgress
) -> tuple[TranscriptErrors | None, int]:
    """Return the errors of the model's transcripts of some clips, and how many there are."""
    from eartune.inference.asr import WORDS, model_as_recogniser
    from eartune.models.rows import RowMaker

    recogniser = model_as_recogniser(RowMaker(model.model, model.task, model.labels, model.architecture))
    examples, heard = as_speech(clips), list[str]()
    for start in range(0, len(examples), WORDS.batch_size):
        heard += recogniser(examples[start : start + WORDS.batch_size])
        progress.within(f"{language}: transcribing {len(heard)}/{len(examples)}", 1, len(heard) / len(examples))
    said = [example.utterance.text or "" for example in examples]
    return transcript_errors(zip(said, heard, strict=True)), len(examples)


def per_character(sentences: Sequence[Utterance], count: Callable[[str], int]) -> float | None:
    """Return the tokens a character of some sentences; None without any."""
    texts = [utterance.text or "" for utterance in sentences]
    characters = sum(map(len, texts))
    return sum(map(count, texts)) / characters if characters else None


def against(sentences: Sequence[Utterance], english: Sequence[Utterance], count: Callable[[str], int]) -> float | None:
    """Return how many times as many tokens a language takes as English: of the same sentences, else a character.

    Sentences are the same whose ids differ in nothing but the language. None if either language has none.
    """
    of_english = {parallel_id(utterance): utterance for utterance in english}
    same = [(one, of_english[key]) for one in sentences if (key := parallel_id(one)) in of_english]
    if len(same) >= LEAST_PARALLEL:
        mine, theirs = (sum(count(pair[side].text or "") for pair in same) for side in (0, 1))
        return mine / theirs
    mine_a_character, theirs_a_character = per_character(sentences, count), per_character(english, count)
    return mine_a_character / theirs_a_character if mine_a_character and theirs_a_character else None


def parallel_id(utterance: Utterance) -> str:
    """Return the id of an utterance without its language, which translations share."""
    return re.sub(rf"(?<![^\W\d_]){re.escape(utterance.language)}(?![^\W\d_])", "", utterance.id)


def typed_scores(tuned: Path, targets: Sequence[Target], sentences: Sentences, progress: RunProgress) -> list[Target]:
    """Return the targets with the score of a tuned model that reads their typed sentences."""
    from eartune.api import load
    from eartune.inference.typed_score import typed_score

    trained = load(tuned)

    def score(language: str) -> "Score | None":
        labelled = [one for one in sentences.typed_in(language) if one.is_labelled][: sentences.most]
        if not labelled:
            return None
        return typed_score(trained, labelled, lambda done, of: progress.within(f"{language}: reading", 1, done / of))

    return [replace(target, typed=score(target.language)) for target in targets]


def missing(sentences: Sentences, wanted: Sequence[str], tuned: Path | None) -> list[str]:
    """Return a sentence for each figure that cannot be given, with what would give it."""
    silent = [language for language in wanted if not sentences.clips_in(language)]
    wordless = [language for language in wanted if not sentences.typed_in(language)]
    found = []
    if silent:
        found.append(f"No clips with words of {listed(silent)}: 30 to 50 a language (--clips) tell the most.")
    if wordless:
        found.append(f"No sentences of {listed(wordless)} (--text or --clips), so that no tokens are counted.")
    elif not sentences.typed_in(ENGLISH):
        found.append("No English sentences (--text), so that tokens are not held against English.")
    if tuned is None:
        found.append("No model that was tuned on text alone (--tuned), so that typed text is not read.")
    if not language_distance.is_installed():
        found.append("No distances: pip install 'eartune[languages]'.")
    return found
