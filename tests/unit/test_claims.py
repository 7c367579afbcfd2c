"""Claims: one holder at a time, none that outlives its process, and none that another process loses."""

import multiprocessing
import os
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from eartune import claims
from eartune.claims import Claims, TakenError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


class Other:
    """Another process, which holds a claim until it is told to end, or is killed."""

    def __init__(self, folder: Path, name: str, is_elsewhere: bool = False) -> None:
        forked = multiprocessing.get_context("fork")
        heard, told = forked.Pipe()
        self.process = forked.Process(target=_hold, args=(folder, name, told), daemon=True)
        self.process.start()
        assert heard.recv() == "held"
        self.heard = heard
        if is_elsewhere:  # where nobody can look for its process
            (marker,) = folder.glob("*.lock")
            with marker.open("r+") as file:
                text = file.read()
                own = next(line for line in text.splitlines() if line.startswith("host="))
                file.seek(0)
                file.write(text.replace(own, "host=" + "x" * (len(own) - 5)))


def _hold(folder: Path, name: str, told: "Connection[str, str]") -> None:
    with Claims(folder).hold(name):
        told.send("held")
        told.recv()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(claims, "RENEWAL_SECONDS", 0.2)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    found = Other(tmp_path, "text-1")
    yield found
    found.process.kill()


def test_a_claim_has_one_holder_and_is_gone_when_it_is_released(tmp_path: Path, other: Other) -> None:
    own = Claims(tmp_path)
    with pytest.raises(TakenError, match="text-1"), own.hold("text-1"):
        pass
    with own.hold("mixed-1"):
        assert own.of_others() == ["text-1"]
    other.heard.send("end")
    other.process.join()
    with own.hold("text-1"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_of_this_machine_holds_nothing(tmp_path: Path, other: Other) -> None:
    other.process.kill()
    other.process.join()
    with Claims(tmp_path).hold("text-1"):
        pass


def test_one_that_waits_gets_the_claim_when_it_is_free(tmp_path: Path, other: Other) -> None:
    other.heard.send("end")
    with Claims(tmp_path).hold("text-1", wait=True):
        pass


def test_a_machine_that_died_holds_a_claim_until_it_is_not_renewed(tmp_path: Path, quick: None) -> None:
    """It is known by the time in which its file does not change, by the clock of whoever waits for it."""
    other = Other(tmp_path, "text-1", is_elsewhere=True)
    own, started = Claims(tmp_path), time.monotonic()
    with pytest.raises(TakenError), own.hold("text-1"):
        pass
    time.sleep(1.5)  # it is renewed all this time
    with pytest.raises(TakenError), own.hold("text-1"):
        pass
    other.process.kill()
    while time.monotonic() - started < 20:
        try:
            with own.hold("text-1"):
                return
        except TakenError:
            time.sleep(0.1)
    raise AssertionError("the claim of a dead machine was held for 20 s")


def test_a_clock_that_jumps_breaks_no_claim(tmp_path: Path, quick: None) -> None:
    other = Other(tmp_path, "text-1", is_elsewhere=True)
    own = Claims(tmp_path)
    for jump in (-1e8, 1e8):
        (marker,) = tmp_path.glob("*.lock")
        os.utime(marker, (time.time() + jump, time.time() + jump))
        with pytest.raises(TakenError), own.hold("text-1"):
            pass
    other.process.kill()


def test_a_process_that_was_stopped_for_too_long_notices_that_its_claim_is_taken(tmp_path: Path, quick: None) -> None:
    own = Claims(tmp_path)
    with own.hold("text-1"):
        own.check()
        (marker,) = tmp_path.glob("*.lock")
        marker.unlink()  # as another process does that takes it over
        deadline = time.monotonic() + 20
        with pytest.raises(TakenError):
            while time.monotonic() < deadline:
                own.check()
                time.sleep(0.05)
