"""Schemes are lists of stages: what each shows, for how long, at which rate, training what."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from builders import pool, utterance
from eartune.data.example import Asked, Example, Modality, as_speech, without_labels
from eartune.errors import InputError
from eartune.settings import Augmentation
from eartune.training.schemes import (
    SCHEMES,
    Cascade,
    Component,
    Curriculum,
    DirectMixing,
    Distilled,
    Prompted,
    SelfTraining,
    SyntheticSpeech,
    TextOnly,
    Untuned,
    WordsThenFrame,
)
from eartune.training.stage import EVERYTHING, LANGUAGE_MODEL_ONLY, Stage

TEXT, SPEECH = pool(6), pool(3, 1.0, 2.0, prefix="s")


def shown(stage: Stage, modality: Modality) -> list[Example]:
    return [example for example in stage.examples if example.modality is modality]


def test_untuned_has_no_stage() -> None:
    assert Untuned().stages(TEXT, SPEECH) == []


def test_text_only_shows_no_speech_even_of_utterances_that_have_some() -> None:
    (stage,) = TextOnly().stages(TEXT + SPEECH, SPEECH)
    assert stage.examples == tuple(Example(u) for u in TEXT + SPEECH)
    assert shown(stage, Modality.SPEECH) == []


def test_direct_mixing_shows_all_text_and_every_recording_of_the_budget_once() -> None:
    (stage,) = DirectMixing().stages(TEXT, SPEECH)
    assert [example.utterance for example in shown(stage, Modality.TEXT)] == list(TEXT)
    assert [example.recording for example in shown(stage, Modality.SPEECH)] == [r for u in SPEECH for r in u.recordings]


def test_the_curriculum_is_a_text_stage_and_then_both() -> None:
    first, second = Curriculum().stages(TEXT, SPEECH)
    assert (first,) == tuple(TextOnly(epochs=2).stages(TEXT, SPEECH))
    assert second.examples == DirectMixing().stages(TEXT, SPEECH)[0].examples


def test_the_speech_stage_shows_again_the_share_of_the_text_that_is_asked_for() -> None:
    first, second = Curriculum(text_again="50%").stages(TEXT, SPEECH)  # type: ignore[arg-type]
    assert len(shown(first, Modality.TEXT)) == 6 and len(shown(second, Modality.TEXT)) == 3
    assert shown(second, Modality.SPEECH) == shown(Curriculum().stages(TEXT, SPEECH)[1], Modality.SPEECH)
    assert shown(Curriculum(text_again="0%").stages(TEXT, SPEECH)[1], Modality.TEXT) == []  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="'7 utterances' is no share of a stage"):
        Curriculum(text_again="7 utterances")  # type: ignore[arg-type]


def test_a_cascade_is_tuned_as_text_only_is_and_a_prompted_model_not_at_all() -> None:
    assert Cascade(epochs=2).stages(TEXT, SPEECH) == TextOnly(epochs=2).stages(TEXT, SPEECH)
    assert Prompted(examples=3).stages(TEXT, SPEECH) == []


def test_synthetic_speech_needs_no_recording_and_shows_what_voices_said_once() -> None:
    (stage,) = SyntheticSpeech().stages(TEXT, (), SPEECH)
    assert stage == DirectMixing().stages(TEXT, SPEECH)[0]


def test_synthetic_speech_beside_recordings_is_shown_once_and_is_not_counted_as_speech() -> None:
    """6 texts; of 2 recordings 3 times each, half of what is not synthetic is speech; 3 synthetic ones come after."""
    recordings, voices = pool(2, 1.0, prefix="r"), pool(3, 1.0, prefix="v")
    for scheme in (DirectMixing(least_speech=0.5), Curriculum(least_speech=0.5)):
        spoken = shown(scheme.stages(TEXT, recordings, voices)[-1], Modality.SPEECH)
        assert [example.utterance.id for example in spoken] == ["r0", "r1"] * 3 + ["v0", "v1", "v2"]


@pytest.mark.parametrize(
    ("scheme", "figures"),
    [
        (TextOnly(), [("text", 3, 5e-6, 0.04, LANGUAGE_MODEL_ONLY)]),
        (DirectMixing(), [("mixed", 3, 5e-6, 0.04, EVERYTHING)]),
        (
            Curriculum(),
            [("text", 2, 5e-6, 0.04, LANGUAGE_MODEL_ONLY), ("mixed", 1, 3e-6, 0.02, EVERYTHING)],
        ),
    ],
    ids=["text-only", "direct-mixing", "curriculum"],
)
def test_the_defaults_are_the_papers(scheme: TextOnly | DirectMixing | Curriculum, figures: list[object]) -> None:
    stages = scheme.stages(TEXT, SPEECH)
    assert [(s.name, s.epochs, s.learning_rate, s.warmup_ratio, s.trainable) for s in stages] == figures


def test_settings_reach_the_stages() -> None:
    scheme = Curriculum(
        text_epochs=5,
        text_learning_rate=1e-3,
        text_warmup_ratio=0.1,
        speech_epochs=7,
        speech_learning_rate=1e-4,
        speech_warmup_ratio=0.2,
        trainable=(Component.MODALITY_ADAPTER,),
    )
    first, second = scheme.stages(TEXT, SPEECH)
    assert (first.epochs, first.learning_rate, first.warmup_ratio) == (5, 1e-3, 0.1)
    assert first.trainable == (Component.LANGUAGE_MODEL,)
    assert (second.epochs, second.learning_rate, second.warmup_ratio) == (7, 1e-4, 0.2)
    assert second.trainable == (Component.MODALITY_ADAPTER,)


@pytest.mark.parametrize("scheme", [TextOnly(), DirectMixing(), Curriculum()], ids=lambda scheme: scheme.label)
def test_an_utterance_without_words_in_a_text_pool_is_refused_by_id(
    scheme: TextOnly | DirectMixing | Curriculum,
) -> None:
    with pytest.raises(InputError, match=r"^u9: stands in a text pool but has no text$"):
        scheme.stages((*TEXT, utterance("u9", None, None, 1.0)), SPEECH)


def test_speech_needs_no_words() -> None:
    wordless = utterance("u9", None, None, 1.0)
    assert [example.recording for example in as_speech([wordless])] == list(wordless.recordings)


def test_an_utterance_without_recordings_gives_no_speech() -> None:
    assert as_speech(TEXT) == ()


@pytest.mark.parametrize(
    ("kind", "uses_text", "uses_speech"),
    [
        *((Untuned, False, False), (Prompted, False, False), (Cascade, True, False)),
        *((TextOnly, True, False), (SyntheticSpeech, True, False)),
        *((DirectMixing, True, True), (Curriculum, True, True), (WordsThenFrame, True, True)),
        *((Distilled, True, True), (SelfTraining, True, True)),
    ],
)
def test_what_a_scheme_uses(kind: type[TextOnly], uses_text: bool, uses_speech: bool) -> None:
    assert (kind.uses_text, kind.uses_speech) == (uses_text, uses_speech)


def test_a_scheme_is_called_by_its_name_or_else_by_its_type() -> None:
    assert [kind.model_fields["type"].default for kind in SCHEMES] == [
        *("untuned", "prompted", "cascade", "text-only", "synthetic-speech", "direct-mixing", "curriculum"),
        *("words-then-frame", "distilled", "self-training", "stages"),
    ]
    assert TextOnly().label == "text-only"
    assert TextOnly(name="long").label == "long"


@pytest.mark.parametrize("name", ["a b", "../a", "A", "a/b", "", "-a", "a\n"])
def test_a_name_that_is_no_folder_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="name"):
        TextOnly(name=name)


@pytest.mark.parametrize(
    "values",
    [{"epochs": 0}, {"learning_rate": 0}, {"warmup_ratio": 1}, {"trainable": ["ears"]}, {"trainable": []}],
    ids=str,
)
def test_values_that_cannot_be_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DirectMixing.model_validate(values)


@pytest.mark.parametrize(("least", "shown"), [(0, 1), (0.05, 1), (0.35, 3), (0.5, 5)])
def test_few_recordings_are_shown_often_enough_to_be_the_least_share(least: float, shown: int) -> None:
    """10 texts and 2 recordings: shown once, speech is a sixth of the examples."""
    text, speech = pool(10), pool(2, 1.0, prefix="s")
    for scheme in (DirectMixing(least_speech=least), Curriculum(least_speech=least)):
        examples = scheme.stages(text, speech)[-1].examples
        spoken = [example for example in examples if example.modality is Modality.SPEECH]
        assert len(spoken) == 2 * shown and len(examples) == 10 + len(spoken)
        assert len(spoken) >= least * len(examples)
        assert {example.utterance.id for example in spoken} == {"s0", "s1"}


def test_words_then_frame_is_the_curriculum_with_every_second_answer_behind_the_words() -> None:
    text, speech = pool(6), pool(3, 1.0, prefix="s")
    plain, found = (kind().stages(text, speech) for kind in (Curriculum, WordsThenFrame))
    assert [replace(stage, examples=()) for stage in found] == [replace(stage, examples=()) for stage in plain]
    for stage, before in zip(found, plain, strict=True):
        assert [example.utterance for example in stage.examples] == [example.utterance for example in before.examples]
    asked = [example.asked.value for example in found[0].examples]
    assert asked == ["words-then-frame", "frame"] * 3
    assert WordsThenFrame().asking.asked is Asked.WORDS_THEN_FRAME


def test_a_recording_that_is_shown_again_is_asked_for_in_the_other_way() -> None:
    text, speech = pool(9), pool(3, 1.0, prefix="s")
    examples = WordsThenFrame(least_speech=0.35).stages(text, speech)[1].examples
    for spoken in speech:
        asked = [example.asked for example in examples if example.utterance is spoken]
        assert sorted(asked) == [Asked.FRAME, Asked.WORDS_THEN_FRAME]


def test_recordings_whose_words_nobody_knows_are_answered_directly() -> None:
    speech = tuple(replace(spoken, text=None) for spoken in pool(3, 1.0, prefix="s"))
    examples = WordsThenFrame().stages(pool(2), speech)[1].examples
    assert {example.asked for example in examples if example.recording is not None} == {Asked.FRAME}


def test_distilled_is_the_curriculum_with_a_teacher_and_unlabelled_speech_of_known_words() -> None:
    known, unknown = without_labels(pool(2, 1.0, prefix="n")), without_labels(pool(1, 1.0, prefix="m"))
    unlabelled = (*known, *(replace(heard, text=None) for heard in unknown))
    first, second = Distilled(teacher_weight=0.25).stages(TEXT, SPEECH, (), unlabelled)
    plain = Curriculum().stages(TEXT, SPEECH)
    assert first == plain[0]
    assert second == replace(
        plain[1], name="distilled", teacher_weight=0.25, examples=plain[1].examples + as_speech(known)
    )


def test_a_teacher_without_anything_to_read_is_refused() -> None:
    wordless = tuple(replace(heard, text=None) for heard in SPEECH)
    with pytest.raises(InputError, match=r"^distilled: no recording has known words"):
        Distilled().stages(TEXT, wordless)


def test_self_training_is_the_curriculum_and_a_stage_with_recordings_to_label_of_unknown_words() -> None:
    unlabelled = without_labels(pool(2, 1.0, 2.0, prefix="n"))
    *stages, last = SelfTraining(speech_epochs=4, least_speech=0.5).stages(TEXT, SPEECH, (), unlabelled)
    assert stages == Curriculum(speech_epochs=4, least_speech=0.5).stages(TEXT, SPEECH)
    assert last == replace(stages[1], name="self-labelled", to_label=last.to_label)
    assert [(e.utterance.id, e.recording) for e in last.to_label] == [
        (u.id, r) for u in unlabelled for r in u.recordings
    ]
    assert all(e.utterance.text is None and not e.utterance.is_labelled for e in last.to_label)


def test_self_training_of_nothing_is_the_curriculum() -> None:
    assert SelfTraining().stages(TEXT, SPEECH) == Curriculum().stages(TEXT, SPEECH)


@pytest.mark.parametrize("kind", [DirectMixing, SyntheticSpeech, Curriculum, WordsThenFrame, Distilled, SelfTraining])
def test_stages_with_speech_and_no_others_change_recordings(kind: type[Curriculum]) -> None:
    changed = Augmentation(speed=0.2)
    unlabelled = (without_labels(pool(1, 1.0, prefix="n")),) if kind is SelfTraining else ()
    stages = kind(augment=changed).stages(TEXT, SPEECH, SPEECH, *unlabelled)
    assert [stage.augment for stage in stages] == [None if stage.name == "text" else changed for stage in stages]


@pytest.mark.parametrize("settings", [{"speed": 0.5}, {"noise": 2}, {"noise_db": [30, 10]}, {"loudness": 1}], ids=str)
def test_changes_that_cannot_be_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Curriculum.model_validate({"augment": settings})
