"""What ends a command without a traceback, whichever verb it is."""

from pathlib import Path

import pytest

from eartune.cli import listing
from eartune.cli.app import RESUMES, VERBS, main


def ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *argv: str
) -> tuple[int | str | None, str]:
    """The exit code of a command, and what it printed on stderr."""
    monkeypatch.setattr("sys.argv", ["eartune", *argv])
    with pytest.raises(SystemExit) as exit_of:
        main()
    return exit_of.value.code, capsys.readouterr().err


def test_an_interrupted_command_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Typer ends it without a word."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(listing, "list_all", interrupted)
    assert ended(monkeypatch, capsys, "list") == (130, "eartune: interrupted\n")
    monkeypatch.setitem(RESUMES, "list", "; run the same command to resume")
    assert ended(monkeypatch, capsys, "list") == (130, "eartune: interrupted; run the same command to resume\n")
    assert RESUMES.keys() <= VERBS.keys()


def test_a_path_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.jsonl").write_text('{"id": "a", "text": "one", "intent": "alarm_set"}\n')
    command = ("convert", "text.jsonl", "--to", "messages", "--out", "text.jsonl/chats.jsonl")
    code, said = ended(monkeypatch, capsys, *command)
    assert (code, said) == (2, "eartune: text.jsonl: File exists\n")


def test_an_error_of_the_system_that_names_no_path_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise OSError("no path")

    monkeypatch.setattr(listing, "list_all", fails)
    monkeypatch.setattr("sys.argv", ["eartune", "list"])
    with pytest.raises(OSError, match="no path"):
        main()
