"""What predictors said of target languages is held against what came, and a wrong one is named from figures."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from eartune.errors import InputError
from eartune.evaluation.metrics import Score
from eartune.evaluation.transcript_errors import TranscriptErrors
from eartune.report.result import RunResult, write_result
from eartune.report.transfer import (
    PREDICTORS,
    Target,
    Transfer,
    agreement_sentences,
    agreement_table,
    agreements,
    by_target,
    contradiction,
    figures_table,
    forecasts,
    measured_transfer,
    measured_transfers,
    transfer_table,
)

SYNTAX = {"pt": 0.14, "de": 0.20, "vi": 0.38, "tr": 0.45, "ko": 0.53}
ERRORS = {"pt": 0.05, "de": 0.04, "vi": 0.40, "tr": 0.10, "ko": 0.08}
SCORES = {"pt": 0.70, "de": 0.72, "vi": 0.40, "tr": 0.60, "ko": 0.63}
"""Korean transfers better than Vietnamese, as its transcripts say and its syntax does not."""


def targets() -> list[Target]:
    return [
        Target(name, TranscriptErrors(ERRORS[name], None), 50, distances={"syntax": SYNTAX[name]}) for name in SYNTAX
    ]


def transfers(half_width: float = 0.02) -> list[Transfer]:
    return [
        Transfer(
            name, "curriculum 0%", Score(value, value - half_width, value + half_width, 500), value - 0.4, "slot_f1"
        )
        for name, value in SCORES.items()
    ]


def named(name: str) -> object:
    return next(one for one in PREDICTORS if one.name == name)


def test_each_predictor_says_its_order_before_anything_is_trained() -> None:
    assert forecasts(targets()) == [
        "By character errors, the worst first: vi, tr, ko, pt and de.",
        "By syntax distance, the worst first: ko, tr, vi, de and pt.",
    ]


def test_more_hours_are_better() -> None:
    known = [Target("ko", hours=7993), Target("vi", hours=691), Target("eo")]
    assert forecasts(known) == ["By hours in pretraining, the worst first: vi and ko."]


def test_the_table_leaves_out_what_is_not_known_of_any() -> None:
    table = figures_table(targets())
    assert table.headings == ("target", "character errors %", "clips", "syntax")
    assert table.lines[2] == ("vi", "40.0", "50", "0.38")


def test_agreement_is_positive_where_the_order_is_the_predicted_one() -> None:
    """Errors: the opposite order of the scores, so 1. Syntax: ranks 1 2 3 4 5 and 2 1 5 4 3, squares 1 1 4 0 4: 0.5."""
    found = {one.predictor.name: one for one in agreements(targets(), transfers())}
    assert found.keys() == {"character errors", "syntax distance"}
    errors, syntax = found["character errors"], found["syntax distance"]
    assert errors.of_score.rho == pytest.approx(1) and syntax.of_score.rho == pytest.approx(1 - 6 * 10 / (5 * 24))
    assert errors.of_gain is not None and errors.of_gain.rho == pytest.approx(1)
    assert errors.of_score.p == pytest.approx(2 / 120) and errors.adjusted_p == pytest.approx(4 / 120)
    lines = agreement_table(list(found.values())).lines
    assert lines[0][:2] == ("character errors", "5") and lines[0][2].startswith("+1.00 [")


def test_it_is_said_which_predictor_told_and_what_contradicts_the_other() -> None:
    found = agreements(targets(), transfers())
    assert agreement_sentences(targets(), transfers(), found) == [
        "Over 5 targets, the order that was measured agrees with that of character errors, beyond chance.",
        "Syntax distance would have vi above ko, but ko reaches 63.0\u00a0% and vi 40.0\u00a0%: it does not explain "
        "these two.",
    ]


def test_a_pair_within_the_noise_contradicts_nothing() -> None:
    assert contradiction(named("syntax distance"), targets(), transfers(half_width=0.2)) is None  # type: ignore[arg-type]


def test_of_three_targets_no_correlation_is_given() -> None:
    few = [one for one in transfers() if one.language in ("de", "vi", "ko")]
    assert agreements(targets(), few) == []
    assert agreement_sentences(targets(), few, []) == [
        "3 targets with a run: rank correlations need 4 with different figures."
    ]


def test_targets_without_a_run_and_runs_without_a_target_are_left_out() -> None:
    known = [one for one in targets() if one.language != "pt"]
    (errors, _) = agreements(known, [*transfers(), replace(transfers()[0], language="hu")])
    assert errors.of_score.n == 4


def test_a_region_of_a_target_makes_no_difference() -> None:
    """Runs are of languages, as their tests may be of any region."""
    known = [replace(one, language="pt-br") if one.language == "pt" else one for one in targets()]
    assert agreements(known, transfers()) == agreements(targets(), transfers())
    assert agreement_sentences(known, transfers(), agreements(known, transfers()))[0].startswith("Over 5 targets")


@pytest.mark.parametrize(
    ("wanted", "run", "paired"),
    [
        ("pt-br pt-pt", "pt", {}),
        ("pt-br pt-pt", "pt-BR", {"pt-br": "pt-BR"}),
        ("pt-br", "pt-PT", {"pt-br": "pt-PT"}),
        ("pt pt-br", "pt", {"pt": "pt"}),
        ("pt", "pt-BR pt-PT", {}),
        ("de de-st", "de-st de", {"de": "de", "de-st": "de-st"}),
        ("vi vi", "vi-VN", {"vi": "vi-VN"}),
    ],
)
def test_a_run_counts_for_one_target(wanted: str, run: str, paired: dict[str, str]) -> None:
    """Targets and runs were cut to their language, so that one run of pt was measured for pt-br and for pt-pt."""
    named = [replace(transfers()[0], language=name) for name in run.split()]
    known = [Target(name, hours=1) for name in wanted.split()]
    assert {target: one.language for target, one in by_target(known, named).items()} == paired
    sentences = agreement_sentences(known, named, agreements(known, named))
    assert sentences[0].startswith(f"{len(paired)} target")
    unused = sorted({*run.split()} - {*paired.values()})
    assert len(sentences) == 1 + bool(unused) and all(name in sentences[-1] for name in unused)


def run_of(folder: Path, language: str, *results: RunResult) -> Path:
    for result in results:
        write_result(folder / result.name, replace(result, languages={"test": [language]}))
    return folder


def test_a_run_is_measured_at_zero_per_cent_and_its_gain_is_over_text(
    tmp_path: Path, cell: Callable[..., RunResult]
) -> None:
    text, zero, some = (
        cell("text-only", None, 0.5),
        cell("curriculum", "0%", 0.62),
        cell("curriculum", "100%", 0.8, share=1),
    )
    run = run_of(tmp_path / "a", "vi-VN", text, zero, some)
    found = measured_transfer(run, None)
    assert (found.language, found.name, found.score.value) == ("vi-VN", "curriculum 0%", 0.62)
    assert found.gain == pytest.approx(0.12)
    assert measured_transfer(run, "curriculum 100%").score.value == 0.8
    alone = measured_transfer(run_of(tmp_path / "b", "ko", text), None)
    assert (alone.name, alone.gain) == ("text-only", None)
    assert transfer_table([found, alone]).lines == (
        ("ko", "text-only", "50.0 [46.0, 54.0]", "–"),  # noqa: RUF001
        ("vi-VN", "curriculum 0%", "62.0 [58.0, 66.0]", "+12.0"),
    )


def test_another_metric_than_the_main_one_can_count(tmp_path: Path, cell: Callable[..., RunResult]) -> None:
    """Intents are 5 points above the slot F1."""
    run = run_of(tmp_path / "a", "de", cell("text-only", None, 0.01), cell("curriculum", "0%", 0.02))
    found = measured_transfer(run, None, "intent_accuracy")
    assert (found.score.value, found.metric) == (pytest.approx(0.07), "intent_accuracy")
    assert found.gain == pytest.approx(0.01)
    assert transfer_table([found]).headings[2] == "intent accuracy %"
    with pytest.raises(InputError, match=r"a: has no metric 'wer'; it has slot_f1, intent_accuracy, exact_match$"):
        measured_transfer(run, None, "wer")


def test_two_runs_of_one_language_are_refused(tmp_path: Path, cell: Callable[..., RunResult]) -> None:
    text = cell("text-only", None, 0.5)
    vi, ko = (run_of(tmp_path / name, name, text) for name in ("vi-VN", "ko"))
    again = run_of(tmp_path / "again", "vi-vn", text)
    with pytest.raises(InputError, match=r"again: its test is in vi-vn, as that of another run; name one run for each"):
        measured_transfers([vi, ko, again], None)


def test_runs_of_a_language_and_of_a_dialect_are_two(tmp_path: Path, cell: Callable[..., RunResult]) -> None:
    """xSID has de and de-st, and the second run was refused as one of the same language."""
    runs = [run_of(tmp_path / name, name, cell("text-only", None, 0.5)) for name in ("de", "de-st")]
    assert [one.language for one in measured_transfers(runs, None)] == ["de", "de-st"]


def test_a_run_without_the_row_or_with_a_test_of_two_languages_is_refused(
    tmp_path: Path, cell: Callable[..., RunResult]
) -> None:
    text = cell("text-only", None, 0.5)
    with pytest.raises(InputError, match=r"has no finished row curriculum 0%; it has text-only$"):
        measured_transfer(run_of(tmp_path / "a", "vi", text), "curriculum 0%")
    write_result(tmp_path / "b" / text.name, replace(text, languages={"test": ["vi", "ko"]}))
    with pytest.raises(InputError, match=r"its test has 2 known languages, and one is needed$"):
        measured_transfer(tmp_path / "b", None)
