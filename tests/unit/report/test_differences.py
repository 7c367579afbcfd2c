"""Schemes are compared answer by answer, and what chance could bring is not called a difference."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Utterance, write_manifest
from eartune.errors import InputError
from eartune.evaluation.metrics import Answered, evaluate
from eartune.report.answers import RunAnswers
from eartune.report.differences import (
    Comparison,
    _pairs,
    compare_schemes,
    difference_notes,
    difference_sentence,
    differences_table,
    paired_models,
)
from eartune.report.page import write_report
from eartune.report.result import write_result
from eartune.report.scheme_result import SchemeResult, join_seeds
from eartune.report.summary import summarize
from eartune.run_folder import RunFolder
from eartune.tasks.prediction import Prediction, write_predictions
from eartune.tasks.slu import SluTask
from eartune.tasks.task import ParseStatus

N = 60
GOLD = SemanticFrame("order", (Entity("size", "small"),))
WRONG = SemanticFrame("order", (Entity("size", "large"),))

CELLS = {  # how many of 60 are right: from the first on, so that worse systems fail where better ones do
    ("text-only", None, 0): 30,
    ("direct-mixing", "5%", 0): 32,
    ("direct-mixing", "100%", 0): 45,
    ("curriculum", "5%", 0): 45,
    ("curriculum", "100%", 0): 46,
}


@pytest.fixture
def run_folder(tmp_path: Path, cell) -> Path:
    return made(tmp_path, cell, CELLS)


def made(folder: Path, cell, cells: dict, types: dict[str, str] | None = None) -> Path:
    """A run's folder, with scores that are those of its answers; `types` are the types of schemes with other names."""
    write_manifest(RunFolder(folder).references, [Utterance(f"u{n}", "a small one", "en", GOLD) for n in range(N)])
    for (scheme, budget, seed, *selection), right in cells.items():
        share = {None: 0, "5%": 0.05, "100%": 1}[budget]
        said = [GOLD if n < right else WRONG for n in range(N)]
        scores = evaluate([Answered(GOLD, frame, f"u{n}") for n, frame in enumerate(said)])
        scheme_type = (types or {}).get(scheme)
        result = replace(cell(scheme, budget, 0.5, share=share, seed=seed, scheme_type=scheme_type), scores=scores)
        if selection:
            result = replace(result, selection_seed=selection[0], name=f"{result.name}-selection{selection[0]}")
        write_result(folder / result.name, result)
        predictions = [Prediction(f"u{n}", None, "", ParseStatus.OK, frame) for n, frame in enumerate(said)]
        write_predictions(folder / result.name / "predictions.jsonl", predictions, SluTask())
    return folder


def rows_of(folder: Path) -> tuple[SchemeResult, ...]:
    from eartune.report.result import read_results

    return join_seeds(read_results(folder))


def compared_in(folder: Path, rows: Sequence[SchemeResult] | None = None) -> tuple[Comparison, ...]:
    return compare_schemes(RunAnswers.of_run(folder, SluTask()), rows or rows_of(folder), "slot_f1")


def test_each_budget_is_compared_with_direct_mixing_and_each_line_with_text(run_folder: Path) -> None:
    compared = compared_in(run_folder)
    assert [(one.second.key, one.first.key) for one in compared] == [
        (("curriculum", "5%"), ("direct-mixing", "5%")),
        (("curriculum", "100%"), ("direct-mixing", "100%")),
        (("direct-mixing", "5%"), ("text-only", None)),
        (("direct-mixing", "100%"), ("text-only", None)),
        (("curriculum", "5%"), ("text-only", None)),
        (("curriculum", "100%"), ("text-only", None)),
    ]


def test_selections_are_paired_with_each_other_and_with_text_alone(cell) -> None:
    draws = {
        scheme: [replace(cell(scheme, "5%", 0.5, share=0.05), selection_seed=draw) for draw in drawn]
        for scheme, drawn in (("direct-mixing", (0, 1)), ("curriculum", (1, 2)))
    }
    text, mixing, curriculum = join_seeds([cell("text-only", None, 0.5), *draws["direct-mixing"], *draws["curriculum"]])
    assert [(one.scheme, other.selection_seed) for one, other in paired_models(text, curriculum)] == [
        ("text-only", 1),
        ("text-only", 2),
    ]
    assert [(one.selection_seed, other.selection_seed) for one, other in paired_models(mixing, curriculum)] == [(1, 1)]


def test_models_of_other_selections_are_not_paired_where_a_run_is_not_finished(cell) -> None:
    """One selection of the new scheme was compared with all three of the baseline."""
    drawn = [replace(cell("curriculum", "5%", 0.5, share=0.05), selection_seed=draw) for draw in (0, 1, 2)]
    whole = [replace(cell("curriculum", "100%", 0.5, share=1.0))]
    first, curriculum, everything = join_seeds([cell("direct-mixing", "5%", 0.5, share=0.05), *drawn, *whole])
    assert [other.selection_seed for _, other in paired_models(first, curriculum)] == [0]
    assert len(paired_models(curriculum, everything)) == 3


def test_schemes_with_names_of_their_own_lose_neither_comparisons_nor_sentences(tmp_path: Path, cell) -> None:
    """The report once looked for the strings "direct-mixing", "curriculum" and "text-only" in the names."""
    names = {"text-only": "text-3-epochs", "direct-mixing": "mixing-3-epochs", "curriculum": "curriculum-slow"}
    types = {name: scheme for scheme, name in names.items()}
    plain = made(tmp_path / "plain", cell, CELLS)
    named = made(tmp_path / "named", cell, {(names[s], b, seed): right for (s, b, seed), right in CELLS.items()}, types)
    lines, own = rows_of(plain), rows_of(named)
    compared, own_compared = (compared_in(f, rows) for f, rows in ((plain, lines), (named, own)))
    assert [(types[one.second.scheme], types[one.first.scheme]) for one in own_compared] == [
        (one.second.scheme, one.first.scheme) for one in compared
    ]
    text, own_text = summarize(lines, "slot_f1", compared), summarize(own, "slot_f1", own_compared)
    for prose, name in (
        ("text-only tuning", "text-3-epochs"),
        ("direct mixing", "mixing-3-epochs"),
        ("the curriculum", "curriculum-slow"),
    ):
        text = text.replace(prose, name)
    assert own_text.casefold() == text.replace("Text-only tuning", "Text-3-epochs").casefold()


def test_all_schemes_of_one_type_are_compared_by_name(tmp_path: Path, cell) -> None:
    cells = {("text-only", None, 0): 20, ("text-long", None, 0): 25, ("mixing-a", "5%", 0): 30}
    cells |= {("mixing-b", "5%", 0): 35, ("curriculum", "5%", 0): 40}
    types = {"text-long": "text-only", "mixing-a": "direct-mixing", "mixing-b": "direct-mixing"}
    folder = made(tmp_path, cell, cells, types)
    pairs = {(one.second.scheme, one.first.scheme) for one in compared_in(folder)}
    assert pairs == {
        ("mixing-b", "mixing-a"),
        ("curriculum", "mixing-a"),
        ("curriculum", "mixing-b"),
        ("text-long", "text-only"),
        *((scheme, text) for scheme in ("mixing-a", "mixing-b", "curriculum") for text in ("text-only", "text-long")),
    }


def test_a_scheme_of_a_type_that_nobody_knows_is_compared_and_described(tmp_path: Path, cell) -> None:
    cells = CELLS | {("mine", "5%", 0): 50, ("mine", "100%", 0): 51}
    folder = made(tmp_path, cell, cells, {"mine": "mine"})
    rows = rows_of(folder)
    compared = compared_in(folder, rows)
    assert [(one.first.key) for one in compared if one.second.key == ("mine", "5%")] == [
        ("direct-mixing", "5%"),
        ("text-only", None),
    ]
    text = summarize(rows, "slot_f1", compared).replace("\u00a0", " ")
    assert "mine 83.3 %" in text and "At 5 % mine is 30.0 points above direct mixing" in text
    assert ("mine", "5%") in [row.key for row in rows]


def test_recordings_are_compared_with_synthetic_speech_and_a_cascade_with_text(tmp_path: Path, cell) -> None:
    cells = {("untuned", None, 0): 2, ("prompted", None, 0): 10, ("cascade", None, 0): 20, ("text-only", None, 0): 30}
    cells |= {("synthetic-speech", None, 0): 35, ("curriculum", "5%", 0): 40}
    folder = made(tmp_path, cell, cells)
    pairs = [(one.second.scheme, one.first.scheme) for one in compared_in(folder)]
    assert pairs == [
        ("prompted", "text-only"),
        ("cascade", "text-only"),
        ("synthetic-speech", "text-only"),
        ("curriculum", "text-only"),
        ("curriculum", "cascade"),
        ("curriculum", "synthetic-speech"),
    ]


def test_a_cascade_is_tested_against_each_budget_and_the_answer_begins_with_what_that_shows(
    tmp_path: Path, cell
) -> None:
    cells = {("text-only", None, 0): 20, ("cascade", None, 0): 40, ("curriculum", "5%", 0): 20}
    folder = made(tmp_path, cell, cells | {("curriculum", "100%", 0): 59, ("direct-mixing", "100%", 0): 42})
    rows = rows_of(folder)
    text = summarize(rows, "slot_f1", compared_in(folder, rows)).replace("\u00a0", " ")
    assert (
        "slot F1; only at 100 % a model trained on recordings is significantly better in paired tests. The best model "
        "at each budget is significantly better at 100 % (the curriculum, 98.3 %), significantly worse at 5 % (the "
        "curriculum, 33.3 %). Text-only tuning reaches" in text
    )


def test_a_scheme_of_the_users_own_may_be_the_baseline(tmp_path: Path, cell) -> None:
    folder = made(tmp_path, cell, {("curriculum", "5%", 0): 30, ("mine", "5%", 0): 50})
    result = cell("mine", "5%", 0.5, share=0.05, scheme_type="mine", scheme_role="baseline")
    write_result(folder / result.name, result)
    (one,) = compared_in(folder)
    assert (one.first.scheme, one.second.scheme) == ("mine", "curriculum")


def test_of_two_architectures_each_is_compared_within_itself_and_scheme_with_scheme(run_folder: Path) -> None:
    """Only what was trained alike is compared across: text alone of one says nothing about mixing of the other."""
    rows = rows_of(run_folder)
    own = {name: {row.key: row for row in of(rows, name)} for name in ("a", "b")}
    pairs = {(first.key, second.key) for first, second in _pairs([*own["a"].values(), *own["b"].values()])}
    within = {(first, second) for first, second in pairs if first[0][-3:] == second[0][-3:]}
    assert len(within) == 2 * len(_pairs(rows))
    assert pairs - within == {(one, (one[0].replace("(a)", "(b)"), one[1])) for one in own["a"]}


def of(rows: Sequence[SchemeResult], architecture: str) -> list[SchemeResult]:
    """The same rows as those of an architecture."""
    cells = [replace(cell, architecture=architecture) for row in rows for cell in row.cells]
    return list(join_seeds(cells))


def test_the_report_sums_up_each_architecture_for_itself(run_folder: Path) -> None:
    """The best of all speech of one architecture is no measure of the other."""
    rows = of(rows_of(run_folder), "a")
    sentences = summarize(rows, "exact_match")
    assert "Text-only tuning (a) reaches" in sentences and "direct mixing (a) reaches" in sentences


def test_a_paired_test_sees_what_intervals_hide(run_folder: Path) -> None:
    at_5, at_100, *_ = compared_in(run_folder)
    assert at_5.difference.value == pytest.approx(13 / 60) and not at_5.difference.apart
    assert at_5.is_significant and not at_100.is_significant
    assert at_100.adjusted_p == 1


def test_the_answer_says_what_the_paired_tests_say(run_folder: Path) -> None:
    rows = rows_of(run_folder)
    text = summarize(rows, "slot_f1", compared_in(run_folder, rows)).replace("\u00a0", " ")
    assert (
        "At 5 % the curriculum is 21.7 points above direct mixing" in text
        and "Holm's correction), a significant difference." in text
    )
    assert "that is significantly better than text-only tuning in paired tests is 5 % (the curriculum)" in text
    assert "overlap" not in text


def test_the_report_shows_them(run_folder: Path) -> None:
    page = write_report(run_folder).read_text()
    assert "curriculum 5% minus direct-mixing 5%" in page
    assert "curriculum 5% minus direct-mixing 5%" in (run_folder / "report.md").read_text()


def test_without_the_answers_nothing_is_compared(run_folder: Path) -> None:
    RunFolder(run_folder).references.unlink()
    assert compared_in(run_folder) == ()
    assert "Differences" not in write_report(run_folder).read_text()


@pytest.mark.parametrize(("change", "said"), [(-1, "does not answer 'u59', unlike"), (1, "answers 'u59' 2 times;")])
def test_a_missing_or_doubled_answer_is_named_with_its_file(run_folder: Path, change: int, said: str) -> None:
    """The page ended in a traceback."""
    path = run_folder / "curriculum-5pct-seed0" / "predictions.jsonl"
    *lines, last = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, *[last] * (1 + change)]))
    with pytest.raises(InputError, match=rf"curriculum-5pct-seed0/predictions\.jsonl: {said}"):
        write_report(run_folder)


def test_models_without_answers_are_named_beside_those_with_them(run_folder: Path) -> None:
    (run_folder / "curriculum-100pct-seed0" / "predictions.jsonl").unlink()
    said = "The answers of 1 model (curriculum-100pct-seed0) are not at hand, so that they are in no paired test."
    assert said in write_report(run_folder).read_text()


def test_seeds_that_disagree_widen_the_interval(tmp_path: Path, cell) -> None:
    cells = {("text-only", None, seed): 30 for seed in (0, 1)} | {
        ("curriculum", "5%", seed): right for seed, right in ((0, 31), (1, 45))
    }
    folder = made(tmp_path, cell, cells)
    (one,) = compared_in(folder)
    assert one.seeds == 2 and one.difference.value == pytest.approx(8 / 60)
    assert one.difference.high - one.difference.low > 0.5  # t of one degree of freedom is 12.7
    assert "p pools the answers of all seeds" in difference_notes([one])[-1]


def test_the_intervals_of_the_table_are_those_that_are_said_to_overlap(tmp_path: Path, cell) -> None:
    """All answers together, 93 and 60 of 120, are far apart, but two seeds with 35 and 58 of 60 leave all open."""
    cells = {("text-only", None, seed): 30 for seed in (0, 1)}
    (one,) = compared_in(made(tmp_path, cell, cells | {("curriculum", "5%", 0): 35, ("curriculum", "5%", 1): 58}))
    table = differences_table([one])
    assert table.lines[0][table.headings.index("intervals")] == "overlap"


def test_a_difference_between_crossed_seeds_has_the_spread_of_selections(tmp_path: Path, cell) -> None:
    """Six pairs of three selections gave an interval as if six selections had been drawn."""
    cells: dict = {("text-only", None, seed): 30 for seed in (0, 1)}
    rights = enumerate((40, 46, 52), start=1)
    cells |= {("curriculum", "5%", seed, selection): right for selection, right in rights for seed in (0, 1)}
    (one,) = compared_in(made(tmp_path, cell, cells))
    assert one.seeds == 6 and one.difference.value == pytest.approx(16 / 60)
    assert one.spread == pytest.approx(4.303 * 0.1 / math.sqrt(3), rel=1e-3)


def test_a_difference_that_seeds_hide_is_not_significant_however_small_p_is(run_folder: Path) -> None:
    one = compared_in(run_folder)[0]
    sure = replace(one, difference=replace(one.difference, value=0.1, low=0.05, high=0.15), adjusted_p=0.001)
    assert sure.is_significant and difference_sentence(sure).endswith("a significant difference")
    wide = replace(sure, difference=replace(sure.difference, low=-0.1, high=0.3), spread=0.19)
    assert not wide.is_significant and difference_sentence(wide).endswith(
        "a difference no larger than those between seeds or selections"
    )
    assert wide.test_to_detect(0.1) == math.inf
    assert sure.test_to_detect(sure.detectable) == pytest.approx(1)
    assert sure.test_to_detect(sure.detectable / 2) == pytest.approx(4)
    assert sure.test_to_detect(sure.detectable, comparisons=20) == pytest.approx(
        ((3.023 + 0.842) / 2.802) ** 2, rel=0.01
    )


def test_a_difference_below_what_the_test_resolves_is_named(run_folder: Path) -> None:
    one = compared_in(run_folder)[0]
    small = replace(one, difference=replace(one.difference, value=0.01), adjusted_p=0.01)
    assert "probably overestimated: curriculum 5% minus direct-mixing 5%" in " ".join(difference_notes([small]))
    assert differences_table([small]).lines[0][3] == "0.010"
