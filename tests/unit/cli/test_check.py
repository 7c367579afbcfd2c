"""What `eartune check` prints about the disk and about the size of the test."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from types import SimpleNamespace as Disk

import pytest

from builders import experiment, pool
from eartune.cli.check import choice_sentence, disk_sentence, free_disk, print_data, resolution
from eartune.cli.console import console
from eartune.data.example import as_speech
from eartune.experiments.plan import Pools
from eartune.settings import Decoding
from eartune.training.disk_estimate import DiskEstimate
from eartune.training.stage import DevSet, Stage

DISK = DiskEstimate(stages=3, weights=31e9, checkpoints=216.5e9, encoder_cache=10e9)


def test_check_says_what_the_run_takes_and_what_is_free() -> None:
    assert disk_sentence(DISK, 300e9) == (
        "disk: at most 257.50 GB, of which 31.00 GB are weights of 3 stages, 216.50 GB two checkpoints of the largest, "
        "10.00 GB the encoder cache; 300.00 GB are free"
    )


def test_check_says_how_much_the_disk_lacks() -> None:
    assert "The disk lacks 57.50 GB" in disk_sentence(DISK, 200e9)


def test_check_says_which_difference_the_test_can_show() -> None:
    few, many = (SimpleNamespace(test=as_speech(pool(size, 1.0))) for size in (2, 1000))
    assert resolution(few) == (  # type: ignore[arg-type]
        "The test is too small to tell two models apart, "
        "if exactly one of the two answers 13.5% of the utterances correctly."
    )
    assert "whose shares of right answers differ by at least 3.2 points: a paired test" in resolution(many)  # type: ignore[arg-type]


def test_check_says_what_is_decoded_to_choose_epochs() -> None:
    dev = DevSet(as_speech(pool(1, 1.0, 1.0)), Decoding(beams=1))
    text = Stage("text", (), 3, 1e-4, 0, (), dev=dev)
    pools = SimpleNamespace(dev=dev.examples)
    assert choice_sentence(pools, [text, replace(text, epochs=2), replace(text, epochs=1, dev=None)]) == (  # type: ignore[arg-type]
        "dev: 2 recordings decoded after each epoch of 2 stages, 10 answers at most in all; the best is kept"
    )
    prompted = SimpleNamespace(dev=dev, prompts=("a", "b", "c"))
    assert choice_sentence(pools, [text], [prompted, SimpleNamespace(dev=None)]) == (  # type: ignore[arg-type, list-item]
        "dev: 2 recordings decoded after each epoch of 1 stage and with each prompt of 1 model, "
        "12 answers at most in all; the best is kept"
    )
    assert "nothing is chosen and nothing decoded" in choice_sentence(pools, [])  # type: ignore[arg-type]


def test_what_a_run_has_saved_already_counts_as_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the disk would seem too small for a run that is finished."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Disk(free=5000) if path.exists() else None)
    assert free_disk(tmp_path / "runs" / "orders") == 5000
    stage = tmp_path / "runs" / "orders" / "stages" / "text-1"
    stage.mkdir(parents=True)
    (stage / "weights.safetensors").write_bytes(bytes(700))
    assert free_disk(tmp_path / "runs" / "orders") == 5700


def test_a_question_with_brackets_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """The words in the brackets were lost, or ended the command in a MarkupError."""
    settings = experiment(question="Does [small, large] help [/end]?")
    pools = Pools(pool(4), pool(4, 2.0), as_speech(pool(4, 2.0)), settings.task.labels(pool(4)))
    print_data(console(), settings, pools)
    printed = capsys.readouterr().out
    assert printed.startswith("alarms  Does [small, large] help [/end]?\n") and "The test is too small" in printed


def test_a_test_of_translations_has_no_share_of_right_answers(capsys: pytest.CaptureFixture[str]) -> None:
    settings = experiment(task={"type": "translation", "to": "German"})
    rows = [replace(one, frame=None, translation="ja") for one in pool(4, 2.0)]
    print_data(console(), settings, Pools(tuple(rows), tuple(rows), as_speech(rows), settings.task.labels(rows)))
    printed = capsys.readouterr().out
    assert "translations into German" in printed and "The test" not in printed
