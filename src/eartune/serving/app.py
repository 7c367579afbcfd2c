"""The HTTP application: what somebody sends becomes a question, and the model's answer a response.

bytes -> wave, or text -> question -> worker -> prediction -> frame as JSON, or events while it is written
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.data.pauses import Span
from eartune.errors import InputError
from eartune.files import writable
from eartune.serving.chat import Completion, asked_in, read_chat
from eartune.serving.gate import CLIENT_LEFT, Gate, Limits
from eartune.serving.measurements import CONTENT_TYPE, Measurements
from eartune.serving.recordings import decode_pieces, decode_recording
from eartune.serving.refusal import RefusalError
from eartune.serving.worker import Answering, Question, Shown, Worker
from eartune.tasks.prediction import Prediction

DECODERS = 2
"""How many recordings are decoded at a time."""
EVENTS = "text/event-stream"
MOST_CHARACTERS = 2_000
"""Of typed words, as recordings are limited too: in 30 s a fast speaker, of 250 words a minute, says some 750."""
_LOG = logging.getLogger(__name__)
_OPENAPI = Path(__file__).with_name("openapi.json")


class Service:
    """The models with their worker, and what is counted; one for each server."""

    def __init__(self, models: Mapping[str, Answering], batch_size: int | None = None) -> None:
        """Name the models; the first one is asked where a request names none.

        `batch_size` is how many questions are answered together; by default as the first model's run has it.
        """
        self.models = models
        self.measurements = Measurements()
        size = batch_size or next(iter(models.values())).decoding.batch_size
        self.worker = Worker(models, size, self.measurements.add_batch)
        self.decoders = ThreadPoolExecutor(DECODERS, thread_name_prefix="decoding")

    def model_named(self, name: object) -> str:
        """Return the name of the model that a request asks for; raises RefusalError for one that is not here."""
        if name is None:
            return next(iter(self.models))
        if not isinstance(name, str) or name not in self.models:
            raise RefusalError(404, f"there is no model {name!r} here; there is {', '.join(self.models)}")
        return name

    async def shown(self, sent: bytes | str, channel: int | None = None) -> Shown:
        """Return what a model is asked about: the samples of a file's bytes, or words.

        Raises InputError for words that are none, or more than anybody says at once.
        """
        if isinstance(sent, bytes):
            in_thread = asyncio.get_running_loop().run_in_executor
            return await in_thread(self.decoders, decode_recording, sent, channel)
        words = writable(" ".join(sent.split()))
        if not words:
            raise InputError("the text is empty")
        if len(words) > MOST_CHARACTERS:
            raise InputError(f"the text has {len(words):,} characters; give at most {MOST_CHARACTERS:,}")
        return words

    async def pieces(self, sent: bytes, channel: int | None) -> AsyncIterator[tuple[Span, Wave]]:
        """Yield the pieces of a recording, each decoded when it is wanted, so that no more than one is held."""
        decoded, in_thread = decode_pieces(sent, channel), asyncio.get_running_loop().run_in_executor
        while (piece := await in_thread(self.decoders, next, decoded, None)) is not None:
            yield piece

    async def answer(self, model: str, shown: Shown, receive: Receive) -> Prediction:
        """Return a model's answer; raises ClientDisconnect, and lets go of the question, when the client leaves."""
        question = Question(model, shown)
        self.worker.ask(question)
        answer, gone = asyncio.wrap_future(question.answer), asyncio.create_task(_until_gone(receive))
        either: tuple[asyncio.Future[Any], ...] = (answer, gone)
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise ClientDisconnect
            return answer.result()
        finally:
            gone.cancel()
            answer.cancel()
            self.worker.withdraw(question)

    async def texts(self, model: str, shown: Shown) -> AsyncGenerator[str | Prediction, None]:
        """Yield the text so far each time that a model has written more of it, and in the end its prediction."""
        loop, steps = asyncio.get_running_loop(), asyncio.Queue[str | None]()
        question = Question(model, shown, lambda text: _tell(loop, steps, text))
        question.answer.add_done_callback(lambda _: _tell(loop, steps, None))
        self.worker.ask(question)
        before = ""
        try:
            while (text := await steps.get()) is not None:
                if text != before:
                    yield (before := text)
            yield question.answer.result()
        finally:
            self.worker.withdraw(question)

    def frame(self, model: str, shown: Shown, prediction: Prediction, began: float) -> dict[str, Any]:
        """Return a response's frame: the answer, how sure the model is, and seconds since the request `began`."""
        row = prediction.to_json(self.models[model].task)
        sure = {} if prediction.confidence is None else {"confidence": round(prediction.confidence, 6)}
        heard = {} if isinstance(shown, str) else {"recording_seconds": round(len(shown) / SAMPLE_RATE, 3)}
        kept = {name: value for name, value in row.items() if name not in ("id", "file", "log_probability")}
        return {"model": model, **kept, **sure, **heard, "seconds": round(perf_counter() - began, 4)}


def make_app(
    service: Service,
    limits: Limits | None = None,
    key: str | None = None,
    is_local: bool = True,
    more_routes: Sequence[Route] = (),
) -> Gate:
    """Return the application behind its gate; see `Gate` for the key and for what is local."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        service.worker.start()
        yield
        await asyncio.to_thread(service.worker.close)
        service.decoders.shutdown()

    routes = [
        Route("/v1/understand", understand, methods=["POST"]),
        Route("/v1/chat/completions", complete_chat, methods=["POST"]),
        Route("/v1/models", list_models),
        Route("/health", health),
        Route("/metrics", metrics),
        Route("/openapi.json", openapi),
        *more_routes,
    ]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=HANDLERS)
    app.state.service = service
    paths = [route.path for route in routes]
    return Gate(app, paths, limits or Limits(), key, service.measurements, is_local)


# --- routes ------------------------------------------------------------------------------------------------


async def understand(request: Request) -> Response:
    """Answer the recording, or the typed words, that a request holds."""
    began, service = perf_counter(), service_of(request)
    model = service.model_named(request.query_params.get("model"))
    cut_long, channel, sent = _is_set(request, "cut_long"), _channel(request), await _sent(request)
    if cut_long and isinstance(sent, bytes):
        return await _understand_pieces(request, model, sent, channel)
    shown = await service.shown(sent, channel)
    if EVENTS not in request.headers.get("accept", ""):
        prediction = await service.answer(model, shown, request.receive)
        return JSONResponse(service.frame(model, shown, prediction, began))

    async def events() -> AsyncIterator[dict[str, Any]]:
        async with aclosing(service.texts(model, shown)) as texts:
            async for found in texts:
                yield {"text": found} if isinstance(found, str) else service.frame(model, shown, found, began)

    return _streamed(events())


async def _understand_pieces(request: Request, model: str, sent: bytes, channel: int | None) -> Response:
    """Answer the pieces of a recording one after the other: all together, or an event for each as it is answered."""
    began, service = perf_counter(), service_of(request)
    is_streamed = EVENTS in request.headers.get("accept", "")

    async def answer(wave: Wave) -> Prediction:
        if not is_streamed:
            return await service.answer(model, wave, request.receive)
        async with aclosing(service.texts(model, wave)) as texts:  # the response watches whether the client leaves
            *_, found = [each async for each in texts if isinstance(each, Prediction)]
        return found

    async def frames() -> AsyncIterator[dict[str, Any]]:
        async for span, wave in service.pieces(sent, channel):
            piece_began = perf_counter()
            prediction = replace(await answer(wave), span=span)
            yield service.frame(model, wave, prediction, piece_began)

    if is_streamed:
        return _streamed(frames())
    found = [frame async for frame in frames()]
    return JSONResponse({"model": model, "pieces": found, "seconds": round(perf_counter() - began, 4)})


async def complete_chat(request: Request) -> Response:
    """Answer a request of OpenAI's chat completions."""
    began, service = perf_counter(), service_of(request)
    asked = read_chat(await request.body())
    model = service.model_named(asked.get("model"))
    shown = await service.shown(asked_in(asked["messages"]))
    completion = Completion(model)
    if not asked.get("stream"):
        prediction = await service.answer(model, shown, request.receive)
        return JSONResponse(completion.whole(prediction, service.frame(model, shown, prediction, began)))

    async def chunks() -> AsyncIterator[dict[str, Any]]:
        yield completion.chunk({"role": "assistant", "content": ""})
        sent = ""
        async with aclosing(service.texts(model, shown)) as texts:
            async for found in texts:
                if isinstance(found, Prediction):
                    yield completion.chunk({"content": found.text.removeprefix(sent)}, found)
                elif service.models[model].decoding.beams == 1:  # else what is written may still change
                    yield completion.chunk({"content": found.removeprefix(sent)})
                    sent = found

    return _streamed(chunks(), "data: [DONE]\n\n")


async def list_models(request: Request) -> Response:
    """Name the models, in OpenAI's shape."""
    names = service_of(request).models
    listed = [{"id": name, "object": "model", "created": 0, "owned_by": "eartune"} for name in names]
    return JSONResponse({"object": "list", "data": listed})


async def health(request: Request) -> Response:
    """Say that the server answers, if it does."""
    if not service_of(request).worker.is_alive:
        raise RefusalError(503, "the thread of the model has ended; restart the server")
    return JSONResponse({"status": "ok"})


async def metrics(request: Request) -> Response:
    """Return what is counted, for Prometheus."""
    service = service_of(request)
    text = service.measurements.text(service.worker.n_waiting)
    return PlainTextResponse(text, media_type=CONTENT_TYPE)


async def openapi(request: Request) -> Response:
    """Describe the routes."""
    return Response(openapi_text(), media_type="application/json")


# --- reading and writing -----------------------------------------------------------------------------------


def service_of(request: Request) -> Service:
    """Return the service of the application that a request came to."""
    service: Service = request.app.state.service
    return service


@cache
def openapi_text() -> str:
    """Return the description of the routes."""
    return _OPENAPI.read_text(encoding="utf-8")


def _is_set(request: Request, name: str) -> bool:
    """Whether a query says that something is true."""
    value = request.query_params.get(name, "false")
    if value not in ("true", "false"):
        raise InputError(f"{name} must be true or false")
    return value == "true"


def _channel(request: Request) -> int | None:
    """The channel that a query asks for, counted from 0; None for the mean of all."""
    value = request.query_params.get("channel")
    if value is not None and not (value.isascii() and value.isdecimal() and len(value) < 4):
        raise InputError("channel must be the number of a channel; the first is 0")
    return None if value is None else int(value)


async def _sent(request: Request) -> bytes | str:
    """The bytes of the recording in a request, or its typed words."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=8) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise InputError('the form needs a part "file" with the recording')
            return await file.read()
    body = await request.body()
    if kind != "text/plain":
        return body
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise InputError("the text is not UTF-8") from error


def _streamed(events: AsyncIterator[dict[str, Any]], ending: str = "") -> Response:
    """Server-sent events of values of JSON; an error is the last of them."""

    async def lines() -> AsyncIterator[str]:
        try:
            async for event in events:
                yield f"data: {json.dumps(event, ensure_ascii=False)}\n\n"
            yield ending
        except Exception as error:
            if (refusal := refusal_of(error)).status == 500:
                _LOG.exception("no answer")
            yield f"data: {json.dumps(refusal.body)}\n\n"

    return StreamingResponse(lines(), media_type=EVENTS, headers={"Cache-Control": "no-store"})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _tell(loop: asyncio.AbstractEventLoop, steps: "asyncio.Queue[str | None]", text: str | None) -> None:
    """Hand a text from the worker's thread to the loop's."""
    loop.call_soon_threadsafe(steps.put_nowait, text)


# --- what went wrong ---------------------------------------------------------------------------------------


def refusal_of(error: Exception) -> RefusalError:
    """Return what a client is told of an error: of one that is no fault of the request, not more than that."""
    if isinstance(error, RefusalError):
        return error
    if isinstance(error, InputError):
        return RefusalError(400, str(error))
    if isinstance(error, HTTPException):
        headers = {name.replace("-", "_"): value for name, value in (error.headers or {}).items()}
        return RefusalError(error.status_code, error.detail, **headers)
    if isinstance(error, ClientDisconnect | CancelledError):
        return RefusalError(CLIENT_LEFT, "the client left")
    return RefusalError(500, "the server failed to answer; its log says why")


async def _refused(request: Request, error: Exception) -> Response:
    return refusal_of(error).response()


HANDLERS: dict[Any, Callable[[Request, Exception], Any]] = {
    kind: _refused for kind in (RefusalError, InputError, HTTPException, ClientDisconnect, Exception)
}
