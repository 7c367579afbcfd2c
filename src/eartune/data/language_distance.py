"""How far two languages are apart in syntax, phonology, inventory of sounds and family, by the data of lang2vec.

lang2vec (https://pypi.org/project/lang2vec, CC BY-SA 4.0) has the features of URIEL for 7,970 languages inside its
wheel. Its data is read where pip has put it, and never copied: `pip install 'eartune[languages]'`. Its code is not
imported, as it needs a module that setuptools no longer has.
"""

import re
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eartune.errors import InputError
from eartune.files import read_json

ASPECTS = {  # the file of each aspect, and the beginning of the names of its features
    "syntax": ("feature_predictions.npz", "S_"),
    "phonology": ("feature_predictions.npz", "P_"),
    "inventory": ("feature_predictions.npz", "INV_"),
    "family": ("family_features.npz", "F_"),
}
"""What languages are compared by. All but the family are known or predicted from the nearest languages (`_knn`)."""
ONE_OF_A_GROUP = {"ara": "arb", "zho": "cmn", "fas": "pes", "msa": "zsm", "est": "ekk", "lav": "lvs", "swa": "swh"}
"""Codes of groups of languages, and the standard one that is meant."""


def is_installed() -> bool:
    """Return whether the data is there."""
    return _installed() is not None


def distances(one: str, other: str) -> dict[str, float]:
    """Return 1 minus the cosine of the features of two languages in each aspect: 0 for equal ones, 1 for the farthest.

    Languages are named by two or three letters, perhaps with a region, as fr-FR. Raises InputError for a language that
    is not in the data.
    """
    return {aspect: _distance(aspect, code_of(one), code_of(other)) for aspect in ASPECTS}


def without_region(language: str) -> str:
    """Return the language of a name that may have a region or a script: de of de-DE, cmn of cmn_hans_cn."""
    return re.split("[-_]", language.lower())[0]


def code_of(language: str) -> str:
    """Return the ISO 639-3 code of a language."""
    name = without_region(language)
    code = _letter_codes().get(name, name)
    return ONE_OF_A_GROUP.get(code, code)


def _distance(aspect: str, one: str, other: str) -> float:
    first, second = (_features(aspect, code) for code in (one, other))
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return 1.0 - float(first @ second) / lengths if lengths else 1.0


def _features(aspect: str, code: str) -> NDArray[np.float64]:
    file, start = ASPECTS[aspect]
    languages, names, data = _table(file)
    if code not in languages:
        raise InputError(f"{code!r} is no language of lang2vec; use its code of ISO 639-3, such as fra")
    columns = [place for place, name in enumerate(names) if name.startswith(start)]
    known: NDArray[np.float64] = np.maximum(data[languages[code]][columns], 0).astype(np.float64)  # -1: not known
    return known


@lru_cache(maxsize=2)
def _table(file: str) -> tuple[dict[str, int], list[str], Any]:
    with np.load(_folder() / file) as table:
        languages = {str(code): place for place, code in enumerate(table["langs"])}
        return languages, [str(name) for name in table["feats"]], table["data"][:, :, 0]


@lru_cache(maxsize=1)
def _letter_codes() -> dict[str, str]:
    codes: dict[str, str] = read_json(_folder() / "letter_codes.json")
    return codes


def _folder() -> Path:
    folder = _installed()
    if folder is None:
        raise InputError("distances of languages need the data of lang2vec: pip install 'eartune[languages]'")
    return folder


def _installed() -> Path | None:
    """The folder of the data, found by what pip installed: a script of the package's name may stand in its way."""
    try:
        folder = Path(str(distribution("lang2vec").locate_file("lang2vec/data")))
    except PackageNotFoundError:
        return None
    return folder if folder.is_dir() else None
