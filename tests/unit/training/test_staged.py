"""Stages as a list of settings: what each shows of text and of speech, its name, and which lists are refused."""

import pytest
from pydantic import ValidationError

from builders import pool
from eartune.data.example import Modality
from eartune.errors import InputError
from eartune.settings import Augmentation, Component
from eartune.training.schemes import Curriculum, DirectMixing, TextOnly
from eartune.training.stage import EVERYTHING, LANGUAGE_MODEL_ONLY, Stage
from eartune.training.staged import Staged

TEXT, SPEECH = pool(6), pool(3, 1.0, 2.0, prefix="s")


def staged(*sequence: dict[str, object]) -> Staged:
    return Staged.model_validate({"type": "stages", "sequence": sequence})


@pytest.mark.parametrize(
    ("scheme", "same"),
    [
        (TextOnly(), staged({"epochs": 3})),
        (DirectMixing(), staged({"speech": "100%", "epochs": 3})),
        (Curriculum(), staged({"epochs": 2}, {"speech": "100%", "learning_rate": 3e-6, "warmup_ratio": 0.02})),
        (
            Curriculum(least_speech=0.5, trainable=(Component.MODALITY_ADAPTER,), synthetic=True),
            staged(
                {"epochs": 2},
                {
                    **{"speech": "100%", "learning_rate": 3e-6, "warmup_ratio": 0.02, "least_speech": 0.5},
                    **{"synthetic": True, "trainable": ["modality-adapter"]},
                },
            ),
        ),
    ],
    ids=["text-only", "direct-mixing", "curriculum", "curriculum with settings"],
)
def test_the_papers_schemes_are_cases_of_listed_stages(scheme: TextOnly, same: Staged) -> None:
    source, voices = pool(2, 1.0, prefix="f"), pool(2, 1.0, prefix="v") if scheme.uses_synthetic else ()
    assert same.stages(TEXT, (*source, *SPEECH), voices, source=source) == scheme.stages(
        TEXT, (*source, *SPEECH), voices
    )
    assert same.uses_speech == scheme.uses_speech and same.uses_synthetic == scheme.uses_synthetic


def ids(stage: Stage, modality: Modality) -> list[str]:
    return [example.utterance.id for example in stage.examples if example.modality is modality]


def test_a_ramp_shows_more_speech_in_each_phase_and_all_text_once() -> None:
    """8 texts in four phases; of 10 recordings 10, 30 and 100 %; 5 % of them is one, as there is no half of one."""
    text, speech = pool(8), pool(10, 1.0, prefix="s")
    shares = ("5%", "10%", "30%", "100%")
    stages = staged(*({"text": "25%", "speech": share} for share in shares)).stages(text, speech)
    spoken = [ids(stage, Modality.SPEECH) for stage in stages]
    assert spoken == [["s0"], ["s0"], ["s0", "s1", "s2"], [f"s{i}" for i in range(10)]]
    typed = [ids(stage, Modality.TEXT) for stage in stages]
    assert [len(some) for some in typed] == [2, 2, 2, 2]
    assert sorted(name for some in typed for name in some) == sorted(one.id for one in text)
    assert [stage.name for stage in stages] == ["mixed", "mixed-2", "mixed-3", "mixed-4"]


def test_after_its_end_the_text_begins_anew() -> None:
    first, whole, again = staged({"text": "50%"}, {}, {"text": "75%"}).stages(pool(4), ())
    assert len(ids(whole, Modality.TEXT)) == 4
    assert set(ids(again, Modality.TEXT)) >= set(one.id for one in pool(4)) - set(ids(first, Modality.TEXT))


def test_speech_of_other_languages_is_shown_by_the_same_share_of_its_own() -> None:
    """Zero-shot, the budget's speech is none; a share of 50 % is one of the two French recordings all the same."""
    source = pool(2, 1.0, prefix="f")
    zero_shot, some = (
        staged({"speech": "50%"}).stages(TEXT, (*source, *own), source=source)[0]
        for own in ((), pool(4, 1.0, prefix="s"))
    )
    (french,) = ids(zero_shot, Modality.SPEECH)
    assert french in ("f0", "f1") and ids(some, Modality.SPEECH) == [french, "s0", "s1"]


def test_stages_say_what_they_train_and_in_which_order() -> None:
    written = {"speech": "100%", "text": "0%", "order": "by-length", "augment": {"speed": 0.2}, "name": "last"}
    first, last = staged({}, written).stages(TEXT, SPEECH)
    assert (first.name, first.trainable, first.order) == ("text", LANGUAGE_MODEL_ONLY, "shuffled")
    assert (last.name, last.trainable, last.order) == ("last", EVERYTHING, "by-length")
    assert last.augment == Augmentation(speed=0.2) and first.augment is None
    assert ids(last, Modality.TEXT) == []


def test_listed_stages_of_text_alone_use_no_speech() -> None:
    assert not staged({}, {"text": "50%"}).uses_speech


@pytest.mark.parametrize(
    ("sequence", "fault"),
    [
        ([], "at least 1"),
        ([{"speech": "7 utterances"}], "'7 utterances' is no share of a stage; write one in per cent"),
        ([{"text": 0.5}], "'0.5' is no share of a stage; write one in per cent, from 0% to 100%"),
        ([{"text": "150%"}], "'150%' is no share of a stage; write one in per cent, from 0% to 100%"),
        ([{"text": "0%"}], "needs something to show"),
        ([{"name": "a"}, {"name": "a"}], "the stage 'a' is listed twice"),
        ([{"name": "text-2"}, {}, {}], "the stage 'text-2' is listed twice"),
        ([{"order": "by-confidence"}], "by-length"),
        ([{"trainable": []}], "trainable"),
    ],
    ids=str,
)
def test_stages_that_cannot_be_are_refused(sequence: list[dict[str, object]], fault: str) -> None:
    with pytest.raises((ValidationError, InputError), match=fault):
        staged(*sequence)


def test_a_stage_without_anything_to_show_is_named() -> None:
    with pytest.raises(InputError, match=r"^stages: its stage speech has nothing to show$"):
        staged({}, {"text": "0%", "speech": "100%"}).stages(TEXT, ())
