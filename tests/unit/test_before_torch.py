"""How threads wait is chosen by what other processes do, a choice of the user's stands, and real warnings are shown."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eartune import before_torch
from eartune.before_torch import OTHER_MACHINES, busy_share, choose_waiting

SPIN = "print('on', flush=True)\nwhile True: pass"


def with_share(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    """Let others take this share of the cores."""
    monkeypatch.setattr(before_torch, "busy_share", lambda: share)


@pytest.mark.parametrize(("share", "policy"), [(0.0, None), (0.2, None), (0.25, "PASSIVE"), (1.0, "PASSIVE")])
def test_threads_sleep_while_they_wait_if_others_take_the_cores(
    monkeypatch: pytest.MonkeyPatch, share: float, policy: str | None
) -> None:
    with_share(monkeypatch, share)
    environment: dict[str, str] = {}
    choose_waiting(environment)
    assert environment.get("OMP_WAIT_POLICY") == policy


@pytest.mark.parametrize("chosen", [{"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "1000"}])
def test_what_the_user_has_set_stands(monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str]) -> None:
    with_share(monkeypatch, 1.0)
    environment = dict(chosen)
    choose_waiting(environment)
    assert environment == chosen


def stat(*cores: tuple[int, int, int]) -> str:
    """The file /proc/stat with the ticks of each core: busy, idle, waiting for a disk."""
    lines = [f"cpu{number} {busy} 0 0 {idle} {disk} 0 0 0 7 7" for number, (busy, idle, disk) in enumerate(cores)]
    return "\n".join(["cpu  1 1 1 1 1 1 1 1 1 1", *lines, "intr 5 0 0"])


def test_only_cores_that_this_process_may_use_are_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "stat"
    file.write_text(stat((100, 100, 100), (100, 100, 100), (100, 100, 100)))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    later = stat((106, 104, 100), (100, 105, 105), (200, 100, 100))  # 6 of 20 ticks; the third core is not ours
    monkeypatch.setattr(time, "sleep", lambda seconds: file.write_text(later))
    assert busy_share(stat=file) == pytest.approx(0.3)


@pytest.mark.parametrize("content", [None, "", "cpu  1 2 3 4 5 6 7 8\n"])
def test_a_machine_that_does_not_say_counts_as_idle(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "stat"
    if content is not None:
        file.write_text(content)
    assert busy_share(seconds=0, stat=file) == 0


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="Linux alone has /proc/stat")
def test_a_process_that_spins_is_seen() -> None:
    cores = os.sched_getaffinity(0)
    spinning = [subprocess.Popen([sys.executable, "-c", SPIN], stdout=subprocess.PIPE) for _ in cores]
    try:
        for process in spinning:
            assert process.stdout is not None and process.stdout.readline() == b"on\n"
        assert busy_share(seconds=0.5) > 0.5
    finally:
        for process in spinning:
            process.kill()
            process.communicate()


WARNINGS = {  # as torchao 0.18, torch 2.13 and bitsandbytes 0.50 write them
    "torchao": ("Failed to load _C_mxfp8.cpython-310-x86_64-linux-gnu.so: Could not load this library", ()),
    "torch.utils._pytree": (
        "%s is natively supported. Calling register_constant() on Enum subclasses is deprecated",
        (1,),
    ),
    "bitsandbytes.backends.cpu.ops": ("Failed to load CPU gemm_4bit_forward from kernels-community: %s.", ("none",)),
}


@pytest.mark.parametrize("logger", [logger for logger, _ in OTHER_MACHINES])
def test_warnings_about_other_machines_are_left_out_and_real_ones_are_not(
    logger: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_share(monkeypatch, 0.0)
    monkeypatch.setattr(logging.getLogger(logger), "filters", [])
    before_torch.before_torch()
    message, arguments = WARNINGS[logger]
    logging.getLogger(logger).warning(message, *arguments)
    logging.getLogger(logger).warning("the weights are wrong")
    assert caplog.messages == ["the weights are wrong"]
