"""What the model is shown: the chat around an instruction and its content, text or speech, cut where audio goes."""

from typing import Literal, NamedTuple

InstructionPosition = Literal["after", "before"]

SYSTEM = "You are a helpful assistant."  # what Qwen2-Audio's own chat template puts when no system turn is given
AUDIO_OPEN = "Audio 1: <|audio_bos|>"
AUDIO_CLOSE = "<|audio_eos|>"
TURN_END = "<|im_end|>\n"
ANSWER_END = "<|im_end|>"


class Prompt(NamedTuple):
    """A rendered prompt. With `has_audio` the clip's embeddings stand between `before` and `after`."""

    before: str
    after: str
    has_audio: bool


def render(instruction: str, text: str | None, position: InstructionPosition = "after") -> Prompt:
    """The ChatML prompt of Qwen2-Audio, up to and with the opening of the assistant's turn.

    `text` is the content; None means that the content is a clip. The layout content-newline-instruction
    ("after") is the one of the replication of arXiv 2509.15389; "before" lets the instruction's keys and
    values be computed once for all clips.
    """
    head = f"<|im_start|>system\n{SYSTEM}{TURN_END}<|im_start|>user\n"
    tail = f"{TURN_END}<|im_start|>assistant\n"
    lead, trail = (f"{instruction}\n", "") if position == "before" else ("", f"\n{instruction}")
    if text is None:
        return Prompt(head + lead + AUDIO_OPEN, AUDIO_CLOSE + trail + tail, has_audio=True)
    return Prompt(head + lead + text + trail + tail, "", has_audio=False)
