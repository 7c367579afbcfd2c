"""Which target languages will fail: what each predictor says before training, and how far it was right afterwards.

figures of each target -> table, order of each predictor; with runs -> rank correlations, pairs that contradict one

All predictors are hypotheses: what is known of them is from text models. So each is held against what was measured.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eartune.data.language_distance import without_region
from eartune.errors import InputError
from eartune.evaluation.metrics import Score, holm
from eartune.evaluation.rank_correlation import FEWEST, RankCorrelation, rank_correlation
from eartune.evaluation.transcript_errors import TranscriptErrors
from eartune.report.result import RunResult, read_results
from eartune.report.scheme_result import SchemeResult, join_seeds
from eartune.report.table import metrics_of
from eartune.report.wording import metric_name
from eartune.tables import Table
from eartune.wording import ABSENT, PERCENT, capitalised, counted, listed, percent


@dataclass(frozen=True)
class Target:
    """What is known of a target language before anything is trained; None or nothing where it is not."""

    language: str
    errors: TranscriptErrors | None = None
    """Those of the untuned model's transcripts."""
    clips: int = 0
    """How many recordings were transcribed."""
    typed: Score | None = None
    """The score of a model tuned on text alone that reads typed words of the target."""
    tokens_a_character: float | None = None
    tokens: float | None = None
    """Tokens against English: of the same sentences if they are parallel, else a character."""
    distances: Mapping[str, float] = field(default_factory=dict)
    """From the source language, 0 to 1, by what is compared: syntax, phonology, inventory, family."""
    hours: int | None = None
    """Hours of transcribed speech in the pretraining of the encoder."""


@dataclass(frozen=True)
class Predictor:
    """A figure by which targets are put in order."""

    name: str
    higher_is_better: bool
    of: Callable[[Target], float | None]


def _distance(aspect: str) -> Predictor:
    return Predictor(f"{aspect} distance", False, lambda target: target.distances.get(aspect))


PREDICTORS = (
    Predictor("character errors", False, lambda target: target.errors.characters if target.errors else None),
    Predictor("typed score", True, lambda target: target.typed.value if target.typed else None),
    Predictor("tokens against English", False, lambda target: target.tokens),
    *map(_distance, ("syntax", "phonology", "inventory", "family")),
    Predictor("hours in pretraining", True, lambda target: target.hours),
)


@dataclass(frozen=True)
class Transfer:
    """What was measured in a run for one target: a score, and how far it is above text alone."""

    language: str
    name: str
    """The row of the run, such as "curriculum 0%"."""
    score: Score
    gain: float | None
    """None where the row is text alone, or the run has none."""
    metric: str
    """The key of the metric of the score, such as slot_f1."""


def figures_table(targets: Sequence[Target]) -> Table:
    """Return a table with a line for each target; columns of which nothing is known are left out."""
    columns: list[tuple[str, list[str]]] = [
        ("character errors %", [_percent(one.errors.characters if one.errors else None) for one in targets]),
        ("word errors %", [_percent(one.errors.words if one.errors else None) for one in targets]),
        ("clips", [str(one.clips) if one.clips else ABSENT for one in targets]),
        ("typed score %", [_percent(one.typed.value if one.typed else None) for one in targets]),
        ("tokens a character", [_number(one.tokens_a_character) for one in targets]),
        ("tokens against English", [_number(one.tokens) for one in targets]),
        *(
            (aspect, [_number(one.distances.get(aspect)) for one in targets])
            for aspect in ("syntax", "phonology", "inventory", "family")
        ),
        ("hours in pretraining", [ABSENT if one.hours is None else f"{one.hours:,}" for one in targets]),
    ]
    known = [(heading, cells) for heading, cells in columns if set(cells) != {ABSENT}]
    lines = zip([one.language for one in targets], *(cells for _, cells in known), strict=True)
    return Table(("target", *(heading for heading, _ in known)), tuple(lines), left=1)


def forecasts(targets: Sequence[Target]) -> list[str]:
    """Return a sentence for each predictor that knows at least two targets: their order, the worst first."""
    sentences = []
    for predictor in PREDICTORS:
        known = [(value, one.language) for one in targets if (value := predictor.of(one)) is not None]
        if len({value for value, _ in known}) > 1:
            worst_first = sorted(known, key=lambda pair: pair[0], reverse=not predictor.higher_is_better)
            names = listed([language for _, language in worst_first])
            sentences.append(f"By {predictor.name}, the worst first: {names}.")
    return sentences


def measured_transfers(runs: Sequence[Path], row: str | None, metric: str | None = None) -> list[Transfer]:
    """Return what each run measured, as `measured_transfer` does; raises InputError for two runs of one language."""
    found: dict[str, Transfer] = {}
    for run in runs:
        one = measured_transfer(run, row, metric)
        if one.language.lower() in found:
            raise InputError(f"{run}: its test is in {one.language}, as that of another run; name one run for each")
        found[one.language.lower()] = one
    return list(found.values())


def measured_transfer(run: Path, row: str | None, metric: str | None = None) -> Transfer:
    """Return what a run measured for the language of its test.

    `row` names a scheme, and a budget behind a space. Without it, it is the first row with a budget of 0 %, or else
    text alone. `metric` is by default the main metric of the run. Raises InputError if the run has no such row with a
    score, no such metric, or a test of several languages.
    """
    results = read_results(run)
    known = metrics_of(results)
    if metric is not None and metric not in known:
        raise InputError(f"{run}: has no metric {metric!r}; it has {', '.join(known)}")
    metric = metric or results[0].main_metric
    rows = [one for one in join_seeds(results) if one.score(metric) is not None]
    language = _language(run, results)
    found = _chosen(rows, row)
    if found is None:
        names = listed([one.name for one in rows]) if rows else "no finished model"
        raise InputError(f"{run}: has no finished row {row or 'at 0% or of text alone'}; it has {names}")
    score = found.score(metric)
    assert score is not None
    texts = [one.score(metric) for one in rows if one.role == "text reference" and one.budget is None]
    text = texts[0] if texts and found.role != "text reference" else None
    return Transfer(language, found.name, score, None if text is None else score.value - text.value, metric)


def _language(run: Path, results: Sequence[RunResult]) -> str:
    """The language of the test of a run, with its region where the corpus names one."""
    languages = sorted({name for result in results for name in result.languages.get("test", [])})
    if len(languages) != 1:
        raise InputError(f"{run}: its test has {counted(len(languages), 'known language')}, and one is needed")
    return languages[0]


def by_target(targets: Sequence[Target], transfers: Sequence[Transfer]) -> dict[str, Transfer]:
    """Return what was measured for each target that has a run, by the name of the target.

    That is the run with a test in just this language, or in another region of it, if no other target and no other run
    is of the same language: a run counts once.
    """
    exact = {one.language.lower(): one for one in transfers}
    found = {}
    for target in targets:
        related = [one for one in transfers if _is_related(one.language, target.language)]
        rivals = {one.language.lower() for one in targets if _is_related(one.language, target.language)}
        if target.language.lower() in exact:
            found[target.language] = exact[target.language.lower()]
        elif len(related) == len(rivals) == 1:
            found[target.language] = related[0]
    return found


def _is_related(one: str, other: str) -> bool:
    """Whether two names are of one language, perhaps of different regions."""
    return without_region(one) == without_region(other)


def _chosen(rows: Sequence[SchemeResult], row: str | None) -> SchemeResult | None:
    if row is not None:
        return next((one for one in rows if one.name == row), None)
    zero_shot = (one for one in rows if one.budget is not None and one.share == 0)
    texts = (one for one in rows if one.role == "text reference" and one.budget is None)
    return next(zero_shot, None) or next(texts, None)


@dataclass(frozen=True)
class Agreement:
    """How far a predictor puts targets in the order that was measured."""

    predictor: Predictor
    of_score: RankCorrelation
    """1 if the order is the predicted one, -1 if it is the opposite."""
    of_gain: RankCorrelation | None
    adjusted_p: float
    """The p of the score after Holm's correction for all predictors."""


def agreements(targets: Sequence[Target], transfers: Sequence[Transfer]) -> list[Agreement]:
    """Return the rank correlation of each predictor with the transfer, over the targets that have both."""
    found: list[tuple[Predictor, RankCorrelation, RankCorrelation | None]] = []
    for predictor in PREDICTORS:
        pairs = _pairs(predictor, targets, transfers)
        of_score = rank_correlation([value for value, _ in pairs], [one.score.value for _, one in pairs])
        gains = [(value, one.gain) for value, one in pairs if one.gain is not None]
        of_gain = rank_correlation([value for value, _ in gains], [gain for _, gain in gains])
        if of_score is not None:
            found.append((predictor, of_score, of_gain))
    adjusted = holm([of_score.p for _, of_score, _ in found])
    return [Agreement(*one, p) for one, p in zip(found, adjusted, strict=True)]


def _pairs(
    predictor: Predictor, targets: Sequence[Target], transfers: Sequence[Transfer]
) -> list[tuple[float, Transfer]]:
    """What a predictor says of each target, higher for what it thinks better, and what was measured."""
    measured = by_target(targets, transfers)
    sign = 1.0 if predictor.higher_is_better else -1.0
    return [
        (sign * value, measured[one.language])
        for one in targets
        if one.language in measured and (value := predictor.of(one)) is not None
    ]


def agreement_table(found: Sequence[Agreement]) -> Table:
    """Return a table with a line for each predictor."""
    lines = [
        (
            one.predictor.name,
            str(one.of_score.n),
            _correlation(one.of_score),
            f"{one.of_score.p:.3f}",
            f"{one.adjusted_p:.3f}",
            _correlation(one.of_gain),
        )
        for one in found
    ]
    headings = ("predictor", "targets", "agreement with the score", "p", "p (Holm)", "with the gain over text")
    return Table(headings, tuple(lines), left=1)


def agreement_sentences(
    targets: Sequence[Target], transfers: Sequence[Transfer], found: Sequence[Agreement]
) -> list[str]:
    """Return what the correlations show, and for each predictor the clearest pair of targets that contradicts it.

    The last sentence names the runs that belong to no target.
    """
    measured = by_target(targets, transfers)
    n = len(measured)
    left_out = [one.language for one in transfers if one not in measured.values()]
    unused = (
        [f"What was measured in {listed(left_out)} belongs to no target: --to must name it just so."]
        if left_out
        else []
    )
    if not found:
        return [f"{counted(n, 'target')} with a run: rank correlations need {FEWEST} with different figures.", *unused]
    shown = [one.predictor.name for one in found if one.adjusted_p < 0.05 and one.of_score.rho > 0]
    if shown:
        said = (
            f"Over {counted(n, 'target')}, the order that was measured agrees with that of {listed(shown)}, beyond "
            "chance."
        )
    else:
        said = (
            f"Over {counted(n, 'target')}, no predictor is shown to be better than chance after the correction for "
            f"{len(found)} of them."
        )
    against = [contradiction(one.predictor, targets, transfers) for one in found]
    return [said, *(sentence for sentence in against if sentence), *unused]


def contradiction(predictor: Predictor, targets: Sequence[Target], transfers: Sequence[Transfer]) -> str | None:
    """Return the pair of targets that a predictor has in the wrong order by the widest gap; None without such a pair.

    Only pairs whose measured intervals do not overlap count.
    """
    pairs = _pairs(predictor, targets, transfers)
    wrong = [
        (better.score.value - worse.score.value, better, worse)
        for value, worse in pairs
        for other, better in pairs
        if value > other and better.score.low > worse.score.high
    ]
    if not wrong:
        return None
    _, better, worse = max(wrong, key=lambda found: found[0])
    return (
        f"{capitalised(predictor.name)} would have {worse.language} above {better.language}, but {better.language} "
        f"reaches {percent(better.score.value)}{PERCENT} and {worse.language} {percent(worse.score.value)}{PERCENT}: "
        "it does not explain these two."
    )


def transfer_table(transfers: Sequence[Transfer]) -> Table:
    """Return what was measured, the worst target first."""
    ordered = sorted(transfers, key=lambda one: one.score.value)
    lines = [
        (
            one.language,
            one.name,
            f"{percent(one.score.value)} [{percent(one.score.low)}, {percent(one.score.high)}]",
            ABSENT if one.gain is None else f"{100 * one.gain:+.1f}",
        )
        for one in ordered
    ]
    scores = " or ".join(dict.fromkeys(metric_name(one.metric) for one in ordered))
    return Table(("target", "measured", f"{scores} %", "above text alone"), tuple(lines), left=2)


def _percent(value: float | None) -> str:
    return ABSENT if value is None else percent(value)


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.2f}"


def _correlation(found: RankCorrelation | None) -> str:
    return ABSENT if found is None else f"{found.rho:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
