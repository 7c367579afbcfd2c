"""The voices that are installed for a language, some to train on and another to test with."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_PICO = {"en": ("en-US", "en-GB"), "de": ("de-DE",), "es": ("es-ES",), "fr": ("fr-FR",), "it": ("it-IT",)}
_ESPEAK_NAMES = {"zh": "cmn"}
_TRAINED, _TESTED = ("f2", "m3"), ("f5", "m7")  # speakers of eSpeak NG


@dataclass(frozen=True)
class VoicesOfLanguage:
    """Voices as a YAML names them; no speaker is in both."""

    training: tuple[dict[str, Any], ...]
    test: tuple[dict[str, Any], ...]


def voices_of_language(tag: str) -> VoicesOfLanguage | None:
    """Return the voices that are installed for a language, named as `de` or `de-DE`; None if there are none."""
    language = tag.lower().replace("_", "-").partition("-")[0]
    name = _ESPEAK_NAMES.get(language, language)
    has_espeak = name in _espeak_languages()
    pico = _PICO.get(language, ()) if find_spec("py_nanotts") else ()
    spoken = tuple({"engine": "espeak", "name": name, "variant": variant} for variant in _TRAINED) * has_espeak
    if len(pico) > 1:  # the second speaker is kept for the test
        ours = ({"name": pico[0]}, {"name": pico[0], "speed": 0.85, "pitch": 0.8})
        return VoicesOfLanguage(ours + spoken, ({"name": pico[1]}, {"name": pico[1], "speed": 1.1, "pitch": 0.85}))
    if not has_espeak:
        return None
    others = tuple({"engine": "espeak", "name": name, "variant": variant} for variant in _TESTED)
    return VoicesOfLanguage(spoken, ({"name": pico[0]},) if pico else others)


@cache
def _espeak_languages() -> frozenset[str]:
    """The languages of eSpeak NG by their codes; none where it is not installed."""
    if not find_spec("espeakng_loader"):
        return frozenset()
    import espeakng_loader

    folder = Path(espeakng_loader.get_data_path()) / "lang"
    return frozenset(path.name.lower() for path in folder.rglob("*") if path.is_file())
