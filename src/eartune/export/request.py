"""What asks an exported model by OpenAI's chat completions: the schema of its answers, the request, and its prompt.

answer.schema.json   the JSON schema of the answer, to which `constrain: schema` holds a search
request.json         the body of a request; the recording goes where the base64 stands
prompt.jinja         the chat template that makes the prompt of the training of such a request
"""

import json
from pathlib import Path
from typing import Any

from eartune.experiments.finished_model import FinishedModel
from eartune.files import write_json, write_text
from eartune.models.audio_llm import AudioLLM
from eartune.models.chat_format import ChatFormat
from eartune.tasks.words_first import WordsFirst, answers_of, with_room_for_words

SCHEMA, REQUEST, TEMPLATE = "answer.schema.json", "request.json", "prompt.jinja"


def write_request(folder: Path, model: AudioLLM, run: FinishedModel, name: str) -> None:
    """Write the files; `name` is the model's name in the request.

    The schema is left out where answers are not JSON, and the request where the model is asked twice for an answer.
    """
    schema = answer_schema(run)
    if schema is not None:
        write_json(folder / SCHEMA, schema)
    if run.through == "words":
        return
    write_json(folder / REQUEST, request(model, run, name))
    audio_token = model.tokenizer.convert_ids_to_tokens(model.audio_token_id)
    write_text(folder / TEMPLATE, chat_template(model.chat, audio_token, not model.vllm.adds_marks))


def answer_schema(run: FinishedModel) -> dict[str, Any] | None:
    """Return the JSON schema of the answer, without the words that may stand before it; None if it is not JSON."""
    grammar = run.experiment.task.grammar(run.labels)
    if grammar is None or grammar.json_schema is None:
        return None
    schema: dict[str, Any] = json.loads(grammar.json_schema)
    return schema


def request(model: AudioLLM, run: FinishedModel, name: str) -> dict[str, Any]:
    """Return the body of a request, which holds the answer to the schema unless words stand before it."""
    answers = answers_of(run.experiment.task, run.asked)
    is_words_first = isinstance(answers, WordsFirst)
    decoding = with_room_for_words(run.experiment.decoding) if is_words_first else run.experiment.decoding
    clip = {"type": "input_audio", "input_audio": {"data": "<base64 of a WAV file>", "format": "wav"}}
    instruction = {"type": "text", "text": run.preface + answers.instruction(run.labels)}
    is_before = run.experiment.architecture.instruction == "before"
    schema = answer_schema(run)
    held = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    return {
        "model": name,
        "messages": [{"role": "user", "content": [instruction, clip] if is_before else [clip, instruction]}],
        "temperature": 0,
        "max_tokens": decoding.max_new_tokens,
        "stop_token_ids": [model.tokenizer.convert_tokens_to_ids(model.chat.answer_end)],  # one of vLLM's own settings
    } | ({} if schema is None or is_words_first else {"response_format": held})


def chat_template(chat: ChatFormat, audio_token: str, has_marks: bool = True) -> str:
    """Return a chat template with which the parts of a request become the prompt of `render`, in one line of Jinja.

    `audio_token` stands for the clip, and a server puts as many in its place as the clip has; without `has_marks`, the
    marks around them, too.
    """
    opening, answer_open, line_break = map(_jinja_string, (chat.opening, chat.answer_open, "\n"))
    clip = _jinja_string(chat.audio_open + audio_token + chat.audio_close if has_marks else audio_token)
    return (
        f"{{{{ {opening} }}}}{{% for part in messages[-1]['content'] %}}"
        f"{{% if not loop.first %}}{{{{ {line_break} }}}}{{% endif %}}"
        f"{{% if part['type'] == 'text' %}}{{{{ part['text'] }}}}{{% else %}}{{{{ {clip} }}}}{{% endif %}}"
        f"{{% endfor %}}{{{{ {answer_open} }}}}"
    )


def _jinja_string(text: str) -> str:
    """A text as a string of Jinja, which has the escapes of JSON."""
    return json.dumps(text, ensure_ascii=False)
