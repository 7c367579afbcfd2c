"""Each rule of diagnosis finds its kind of failure in made-up results, and only that."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.evaluation.metrics import Difference
from eartune.files import write_lines
from eartune.report import diagnosis
from eartune.report.answers import RunAnswers
from eartune.report.details import details_of
from eartune.report.diagnosis import Evidence, diagnose
from eartune.report.differences import Comparison
from eartune.report.enough import Wish
from eartune.report.result import SHARED, write_result
from eartune.report.scheme_result import SchemeResult, by_architecture, join_seeds
from eartune.report.speech_curve import fit_schemes
from eartune.run_folder import RunFolder
from eartune.tasks.classification import ClassificationTask
from eartune.tasks.prediction import Prediction, write_predictions
from eartune.tasks.slu import SluTask
from eartune.tasks.task import ParseStatus
from eartune.tasks.translation import TranslationTask

N = 40
NEXT = "Record 30, then run again."


@pytest.fixture
def grid(cell):
    """Rows of a usual grid whose scores are given by name, or by (name, budget)."""

    def make(**scores: float | tuple[float, ...]) -> tuple[SchemeResult, ...]:
        shares = {"few": ("5%", 0.05), "all": ("100%", 1.0)}
        results = []
        for name, value in scores.items():
            scheme, _, when = name.partition("_at_")
            label = scheme.replace("_", "-")
            budget, share = shares.get(when, (None, 0.0))
            for seed, one in enumerate(value if isinstance(value, tuple) else (value,)):
                results.append(cell(label, budget, one, share=share, seed=seed, scheme_type=label))
        return join_seeds(results)

    return make


def row_of(rows: Sequence[SchemeResult], scheme: str, budget: str | None = None) -> SchemeResult:
    return next(row for row in rows if row.key == (scheme, budget))


def compared(first: SchemeResult, second: SchemeResult, p: float, half_width: float = 0.05) -> Comparison:
    before, after = first.score("slot_f1"), second.score("slot_f1")
    assert before and after
    value = after.value - before.value
    return Comparison(first, second, 1, Difference(value, value - half_width, value + half_width, p, before, after), p)


def test_a_cascade_that_nothing_beats_means_record_nothing_yet(grid) -> None:
    equal = Evidence(grid(text_only=0.6, cascade=0.9, curriculum_at_all=0.92), "slot_f1", next_round=NEXT)
    said = diagnosis.record_nothing_yet(equal) or ""
    assert "Record nothing yet: the cascade reaches 90.0" in said
    assert (
        "is shown to be better, by the intervals of the scores where answers are not at hand. " in said
    )  # no pair was tested
    rows = equal.rows
    tested = compared(row_of(rows, "cascade"), row_of(rows, "curriculum", "100%"), p=0.5)
    assert "is shown to be better. " in (diagnosis.record_nothing_yet(replace(equal, comparisons=(tested,))) or "")
    assert diagnosis.the_sound_matters(equal) is None
    beaten = Evidence(grid(text_only=0.6, cascade=0.7, curriculum_at_all=0.92), "slot_f1")
    assert diagnosis.record_nothing_yet(beaten) is None
    assert diagnosis.record_nothing_yet(Evidence(grid(text_only=0.6, curriculum_at_all=0.6), "slot_f1")) is None


def test_any_model_that_hears_may_be_better_than_the_cascade_and_it_must_be_one_with_the_model_itself(
    grid, cell
) -> None:
    assert diagnosis.record_nothing_yet(Evidence(grid(text_only=0.8, cascade=0.6), "slot_f1")) is None
    cells = [cell("text-only", None, 0.6), cell("cascade", None, 0.7)]
    synthetic = cell("synthetic-speech", None, 0.95, scheme_type="synthetic-speech")
    assert diagnosis.record_nothing_yet(Evidence(join_seeds([*cells, synthetic]), "slot_f1")) is None
    assert diagnosis.record_nothing_yet(Evidence(join_seeds(cells), "slot_f1"))
    other = replace(cells[1], settings={"grid": {"schemes": [{"type": "cascade", "asr": "openai/whisper-large-v3"}]}})
    assert diagnosis.record_nothing_yet(Evidence(join_seeds([cells[0], other]), "slot_f1")) is None


def test_the_paired_test_decides_where_there_is_one(grid) -> None:
    rows = grid(text_only=0.6, cascade=0.88, curriculum_at_all=0.92)
    significant = compared(row_of(rows, "cascade"), row_of(rows, "curriculum", "100%"), p=0.01, half_width=0.03)
    assert diagnosis.record_nothing_yet(Evidence(rows, "slot_f1", (significant,))) is None
    assert diagnosis.record_nothing_yet(Evidence(rows, "slot_f1", (replace(significant, adjusted_p=0.3),)))


def test_text_far_below_all_speech_means_that_the_sound_matters_and_how_much_is_needed(grid) -> None:
    found = diagnosis.the_sound_matters(
        Evidence(grid(text_only=0.6, curriculum_at_all=0.9), "slot_f1", next_round=NEXT)
    )
    assert found is not None and found.endswith(NEXT)
    assert "67" in found
    near = Evidence(grid(text_only=0.84, curriculum_at_all=0.9), "slot_f1")
    assert diagnosis.the_sound_matters(near) is None
    chance = Evidence(grid(text_only=0.02, curriculum_at_all=0.06), "slot_f1")
    assert diagnosis.the_sound_matters(chance) is None, "their intervals overlap"


def test_mixing_below_the_curriculum_at_few_recordings_means_text_first(grid) -> None:
    rows = grid(direct_mixing_at_few=0.6, curriculum_at_few=0.75, direct_mixing_at_all=0.6, curriculum_at_all=0.75)
    few = compared(row_of(rows, "direct-mixing", "5%"), row_of(rows, "curriculum", "5%"), p=0.01)
    everything = compared(row_of(rows, "direct-mixing", "100%"), row_of(rows, "curriculum", "100%"), p=0.01)
    found = diagnosis.few_recordings_drown(Evidence(rows, "slot_f1", (few, everything)))
    assert found is not None and found.startswith("At 5% of the speech the curriculum is 15.0 points above")
    assert "least_speech" in found
    assert diagnosis.few_recordings_drown(Evidence(rows, "slot_f1", (everything,))) is None
    assert diagnosis.few_recordings_drown(Evidence(rows, "slot_f1", (replace(few, adjusted_p=0.2),))) is None
    grid_of = {"grid": {"schemes": [{"type": "curriculum", "synthetic": True}]}}
    (spoken,) = join_seeds([replace(one, settings=grid_of) for one in few.second.cells])
    assert diagnosis.few_recordings_drown(Evidence(rows, "slot_f1", (replace(few, second=spoken),))) is None


def made_run(
    folder: Path, results, heard: Sequence[str], said: dict[str, Sequence[SemanticFrame | None]]
) -> RunAnswers:
    """A run of N requests for one of two drinks in a size, with transcripts and answers."""
    frames = [right(place) for place in range(N)]
    test = [
        Utterance(f"u{n}", words(n), "en", frame, recordings=(Recording(folder / f"{n}.wav", 1.0),))
        for n, frame in enumerate(frames)
    ]
    write_manifest(RunFolder(folder).references, test)
    rows = [{"id": f"u{n}", "file": f"{n}.wav", "text": text} for n, text in enumerate(heard)]
    write_lines(folder / "transcripts" / "key" / "self.jsonl", rows)
    for result in results:
        write_result(folder / result.name, result)
        write_predictions(
            folder / result.name / "predictions.jsonl",
            [
                Prediction(f"u{n}", f"{n}.wav", "", ParseStatus.OK if frame else ParseStatus.NOT_JSON, frame)
                for n, frame in enumerate(said[result.scheme])
            ],
            SluTask(),
        )
    answers = RunAnswers.of_run(folder, SluTask())
    assert answers is not None
    return answers


def right(place: int) -> SemanticFrame:
    return SemanticFrame("order", (Entity("size", "small"), Entity("drink", "latte" if place % 2 else "mocha")))


def words(place: int) -> str:
    return f"a small {'latte' if place % 2 else 'mocha'}"


RIGHT = [right(place) for place in range(N)]
WRONG = [SemanticFrame("order", ())] * N


@pytest.fixture
def references(cell):
    return [cell("text-only", None, 0.5), cell("cascade", None, 0.9, scheme_type="cascade")]


def evidence_of(references, answers: RunAnswers) -> Evidence:
    return Evidence(join_seeds(references), "slot_f1", (), answers)


def test_words_without_error_that_are_understood_wrongly_mean_more_text(tmp_path: Path, references) -> None:
    heard = [words(place) for place in range(N)]
    half = [*RIGHT[: N // 2], *WRONG[N // 2 :]]
    evidence = evidence_of(references, made_run(tmp_path, references, heard, {"text-only": WRONG, "cascade": half}))
    found = diagnosis.text_is_not_learned(evidence)
    assert found is not None and "Of 40 recordings whose words it has without an error" in found
    assert "answers 20 exactly" in found
    assert diagnosis.what_text_taught_is_lost(evidence) is None


def test_what_was_misheard_says_nothing_of_what_text_taught(tmp_path: Path, references) -> None:
    heard = [words(place) if place < N // 2 else "a tall glass" for place in range(N)]
    half = [*RIGHT[: N // 2], *WRONG[N // 2 :]]
    evidence = evidence_of(references, made_run(tmp_path, references, heard, {"text-only": WRONG, "cascade": half}))
    assert diagnosis.text_is_not_learned(evidence) is None


def test_good_transcripts_and_bad_answers_to_sound_mean_transfer(tmp_path: Path, references) -> None:
    heard = [words(place) for place in range(N)]
    evidence = evidence_of(references, made_run(tmp_path, references, heard, {"text-only": WRONG, "cascade": RIGHT}))
    assert diagnosis.text_is_not_learned(evidence) is None
    found = diagnosis.what_text_taught_is_lost(evidence)
    assert found is not None and "hears well (0.0" in found and "does not carry over to sound" in found


def test_bad_transcripts_mean_that_hearing_is_the_limit(tmp_path: Path, references) -> None:
    heard = ["a tall glass" if place % 3 else words(place) for place in range(N)]
    evidence = evidence_of(references, made_run(tmp_path, references, heard, {"text-only": WRONG, "cascade": RIGHT}))
    found = diagnosis.what_text_taught_is_lost(evidence)
    assert found is not None and found.startswith("Hearing sets a limit: the untuned model has 43.3")
    assert "word errors on the test" in found


def test_ears_that_training_made_good_set_no_limit(tmp_path: Path, references, cell) -> None:
    """Where a model that learned from all recordings is far above the cascade."""
    heard = ["a tall glass" if place % 3 else words(place) for place in range(N)]
    results = [*references[:1], replace(references[1], scores=references[0].scores)]
    results.append(cell("curriculum", "100%", 0.95, share=1.0))
    said = {"text-only": WRONG, "cascade": RIGHT, "curriculum": RIGHT}
    assert diagnosis.what_text_taught_is_lost(evidence_of(results, made_run(tmp_path, results, heard, said))) is None


def test_where_no_words_are_separated_characters_count(tmp_path: Path, references) -> None:
    test = [
        Utterance(f"u{n}", "今天下午三点提醒我开会", "zh", right(n), (Recording(tmp_path / f"{n}.wav", 1.0),))
        for n in range(N)
    ]
    answers = made_run(tmp_path, references, [], {"text-only": WRONG, "cascade": RIGHT})
    answers = replace(answers, test={row.id: row for row in test})
    heard = {(row.id, None): "今天下午三点提醒我开车" if n % 2 else row.text for n, row in enumerate(test)}
    answers.__dict__["transcripts"] = heard
    found = evidence_of(references, answers).hearing
    assert found is not None and found.errors.words is None and found.rate == pytest.approx(0.5 / 11)
    assert str(found).endswith("character errors") and len(found.perfect) == N // 2


def test_a_new_language_that_fails_is_hearing_or_the_language(tmp_path: Path, references) -> None:
    languages = {"text": ["en"], "speech": [], "test": ["de"]}
    german = [replace(result, languages=languages) for result in references]
    rows = join_seeds(german)
    assert "add `type: cascade`" in (diagnosis.transfer_fails(Evidence(rows, "slot_f1")) or "")
    said = {"text-only": WRONG, "cascade": RIGHT}
    well = made_run(tmp_path / "well", german, [words(place) for place in range(N)], said)
    badly = made_run(tmp_path / "badly", german, ["eins zwei drei"] * N, said)
    assert "hears well" in (diagnosis.transfer_fails(evidence_of(german, well)) or "")
    assert "hears badly" in (diagnosis.transfer_fails(evidence_of(german, badly)) or "")
    assert diagnosis.transfer_fails(evidence_of(references, well)) is None, "the languages are not known"


def test_unknown_labels_mean_a_constrained_search(cell) -> None:
    many, few = (replace(cell("text-only", None, 0.5), answers={"OK": 100 - n, "UNKNOWN_LABEL": n}) for n in (9, 1))
    untuned = replace(cell("untuned", None, 0.0), answers={"UNKNOWN_LABEL": 100})
    found = diagnosis.labels_are_unknown(Evidence(join_seeds([many, untuned]), "slot_f1"))
    assert found is not None and found.startswith("9") and "constrain: schema" in found
    assert diagnosis.labels_are_unknown(Evidence(join_seeds([few, untuned]), "slot_f1")) is None


def test_a_weak_kind_of_entity_is_named_with_its_values(tmp_path: Path, references) -> None:
    weak = [SemanticFrame("order", (Entity("size", "small"), Entity("drink", "tea"))) for _ in range(N)]
    said = {"text-only": WRONG, "cascade": weak}
    evidence = evidence_of(references, made_run(tmp_path / "weak", references, [], said))
    found = diagnosis.one_kind_is_weak(evidence)
    assert found is not None and found.startswith("drink is far below all other entities (0.0")
    assert '"mocha"' in found and '"latte"' in found
    invented = [
        SemanticFrame("order", (*frame.entities, Entity("drink", "tea"), Entity("drink", "milk"))) for frame in RIGHT
    ]
    evidence = evidence_of(references, made_run(tmp_path / "more", references, [], said | {"cascade": invented}))
    found = diagnosis.one_kind_is_weak(evidence)
    assert found is not None and "finds it where it is not; add sentences that are like those, without it" in found
    good = made_run(tmp_path / "good", references, [], said | {"cascade": RIGHT})
    assert diagnosis.one_kind_is_weak(evidence_of(references, good)) is None


def test_test_sentences_in_training_are_told(cell) -> None:
    leaking, clean = (
        replace(cell("text-only", None, 0.5), test={"recordings": 100, "sentences": 80, SHARED: shared})
        for shared in (12, 1)
    )
    found = diagnosis.the_test_leaks(Evidence(join_seeds([leaking]), "slot_f1"))
    assert found is not None and found.startswith("12 of 80 test sentences")
    assert diagnosis.the_test_leaks(Evidence(join_seeds([clean]), "slot_f1")) is None


def of_moods(folder: Path, results, sentences: Sequence[str | None]) -> RunAnswers:
    """A run whose test says each of these sentences in three moods."""
    test = [
        Utterance(f"{place}-{mood}", text, "en", None, (Recording(folder / "a.wav", 1.0),), mood)
        for place, text in enumerate(sentences)
        for mood in ("angry", "calm", "sad")
    ]
    write_manifest(RunFolder(folder).references, test)
    for result in results:
        write_result(folder / result.name, result)
    answers = RunAnswers.of_run(folder, ClassificationTask())
    assert answers is not None
    return answers


def test_sentences_under_several_labels_mean_that_the_sound_is_what_matters(tmp_path: Path, cell) -> None:
    text = replace(cell("text-only", None, 0.35), test={"recordings": 12, "sentences": 12, SHARED: 12})
    results = [text, cell("curriculum", "100%", 0.9, share=1.0)]
    same = evidence_of(results, of_moods(tmp_path / "same", results, ["go", "Go!", "stop", "stay"]))
    found = diagnosis.words_do_not_tell(same)
    assert found is not None and found.startswith("Here the sound is what matters")
    assert "more than 33.3\u00a0% of the right labels; text-only tuning reaches 35.0" in found
    assert diagnosis.the_sound_matters(same) is None and diagnosis.the_test_leaks(same) is None
    unknown = evidence_of(results, of_moods(tmp_path / "unknown", results, ["go", None]))
    assert diagnosis.words_do_not_tell(unknown) is None
    assert diagnosis.the_sound_matters(unknown) and diagnosis.the_test_leaks(unknown)


def test_each_architecture_is_advised_by_its_own_curve(cell) -> None:
    """Both were given the advice of the higher curve."""
    flat, rising = (0.80, 0.899, 0.9, 0.9), (0.4, 0.5, 0.6, 0.7)
    results = [
        replace(cell(scheme, budget, score, share=share), architecture=name)
        for name, scores in (("flat", flat), ("rising", rising))
        for (scheme, budget, share), score in zip(
            (
                ("text-only", None, 0.0),
                ("curriculum", "5%", 0.05),
                ("curriculum", "20%", 0.2),
                ("curriculum", "100%", 1.0),
            ),
            scores,
            strict=True,
        )
    ]
    rows = join_seeds(results)
    fits = fit_schemes(rows, "slot_f1", None)
    found = diagnosis.evidence_of(by_architecture(rows), "slot_f1", (), None, fits, Wish())
    assert [one.next_round for one in found] == [diagnosis.next_round(fits.of(own.rows), Wish()) for own in found]
    assert found[0].next_round != found[1].next_round
    said = diagnosis.the_sound_matters(found[1]) or ""
    assert said.startswith("The sound matters: text-only tuning (rising) reaches 57") and said.endswith(
        found[1].next_round
    )


def test_words_that_tell_the_label_are_said_nothing_of(tmp_path: Path, references) -> None:
    told = evidence_of(references, made_run(tmp_path, references, [], {"text-only": RIGHT, "cascade": RIGHT}))
    assert told.told_by_words == 1.0
    assert diagnosis.words_do_not_tell(told) is None


def test_seeds_that_differ_more_than_schemes_mean_more_seeds(grid) -> None:
    noisy = grid(direct_mixing_at_few=(0.60, 0.70), curriculum_at_few=(0.65, 0.69))
    found = diagnosis.seeds_differ_more_than_schemes(Evidence(noisy, "slot_f1"))
    assert found is not None and found.startswith("The curriculum is 2.0 points above direct mixing at 5%")
    assert "differs by 4.2 from seed to seed: train about 18 seeds of each" in found
    of_draws = [
        replace(row, finished=tuple(replace(one, seed=0, selection_seed=one.seed) for one in row.finished))
        for row in noisy
    ]
    drawn = diagnosis.seeds_differ_more_than_schemes(Evidence(tuple(of_draws), "slot_f1")) or ""
    assert "differs by 4.2 from selection to selection: train about 18 selections of each" in drawn
    together = grid(direct_mixing_at_few=(0.60, 0.70), curriculum_at_few=(0.62, 0.72))
    assert diagnosis.seeds_differ_more_than_schemes(Evidence(together, "slot_f1")) is None, "the same in every seed"
    hopeless = grid(direct_mixing_at_few=(0.60, 0.70), curriculum_at_few=(0.70, 0.62))
    assert diagnosis.seeds_differ_more_than_schemes(Evidence(hopeless, "slot_f1")) is None, "some 160 seeds"
    calm = grid(direct_mixing_at_few=(0.60, 0.601), curriculum_at_few=(0.70, 0.701))
    assert diagnosis.seeds_differ_more_than_schemes(Evidence(calm, "slot_f1")) is None
    single = grid(direct_mixing_at_few=0.60, curriculum_at_few=0.62)
    assert diagnosis.seeds_differ_more_than_schemes(Evidence(single, "slot_f1")) is None


def test_a_test_that_cannot_tell_says_how_large_it_must_be(grid) -> None:
    rows = grid(direct_mixing_at_few=0.60, curriculum_at_few=0.64)
    pair = row_of(rows, "direct-mixing", "5%"), row_of(rows, "curriculum", "5%")
    found = diagnosis.the_test_is_too_small(Evidence(rows, "slot_f1", (compared(*pair, p=0.2),)))
    # An interval of 5 points on either side has a standard error of 2.55, so that 7.15 points are detectable.
    assert found is not None and "+4.0 points at 5%" in found and "about 320 test recordings" in found
    clear = compared(*pair, p=0.001, half_width=0.03)
    assert diagnosis.the_test_is_too_small(Evidence(rows, "slot_f1", (clear,))) is None
    of_seeds = replace(compared(*pair, p=0.2), spread=0.045)
    assert diagnosis.the_test_is_too_small(Evidence(rows, "slot_f1", (of_seeds,))) is None, "no test is large enough"
    hopeless = compared(*pair, p=0.2, half_width=0.5)
    assert diagnosis.the_test_is_too_small(Evidence(rows, "slot_f1", (hopeless,))) is None


def test_all_rules_that_apply_are_told_in_order_and_none_where_all_is_well(grid, cell) -> None:
    assert diagnose(Evidence(grid(text_only=0.85, curriculum_at_all=0.9), "slot_f1")) == ()
    many = replace(cell("text-only", None, 0.5), answers={"OK": 90, "UNKNOWN_LABEL": 10})
    rows = join_seeds([many, cell("curriculum", "100%", 0.9, share=1.0)])
    first, second = diagnose(Evidence(rows, "slot_f1", next_round=NEXT))
    assert first.startswith("The sound matters") and "constrain" in second


def test_every_rule_is_described() -> None:
    described = (Path(__file__).parents[3] / "docs" / "enough.md").read_text(encoding="utf-8")
    assert [rule.__name__ for rule in diagnosis.RULES if f"`{rule.__name__}`" not in described] == []


def test_of_translations_few_are_exactly_right_which_says_nothing(tmp_path: Path, references) -> None:
    folder = tmp_path / "run"
    test = [
        Utterance(f"u{n}", words(n), "en", None, (Recording(folder / f"{n}.wav", 1.0),), translation=f"ein Kaffee {n}")
        for n in range(N)
    ]
    write_manifest(RunFolder(folder).references, test)
    write_lines(
        folder / "transcripts" / "key" / "self.jsonl",
        [{"id": row.id, "file": f"{n}.wav", "text": row.text} for n, row in enumerate(test)],
    )
    task = TranslationTask(to="German")
    for result in references:
        write_result(folder / result.name, result)
        said = [Prediction(row.id, f"{n}.wav", "", ParseStatus.OK, "Kaffee") for n, row in enumerate(test)]
        write_predictions(folder / result.name / "predictions.jsonl", said, task)
    answers = RunAnswers.of_run(folder, task)
    assert answers is not None and answers.are_free
    evidence = evidence_of(references, answers)
    assert evidence.right_where_heard(references[1]) == (N, 0)
    assert diagnosis.text_is_not_learned(evidence) is None
    rows = join_seeds(references)
    shown = details_of(answers, rows, rows, "slot_f1")
    assert shown.errors is not None and (shown.labels, shown.confusions, shown.confidence) == (None, None, None)
