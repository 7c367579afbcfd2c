"""What is wrong with an answer, of which kind it is, and how a page holds it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eartune.data.audio import write_audio
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.files import write_lines
from eartune.report.answers import RunAnswers
from eartune.report.confusions import NO_ANSWER, find_confusions
from eartune.report.error_table import error_section
from eartune.report.errors import ErrorKind, find_errors, kinds_of
from eartune.report.label_scores import label_scores, label_table, shown_side_by_side
from eartune.report.recording_clips import make_clips
from eartune.report.result import write_result
from eartune.report.scheme_result import join_seeds
from eartune.run_folder import RunFolder
from eartune.tasks.prediction import Prediction, write_predictions
from eartune.tasks.slu import SluTask
from eartune.tasks.task import ParseStatus

MISSED, INVENTED, VALUE, MISHEARD = ErrorKind.MISSED, ErrorKind.INVENTED, ErrorKind.VALUE, ErrorKind.MISHEARD
PLAY, SONG, ROOM = ("intent", "play"), ("song", "hey jude"), ("room", "kitchen")


@pytest.mark.parametrize(
    ("right", "said", "heard", "kinds"),
    [
        ((PLAY, SONG), (PLAY, SONG), None, ()),
        ((PLAY, SONG, ROOM), (PLAY, ROOM, SONG), None, ()),
        ((PLAY, SONG), None, None, (ErrorKind.NOT_PARSED,)),
        ((PLAY, SONG), (("intent", "stop"), SONG), None, (ErrorKind.LABEL,)),
        ((PLAY, SONG), (PLAY,), None, (MISSED,)),
        ((PLAY,), (PLAY, SONG), None, (INVENTED,)),
        ((PLAY, SONG), (PLAY, ("song", "hey june")), None, (VALUE,)),
        ((PLAY, SONG), (PLAY, ("song", "hey june")), "play Hey Jude", (VALUE,)),
        ((PLAY, SONG), (PLAY, ("song", "hey june")), "play hey june", (MISHEARD,)),
        ((PLAY, SONG), (PLAY, ("artist", "hey jude")), None, (MISSED, INVENTED)),
        ((PLAY, SONG, SONG), (PLAY, SONG), None, (MISSED,)),
        ((PLAY, SONG), (PLAY, SONG, SONG), None, (INVENTED,)),
        ((PLAY, SONG, ("song", "b")), (PLAY, ("song", "c")), None, (VALUE, MISSED)),
        ((("label", "calm"),), (("label", "angry"),), None, (ErrorKind.LABEL,)),
    ],
)
def test_the_kind_of_an_error(right, said, heard, kinds) -> None:
    assert kinds_of(right, said, heard) == kinds


def test_what_is_not_in_the_words_cannot_be_misheard() -> None:
    """Every wrong translation counted as misheard, as none stands in a transcript."""
    right, said = (("into", "German"), ("translation", "ja")), (("into", "German"), ("translation", "nein"))
    assert kinds_of(right, said, "yes", "yes please") == (VALUE,)
    assert kinds_of((PLAY, SONG), (PLAY, ("song", "hey june")), "play hey june", "play hey jude") == (MISHEARD,)


FRAMES = {
    "a": SemanticFrame("play", (Entity("song", "hey jude"),)),
    "b": SemanticFrame("stop", ()),
    "c": SemanticFrame("play", (Entity("song", "yesterday"),)),
}
WORDS = {"a": "play hey jude", "b": "stop", "c": "play <b>yesterday</b>"}
SAID: dict[str, dict[str, SemanticFrame | None]] = {
    "text-only": {"a": FRAMES["b"], "b": None, "c": FRAMES["c"]},
    "curriculum": {"a": FRAMES["a"], "b": FRAMES["b"], "c": SemanticFrame("play", (Entity("song", "</script>"),))},
}


@pytest.fixture
def results(cell):
    return [cell("text-only", None, 0.4), cell("curriculum", "100%", 0.8, share=1.0)]


@pytest.fixture
def answers(tmp_path: Path, results) -> RunAnswers:
    run = tmp_path / "run"
    test = []
    for id, frame in FRAMES.items():
        file = tmp_path / "clips" / f"{id}.wav"
        write_audio(file, np.zeros(8000, np.float32))
        test.append(Utterance(id, WORDS[id], "en", frame, recordings=(Recording(file, 0.5),)))
    write_manifest(RunFolder(run).references, test)
    write_lines(run / "transcripts" / "key" / "self.jsonl", [{"id": "a", "file": "clips/a.wav", "text": "play hay"}])
    for result in results:
        write_result(run / result.name, result)
        write_predictions(
            run / result.name / "predictions.jsonl",
            [
                Prediction(
                    id,
                    f"clips/{id}.wav",
                    "{" if said is None else "",
                    ParseStatus.OK if said else ParseStatus.NOT_JSON,
                    said,
                    log_probability=-1.0,
                )
                for id, said in SAID[result.scheme].items()
            ],
            SluTask(),
        )
    found = RunAnswers.of_run(run, SluTask())
    assert found is not None
    return found


def test_rows_have_the_wrong_answers_of_each_model(answers: RunAnswers, results) -> None:
    errors = find_errors(answers, results)
    assert errors is not None
    assert (errors.models, errors.tested) == (("text-only-seed0", "curriculum-100pct-seed0"), 3)
    assert [errors.count(0), errors.count(1)] == [2, 1]
    first, second, third = errors.rows
    assert first.heard == "play hay" and second.heard is None
    assert first.recording is not None and first.recording.name == "a.wav"
    assert set(first.wrong) == {0} and set(third.wrong) == {1}
    assert first.wrong[0].kinds == (ErrorKind.LABEL, MISSED)
    assert second.wrong[0].kinds == (ErrorKind.NOT_PARSED,)


def test_the_data_of_the_page_holds_all_of_it_and_ends_no_script(answers: RunAnswers, results) -> None:
    rows = join_seeds(results)
    section = error_section(answers, rows, shown_side_by_side(rows, "slot_f1"), answers.folder.path)
    assert section is not None
    assert "<" not in section.data
    data = json.loads(section.data)
    assert data["models"] == ["curriculum-100pct-seed0", "text-only-seed0"], "the best comes first"
    assert [row[1] for row in data["rows"]] == list(WORDS.values())
    assert all(row[4].startswith("data:audio/mpeg;base64,") for row in data["rows"])
    ((row, kinds, parts, sure),) = data["answers"][0]
    assert sure == 37, "the mean log probability is -1"
    assert data["rows"][row][0] == "c"
    assert [data["kinds"][kind] for kind in kinds] == ["wrong value"]
    assert [data["parts"][part] for part in parts] == [["intent", "play"], ["song", "</script>"]]
    assert "Of 3 test recordings, 3 are wrong in one of 2 models at least." in section.sentence


def test_recordings_beyond_the_limit_are_linked_and_lost_ones_left_out(tmp_path: Path) -> None:
    files = [tmp_path / "a b" / f"{n}.wav" for n in range(3)]
    for file in files:
        write_audio(file, np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32))
    page = tmp_path / "page"
    page.mkdir()
    clips = make_clips([*files, files[0], tmp_path / "lost.wav"], page, most_bytes=5000)
    assert (clips.embedded, clips.linked) == (2, 1)
    assert clips.sources[files[2]] == "../a%20b/2.wav"
    assert tmp_path / "lost.wav" not in clips.sources


def test_labels_are_scored_one_by_one(answers: RunAnswers, results) -> None:
    found = label_scores(answers, results[0])
    assert {label: score.value for label, score in found.items()} == {
        "intent: play": pytest.approx(2 / 3),
        "intent: stop": 0.0,
        "song": pytest.approx(2 / 3),
    }
    assert label_scores(answers, results[0]) is found  # a page needs it in its table and for its diagnosis
    table = label_table(answers, results)
    assert table is not None
    assert table.headings == ("label", "n", "text-only-seed0 F1 %", "curriculum-100pct-seed0 F1 %")
    assert [line[:2] for line in table.lines] == [("song", "2"), ("intent: play", "2"), ("intent: stop", "1")]


def test_confusions_are_counted_and_named(answers: RunAnswers, results) -> None:
    found = find_confusions(answers, results[0])
    assert found is not None
    assert (found.wrong, found.of_all) == (2, 3)
    assert found.labels == ("play", "stop") and found.said == ("play", "stop", NO_ANSWER)
    assert found.largest == ("play: 1 of 2 answered as stop", "stop: 1 of 1 without an answer")
    cell = found.cell("play", "stop")
    assert cell is not None and (cell.count, cell.share) == (1, 0.5)
    assert found.cell("stop", "play") is None


def test_without_answers_there_is_nothing_to_show(answers: RunAnswers, cell) -> None:
    other = cell("direct-mixing", "5%", 0.5, share=0.05)
    assert find_errors(answers, [other]) is None
    assert label_table(answers, [other]) is None
    assert find_confusions(answers, other) is None


def test_the_models_side_by_side_end_with_the_best(cell) -> None:
    cascade = replace(cell("cascade", None, 0.9), scheme_role="transcript reference")
    rows = join_seeds(
        [cell("untuned", None, 0.1), cell("text-only", None, 0.5), cascade, cell("curriculum", "5%", 0.7, share=0.05)]
    )
    assert [one.scheme for one in shown_side_by_side(rows, "slot_f1")] == ["text-only", "curriculum", "cascade"]
    plain = [cell("mine", None, 0.6), cell("untuned", None, 0.1)]
    assert [one.scheme for one in shown_side_by_side(join_seeds(plain), "slot_f1")] == ["mine"]
