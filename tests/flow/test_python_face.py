"""The Python face end to end: load, predict in every form, run with a scheme of one's own, and what is exported."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from rich.console import Console

import eartune
from eartune.data.audio import write_audio
from eartune.export.exporting import export_run
from eartune.inference.trained_model import load
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.transformers_version import transformers_is_at_least
from eartune.serving.app import Service, make_app
from eartune.tasks.classification import ClassificationTask
from served import Client, serving
from stock import checked_in_this_process
from tiny_models import tiny

QUIET = Console(quiet=True)
FRAMES = (eartune.SemanticFrame("stop"), eartune.SemanticFrame("go", (eartune.Entity("where", "home"),)))


class RecordingsFirst(eartune.Scheme):
    """A scheme of the user's own: one stage of recordings, then one of text."""

    type: str = "recordings-first"
    epochs: int = 1

    def stages(self, text: Any, speech: Any, synthetic: Any = ()) -> list[eartune.Stage]:
        """Recordings first."""
        everything = tuple(eartune.Component)
        return [
            eartune.Stage("speech", eartune.as_speech(speech), self.epochs, 1e-3, 0.0, everything),
            eartune.Stage("text", eartune.as_text(text), self.epochs, 1e-3, 0.0, (eartune.Component.LANGUAGE_MODEL,)),
        ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint, three manifests and an experiment."""
    folder = tmp_path_factory.mktemp("orders")
    tiny(Qwen2Audio).save(folder / "tiny")
    for name, count in (("text", 4), ("speech", 4), ("test", 3)):
        rows = []
        for number in range(count):
            path = folder / "recordings" / f"{name}{number}.wav"
            write_audio(path, np.random.default_rng(number).standard_normal(6000).astype(np.float32) * 0.2)
            recordings = () if name == "text" else (eartune.Recording(path, 6000 / 16_000),)
            frame = FRAMES[number % 2]
            rows.append(eartune.Utterance(f"{name}{number}", f"say {number}", "en", frame, recordings))
        eartune.write_manifest(folder / f"{name}.jsonl", rows)
    (folder / "orders.yaml").write_text(
        f"""
name: orders
question: Does a scheme of one's own run?
data:
  text:   [{{corpus: manifest, path: text.jsonl}}]
  speech: [{{corpus: manifest, path: speech.jsonl}}]
  test:   [{{corpus: manifest, path: test.jsonl}}]
architecture: {{type: qwen2-audio, checkpoint: {folder / "tiny"}, precision: float32}}
grid: {{schemes: [{{type: text-only, epochs: 1}}], budgets: [50%]}}
training: {{batch_size: 2, micro_batch_size: 2}}
decoding: {{beams: 1, max_new_tokens: 4, batch_size: 2}}
"""
    )
    return folder


@pytest.fixture(scope="module")
def outcome(folder: Path) -> eartune.RunOutcome:
    return eartune.run(
        folder / "orders.yaml", data=folder, runs=folder / "runs", schemes=[RecordingsFirst()], console=QUIET
    )


def test_a_scheme_of_ones_own_runs_beside_those_of_the_yaml_and_is_in_the_report(outcome: eartune.RunOutcome) -> None:
    assert outcome.failed == ()
    names = [result.name for result in outcome.results]
    assert names == ["recordings-first-50pct-seed0", "text-only-seed0"]
    page = outcome.folder.markdown.read_text()
    assert "recordings-first minus text-only" in page.replace("recordings-first 50%", "recordings-first")
    (stages,) = (model.read_stage_folders() for model in [outcome.folder.model(names[0])])
    assert [stage.path.name.split("-")[0] for stage in stages] == ["speech", "text"]


def test_a_run_of_ones_own_scheme_resumes(outcome: eartune.RunOutcome, folder: Path) -> None:
    before = outcome.folder.model("recordings-first-50pct-seed0").result.stat().st_mtime_ns
    again = eartune.run(
        folder / "orders.yaml", data=folder, runs=folder / "runs", schemes=[RecordingsFirst()], console=QUIET
    )
    assert again.folder.model("recordings-first-50pct-seed0").result.stat().st_mtime_ns == before


def test_a_recording_is_answered_alike_in_every_form(outcome: eartune.RunOutcome, folder: Path) -> None:
    """A path, a file's bytes, samples in floats or 16 bits with one channel or two, and all of them in one list."""
    model = eartune.load(outcome.folder.model("text-only-seed0").path)
    path = folder / "recordings" / "test0.wav"
    samples, rate = soundfile.read(path, dtype="float32")
    integers, _ = soundfile.read(path, dtype="int16")
    forms = [path, str(path), path.read_bytes(), (samples, rate), (integers, rate), (np.stack([samples] * 2, 1), rate)]
    waves = [load(form, "recording") for form in forms]
    assert all(np.array_equal(wave, waves[0]) for wave in waves)
    texts = [prediction.text for prediction in model.stream(forms)]
    assert len(texts) == len(forms) and len(set(texts)) == 1
    assert model.predict(forms) == [model.predict(form) for form in forms]


def test_predictions_come_batch_by_batch(outcome: eartune.RunOutcome, folder: Path) -> None:
    model = eartune.load(outcome.folder.model("text-only-seed0").path)
    read: list[int] = []

    def recordings() -> Any:
        for number in range(3):
            read.append(number)
            yield folder / "recordings" / f"test{number}.wav"

    stream = model.stream(recordings())
    first = next(stream)
    assert read == [0, 1] and first.file == str(folder / "recordings" / "test0.wav")
    assert len(list(stream)) == 2


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        (b"no audio", "recording 0: not a recording that can be read"),
        ((np.zeros(100, np.float32), 16_000), r"recording 0: is 0\.01 s long"),
        ("nowhere.wav", r"nowhere\.wav: no such recording"),
    ],
)
def test_what_cannot_be_decoded_is_one_sentence(outcome: eartune.RunOutcome, recording: Any, message: str) -> None:
    model = eartune.load(outcome.folder.model("text-only-seed0").path)
    with pytest.raises(eartune.InputError, match=message):
        model.predict(recording)


def test_an_untuned_checkpoint_is_loaded_by_its_folder(folder: Path) -> None:
    utterances = eartune.read_manifest(folder / "text.jsonl")
    model = eartune.load(folder / "tiny", utterances=utterances)
    assert model.architecture.type == "qwen2-audio" and model.labels.describe() == "2 intents, 1 entity type"
    assert isinstance(next(model.stream([folder / "recordings" / "test0.wav"])).text, str)


@pytest.mark.parametrize("task", [None, ClassificationTask()])
def test_an_untuned_checkpoint_answers_where_no_label_is_known(folder: Path, task: eartune.Task | None) -> None:
    model = eartune.load(folder / "tiny", task=task)
    assert isinstance(next(model.stream([folder / "recordings" / "test0.wav"])).text, str)


@pytest.mark.parametrize("place", ["runs/orders", "runs"])
def test_what_is_no_model_is_one_sentence(outcome: eartune.RunOutcome, folder: Path, place: str) -> None:
    with pytest.raises(eartune.InputError, match="is not the folder of a finished model"):
        eartune.load(folder / place)


exports = pytest.mark.skipif(
    not transformers_is_at_least("5.23"), reason="transformers before 5.23 writes names that others cannot read"
)


@pytest.fixture(scope="module")
def exported(outcome: eartune.RunOutcome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("exports") / "my-model"
    with checked_in_this_process():
        export_run(outcome.folder.model("text-only-seed0").path, to, lambda line: None)
    return to


@exports
def test_an_exported_model_answers_as_the_run_did(outcome: eartune.RunOutcome, folder: Path, exported: Path) -> None:
    recordings = [folder / "recordings" / f"test{number}.wav" for number in range(3)]
    here, there = eartune.load(outcome.folder.model("text-only-seed0").path), eartune.load(exported)
    assert [p.text for p in here.stream(recordings)] == [p.text for p in there.stream(recordings)]
    assert there.labels == here.labels


def check_of(moved: Path, client: Client) -> list[str]:
    """What the script of an exported folder says of a server."""
    command = [sys.executable, str(moved / "check_server.py"), f"http://127.0.0.1:{client.port}/"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@exports
def test_a_server_gives_the_answers_that_an_export_holds(
    exported: Path, outcome: eartune.RunOutcome, tmp_path: Path
) -> None:
    """The folder can be moved; a row that says otherwise, and a model that answers otherwise, are seen."""
    moved = shutil.copytree(exported, tmp_path / "moved")
    with serving(make_app(Service({"my-model": eartune.load(moved)}))) as client:
        assert check_of(moved, client) == ["3 of 3 answers agree with eartune's"]
        answers = moved / "check" / "answers.jsonl"
        first, *others = answers.read_text().splitlines()
        answers.write_text("\n".join([json.dumps(json.loads(first) | {"text": "quite another"}), *others]))
        said = check_of(moved, client)
    assert said[0].startswith("check/01.wav: ") and said[0].endswith(" instead of 'quite another'")
    assert said[1:] == ["2 of 3 answers agree with eartune's"]
    other = eartune.load(outcome.folder.model("recordings-first-50pct-seed0").path)
    with serving(make_app(Service({"my-model": other}))) as client:
        assert check_of(exported, client)[-1] != "3 of 3 answers agree with eartune's"


@exports
def test_an_export_holds_the_request_and_the_schema_of_its_answers(exported: Path) -> None:
    request = json.loads((exported / "request.json").read_text())
    clip, instruction = request["messages"][0]["content"]
    assert clip["type"] == "input_audio" and instruction["text"].startswith("Extract intent and entities")
    assert (request["model"], request["temperature"], request["max_tokens"]) == ("my-model", 0, 4)
    schema = json.loads((exported / "answer.schema.json").read_text())
    assert request["response_format"]["json_schema"]["schema"] == schema
    card = (exported / "README.md").read_text()
    assert "vllm serve . \\\n      --served-model-name my-model" in card and "answer.schema.json" in card
