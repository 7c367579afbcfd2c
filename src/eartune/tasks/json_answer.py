"""Answers as compact single-line JSON: how they are written, parsed strictly, and written in a grammar."""

import json
import re
from collections.abc import Sequence
from typing import Any

from eartune.files import RepeatedKeyError, object_of_single_keys
from eartune.tasks.task import ParseStatus

_CUT_ESCAPE = re.compile(r"(?<!\\)(\\\\)*\\u[0-9a-fA-F]{0,4}$")


def written(value: Any) -> str:
    """Return a value as compact single-line JSON without ASCII escapes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parse_json(text: str) -> tuple[Any, ParseStatus]:
    """Return the value and OK, or None and the reason if the text is not such JSON. Never raises.

    Text around the JSON is an error too: an answer that a strict parser would refuse must be counted as such. So is an
    object with a key twice, of which each parser keeps another value.
    """
    try:
        return json.loads(text, object_pairs_hook=object_of_single_keys), ParseStatus.OK
    except RepeatedKeyError:
        return None, ParseStatus.WRONG_SHAPE
    except json.JSONDecodeError as error:
        return None, ParseStatus.TRUNCATED if _ends_early(text, error) else ParseStatus.NOT_JSON
    except (ValueError, RecursionError):  # an integer of thousands of digits; brackets nested by the thousand
        return None, ParseStatus.NOT_JSON


def literal(text: str) -> str:
    """Return a text as a quoted string of Lark's notation."""
    return json.dumps(text, ensure_ascii=False)


def object_of(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of an object with exactly these keys, in the order in which a model writes them."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def either(texts: Sequence[str]) -> str:
    """Return an alternative of several texts in Lark's notation."""
    return " | ".join(map(literal, texts))


def _ends_early(text: str, error: json.JSONDecodeError) -> bool:
    """Whether the text is the beginning of a JSON object that was cut off."""
    if not text.lstrip().startswith("{"):
        return False
    in_a_string = error.msg.startswith("Unterminated string") or _CUT_ESCAPE.search(text) is not None
    return in_a_string or error.pos >= len(text.rstrip())
