"""OpenAI's chat completions: what is asked in a request, and the completion, or its chunks, that answer it.

{"model": "slu", "messages": [{"role": "user", "content": [
  {"type": "input_audio", "input_audio": {"data": "<base64 of a sound file>", "format": "wav"}}]}]}
"""

import base64
import binascii
import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

from eartune.errors import InputError
from eartune.tasks.prediction import Prediction
from eartune.tasks.task import ParseStatus


def read_chat(body: bytes) -> dict[str, Any]:
    """Return the request in a body; raises InputError for one that is not an object of JSON with messages."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError("the body is not JSON") from error
    if not isinstance(request, dict) or not isinstance(request.get("messages"), list):
        raise InputError('the body must be an object with "model" and "messages"')
    if request.get("n") not in (None, 1):
        raise InputError('"n" must be 1: there is one answer')
    if request.get("stream") not in (None, True, False):
        raise InputError('"stream" must be true or false')
    return request


def asked_in(messages: Sequence[Any]) -> bytes | str:
    """Return the recording in the last message as the bytes of a file, or its text if it has no recording.

    A text beside a recording is an instruction, and is not read: the model is asked as it was trained. Raises
    InputError for a message without either, or with several recordings.
    """
    content = messages[-1].get("content") if messages and isinstance(messages[-1], dict) else None
    if isinstance(content, str):
        return content
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    recordings = [part.get("input_audio") for part in parts if part.get("type") == "input_audio"]
    texts = [part.get("text") for part in parts if part.get("type") == "text"]
    if not recordings and len(texts) == 1 and isinstance(texts[0], str):
        return texts[0]
    if len(recordings) != 1:
        raise InputError('the last message must hold one recording as "input_audio", or else one text')
    data = recordings[0].get("data") if isinstance(recordings[0], dict) else None
    if not isinstance(data, str):
        raise InputError('"input_audio" must hold {"data": "<base64 of a sound file>", "format": "wav"}')
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError('"data" of "input_audio" is not base64') from error


class Completion:
    """The answer to one request."""

    def __init__(self, model: str) -> None:
        """Give the answer its id."""
        self._head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}

    def whole(self, prediction: Prediction, frame: dict[str, Any]) -> dict[str, Any]:
        """Return the completion: the text that the model wrote, and beside OpenAI's keys the frame read from it."""
        message = {"role": "assistant", "content": prediction.text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": _finish(prediction), "logprobs": None}
        return {**self._head, "object": "chat.completion", "choices": [choice], "eartune": frame}

    def chunk(self, delta: dict[str, Any], prediction: Prediction | None = None) -> dict[str, Any]:
        """Return a chunk of the completion; the last one has the prediction."""
        finish = None if prediction is None else _finish(prediction)
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return {**self._head, "object": "chat.completion.chunk", "choices": [choice]}


def _finish(prediction: Prediction) -> str:
    return "length" if prediction.status is ParseStatus.TRUNCATED else "stop"
