"""Labels that an experiment declares are the only ones its data may hold."""

import pytest

from builders import frame, utterance
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.tasks.slu import SluTask

DATA = [utterance("u1", "wake me", frame("alarm.set", "date:friday")), utterance("u2", "play", frame("music.play"))]


def test_nothing_declared_allows_everything() -> None:
    SluTask().check(DATA)


def test_declared_labels_are_allowed_and_more_may_be_declared() -> None:
    SluTask(intents=("alarm_set", "music_play", "news_query"), entity_types=("date", "time")).check(DATA)


def test_slu_needs_a_frame_in_every_row() -> None:
    with pytest.raises(InputError, match=r"^c1: needs an intent, or scenario and action, for the task slu$"):
        SluTask().check([*DATA, Utterance("c1", "hm", "en", None, (), "calm")])


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (SluTask(intents=("alarm_set",)), "u2: the intent 'music_play' is not among task.intents"),
        (SluTask(entity_types=()), "u1: the entity type 'date' is not among task.entity_types"),
    ],
)
def test_a_label_outside_is_named_with_its_utterance(task: SluTask, said: str) -> None:
    with pytest.raises(InputError) as fault:
        task.check(DATA)
    assert str(fault.value) == said
