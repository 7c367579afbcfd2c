"""The one page: what it counts, and that it is the same in a file and in a terminal."""

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from builders import frame, utterance
from eartune.data.utterance import Recording, Utterance
from eartune.prepare.profile import HEADERS_ONLY, Profile, build_profile, markdown_profile, terminal_profile
from eartune.prepare.validation.audio_faults import AudioMeasurements
from eartune.prepare.validation.fault import Fault, Treatment
from eartune.prepare.validation.quarantine import Quarantined


def spoken(name: str, *seconds: float, speaker: str | None = None, language: str = "en") -> Utterance:
    recordings = tuple(Recording(Path(f"{name}.wav"), length, speaker) for length in seconds)
    return replace(utterance(name), recordings=recordings, language=language)


def lines(profile: Profile, title: str) -> list[tuple[str, ...]]:
    """The cells of the section whose title begins so."""
    (section,) = [section for section in profile.sections if section.title.startswith(title)]
    assert section.table
    return [section.table.headings, *section.table.lines]


def profile_of(*rows: Utterance) -> Profile:
    return build_profile({"all": rows}, [], [], [])


def in_terminal(profile: Profile) -> str:
    console = Console(file=io.StringIO(), width=140)
    console.print(terminal_profile(profile))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_what_there_is() -> None:
    train = [spoken("a", 1800, 1800, speaker="ann"), spoken("b", 3600, language="de"), spoken("c", language="de")]
    test = [spoken("t", 360, speaker="ann")]
    aside = [Quarantined("test", "x", None, "mojibake", "holds 'Ã©'", {})]
    assert lines(build_profile({"train": train, "test": test}, [], aside, []), "Overview") == [
        ("split", "languages", "utterances", "text only", "recordings", "hours", "speakers", "set aside"),
        ("train", "de, en", "3", "1", "3", "2.00", "1", "0"),
        ("test", "en", "1", "0", "1", "0.10", "1", "1"),
        ("together", "en, de", "4", "1", "4", "2.10", "1", "1"),
    ]


def test_of_many_languages_the_most_frequent_are_named() -> None:
    rows = [spoken(f"u{n}", language=f"l{n % 5}") for n in range(9)]
    assert lines(profile_of(*rows), "Overview")[1][1] == "l0, l1, l2 and 2 more"


def test_a_split_of_which_nothing_is_left_has_its_line() -> None:
    empty = build_profile({"train": [], "test": [spoken("t", 1.0)]}, [], [], [])
    assert lines(empty, "Overview")[1] == ("train", "–", "0", "0", "0", "0", "–", "0")  # noqa: RUF001
    assert lines(empty, "Lengths")[1][0] == "test"
    assert "## 0 intents" not in markdown_profile(build_profile({"train": []}, [], [], []))


def test_labels_are_counted_in_each_split_and_the_rare_ones_added_up() -> None:
    rows = [replace(utterance(), frame=frame(f"alarm.{n}", "date:x", "date:y")) for n in range(25) for _ in range(n)]
    profile = build_profile({"train": rows, "test": rows[-1:]}, [], [], [])
    found = lines(profile, "24 intents")
    assert found[:2] == [("intent", "train", "test", "together"), ("alarm_24", "24", "1", "25")]
    assert len(found) == 21
    assert "And 4 intents more, which occur 10 times in all." in markdown_profile(profile)
    assert lines(profile, "1 entity type")[1] == ("date", "600", "2", "602")


def test_lengths_as_quantiles_and_bars() -> None:
    profile = profile_of(*(spoken(f"u{n}", length) for n, length in enumerate([1.0, 1.0, 1.0, 1.2, 6.0])))
    assert lines(profile, "Lengths")[1] == ("all", "1.00", "1.00", "1.00", "1.00", "1.20", "5.04", "6.00")
    assert lines(profile, "Distribution")[1:] == [
        ("0 to 1", "█" * 40, "3"),
        ("1 to 2", "█" * 14, "1"),
        *((f"{n} to {n + 1}", "", "0") for n in (2, 3, 4)),
        ("5 to 6", "█" * 14, "1"),
    ]


def test_no_more_than_ten_bars() -> None:
    for longest in (0.2, 5.0, 5.1, 10.0, 20.0, 30.0):
        assert len(lines(profile_of(spoken("a", longest)), "Distribution")) <= 11


def test_text_alone_has_no_lengths_and_no_rates() -> None:
    titles = [section.title for section in profile_of(spoken("a")).sections]
    assert titles == ["Overview", "1 intent", "1 entity type", "Faults"]


def test_rates_and_channels() -> None:
    heard = [
        AudioMeasurements(Path("a.wav"), 1.0, rate, channels) for rate, channels in ((16000, 1), (8000, 2), (16000, 1))
    ]
    assert lines(build_profile({"all": []}, heard, [], []), "Sampling")[1:] == [
        ("16,000", "1", "2"),
        ("8,000", "2", "1"),
    ]


def test_faults_with_counts_and_up_to_three_examples() -> None:
    aside = [Quarantined("train", f"u{n}", f"{n}.wav", "silent", "is silent", {}) for n in range(5)]
    aside += [Quarantined("train", "f.csv, row 7", None, "not-read", "needs an intent", {})]
    warnings = [Fault("seen-once", Treatment.WARNING, "train", f"intent {n}", "occurs once") for n in range(9)]
    assert lines(build_profile({"train": []}, [], aside, warnings), "Faults") == [
        ("fault", "treatment", "examples", "count"),
        ("silent", "set aside", "0.wav: is silent", "5"),
        ("", "", "1.wav: is silent", ""),
        ("", "", "2.wav: is silent", ""),
        ("not-read", "set aside", "f.csv, row 7: needs an intent", "1"),
        ("seen-once", "warning", "intent 0: occurs once", "9"),
        ("", "", "intent 1: occurs once", ""),
        ("", "", "intent 2: occurs once", ""),
    ]


def test_a_page_without_faults_says_so_and_one_of_headers_says_what_was_not_looked_for() -> None:
    assert "## Faults\n\nNone were found.\n" in markdown_profile(profile_of(spoken("a")))
    assert HEADERS_ONLY in markdown_profile(build_profile({"all": [spoken("a", 1.0)]}, [], [], [], read_samples=False))


def test_labels_cannot_break_the_page() -> None:
    row = replace(utterance(), frame=frame("a|b [bold]c[/] <i>"))
    profile = profile_of(row)
    assert "| a\\|b [bold]c[/] &lt;i&gt; |" in markdown_profile(profile)
    assert "a|b [bold]c[/] <i>" in in_terminal(profile)


def test_the_terminal_shows_every_cell_and_note() -> None:
    aside = [Quarantined("all", "u", f"{'long/' * 30}.wav", "silent", "is silent", {})]
    profile = build_profile(
        {"all": [spoken("a", 1.0)]}, [AudioMeasurements(Path("a.wav"), 1.0, 16000, 1)], aside, [], False
    )
    shown = in_terminal(profile)
    assert all(section.title in shown for section in profile.sections) and HEADERS_ONLY in shown
    cells = [cell for s in profile.sections if s.table for line in s.table.lines for cell in line]
    assert all(cell in shown for cell in cells)
