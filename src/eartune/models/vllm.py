"""What vLLM can serve of a family's checkpoints, as read in the source of its version 0.33.0.

Its classes, with the names of their weights, are in vllm/model_executor/models/. vllm/lora/ finds an adapter's weights
by these names, and leaves out without a word what has another one, so that the base model answers.
"""

from dataclasses import dataclass

VERSION = "0.33.0"
OTHER_NAMES = "it looks for an adapter's weights under other names than peft's, and would leave them out without a word"
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The ranks for which it can be told to make room (`--max-lora-rank`)."""


@dataclass(frozen=True)
class Vllm:
    """What vLLM does with a family; reasons are clauses for a sentence, and empty where it can."""

    decoder: str | None = None
    """The model type of the only decoder that its class builds; None if that is the family's only one."""
    adds_marks: bool = False
    """Whether it writes the marks around a clip itself, so that a prompt must not hold them."""
    no_model: str = ""
    """Why it loads nothing that is exported of this family."""
    no_adapter: str = ""
    """Why it loads no adapter of this family."""
