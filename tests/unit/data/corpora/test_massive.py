"""What MASSIVE's brackets say about the tokens of a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eartune.data.corpora.massive import OUTSIDE, massive_tokens, token_labels

# Label, then words; runs of one label are written in one pair of brackets.
words = st.lists(st.text("abcé'", min_size=1, max_size=4), min_size=1, max_size=3)
runs = st.lists(st.tuples(st.sampled_from([OUTSIDE, "date", "song_name"]), words), max_size=6)


ROWS: dict[str, tuple[str, str]] = {
    "nothing": ("", ""),
    "no slot": ("turn it off", "turn it off"),
    "all of it": ("[time : noon]", "noon/time"),
    "several words": (
        "wake me [date : this friday morning] please",
        "wake me this/date friday/date morning/date please",
    ),
    "touching slots": ("[person : ann] [person : bob]", "ann/person bob/person"),
    "two slots": ("from [place : ulm] to [place_name : bonn] now", "from ulm/place to bonn/place_name now"),
    "closing bracket alone": ("at [time : ten am ] sharp", "at ten/time am/time sharp"),
    "empty slot": ("at [time : ] sharp", "at sharp"),
    "wide gaps": ("at  [time :  ten  am]", "at ten/time am/time"),
    "never closed": ("call [person : ann", "call ann/person"),
    "colon inside": ("vor [time : 5:30] uhr", "vor 5:30/time uhr"),
}


@pytest.mark.parametrize(("annotated", "labelled"), ROWS.values(), ids=ROWS)
def test_tokens_take_the_label_of_their_bracket(annotated: str, labelled: str) -> None:
    pairs = [word.split("/") for word in labelled.split()]
    tokens, labels = token_labels(annotated, "de-DE")
    assert tokens == [token for token, *_ in pairs]
    assert labels == [label[0] if label else OUTSIDE for _, *label in pairs]


@pytest.mark.parametrize("locale", ["ja-JP", "zh-CN", "zh-TW"])
def test_where_there_are_no_spaces_each_character_has_a_label(locale: str) -> None:
    tokens, labels = token_labels("明日 [time : 五時] に", locale)
    assert tokens == list("明日五時に") == massive_tokens("明日五時に", locale)
    assert labels == [OUTSIDE, OUTSIDE, "time", "time", OUTSIDE]


def test_elsewhere_a_word_is_a_token() -> None:
    assert massive_tokens(" nhắc tôi  lúc 5h ", "vi-VN") == ["nhắc", "tôi", "lúc", "5h"]


@given(runs=runs)
def test_what_was_bracketed_is_read(runs: list[tuple[str, list[str]]]) -> None:
    annotated = " ".join(" ".join(w) if label == OUTSIDE else f"[{label} : {' '.join(w)}]" for label, w in runs)
    assert token_labels(annotated, "en-US") == (
        [word for _, words in runs for word in words],
        [label for label, words in runs for _ in words],
    )
