"""Every fault of a recording, on both sides of its threshold, in files that are made here."""

import math
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from builders import sound_file, tone
from eartune.data.audio import SAMPLE_RATE
from eartune.data.utterance import Recording
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.validation.audio_faults import (
    AUDIO_RULES,
    CHUNK,
    AudioFault,
    AudioMeasurements,
    explain,
    measure_recordings,
)
from eartune.prepare.validation.fault import Treatment

F = AudioFault
HZ = SAMPLE_RATE


def written(path: Path, wave: np.ndarray, rate: int = HZ) -> Path:
    soundfile.write(path, wave, rate, subtype="FLOAT")
    return path


def heard(path: Path, stated: float = math.nan, samples: bool = True) -> AudioMeasurements:
    (one,) = measure_recordings([Recording(path, stated)], samples=samples, workers=1)
    return one


def level(rms: float) -> np.ndarray:
    """A second whose samples are all as large, above and below zero."""
    return np.float32(rms) * np.tile(np.float32([1, -1]), HZ // 2)


def clipped(runs: int, length: int, peak: float = 1.0) -> np.ndarray:
    """10,000 samples, with `runs` flat tops of `length` samples."""
    wave = np.resize(tone(1.0)[:, 0], 10_000)
    for run in range(runs):
        wave[100 * run : 100 * run + length] = peak
    return wave


def test_a_good_recording_is_measured(tmp_path: Path) -> None:
    one = heard(sound_file(tmp_path / "a.wav", 1.5, rate=8000, channels=2))
    assert (one.seconds, one.rate, one.channels, one.faults, one.unusable) == (1.5, 8000, 2, (), None)
    assert one.peak == pytest.approx(0.3, abs=1e-3) and one.rms == pytest.approx(0.3 / math.sqrt(2), abs=1e-3)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_every_format_that_can_be_trained_on_can_be_checked(tmp_path: Path, suffix: str) -> None:
    one = heard(sound_file(tmp_path / f"a.{suffix}", 1.0))
    assert one.faults == () and one.seconds == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("wave", "faults"),
    [
        pytest.param(np.zeros(0), (F.EMPTY,), id="no samples"),
        pytest.param(level(0.1)[: int(0.2 * HZ)], (), id="0.2 s"),
        pytest.param(level(0.1)[: int(0.2 * HZ) - 1], (F.TOO_SHORT,), id="a sample less"),
        pytest.param(np.tile(level(0.1), 30), (), id="30 s"),
        pytest.param(np.append(np.tile(level(0.1), 30), 0.1), (F.TOO_LONG,), id="a sample more"),
        pytest.param(level(0.00101), (), id="just above -60 dBFS"),
        pytest.param(level(0.00099), (F.SILENT,), id="just below"),
        pytest.param(np.zeros(HZ), (F.SILENT,), id="digital silence"),
        pytest.param(np.append(level(0.1), np.nan), (F.NOT_FINITE,), id="NaN"),
        pytest.param(np.append(level(0.1), -np.inf), (F.NOT_FINITE,), id="infinity"),
        pytest.param(clipped(4, 3), (F.CLIPPED,), id="0.12 % in runs of three"),
        pytest.param(clipped(2, 5), (), id="0.1 %, no more"),
        pytest.param(clipped(1, 11), (F.CLIPPED,), id="0.11 % in one run"),
        pytest.param(clipped(50, 2), (), id="1 % in runs of two"),
        pytest.param(clipped(50, 3, -1.0), (F.CLIPPED,), id="below zero"),
        pytest.param(clipped(50, 3, 0.998), (), id="just below full scale"),
        pytest.param(clipped(50, 3, 0.9995), (F.CLIPPED,), id="a few steps of 16 bits below"),
        pytest.param(level(0.1)[:2], (F.TOO_SHORT,), id="shorter than a run"),
        pytest.param(level(0.0001)[:900], (F.TOO_SHORT, F.SILENT), id="two faults"),
    ],
)
def test_faults_begin_at_their_thresholds(tmp_path: Path, wave: np.ndarray, faults: tuple[AudioFault, ...]) -> None:
    assert heard(written(tmp_path / "a.wav", wave.astype(np.float32))).faults == faults


@pytest.mark.parametrize(
    ("stated", "faults"),
    [
        (math.nan, ()),
        (10.0, ()),
        (10.29, ()),
        (10.31, (F.WRONG_DURATION,)),
        (9.71, ()),
        (9.69, (F.WRONG_DURATION,)),
    ],
)
@pytest.mark.parametrize("samples", [True, False])
def test_a_stated_length_may_be_off_by_a_tenth_of_a_second_and_two_per_cent(
    tmp_path: Path, stated: float, faults: tuple[AudioFault, ...], samples: bool
) -> None:
    one = heard(sound_file(tmp_path / "a.wav", 10.0), stated, samples)
    assert one.faults == faults and one.seconds == 10.0 and one.unusable is None


def test_missing_files(tmp_path: Path) -> None:
    dangling = tmp_path / "link.wav"
    dangling.symlink_to(tmp_path / "gone.wav")
    for path in (tmp_path / "a.wav", tmp_path, dangling, Path("a\0.wav")):
        assert heard(path).faults == (F.MISSING,)


def test_a_name_that_no_file_can_have_is_unreadable_not_a_crash() -> None:
    one = heard(Path("a" * 300 + ".wav"))
    assert one.faults == (F.UNREADABLE,) and "File name too long" in explain(F.UNREADABLE, one)


def test_what_git_lfs_leaves_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n"
    for size, fault in ((len(pointer), F.LFS_POINTER), (199, F.LFS_POINTER), (200, F.UNREADABLE)):
        path.write_text(pointer.ljust(size))
        assert heard(path).faults == (fault,)


def test_no_bytes_are_empty_and_other_bytes_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"")
    assert heard(path).faults == (F.EMPTY,)
    path.write_bytes(b"no {heard} sound")
    one = heard(path)
    assert one.faults == (F.UNREADABLE,) and "not a recording that can be read" in explain(F.UNREADABLE, one)


def test_a_raw_file_is_unreadable_not_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(bytes(1000))
    assert heard(path).faults == (F.UNREADABLE,)


def test_damage_inside_a_file_is_found_only_by_reading_it(tmp_path: Path) -> None:
    path = sound_file(tmp_path / "a.flac", 2.0)
    path.write_bytes(path.read_bytes()[:9000])
    assert heard(path).faults == (F.UNREADABLE,)
    assert heard(path, samples=False).faults == ()


def without_length(path: Path) -> Path:
    """A FLAC file as a stream leaves it, which does not know how long it will be."""
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the 36 bits of STREAMINFO that hold the number of samples
    content[22:26] = bytes(4)
    path.write_bytes(content)
    return path


def test_a_flac_stream_without_a_length_is_as_long_as_its_samples(tmp_path: Path) -> None:
    path = without_length(sound_file(tmp_path / "a.flac", 1.0))
    for samples in (True, False):
        assert (heard(path, samples=samples).seconds, heard(path, samples=samples).faults) == (1.0, ())


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".au"])
@pytest.mark.parametrize("samples", [True, False])
def test_a_file_that_ends_before_its_header_says_is_warned_of(tmp_path: Path, suffix: str, samples: bool) -> None:
    """A header that said 1 s over half a second of sound was believed in silence."""
    path = sound_file(tmp_path / f"a{suffix}", 1.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size - SAMPLE_RATE])
    one = heard(path, samples=samples)
    assert (one.faults, one.unusable) == ((F.CUT_OFF,), None)
    assert explain(F.CUT_OFF, one) == "ends after 0.50 s, where its header says 1.00 s; was it cut off?"
    assert F.CUT_OFF not in heard(sound_file(tmp_path / f"whole{suffix}", 1.0), samples=samples).faults


@pytest.mark.parametrize("samples", [True, False])
def test_a_file_that_goes_on_behind_its_end_is_warned_of(tmp_path: Path, samples: bool) -> None:
    """Three seconds of four were cut without a word."""
    path = sound_file(tmp_path / "a.wav", 4.0)
    content = bytearray(path.read_bytes())
    content[40:44] = (2 * HZ).to_bytes(4, "little")
    path.write_bytes(content)
    one = heard(path, samples=samples)
    assert (one.seconds, one.faults, one.unusable) == (1.0, (F.GOES_ON,), None)
    assert explain(F.GOES_ON, one) == (
        "goes on for 3.00 s after where its header says that it ends, which is not heard"
    )


def test_no_exception_of_a_reader_ends_the_measuring_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GSM 6.10 in a WAV raised a ValueError, and twelve good recordings were lost with it."""
    good, bad = sound_file(tmp_path / "good.wav", 1.0), sound_file(tmp_path / "bad.wav", 1.0)
    read = soundfile.SoundFile.read

    def fails(self: soundfile.SoundFile, *args: Any, **more: Any) -> Any:
        if "bad" in str(self.name):
            raise ValueError("frames must be specified")
        return read(self, *args, **more)

    monkeypatch.setattr(soundfile.SoundFile, "read", fails)
    measured = measure_recordings([Recording(path, math.nan) for path in (bad, good)])
    assert [(one.faults, one.error) for one in measured] == [
        ((F.UNREADABLE,), "frames must be specified"),
        ((), ""),
    ]


def test_an_mp3_that_was_cut_is_as_long_as_its_samples(tmp_path: Path) -> None:
    path = sound_file(tmp_path / "a.mp3", 3.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 5])
    one = heard(path, stated=3.0)
    assert one.faults == (F.CUT_OFF, F.WRONG_DURATION) and one.seconds and 1 < one.seconds < 2


@pytest.mark.parametrize("samples", [True, False])
def test_a_rate_that_a_header_has_wrong_shows_in_the_stated_length(tmp_path: Path, samples: bool) -> None:
    path = written(tmp_path / "a.wav", tone(2.0)[:, 0], 8_000)
    one = heard(path, stated=2.0, samples=samples)
    assert (one.faults, one.fitting_rate, one.seconds) == ((F.WRONG_RATE,), HZ, 4.0)
    assert heard(path, samples=samples).faults == heard(path, 4.0, samples).faults == ()


def part(path: Path, start: float, end: float | None) -> AudioMeasurements:
    (one,) = measure_recordings([Excerpt(path, math.nan, start=start, end=end)], workers=1)
    return one


def test_a_part_that_ends_after_its_file_is_none_wherever_it_begins(tmp_path: Path) -> None:
    """From 0 to 1,200 ms of 6 s, taken for seconds, was the whole file, and nothing was said."""
    path = sound_file(tmp_path / "a.wav", 6.0)
    beyond = part(path, 0.0, 1200.0)
    assert explain(F.NO_SUCH_PART, beyond) == (
        "lasts 6.00 s, and so has no part from 0.00 to 1200.00 s; are the times in seconds? "
        "columns of milliseconds are called start_ms and end_ms"
    )
    assert beyond.faults == part(path, 5.0, 6.2).faults == (F.NO_SUCH_PART,)
    rounded = part(path, 0.0, 6.05)
    assert (rounded.seconds, rounded.faults, rounded.is_excerpt) == (6.0, (), False)


def test_so_is_one_of_a_file_that_does_not_say_how_long_it_is(tmp_path: Path) -> None:
    path = without_length(sound_file(tmp_path / "a.flac", 3.0))
    beyond, inside = part(path, 0.0, 12.0), part(path, 1.0, 3.05)
    assert beyond.faults == (F.NO_SUCH_PART,) and beyond.error.startswith("lasts 3.00 s, and so has no part from 0.00")
    assert (inside.seconds, inside.faults) == (2.0, ())


@pytest.mark.parametrize("channel", ["agent", "-1", 2])
def test_a_channel_that_nobody_understands_is_never_the_mean_of_several(tmp_path: Path, channel: str | int) -> None:
    """Beside A, 1.0 or agent both sides of a call were averaged, and nothing was said."""
    call, mono = sound_file(tmp_path / "call.wav", 2.0, channels=2), sound_file(tmp_path / "mono.wav", 2.0)
    rows = [Excerpt(path, math.nan, channel=channel) for path in (call, mono)] + [Excerpt(call, math.nan)]
    measured = measure_recordings(rows, workers=1)
    assert [(one.faults, one.is_excerpt) for one in measured] == [((F.NO_SUCH_PART,), True), ((), False), ((), False)]
    assert measured[0].error.startswith(f"has 2 channels, and so no channel {channel}; they are called 0, 1, ..., or l")


def test_channels_that_cancel_each_other_are_silence_to_a_model(tmp_path: Path) -> None:
    left = level(0.5)
    one = heard(written(tmp_path / "a.wav", np.stack([left, -left], axis=1)))
    assert one.faults == (F.SILENT,) and one.peak == 0.5 and one.rms == 0


def test_one_clipped_channel_of_two_counts_half(tmp_path: Path) -> None:
    loud, quiet = clipped(1, 20), clipped(0, 0)
    assert heard(written(tmp_path / "a.wav", np.stack([quiet, loud], axis=1))).clipped == pytest.approx(0.001)


def test_headers_tell_what_is_missing_empty_or_of_the_wrong_length(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    cases = {
        tmp_path / "gone.wav": (F.MISSING,),
        tmp_path / "text.wav": (F.UNREADABLE,),
        written(tmp_path / "empty.wav", np.zeros(0, np.float32)): (F.EMPTY,),
        sound_file(tmp_path / "short.wav", 0.19): (F.TOO_SHORT,),
        sound_file(tmp_path / "long.wav", 30.1): (F.TOO_LONG,),
        written(tmp_path / "silent.wav", np.zeros(HZ, np.float32)): (),
    }
    for path, faults in cases.items():
        one = heard(path, samples=False)
        assert one.faults == faults and one.rms is None and one.peak is None


def test_only_clipping_and_a_wrong_length_or_rate_are_forgiven() -> None:
    assert AUDIO_RULES.keys() == set(AudioFault)
    forgiven = {fault for fault, rule in AUDIO_RULES.items() if rule.treatment is Treatment.WARNING}
    assert forgiven == {F.CLIPPED, F.CUT_OFF, F.GOES_ON, F.WRONG_RATE, F.WRONG_DURATION}
    assert AudioMeasurements(Path("a.wav"), faults=(F.CLIPPED, F.TOO_LONG)).unusable is F.TOO_LONG


def test_the_sentences_hold_the_numbers() -> None:
    one = AudioMeasurements(Path("a.wav"), seconds=31.204, rate=8000, rms=0.0, clipped=0.0123, stated=15.602)
    assert explain(F.TOO_LONG, one).startswith("lasts 31.20 s; models take 30 s at most; cut it (--cut-long ")
    assert explain(F.SILENT, one) == "is silent (-inf dBFS; speech is above -60)"
    assert explain(F.CLIPPED, one) == "was recorded too loud: 1.2% of its samples are clipped"
    assert explain(F.WRONG_DURATION, one) == "lasts 31.20 s, not 15.60 s as stated; the measured length is written"
    assert explain(F.WRONG_RATE, one) == (
        "lasts 31.20 s at the 8000 Hz of its header, not 15.60 s as stated; at 16000 Hz it would"
    )


def links(folder: Path, count: int) -> list[Recording]:
    """Many files that are one."""
    there = sound_file(folder / "there.wav", 0.5)
    paths = [folder / f"{number}.wav" for number in range(count)]
    for path in paths:
        path.symlink_to(there)
    return [Recording(path, math.nan) for path in paths]


def test_a_file_of_two_rows_is_read_once_and_compared_with_both(tmp_path: Path) -> None:
    path, told = sound_file(tmp_path / "a.wav", 1.0), []
    rows = [Recording(path, 1.0), Recording(path, 7.0)]
    first, second = measure_recordings(rows, workers=1, progress=lambda *done: told.append(done))
    assert (first.faults, second.faults, told) == ((), (F.WRONG_DURATION,), [(1, 1)])


def test_many_readers_give_the_same_in_the_same_order_and_tell_how_far_they_are(tmp_path: Path) -> None:
    rows, told = links(tmp_path, CHUNK + 5), []
    rows[3] = Recording(tmp_path / "gone.wav", math.nan)
    found = measure_recordings(rows, workers=2, progress=lambda *done: told.append(done))
    assert [one.path for one in found] == [row.path for row in rows]
    assert [one.faults for one in found] == [one.faults for one in measure_recordings(rows, workers=1)]
    assert told == [(CHUNK, CHUNK + 5), (CHUNK + 5, CHUNK + 5)]


def test_an_interrupt_passes_through_and_leaves_no_reader(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        measure_recordings(links(tmp_path, 3 * CHUNK), workers=2, progress=stop)
    assert threading.active_count() == before


MANY = """
import signal
from pathlib import Path
from eartune.prepare.validation.audio_faults import measure_recordings
from eartune.data.utterance import Recording
rows = [Recording(Path(f"{number}.wav"), 1.0) for number in range(3 * 10**5)]
signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started in the background begins without it
try:
    measure_recordings(rows, workers=2, progress=lambda *done: print(*done, flush=True))
except KeyboardInterrupt:
    print("stopped")
"""


def test_ctrl_c_stops_at_once_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "many.py").write_text(MANY)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "many.py"], cwd=tmp_path, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout and process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and out.endswith("stopped\n") and err == ""
