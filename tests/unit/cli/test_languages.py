"""What `languages` refuses before a model is loaded, and which sentences it holds against the same English ones."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import eartune.api
from eartune.cli.app import app
from eartune.cli.languages import (
    Sentences,
    against_english,
    corpus_of,
    missing,
    of_language,
    parallel_id,
    per_character,
    targets_of,
)
from eartune.data import language_distance
from eartune.data.utterance import Utterance
from eartune.errors import InputError

XSID = corpus_of("{corpus: xsid, language: de, split: test}")
MANIFEST = corpus_of("some/manifest.jsonl")


def sentences(language: str, words: str, n: int = 10, name: str = "a-{language}-{i}") -> list[Utterance]:
    return [Utterance(name.format(language=language, i=i), words, language, None) for i in range(n)]


def test_tokens_are_held_against_the_same_english_sentences_or_else_against_english_characters() -> None:
    """A token a letter: sentences of 7 against 5 are 1.4 times as long; without the same ones it is 1 by definition."""
    german, english = sentences("de", "sieben!"), sentences("en", "seven")
    others = sentences("en", "seven", name="other-{language}-{i}")
    assert against_english(Sentences.of([(XSID, german), (XSID, english)], [], 50), "de", len) == pytest.approx(1.4)
    assert against_english(Sentences.of([(XSID, german)], [(XSID, english)], 50), "de", len) == pytest.approx(1.4)
    assert against_english(Sentences.of([(XSID, german), (XSID, others)], [], 50), "de", len) == pytest.approx(1.0)
    assert against_english(Sentences.of([(XSID, german)], [], 50), "de", len) is None
    assert per_character([], len) is None and per_character(german, lambda text: 14) == 2


@pytest.mark.parametrize("name", ["{i}", "{language}-{i}", "row-{language}-{i}"])
def test_sentences_of_manifests_are_not_taken_for_translations_of_each_other(name: str) -> None:
    """Of two manifests whose ids are the numbers from 1, unrelated sentences were compared as if they said the same."""
    german, english = sentences("de", "sieben!", name=name), sentences("en", "seven", name=name)
    found = Sentences.of([(MANIFEST, german), (MANIFEST, english)], [], 50)
    assert against_english(found, "de", len) == pytest.approx(1.0)
    said = " ".join(missing(found, ["de", "en"], None))
    assert "Whether sentences of de are translations of the English ones is known only of xsid, massive" in said


def test_translations_are_known_of_the_corpora_that_have_them() -> None:
    found = Sentences.of([(XSID, sentences("de", "sieben!")), (XSID, sentences("en", "seven"))], [], 50)
    assert not any("translations" in sentence for sentence in missing(found, ["de"], None))


def test_the_language_is_taken_out_of_an_id_and_no_part_of_another_word() -> None:
    ids = [parallel_id(Utterance(f"xsid-test-{one}-1", "a", one, None)) for one in ("en", "id", "zh-CN", "de_de")]
    assert ids == ["xsid-test--1"] * 4


def test_a_language_is_found_with_a_region_in_either_form() -> None:
    for language in ("de-DE", "de_de"):
        assert len(of_language(sentences(language, "sieben!"), "de")) == 10


def test_a_target_that_is_named_twice_is_one() -> None:
    assert targets_of("de, vi,DE,") == ["de", "vi"]
    with pytest.raises(InputError, match="names no language"):
        targets_of(" ,")


@pytest.mark.parametrize(("source", "to", "unknown"), [("en", "de,xx", "xx"), ("yy", "de", "yy")])
def test_a_language_that_nobody_knows_is_refused_before_anything_is_transcribed(
    source: str, to: str, unknown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was refused after its clips and those of all languages before it, whose transcripts were lost."""

    def known(*languages: str) -> dict[str, float]:
        if unknown in languages:
            raise InputError(f"{unknown!r} is no language of lang2vec")
        return {}

    monkeypatch.setattr(language_distance, "is_installed", lambda: True)
    monkeypatch.setattr(language_distance, "distances", known)
    monkeypatch.setattr(eartune.api, "load", lambda *_: pytest.fail("a model was loaded"))
    done = CliRunner().invoke(app, ["languages", "pocket", "--from", source, "--to", to, "--runs", str(tmp_path)])
    assert isinstance(done.exception, InputError) and str(done.exception).startswith(f"{unknown!r} is no language")
