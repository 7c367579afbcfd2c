"""Other tasks than SLU, from their settings to the report: classification, and one that is given from Python."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sacrebleu
from rich.console import Console

from eartune.data.audio import write_audio
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.experiments.finished_model import load_finished_model, read_finished_model
from eartune.experiments.runner import run as run_experiment
from eartune.export.card import write_card
from eartune.export.vllm_command import VllmCommand
from eartune.files import read_json, read_lines
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.report import read_results, write_report
from tiny_models import tiny

MOODS = ("angry", "calm", "sad")
LANGUAGES = ("en", "de")
DOCS = Path(__file__).parents[2] / "docs" / "tasks.md"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint and three manifests of labelled rows without any frame; the "speech" is noise."""
    folder = tmp_path_factory.mktemp("data")
    tiny(Qwen2Audio).save(folder / "tiny")
    for name, count in (("text", 9), ("speech", 6), ("test", 5)):
        rows = []
        for i in range(count):
            recordings = ()
            if name != "text":
                path = folder / "recordings" / f"{name}{i}.wav"
                write_audio(path, np.random.default_rng(i).standard_normal(4000 + 100 * i).astype(np.float32) * 0.1)
                recordings = (Recording(path, (4000 + 100 * i) / 16_000),)
            rows.append(
                Utterance(
                    *(f"{name}{i}", f"request {i}", LANGUAGES[i % 2], None, recordings, MOODS[i % 3]),
                    translation=f"die Bitte Nummer {i}",
                )
            )
        write_manifest(folder / f"{name}.jsonl", rows)
    return folder


def experiment(data: Path, name: str, task: Any, *schemes: dict[str, Any]) -> Experiment:
    pool = {name: [{"corpus": "manifest", "path": f"{name}.jsonl"}] for name in ("text", "speech", "test")}
    return Experiment.model_validate(
        {
            "name": name,
            "question": "Does it run?",
            "task": task,
            "data": pool,
            "architecture": {"type": "qwen2-audio", "checkpoint": str(data / "tiny"), "precision": "float32"},
            "grid": {"schemes": schemes, "budgets": ["100%"]},
            "training": {"batch_size": 4, "micro_batch_size": 2},
            "decoding": {"beams": 2, "max_new_tokens": 8, "batch_size": 3, "constrain": "schema"},
        }
    )


def run(settings: Experiment, data: Path, runs: Path) -> Path:
    """The folder of a run in which no model failed."""
    outcome = run_experiment(settings, data, runs, Console(quiet=True))
    assert outcome.failed == ()
    return outcome.folder.path


TEXT_ONLY = {"type": "text-only", "epochs": 1, "learning_rate": 1e-3}
MIXING = {"type": "direct-mixing", "epochs": 1, "learning_rate": 1e-3}
PROMPTED = {"type": "prompted", "examples": 2}


# --- classification ----------------------------------------------------------------------------------------------


def moods(data: Path) -> Experiment:
    return experiment(data, "moods", {"type": "classification"}, PROMPTED, TEXT_ONLY, MIXING)


@pytest.fixture(scope="module")
def classified(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(moods(data), data, tmp_path_factory.mktemp("runs"))


def test_every_model_is_judged_by_the_labels_that_it_wrote(classified: Path) -> None:
    results = read_results(classified)
    assert [result.name for result in results] == ["direct-mixing-100pct-seed0", "prompted-seed0", "text-only-seed0"]
    for result in results:
        assert (result.status, result.main_metric, result.answers) == ("finished", "accuracy", {"OK": 5})
        rows = [row for _, row in read_lines(classified / result.name / "predictions.jsonl")]
        sure = ["log_probability", "margin"]
        assert all(list(row) == ["id", "file", "text", *sure, "status", "label"] for row in rows)
        assert all(row["text"] == f'{{"label":"{row["label"]}"}}' for row in rows)
        right = [row["label"] == MOODS[i % 3] for i, row in enumerate(rows)]
        of_mood = [[right[i] for i in range(5) if i % 3 == mood] for mood in range(3)]
        assert result.scores["accuracy"].value == pytest.approx(sum(right) / 5)
        assert result.scores["unweighted_average_recall"].value == pytest.approx(
            sum(sum(found) / len(found) for found in of_mood) / 3
        )
        assert "macro_f1" in result.scores and result.listening is not None


def test_the_report_shows_its_metrics_what_they_mean_and_the_comparisons(classified: Path) -> None:
    page = " ".join((classified / "report.md").read_text().split())
    assert "| accuracy % | macro F1 % | unweighted average recall % |" in page
    assert "balanced accuracy" in page and "SLU" not in page
    assert "direct-mixing 100% minus text-only" in page
    assert "task.type" in page and "classification" in page


def test_labels_are_kept_beside_the_model_and_answers_are_given_with_them(classified: Path, data: Path) -> None:
    assert read_json(classified / "text-only-seed0" / "labels.json") == {"labels": list(MOODS)}
    recording = data / "recordings" / "test3.wav"
    stored = json.loads((classified / "text-only-seed0" / "predictions.jsonl").read_text().splitlines()[3])
    model = load_finished_model(classified / "text-only-seed0")
    assert model.predict(recording) == stored["label"]
    assert [one.to_json(model.task)["label"] for one in model.stream([recording])] == [stored["label"]]


def test_a_prompted_model_is_told_the_labels(classified: Path) -> None:
    told = read_json(classified / "prompted-seed0" / "plan.json")["preface"]
    assert told.startswith("Labels: angry, calm, sad.\nrequest ") and told.count('-> {"label":"') == 2


def test_a_second_run_does_nothing_again(classified: Path, data: Path) -> None:
    def written() -> dict[Path, float]:
        return {path: path.stat().st_mtime for path in classified.glob("*/*.json*")}

    before = written()
    run(moods(data), data, classified.parent)
    assert written() == before


def test_the_card_of_an_exported_model_asks_for_its_label(classified: Path, tmp_path: Path) -> None:
    finished = read_finished_model(classified / "text-only-seed0")
    write_card(finished, tiny(Qwen2Audio).chat, tmp_path / "README.md", VllmCommand(reason="it was not asked"))
    card = (tmp_path / "README.md").read_text()
    assert "does not serve it: it was not asked." in card
    assert "| accuracy | " in card and "Classify the utterance" in card and "Extract" not in card


def test_slu_refuses_rows_that_have_a_label_alone(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^text0: needs an intent, or scenario and action, for the task slu$"):
        run(experiment(data, "slu", {"type": "slu"}, TEXT_ONLY), data, tmp_path)


# --- translation -------------------------------------------------------------------------------------------------

CASCADE = {"type": "cascade", "epochs": 1, "learning_rate": 1e-3}
WORDS_FIRST = {
    **{"type": "words-then-frame", "text_epochs": 1, "text_learning_rate": 1e-3},
    **{"speech_epochs": 1, "speech_learning_rate": 1e-3},
}


@pytest.fixture(scope="module")
def translated(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    task = {"type": "translation", "to": "German"}
    settings = experiment(data, "translations", task, PROMPTED, TEXT_ONLY, CASCADE, MIXING, WORDS_FIRST)
    return run(settings, data, tmp_path_factory.mktemp("runs"))


def test_every_scheme_translates_and_is_scored_as_sacrebleu_scores_it(translated: Path) -> None:
    results = read_results(translated)
    assert {result.scheme for result in results} == {
        *("prompted", "text-only", "cascade", "direct-mixing", "words-then-frame")
    }
    references = [f"die Bitte Nummer {i}" for i in range(5)]
    for result in results:
        rows = [row for _, row in read_lines(translated / result.name / "predictions.jsonl")]
        said = [row.get("translation", "") for row in rows]
        assert sum(result.answers.values()) == len(rows) == 5 and result.main_metric == "bleu"
        assert result.scores["bleu"].value == pytest.approx(sacrebleu.corpus_bleu(said, [references]).score / 100)
        assert result.scores["chrf"].value == pytest.approx(sacrebleu.corpus_chrf(said, [references]).score / 100)
        if result.scheme == "words-then-frame":
            assert all(" ".join(row["text"].partition("\n")[2].split()) == row.get("translation", "") for row in rows)


def test_the_report_shows_bleu_with_its_signature_and_compares_in_pairs(translated: Path) -> None:
    page = " ".join((translated / "report.md").read_text().split())
    assert "| BLEU % | chrF % |" in page and "smooth:exp|version" in page.replace("\\", "")
    assert "direct-mixing 100% minus text-only" in page and "Translate" not in page
    assert "Here the sound is what matters" not in page


def test_a_translating_model_answers_with_text(translated: Path, data: Path) -> None:
    stored = json.loads((translated / "text-only-seed0" / "predictions.jsonl").read_text().splitlines()[3])
    model = load_finished_model(translated / "text-only-seed0")
    assert model.predict(data / "recordings" / "test3.wav") == stored.get("translation")


# --- a task from Python ------------------------------------------------------------------------------------------


def language_task() -> Any:
    """The task that docs/tasks.md shows; its answers are plain text."""
    example, *_ = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    return names["LanguageTask"]()


@pytest.fixture(scope="module")
def identified(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    languages = experiment(data, "languages", language_task(), TEXT_ONLY, MIXING)
    return run(languages, data, tmp_path_factory.mktemp("runs"))


def test_a_task_that_is_given_from_python_runs_to_the_report(identified: Path) -> None:
    for result in read_results(identified):
        assert (result.status, result.main_metric, result.answers) == ("finished", "language_accuracy", {"OK": 5})
        rows = [row for _, row in read_lines(identified / result.name / "predictions.jsonl")]
        assert {row["spoken"] for row in rows} <= set(LANGUAGES) and all(row["text"] == row["spoken"] for row in rows)
    page = (identified / "report.md").read_text()
    assert "Share of utterances whose language was named." in page and "direct-mixing 100% minus text-only" in page


def test_its_model_is_loaded_with_the_task_and_not_without(identified: Path, data: Path) -> None:
    recording = data / "recordings" / "test0.wav"
    assert load_finished_model(identified / "text-only-seed0", language_task()).predict(recording) in LANGUAGES
    with pytest.raises(InputError, match=r"its task was given from Python; give it again, as in load\("):
        load_finished_model(identified / "text-only-seed0")


def test_its_report_is_written_again_without_the_task_but_for_the_comparisons(identified: Path) -> None:
    write_report(identified)
    page = (identified / "report.md").read_text()
    assert "language accuracy" in page and "minus text-only" not in page
