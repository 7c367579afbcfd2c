"""What the model is shown, golden: one readable file a modality and position, `⟨clip⟩` where the audio goes."""

from pathlib import Path

import pytest

from eartune.models.chat_format import InstructionPosition, render
from eartune.models.families.qwen2_audio import CHAT
from eartune.tasks.slu import instruction

GOLDEN = Path(__file__).parents[2] / "golden" / "prompts"
CONTENT = {"text": "wake me up at seven", "speech": None}


@pytest.mark.parametrize("position", ["after", "before"])
@pytest.mark.parametrize("modality", ["text", "speech"])
def test_the_prompt_reads_as_the_golden_file(
    modality: str, position: InstructionPosition, request: pytest.FixtureRequest
) -> None:
    prompt = render(CHAT, instruction(has_scenario=True), CONTENT[modality], position)
    shown = prompt.before + ("⟨clip⟩" if prompt.after else "") + prompt.after
    golden = GOLDEN / f"{modality}_instruction_{position}.txt"
    if request.config.getoption("--update"):
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


def test_the_instruction_stands_after_the_content_unless_told_otherwise() -> None:
    assert render(CHAT, "ask", "content") == render(CHAT, "ask", "content", "after")


def test_a_text_prompt_is_one_piece() -> None:
    assert render(CHAT, "ask", "content").after == ""


def test_before_a_clip_comes_the_same_whatever_the_clip_and_with_the_instruction_first_all_of_it() -> None:
    """What "before" is for: everything that can be computed once for all clips stands before them."""
    prompt = render(CHAT, "ask", None, "before")
    assert "ask" in prompt.before and "ask" not in prompt.after


def test_content_that_looks_like_a_template_is_left_alone() -> None:
    assert "50% {of} $x \\n" in render(CHAT, "ask", "50% {of} $x \\n").before
