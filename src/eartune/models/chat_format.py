"""The chat around an instruction and its content, which is text or audio, and the prompt that is rendered from it."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

InstructionPosition = Literal["after", "before"]


@dataclass(frozen=True)
class ChatFormat:
    """The turns of a family's chat, as its checkpoints were trained on them."""

    opening: str
    """All text before the user's words."""
    audio_open: str
    """The text before a clip's embeddings in the user's turn."""
    audio_close: str
    """The text after them."""
    answer_open: str
    """All text from the end of the user's words to the beginning of the answer."""
    answer_end: str
    """The one token that ends an answer."""


class Prompt(NamedTuple):
    """A rendered prompt, cut in two where the embeddings of a clip stand."""

    before: str
    """The text before the clip, or the whole prompt if there is none."""
    after: str
    """The text after the clip, or the empty string if there is none."""


def render(chat: ChatFormat, instruction: str, text: str | None, position: InstructionPosition = "after") -> Prompt:
    """Return the prompt, up to and including the opening of the answer.

    `text` is the content; None means that the content is a clip. With `position` "after", the instruction follows the
    content on a line of its own, as in the replication of arXiv 2509.15389; with "before" it precedes the content, so
    that its keys and values are computed once for all rows of a batch.
    """
    lead, trail = (f"{instruction}\n", "") if position == "before" else ("", f"\n{instruction}")
    if text is None:
        before = chat.opening + lead + chat.audio_open
        return Prompt(before, chat.audio_close + trail + chat.answer_open)
    return Prompt(chat.opening + lead + text + trail + chat.answer_open, "")
