"""What may be recorded: each wording once, unless the speech has it."""

from dataclasses import replace

import pytest

from builders import frame, utterance
from eartune.data.frame import Entity
from eartune.data.recording_choice import Sentence
from eartune.errors import InputError
from eartune.experiments.recording_pool import recording_pool
from eartune.tasks.classification import ClassificationTask
from eartune.tasks.slu import SluTask

TEXT = (
    utterance("t1", "Wake me on Friday!"),
    utterance("t2", "wake me on friday"),
    utterance("t3", "wake me on monday", frame("alarm.set", "date:monday")),
    utterance("t4", "stop", frame("alarm.stop")),
)


def test_each_wording_is_there_once_and_counts_as_often_as_it_occurs() -> None:
    pool = recording_pool(TEXT, (), SluTask())
    assert pool.utterances == (TEXT[0], *TEXT[2:])
    assert pool.sentences[0] == Sentence("Wake me on Friday!", 2, "alarm_set", (Entity("date", "friday"),))
    assert [sentence.count for sentence in pool.sentences] == [2, 1, 1] and pool.n_recorded == 0


def test_what_is_recorded_is_left_out_by_its_words_or_its_id() -> None:
    speech = (
        utterance("s1", "wake me, on friday", None, 1.0),
        utterance("t3", None, None, 1.0),
        utterance("t4", "stop"),  # has no recording
        utterance("t4", "another sentence of another file, which numbers its rows as well", None, 1.0),
    )
    pool = recording_pool(TEXT, speech, SluTask())
    assert pool.utterances == (TEXT[3],)
    assert (pool.n_recorded, pool.n_without_words) == (2, 1)


def test_the_same_words_are_recorded_once_for_each_label_and_not_again() -> None:
    """A script for emotions had one emotion."""
    angry, calm = (replace(utterance(name, "go away", None), label=name) for name in ("angry", "calm"))
    task = ClassificationTask()
    assert [sentence.label for sentence in recording_pool((angry, calm), (), task).sentences] == ["angry", "calm"]
    said = replace(utterance("s1", "Go away!", None, 1.0), label="calm")
    assert recording_pool((angry, calm), (said,), task).utterances == (angry,)
    unlabelled = replace(said, frame=None, label=None)
    assert recording_pool((angry, calm), (unlabelled,), task).utterances == ()


def test_a_task_without_entities_covers_labels_alone() -> None:
    pool = recording_pool(TEXT, (), ClassificationTask())
    assert {sentence.label for sentence in pool.sentences} == {"alarm_set", "alarm_stop"}
    assert all(sentence.entities == () for sentence in pool.sentences)


def test_a_sentence_without_words_is_named() -> None:
    with pytest.raises(InputError, match="t9: stands in a text pool but has no text"):
        recording_pool((utterance("t9", None, None, 1.0),), (), SluTask())
