"""Errors of transcripts are counted by hand, in scripts with and without spaces between words."""

import pytest

from eartune.evaluation.transcript_errors import TranscriptErrors, separates_words, transcript_errors


def test_characters_and_words_are_counted_over_all_sentences() -> None:
    """wakemeup / wakehe: one other character and two left out, 3 of 8; of 3 words one is another and one is left out.

    "stop" is heard right: 3 of 12 characters, 2 of 4 words. Case and full stops are not heard.
    """
    assert transcript_errors([("Wake me up.", "wake he")]) == TranscriptErrors(3 / 8, 2 / 3)
    assert transcript_errors([("Wake me up.", "wake he"), ("stop", "Stop!")]) == TranscriptErrors(3 / 12, 2 / 4)


@pytest.mark.parametrize("said", ["打开客厅的灯", "電気をつけて", "เปิดไฟ"])
def test_where_no_words_are_separated_none_are_counted(said: str) -> None:
    found = transcript_errors([(said, said[:-1] + "x")])
    assert found is not None and found.words is None
    assert found.characters == pytest.approx(1 / len(said))


@pytest.mark.parametrize("said", ["불을 켜 줘", "bật đèn lên", "включи свет", "أضئ المصباح", "turn on 灯"])
def test_other_scripts_separate_words(said: str) -> None:
    assert separates_words([said])


def test_nothing_said_has_no_errors() -> None:
    assert transcript_errors([]) is None and transcript_errors([("...", "a")]) is None
