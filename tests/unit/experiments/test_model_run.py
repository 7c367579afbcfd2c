"""What the models of a run share: claims that are noticed when they are lost."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eartune import claims
from eartune.claims import Claims, TakenError
from eartune.experiments.model_run import RunContext


def test_a_model_whose_claim_another_process_took_over_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was stopped for minutes, as a machine is that sleeps, must not write beside the other."""
    monkeypatch.setattr(claims, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(claims, "RENEWAL_SECONDS", 0.05)
    shown: list[str] = []
    progress: Any = SimpleNamespace(within=lambda what, *rest: shown.append(what))
    nothing: Any = None
    context = RunContext(nothing, nothing, nothing, nothing, nothing, Claims(tmp_path), progress)
    with context.claim("untuned-seed0"):
        context.watch("answers")(1, 2)
        (tmp_path / "untuned-seed0.lock").unlink()
        deadline = time.monotonic() + 20
        with pytest.raises(TakenError, match="untuned-seed0"):
            while time.monotonic() < deadline:
                context.watch("answers")(2, 2)
                time.sleep(0.02)
    assert shown[0] == "answers 1/2"
