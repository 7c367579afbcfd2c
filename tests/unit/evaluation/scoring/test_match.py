"""Who answered what: by recording, by sentence, missing, twice, or of another corpus altogether."""

from pathlib import Path

import pytest

from builders import frame
from eartune.data.frame import SemanticFrame
from eartune.errors import InputError
from eartune.evaluation.metrics import Mode, evaluate
from eartune.evaluation.scoring.match import Matched, answers_to_score, match
from eartune.evaluation.scoring.reference import Reference
from eartune.tasks.prediction import Prediction
from eartune.tasks.task import ParseStatus

SET, QUERY, PLAY = frame("alarm.set"), frame("alarm.query"), frame("music.play")
SPOKEN = Reference("s1", "wake me", "en", SET, ("a.wav", "b.wav"), ("ann", "bob"))
SHORT = Reference("s2", "when", "de", QUERY, ("c.wav",), ("ann",))
WRITTEN = Reference("s3", "a song", "de", PLAY)
REFERENCES = (SPOKEN, SHORT, WRITTEN)


def said(key: str, meaning: SemanticFrame | None = SET) -> Prediction:
    """Of a recording, where the key looks like a file, and of a sentence otherwise."""
    status = ParseStatus.OK if meaning else ParseStatus.NOT_JSON
    is_file = key.endswith(".wav")
    return Prediction("of a file" if is_file else key, key if is_file else None, "", status, meaning)


def matched(*predictions: Prediction, mode: Mode = "strict") -> Matched:
    return match(REFERENCES, predictions, Path("said.jsonl"), mode)


def frames(found: Matched) -> dict[str, SemanticFrame | None]:
    """Of all that should have been answered, in order."""
    return {pair.key: pair.prediction.answer if pair.prediction else None for pair in found.pairs}


def faults(found: Matched) -> tuple[int, int, int, int]:
    return found.missing, found.unparsable, found.duplicated, found.unknown


def test_recordings_are_answered_one_by_one_in_the_order_of_the_references() -> None:
    found = matched(said("s3", PLAY), said("b.wav", QUERY), said("c.wav", QUERY), said("a.wav"))
    assert frames(found) == {"a.wav": SET, "b.wav": QUERY, "c.wav": QUERY, "s3": PLAY}
    assert list(frames(found)) == ["a.wav", "b.wav", "c.wav", "s3"]
    assert faults(found) == (0, 0, 0, 0)
    assert [pair.reference for pair in found.pairs] == [SPOKEN, SPOKEN, SHORT, WRITTEN]


def test_a_recording_is_found_by_its_name_in_whatever_folder() -> None:
    assert frames(matched(said("/data/slurp_real/a.wav")))["a.wav"] == SET
    assert frames(matched(said(r"clips\a.wav")))["a.wav"] == SET


def test_recordings_of_one_name_are_told_apart_by_their_sentence() -> None:
    """A voice that is given the same sentence of a test twice says it in one file."""
    twins = (
        Reference("s1", "wake me", "en", SET, ("a.wav",), (None,)),
        Reference("s2", "wake me", "en", QUERY, ("a.wav",), (None,)),
    )
    answers = [Prediction(id, "a.wav", "", ParseStatus.OK, meaning) for id, meaning in (("s2", QUERY), ("s1", PLAY))]
    found = match(twins, answers, Path("said.jsonl"), "strict")
    assert frames(found) == {"s1 a.wav": PLAY, "s2 a.wav": QUERY} and faults(found) == (0, 0, 0, 0)
    with pytest.raises(InputError, match=r"said.jsonl: two recordings are called 'a.wav'; add the id of the sentence"):
        match(twins, [said("a.wav")], Path("said.jsonl"), "strict")


def near_and_far(name: str, file: str) -> Prediction:
    return Prediction(name, file, "", ParseStatus.OK, SET)


@pytest.mark.parametrize(
    "files", [("near/1.wav", "far/1.wav"), ("/data/near/1.wav", "/data/far/1.wav"), ("x/near/1.wav", "y/far/1.wav")]
)
def test_two_recordings_of_one_name_and_one_sentence_are_told_apart_by_their_folder(files: tuple[str, str]) -> None:
    both = Reference("s1", "wake me", "en", SET, ("/data/near/1.wav", "/data/far/1.wav"), (None, None))
    found = match([both], [near_and_far("s1", file) for file in reversed(files)], Path("said.jsonl"), "strict")
    answered = {pair.key: pair.prediction.file for pair in found.pairs if pair.prediction}
    assert answered == {"s1 /data/near/1.wav": files[0], "s1 /data/far/1.wav": files[1]}


def test_a_name_that_fits_two_folders_is_refused() -> None:
    both = Reference("s1", "wake me", "en", SET, ("near/1.wav", "far/1.wav"), (None, None))
    with pytest.raises(
        InputError, match=r"two recordings are called '1\.wav'; add the id of the sentence, or the folder"
    ):
        match([both], [near_and_far("s1", "1.wav")], Path("said.jsonl"), "strict")


def test_without_any_file_sentences_are_answered_once_each() -> None:
    found = matched(said("s1", SET), said("s2", QUERY), said("s3", PLAY))
    assert frames(found) == {"s1": SET, "c.wav": QUERY, "s3": PLAY} and faults(found) == (0, 0, 0, 0)


def test_among_files_an_id_stands_for_the_only_recording_of_a_sentence_and_for_none_of_several() -> None:
    found = matched(said("a.wav"), said("s2", QUERY), said("s1"))
    assert frames(found) == {"a.wav": SET, "b.wav": None, "c.wav": QUERY, "s3": None}
    assert faults(found) == (2, 0, 0, 1)


def test_what_is_not_there_is_missing_and_what_cannot_be_read_is_not() -> None:
    found = matched(said("a.wav", None), said("c.wav", QUERY))
    assert faults(found) == (2, 1, 0, 0)
    assert [pair.is_answered for pair in found.pairs] == [False, False, True, False]
    assert evaluate(answers_to_score(found.pairs), resamples=0)["intent_accuracy"].value == 1 / 4


def test_strictly_neither_of_two_answers_counts() -> None:
    found = matched(said("a.wav"), said("b.wav"), said("a.wav"), said("c.wav", None), said("c.wav", QUERY))
    assert frames(found) == {"a.wav": None, "b.wav": SET, "c.wav": None, "s3": None}
    assert faults(found) == (1, 0, 2, 0)


def test_officially_the_last_of_several_answers_counts() -> None:
    found = matched(said("a.wav"), said("a.wav", QUERY), said("a.wav", PLAY), said("c.wav"), mode="official")
    assert frames(found) == {"a.wav": PLAY, "b.wav": None, "c.wav": SET, "s3": None}
    assert faults(found) == (2, 0, 1, 0)
    scores = evaluate(answers_to_score(found.pairs), mode="official", resamples=0)
    assert (scores["intent_accuracy"].value, scores["intent_accuracy"].n) == (0, 2)


@pytest.mark.parametrize("mode", ["strict", "official"])
def test_answers_to_nothing_are_counted_and_change_no_score(mode: Mode) -> None:
    found = matched(said("a.wav"), said("z.wav"), said("z.wav"), mode=mode)
    assert faults(found) == (3, 0, 0, 2)
    assert frames(found) == frames(matched(said("a.wav"), mode=mode))


def test_strictly_answers_to_another_corpus_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"^said\.jsonl: 'y\.wav' is not in the reference; does it come from another corpus"
    ):
        matched(said("y.wav"), said("z.wav"))


def test_officially_answers_to_another_corpus_score_0() -> None:
    found = matched(said("y.wav"), said("z.wav"), mode="official")
    assert faults(found) == (4, 0, 0, 2)
    for score in evaluate(answers_to_score(found.pairs), mode="official", resamples=20).values():
        assert (score.value, score.low, score.high, score.n) == (0, 0, 1, 0)


EVERY = matched(said("a.wav"), said("b.wav"), said("c.wav"))


@pytest.mark.parametrize(
    ("cluster", "names"),
    [("sentence", ["s1", "s1", "s2", "s3"]), ("recording", ["a.wav", "b.wav", "c.wav", "s3"])],
)
def test_rows_stand_and_fall_by_sentence_or_on_their_own(cluster: str, names: list[str]) -> None:
    rows = answers_to_score(EVERY.pairs, cluster)  # type: ignore[arg-type]
    assert [row.cluster for row in rows] == names
    assert [row.predicted for row in rows] == [SET, SET, SET, None]
    assert {row.stratum for row in rows} == {""}


def test_rows_stand_and_fall_by_speaker_where_all_are_known() -> None:
    assert [row.cluster for row in answers_to_score(EVERY.pairs[:3], "speaker")] == ["ann", "bob", "ann"]
    with pytest.raises(InputError, match="'s3' has no speaker"):
        answers_to_score(EVERY.pairs, "speaker")


@pytest.mark.parametrize(
    ("stratum", "names"),
    [
        ("intent", ["alarm_set", "alarm_set", "alarm_query", "music_play"]),
        ("scenario", ["alarm", "alarm", "alarm", "music"]),
        ("language", ["en", "en", "de", "de"]),
    ],
)
def test_strata_are_those_of_the_reference(stratum: str, names: list[str]) -> None:
    assert [row.stratum for row in answers_to_score(EVERY.pairs, "sentence", stratum)] == names  # type: ignore[arg-type]


def test_a_speaker_of_two_intents_cannot_be_drawn_within_either() -> None:
    with pytest.raises(InputError, match="'ann' is in two strata, 'alarm_set' and 'alarm_query'"):
        evaluate(answers_to_score(EVERY.pairs[:3], "speaker", "intent"))
