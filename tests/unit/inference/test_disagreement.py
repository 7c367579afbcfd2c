"""A model that answers a recording otherwise than its words does not hear it; what it cannot answer says nothing."""

from typing import Any

import pytest

from builders import frame, utterance
from eartune.data.example import Asked, Example
from eartune.inference import disagreement
from eartune.inference.disagreement import disagreements
from eartune.inference.trained_model import TrainedModel
from eartune.models.architecture import Architecture
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.settings import Decoding
from eartune.tasks.prediction import Written
from eartune.tasks.slu import SluTask
from tiny_models import tiny

TASK = SluTask()
SET, QUERY = (f'{{"scenario":"alarm","action":"{action}","entities":[]}}' for action in ("set", "query"))
READ_AND_HEARD = [(SET, SET), (SET, QUERY), (SET, "hm"), ("hm", "what"), (SET, SET.replace(",", ", "))]
POOL = [utterance(f"u{n}", f"day {n}", frame("alarm.set"), 1.0) for n in range(len(READ_AND_HEARD))]


def trained(asked: Asked = Asked.FRAME) -> TrainedModel:
    architecture = Architecture(type="qwen2-audio", checkpoint="pocket")
    return TrainedModel(tiny(Qwen2Audio), TASK, TASK.labels(POOL), architecture, Decoding(batch_size=2), "", asked)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[Example]]:
    """The batches that the model is asked, in place of which the answers above are given."""
    seen: list[list[Example]] = []

    def ask(model: Any, batch: list[Example], *_: Any) -> list[Written]:
        seen.append(list(batch))
        answers = [READ_AND_HEARD[int(one.utterance.id[1:])][one.recording is not None] for one in batch]
        return [
            Written(f"day\n{a}" if one.asked is Asked.WORDS_THEN_FRAME else a)
            for a, one in zip(answers, batch, strict=True)
        ]

    monkeypatch.setattr(disagreement, "ask", ask)
    return seen


@pytest.mark.parametrize("asked", [Asked.FRAME, Asked.WORDS_THEN_FRAME])
def test_answers_to_words_and_to_sound_are_compared(batches: list[list[Example]], asked: Asked) -> None:
    done: list[tuple[int, int | None]] = []
    found = disagreements(trained(asked), POOL, lambda *how_far: done.append(how_far))
    assert found == [False, True, True, False, False]
    assert done[-1] == (10, 10) and len(done) == len(batches)


def test_a_batch_holds_text_alone_or_speech_alone(batches: list[list[Example]]) -> None:
    disagreements(trained(), POOL, lambda *_: None)
    assert [{one.modality.value for one in batch} for batch in batches] == [{"text"}] * 3 + [{"speech"}] * 3
