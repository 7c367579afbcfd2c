"""`eartune languages` on a tiny model: figures of two targets before training, and beside what a run measured."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from eartune.cli.app import app
from eartune.cli.languages import Sentences, corpus_of, of_language
from eartune.data import language_distance
from eartune.data.audio import write_audio
from eartune.data.corpora.manifest import ManifestCorpus
from eartune.data.corpora.xsid import XsidCorpus
from eartune.data.frame import SemanticFrame
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.experiments.runner import run
from eartune.models.families.qwen2_audio import Qwen2Audio
from tiny_models import tiny

WORDS = {"en": "wake me up at seven", "de": "weck mich um sieben Uhr", "vi": "gọi tôi dậy lúc bảy giờ"}


def sentences(language: str, n: int, recordings: Sequence[Recording] = ()) -> list[Utterance]:
    """Parallel sentences, of which all languages have the same number; the first ones are recorded."""
    frames = [SemanticFrame.of("alarm", "set"), SemanticFrame.of("music", "play")]
    return [
        Utterance(
            f"row-{language}-{i}", f"{WORDS[language]} {i}", language, frames[i % 2], tuple(recordings[i : i + 1])
        )
        for i in range(n)
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint, twelve sentences in three languages, and three clips of German; the "speech" is noise."""
    folder = tmp_path_factory.mktemp("data")
    tiny(Qwen2Audio).save(folder / "tiny")
    noise = []
    for i in range(3):
        write_audio(path := folder / f"{i}.wav", np.random.default_rng(i).normal(0, 0.1, 5000))
        noise.append(Recording(path, 5000 / 16_000))
    write_manifest(folder / "text.jsonl", [one for language in WORDS for one in sentences(language, 12)])
    write_manifest(folder / "clips.jsonl", sentences("de", 3, noise))
    return folder


def asked(data: Path, *arguments: str) -> str:
    options = ["--from", "en", "--to", "de,vi", "--text", str(data / "text.jsonl"), *arguments]
    done = CliRunner().invoke(
        app,
        ["languages", str(data / "tiny"), *options, "--data", str(data), "--runs", str(data / "runs")],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_figures_are_printed_before_anything_is_trained(data: Path) -> None:
    said = asked(data, "--clips", str(data / "clips.jsonl"))
    assert "word errors %" in said and "13,344" in said
    assert "No clips with words of vi" in said and "No model that was tuned on text alone" in said
    assert "By hours in pretraining, the worst first: vi and de." in said
    assert "By tokens against English, the worst first: vi and de." in said  # a token a byte
    assert "Whether sentences of de and vi are translations of the English ones is known only of xsid" in said
    assert ("syntax" in said) == language_distance.is_installed()


def test_a_tuned_model_reads_the_typed_sentences_and_a_run_is_held_against_the_figures(data: Path) -> None:
    settings = Experiment.model_validate(
        {
            "name": "to-german",
            "question": "Does it carry over?",
            "data": {
                "text": [{"corpus": "manifest", "path": "text.jsonl"}],
                "test": [{"corpus": "manifest", "path": "clips.jsonl"}],
            },
            "architecture": {"type": "qwen2-audio", "checkpoint": str(data / "tiny"), "precision": "float32"},
            "grid": {"schemes": [{"type": "text-only", "epochs": 1, "learning_rate": 1e-3}]},
            "training": {"batch_size": 12},
            "decoding": {"beams": 1, "max_new_tokens": 4, "constrain": "schema"},
        }
    )
    folder = run(settings, data, data / "runs", Console(quiet=True)).folder
    tuned = str(folder.model("text-only-seed0").path)
    said = asked(data, "--tuned", tuned, "--most", "4", "--run", str(folder.path))
    assert "typed score" in said and "--tuned" not in said
    assert "1 target with a run: rank correlations need 4 with different figures." in said
    assert "de text-only" in said


def test_a_folder_that_is_no_checkpoint_is_refused(data: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["languages", str(tmp_path), "--from", "en", "--to", "de"])
    assert isinstance(done.exception, InputError) and "is no untuned checkpoint" in str(done.exception)


def test_a_source_is_a_corpus_as_in_yaml_or_a_manifest(data: Path) -> None:
    assert corpus_of("{corpus: xsid, language: de, split: test}") == XsidCorpus(
        corpus="xsid", language="de", split="test"
    )
    assert corpus_of(str(data / "text.jsonl")) == ManifestCorpus(
        corpus="manifest", path=str((data / "text.jsonl").resolve())
    )
    with pytest.raises(InputError, match="unknown corpus 'xsidd'"):
        corpus_of("{corpus: xsidd}")
    with pytest.raises(InputError, match="is not YAML"):
        corpus_of("{corpus: xsid")


def test_a_language_is_found_with_a_region_but_not_in_place_of_its_own() -> None:
    german = [replace(one, language="de-DE") for one in sentences("de", 2)]
    tyrolean = [replace(one, language="de-st") for one in sentences("de", 1)]
    assert of_language(german, "de") == german
    assert of_language([*sentences("de", 1), *tyrolean], "de") == sentences("de", 1)
    assert of_language([*german, *tyrolean], "de-st") == tyrolean


def test_one_recording_of_each_clip_is_heard_and_no_more_than_asked_for() -> None:
    spoken = [
        Utterance(f"c{i}", "weck mich", "de", None, (Recording(Path("a.wav"), 1.0), Recording(Path("b.wav"), 1.0)))
        for i in range(5)
    ]
    found = Sentences((), tuple(spoken), 3).clips_in("de")
    assert [one.id for one in found] == ["c0", "c1", "c2"] and all(len(one.recordings) == 1 for one in found)
