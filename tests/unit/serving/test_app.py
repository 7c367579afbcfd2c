"""What the server answers to whom: frames, OpenAI's completions, and one sentence for everything that is wrong."""

import base64
import io
import json
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import soundfile

from builders import tone
from eartune.serving import gate
from eartune.serving.app import Service, make_app, openapi_text
from eartune.serving.gate import Limits
from served import SECONDS, Client, FakeModel, serving

TEXT = {"Content-Type": "text/plain"}
EVENTS = TEXT | {"Accept": "text/event-stream"}


def sound(seconds: float = 0.5, form: str = "wav", rate: int = 16_000, channels: int = 1) -> bytes:
    """The bytes of a file."""
    file = io.BytesIO()
    soundfile.write(file, tone(seconds, rate, channels), rate, format=form)
    return file.getvalue()


def multipart(body: bytes, name: str = "file", end: bytes = b"\r\n--edge--\r\n") -> tuple[bytes, dict[str, str]]:
    """A form with one file, whose client calls it by a path."""
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"; filename="../../etc/passwd"\r\n\r\n'
    return head.encode() + body + end, {"Content-Type": "multipart/form-data; boundary=edge"}


def chat(content: Any, **more: Any) -> str:
    """A request in OpenAI's shape."""
    return json.dumps({"model": "slu", "messages": [{"role": "user", "content": content}]} | more)


def input_audio(data: bytes) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(data).decode(), "format": "wav"}}


def events(text: str) -> list[Any]:
    """The values of server-sent events."""
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def service(model: FakeModel) -> Service:
    return Service({"slu": model, "other": FakeModel()})


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
def client(service: Service, model: FakeModel, limits: Limits) -> Iterator[Client]:
    with serving(make_app(service, limits)) as client:
        yield client
        model.may_go_on.set()


def message(answer: tuple[int, str, Any]) -> tuple[int, str]:
    """The status and the one sentence of an error."""
    status, text, _ = answer
    (value,) = json.loads(text).values()
    assert value.keys() == {"message", "type", "code"} and value["code"] == status
    assert "Traceback" not in text and "\n" not in value["message"]
    return status, value["message"]


# --- frames --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["wav", "flac", "ogg", "mp3"])
def test_the_bytes_of_a_recording_are_answered_with_a_frame(client: Client, form: str) -> None:
    found = client.json("/v1/understand", sound(form=form))
    assert (found["model"], found["intent"], found["entities"], found["status"]) == ("slu", "8000", [], "OK")
    assert found["confidence"] == pytest.approx(0.904837) and found["recording_seconds"] == 0.5
    assert 0 < found["seconds"] < SECONDS and found["text"] == '{"intent":"8000","entities":[]}'
    assert not {"id", "file", "log_probability"} & found.keys()


def test_a_form_with_a_file_and_typed_words_are_answered_too(client: Client) -> None:
    assert client.json("/v1/understand", *multipart(sound()))["intent"] == "8000"
    assert client.type("  a small \n latte ")["intent"] == "a small latte"


def test_another_model_can_be_asked_by_name(client: Client, model: FakeModel) -> None:
    assert client.json("/v1/understand?model=other", sound())["model"] == "other" and model.batches == []
    status, said = message(client.ask("/v1/understand?model=/etc/passwd", sound()))
    assert status == 404 and "there is slu, other" in said


def test_the_text_is_streamed_as_it_is_written(client: Client) -> None:
    *texts, frame = events(client.ask("/v1/understand", "stop", EVENTS)[1])
    assert texts[-1] == {"text": frame["text"]} and frame["intent"] == "stop"
    assert [len(one["text"]) for one in texts[:2]] == [1, 10]


def test_a_long_recording_is_answered_in_pieces_if_asked(client: Client, model: FakeModel) -> None:
    found = client.json("/v1/understand?cut_long=true", sound(40, "flac"))
    first, last = found["pieces"]
    assert (first["start"], last["end"], first["ends_at"], last["ends_at"]) == (0.0, 40.0, "quietest", "end")
    assert first["end"] == last["start"] and first["intent"] == str(round(first["end"] * 16_000))
    assert [one["recording_seconds"] for one in (first, last)] == [first["end"], round(40 - first["end"], 3)]
    assert found["model"] == "slu" and found["seconds"] > first["seconds"] and model.batches != []
    (only,) = client.json("/v1/understand?cut_long=true", *multipart(sound()))["pieces"]
    assert (only["start"], only["end"], only["intent"]) == (0.0, 0.5, "8000")
    assert client.json("/v1/understand?cut_long=true", "stop", TEXT)["intent"] == "stop"


@pytest.mark.parametrize("cut_long", ["true", "false"])
def test_a_channel_that_a_recording_does_not_have_is_refused(client: Client, cut_long: str) -> None:
    path, call = f"/v1/understand?cut_long={cut_long}&channel=", sound(channels=2)
    assert client.ask(path + "1", call)[0] == 200
    for channel, said in (("2", "has no channel 2: it has 2, and the first is 0"), ("-1", "must be the number of a")):
        status, sentence = message(client.ask(path + channel, call))
        assert status == 400 and said in sentence


def test_pieces_are_events_as_they_are_answered(client: Client) -> None:
    headers = {"Accept": EVENTS["Accept"]}
    pieces = events(client.ask("/v1/understand?cut_long=true", sound(70, "flac"), headers)[1])
    assert [(one["status"], one["ends_at"]) for one in pieces] == [
        ("OK", "quietest"),
        ("OK", "quietest"),
        ("OK", "end"),
    ]


@pytest.mark.parametrize(
    ("query", "body", "said"),
    [
        ("yes", sound(), "cut_long must be true or false"),
        ("true", b"", "the recording: is empty"),
        ("true", sound(0.01), "the recording: is 0.01 s long"),
        ("true", sound(601, "flac", 8_000), "the recording: is longer than 600 s"),
        ("true", sound(0.2, "flac", 192_000, 8), "8 channels at 192000 Hz"),
    ],
    ids=["yes", "empty", "short", "long", "wide"],
)
def test_what_cannot_be_cut_is_refused(client: Client, model: FakeModel, query: str, body: bytes, said: str) -> None:
    status, sentence = message(client.ask(f"/v1/understand?cut_long={query}", body))
    assert status == 400 and said in sentence and model.batches == []


# --- OpenAI's shape ------------------------------------------------------------------------------------------


def test_a_chat_completion_holds_what_the_model_wrote_and_the_frame(client: Client) -> None:
    content = [{"type": "text", "text": "Extract the intent"}, input_audio(sound())]
    found = client.json("/v1/chat/completions", chat(content, temperature=0, max_tokens=128))
    (choice,) = found["choices"]
    assert choice["message"] == {"role": "assistant", "content": '{"intent":"8000","entities":[]}', "refusal": None}
    assert (choice["finish_reason"], found["object"], found["model"]) == ("stop", "chat.completion", "slu")
    assert found["eartune"]["intent"] == "8000" and found["created"] > 1e9


@pytest.mark.parametrize("content", ["stop", [{"type": "text", "text": "stop"}]])
def test_a_chat_without_a_recording_is_typed_words(client: Client, content: Any) -> None:
    assert client.json("/v1/chat/completions", chat(content))["eartune"]["intent"] == "stop"


def test_half_a_character_among_typed_words_is_a_question_mark(client: Client) -> None:
    assert client.json("/v1/chat/completions", chat("stop \ud800"))["eartune"]["intent"] == "stop ?"


@pytest.mark.parametrize(("beams", "fewest"), [(1, 3), (3, 1)])
def test_a_streamed_chat_adds_up_to_the_text(client: Client, model: FakeModel, beams: int, fewest: int) -> None:
    """What beams show may change, and is sent when it cannot any more."""
    model.decoding = model.decoding.model_copy(update={"beams": beams})
    *chunks, done = events(client.ask("/v1/chat/completions", chat("stop", stream=True))[1])
    choices = [chunk["choices"][0] for chunk in chunks]
    deltas = [choice["delta"].get("content", "") for choice in choices]
    assert "".join(deltas) == '{"intent":"stop","entities":[]}' and done == "[DONE]"
    assert sum(map(bool, deltas)) == fewest and choices[0]["delta"]["role"] == "assistant"
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"} and len({c["id"] for c in chunks}) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "must be an object"),
        ('{"model": "slu"}', "messages"),
        (chat("stop", n=2), '"n" must be 1'),
        (chat("stop", stream="false"), '"stream" must be true or false'),
        (json.dumps({"messages": []}), "one recording"),
        (chat([input_audio(b"x"), input_audio(b"x")]), "one recording"),
        (chat([{"type": "audio_url", "audio_url": {"url": "file:///etc/passwd"}}]), "one recording"),
        (chat([{"type": "input_audio", "input_audio": "/etc/passwd"}]), "base64"),
        (chat([{"type": "input_audio", "input_audio": {"data": "/etc/passwd"}}]), "not base64"),
        (chat([input_audio(b"rubbish")]), "not a recording that can be read"),
        (chat(" "), "the text is empty"),
        (chat("go " * 1_000), "the text has 2,999 characters; give at most 2,000"),
    ],
)
def test_a_wrong_chat_is_told_what_is_wrong(client: Client, body: str, said: str) -> None:
    status, sentence = message(client.ask("/v1/chat/completions", body))
    assert status == 400 and said in sentence


def test_what_may_be_null_is_as_if_it_was_not_there(client: Client) -> None:
    assert client.json("/v1/chat/completions", chat("stop", n=None, stream=None))["object"] == "chat.completion"


def test_a_chat_may_name_no_model_but_no_other(client: Client) -> None:
    assert client.json("/v1/chat/completions", json.dumps({"messages": [{"content": "stop"}]}))["model"] == "slu"
    for other in ("gpt-4", ["slu"], {}, 1):
        assert message(client.ask("/v1/chat/completions", chat("stop", model=other)))[0] == 404
    assert [one["id"] for one in client.json("/v1/models")["data"]] == ["slu", "other"]


# --- what is wrong -------------------------------------------------------------------------------------------


def unknown_length(flac: bytes) -> bytes:
    """The same FLAC whose header does not say how many samples follow, as encoders of streams write it."""
    return flac[:21] + bytes([flac[21] & 0xF0, 0, 0, 0, 0]) + flac[26:]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is empty"),
        (b"rubbish", "not a recording that can be read"),
        (sound()[:30], "recording"),
        (sound(0.01), "0.1 to 30 s"),
        (sound(40, "flac"), "40.00 s long"),
        (unknown_length(sound(40, "flac")), "recording"),
        (sound(0.2, "flac", 192_000, 8), "8 channels at 192000 Hz"),
    ],
    ids=["empty", "rubbish", "half a header", "short", "long", "endless", "wide"],
)
def test_a_recording_that_cannot_be_answered_is_refused(client: Client, body: bytes, said: str) -> None:
    status, sentence = message(client.ask("/v1/understand", body))
    assert status == 400 and sentence.startswith("the recording: ") and said in sentence


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # starlette drops half a file unclosed
@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (*multipart(sound(), name="sound"), 'needs a part "file"'),
        (*multipart(sound(), end=b""), 'needs a part "file"'),
        (b"x", {"Content-Type": "multipart/form-data"}, "boundary"),
        (b"\xff", TEXT, "not UTF-8"),
        (b" ", TEXT, "the text is empty"),
    ],
    ids=["other name", "half", "no boundary", "bytes", "blank"],
)
def test_a_wrong_form_or_text_is_told_what_is_wrong(
    client: Client, body: bytes, headers: dict[str, str], said: str
) -> None:
    status, sentence = message(client.ask("/v1/understand", body, headers))
    assert status == 400 and said in sentence


def test_what_fails_within_the_server_is_not_told(client: Client, model: FakeModel) -> None:
    status, sentence = message(client.ask("/v1/understand", model.spoiled, TEXT))
    assert status == 500 and "secret" not in sentence
    (event,) = events(client.ask("/v1/understand", model.spoiled, EVENTS)[1])
    assert event["error"]["message"] == sentence
    assert client.type("stop")["intent"] == "stop"


def test_other_paths_and_methods_are_refused_in_the_same_shape(client: Client) -> None:
    assert message(client.ask("/etc/passwd"))[0] == 404
    assert message(client.ask("/v1/understand"))[0] == 405
    assert message(client.ask("/v1/models", b""))[0] == 405


# --- who may ask, and how much -------------------------------------------------------------------------------


def test_a_key_is_needed_for_all_but_health(service: Service) -> None:
    with serving(make_app(service, key="sésame")) as client:
        right = {"Authorization": "Bearer s\u00e9same".encode().decode("latin-1")}
        for headers in ({}, {"Authorization": "Bearer sesame"}, {"Authorization": ""}):
            answer = client.ask("/v1/understand", "stop", TEXT | headers)
            assert message(answer)[0] == 401 and answer[2]["WWW-Authenticate"] == "Bearer"
            assert message(client.ask("/metrics", None, headers))[0] == 401
        assert client.ask("/health")[0] == 200
        assert client.ask("/metrics", None, right)[0] == 200
        assert client.json("/v1/understand", "stop", TEXT | right)["intent"] == "stop"


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": ""}]
)
def test_pages_of_other_sites_may_not_ask(client: Client, model: FakeModel, headers: dict[str, str]) -> None:
    """Neither by another name of this machine, to read the answer, nor without reading it."""
    assert message(client.ask("/v1/understand", "stop", TEXT | headers))[0] == 403 and model.batches == []


def test_the_page_of_the_server_itself_may_ask(client: Client) -> None:
    own = f"localhost:{client.port}"
    assert client.ask("/v1/understand", "stop", TEXT | {"Host": own, "Origin": f"http://{own}"})[0] == 200


def test_a_server_for_other_machines_answers_to_any_name(service: Service) -> None:
    with serving(make_app(service, is_local=False)) as client:
        assert client.ask("/v1/understand", "stop", TEXT | {"Host": "slu.example"})[0] == 200


@pytest.mark.parametrize("limits", [Limits(megabytes=0.05)])
@pytest.mark.parametrize("declares", [True, False])
def test_a_body_that_is_too_long_is_refused_before_it_is_kept(client: Client, declares: bool) -> None:
    connection = client.connect()
    chunks = iter([b"x" * 10_000] * 100)
    headers = {"Content-Length": "1000000"} if declares else {}
    connection.request("POST", "/v1/understand", chunks, headers, encode_chunked=not declares)
    response = connection.getresponse()
    assert message((response.status, response.read().decode(), None)) == (413, "the request is longer than 0.05 MB")
    connection.close()
    assert client.json("/v1/understand", sound())["intent"] == "8000"


@pytest.mark.parametrize("limits", [Limits(megabytes=0.05)])
def test_a_body_that_says_it_is_too_long_is_not_waited_for(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LINGER_SECONDS", 0.05)
    connection = client.send("/v1/understand", b"x" * 100, {"Content-Length": "1000000"})
    connection.settimeout(5)
    assert b"413" in connection.recv(4096)
    connection.close()


@pytest.mark.parametrize("limits", [Limits(requests=2)])
def test_more_requests_than_may_wait_are_told_to_come_back(client: Client, model: FakeModel) -> None:
    model.may_go_on.clear()
    first = [client.send("/v1/understand", b"stop", TEXT | {"Content-Length": "4"}) for _ in range(2)]
    wait_until(lambda: "eartune_open_requests 2" in client.ask("/metrics")[1])
    answer = client.ask("/v1/understand", "stop", TEXT)
    assert message(answer)[0] == 429 and answer[2]["Retry-After"] == "1"
    assert client.ask("/health")[0] == 200
    model.may_go_on.set()
    for connection in first:
        assert b"200 OK" in connection.recv(4096)
        connection.close()
    assert client.type("stop")["intent"] == "stop"


@pytest.mark.parametrize("limits", [Limits(seconds=0.3)])
def test_an_answer_that_takes_too_long_is_given_up(client: Client, model: FakeModel) -> None:
    model.may_go_on.clear()
    status, sentence = message(client.ask("/v1/understand", "stop", TEXT))
    assert (status, sentence) == (504, "there was no answer within 0.3 s")
    wait_until(lambda: model.n_ended_early == 1)
    *_, last = events(client.ask("/v1/understand", "stop", EVENTS)[1])
    assert last["error"]["code"] == 504
    wait_until(lambda: model.n_ended_early == 2)
    half = client.send("/v1/understand", b"st", TEXT | {"Content-Length": "4"})  # and sends no more
    assert b"504" in half.recv(4096)
    half.close()
    model.may_go_on.set()
    assert client.type("stop")["intent"] == "stop"


@pytest.mark.parametrize("headers", [TEXT, EVENTS])
def test_an_answer_for_a_client_that_left_is_given_up(
    client: Client, model: FakeModel, headers: dict[str, str]
) -> None:
    model.may_go_on.clear()
    connection = client.send("/v1/understand", b"stop", headers | {"Content-Length": "4"})
    assert model.has_begun.wait(SECONDS)
    connection.close()
    wait_until(lambda: model.n_ended_early == 1)
    wait_until(lambda: "eartune_open_requests 0" in client.ask("/metrics")[1])
    model.may_go_on.set()
    assert client.type("go")["intent"] == "go"


def test_a_client_that_leaves_in_the_middle_of_its_recording_is_forgotten(client: Client, model: FakeModel) -> None:
    client.send("/v1/understand", sound()[:100], {"Content-Length": "9999"}).close()
    wait_until(lambda: 'status="499"} 1' in client.ask("/metrics")[1])
    assert model.batches == []


def test_a_server_that_ends_finishes_what_it_began(service: Service, model: FakeModel) -> None:
    with serving(make_app(service)) as client:
        model.may_go_on.clear()
        connection = client.send("/v1/understand", b"stop", TEXT | {"Content-Length": "4"})
        assert model.has_begun.wait(SECONDS)
        threading.Timer(0.3, model.may_go_on.set).start()
    assert b'"intent":"stop"' in connection.recv(4096)
    connection.close()


# --- what can be known about it ------------------------------------------------------------------------------


def test_what_is_measured_is_what_happened(client: Client) -> None:
    client.type("stop")
    client.ask("/v1/understand", b"")
    client.ask("/no/such/path")
    text = client.ask("/metrics")[1]
    for line in (
        'eartune_requests_total{path="/v1/understand",status="200"} 1',
        'eartune_requests_total{path="/v1/understand",status="400"} 1',
        'eartune_requests_total{path="other",status="404"} 1',
        "eartune_request_seconds_count 3",
        'eartune_request_seconds_bucket{le="+Inf"} 3',
        "eartune_batches_total 1",
        "eartune_open_requests 0",
    ):
        assert f"{line}\n" in text
    assert all(re.fullmatch(r"(# .*|\w+(\{[^}]*\})? [\d.e+]+)", line) for line in text.splitlines())


def test_health_is_that_of_the_model_s_thread(client: Client, service: Service) -> None:
    assert client.json("/health") == {"status": "ok"}
    service.worker.close()
    assert message(client.ask("/health"))[0] == 503


def test_every_route_is_described(client: Client) -> None:
    described = json.loads(openapi_text())
    assert set(described["paths"]) == set(make_app(Service({"slu": FakeModel()})).paths)
    assert client.json("/openapi.json") == described
    frame = client.type("stop")
    assert frame.keys() <= described["components"]["schemas"]["Frame"]["properties"].keys()


def wait_until(is_so: Any) -> None:
    """Wait until something is so."""
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)
