"""Processes that are started together: the first one's result, and one sentence where one of them fails."""

import pytest

import work_of_processes as work
from eartune.errors import InputError, ProcessLostError
from eartune.experiments.ranks import on_ranks

pytestmark = pytest.mark.usefixtures("forks")


@pytest.mark.parametrize(
    ("how", "error", "sentence"),
    [
        ("input", InputError, "a.jsonl, row 3: has no text"),
        (
            "error",
            ProcessLostError,
            "process 2 of 3 failed (ZeroDivisionError: by nothing); "
            "run the same command again to go on from the last checkpoint",
        ),
        (
            "kill",
            ProcessLostError,
            "process 2 of 3 was killed (signal 9; the system kills a process that takes too much memory); "
            "run the same command again to go on from the last checkpoint",
        ),
    ],
)
def test_a_process_that_fails_ends_the_others_with_one_sentence(
    capfd: pytest.CaptureFixture[str], how: str, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error) as found:
        on_ranks(3, work.fail, 1, how)
    assert str(found.value) == sentence
    assert capfd.readouterr().err == ""  # no trace of any process
