"""Pools are checked against each other, and stages are counted, before any weight is loaded."""

from dataclasses import replace
from pathlib import Path

import pytest

from builders import experiment, frame, pool, sound_file, utterance
from eartune.data.corpora import Source
from eartune.data.example import Asked, as_speech
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.experiments.plan import Pools, figures, limited, plan_cells, read_pools
from eartune.settings import Component
from eartune.tasks.slu import Schema


def recorded(folder: Path, *rows: Utterance) -> tuple[Utterance, ...]:
    """The rows with half a second of tone each."""
    return tuple(replace(row, recordings=(Recording(sound_file(folder / f"{row.id}.wav"), 0.5),)) for row in rows)


def write_data(folder: Path, **pools: tuple[Utterance, ...]) -> Source:
    """Manifests of four texts, two spoken ones and one test recording, or of what is given instead."""
    usual = {
        "text": pool(4),
        "speech": recorded(folder, *pool(2, prefix="s")),
        "test": recorded(folder, *pool(1, prefix="t")),
    }
    for name, rows in (usual | pools).items():
        write_manifest(folder / f"{name}.jsonl", rows)
    return Source(folder, folder / "speech", may_write=False)


def test_pools_are_what_the_manifests_hold(tmp_path: Path) -> None:
    pools = read_pools(experiment(), write_data(tmp_path))
    assert [len(pools.text), len(pools.speech), len(pools.test)] == [4, 2, 1]
    assert pools.labels == Schema(frozenset({"alarm_set"}), frozenset({"date"}), True, frozenset({("alarm", "set")}))


def test_recordings_to_align_on_need_words_and_no_labels(tmp_path: Path) -> None:
    unlabelled = tuple(replace(row, frame=None) for row in recorded(tmp_path, *pool(3, prefix="a")))
    source = write_data(tmp_path, heard=unlabelled)
    pools = read_pools(experiment(data__alignment=[{"corpus": "manifest", "path": "heard.jsonl"}]), source)
    assert [row.text for row in pools.alignment] == [row.text for row in unlabelled]
    with pytest.raises(InputError, match='needs "scenario" and "action", or "intent", or a "label"'):
        read_pools(experiment(data__speech=[{"corpus": "manifest", "path": "heard.jsonl"}]), source)


def test_the_speech_pool_holds_only_what_can_be_heard(tmp_path: Path) -> None:
    """One manifest may serve as text and as speech; a budget of half its speech is not half its rows."""
    mixed = (*recorded(tmp_path, *pool(2, prefix="s")), *pool(6, prefix="only-text-"))
    pools = read_pools(experiment(), write_data(tmp_path, text=mixed, speech=mixed))
    assert [len(pools.text), len(pools.speech)] == [8, 2]
    plans = {plan.cell.name: plan for plan in plan_cells(experiment(), pools)}
    assert len(plans["direct-mixing-50pct-seed0"].speech) == 1


def test_a_metric_that_is_expected_must_be_one_of_the_task(tmp_path: Path) -> None:
    expected = experiment(expect=[{"model": "text-only", "at_least": "50%", "metric": "bleu"}])
    with pytest.raises(InputError, match=r"^expect: there is no metric 'bleu'; there are scenario_f1, action_f1, "):
        plan_cells(expected, read_pools(expected, write_data(tmp_path)))


def test_a_test_recording_in_the_speech_pool_is_refused(tmp_path: Path) -> None:
    speech = recorded(tmp_path, *pool(2, prefix="s"))
    source = write_data(tmp_path, speech=speech, test=(replace(speech[1], id="t1"),))
    with pytest.raises(InputError, match=r"s1\.wav: is in the test and in the training speech$"):
        read_pools(experiment(), source)


def test_a_test_recording_under_another_path_is_still_the_same(tmp_path: Path) -> None:
    speech = recorded(tmp_path, *pool(2, prefix="s"))
    (tmp_path / "link").symlink_to(tmp_path)
    source = write_data(tmp_path, speech=speech)
    (tmp_path / "test.jsonl").write_text(
        '{"id":"t1","intent":"a","scenario":"alarm","action":"set","recordings":[{"file":"link/s0.wav","seconds":0.5}]}'
    )
    with pytest.raises(InputError, match=r"s0\.wav: is in the test and in the training speech$"):
        read_pools(experiment(), source)


def test_a_test_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^alarms: the test has no recordings"):
        read_pools(experiment(), write_data(tmp_path, test=pool(1, prefix="t")))


def test_an_id_twice_in_one_pool_is_refused(tmp_path: Path) -> None:
    twice = [{"corpus": "manifest", "path": "text.jsonl"}] * 2
    with pytest.raises(InputError, match=r"^the id 'u0' occurs twice in one pool$"):
        read_pools(experiment(data__text=twice), write_data(tmp_path))


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"intents": ["alarm_query"]}, "u0: the intent 'alarm_set' is not among task.intents"),
        ({"entity_types": ["time"]}, "u0: the entity type 'date' is not among task.entity_types"),
    ],
    ids=["intent", "entity type"],
)
def test_labels_outside_the_declared_ones_are_refused(tmp_path: Path, task: dict[str, object], said: str) -> None:
    with pytest.raises(InputError) as fault:
        read_pools(experiment(task=task), write_data(tmp_path))
    assert str(fault.value) == said


def test_scenarios_in_one_pool_and_none_in_another_are_refused(tmp_path: Path) -> None:
    source = write_data(tmp_path, text=(utterance("u0", "a latte", frame("orderDrink")),))
    with pytest.raises(InputError, match="some utterances have scenario and action, some an intent alone"):
        read_pools(experiment(), source)


def in_memory(text: int = 10, speech: int = 6) -> Pools:
    """A pool of texts, one of utterances with two recordings each (90 s together), one test recording."""
    spoken = pool(speech, 30.0, 60.0, prefix="s")
    return Pools(pool(text), spoken, as_speech(pool(1, 1.0, prefix="t")), Schema.of(u.frame for u in pool(1)))


def test_an_empty_text_pool_is_refused_where_text_is_used() -> None:
    with pytest.raises(InputError, match=r"^text-only-seed0: the text pool is empty; list corpora under data\.text$"):
        plan_cells(experiment(), in_memory(text=0))
    assert len(plan_cells(experiment(grid__schemes=[{"type": "untuned"}]), in_memory(text=0))) == 1
    with pytest.raises(InputError, match=r"^curriculum-100pct-seed0: the text pool is empty"):
        plan_cells(experiment(grid__schemes=[{"type": "curriculum"}], grid__budgets=["100%"]), in_memory(text=0))


def test_a_stage_with_nothing_to_show_is_refused_before_any_other_is_trained() -> None:
    scheme, found = (
        {"type": "self-training", "text_again": "0%"},
        replace(in_memory(), unlabelled=pool(2, 1.0, prefix="n")),
    )
    settings = experiment(
        grid__schemes=[scheme], grid__budgets=["0%"], data__unlabelled=[{"corpus": "manifest", "path": "more.jsonl"}]
    )
    with pytest.raises(InputError, match=r"^self-training-0pct-seed0: its stage 'mixed' has nothing to show"):
        plan_cells(settings, found)


def test_recordings_without_words_are_mixed_with_no_text() -> None:
    plans = plan_cells(experiment(grid__schemes=[{"type": "direct-mixing"}], grid__budgets=["100%"]), in_memory(text=0))
    (stage,) = plans[0].stages
    assert len(stage.examples) == 12 and all(example.recording for example in stage.examples)


def test_a_budget_larger_than_the_pool_is_refused() -> None:
    with pytest.raises(InputError, match=r"^the speech budget 7 utterances is more than there is: the pool holds 6"):
        plan_cells(experiment(grid__budgets=["7 utterances"]), in_memory())


def planned(settings: Experiment) -> dict[str, list[tuple[int, int, float, int, int]]]:
    """By cell: the figures of its stages."""
    return {
        plan.cell.name: [
            (f.text_examples, f.speech_examples, f.speech_hours, f.epochs, f.steps)
            for f in (figures(stage, settings) for stage in plan.stages)
        ]
        for plan in plan_cells(settings, in_memory())
    }


def test_stages_in_numbers() -> None:
    """10 texts are 3 batches of 4; 3 of 6 utterances are 6 recordings, 2 batches; a batch has one modality."""
    assert planned(experiment(grid__budgets=["50%"])) == {
        "untuned-seed0": [],
        "text-only-seed0": [(10, 0, 0, 3, 9)],
        "direct-mixing-50pct-seed0": [(10, 6, 0.075, 3, 15)],
        "curriculum-50pct-seed0": [(10, 0, 0, 2, 6), (10, 6, 0.075, 1, 5)],
    }


def test_every_budget_shows_all_text_and_exactly_its_speech() -> None:
    for plan in plan_cells(experiment(grid__budgets=["1 utterance", "50%", "100%"]), in_memory()):
        shown = [e.recording for stage in plan.stages[-1:] for e in stage.examples if e.recording is not None]
        assert shown == [recording for u in plan.speech for recording in u.recordings]
        for stage in plan.stages:
            assert [e.utterance for e in stage.examples if e.recording is None] == list(pool(10))


def test_source_speech_is_used_whole_at_every_budget_and_alone_at_0() -> None:
    source = pool(2, 1.0, prefix="fr")
    settings = experiment(
        grid__budgets=["0%", "50%"], data__source_speech=[{"corpus": "manifest", "path": "french.jsonl"}]
    )
    heard = {
        plan.cell.name: [e.utterance.id for e in plan.stages[-1].examples if e.recording is not None]
        for plan in plan_cells(settings, replace(in_memory(), source_speech=source))
        if plan.stages
    }
    assert heard["text-only-seed0"] == []
    assert heard["direct-mixing-0pct-seed0"] == heard["curriculum-0pct-seed0"] == ["fr0", "fr1"]
    assert len(heard["direct-mixing-50pct-seed0"]) == 2 + 2 * 3 and heard["direct-mixing-50pct-seed0"][:2] == [
        "fr0",
        "fr1",
    ]


def test_a_share_of_a_budget_is_the_smaller_budget_and_the_same_share_of_the_source_speech() -> None:
    """Half of 100 % of the six recorded utterances are those of the budget 50 %, whatever the seed of the selection."""
    half = {"type": "stages", "name": "half", "sequence": [{"speech": "50%"}]}
    settings = experiment(
        data__source_speech=[{"corpus": "manifest", "path": "french.jsonl"}],
        grid__schemes=[half, {"type": "direct-mixing"}],
        grid__selection_seeds=[3],
    )
    plans = plan_cells(settings, replace(in_memory(), source_speech=pool(4, 1.0, prefix="fr")))
    heard = {
        plan.cell.name: [e.utterance.id for e in plan.stages[0].examples if e.recording is not None] for plan in plans
    }
    halved, direct = heard["half-100pct-seed0-selection3"], heard["direct-mixing-50pct-seed0-selection3"]
    assert [name for name in halved if not name.startswith("fr")] == direct[4:]
    assert len([name for name in halved if name.startswith("fr")]) == 2


def test_source_speech_may_be_of_several_languages(tmp_path: Path) -> None:
    spoken = {name: recorded(tmp_path, *pool(2, prefix=name)) for name in ("fr", "es")}
    sources = [{"corpus": "manifest", "path": f"{name}.jsonl"} for name in spoken]
    pools = read_pools(experiment(data__source_speech=sources), write_data(tmp_path, **spoken))
    assert [utterance.id for utterance in pools.source_speech] == ["fr0", "fr1", "es0", "es1"]


def test_synthetic_speech_goes_whole_to_the_schemes_that_ask_for_it_and_to_no_other() -> None:
    settings = experiment(
        grid__budgets=["50%"],
        grid__schemes=[
            *({"type": "text-only"}, {"type": "synthetic-speech"}, {"type": "curriculum"}),
            {"type": "curriculum", "name": "both", "synthetic": True},
        ],
        data__synthetic_speech=[{"corpus": "grammar", "grammar": "home", "sentences": 2, "voices": [{}]}],
    )
    pools = replace(in_memory(), synthetic_speech=pool(2, 1.0, prefix="v"))
    heard = {
        plan.cell.name: {e.utterance.id[0] for e in plan.stages[-1].examples if e.recording is not None}
        for plan in plan_cells(settings, pools)
    }
    assert heard["text-only-seed0"] == set() and heard["synthetic-speech-seed0"] == {"v"}
    assert "v" not in heard["curriculum-50pct-seed0"]
    assert heard["both-50pct-seed0"] == heard["curriculum-50pct-seed0"] | {"v"}


def test_alignment_is_a_first_stage_of_every_model_and_asks_for_words() -> None:
    aligned = replace(in_memory(), alignment=pool(3, 1.0, prefix="read"))
    settings = experiment(grid__budgets=["50%"], alignment={"epochs": 2})
    plans = {plan.cell.name: plan.stages for plan in plan_cells(settings, aligned)}
    first = plans["untuned-seed0"][0]
    assert all(stages[0] == first for stages in plans.values()) and len(plans["curriculum-50pct-seed0"]) == 3
    assert (first.name, first.epochs, first.trainable) == ("align", 2, (Component.MODALITY_ADAPTER,))
    assert [(e.utterance.id, e.asked) for e in first.examples] == [(f"read{i}", Asked.WORDS) for i in range(3)]
    others = [e for stages in plans.values() for stage in stages[1:] for e in stage.examples]
    assert {e.asked for e in others} == {Asked.FRAME}


def test_a_prompt_never_names_labels_that_only_the_test_has() -> None:
    """To name them would tell the model what is asked in the test."""
    tested = replace(pool(1, 1.0, prefix="t")[0], frame=frame("music.play", "artist:queen"))
    with_more = replace(in_memory(), test=as_speech([tested]))
    assert prefaces(with_more) == "Scenarios: alarm.\nActions: set.\nEntity types: date.\n"


def test_a_recording_listed_twice_for_one_sentence_is_refused(tmp_path: Path) -> None:
    (row,) = recorded(tmp_path, *pool(1, prefix="t"))
    source = write_data(tmp_path, test=(replace(row, recordings=row.recordings * 2),))
    with pytest.raises(InputError, match=r"row 1: lists the recording .*t0\.wav twice; name each recording once"):
        read_pools(experiment(), source)


def prefaces(pools: Pools, **prompted: object) -> str:
    settings = experiment(grid__schemes=[{"type": "prompted"} | prompted], grid__budgets=[])
    (plan,) = plan_cells(settings, pools)
    assert plan.stages == ()
    return plan.preface


def test_a_prompted_model_is_told_the_labels() -> None:
    assert prefaces(in_memory()) == "Scenarios: alarm.\nActions: set.\nEntity types: date.\n"
    assert prefaces(in_memory(), labels=False) == ""


def test_examples_are_of_as_many_intents_as_there_are_and_do_not_depend_on_the_order_of_rows() -> None:
    rows = [
        replace(row, frame=frame(intent)) for row, intent in zip(pool(6), ("a.b",) * 4 + ("c.d", "e.f"), strict=True)
    ]
    shown = prefaces(replace(in_memory(), text=tuple(rows)), labels=False, examples=3)
    assert shown.count("\n") == 3 and all(f'"scenario":"{name}"' in shown for name in "ace")
    assert shown == prefaces(replace(in_memory(), text=tuple(reversed(rows))), labels=False, examples=3)


def test_more_examples_than_there_are_texts_are_refused() -> None:
    with pytest.raises(InputError, match="prompted: shows 11 examples, but the text pool has 10"):
        prefaces(in_memory(), examples=11)


def test_alignment_needs_recordings() -> None:
    with pytest.raises(InputError, match=r"data\.alignment has no recordings"):
        plan_cells(experiment(), replace(in_memory(), alignment=pool(2, prefix="silent")))


def test_alignment_needs_words() -> None:
    wordless = replace(in_memory(), alignment=(utterance("u9", None, None, 1.0),))
    with pytest.raises(InputError, match=r"^u9: stands in a text pool but has no text$"):
        plan_cells(experiment(), wordless)


# --- recordings without labels -----------------------------------------------------------------------------------

UNLABELLED = [{"corpus": "manifest", "path": "unlabelled.jsonl"}]


def test_unlabelled_recordings_need_no_labels_and_bring_none(tmp_path: Path) -> None:
    """Their intent is none that the task knows, and no other pool has it."""
    known, unknown = recorded(tmp_path, utterance("n0", "play", frame("music.play")), *pool(1, prefix="n1"))
    source = write_data(tmp_path, unlabelled=(known, replace(unknown, frame=None), *pool(1, prefix="typed")))
    pools = read_pools(experiment(data__unlabelled=UNLABELLED, task={"intents": ["alarm_set"]}), source)
    assert [row.id for row in pools.unlabelled] == ["n0", "n10"]
    assert pools.labels.to_json()["intents"] == ["alarm_set"]


def test_a_row_without_a_label_is_refused_in_any_other_pool(tmp_path: Path) -> None:
    (spoken,) = recorded(tmp_path, *pool(1, prefix="s"))
    source = write_data(tmp_path, speech=(replace(spoken, frame=None),))
    with pytest.raises(InputError, match=r"speech\.jsonl, row 1: needs"):
        read_pools(experiment(), source)


def test_a_test_recording_among_the_unlabelled_ones_is_refused(tmp_path: Path) -> None:
    tested = recorded(tmp_path, *pool(1, prefix="t"))
    source = write_data(tmp_path, test=tested, unlabelled=(replace(tested[0], id="n0"),))
    with pytest.raises(InputError, match=r"t0\.wav: is in the test and in the training speech$"):
        read_pools(experiment(data__unlabelled=UNLABELLED), source)


def test_unlabelled_recordings_reach_a_scheme_without_labels_and_without_those_of_the_budget() -> None:
    pools = in_memory()
    pools = replace(pools, unlabelled=pools.speech)
    settings = experiment(grid__schemes=[{"type": "distilled"}], grid__budgets=["50%"])
    (plan,) = plan_cells(settings, pools)
    chosen = {row.id for row in plan.speech}
    spoken = [e.utterance for e in plan.stages[1].examples if e.recording is not None]
    assert {row.id for row in spoken if row.is_labelled} == chosen
    assert {row.id for row in spoken if not row.is_labelled} == {row.id for row in pools.speech} - chosen
    assert len(spoken) == 12 and figures(plan.stages[1], settings).speech_examples == 12


# --- the dev set -------------------------------------------------------------------------------------------------

DEV = [{"corpus": "manifest", "path": "dev.jsonl"}]


@pytest.mark.parametrize(("other", "said"), [("test", "is in the test and in"), ("speech", "is in the dev set and in")])
def test_a_dev_recording_in_another_pool_is_refused(tmp_path: Path, other: str, said: str) -> None:
    rows = recorded(tmp_path, *pool(2, prefix="x"))
    source = write_data(tmp_path, **{other: rows, "dev": (replace(rows[0], id="d0"),)})
    with pytest.raises(InputError, match=rf"x0\.wav: {said} the (dev set|training speech)$"):
        read_pools(experiment(data__dev=DEV), source)


def test_a_dev_set_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^data\.dev has no recordings"):
        read_pools(experiment(data__dev=DEV), write_data(tmp_path, dev=pool(1, prefix="d")))


def test_so_many_recordings_as_are_asked_for_are_of_as_many_sentences_and_of_any_order_of_rows() -> None:
    rows = pool(4, 1.0, 2.0, 3.0)
    found = limited(rows, 6)
    assert [len({example.utterance.id for example in some}) for some in (found[:4], found)] == [4, 4]
    assert sorted(example.recording.seconds for example in found if example.recording) == [1.0] * 4 + [2.0] * 2
    assert found == limited(rows[::-1], 6)
    assert limited(rows, None) == limited(rows, 12) == as_speech(rows)


def with_dev() -> Pools:
    return replace(in_memory(), dev=as_speech(pool(2, 1.0, prefix="d")))


def stages_of(scheme: dict[str, object], **changes: object) -> list[tuple[str, bool]]:
    settings = experiment(data__dev=DEV, grid__schemes=[scheme], grid__budgets=["50%"], **changes)
    (plan,) = plan_cells(settings, with_dev())
    return [(stage.name, stage.dev is not None) for stage in plan.stages]


def test_epochs_are_chosen_where_there_are_several() -> None:
    assert stages_of({"type": "curriculum"}) == [("text", True), ("mixed", False)]
    assert stages_of({"type": "curriculum", "text_epochs": 1, "speech_epochs": 3}) == [("text", False), ("mixed", True)]
    assert stages_of({"type": "text-only"}) == [("text", True)]


def test_a_prompted_model_has_a_prompt_for_each_value_with_each() -> None:
    scheme = {"type": "prompted", "labels": [True, False], "examples": [0, 1]}
    settings = experiment(data__dev=DEV, grid__schemes=[scheme], grid__budgets=[])
    (plan,) = plan_cells(settings, with_dev())
    shown = ["labels", "labels and 1 example", "the instruction alone", "1 example"]
    assert plan.dev is not None and [prompt.shows for prompt in plan.prompts] == shown
    assert [(p.preface.count("Actions: set."), p.preface.count(" -> ")) for p in plan.prompts] == [
        *((1, 0), (1, 1), (0, 0), (0, 1)),
    ]
    single = experiment(data__dev=DEV, grid__schemes=[{"type": "prompted"}], grid__budgets=[])
    assert plan_cells(single, with_dev())[0].dev is None


def test_the_dev_set_is_decoded_greedily_and_else_as_the_test_is() -> None:
    scheme = {"type": "words-then-frame"}
    settings = experiment(data__dev=DEV, dev={"patience": 1}, grid__schemes=[scheme], decoding={"max_new_tokens": 7})
    dev = plan_cells(settings, with_dev())[0].stages[0].dev
    assert dev is not None and {example.asked for example in dev.examples} == {Asked.WORDS_THEN_FRAME}
    assert (dev.decoding.beams, dev.decoding.max_new_tokens, dev.patience) == (1, 7, 1)


def test_through_words_nothing_is_asked_for_but_the_answer() -> None:
    """As the words are given already."""
    scheme, through = (
        {"type": "words-then-frame"},
        {"decoding": {"through": "words"}, "training": {"lora": {"rank": 2}}},
    )
    plan = plan_cells(experiment(data__dev=DEV, grid__schemes=[scheme], **through), with_dev())[0]
    dev = plan.stages[0].dev
    assert plan.through == "words" and plan.asking.asked is Asked.FRAME
    assert dev is not None and {example.asked for example in dev.examples} == {Asked.FRAME}


def test_through_words_an_epoch_is_chosen_only_with_lora() -> None:
    through = {"decoding": {"through": "words"}}
    with pytest.raises(InputError, match=r"^text-only: without LoRA a model transcribes with"):
        stages_of({"type": "text-only"}, **through)
    assert stages_of({"type": "text-only"}, training={"lora": {"rank": 2}}, **through) == [("text", True)]
