"""A model asked through words: it transcribes as it was before its tuning, reads what it wrote, and shows both."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

import eartune
from builders import frame
from eartune.cli.app import app
from eartune.data.audio import write_audio
from eartune.data.normalization import normalize_spoken_text
from eartune.export.exporting import export_run
from eartune.files import read_lines
from eartune.inference import asr
from eartune.inference.listening_check import check_listening
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.rows import RowMaker
from eartune.models.transformers_version import transformers_is_at_least
from tiny_models import tiny

FRAMES = (frame("light.on", "room:hall"), frame("light.off", "room:bath"), frame("music.play"))
N_TEST = 4
WORDS = asr.WORDS.model_copy(update={"max_new_tokens": 24})  # a tiny model never ends what it writes
RATE = 3e-3  # so that a few steps change what a model hears, but do not teach it one answer to everything
LORA: dict[str, Any] = {"rank": 2}


@pytest.fixture(scope="module", autouse=True)
def short_words() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asr, "WORDS", WORDS)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint and three manifests; the "speech" is tones and noise."""
    folder = tmp_path_factory.mktemp("data")
    tiny(Qwen2Audio, seed=10).save(folder / "tiny")  # one of the few whose noise differs from text to text
    for name, count in (("text", 8), ("speech", 4), ("test", N_TEST)):
        rows = []
        for i in range(count):
            path, n = folder / "recordings" / f"{name}{i}.wav", 4000 + 2500 * i
            noise = np.random.default_rng(i).standard_normal(n) * 0.05
            tone = 0.3 * np.sin(2 * np.pi * 200 * 2**i * np.arange(n) / 16_000)
            write_audio(path, (noise + tone).astype(np.float32))
            recordings = () if name == "text" else (eartune.Recording(path, n / 16_000),)
            rows.append(eartune.Utterance(f"{name}{i}", f"Request {i}", "en", FRAMES[i % 3], recordings))
        eartune.write_manifest(folder / f"{name}.jsonl", rows)
    return folder


def experiment(
    data: Path, name: str, schemes: list[str], lora: dict[str, Any] | None = LORA, **more: Any
) -> eartune.Experiment:
    """An experiment whose trained models answer through words."""
    settings: dict[str, dict[str, Any]] = {
        "untuned": {},
        "cascade": {"epochs": 2, "learning_rate": RATE / 3},
        "text-only": {"epochs": 2, "learning_rate": RATE / 3},
        "direct-mixing": {"epochs": 2, "learning_rate": RATE},
    }
    pools = {pool: [{"corpus": "manifest", "path": f"{pool}.jsonl"}] for pool in ("text", "speech", "test")}
    return eartune.Experiment.model_validate(
        {
            "name": name,
            "question": "Does it hear or read worse?",
            "data": pools | more.pop("pools", {}),
            "architecture": {"type": "qwen2-audio", "checkpoint": str(data / "tiny"), "precision": "float32"},
            "grid": {"schemes": [{"type": one} | settings[one] for one in schemes], "budgets": ["100%"]},
            "training": {"batch_size": 4, "micro_batch_size": 2, "lora": lora},
            "decoding": {"beams": 2, "max_new_tokens": 12, "batch_size": 3, "through": "words"},
        }
        | more
    )


def run(settings: eartune.Experiment, data: Path, runs: Path) -> Path:
    outcome = eartune.run(settings, data=data, runs=runs, console=Console(quiet=True))
    assert outcome.failed == ()
    return outcome.folder.path


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With LoRA; direct mixing trains the encoder and the adapter as well."""
    settings = experiment(data, "lora", ["untuned", "cascade", "text-only", "direct-mixing"])
    return run(settings, data, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without LoRA, so that all weights of the language model are tuned."""
    return run(experiment(data, "whole", ["cascade", "text-only"], lora=None), data, tmp_path_factory.mktemp("runs"))


def rows(model: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_lines(model / "predictions.jsonl")]


def result(model: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((model / "result.json").read_text())
    return found


def heard(run_folder: Path) -> list[list[str]]:
    """Each file of transcripts, normalised as a model reads them."""
    files = sorted((run_folder / "transcripts").glob("*/self.jsonl"))
    return [[normalize_spoken_text(row["text"]) for _, row in read_lines(file)] for file in files]


def recordings(data: Path) -> list[Path]:
    return [data / "recordings" / f"test{i}.wav" for i in range(N_TEST)]


def asked(model: Path, data: Path, **how: Any) -> list[eartune.Prediction]:
    return list(eartune.load(model, **how).stream(recordings(data)))


MIXED = "direct-mixing-100pct-seed0"


def test_a_text_only_model_answers_through_words_as_a_cascade_does(finished: Path) -> None:
    through, cascade = rows(finished / "text-only-seed0"), rows(finished / "cascade-seed0")
    assert [{k: v for k, v in row.items() if k != "words"} for row in through] == cascade
    assert len({row["text"] for row in cascade}) > 1  # so that it is something to be equal


def test_a_cascade_that_reads_its_own_words_answers_recordings(finished: Path, data: Path) -> None:
    answers = asked(finished / "cascade-seed0", data)
    assert [answer.text for answer in answers] == [row["text"] for row in rows(finished / "cascade-seed0")]
    assert all(answer.words for answer in answers)


def test_without_lora_a_cascade_has_no_model_that_hears_as_the_untuned_one(whole: Path) -> None:
    with pytest.raises(eartune.InputError, match="is a cascade, which needs the transcripts of self; name another"):
        eartune.load(whole / "cascade-seed0")


def test_the_words_are_kept_beside_the_answer_and_only_in_this_mode(finished: Path) -> None:
    (words,) = heard(finished)  # transcribed once for all models
    assert len({*words}) > 1
    for model in ("text-only-seed0", MIXED):
        assert [row["words"] for row in rows(finished / model)] == words
    assert not any("words" in row for model in ("untuned-seed0", "cascade-seed0") for row in rows(finished / model))
    (kept, *_) = eartune.read_manifest(finished / "references.jsonl")
    assert rows(finished / MIXED)[0]["id"] == kept.id


@pytest.mark.parametrize("model", ["text-only-seed0", MIXED])
def test_a_loaded_model_writes_and_answers_what_the_run_did(finished: Path, data: Path, model: str) -> None:
    """It transcribes with the encoder, the adapter and the language model as they were, though all of them learned."""
    again = asked(finished / model, data)
    assert [(one.words, one.text) for one in again] == [(row["words"], row["text"]) for row in rows(finished / model)]


def test_a_model_hears_otherwise_with_its_tuned_weights(finished: Path, data: Path) -> None:
    """Without this, the test above could not fail."""
    model = eartune.load(finished / MIXED)
    model.model.untuned.keep([])
    assert [one.words for one in model.stream(recordings(data))] != heard(finished)[0]


@pytest.mark.parametrize("name", ["text-only-seed0", MIXED])
def test_models_that_hear_are_checked_for_listening_through_the_words_that_they_write(
    finished: Path, name: str
) -> None:
    assert result(finished / "cascade-seed0")["listening"] is None
    model = eartune.load(finished / name)
    rows = RowMaker(model.model, model.task, model.labels, model.architecture)
    test = eartune.as_speech(eartune.read_manifest(finished / "references.jsonl"))
    found = check_listening(model.model, test, rows, "slu_f1", model.decoding)
    in_run = result(finished / name)["listening"]
    assert found is not None and in_run["sentence"] == found.sentence
    assert in_run["swapped"] == pytest.approx(found.swapped, rel=1e-4) and found.swapped > 0


def test_the_report_says_how_they_answered(finished: Path) -> None:
    said = "Trained models answered through words: they wrote down what they heard, and read it without the sound."
    assert said in (finished / "report.md").read_text()


def test_a_run_shows_first_how_the_cascade_compares_also_when_it_has_nothing_to_do(
    finished: Path, data: Path, tmp_path: Path
) -> None:
    settings = experiment(data, "lora", ["untuned", "cascade", "text-only", "direct-mixing"])
    (tmp_path / "lora.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    command = ["run", str(tmp_path / "lora.yaml"), "--data", str(data), "--runs", str(finished.parent)]
    shown = " ".join(CliRunner().invoke(app, command).output.split())
    first = (
        "from, the cascade (the untuned model's own transcript, read by the model tuned on text alone) reaches 0.0 %"
    )
    assert f"nothing to do Without a single recording to learn the task {first}" in shown


def test_any_model_can_be_asked_in_either_way(finished: Path, data: Path) -> None:
    once = asked(finished / "text-only-seed0", data, through="nothing")
    assert all(one.words is None for one in once)
    assert [one.text for one in once] != [row["text"] for row in rows(finished / "text-only-seed0")]
    untuned = asked(finished / "untuned-seed0", data, through="words")
    assert [one.words for one in untuned] == heard(finished)[0]
    labelled = eartune.read_manifest(data / "text.jsonl")
    checkpoint = asked(data / "tiny", data, through="words", utterances=labelled)
    assert len({one.words for one in checkpoint}) > 1  # not those of the run, as it is loaded in bfloat16


def test_another_way_is_refused_in_one_sentence(finished: Path) -> None:
    with pytest.raises(eartune.InputError, match=r"^through is 'letters'; it must be one of 'nothing', 'words'$"):
        eartune.load(finished / MIXED, through="letters")  # type: ignore[arg-type]


def test_the_command_asks_through_words(finished: Path, data: Path, tmp_path: Path) -> None:
    model, out = finished / "untuned-seed0", tmp_path / "answers.jsonl"
    command = ["predict", str(model), *map(str, recordings(data)), "--out", str(out)]
    assert CliRunner().invoke(app, [*command, "--through", "words"]).exit_code == 0
    assert [row["words"] for _, row in read_lines(out)] == heard(finished)[0]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert not any("words" in row for _, row in read_lines(out))


def test_without_lora_a_model_transcribes_with_its_tuned_weights(whole: Path, data: Path) -> None:
    words = [row["words"] for row in rows(whole / "text-only-seed0")]
    again = asked(whole / "text-only-seed0", data)
    assert [(one.words, one.text) for one in again] == [
        (row["words"], row["text"]) for row in rows(whole / "text-only-seed0")
    ]
    untuned, tuned = sorted(heard(whole), key=lambda found: found == words)
    assert tuned == words != untuned


def test_what_a_new_adapter_learned_first_is_kept_when_lora_is_put_aside(data: Path, tmp_path: Path) -> None:
    """The base checkpoint's adapter cannot hear; alignment trains it, and here LoRA too, before the model is tuned."""
    aligned = {"pools": {"alignment": [{"corpus": "manifest", "path": "speech.jsonl"}]}}
    stage = {"alignment": {"epochs": 2, "learning_rate": RATE, "trainable": ["modality-adapter", "language-model"]}}
    settings = experiment(data, "aligned", ["cascade", "direct-mixing"], **aligned, **stage)
    root = run(settings, data, tmp_path)
    (words,) = heard(root)
    assert [one.words for one in asked(root / MIXED, data)] == words
    model = eartune.load(root / MIXED)
    model.model.untuned.keep([])
    assert [one.words for one in model.stream(recordings(data))] != words


# --- export --------------------------------------------------------------------------------------------------------

exports = pytest.mark.skipif(
    not transformers_is_at_least("5.23"), reason="transformers before 5.23 writes names that others cannot read"
)


@exports
def test_lora_is_not_merged_into_a_model_that_needs_it_apart(finished: Path, tmp_path: Path) -> None:
    merged = "transcribes without its LoRA and answers with it, which one merged checkpoint cannot; export with --adapt"
    with pytest.raises(eartune.InputError, match=merged):
        export_run(finished / "text-only-seed0", tmp_path / "merged", lambda line: None)
    more = "was trained too, which an adapter cannot hold; load it from its run with eartune.load"
    with pytest.raises(eartune.InputError, match=more):
        export_run(finished / MIXED, tmp_path / "adapter", lambda line: None, adapter=True)
    assert list(tmp_path.iterdir()) == []


@exports
@pytest.mark.usefixtures("stock_here")
def test_the_card_of_an_adapter_says_how_to_ask_twice(finished: Path, tmp_path: Path) -> None:
    export_run(finished / "text-only-seed0", tmp_path / "adapter", lambda line: None, adapter=True)
    card = (tmp_path / "adapter" / "README.md").read_text()
    assert "without its LoRA (`with model.disable_adapter():`" in card and "Repeat the sentence." in card
    assert "`WORDS` are those words" in card and r"WORDS\n" in card


@exports
@pytest.mark.usefixtures("stock_here")
def test_a_model_tuned_as_a_whole_carries_the_mode_with_it(whole: Path, data: Path, tmp_path: Path) -> None:
    export_run(whole / "text-only-seed0", tmp_path / "exported", lambda line: None)
    again = asked(tmp_path / "exported", data)
    assert [(one.words, one.text) for one in again] == [
        (row["words"], row["text"]) for row in rows(whole / "text-only-seed0")
    ]
    assert "It is asked twice." in (tmp_path / "exported" / "README.md").read_text()


@exports
@pytest.mark.usefixtures("stock_here")
def test_a_merged_model_is_not_asked_through_words(data: Path, tmp_path: Path) -> None:
    settings = experiment(data, "direct", ["text-only"], decoding={"beams": 1, "max_new_tokens": 4})
    export_run(run(settings, data, tmp_path) / "text-only-seed0", tmp_path / "merged", lambda line: None)
    assert eartune.load(tmp_path / "merged").decoding.through == "nothing"
    with pytest.raises(eartune.InputError, match="was exported with its LoRA merged, and so cannot transcribe"):
        eartune.load(tmp_path / "merged", through="words")
