"""Budgets of speech: `5%`, `2h`, `200 utterances`; smaller budgets lie inside larger ones."""

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, PlainSerializer

from eartune.data.utterance import Utterance
from eartune.errors import InputError

Unit = Literal["%", "h", "utterances"]
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(%|h|hours?|min|minutes?|utterances?)\s*")


class Budget(NamedTuple):
    """An amount of speech: per cent of the pool's utterances, hours of audio, or a number of utterances."""

    amount: float
    unit: Unit

    def __str__(self) -> str:
        if self.unit == "utterances":
            return f"{self.amount:.12g} utterances"
        return f"{self.amount:.12g}%" if self.unit == "%" else self._time

    @property
    def is_everything(self) -> bool:
        """Whether it is all of the speech, of which there is one selection alone."""
        return self.unit == "%" and self.amount == 100

    @property
    def slug(self) -> str:
        """The budget as a part of a folder's name, such as 5pct, 2h or 200utt."""
        if self.unit == "h":
            return self._time
        return f"{self.amount:.12g}{ {'%': 'pct', 'utterances': 'utt'}[self.unit] }"

    @property
    def _time(self) -> str:
        """Hours, or minutes where hours have many digits: 0.5h, but 5min instead of 0.0833333333333h."""
        number = f"{self.amount:.12g}"
        return f"{number}h" if len(number) < 8 else f"{60 * self.amount:.12g}min"

    def select(self, pool: Sequence[Utterance], seed: int) -> tuple[Utterance, ...]:
        """Return the utterances whose recordings may be used, with all their recordings.

        The pool is put in an order that depends on nothing but `seed` and the ids, and the budget takes from its
        start; so any smaller budget, whatever its unit, is a part of a larger one. Raises InputError when no
        utterance fits into the budget, unless it is 0, or when the budget is larger than the pool.
        """
        ordered = sorted(pool, key=lambda utterance: (_rank(utterance.id, seed), utterance.id))
        count = self._count(ordered)
        named = f"{self} ({60 * self.amount:.4g} min)" if self.unit == "h" else str(self)  # the YAML has either
        if count == 0 and self.amount:
            raise InputError(
                f"the speech budget {named} is empty: the pool holds {describe(ordered)}; ask for more in grid.budgets"
            )
        if count > len(ordered):
            raise InputError(
                f"the speech budget {named} is more than there is: the pool holds {describe(ordered)}; ask for less in "
                "grid.budgets"
            )
        return tuple(ordered[:count])

    def _count(self, ordered: Sequence[Utterance]) -> int:
        if self.unit == "%":
            return round(self.amount / 100 * len(ordered))
        if self.unit == "utterances":
            return int(self.amount)
        hours = [seconds / 3600 for seconds in accumulate(utterance.seconds for utterance in ordered)]
        if hours and self.amount > hours[-1] * 1.005:  # a budget written to two digits may be rounded up
            return len(ordered) + 1
        return sum(total <= self.amount * (1 + 1e-9) for total in hours)  # sums of fractions are rounded


def parse_budget(written: Any) -> Budget:
    """Return a budget from its text; raises InputError, which shows how to write one."""
    match = _WRITTEN.fullmatch(str(written))
    if match is None or (match[2].startswith("utterance") and "." in match[1]):
        raise InputError(f"{written!r} is no speech budget; write one as 5%, 2h or 200 utterances")
    amount, unit = float(match[1]), match[2]
    if unit == "%" and amount > 100:
        raise InputError(f"{written!r} is more than all the speech; a budget in per cent is at most 100%")
    if unit.startswith("min"):
        return Budget(amount / 60, "h")
    return Budget(amount, "%" if unit == "%" else "h" if unit.startswith("h") else "utterances")


SpeechBudget = Annotated[
    Budget,
    BeforeValidator(lambda value: value if isinstance(value, Budget) else parse_budget(value)),
    PlainSerializer(str),
]


def describe(pool: Sequence[Utterance]) -> str:
    """Return the size of a pool as text: utterances and hours."""
    return f"{len(pool)} utterances, {sum(utterance.seconds for utterance in pool) / 3600:.2f} h"


@lru_cache(maxsize=1 << 18)  # every model of a grid puts the same pool in order
def _rank(utterance_id: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}/{utterance_id}".encode()).hexdigest()
