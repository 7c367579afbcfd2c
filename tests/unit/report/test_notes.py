"""What stands below a table, so that nobody takes its numbers for more than they are."""

from collections.abc import Callable
from dataclasses import replace

from eartune.report.choice import choice_in_words
from eartune.report.notes import notes
from eartune.report.result import RunResult
from eartune.report.scheme_result import join_seeds


def test_who_spoke_is_said_where_it_was_a_machine(cell: Callable[..., RunResult]) -> None:
    british, american = {"engine": "pico", "name": "en-GB"}, {"engine": "command", "name": "joe", "command": "x"}
    data = {"text": [{}], "speech": [{"voices": [british | {"speed": 0.9}, british]}], "test": [{"voices": [american]}]}
    result = replace(cell("text-only", None, 0.7), settings={"data": data})
    found = [note for note in notes((), (result, result)) if "Synthetic" in note]
    assert found == [
        "Synthetic speech, spoken by machines and not by people: speech by pico:en-GB; test by command:joe."
    ]


def test_nothing_is_called_synthetic_where_people_spoke(coffee: tuple[RunResult, ...]) -> None:
    assert "ynthetic" not in " ".join(notes((), coffee))


def test_decoding_that_was_constrained_to_the_schema_is_named(cell: Callable[..., RunResult]) -> None:
    result = cell("text-only", None, 0.7)
    constrained = replace(result, settings={"decoding": {"constrain": "schema"}})
    assert not [note for note in notes((), (result,)) if "constrained to the schema" in note]
    assert len([note for note in notes((), (constrained, constrained)) if "constrained to the schema" in note]) == 1


def test_seeds_that_are_missing_are_explained(cell: Callable[..., RunResult]) -> None:
    result = cell("text-only", None, 0.7)
    unfinished = replace(result, status="unfinished", seed=1, scores={})
    explained = [bool([n for n in notes(join_seeds(r), r) if "1 of 2" in n]) for r in ([result], [result, unfinished])]
    assert explained == [False, True]


def test_what_the_epochs_were_chosen_on_is_said(cell: Callable[..., RunResult]) -> None:
    plain = cell("untuned", None, 0.1)
    chosen = replace(plain, dev={"recordings": 200, "epoch": {"text": "2 of 3"}})
    said = [
        [note for note in notes((), ran) if "dev set" in note] for ran in ((plain,), (chosen, chosen), (chosen, plain))
    ]
    assert said == [
        [],
        ["The epoch was chosen on the dev set of 200 recordings; the test was decoded once."],
        ["The epoch of 1 of 2 models was chosen on the dev set of 200 recordings; the test was decoded once."],
    ]


def test_settings_that_were_chosen_are_named_with_all_their_scores(cell: Callable[..., RunResult]) -> None:
    prompt = {"setting": "prompt", "value": "labels", "n": 40, "metric": "slu_f1"} | {
        "scores": [["5 examples", 0.1], ["labels", 0.2]]
    }
    ran = [replace(cell("prompted", None, 0.7), dev={"recordings": 40, "chosen": [prompt]})]
    (said,) = [note for note in notes((), ran) if "dev set" in note]
    assert said == (
        "Chosen on the dev set of 40 recordings, before the test was decoded, once: "
        f"{ran[0].name}: prompt labels (SLU F1 20.0; 5 examples: 10.0)."
    )
    assert choice_in_words(prompt) == "chosen on 40 dev recordings: prompt labels (SLU F1 20.0; 5 examples: 10.0)"
