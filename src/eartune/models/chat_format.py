"""What the model is shown: the chat around an instruction and its content, text or speech, cut where audio goes."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

InstructionPosition = Literal["after", "before"]


@dataclass(frozen=True)
class ChatFormat:
    """The turns of a family's chat, as its checkpoints were trained on them."""

    opening: str
    """All up to the user's words."""
    audio_open: str
    """What stands before a clip's embeddings in the user's turn."""
    audio_close: str
    answer_open: str
    """From the end of the user's words to the answer's first."""
    answer_end: str
    """One token, which ends an answer."""


class Prompt(NamedTuple):
    """A rendered prompt. With `has_audio` the clip's embeddings stand between `before` and `after`."""

    before: str
    after: str
    has_audio: bool


def render(chat: ChatFormat, instruction: str, text: str | None, position: InstructionPosition = "after") -> Prompt:
    """The prompt up to and with the opening of the answer.

    `text` is the content; None means that the content is a clip. The layout content-newline-instruction
    ("after") is the one of the replication of arXiv 2509.15389; "before" lets the instruction's keys and
    values be computed once for all clips.
    """
    lead, trail = (f"{instruction}\n", "") if position == "before" else ("", f"\n{instruction}")
    if text is None:
        before = chat.opening + lead + chat.audio_open
        return Prompt(before, chat.audio_close + trail + chat.answer_open, has_audio=True)
    return Prompt(chat.opening + lead + text + trail + chat.answer_open, "", has_audio=False)
