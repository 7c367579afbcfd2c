"""What the results suggest to do: rules that each look for one kind of failure and name its remedy.

rows, answers, comparisons, curves -> Evidence -> RULES -> sentences; docs/enough.md describes each rule
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import mean, median, stdev

from eartune.data.normalization import normalize_spoken_text
from eartune.evaluation.metrics import Score
from eartune.evaluation.metrics.power import Z_LEVEL
from eartune.evaluation.transcript_errors import TranscriptErrors, transcript_errors, word_edits
from eartune.report.answers import RunAnswers
from eartune.report.differences import Comparison, find_comparison, paired_models
from eartune.report.enough import Wish, next_round, round_up
from eartune.report.label_scores import label_scores, shown_side_by_side
from eartune.report.result import SHARED, RunResult
from eartune.report.scheme_result import SchemeResult, baselines
from eartune.report.speech_curve import Fits, scheme_settings, uses_synthetic
from eartune.report.wording import metric_name
from eartune.training.scheme import SELF
from eartune.wording import PERCENT, capitalised, counted, listed, percent

NEAR_ALL_SPEECH = 0.85
"""The share of the score of all speech that text alone reaches where it carries over: 0.85 to 0.95 in the paper."""
WELL_HEARD = 0.2
"""The rate of errors in the untuned model's transcripts up to which it hears well enough to be read."""
WELL_UNDERSTOOD = 0.6
"""The share of exactly right answers to words without error below which text is not learned well enough."""
FEW = 0.1
"""The share of the speech pool up to which recordings are few."""
UNKNOWN = 0.03
"""The share of answers with unknown labels from which a constrained search is worth its time."""
LEAST_OCCURRENCES = 10
"""How often a kind of entity must occur before its score means something."""
BELOW_OTHERS = 0.2
"""How far the score of a weak kind of entity lies below the median of all kinds, as a fraction of 1."""
WORDS_TELL = 0.6
"""The share of the test up to which the words of a sentence do not tell its label."""
LEAKED = 0.05
"""The share of test sentences that training has too from which a score is too good."""
LEAST_DIFFERENCE = 0.01
"""The difference that a user would want to see, as a fraction of 1."""
MOST_SEEDS, LARGEST_TEST = 20, 20
"""The most seeds, and the largest test as a multiple of the present one, that are worth asking for."""


@dataclass(frozen=True)
class Hearing:
    """How well the untuned model transcribes the test."""

    errors: TranscriptErrors
    perfect: frozenset[tuple[str, str | None]]
    """The id and file of each recording whose words it wrote without an error."""

    @property
    def rate(self) -> float:
        """The word error rate; that of characters where no words are separated."""
        return self.errors.characters if self.errors.words is None else self.errors.words

    def __str__(self) -> str:
        """Name the rate, such as "20.0 % word errors"."""
        return f"{percent(self.rate)}{PERCENT} {'character' if self.errors.words is None else 'word'} errors"


@dataclass(frozen=True)
class Evidence:
    """All that the rules look at."""

    rows: tuple[SchemeResult, ...]
    metric: str
    comparisons: tuple[Comparison, ...] = ()
    answers: RunAnswers | None = None
    next_round: str = ""
    """What the learning curve advises, as a sentence; empty where there is no curve."""
    target: float | None = None
    """The score that the user wants to reach, 0 to 1."""

    def first(self, role: str) -> tuple[SchemeResult, Score] | None:
        """Return the best row of a role, without recordings, and its score."""
        found = [pair for pair in self.scored if pair[0].role == role and pair[0].budget is None]
        return max(found, key=lambda pair: pair[1].value, default=None)

    @cached_property
    def scored(self) -> tuple[tuple[SchemeResult, Score], ...]:
        """The rows that have a score."""
        return tuple((row, score) for row in self.rows if (score := row.score(self.metric)) is not None)

    @cached_property
    def spoken(self) -> tuple[tuple[SchemeResult, Score], ...]:
        """The rows that were trained on a budget of recordings, the best first."""
        spoken = [pair for pair in self.scored if pair[0].budget is not None]
        return tuple(sorted(spoken, key=lambda pair: -pair[1].value))

    @property
    def own_cascade(self) -> tuple[SchemeResult, Score] | None:
        """The cascade that reads the untuned model's own transcripts."""
        cascades = [pair for pair in self.scored if pair[0].role == "transcript reference"]
        return next((one for one in cascades if scheme_settings(one[0]).get("asr", SELF) == SELF), None)

    @property
    def hearing_models(self) -> tuple[tuple[SchemeResult, Score], ...]:
        """The rows that answer the sound after training, with recordings or without."""
        return tuple(pair for pair in self.scored if pair[0].role not in ("untuned", "transcript reference"))

    @cached_property
    def hearing(self) -> Hearing | None:
        """How the untuned model hears; None where the run has no transcripts of its own, or the test no words.

        Of several architectures, transcripts do not say whose they are.
        """
        heard = self.answers.transcripts if self.answers and not self.rows[0].architecture else {}
        if not self.answers or not heard:
            return None
        test = self.answers.test
        pairs = {key: (test[key[0]].text or "", text) for key, text in heard.items() if key[0] in test}
        errors = transcript_errors(pairs.values())
        perfect = (key for key, (said, text) in pairs.items() if said and word_edits(said, text)[0] == 0)
        return None if errors is None else Hearing(errors, frozenset(perfect))

    @property
    def has_free_answers(self) -> bool:
        """Whether any text may be an answer, as a translation is, so that few are exactly right."""
        return self.answers is not None and self.answers.are_free

    @cached_property
    def told_by_words(self) -> float | None:
        """The share of the test that is right if every sentence is answered with its most frequent label.

        Whoever knows the words alone cannot do better. None where the test has rows without words.
        """
        if not self.answers or any(utterance.text is None for utterance in self.answers.test.values()):
            return None
        labels: dict[str, Counter[str]] = {}
        for utterance in self.answers.test.values():
            label = self.answers.task.parts(self.answers.task.reference(utterance))[0][1]
            labels.setdefault(normalize_spoken_text(utterance.text or ""), Counter())[label] += 1
        return sum(counts.most_common(1)[0][1] for counts in labels.values()) / len(self.answers.test)

    def right_where_heard(self, result: RunResult) -> tuple[int, int]:
        """Return how many recordings were heard without an error, and how many of those a model answers exactly."""
        if not self.answers or not self.hearing:
            return 0, 0
        heard = [one for one in self.answers.predictions(result) if (one.id, one.file) in self.hearing.perfect]
        right = sum(one.answer == self.answers.task.reference(self.answers.test[one.id]) for one in heard)
        return len(heard), right

    def is_better(self, one: tuple[SchemeResult, Score], than: tuple[SchemeResult, Score]) -> bool:
        """Return whether a row is better by the paired test, or by intervals where it was not tested."""
        tested = find_comparison(self.comparisons, than[0], one[0])
        if tested:
            return tested.is_significant and tested.difference.value > 0
        return one[1].low > than[1].high


def evidence_of(
    families: Sequence[tuple[SchemeResult, ...]],
    metric: str,
    compared: Sequence[Comparison],
    answers: RunAnswers | None,
    fits: Fits,
    wish: Wish,
) -> list[Evidence]:
    """Return the evidence of each architecture, whose rows are compared and whose curves are fitted by themselves."""
    return [
        Evidence(own, metric, _among(compared, own), answers, next_round(fits.of(own), wish), wish.target)
        for own in families
    ]


def _among(compared: Sequence[Comparison], rows: Sequence[SchemeResult]) -> tuple[Comparison, ...]:
    keys = {row.key for row in rows}
    return tuple(one for one in compared if {one.first.key, one.second.key} <= keys)


Rule = Callable[[Evidence], str | None]


def diagnose(evidence: Evidence) -> tuple[str, ...]:
    """Return what each rule that applies finds, in the order of their urgency."""
    return tuple(found for rule in RULES if (found := rule(evidence)))


def record_nothing_yet(evidence: Evidence) -> str | None:
    """A cascade of the model with itself is as good as any model that answers the sound, and better than text alone.

    Where the user wants a score that it does not reach, recordings are what is left to try.
    """
    cascade, text = evidence.own_cascade, evidence.first("text reference")
    if not cascade or not evidence.hearing_models or (text and text[1].value >= cascade[1].value):
        return None
    if any(evidence.is_better(one, cascade) for one in evidence.hearing_models):
        return None
    if evidence.target is not None and cascade[1].value < evidence.target:
        return None
    tested = [find_comparison(evidence.comparisons, cascade[0], row) for row, _ in evidence.spoken]
    basis = "" if all(tested) else ", by the intervals of the scores where answers are not at hand"
    return (
        f"Record nothing yet: {cascade[0].prose_name} reaches {_value(evidence, cascade)} without any recording, and "
        f"no model that answers the sound directly is shown to be better{basis}. Ask the model of text-only tuning "
        "through words (decoding: {through: words})."
    )


def words_do_not_tell(evidence: Evidence) -> str | None:
    """The same sentences stand under several labels, as where an emotion is to be heard: only the sound tells them."""
    share = evidence.told_by_words
    if share is None or share > WORDS_TELL:
        return None
    text = evidence.first("text reference")
    reached = f"; {text[0].prose_name} reaches {_value(evidence, text)}" if text else ""
    return (
        "Here the sound is what matters: the same sentences stand under several labels, so that nobody who knows the "
        f"words alone can give more than {percent(share)}{PERCENT} of the right labels{reached}. What is above that "
        "was heard, by the model as it was or from recordings that it learned from."
    )


def the_sound_matters(evidence: Evidence) -> str | None:
    """Text alone is far below all speech, and a transcript does not make up for it."""
    text, everything = evidence.first("text reference"), _all_speech(evidence)
    if not text or not everything or record_nothing_yet(evidence):
        return None
    share = text[1].value / everything[1].value if everything[1].value else 1.0
    if share >= NEAR_ALL_SPEECH or not evidence.is_better(everything, text) or words_do_not_tell(evidence):
        return None
    return (
        f"The sound matters: {text[0].prose_name} reaches {100 * share:.0f}{PERCENT} of what all recordings bring. "
        f"{evidence.next_round or 'Record more, and run again.'}"
    )


def few_recordings_drown(evidence: Evidence) -> str | None:
    """At few recordings, mixing them with all text at once is worse than text first."""
    bases = {row.key for row in baselines(evidence.rows) if row.role == "baseline"}
    found = [
        one
        for one in evidence.comparisons
        if one.first.key in bases
        and one.first.budget == one.second.budget
        and one.first.share <= FEW
        and uses_synthetic(one.first) == uses_synthetic(one.second)
        and one.is_significant
        and one.difference.value > 0
    ]
    if not found:
        return None
    most = max(found, key=lambda one: one.difference.value)
    return (
        f"At {most.first.budget} of the speech {most.second.prose_name} is {100 * most.difference.value:.1f} points "
        f"above {most.first.prose_name}, in which few recordings drown in text: take {most.second.prose_name}, or show "
        "recordings more often (least_speech: 0.3)."
    )


def transfer_fails(evidence: Evidence) -> str | None:
    """The test is in a language that the text does not have, and the score is low."""
    text, result = evidence.first("text reference"), evidence.rows[0].cells[0]
    known, tested = result.languages.get("text", []), result.languages.get("test", [])
    new = sorted(set(tested) - set(known)) if known else []
    everything = _all_speech(evidence)
    if not new or not text or text[1].value >= NEAR_ALL_SPEECH * (everything[1].value if everything else 1.0):
        return None
    said = f"What was learned in {listed(known)} does not carry over to {listed(new)}"
    if not evidence.hearing:
        return f"{said}: add `type: cascade` to grid.schemes, whose transcripts tell hearing from the language itself."
    rate = f"{evidence.hearing} of the untuned model"
    if evidence.hearing.rate > WELL_HEARD:
        return f"{said}: it hears badly ({rate}), so take a checkpoint that knows the language."
    return f"{said}, though it hears well ({rate}): add text of that language, or of one that is related."


def text_is_not_learned(evidence: Evidence) -> str | None:
    """Even words without an error are often understood wrongly."""
    cascade = evidence.first("transcript reference")
    if not cascade or evidence.has_free_answers:
        return None
    heard, right = evidence.right_where_heard(cascade[0].finished[0])
    if heard < LEAST_OCCURRENCES or right / heard >= WELL_UNDERSTOOD:
        return None
    return (
        f"Of {counted(heard, 'recording')} whose words it has without an error, the model of text alone answers "
        f"{right} exactly: more text or more steps (epochs, a smaller batch) are needed before more speech."
    )


def what_text_taught_is_lost(evidence: Evidence) -> str | None:
    """What is understood in words is not understood in sound: it is heard wrongly, or heard and not understood."""
    cascade, text = evidence.first("transcript reference"), evidence.first("text reference")
    if not cascade or not text or not evidence.hearing or text_is_not_learned(evidence):
        return None
    rate, everything = str(evidence.hearing), _all_speech(evidence)
    if everything and evidence.is_better(everything, cascade):  # it hears what it needs, once it was trained to
        return None
    if evidence.hearing.rate > WELL_HEARD:
        return (
            f"Hearing sets a limit: the untuned model has {rate} on the test. A better audio checkpoint, or "
            "transcribed speech of your domain for the alignment stage, comes before anything else."
        )
    if text[1].value >= NEAR_ALL_SPEECH * cascade[1].value:
        return None
    return (
        f"The model hears well ({rate}) and understands what it reads ({_value(evidence, cascade)}), but not what it "
        f"hears ({percent(text[1].value)}{PERCENT}): what text taught does not carry over to sound. Ask it through "
        "words, or train it with synthetic voices."
    )


def labels_are_unknown(evidence: Evidence) -> str | None:
    """Answers name labels that the data does not have."""
    shares = {
        row.prose_name: sum(result.answers.get("UNKNOWN_LABEL", 0) for result in row.finished)
        / max(1, sum(sum(result.answers.values()) for result in row.finished))
        for row in evidence.rows
        if row.role != "untuned" and row.finished
    }
    name, share = max(shares.items(), key=lambda pair: pair[1], default=("", 0.0))
    if share < UNKNOWN:
        return None
    return (
        f"{100 * share:.0f}{PERCENT} of the answers of {name} name labels that the data does not have: limit answers "
        "to known ones (decoding: {constrain: schema})."
    )


def one_kind_is_weak(evidence: Evidence) -> str | None:
    """One kind of entity is far below the others."""
    shown = shown_side_by_side(evidence.rows, evidence.metric)
    if not evidence.answers or not shown:
        return None
    best = shown[-1]
    values: dict[str, Counter[str]] = {}
    occurs: Counter[str] = Counter()
    for one in evidence.answers.answered(best):
        right = evidence.answers.task.parts(one.reference)[1:]
        said = evidence.answers.task.parts(one.predicted)[1:] if one.predicted is not None else ()
        for name, value in right:
            occurs[name] += 1
            if (name, value) not in said:
                values.setdefault(name, Counter())[value] += 1
    scores = {name: score for name, score in label_scores(evidence.answers, best).items() if name in occurs}
    often = {name: score for name, score in scores.items() if occurs[name] >= LEAST_OCCURRENCES}
    if len(often) < 2:
        return None
    name, worst = min(often.items(), key=lambda pair: pair[1].value)
    if worst.high >= median(score.value for score in often.values()) - BELOW_OTHERS:
        return None
    weak = (
        f"{name} is far below all other entities ({percent(worst.value)}{PERCENT} F1, {counted(occurs[name], 'time')} "
        "in the test)"
    )
    if name not in values:
        return f"{weak}: {best.name} finds it where it is not; add sentences that are like those, without it."
    missed = [f'"{value}"' for value, _ in values[name].most_common(3)]
    return f"{weak}: add sentences with it; {best.name} misses {listed(missed)} most."


def the_test_leaks(evidence: Evidence) -> str | None:
    """Training has sentences of the test."""
    test = evidence.rows[0].cells[0].test
    shared, sentences = test.get(SHARED, 0), test.get("sentences", 0)
    if not sentences or shared / sentences < LEAKED or words_do_not_tell(evidence):
        return None
    return (
        f"{shared} of {counted(sentences, 'test sentence')} stand in the training text too, or share eight words in a "
        "row with it, so that the scores are too good for new sentences: test on others."
    )


def seeds_differ_more_than_schemes(evidence: Evidence) -> str | None:
    """The variation between seeds or selections hides the difference between the best schemes of a budget."""
    for budget in dict.fromkeys(row.budget for row, _ in evidence.spoken):
        best = [pair for pair in evidence.spoken if pair[0].budget == budget][:2]
        if len(best) < 2 or any(len(row.finished) < 2 for row, _ in best):
            continue
        pairs = paired_models(best[1][0], best[0][0])
        what = "seed" if len({one.seed for one, _ in pairs}) > 1 else "selection"
        gaps = [one.scores[evidence.metric].value - other.scores[evidence.metric].value for other, one in pairs]
        if len(gaps) < 2 or not stdev(gaps) > mean(gaps) >= LEAST_DIFFERENCE:
            continue
        needed = math.ceil((Z_LEVEL * stdev(gaps) / mean(gaps)) ** 2)
        if needed <= MOST_SEEDS:
            return (
                f"{capitalised(best[0][0].prose_name)} is {100 * mean(gaps):.1f} points above "
                f"{best[1][0].prose_name} at {budget}, which differs by {100 * stdev(gaps):.1f} from {what} to {what}: "
                f"train about {needed} {what}s of each before you choose."
            )
    return None


def the_test_is_too_small(evidence: Evidence) -> str | None:
    """A difference that the user would want to see is smaller than what the test can tell."""
    unclear = [
        one
        for one in evidence.comparisons
        if not one.is_significant and LEAST_DIFFERENCE <= abs(one.difference.value) < one.detectable
    ]
    if not unclear:
        return None
    widest = max(unclear, key=lambda one: abs(one.difference.value))
    size = widest.first.finished[0].test.get("recordings", widest.difference.first.n)
    times = widest.test_to_detect(widest.difference.value, len(evidence.comparisons))
    if times > LARGEST_TEST:
        return None
    return (
        f"The test is too small to tell {widest.second.prose_name} from {widest.first.prose_name} "
        f"({100 * widest.difference.value:+.1f} points{_at(widest)}): about {round_up(size * times):,.0f} test "
        f"recordings would do, {size:,} are there."
    )


RULES: tuple[Rule, ...] = (
    words_do_not_tell,
    record_nothing_yet,
    text_is_not_learned,
    what_text_taught_is_lost,
    the_sound_matters,
    few_recordings_drown,
    transfer_fails,
    labels_are_unknown,
    one_kind_is_weak,
    the_test_leaks,
    seeds_differ_more_than_schemes,
    the_test_is_too_small,
)


def _all_speech(evidence: Evidence) -> tuple[SchemeResult, Score] | None:
    """The best row that was trained on the whole pool of recordings."""
    return next((pair for pair in evidence.spoken if pair[0].uses_all_speech), None)


def _value(evidence: Evidence, pair: tuple[SchemeResult, Score]) -> str:
    return f"{percent(pair[1].value)}{PERCENT} {metric_name(evidence.metric)}"


def _at(one: Comparison) -> str:
    return f" at {one.second.budget}" if one.second.budget else ""
