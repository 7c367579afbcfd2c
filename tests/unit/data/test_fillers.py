"""The values of a frame are looked for in the text as words, or anywhere where there are no spaces."""

import pytest

from eartune.data.fillers import absent_fillers
from eartune.data.frame import Entity

JAPANESE, CHINESE, THAI = ("明日の朝六時に起こして", "六時"), ("明天早上六点叫醒我", "六点"), ("ปลุกฉันตอนหกโมง", "หกโมง")


@pytest.mark.parametrize(
    ("sentence", "languages"),
    [
        (
            CHINESE,
            ("zh", "zh-CN", "zh_CN", "zh_Hant_TW", "cmn_hans_cn", "yue", "yue_Hant_HK", "ZH_cn", "zho", "und", ""),
        ),
        (JAPANESE, ("ja", "ja_JP", "ja-JP", "jpn", "ja_JP.UTF-8", "Japanese")),
        (THAI, ("th", "th_TH", "tha", "Thai")),
    ],
)
def test_a_value_stands_in_a_text_without_spaces_however_its_language_is_written(
    sentence: tuple[str, str], languages: tuple[str, ...]
) -> None:
    """zh_CN, ja_JP, th_TH and yue were taken for languages with spaces, in which no such value is a word."""
    text, filler = sentence
    assert [code for code in languages if absent_fillers([Entity("time", filler)], text, code)] == []


@pytest.mark.parametrize("language", ["en", "en_US", "en-GB", "eng", "de_DE"])
def test_with_spaces_a_part_of_a_word_is_no_value(language: str) -> None:
    art, party = Entity("topic", "art"), Entity("event", "party")
    assert absent_fillers([art, party], "plan a パーティー party", language) == ["art"]
