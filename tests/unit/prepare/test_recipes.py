"""Which recipe a folder gets, that its YAML is read and planned, and that its reasons are what the results say."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from builders import pool, sound_file
from eartune.data.tts.languages import VoicesOfLanguage
from eartune.data.utterance import Recording, Utterance, read_manifest, write_manifest
from eartune.errors import InputError
from eartune.experiments.experiment import Experiment, read_experiment
from eartune.prepare.recipes import RECIPES, read_contents, tuning_of
from eartune.prepare.starting_model import POCKET

ROOT = Path(__file__).parents[3]
VOICES = VoicesOfLanguage(({"name": "en-US"},), ({"name": "en-GB"},))
MANY, SELF_LABELLED, FEW, WORDS, WORDLESS = (recipe.name for recipe in RECIPES)


@pytest.fixture(autouse=True)
def voices(monkeypatch: pytest.MonkeyPatch) -> None:
    """English has voices, and no other language."""
    monkeypatch.setattr("eartune.prepare.contents.voices_of_language", {"en": VOICES}.get)


def rows(folder: Path, n_recorded: int, n_typed: int, language: str = "en", words: bool = True) -> list[Utterance]:
    clip = sound_file(folder / "a.wav") if not (folder / "a.wav").exists() else folder / "a.wav"
    found = [
        replace(row, recordings=(Recording(clip.with_name(f"{row.id}.wav"), 1.0),))
        for row in pool(n_recorded, prefix=f"r{language}")
    ]
    found += [replace(row, text=f"typed {row.id}") for row in pool(n_typed, prefix="t")]
    return [replace(row, language=language, text=row.text if words else None) for row in found]


def tuned(
    folder: Path, train: list[Utterance], test: list[Utterance], unlabelled: Path | None = None, **more: list[Utterance]
) -> tuple[str, Experiment]:
    """The name of the recipe, and its experiment."""
    for name, written in {"train": train, "test": test, **more}.items():
        write_manifest(folder / f"{name}.jsonl", written)
    tuning = tuning_of(read_contents(folder, unlabelled), folder, POCKET)
    tuning.write()
    return tuning.recipe.name, read_experiment(tuning.path)


def spoken_test(folder: Path, language: str = "en", words: bool = True) -> list[Utterance]:
    return [
        replace(row, id=f"x{row.id}", text=(words and f"test {row.id}") or None) for row in rows(folder, 5, 0, language)
    ]


@pytest.mark.parametrize(
    ("n_recorded", "language", "name", "scheme", "through"),
    [
        (99, "en", MANY, "curriculum", "nothing"),
        (99, "xx", MANY, "curriculum", "nothing"),
        (40, "en", FEW, "curriculum", "nothing"),
        (32, "en", WORDS, "text-only", "words"),
        (40, "xx", WORDS, "text-only", "words"),
        (9, "en", WORDS, "text-only", "words"),
    ],
)
def test_what_is_trained_for_what_there_is(
    tmp_path: Path, n_recorded: int, language: str, name: str, scheme: str, through: str
) -> None:
    found, experiment = tuned(tmp_path, rows(tmp_path, n_recorded, 50, language), spoken_test(tmp_path))
    (only,) = experiment.grid.schemes
    assert (found, only.type, experiment.decoding.through) == (name, scheme, through)
    assert bool(experiment.data.synthetic_speech) == only.uses_synthetic == (name == FEW)
    assert [corpus.path for corpus in experiment.data.dev] == ["tune/dev.jsonl"]
    assert experiment.data.root == tmp_path / "tune" / ".."


@pytest.mark.parametrize(
    ("n_recorded", "n_unlabelled", "language", "name"),
    [
        (16, 100, "en", SELF_LABELLED),
        (98, 100, "en", SELF_LABELLED),
        (99, 100, "en", MANY),
        (15, 100, "en", WORDS),
        (16, 99, "en", WORDS),
        (33, 99, "en", FEW),
        (16, 100, "xx", WORDS),
    ],
)
def test_recordings_without_labels_are_labelled_by_the_model(
    tmp_path: Path, n_recorded: int, n_unlabelled: int, language: str, name: str
) -> None:
    train = rows(tmp_path, n_recorded, 50, language)
    calls = [replace(row, id=f"u{row.id}", text=None, frame=None) for row in rows(tmp_path, n_unlabelled, 0, "yy")]
    orders = tmp_path / "orders"
    write_manifest(tmp_path / "calls" / "all.jsonl", calls)
    found, experiment = tuned(orders, train, spoken_test(tmp_path), unlabelled=tmp_path / "calls")
    (only,) = experiment.grid.schemes
    assert (found, only.uses_unlabelled) == (name, name == SELF_LABELLED)
    assert [corpus.path for corpus in experiment.data.unlabelled] == ["tune/unlabelled.jsonl"] * only.uses_unlabelled
    assert [corpus.path for corpus in experiment.data.text] == ["tune/train.jsonl"]


def test_a_manifest_whose_name_says_neither_train_nor_test_is_named(tmp_path: Path) -> None:
    """It was passed over in silence."""
    for name in ("train", "test", "dev", "typed"):
        found = [replace(row, id=f"{name} {row.id}" if name != "train" else row.id) for row in rows(tmp_path, 2, 0)]
        write_manifest(tmp_path / f"{name}.jsonl", found)
    assert read_contents(tmp_path).not_used == [
        "typed.jsonl is not used, as its name says neither train nor dev nor test; to train on it, prepare it with "
        "--split train-typed=FILE"
    ]
    write_manifest(tmp_path / "all.jsonl", rows(tmp_path, 1, 0))
    assert read_contents(tmp_path).not_used[0] == (
        "all.jsonl is not used, as rows of it are in train.jsonl; delete it if an earlier command wrote it"
    )
    (tmp_path / "all.jsonl").unlink()
    for name in ("test", "dev"):
        (tmp_path / f"{name}.jsonl").unlink()
    assert read_contents(tmp_path).test == ["typed"] and read_contents(tmp_path).not_used == []
    (tmp_path / "train.jsonl").unlink()
    assert read_contents(tmp_path).text == ["typed"] and read_contents(tmp_path).not_used == []


def test_text_alone_is_tested_and_chosen_on_voices_of_which_none_is_trained_on(tmp_path: Path) -> None:
    name, experiment = tuned(tmp_path, rows(tmp_path, 0, 50), rows(tmp_path, 0, 60)[50:])
    assert name == WORDS and not experiment.data.synthetic_speech
    ((dev,), (test,)) = experiment.data.dev, experiment.data.test
    assert (dev.voices[0].name, test.voices[0].name) == ("en-US", "en-GB")


def test_recordings_without_words_are_learned_alone(tmp_path: Path) -> None:
    train, test = rows(tmp_path, 40, 0, words=False), spoken_test(tmp_path, words=False)
    name, experiment = tuned(tmp_path, train, test)
    assert name == WORDLESS and not experiment.data.text and experiment.data.speech


def test_a_dev_set_that_is_there_is_taken_as_it_is(tmp_path: Path) -> None:
    dev = [replace(row, id=f"d{row.id}") for row in rows(tmp_path, 5, 0)]
    _, experiment = tuned(tmp_path, rows(tmp_path, 80, 0), spoken_test(tmp_path), dev=dev)
    assert [corpus.path for corpus in (*experiment.data.dev, *experiment.data.text)] == ["dev.jsonl", "train.jsonl"]
    assert not (tmp_path / "tune" / "dev.jsonl").exists()


def test_of_hardly_any_recordings_none_is_spared(tmp_path: Path) -> None:
    _, experiment = tuned(tmp_path, rows(tmp_path, 5, 50), spoken_test(tmp_path))
    assert not experiment.data.dev


def test_training_is_without_the_sentences_of_the_dev_set(tmp_path: Path) -> None:
    tuned(tmp_path, rows(tmp_path, 80, 20), spoken_test(tmp_path))
    contents = read_contents(tmp_path / "tune")
    assert len(contents.splits["train"]) + len(contents.splits["dev"]) == 100 and len(contents.splits["dev"]) == 12


def test_of_two_speakers_neither_is_the_whole_dev_set(tmp_path: Path) -> None:
    train = [
        replace(row, recordings=(replace(row.recordings[0], speaker=f"s{n % 2}"),))
        for n, row in enumerate(rows(tmp_path, 80, 0))
    ]
    tuned(tmp_path, train, spoken_test(tmp_path))
    assert len(read_manifest(tmp_path / "tune" / "dev.jsonl")) == 12


def test_typed_rows_and_recordings_without_words_stay_two_pools_of_which_ids_may_be_the_same(tmp_path: Path) -> None:
    """Both stood in one file, so that not every row had words and the curriculum had no text, and ids were repeated."""
    typed = [replace(row, id=str(n)) for n, row in enumerate(rows(tmp_path, 0, 30))]
    spoken = [replace(row, id=str(n), text=None) for n, row in enumerate(rows(tmp_path, 80, 0))]
    for name, written in {"typed": typed, "spoken": spoken, "test-calls": spoken_test(tmp_path)}.items():
        write_manifest(tmp_path / f"{name}.jsonl", written)
    tuning = tuning_of(read_contents(tmp_path), tmp_path, POCKET)
    tuning.write()
    data = read_experiment(tuning.path).data
    assert tuning.recipe.name == FEW
    paths = {name: [corpus.path for corpus in getattr(data, name)] for name in ("text", "speech", "dev", "test")}
    assert paths == {
        **{"text": ["tune/typed.jsonl"], "speech": ["tune/spoken.jsonl"]},
        **{"dev": ["tune/dev.jsonl"], "test": ["test-calls.jsonl"]},
    }
    counts = {name: len(read_manifest(tmp_path / "tune" / f"{name}.jsonl")) for name in ("typed", "spoken", "dev")}
    assert counts == {"typed": 30, "spoken": 68, "dev": 12}


def test_typed_rows_of_which_each_sentence_would_be_held_out_are_all_learned(tmp_path: Path) -> None:
    train = [replace(row, text=row.text if n < 7 else None) for n, row in enumerate(rows(tmp_path, 8, 0))]
    typed = [replace(train[0], id="typed", recordings=())]
    for name, written in {"train": train, "train-typed": typed, "test": spoken_test(tmp_path)}.items():
        write_manifest(tmp_path / f"{name}.jsonl", written)
    for seed in range(20):
        tuning = tuning_of(read_contents(tmp_path), tmp_path, POCKET, seed)
        tuning.write()
        (text,) = read_experiment(tuning.path).data.text
        assert len(read_manifest(tmp_path / text.path)) == 1


def test_what_cannot_be_tuned_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no manifests; make them with eartune prepare FILE --to"):
        read_contents(tmp_path)
    (tmp_path / "chats.jsonl").write_text('{"messages": []}\n')
    with pytest.raises(InputError, match="holds no manifests"):
        read_contents(tmp_path)
    write_manifest(tmp_path / "train.jsonl", rows(tmp_path, 10, 0))
    with pytest.raises(InputError, match=r"has no test with recordings; prepare it again with --hold-out 20%$"):
        tuning_of(read_contents(tmp_path), tmp_path, POCKET)
    (tmp_path / "train.jsonl").rename(tmp_path / "test.jsonl")
    with pytest.raises(InputError, match="has nothing to train on"):
        tuning_of(read_contents(tmp_path), tmp_path, POCKET)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_reason_names_numbers_of_the_results(recipe: object) -> None:
    results = (ROOT / "docs" / "results.md").read_text()
    for number in re.findall(r"\d+\.\d", recipe.why):  # type: ignore[attr-defined]
        assert number in results
