"""Without a terminal a line now and then says how far a run is and how long it will take."""

from io import StringIO

import pytest
from rich.console import Console

from eartune.experiments import progress
from eartune.experiments.progress import RunProgress


class Clock:
    """A clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def lines(console: Console) -> list[str]:
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def quiet_console() -> Console:
    return Console(file=StringIO(), width=100)


def test_a_line_says_how_much_is_done_and_how_long_the_rest_will_take(clock: Clock) -> None:
    console = quiet_console()
    with RunProgress(console, total=100) as shown:
        clock.now += 30
        shown.within("text stage", units=50, part=0.5)
    assert lines(console) == [" 25%  text stage  1:30 left"]


def test_a_line_is_printed_every_20_seconds_at_most(clock: Clock) -> None:
    console = quiet_console()
    with RunProgress(console, total=100) as shown:
        for _ in range(60):
            clock.now += 1
            shown.within("text stage", units=100, part=(clock.now - 1000) / 100)
    assert [line.split()[0] for line in lines(console)] == ["1%", "21%", "41%"]


def test_work_of_an_earlier_run_does_not_flatter_the_estimate(clock: Clock) -> None:
    console = quiet_console()
    with RunProgress(console, total=100) as shown:
        shown.done(50, skipped=True)
        clock.now += 60
        shown.within("speech stage", units=50, part=0.5)
    assert lines(console) == [" 75%  speech stage  1:00 left"]


def test_finished_pieces_add_up(clock: Clock) -> None:
    console = quiet_console()
    with RunProgress(console, total=7200) as shown:
        clock.now += 1800
        shown.done(1800)
        shown.within("answers", units=1800, part=0)
    assert lines(console) == [" 25%  answers  1:30:00 left"]


def test_before_anything_is_done_there_is_no_estimate(clock: Clock) -> None:
    console = quiet_console()
    with RunProgress(console, total=0) as shown:
        shown.within("text stage", units=0, part=0)
    assert lines(console) == ["  0%  text stage"]


def test_work_of_an_earlier_session_on_a_stage_does_not_flatter_the_estimate(clock: Clock) -> None:
    """Right after a resume all steps of earlier sessions seemed to have been made in a moment."""
    console = quiet_console()
    with RunProgress(console, total=100) as shown:
        clock.now += 30
        shown.within("text stage", units=100, part=0.6, earlier=0.5)
    assert lines(console) == [" 60%  text stage  2:00 left"]


def test_what_an_earlier_session_did_stays_out_of_the_estimate_when_its_stage_is_done(clock: Clock) -> None:
    console = quiet_console()
    with RunProgress(console, total=100) as shown:
        shown.within("text stage", units=50, part=1.0, earlier=0.5)
        shown.done(50)
        clock.now += 60
        shown.within("answers", units=50, part=0.1)
    assert lines(console)[-1] == " 55%  answers  1:30 left"


def test_more_work_than_was_planned_shows_neither_over_100_percent_nor_negative_time(clock: Clock) -> None:
    console = quiet_console()
    with RunProgress(console, total=100) as shown:
        shown.done(100)
        clock.now += 60
        shown.within("answers", units=50, part=0.5)
    assert lines(console) == ["100%  answers"]


def test_brackets_in_what_is_done_are_no_markup() -> None:
    console = Console(file=StringIO(), width=100, force_terminal=True)
    with RunProgress(console, total=100) as shown:
        shown.within("[/x]: transcribing", units=50, part=0.5)
        shown._bar.refresh()
    assert "[/x]: transcribing" in console.file.getvalue()
