"""The page on which somebody talks to one or two models, and the routes that it needs beside those of the server.

GET / -> page -> POST /v1/understand -> frame -> corrected -> POST /try/keep -> a row of a manifest
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from eartune.data.recording_script import filled
from eartune.files import json_object, writable
from eartune.serving.app import service_of
from eartune.serving.kept_rows import NAME, KeptRows
from eartune.serving.recordings import decode_recording

CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' data:; media-src blob:; "
    "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: itself, sounds that it made, and answers of this server."""
_PAGE = Path(__file__).with_name("try_page.html")
_PLACE = "{{ facts }}"


def routes_to_try(names: Sequence[str], kept: KeptRows, labels: Mapping[str, Any]) -> list[Route]:
    """Return the routes of the page for models of these names; `labels` are the first one's, as it writes them."""
    keeping = asyncio.Lock()

    async def show_page(request: Request) -> Response:
        """Return the page with what it must know."""
        facts = {"models": list(names), "fields": fields_of(labels), "types": labels.get("entity_types", [])}
        facts |= {"manifest": str(kept.manifest), "kept": len(kept.rows())}
        return HTMLResponse(page_with(facts), headers={"Content-Security-Policy": CONTENT_POLICY})

    async def keep(request: Request) -> Response:
        """Keep a row: a form with the answer as JSON, and the recording, the words and the row's id if it has them."""
        async with request.form(max_files=1, max_fields=4) as form:
            file = form.get("file")
            sent = await file.read() if isinstance(file, UploadFile) else None
            answer, text, known_as = (_text(form.get(name)) for name in ("answer", "text", "id"))
        values = _answer(answer or "")
        in_thread = asyncio.get_running_loop().run_in_executor
        decoders = service_of(request).decoders
        wave = None if sent is None else await in_thread(decoders, decode_recording, sent)
        async with keeping:
            name = await in_thread(decoders, kept.keep, values, text, wave, known_as)
            return JSONResponse({"id": name, "kept": len(kept.rows())})

    return [Route("/", show_page), Route("/try/keep", keep, methods=["POST"])]


def page_with(facts: Mapping[str, Any]) -> str:
    """Return the page, one file that refers to nothing outside it, with these facts."""
    return filled(_PAGE, _PLACE, facts)


def fields_of(labels: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the keys of an answer that are one text each, with the values that are known, from a task's labels."""
    if "labels" in labels:
        return {"label": list(labels["labels"])}
    if "to" in labels:  # the language of translations
        return {"translation": []}
    if labels.get("has_scenario"):
        scenarios, actions = zip(*labels["pairs"], strict=True)
        return {"scenario": sorted(set(scenarios)), "action": sorted(set(actions))}
    return {"intent": list(labels.get("intents", []))}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _answer(text: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(writable(json.dumps(json_object(text, NAME), ensure_ascii=False)))
    return answer
