"""The table of hours is of plain codes, and sums up to nearly what its source gives for all languages together."""

from eartune.data.whisper_hours import BEGIN_WITH_WHISPER, EVERYTHING_BUT_ENGLISH, WHISPER_HOURS
from eartune.models.architecture import CHECKPOINTS


def test_the_languages_sum_up_to_nearly_all_hours() -> None:
    """A wrong digit of any language of weight would show; what is missing are small languages."""
    known = sum(hours for language, hours in WHISPER_HOURS.items() if language != "en")
    assert 0.995 * EVERYTHING_BUT_ENGLISH < known <= EVERYTHING_BUT_ENGLISH


def test_codes_have_two_letters_and_hours_fall() -> None:
    assert all(len(code) == 2 and code.islower() for code in WHISPER_HOURS)
    assert list(WHISPER_HOURS.values()) == sorted(WHISPER_HOURS.values(), reverse=True)


def test_families_that_begin_with_whisper_exist() -> None:
    assert set(BEGIN_WITH_WHISPER) <= CHECKPOINTS.keys()
