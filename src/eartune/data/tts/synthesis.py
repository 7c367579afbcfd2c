"""Speech from text: each sentence is synthesised once, and kept in a folder that experiments share.

Such recordings are synthetic, and results that were trained or measured on them say so.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from eartune.data.audio import audio_seconds, check_wave, write_audio
from eartune.data.tts.voices import SpeakingVoice
from eartune.data.utterance import Recording, Utterance
from eartune.errors import InputError
from eartune.files import remove_leftovers
from eartune.progress import Progress

CHARACTERS_A_SECOND = 15  # Pico's rate over English sentences


def synthesize(
    utterances: Iterable[Utterance],
    voices: Sequence[SpeakingVoice],
    folder: Path,
    may_write: bool = True,
    progress: Progress = lambda done, total: None,
    seconds_of: Callable[[Path], float] = audio_seconds,
) -> tuple[Utterance, ...]:
    """Return the utterances with one synthetic recording each, in the voice that the utterance's id picks.

    A recording is named after its words and its voice, and synthesised only if its file does not exist yet, several
    at a time; without `may_write` none is synthesised, and the length of missing ones is estimated from the text.
    Raises InputError for an utterance without text, and for a voice that fails.
    """
    chosen = [(utterance, _pick(utterance, voices)) for utterance in utterances]
    places = [_place(utterance, voice, folder) for utterance, voice in chosen]
    if may_write:
        remove_leftovers(folder)
        missing = {place: pair for place, pair in zip(places, chosen, strict=True) if not place.exists()}
        _speak_all([(voice, str(utterance.text), place) for place, (utterance, voice) in missing.items()], progress)
    return tuple(
        replace(utterance, recordings=(_recording(utterance, voice, place, seconds_of),))
        for (utterance, voice), place in zip(chosen, places, strict=True)
    )


def _pick(utterance: Utterance, voices: Sequence[SpeakingVoice]) -> SpeakingVoice:
    return voices[int(hashlib.sha256(utterance.id.encode()).hexdigest(), 16) % len(voices)]


def _place(utterance: Utterance, voice: SpeakingVoice, folder: Path) -> Path:
    if utterance.text is None:
        raise InputError(f"{utterance.id}: has no text that a voice could speak")
    content = hashlib.sha256(f"{voice.cache_key}\n{utterance.text}".encode()).hexdigest()[:20]
    return folder / f"{content}.flac"


def _speak_all(missing: Sequence[tuple[SpeakingVoice, str, Path]], progress: Progress) -> None:
    """Threads are enough, because every engine speaks in a process of its own."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pending = [pool.submit(_speak_one, voice, text, place) for voice, text, place in missing]
        try:
            for done, future in enumerate(pending, start=1):
                future.result()
                progress(done, len(missing))
        finally:
            pool.shutdown(cancel_futures=True)  # a voice that fails once would fail for all the others


def _speak_one(voice: SpeakingVoice, text: str, place: Path) -> None:
    write_audio(place, check_wave(voice.speak(text), f"the voice {voice.label}, asked to say {text!r}"))


def _recording(
    utterance: Utterance, voice: SpeakingVoice, place: Path, seconds_of: Callable[[Path], float]
) -> Recording:
    seconds = seconds_of(place) if place.exists() else estimated_seconds(str(utterance.text))
    return Recording(place, seconds, voice.label)


def estimated_seconds(text: str) -> float:
    """Return about how many seconds it takes to say a text, for plans made before its recording exists."""
    return 0.5 + len(text) / CHARACTERS_A_SECOND
