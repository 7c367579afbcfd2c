"""A choice that was made on the dev set, in words."""

from collections.abc import Mapping
from typing import Any

from eartune.report.wording import metric_name
from eartune.wording import counted, percent


def choice_in_words(choice: Mapping[str, Any]) -> str:
    """Return what was chosen, on what and by which scores: "chosen on 40 dev recordings: prompt labels (...)"."""
    return f"chosen on {counted(choice['n'], 'dev recording')}: {value_in_words(choice)}"


def value_in_words(choice: Mapping[str, Any]) -> str:
    """Return a value with its score and those of the others: "prompt labels (SLU F1 71.2; 5 examples: 69.9)"."""
    scores = dict(map(tuple, choice["scores"]))
    taken = choice["value"]
    others = "; ".join(f"{value}: {percent(score)}" for value, score in scores.items() if value != taken)
    return f"{choice['setting']} {taken} ({metric_name(choice['metric'])} {percent(scores[taken])}; {others})"
