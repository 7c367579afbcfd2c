"""`eartune languages`: say before training which target languages will fail, and afterwards which figure told.

clips -> transcripts of the untuned model; text -> tokens, typed score; names -> distances, hours -> table, forecasts
"""

import re
from collections.abc import Callable, Mapping, Sequence
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
from eartune.files import YamlLoader
from eartune.models.architecture import POCKET
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
PARALLEL = ["xsid", "massive", "speech-massive", "fleurs"]
"""The corpora whose sentences are translations of each other where their ids differ in nothing but the language."""
ANY_CORPUS: TypeAdapter[Corpus] = TypeAdapter(Corpus)
Loaded = Sequence[tuple[Corpus, Sequence[Utterance]]]
"""Corpora with their utterances; a manifest is one of them."""


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
        typer.Option(help="Typed sentences of targets and of English, in the same form."),
    ] = None,
    tuned: Annotated[
        Path | None, typer.Option(help="The folder of a model tuned on text alone, which reads the typed sentences.")
    ] = None,
    run: Annotated[
        list[Path] | None, typer.Option("--run", help="A finished run with one target as its test; one for each.")
    ] = None,
    row: Annotated[str | None, typer.Option(help="The row of the runs that counts, such as 'curriculum 0%'.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="The metric of the runs that counts; without it the main metric of each.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="The most clips, and typed sentences, of each language.")] = 50,
    data: DataRoot = None,
    runs: RunsRoot = Path("runs"),
) -> None:
    """Say which target languages will fail before anything is trained, and which figure told once runs exist.

    Clips and sentences are sorted by the language that their rows name. Distances of languages need
    pip install 'eartune\\[languages]'.

    Example: eartune languages pocket --from en --to de,it --text '{corpus: xsid, language: de, split: test}'
    """
    wanted = targets_of(to)
    if model != POCKET and Path(model).is_dir() and not (Path(model) / "config.json").is_file():
        raise InputError(
            f"{model}: is no untuned checkpoint; name that which is to be tuned, and a tuned one by --tuned"
        )
    apart = distances(source.lower(), wanted)  # a code that is unknown is refused before a model is loaded
    measured = measured_transfers(run or (), row, metric)
    console = terminal()
    place = RunsFolder(runs)
    index = RecordingIndex(place.recordings)
    where = Source(data_root(data), place.speech, index=index, labelled=tuned is not None)
    sentences = Sentences.of(read(text or (), where), read(clips or (), replace(where, labelled=False)), most)
    before_torch()
    with RunProgress(console, 1) as progress:
        targets = figures_of(model, apart, sentences, tuned, progress)
    console.print(terminal_table(figures_table(targets)))
    for sentence in [*missing(sentences, wanted, tuned), *forecasts(targets)]:
        console.print(sentence)
    if measured:
        found = agreements(targets, measured)
        console.print(terminal_table(transfer_table(measured)))
        if found:
            console.print(terminal_table(agreement_table(found)))
        for sentence in agreement_sentences(targets, measured, found):
            console.print(sentence)


def targets_of(to: str) -> list[str]:
    """Return the languages that --to names, each once; raises InputError if it names none."""
    wanted = dict.fromkeys(name.strip().lower() for name in to.split(",") if name.strip())
    if not wanted:
        raise InputError("--to names no language; write them as de,es,vi,ko")
    return list(wanted)


@dataclass(frozen=True)
class Sentences:
    """Typed sentences and clips of all languages."""

    typed: tuple[Utterance, ...]
    clips: tuple[Utterance, ...]
    most: int
    parallel: frozenset[str] = frozenset()
    """The ids of the sentences that a corpus has in several languages."""

    @classmethod
    def of(cls, typed: Loaded, clips: Loaded, most: int) -> "Sentences":
        """Return the sentences and clips of some corpora."""
        known = (own for corpus, own in (*typed, *clips) if corpus.corpus in PARALLEL)
        parallel = frozenset(one.id for own in known for one in own)
        texts, spoken = (tuple(one for _, own in loaded for one in own) for loaded in (typed, clips))
        return cls(texts, spoken, most, parallel)

    def typed_in(self, language: str) -> list[Utterance]:
        """Return the typed sentences of a language, or the words of its clips if there are none."""
        own = of_language(self.typed, language) or of_language(self.clips, language)
        return [utterance for utterance in own if utterance.text is not None]

    def same_as_english(self, language: str) -> list[tuple[Utterance, Utterance]]:
        """Return the sentences of a language beside the same ones in English.

        The list is empty where fewer than LEAST_PARALLEL are known to be the same: of manifests nothing is known, as in
        two of them the numbers 1 to 100 may be the ids of any sentences.
        """
        english = {parallel_id(one): one for one in self.typed_in(ENGLISH) if one.id in self.parallel}
        own = {parallel_id(one): one for one in self.typed_in(language) if one.id in self.parallel}
        pairs = [(own[key], english[key]) for key in own if key in english]
        return pairs if len(pairs) >= LEAST_PARALLEL else []

    def clips_in(self, language: str) -> list[Utterance]:
        """Return some clips of a language whose words are known, one recording each."""
        known = [utterance for utterance in of_language(self.clips, language) if utterance.text is not None]
        heard = [utterance for utterance in known if utterance.recordings][: self.most]
        return [replace(utterance, recordings=utterance.recordings[:1]) for utterance in heard]


def read(written: Sequence[str], source: Source) -> Loaded:
    """Return manifests and corpora with their utterances."""
    return [(corpus, corpus.load(source)) for corpus in map(corpus_of, written)]


def corpus_of(written: str) -> Corpus:
    """Return the corpus that an option names: as in YAML, or as the path of a manifest."""
    if not written.lstrip().startswith("{"):
        here = Path(written)
        path = str(here.resolve()) if here.is_file() else written
        return ANY_CORPUS.validate_python({"corpus": "manifest", "path": path})
    try:
        return ANY_CORPUS.validate_python(yaml.load(written, YamlLoader))
    except yaml.YAMLError as error:
        raise InputError(f"{written}: is not YAML ({' '.join(str(error).split())})") from error
    except ValidationError as error:
        raise InputError(explain(error, written)) from error


def of_language(utterances: Sequence[Utterance], language: str) -> list[Utterance]:
    """Return the utterances in a language: in exactly this one, or else with a region, as de-DE and de_de for de."""
    exact = [utterance for utterance in utterances if utterance.language.lower() == language]
    return exact or [one for one in utterances if language_distance.without_region(one.language) == language]


def distances(source: str, wanted: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return how far each target is from the source, by aspect; nothing of any if the data is not there.

    Raises InputError for a language that is not in the data.
    """
    if not language_distance.is_installed():
        return {language: {} for language in wanted}
    return {language: language_distance.distances(source, language) for language in wanted}


def figures_of(
    checkpoint: str,
    apart: Mapping[str, Mapping[str, float]],
    sentences: Sentences,
    tuned: Path | None,
    progress: RunProgress,
) -> list[Target]:
    """Return the figures of each target, of which `apart` has the distances; only one model is in memory at a time."""
    from eartune.api import load

    model = load(checkpoint)
    with_hours = model.architecture.type in BEGIN_WITH_WHISPER
    count = token_counter(model)
    targets = []
    for language in apart:
        errors, n = errors_in(model, sentences.clips_in(language), language, progress)
        targets.append(
            Target(
                language,
                errors=errors,
                clips=n,
                tokens_a_character=per_character(sentences.typed_in(language), count),
                tokens=against_english(sentences, language, count),
                distances=apart[language],
                hours=WHISPER_HOURS.get(language_distance.without_region(language)) if with_hours else None,
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


def against_english(sentences: Sentences, language: str, count: Callable[[str], int]) -> float | None:
    """Return how many times as many tokens a language takes as English: of the same sentences, else a character.

    None if either language has none.
    """
    if pairs := sentences.same_as_english(language):
        mine, theirs = (sum(count(pair[side].text or "") for pair in pairs) for side in (0, 1))
        return mine / theirs
    own, english = (per_character(sentences.typed_in(name), count) for name in (language, ENGLISH))
    return own / english if own and english else None


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
    english = sentences.typed_in(ENGLISH)
    others = [language for language in wanted if sentences.typed_in(language) not in ([], english)]
    unpaired = [language for language in others if not sentences.same_as_english(language)]
    found = []
    if silent:
        found.append(f"No clips with words of {listed(silent)}: 30 to 50 a language (--clips) tell the most.")
    if wordless:
        found.append(f"No sentences of {listed(wordless)} (--text or --clips), so that no tokens are counted.")
    elif not english:
        found.append("No English sentences (--text), so that tokens are not held against English.")
    if english and unpaired:
        found.append(
            f"Whether sentences of {listed(unpaired)} are translations of the English ones is known only of "
            f"{listed(PARALLEL)}: the tokens of others are held against English a character."
        )
    if tuned is None:
        found.append("No model that was tuned on text alone (--tuned), so that typed text is not read.")
    if not language_distance.is_installed():
        found.append("No distances: pip install 'eartune[languages]'.")
    return found
