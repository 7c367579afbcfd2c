"""Distances are read from data that lies where lang2vec puts it: some made here, and the true one if it is there."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from eartune.data import language_distance
from eartune.data.language_distance import code_of, distances
from eartune.errors import InputError


@pytest.fixture
def three_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """French, German and Arabic with two features each; the family of one is unknown."""
    features = np.array([[1, 1, 0, 1, 1, 0], [1, 0, 0, 1, 0, 1], [0, 1, 1, 0, 1, 1]], np.float32)
    names = ["S_a", "S_b", "P_a", "P_b", "INV_a", "INV_b"]
    codes = ["fra", "deu", "arb"]
    np.savez(tmp_path / "feature_predictions.npz", data=features[:, :, None], feats=names, langs=codes)
    family = np.array([[1, 1, 0], [1, 0, 1], [-1, -1, -1]], np.float32)
    np.savez(tmp_path / "family_features.npz", data=family[:, :, None], feats=["F_x", "F_y", "F_z"], langs=codes)
    (tmp_path / "letter_codes.json").write_text(json.dumps({"fr": "fra", "de": "deu", "ar": "ara"}))
    monkeypatch.setattr(language_distance, "_folder", lambda: tmp_path)
    clear()
    yield
    clear()


def clear() -> None:
    language_distance._table.cache_clear()
    language_distance._letter_codes.cache_clear()


def test_a_distance_is_one_minus_the_cosine_of_the_features_of_its_aspect(three_languages: None) -> None:
    """Syntax (1, 1) and (1, 0): 1 - 1 / sqrt(2). Phonology (0, 1) twice: 0. Inventory (1, 0) and (0, 1): 1."""
    found = distances("fr", "de-DE")
    assert found == {
        "syntax": pytest.approx(1 - 1 / np.sqrt(2)),
        "phonology": pytest.approx(0),
        "inventory": pytest.approx(1),
        "family": pytest.approx(0.5),  # of two families each, they share one
    }


def test_what_is_not_known_of_a_language_counts_as_not_shared(three_languages: None) -> None:
    assert distances("fr", "ar")["family"] == 1


def test_a_group_of_languages_is_its_standard_one(three_languages: None) -> None:
    assert (code_of("ar"), code_of("fr-FR"), code_of("de_de"), code_of("deu")) == ("arb", "fra", "deu", "deu")


def test_an_unknown_language_is_named(three_languages: None) -> None:
    with pytest.raises(InputError, match=r"^'xx' is no language of lang2vec"):
        distances("fr", "xx")


def test_without_the_data_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_distance, "_installed", lambda: None)
    clear()
    assert not language_distance.is_installed()
    with pytest.raises(InputError, match=r"pip install 'eartune\[languages\]'"):
        distances("fr", "de")


@pytest.mark.skipif(not language_distance.is_installed(), reason="needs the data of lang2vec")
def test_from_french_portuguese_is_nearest_in_syntax_and_korean_farthest_and_vietnamese_is_far_in_all() -> None:
    """The values that lang2vec's own functions gave, to two digits."""
    syntax = {name: round(distances("fr", name)["syntax"], 2) for name in ("pt", "es", "de", "ar", "vi", "tr", "ko")}
    assert syntax == {"pt": 0.14, "es": 0.16, "de": 0.20, "ar": 0.28, "vi": 0.38, "tr": 0.45, "ko": 0.53}
    vietnamese = distances("fr", "vi")
    assert (round(vietnamese["phonology"], 2), round(vietnamese["inventory"], 2)) == (0.36, 0.32)
