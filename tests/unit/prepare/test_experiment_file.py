"""The experiment that is written about prepared data can be read, and compares what the data permit."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from builders import frame, pool
from eartune.data.tts import languages
from eartune.data.tts.languages import VoicesOfLanguage, voices_of_language
from eartune.data.utterance import Utterance
from eartune.experiments.experiment import Experiment, read_experiment
from eartune.prepare.contents import contents_of, experiment_name
from eartune.prepare.experiment_file import budgets, experiment_text
from eartune.prepare.starting_model import POCKET, QWEN2_AUDIO, starting_model

SPOKEN, TYPED = pool(100, 1.0), pool(100)


def wordless(rows: tuple[Utterance, ...]) -> tuple[Utterance, ...]:
    return tuple(replace(row, text=None) for row in rows)


def read(folder: Path, **splits: tuple[Utterance, ...]) -> Experiment:
    text = experiment_text(contents_of(splits), folder, POCKET)
    assert text is not None
    (folder / "experiment.yaml").write_text(text)
    return read_experiment(folder / "experiment.yaml")


def schemes(experiment: Experiment) -> list[str]:
    return [scheme.label for scheme in experiment.grid.schemes]


def test_of_text_and_recordings_all_schemes_are_compared_at_three_budgets(tmp_path: Path) -> None:
    experiment = read(tmp_path, train=SPOKEN, test=pool(20, 1.0, prefix="t"))
    assert schemes(experiment) == ["untuned", "text-only", "cascade", "direct-mixing", "curriculum"]
    assert list(map(str, experiment.grid.budgets)) == ["10%", "20%", "100%"]
    assert experiment.data.root == tmp_path and experiment.task.type == "slu"
    assert [corpus.path for corpus in experiment.data.text] == ["train.jsonl"]


def test_a_dev_set_is_offered_and_not_used_without_being_asked_for(tmp_path: Path) -> None:
    """It was passed over in silence."""
    splits = {"train": SPOKEN, "dev": pool(9, 1.0, prefix="d"), "test": pool(20, 1.0, prefix="t")}
    assert not read(tmp_path, **splits).data.dev
    path = tmp_path / "experiment.yaml"
    path.write_text(path.read_text().replace("  # dev:", "  dev:"))
    assert [corpus.path for corpus in read_experiment(path).data.dev] == ["dev.jsonl"]
    del splits["dev"]
    read(tmp_path, **splits)
    assert "dev:" not in path.read_text()


def test_recordings_without_words_are_learned_alone(tmp_path: Path) -> None:
    experiment = read(tmp_path, train=wordless(SPOKEN), test=wordless(pool(20, 1.0, prefix="t")))
    assert schemes(experiment) == ["untuned", "prompted", "direct-mixing"] and not experiment.data.text


def test_text_alone_is_spoken_by_the_voices_of_its_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voices = VoicesOfLanguage(({"name": "en-US"},), ({"name": "en-GB"},))
    monkeypatch.setattr("eartune.prepare.contents.voices_of_language", {"en": voices}.get)
    experiment = read(tmp_path, train=TYPED, test=pool(20, prefix="t"))
    assert schemes(experiment) == ["untuned", "text-only", "cascade", "synthetic-speech"]
    (spoken,), (tested,) = experiment.data.synthetic_speech, experiment.data.test
    assert [voice.name for voice in (*spoken.voices, *tested.voices)] == ["en-US", "en-GB"]


def test_text_alone_of_no_known_language_makes_no_experiment(tmp_path: Path) -> None:
    rows = tuple(replace(row, language="und") for row in TYPED)
    assert experiment_text(contents_of({"train": rows, "test": rows[:5]}), tmp_path, POCKET) is None


def test_without_a_test_or_without_training_there_is_no_experiment(tmp_path: Path) -> None:
    assert experiment_text(contents_of({"train": SPOKEN}), tmp_path, POCKET) is None
    assert experiment_text(contents_of({"test": SPOKEN}), tmp_path, POCKET) is None


def test_without_entities_the_task_is_one_label_a_recording(tmp_path: Path) -> None:
    rows = tuple(replace(row, frame=frame("order")) for row in SPOKEN)
    assert read(tmp_path, train=rows, test=rows[:5]).task.type == "classification"


@pytest.mark.parametrize(
    ("n_recorded", "shares"),
    [
        (1, [100]),
        (4, [25, 50, 100]),
        (39, [25, 50, 100]),
        (50, [20, 50, 100]),
        (330, [5, 20, 100]),
        (100_000, [1, 10, 100]),
    ],
)
def test_the_smallest_budget_has_ten_recordings_if_there_are_enough(n_recorded: int, shares: list[int]) -> None:
    assert budgets(n_recorded) == shares


@pytest.mark.parametrize(("folder", "name"), [("data/My Calls_2", "my-calls-2"), ("x/--", "mine"), ("é/9a", "9a")])
def test_the_name_comes_from_the_folder(folder: str, name: str) -> None:
    assert experiment_name(Path(folder)) == name


def test_folders_in_other_letters_have_names_of_their_own() -> None:
    names = {experiment_name(Path(folder)) for folder in ("日本", "中国", "日本 2024", "中国 2024")}
    assert len(names) == 4 and all(re.fullmatch("(mine|2024)-[0-9a-f]{6}", name) for name in names)


def test_a_gpu_asks_for_a_larger_model(tmp_path: Path) -> None:
    assert starting_model(tmp_path) is POCKET
    (tmp_path / "nvidia0").touch()
    assert starting_model(tmp_path) is QWEN2_AUDIO


def test_no_voice_of_a_language_is_in_training_and_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "find_spec", lambda name: object())
    monkeypatch.setattr(languages, "_espeak_languages", lambda: frozenset({"en", "de", "cmn"}))
    for tag in ("en", "en-GB", "de_DE", "zh"):
        found = voices_of_language(tag)
        assert found is not None and found.training and found.test
        speakers = [
            {(voice.get("engine", "pico"), voice["name"], voice.get("variant")) for voice in side}
            for side in (found.training, found.test)
        ]
        assert not speakers[0] & speakers[1]
    assert voices_of_language("tlh") is None
