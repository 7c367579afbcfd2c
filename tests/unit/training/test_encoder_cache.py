"""What a frozen encoder made of recordings: kept once, within bounds, and never half."""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from eartune.claims import Claims
from eartune.data.audio import write_audio
from eartune.data.example import Example
from eartune.data.frame import SemanticFrame
from eartune.data.recording_index import RecordingIndex
from eartune.data.utterance import Recording, Utterance
from eartune.files import read_lines
from eartune.models.architecture import Architecture
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.families.qwen3_omni import Qwen3Omni
from eartune.models.rows import RowMaker
from eartune.settings import Component, Training
from eartune.tasks.slu import Schema, SluTask
from eartune.training.callbacks import TrainingLog
from eartune.training.encoder_cache import Clips, EncoderCache
from eartune.training.stage import Stage
from eartune.training.trainer import train_stage
from tiny_models import is_supported, tiny

FROZEN = (Component.MODALITY_ADAPTER, Component.LANGUAGE_MODEL)

INTENTS = Schema.of([SemanticFrame("one")])


@pytest.fixture
def examples(tmp_path: Path) -> tuple[Example, ...]:
    """Two typed and six spoken examples, of 0.4 to 1.4 s."""
    found = []
    for i in range(8):
        utterance = Utterance(f"u{i}", f"say {i}", "en", SemanticFrame(f"intent{i}"))
        path = tmp_path / "audio" / f"{i}.wav"
        seconds = 0.2 * i
        if i >= 2:
            write_audio(path, np.random.default_rng(i).standard_normal(int(16_000 * seconds)).astype(np.float32) * 0.1)
        found.append(Example(utterance, Recording(path, seconds) if i >= 2 else None))
    return tuple(found)


class Counted:
    """Counts the clips that are encoded, and keeps the messages."""

    def __init__(self, folder: Path, most_gb: float = 1.0) -> None:
        self.folder = folder
        self.messages: list[str] = []
        self.store = EncoderCache(
            folder, most_gb, False, RecordingIndex(), Claims(folder.parent / "claims"), self.messages.append
        )

    def of(self, model: Qwen2Audio, examples: tuple[Example, ...]) -> tuple[Clips | None, int]:
        """The clips, and how many of them were encoded for it."""
        calls: list[int] = []
        clips = self.store.clips(model, examples, lambda done, total: calls.append(done))
        return clips, len(calls)

    def files(self) -> dict[str, bytes]:
        """All that is kept."""
        return {file.name: file.read_bytes() for file in self.folder.iterdir()}


def losses(model: Qwen2Audio, examples: tuple[Example, ...], folder: Path, clips: Clips | None) -> torch.Tensor:
    rows = RowMaker(model, SluTask(), INTENTS, Architecture(type="qwen2-audio", checkpoint="pocket"), encoded=clips)
    stage = Stage("mixed", examples, 3, 1e-3, 0.0, (Component.LANGUAGE_MODEL,))
    log = TrainingLog(folder / "train.jsonl", lambda *_: None)
    train_stage(model, stage, rows.to_learn, Training(batch_size=4, micro_batch_size=2), 0, folder, log)
    return torch.tensor([row["loss"] for _, row in read_lines(folder / "train.jsonl")])


@pytest.mark.parametrize("family", [Qwen2Audio, Qwen3Omni])
def test_a_stage_learns_the_same_from_kept_states(
    family: type[Qwen2Audio], examples: tuple[Example, ...], tmp_path: Path
) -> None:
    if not is_supported(family):
        pytest.skip(f"needs transformers {family.least_transformers}")
    model = tiny(family)
    clips, encoded = Counted(tmp_path / "encoded").of(model, examples)
    assert clips is not None and encoded == 6
    given = {"states": clips, "mels": None}
    found = [losses(tiny(family), examples, tmp_path / name, how) for name, how in given.items()]
    assert torch.allclose(found[0], found[1], rtol=1e-5, atol=1e-5)


def test_each_recording_is_encoded_once_by_the_same_weights(examples: tuple[Example, ...], tmp_path: Path) -> None:
    assert Counted(tmp_path / "kept").of(tiny(Qwen2Audio), examples[:5])[1] == 3
    assert Counted(tmp_path / "kept").of(tiny(Qwen2Audio), examples * 2)[1] == 3
    assert Counted(tmp_path / "kept").of(tiny(Qwen2Audio), examples)[1] == 0
    assert Counted(tmp_path / "kept").of(tiny(Qwen2Audio, seed=1), examples)[1] == 6
    assert Counted(tmp_path / "kept").of(tiny(Qwen2Audio, dtype=torch.bfloat16), examples)[1] == 6


def test_the_same_samples_under_two_names_are_one(examples: tuple[Example, ...], tmp_path: Path) -> None:
    spoken = examples[-1]
    assert spoken.recording is not None
    copy = spoken.recording.path.with_name("copy.wav")
    copy.write_bytes(spoken.recording.path.read_bytes())
    both = (spoken, replace(spoken, recording=Recording(copy, spoken.recording.seconds)))
    kept = Counted(tmp_path / "kept")
    clips, encoded = kept.of(tiny(Qwen2Audio), both)
    assert clips is not None and encoded == len(kept.files()) == 1


def test_what_is_kept_does_not_depend_on_what_was_kept_before(examples: tuple[Example, ...], tmp_path: Path) -> None:
    """Or a run that is taken up, or one cell alone, would give other results than the whole grid."""
    model, whole, pieces = tiny(Qwen2Audio), Counted(tmp_path / "whole"), Counted(tmp_path / "pieces")
    whole.of(model, examples)
    for some in (examples[5:6], examples[2:4], examples):
        pieces.of(model, some)
    assert pieces.files() == whole.files()


def test_nothing_is_deleted_while_another_process_may_count_on_it(
    examples: tuple[Example, ...], tmp_path: Path
) -> None:
    """With room for little more than one of the two sets, the first goes, unless somebody else works in the run."""
    model, some, others = tiny(Qwen2Audio), examples[2:5], examples[5:8]
    kept = Counted(tmp_path / "kept")
    kept.of(model, some)
    kept.store.most_gb = 2.5 * sum(map(len, kept.files().values())) / 1e9
    (tmp_path / "claims").mkdir(exist_ok=True)
    (tmp_path / "claims" / "untuned-seed0.lock").touch()  # of another process
    before = kept.files()
    assert kept.of(model, others)[0] is None and kept.files() == before
    assert "encoder cache off" in kept.messages[-1]
    (tmp_path / "claims" / "untuned-seed0.lock").unlink()
    assert kept.of(model, others)[0] is not None and before.keys() - kept.files().keys()


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "other"])
def test_a_damaged_file_is_encoded_anew(examples: tuple[Example, ...], tmp_path: Path, damage: str) -> None:
    kept = Counted(tmp_path / "kept")
    kept.of(tiny(Qwen2Audio), examples)
    before = kept.files()
    file = sorted(kept.folder.iterdir())[2]
    whole = file.read_bytes()
    file.write_bytes({"cut": whole[:-5], "empty": b"", "garbage": b"x" * 300, "other": b"\2\0\0\0\0\0\0\0{}"}[damage])
    clips, encoded = kept.of(tiny(Qwen2Audio), examples)
    assert encoded == 1 and clips is not None and kept.files() == before


def test_nothing_half_written_is_left_or_taken_up(
    examples: tuple[Example, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Counted(tmp_path / "kept")

    def cut(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as power, pytest.raises(KeyboardInterrupt):
        power.setattr(Path, "replace", cut)
        kept.of(tiny(Qwen2Audio), examples)
    assert not [name for name in kept.files() if name.endswith(".safetensors")]
    assert kept.of(tiny(Qwen2Audio), examples)[1] == 6
    assert all(name.endswith(".safetensors") for name in kept.files())


def test_what_was_used_last_stays_when_room_is_needed(examples: tuple[Example, ...], tmp_path: Path) -> None:
    model = tiny(Qwen2Audio)
    all_of_it = Counted(tmp_path / "all")
    all_of_it.of(model, examples)
    whole = sum(map(len, all_of_it.files().values()))
    kept = Counted(tmp_path / "kept", most_gb=0.9 * whole / 1e9)
    for when, some in enumerate((examples[2:3], examples[3:6], examples[2:3])):
        kept.of(model, some)
        for file in kept.folder.iterdir():
            if file.stat().st_mtime > 1000:  # just used; clocks are too coarse to tell which came first
                os.utime(file, (when, when))
    clips, encoded = kept.of(model, examples[6:])
    assert clips is not None and encoded == 2
    assert sum(map(len, kept.files().values())) <= 0.9 * whole
    assert kept.of(model, examples[2:3])[1] == 0 and kept.messages == []
    assert kept.of(model, examples[3:6])[1] > 0  # of three that were used before it


def test_what_does_not_fit_alone_is_not_kept_at_all(examples: tuple[Example, ...], tmp_path: Path) -> None:
    kept = Counted(tmp_path / "kept", most_gb=8e-6)
    assert kept.of(tiny(Qwen2Audio), examples[2:3])[1] == 1
    before = kept.files()
    assert kept.of(tiny(Qwen2Audio), examples) == (None, 0)
    assert kept.files() == before
    assert len(kept.messages) == 1 and "encoder cache off: it needs about" in kept.messages[0]


def test_a_full_disk_is_left_alone(
    examples: tuple[Example, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=100))
    assert Counted(tmp_path / "kept").of(tiny(Qwen2Audio), examples) == (None, 0)


def test_half_of_the_free_disk_is_left_to_others(
    examples: tuple[Example, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What all six recordings take would fit on the disk, but not into half of it."""
    kept = Counted(tmp_path / "kept")
    kept.of(tiny(Qwen2Audio), examples)
    needed = sum(map(len, kept.files().values()))
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1.5 * needed))
    assert Counted(tmp_path / "again").of(tiny(Qwen2Audio), examples) == (None, 0)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=2.5 * needed))
    assert Counted(tmp_path / "again").of(tiny(Qwen2Audio), examples)[1] == 6


def test_nothing_is_kept_if_that_is_asked_for_or_nothing_is_heard(
    examples: tuple[Example, ...], tmp_path: Path
) -> None:
    assert Counted(tmp_path / "kept", most_gb=0).of(tiny(Qwen2Audio), examples) == (None, 0)
    read = tuple(replace(example, transcript="what an ASR heard") for example in examples)
    assert Counted(tmp_path / "kept").of(tiny(Qwen2Audio), (*examples[:2], *read)) == (None, 0)
    assert not (tmp_path / "kept").exists()


def test_a_stage_or_a_model_whose_encoder_trains_keeps_nothing(examples: tuple[Example, ...], tmp_path: Path) -> None:
    model, store = tiny(Qwen2Audio), Counted(tmp_path / "kept").store
    frozen = Stage("mixed", examples, 1, 1e-3, 0.0, FROZEN)
    assert store.stage_clips(model, replace(frozen, trainable=tuple(Component)), lambda *_: None) is None
    model.components.set_trainable(FROZEN)
    assert store.stage_clips(model, frozen, lambda *_: None) is not None
    assert store.test_clips(model, examples, lambda *_: None) is not None
    model.components.set_trainable(tuple(Component))
    model.components.set_trainable(FROZEN)
    assert store.test_clips(model, examples, lambda *_: None) is None
