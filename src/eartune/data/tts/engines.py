"""Speaks one sentence with Pico or eSpeak NG: text on standard input becomes samples on standard output.

    echo good morning | python engines.py pico en-US 1.0 1.0     engine, voice, speed, pitch
    -> the sampling rate as 4 bytes, then 16-bit samples, all little-endian

Each sentence is spoken by a new process, because both engines carry something over from one sentence to the next
(Pico computes in memory that it does not clear, eSpeak NG continues its oscillators and its noise). In a new process
the samples depend on nothing but the request. This file imports little, and nothing of eartune, so that it starts fast.
"""

import sys
from typing import Any

WORDS_A_MINUTE = 165  # of eSpeak NG, at speed 1
PITCH = 50  # of eSpeak NG, from 0 to 100, at pitch 1
_SYNCHRONOUS, _RATE, _PITCH = 2, 1, 3  # as speak_lib.h numbers them


def speak_pico(text: str, voice: str, speed: float, pitch: float) -> tuple[int, bytes]:
    """Return the sampling rate in Hz and the 16-bit samples of a sentence spoken by SVOX Pico."""
    from py_nanotts import NanoTTS

    return 16_000, NanoTTS().speak(text, voice=voice, speed=speed, pitch=pitch)


def speak_espeak(text: str, voice: str, speed: float, pitch: float) -> tuple[int, bytes]:
    """Return the sampling rate in Hz and the 16-bit samples of a sentence spoken by eSpeak NG."""
    import ctypes

    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), 0)
    if rate <= 0:
        raise SystemExit(f"eSpeak NG did not start: espeak_Initialize returned {rate} instead of a sampling rate")
    if library.espeak_SetVoiceByName(voice.encode()):
        raise SystemExit(f"eSpeak NG has no voice {voice!r}")
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # else the noise of breath depends on the clock
    library.espeak_SetParameter(_RATE, int(WORDS_A_MINUTE * speed), 0)
    library.espeak_SetParameter(_PITCH, int(PITCH * pitch), 0)
    return rate, _synthesize(library, text.encode())


def _synthesize(library: Any, text: bytes) -> bytes:
    import ctypes

    pieces = []

    def collect(samples: Any, count: int, _events: int) -> int:
        if count > 0:
            pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(collect)
    library.espeak_SetSynthCallback(callback)
    library.espeak_Synth(text, len(text) + 1, 0, 0, 0, 1, None, None)
    return b"".join(pieces)


def main() -> None:
    """Speak standard input as the arguments say."""
    engine, voice, speed, pitch = sys.argv[1:]
    speak = {"pico": speak_pico, "espeak": speak_espeak}[engine]
    rate, samples = speak(sys.stdin.buffer.read().decode(), voice, float(speed), float(pitch))
    sys.stdout.buffer.write(rate.to_bytes(4, "little") + samples)


if __name__ == "__main__":
    main()
