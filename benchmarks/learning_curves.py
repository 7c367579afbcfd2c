"""How well learning curves are forecast: each last score from those before it, beside two simple rivals.

    python benchmarks/learning_curves.py [--curves FILE]     writes benchmarks/learning_curves.json

Sources are the committed results on real recordings, published figures, and curves that are simulated by five laws, of
which only one is eartune's. FILE adds curves of other sources: a list of objects with `id`, `group` (what shares data
or runs), `metric`, `direction` ("higher" or "lower" is better), and `points` of `n`, `score`, and where it is known
`stderr`, or `sd` and `n_seeds`; scores are fractions, or percentages if the metric's name has "%" or "x100".

The rivals are fitted by least squares: a score that is linear in log n, and an error that falls as a power of n.
Sources count alike, however many curves they have.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eartune.evaluation.learning_curve import FARTHEST, LearningCurve, Measurement
from eartune.evaluation.metrics.power import Z_LEVEL

HERE = Path(__file__).parent
OUT = HERE / "learning_curves.json"
LEAST_POINTS = 4
SIMULATED = 40
OWN = "eartune coffee"
TYPICAL_TEST = 300  # the size of a test of which nothing is known

PUBLISHED = {  # NVIDIA-NeMo/Speech, examples/speechlm2/finetuning/docs/results.md: none, few, a tenth, all
    "SLURP intents": [(0, 0.473), (596, 0.710), (5060, 0.834), (50628, 0.869)],
    "CREMA-D emotions": [(0, 0.383), (60, 0.434), (558, 0.626), (5580, 0.755)],
}


@dataclass(frozen=True)
class Curve:
    """The measurements of one curve, by amount; curves of one source are not independent."""

    source: str
    name: str
    points: tuple[Measurement, ...]


@dataclass(frozen=True)
class Forecasted:
    """One last score, and what was forecast for it."""

    curve: Curve
    value: float
    low: float
    high: float
    line: float
    power: float
    erratic: bool

    @property
    def measured(self) -> float:
        return self.curve.points[-1].score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curves", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    curves = [*committed(), *published(), *simulated(), *(given(arguments.curves) if arguments.curves else [])]
    curves = [curve for curve in curves if len(curve.points) >= LEAST_POINTS]
    begun = time.perf_counter()
    found = [forecast(curve) for curve in curves]
    seconds = (time.perf_counter() - begun) / len(found)
    near = [one for one in found if one.curve.points[-1].amount <= FARTHEST * one.curve.points[-2].amount]
    far = [one for one in found if one not in near]
    sources = {source: summary([one for one in near if one.curve.source == source]) for source in sources_of(near)}
    result = {
        "over sources": over_sources({s: v for s, v in sources.items() if not s.startswith("simulated")}),
        "over simulated laws": over_sources({s: v for s, v in sources.items() if s.startswith("simulated")}),
        "curves called erratic": summary([one for one in near if one.erratic]),
        "seconds a fit": round(seconds, 3),
        "sources": sources,
        "beyond the horizon": [row(one) for one in far],
        "eartune's own": [row(one) for one in near if one.curve.source == OWN],
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: result[key] for key in list(result)[:4]}, indent=1))


def forecast(curve: Curve) -> Forecasted:
    """Forecast the last score from all others."""
    *before, last = curve.points
    fitted = LearningCurve.fit(before)
    found = fitted.model_score(last.amount, last.deviation)
    known = [point for point in before if point.amount > 0]
    amounts, scores = np.log([point.amount for point in known]), np.array([point.score for point in known])
    line = np.polyval(np.polyfit(amounts, scores, 1), math.log(last.amount))
    power = 1 - math.exp(
        np.polyval(np.polyfit(amounts, np.log(np.clip(1 - scores, 2e-3, 1)), 1), math.log(last.amount))
    )
    inside: Callable[[float], float] = lambda value: float(np.clip(value, 0, 1))  # noqa: E731
    return Forecasted(curve, found.value, found.low, found.high, inside(line), inside(power), fitted.is_erratic)


def committed() -> Iterator[Curve]:
    """The curves of the coffee machine, on recordings of real people."""
    rows = [json.loads(path.read_text()) for path in sorted((HERE.parent / "results" / "coffee").glob("*.json"))]
    for metric in ("slot_f1", "exact_match"):
        text = [row for row in rows if row["scheme"] == "text-only"]
        for scheme in ("curriculum", "direct-mixing"):
            own = [*text, *(row for row in rows if row["scheme"] == scheme)]
            points = [
                Measurement(
                    row["speech_utterances"] if row["budget"] else 0,
                    row["scores"][metric]["value"],
                    (row["scores"][metric]["high"] - row["scores"][metric]["low"]) / (2 * Z_LEVEL),
                )
                for row in own
            ]
            yield Curve(OWN, f"{scheme} {metric}", by_amount(points))


def published() -> Iterator[Curve]:
    for name, points in PUBLISHED.items():
        yield Curve("NeMo", name, tuple(Measurement(n, score, deviation_of(score)) for n, score in points))


def given(file: Path) -> Iterator[Curve]:
    for one in json.loads(file.read_text(encoding="utf-8")):
        scale = 100.0 if "%" in one["metric"] or "x100" in one["metric"] else 1.0
        points = [measurement(point, scale, one["direction"] == "lower") for point in one["points"]]
        yield Curve(one["group"], one["id"], by_amount(points))


def measurement(point: dict[str, Any], scale: float, is_error: bool) -> Measurement:
    value = float(np.clip(point["score"] / scale, 0, 1))
    score = 1 - value if is_error else value
    deviation = point.get("stderr") or point.get("sd", 0) / math.sqrt(point.get("n_seeds") or 1)
    return Measurement(point["n"], score, deviation / scale if deviation else deviation_of(score))


def deviation_of(score: float) -> float:
    p = float(np.clip(score, 0.02, 0.98))
    return math.sqrt(p * (1 - p) / TYPICAL_TEST)


def simulated() -> Iterator[Curve]:
    """Curves of five laws, at amounts that double, with the noise of a test of 300 and of seeds."""
    laws: dict[str, Callable[[np.random.Generator], Callable[[float], float]]] = {
        "anchored power": lambda r: anchored(r.uniform(1, 60), r.uniform(0.2, 1.2), r.exponential(0.1)),
        "exponential": lambda r: saturating(r.uniform(10, 200), r.uniform(0.4, 1.0), r.uniform(0, 0.4)),
        "sigmoid in log n": lambda r: sigmoid(r.uniform(10, 200), r.uniform(0.6, 2.0), r.uniform(0, 0.3)),
        "logarithmic": lambda r: logarithmic(r.uniform(0.05, 0.14)),
        "rational": lambda r: rational(r.uniform(10, 200), r.uniform(0.5, 1.2), r.uniform(0, 0.3)),
    }
    random = np.random.default_rng(0)
    for law, make in laws.items():
        for number in range(SIMULATED):
            start, falls = random.uniform(0.25, 0.9), make(random)
            amounts = [0, *(8 * 2**k for k in range(random.integers(4, 7)))][0 if random.random() < 0.6 else 1 :]
            points = []
            for amount in amounts:
                true = 1 - start * falls(amount)
                noise = random.normal(0, math.hypot(deviation_of(true), 0.01))
                points.append(Measurement(amount, float(np.clip(true + noise, 0, 1)), deviation_of(true)))
            yield Curve(f"simulated: {law}", str(number), tuple(points))


def anchored(begin: float, slope: float, floor: float) -> Callable[[float], float]:
    return lambda n: (1 - min(floor, 0.9)) * (1 + n / begin) ** -slope + min(floor, 0.9)


def saturating(scale: float, stretch: float, floor: float) -> Callable[[float], float]:
    return lambda n: (1 - floor) * math.exp(-((n / scale) ** stretch)) + floor


def sigmoid(middle: float, slope: float, floor: float) -> Callable[[float], float]:
    return lambda n: (1 - floor) / (1 + (n / middle) ** slope) + floor


def logarithmic(slope: float) -> Callable[[float], float]:
    return lambda n: max(0.02, 1 - slope * math.log1p(n / 4))


def rational(middle: float, slope: float, floor: float) -> Callable[[float], float]:
    return lambda n: 1 - (1 - floor) * n**slope / (middle**slope + n**slope) if n else 1.0


def by_amount(points: Sequence[Measurement]) -> tuple[Measurement, ...]:
    return tuple(sorted(points, key=lambda point: point.amount))


def sources_of(found: Sequence[Forecasted]) -> list[str]:
    return list(dict.fromkeys(one.curve.source for one in found))


def summary(found: Sequence[Forecasted]) -> dict[str, float]:
    """Mean absolute errors in points, and the percentage of scores inside the 95 % interval."""
    if not found:
        return {"curves": 0}
    off = {name: [abs(getattr(one, name) - one.measured) for one in found] for name in ("value", "line", "power")}
    inside = [one.low <= one.measured <= one.high for one in found]
    return {
        "curves": len(found),
        "eartune": round(100 * float(np.mean(off["value"])), 2),
        "line in log n": round(100 * float(np.mean(off["line"])), 2),
        "power law": round(100 * float(np.mean(off["power"])), 2),
        "inside the interval %": round(100 * float(np.mean(inside)), 1),
        "width of the interval": round(100 * float(np.mean([one.high - one.low for one in found])), 1),
    }


def over_sources(sources: dict[str, dict[str, float]]) -> dict[str, float]:
    """The means of the sources' figures."""
    keys = [key for key in next(iter(sources.values())) if key != "curves"]
    means = {key: round(float(np.mean([one[key] for one in sources.values()])), 2) for key in keys}
    return {"sources": len(sources), "curves": sum(int(one["curves"]) for one in sources.values())} | means


def row(one: Forecasted) -> dict[str, Any]:
    """One forecast in points, without the measurements that it rests on."""
    numbers = {"forecast": one.value, "low": one.low, "high": one.high, "measured": one.measured}
    head = {"source": one.curve.source, "curve": one.curve.name}
    return head | {name: round(100 * value, 1) for name, value in numbers.items()} | {"erratic": one.erratic}


if __name__ == "__main__":
    main()
