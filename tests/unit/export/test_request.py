"""A request in OpenAI's shape, rendered by the template beside it, is the prompt of the training."""

import json

import jinja2
import pytest

from eartune.export.request import chat_template
from eartune.models.chat_format import ChatFormat, InstructionPosition, render
from eartune.models.families.encoder_adapter_llm import EncoderAdapterLlm
from eartune.models.registry import FAMILIES

CHATS = {name: kind.chat for name, kind in FAMILIES.items() if kind is not EncoderAdapterLlm}  # its tokenizer has one
QUOTED = ChatFormat('<s>"it\'s" {{ \\ ', "[ö", "]", "</s>\n\n", "</s>")
CLIP, TEXT = {"type": "audio"}, {"type": "text", "text": 'Return {"label": "<string>"}\nin {{ one }} line.'}


def rendered(template: str, *parts: dict[str, str]) -> str:
    """As transformers and vLLM render a template."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    messages = [{"role": "user", "content": list(parts)}]
    return environment.from_string(template).render(messages=messages, add_generation_prompt=True)


@pytest.mark.parametrize("chat", [*CHATS.values(), QUOTED], ids=[*CHATS, "quotes"])
@pytest.mark.parametrize("position", ["after", "before"])
def test_the_template_makes_the_prompt_of_the_training(chat: ChatFormat, position: InstructionPosition) -> None:
    parts = (TEXT, CLIP) if position == "before" else (CLIP, TEXT)
    prompt = render(chat, TEXT["text"], None, position)
    assert rendered(chat_template(chat, "<|AUDIO|>"), *parts) == f"{prompt.before}<|AUDIO|>{prompt.after}"


def test_marks_that_a_server_adds_are_not_in_the_prompt() -> None:
    template = chat_template(FAMILIES["gemma4"].chat, "<|audio|>", has_marks=False)
    assert rendered(template, CLIP, TEXT).startswith("<bos><|turn>user\n<|audio|>\nReturn ")
    assert json.dumps("\n") in template  # the line break stands within a string: vLLM reads the file as it is
