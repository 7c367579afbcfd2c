"""Cells are joined over seeds, ordered, and shown so that they fit a terminal."""

from dataclasses import replace

import pytest
from rich.console import Console

from eartune.evaluation.metrics import over_seeds
from eartune.report import terminal_table
from eartune.report.scheme_result import baselines, join_seeds
from eartune.report.table import build_table, error_line
from eartune.tables import markdown_table
from eartune.wording import ABSENT


def test_schemes_have_their_order_and_budgets_ascend_by_the_speech_they_use(coffee, cell):
    own = cell("my-scheme", "2h", 0.8, share=0.4)
    rows = join_seeds([own, *reversed(coffee)])
    assert [(row.scheme, row.budget) for row in rows] == [
        ("untuned", None),
        ("text-only", None),
        ("direct-mixing", "5%"),
        ("direct-mixing", "20%"),
        ("direct-mixing", "100%"),
        ("curriculum", "5%"),
        ("curriculum", "20%"),
        ("curriculum", "100%"),
        ("my-scheme", "2h"),
    ]


def test_a_plain_scheme_stands_before_its_variants_and_is_what_they_are_compared_with(cell):
    """They stood in the order of the alphabet, and `augmented` was what the curriculum was compared with."""
    variants = ("augmented", "curriculum", "scaled")
    rows = join_seeds([cell(name, "5%", 0.8, share=0.05, scheme_type="curriculum") for name in variants])
    assert [row.scheme for row in rows] == ["curriculum", "augmented", "scaled"]
    assert [row.scheme for row in baselines(rows)] == ["curriculum"]


def test_the_type_of_an_older_result_is_in_its_settings_or_its_label(cell):
    grid = {"grid": {"schemes": [{"name": "curriculum", "type": "text-only"}, {"name": None, "type": "untuned"}]}}
    named = replace(cell("curriculum", None, 0.5), settings=grid)
    plain = cell("direct-mixing", "5%", 0.5, share=0.05)
    stored = cell("cascade", "5%", 0.5, share=0.05, scheme_type="mine", scheme_role="baseline")
    assert [
        (line.scheme, line.scheme_type, line.role, line.prose_name) for line in join_seeds([named, plain, stored])
    ] == [
        ("curriculum", "text-only", "text reference", "curriculum"),
        ("direct-mixing", "direct-mixing", "baseline", "direct mixing"),
        ("cascade", "mine", "baseline", "cascade"),
    ]


def test_seeds_are_joined_by_over_seeds(cell):
    seeds = [cell("curriculum", "5%", value, share=0.05, seed=seed) for seed, value in enumerate((0.8, 0.84))]
    (row,) = join_seeds(seeds)
    assert row.score("slot_f1") == over_seeds([seed.scores["slot_f1"] for seed in seeds])
    assert build_table([row], ["slot_f1"]).lines[0][2] == "2"


def test_selections_with_several_seeds_each_are_no_independent_models(cell):
    crossed = [
        replace(
            cell("curriculum", "5%", 0.7 + selection / 20 + seed / 100, share=0.05, seed=seed), selection_seed=selection
        )
        for selection in (0, 1, 2)
        for seed in (0, 1)
    ]
    (row,) = join_seeds(crossed)
    expected = over_seeds([one.scores["slot_f1"] for one in crossed], [(n % 2, n // 2) for n in range(6)])
    assert row.score("slot_f1") == expected
    assert expected.high - expected.low > 0.2  # 4.303 times the standard error of 0.70, 0.75, 0.80


def test_a_failed_seed_is_counted_but_never_averaged(coffee):
    good = coffee[5]
    bad = replace(coffee[6], status="failed", error="stopped")
    (row,) = join_seeds([good, bad])
    assert row.score("slot_f1") == good.scores["slot_f1"]
    assert build_table([row], ["slot_f1"]).lines[0][2:4] == ("1 of 2", "84.3 [80.3, 88.3]")


def test_a_failed_line_has_no_number(coffee):
    table = build_table(join_seeds(coffee), ["slot_f1"])
    assert table.lines[-1] == ("curriculum", "100%", "0 of 1", "failed", "–", "–", "–", "–")  # noqa: RUF001


@pytest.mark.parametrize("seeds", [1, 12])
def test_no_line_of_the_terminal_is_wrapped_or_cut_at_100_columns(coffee, seeds):
    many = [replace(result, seed=seed, scores=_slurp_scores(result)) for result in coffee for seed in range(seeds)]
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(terminal_table(many))
    lines = capture.get().splitlines()
    assert len(lines) == 3 + 8 + seeds  # title, heading, rule, lines, and below them the failed models
    assert all("…" not in line for line in lines)
    assert "slot F1 %" in lines[1]


def test_the_terminal_names_failed_and_unfinished_models_on_a_line_each(coffee):
    broken = replace(coffee[-1], error="RuntimeError:\n  out of memory\n  in layer 3")
    unfinished = replace(coffee[0], name="mine-seed0", scheme="mine", status="unfinished", scores={})
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(terminal_table([*coffee[:-1], broken, unfinished]))
    *_, line, failed, last = capture.get().splitlines()
    assert line.split()[:5] == ["mine", "–", "0", "of", "1"] and "not finished" in line  # noqa: RUF001
    assert failed.strip() == "failed: curriculum-100pct-seed0: RuntimeError: out of memory in layer 3"
    assert last.strip() == "not finished yet: mine-seed0"
    assert error_line(replace(broken, error=None)) == "no error message was stored"


def test_markdown_cells_cannot_break_the_table(cell):
    text = markdown_table(build_table(join_seeds([cell("a|b<script>", None, 0.5)]), ["slot_f1"]))
    assert "a\\|b&lt;script&gt;" in text


def _slurp_scores(result):
    score = result.scores.get("slot_f1")
    names = ("scenario_f1", "action_f1", "intent_f1", "intent_accuracy", "entity_f1", "slu_f1", "slot_f1")
    return dict.fromkeys(names, score) if score else {}


def test_hours_that_no_budget_limits_have_a_column_where_there_are_any(cell):
    spoken = replace(cell("synthetic-speech", None, 0.9), free_hours=0.31)
    headings = build_table(join_seeds([cell("text-only", None, 0.7)]), ("slot_f1",)).headings
    table = build_table(join_seeds([cell("text-only", None, 0.7), spoken]), ("slot_f1",))
    at = table.headings.index("free hours")
    assert "free hours" not in headings and [line[at] for line in table.lines] == [ABSENT, "0.31"]
