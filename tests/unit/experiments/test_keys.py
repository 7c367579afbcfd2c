"""What is done is known by keys: equal work has equal keys, and anything that changes the outcome changes them."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builders import experiment, frame, pool
from eartune.data.example import as_speech
from eartune.data.utterance import Recording
from eartune.experiments.cell import write_plan
from eartune.experiments.keys import Keys, base_fingerprint, digest, shared_steps
from eartune.experiments.plan import Pools, plan_cells
from eartune.models.architecture import Architecture
from eartune.run_folder import RunFolder
from eartune.tasks.slu import Schema

TEXT, SPEECH, TEST = pool(4), pool(4, 1.0, prefix="s"), pool(2, 1.0, prefix="t")


@pytest.fixture(autouse=True)
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something under the name of each recording."""
    monkeypatch.chdir(tmp_path)
    for utterance in (*SPEECH, *pool(3, 1.0, prefix="t")):
        utterance.recordings[0].path.write_text(utterance.id)
    Path("x.wav").write_text("x")


def pools(text: Any = TEXT, speech: Any = SPEECH, test: Any = TEST) -> Pools:
    return Pools(tuple(text), tuple(speech), as_speech(test), Schema.of([frame("alarm.set", "date:friday")]))


def content_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def cell_keys(base: str = "pocket", of: Pools | None = None, **changes: Any) -> dict[str, Any]:
    settings, found = experiment(**changes), of or pools()
    keys = Keys(settings, found, base, content_of)
    return {replace(plan.cell, selection_seed=0).name: keys.of(plan) for plan in plan_cells(settings, found)}


def keys(base: str = "pocket", of: Pools | None = None, **changes: Any) -> dict[str, tuple[str, ...]]:
    """The keys of each cell's stages."""
    return {name: found.stages for name, found in cell_keys(base, of, **changes).items()}


def fingerprints(base: str = "pocket", of: Pools | None = None, **changes: Any) -> dict[str, str]:
    """The key of each cell's model."""
    return {name: found.model for name, found in cell_keys(base, of, **changes).items()}


def schemes(**changes: Any) -> list[dict[str, Any]]:
    return [{"type": "untuned"}, {"type": "text-only"}, {"type": "direct-mixing"}, {"type": "curriculum"} | changes]


CURRICULUM = "curriculum-50pct-seed0"


def test_equal_stages_share_a_folder_whatever_cell_they_belong_to() -> None:
    found = keys(grid__schemes=[{"type": "text-only", "epochs": 2}, {"type": "curriculum"}])
    assert found["text-only-seed0"] == found[CURRICULUM][:1] == found["curriculum-100pct-seed0"][:1]
    assert found[CURRICULUM][1] != found["curriculum-100pct-seed0"][1]


def test_listed_stages_share_those_of_the_scheme_that_they_are_a_case_of() -> None:
    """The curriculum as a list, and with short recordings first: the text stage is one, the last one another."""
    last = {"speech": "100%", "learning_rate": 3e-6, "warmup_ratio": 0.02}
    listed = {"type": "stages", "sequence": [{"epochs": 2}, last]}
    by_length = {"type": "stages", "name": "by-length", "sequence": [{"epochs": 2}, last | {"order": "by-length"}]}
    found = cell_keys(grid__schemes=[{"type": "curriculum"}, listed, by_length])
    assert found["stages-50pct-seed0"] == found[CURRICULUM]
    assert found["by-length-50pct-seed0"].stages[0] == found[CURRICULUM].stages[0]
    assert found["by-length-50pct-seed0"].stages[1] != found[CURRICULUM].stages[1]


def test_a_stage_is_another_after_another_one() -> None:
    """The mixed stages of direct mixing and of the curriculum show the same, but start from other weights."""
    same = {"epochs": 1, "learning_rate": 3e-6, "warmup_ratio": 0.02}
    found = keys(grid__schemes=[{"type": "direct-mixing"} | same, {"type": "curriculum"}])
    assert found["direct-mixing-50pct-seed0"][0] != found[CURRICULUM][1]


CHANGES: dict[str, dict[str, Any]] = {
    "text epochs": {"grid__schemes": schemes(text_epochs=3)},
    "speech epochs": {"grid__schemes": schemes(speech_epochs=2)},
    "text rate": {"grid__schemes": schemes(text_learning_rate=1e-4)},
    "speech rate": {"grid__schemes": schemes(speech_learning_rate=1e-4)},
    "text warm-up": {"grid__schemes": schemes(text_warmup_ratio=0.5)},
    "speech warm-up": {"grid__schemes": schemes(speech_warmup_ratio=0.5)},
    "augmentation": {"grid__schemes": schemes(augment={})},
    "trained parts": {"grid__schemes": schemes(trainable=["language-model"])},
    "batch size": {"training__batch_size": 8},
    "lora": {"training__lora": {"rank": 4}},
    "weight decay": {"training__weight_decay": 0.1},
    "checkpoint": {"architecture__checkpoint": "Qwen/Qwen2-Audio-7B"},
    "precision": {"architecture__precision": "float32"},
    "instruction": {"architecture__instruction": "before"},
    "entity order": {"task__entity_order": "by-type"},
    "selection seed": {"grid__selection_seeds": (1,)},
    "base weights": {"base": "other"},
    "text": {"of": pools(text=pool(5))},
    "words": {"of": pools(text=[replace(TEXT[0], text="other words"), *TEXT[1:]])},
    "labels": {"of": pools(text=[replace(TEXT[0], frame=frame("alarm.set")), *TEXT[1:]])},
    "label of a row": {"of": pools(text=[replace(TEXT[0], label="calm"), *TEXT[1:]])},
    "recording": {"of": pools(speech=[replace(u, recordings=(Recording(Path("x.wav"), 1.0),)) for u in SPEECH])},
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_the_outcome_changes_the_key(change: str) -> None:
    assert keys(**CHANGES[change])[CURRICULUM][-1] != keys()[CURRICULUM][-1]
    assert fingerprints(**CHANGES[change])[CURRICULUM] != fingerprints()[CURRICULUM]


def test_a_checkpoint_is_known_by_its_name_and_a_folder_by_its_files_too(tmp_path: Path) -> None:
    def fingerprint(checkpoint: str) -> str:
        return base_fingerprint(Architecture(type="qwen2-audio", checkpoint=checkpoint))

    assert fingerprint("Qwen/Qwen2-Audio-7B") == "Qwen/Qwen2-Audio-7B"
    folder = tmp_path / "tuned"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    before = fingerprint(str(folder))
    assert fingerprint(str(folder)) == before
    (folder / "model.safetensors").write_bytes(b"other weights")
    assert fingerprint(str(folder)) != before


@pytest.mark.parametrize(("name", "heard_by"), [("s0-0.flac", {"curriculum-100pct-seed0"}), ("t0-0.flac", None)])
def test_a_recording_replaced_under_its_name_is_another(name: str, heard_by: set[str] | None) -> None:
    before = fingerprints()
    Path(name).write_text("something else")
    after = fingerprints()
    assert (heard_by or {*before}) <= {cell for cell in before if before[cell] != after[cell]}
    assert heard_by is None or before["untuned-seed0"] == after["untuned-seed0"]


def test_a_teacher_and_its_weight_change_the_key_of_its_stage_alone() -> None:
    found = [
        keys(grid__schemes=[{"type": "distilled", "teacher_weight": weight}])["distilled-50pct-seed0"]
        for weight in (0.25, 0.5)
    ]
    plain = keys()[CURRICULUM]
    assert found[0][0] == found[1][0] == plain[0]
    assert len({found[0][1], found[1][1], plain[1]}) == 3


def test_what_is_labelled_changes_the_key_of_the_stage_that_learns_it_and_its_true_labels_do_not() -> None:
    def found(*unlabelled: Any) -> dict[str, Any]:
        pooled = replace(pools(), unlabelled=unlabelled)
        settings = {"grid__schemes": [{"type": "self-training"}], "grid__budgets": ["50%"]}
        more = {"data__unlabelled": [{"corpus": "manifest", "path": "more.jsonl"}]}
        return cell_keys(of=pooled, **settings, **more)["self-training-50pct-seed0"]

    heard = [replace(u, recordings=(Recording(Path("x.wav"), 1.0),)) for u in pool(2, prefix="n")]
    one, two = found(heard[0]), found(*heard)
    assert one.stages[:2] == two.stages[:2] == keys()[CURRICULUM]
    assert one.stages[2] != two.stages[2] and one.unlabelled_transcripts != two.unlabelled_transcripts
    assert found(replace(heard[0], frame=frame("music.play"))) == one


def test_known_labels_change_the_key_of_a_stage_that_labels_and_of_no_other() -> None:
    """An answer that names an unknown label is not learned, and the test may name labels that no text has."""

    def found(*known: Any) -> tuple[str, ...]:
        heard = [replace(u, recordings=(Recording(Path("x.wav"), 1.0),)) for u in pool(2, prefix="n")]
        pooled = replace(pools(), unlabelled=tuple(heard), labels=Schema.of(known))
        settings = {"grid__schemes": [{"type": "self-training"}], "grid__budgets": ["50%"]}
        more = {"data__unlabelled": [{"corpus": "manifest", "path": "more.jsonl"}]}
        return keys(of=pooled, **settings, **more)["self-training-50pct-seed0"]

    one, two = found(frame("alarm.set")), found(frame("alarm.set"), frame("music.play"))
    assert one[:2] == two[:2] and one[2] != two[2]


def test_the_seed_changes_every_key() -> None:
    found = keys(grid__seeds=[0, 1])
    assert not set(found[CURRICULUM]) & set(found["curriculum-50pct-seed1"])


@pytest.mark.parametrize(
    "change",
    [
        "augmentation",
        "speech epochs",
        "speech rate",
        "trained parts",
        "selection seed",
        "recording",
    ],
)
def test_what_comes_later_does_not_change_the_text_stage(change: str) -> None:
    assert keys(**CHANGES[change])[CURRICULUM][0] == keys()[CURRICULUM][0]


@pytest.mark.parametrize(
    "changes",
    [
        {"training__micro_batch_size": 1},
        {"training__micro_batch_tokens": 100},
        {"training__workers": 3},
        {"training__encoded_gb": 0},
        {"training__recompute_activations": True},
        {"decoding__batch_size": 1},
        {"name": "other"},
        {"question": "other?"},
        {"grid__budgets": ["50%", "75%", "100%"]},
        {"grid__seeds": [0, 1, 2]},
    ],
    ids=str,
)
def test_what_does_not_change_the_outcome_does_not_change_the_key(changes: dict[str, Any]) -> None:
    assert keys(**changes)[CURRICULUM] == keys()[CURRICULUM]
    assert fingerprints(**changes)[CURRICULUM] == fingerprints()[CURRICULUM]


@pytest.mark.parametrize("cell", ["untuned-seed0", "text-only-seed0", CURRICULUM])
@pytest.mark.parametrize(
    "changes",
    [
        {"decoding__beams": 1},
        {"decoding__max_new_tokens": 5},
        {"architecture__instruction": "before"},
        {"architecture__precision": "float32"},
        {"base": "other"},
        {"of": pools(test=pool(3, 1.0, prefix="t"))},
        {"of": pools(test=[replace(u, frame=frame("alarm.query")) for u in TEST])},
    ],
    ids=["beams", "tokens", "instruction", "precision", "weights", "test", "test labels"],
)
def test_what_changes_the_answers_or_their_scores_changes_the_cells_fingerprint(
    cell: str, changes: dict[str, Any]
) -> None:
    assert fingerprints(**changes)[cell] != fingerprints()[cell]


@pytest.mark.parametrize("cell", ["untuned-seed0", "text-only-seed0", CURRICULUM])
@pytest.mark.parametrize("label", ["alarm.query", "alarm.set date:friday room:hall"])
def test_labels_count_because_they_decide_what_a_constrained_answer_may_hold(cell: str, label: str) -> None:
    """A new label in the speech pool changes the grammar of the text-only model too."""
    words = frame(*label.split())
    found = pools()
    other = replace(found, labels=Schema.of([frame("alarm.set", "date:friday"), words]))
    assert fingerprints(of=other)[cell] != fingerprints(of=found)[cell]
    assert keys(of=other) == keys(of=found)  # what is trained does not depend on labels that it does not show


# --- the dev set -------------------------------------------------------------------------------------------------


def chosen(of: Pools | None = None, epochs: int = 3, cell: str = "text-only-seed0", **changes: Any) -> tuple[str, ...]:
    """The keys of the stages of models with some epochs of text whose epoch is chosen on three recordings."""
    dev = as_speech([replace(u, recordings=(Recording(Path("x.wav"), 1.0),)) for u in pool(3, prefix="d")])
    found = replace(pools(), dev=dev) if of is None else of
    own = [{"type": "text-only", "epochs": epochs}, {"type": "cascade", "epochs": epochs}]
    settings = {"grid__schemes": own, "data__dev": [{"corpus": "manifest", "path": "dev.jsonl"}]}
    return keys(of=found, **settings | changes)[cell]


def without_dev(epochs: int = 3) -> tuple[str, ...]:
    return keys(grid__schemes=[{"type": "text-only", "epochs": epochs}])["text-only-seed0"]


def dev_of(*rows: Any) -> Pools:
    return replace(pools(), dev=as_speech([replace(u, recordings=(Recording(Path("x.wav"), 1.0),)) for u in rows]))


CHANGES_OF_DEV: dict[str, dict[str, Any]] = {
    "fewer recordings": {"of": dev_of(*pool(2, prefix="d"))},
    "other labels": {"of": dev_of(*(replace(u, frame=frame("alarm.query")) for u in pool(3, prefix="d")))},
    "beams": {"dev": {"beams": 2}},
    "tokens": {"decoding__max_new_tokens": 5},
    "constraint": {"decoding__constrain": "schema"},
    "patience that may end the stage": {"dev": {"patience": 1}},
}


@pytest.mark.parametrize("change", CHANGES_OF_DEV)
def test_what_changes_which_epoch_is_the_best_changes_the_key(change: str) -> None:
    assert chosen(**CHANGES_OF_DEV[change]) != chosen()


def test_what_is_chosen_among_changes_the_key_of_what_comes_of_it() -> None:
    dev, on = dev_of(*pool(3, prefix="d")), {"data__dev": [{"corpus": "manifest", "path": "dev.jsonl"}]}

    def key(found: Pools = dev, **settings: Any) -> str:
        schemes = [{"type": "prompted"} | settings]
        (found_keys,) = cell_keys(of=found, grid__schemes=schemes, grid__budgets=["50%"], **on).values()
        return found_keys.model

    fewer = dev_of(*pool(2, prefix="d"))
    assert len({key(examples=some) for some in ([0, 1], [0, 2], 0)}) == 3
    assert key(fewer, examples=[0, 1]) != key(examples=[0, 1])
    assert key(fewer) == key()


def test_a_choice_changes_the_key_of_a_stage_with_something_to_choose_alone() -> None:
    assert chosen() != without_dev()
    assert chosen(epochs=1) == without_dev(epochs=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"dev": {"patience": 2}},
        {"dev": {"patience": 9}},
        {"dev": {"most_recordings": 3}},
        {"decoding__beams": 5},
        {"decoding__batch_size": 1},
        {"of": replace(dev_of(*pool(3, prefix="d")), labels=Schema.of([frame("alarm.set"), frame("music.play")]))},
        {"of": replace(dev_of(*pool(3, prefix="d")), test=as_speech(pool(3, 1.0, prefix="t")))},
    ],
    ids=["patience to the end", "endless patience", "as many as there are", "beams", "batch", "labels", "test"],
)
def test_what_changes_no_choice_does_not_change_the_key(changes: dict[str, Any]) -> None:
    """Three epochs of which the first is the best have two that are no better: a patience of 2 ends nothing early."""
    assert chosen(**changes) == chosen()


def test_labels_count_in_the_choice_where_they_decide_what_may_be_written() -> None:
    other = replace(dev_of(*pool(3, prefix="d")), labels=Schema.of([frame("alarm.set"), frame("music.play", "who:x")]))
    held = {"decoding__constrain": "schema"}
    assert chosen(of=other, **held) != chosen(**held)


def test_a_cascade_chooses_by_what_it_reads() -> None:
    assert chosen(cell="cascade-seed0") != chosen()
    assert chosen(cell="cascade-seed0", epochs=1) == chosen(epochs=1)


BASELINES = [{"type": "untuned"}, {"type": "prompted"}, {"type": "cascade"}, {"type": "text-only"}]


def test_words_on_the_way_change_the_keys_of_the_answers_of_models_that_are_trained_and_hear() -> None:
    grid = {"grid__schemes": [*BASELINES, {"type": "curriculum"}], "grid__budgets": ["50%"]}
    directly, through = cell_keys(**grid), cell_keys(**grid, decoding__through="words")
    assert [cell for cell in directly if directly[cell].model != through[cell].model] == ["text-only-seed0", CURRICULUM]
    assert {cell: found.stages for cell, found in directly.items()} == {c: found.stages for c, found in through.items()}


@pytest.mark.parametrize("lora", [None, {"rank": 4}])
def test_what_a_model_hears_before_its_tuning_is_transcribed_once_for_all(lora: dict[str, int] | None) -> None:
    """Without LoRA each model transcribes with its own tuned weights."""
    grid = {"grid__schemes": [*BASELINES, {"type": "curriculum"}], "training__lora": lora}
    found = cell_keys(**grid, decoding__through="words")
    heard = {cell: found[cell].transcripts for cell in ("cascade-seed0", "text-only-seed0", CURRICULUM)}
    assert len({*heard.values()}) == (3 if lora is None else 1)
    assert found["text-only-seed0"].model != found["cascade-seed0"].model  # only one of them is stored with its words


def test_a_new_setting_leaves_what_was_decoded_without_it() -> None:
    """The keys of before there was `through`: models that do not use it are not decoded again after an update."""
    decoding = experiment().decoding.model_dump(mode="json", exclude={"batch_size", "through"})
    settings, found = experiment(), pools()
    made = Keys(settings, found, "pocket", content_of)
    (plan,) = (plan for plan in plan_cells(settings, found) if plan.cell.name == CURRICULUM)
    assert made.of(plan).model == digest(["pocket", [*made.of(plan).stages], decoding, made._test, ["", None]])


def test_recordings_of_one_name_in_two_folders_have_keys_of_their_own(tmp_path: Path) -> None:
    for name in ("near", "far"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.wav").write_text(name)
    tested = [
        pools(test=[replace(TEST[0], recordings=(Recording(Path(name) / "1.wav", 1.0),))]) for name in ("near", "far")
    ]
    assert fingerprints(of=tested[0])["untuned-seed0"] != fingerprints(of=tested[1])["untuned-seed0"]


def test_a_renamed_recording_of_the_test_is_decoded_again_as_answers_name_it(tmp_path: Path) -> None:
    Path("renamed.flac").write_text(TEST[0].id)
    renamed = [replace(TEST[0], recordings=(Recording(Path("renamed.flac"), 1.0),)), *TEST[1:]]
    settings = experiment()

    def key(test: Any) -> str:
        found = pools(test=test)
        made = Keys(settings, found, "pocket", content_of, lambda path: path.name)
        return made.of(plan_cells(settings, found)[0]).model

    assert key(renamed) != key(TEST)


def test_a_plan_can_be_read(tmp_path: Path) -> None:
    (plan,) = (plan for plan in plan_cells(experiment(), pools()) if plan.cell.name == CURRICULUM)
    run = RunFolder(tmp_path)
    stages = [run.stage(stage.name, f"key{i}") for i, stage in enumerate(plan.stages)]
    folder = run.model(plan.cell.name)
    write_plan(folder, experiment(), pools().labels, plan, stages)
    written = {path.stem: json.loads(path.read_text()) for path in folder.path.iterdir()}
    assert written["settings"] == experiment().model_dump(mode="json")
    assert written["labels"] == {
        "intents": ["alarm_set"],
        "entity_types": ["date"],
        "has_scenario": True,
        "pairs": [["alarm", "set"]],
    }
    assert written["selection"] == {
        "budget": "50%",
        "utterances": [{"id": u.id, "seconds": 1.0} for u in plan.speech],
    }
    assert [stage["name"] for stage in written["plan"]["stages"]] == ["text", "mixed"]
    assert [stage.path.resolve() for stage in folder.read_stage_folders()] == [stage.path for stage in stages]
    assert written["plan"]["stages"][1]["speech_examples"] == 2


def spared(**changes: Any) -> tuple[int, int]:
    settings, found = experiment(**changes), pools()
    return shared_steps(plan_cells(settings, found), Keys(settings, found, "pocket"))


def test_steps_of_equal_stages_are_spared_but_once() -> None:
    """Three cells train the same 2 epochs on 4 texts in batches of 4; two of them a mixed stage each of their own."""
    both = [{"type": "text-only", "epochs": 2}, {"type": "curriculum"}]
    assert spared(grid__schemes=both) == (3 * 2 + 2 + 2, 2 * 2)
    assert spared(grid__schemes=[{"type": "curriculum"}], grid__budgets=["50%"], grid__seeds=[0, 1])[1] == 0
