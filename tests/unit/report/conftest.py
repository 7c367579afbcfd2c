"""Hand-written results for the tests of the report."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from eartune.evaluation.metrics import Score
from eartune.report.result import RunResult
from eartune.training.scheme import Role

QUESTION = "How much recorded speech does a coffee ordering assistant need?"
POOL = 340


def score(value: float, half_width: float = 0.04, n: int = 100) -> Score:
    """With a symmetric interval."""
    return Score(value, max(0.0, value - half_width), min(1.0, value + half_width), n)


def make_cell(
    scheme: str,
    budget: str | None,
    slot_f1: float,
    *,
    share: float = 0.0,
    seed: int = 0,
    scheme_type: str | None = None,
    scheme_role: Role | None = None,
) -> RunResult:
    """A finished cell that used `share` of the pool; without a type it is that of an older version."""
    slug = "" if budget is None else f"-{budget.replace('%', 'pct')}"
    return RunResult(
        experiment="coffee",
        question=QUESTION,
        name=f"{scheme}{slug}-seed{seed}",
        scheme=scheme,
        budget=budget,
        seed=seed,
        status="finished",
        error=None,
        main_metric="slot_f1",
        scores={
            "intent_accuracy": score(min(1.0, slot_f1 + 0.05), 0.03),
            "slot_f1": score(slot_f1),
            "exact_match": score(slot_f1 - 0.1 if slot_f1 > 0.1 else 0.0, 0.05),
        },
        answers={"OK": 96, "NOT_JSON": 1, "WRONG_SHAPE": 0, "TRUNCATED": 1, "UNKNOWN_LABEL": 2},
        text_utterances=0 if scheme == "untuned" else POOL,
        speech_utterances=round(share * POOL),
        speech_hours=share * 0.8,
        pool_utterances=POOL,
        test={"recordings": 100, "sentences": 80},
        listening=None,
        seconds={"train": 600 * share + 30, "decode": 12.5},
        settings={"scheme": {"type": scheme}, "decoding": {"beams": 3}},
        made_with={"git commit": "1a2b3c4", "date": "2026-11-22", "versions": {"eartune": "0.1", "torch": "2.13.0"}},
        scheme_type=scheme_type,
        scheme_role=scheme_role,
    )


def _failed(result: RunResult, error: str) -> RunResult:
    """The same cell had it failed: no score is left of it."""
    return replace(result, status="failed", error=error, scores={}, answers={}, seconds={}, listening=None)


def _heard(result: RunResult, listens: bool) -> RunResult:
    """The same cell with its listening check."""
    found = "swapping clips changes its answers by {} nats a token; silence scores {} where speech scores 71.0%"
    sentence = (
        f"It listens: {found.format('2.31', '4.0%')}."
        if listens
        else f"IT DOES NOT LISTEN: {found.format('0.00', '71.0%')}."
    )
    swapped, silence = (2.31, 0.04) if listens else (0.0, 0.71)
    return replace(result, listening={"listens": listens, "swapped": swapped, "silence": silence, "sentence": sentence})


@pytest.fixture
def cell() -> Callable[..., RunResult]:
    """`make_cell`, which tests cannot import from here."""
    return make_cell


@pytest.fixture
def coffee() -> tuple[RunResult, ...]:
    """Eight finished cells, two of them seeds of one, and a failed one."""
    return (
        make_cell("untuned", None, 0.03),
        _heard(make_cell("text-only", None, 0.712), listens=True),
        make_cell("direct-mixing", "5%", 0.801, share=0.05),
        make_cell("direct-mixing", "20%", 0.842, share=0.2),
        make_cell("direct-mixing", "100%", 0.881, share=1),
        _heard(make_cell("curriculum", "5%", 0.843, share=0.05), listens=True),
        make_cell("curriculum", "5%", 0.835, share=0.05, seed=1),
        _heard(make_cell("curriculum", "20%", 0.862, share=0.2), listens=False),
        _failed(make_cell("curriculum", "100%", 0.5, share=1), "CUDA out of memory | 24 GB were not enough"),
    )
