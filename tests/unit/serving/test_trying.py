"""The page's routes: what it knows, what it may load, and what it keeps."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import frame, pool, utterance
from eartune.serving.app import Service, make_app
from eartune.serving.kept_rows import KeptRows
from eartune.serving.trying import fields_of, page_with, routes_to_try
from eartune.tasks.classification import ClassificationTask
from eartune.tasks.slu import SluTask
from eartune.tasks.translation import TranslationTask
from served import Client, FakeModel, serving

SLU = SluTask()
LABELS = SLU.labels([utterance("u", "stop", frame("</script><b>"), 1.0), utterance("v", "go", frame("go", "to:rome"))])


@pytest.fixture
def kept(tmp_path: Path) -> KeptRows:
    return KeptRows(tmp_path / "tried", SLU, "en")


@pytest.fixture
def client(kept: KeptRows) -> Iterator[Client]:
    models = {"one": FakeModel(), "two": FakeModel()}
    with serving(make_app(Service(models), more_routes=routes_to_try(list(models), kept, LABELS.to_json()))) as client:
        yield client


def form(**fields: str | bytes) -> tuple[bytes, dict[str, str]]:
    """A form; bytes are a file."""
    parts = b""
    for name, value in fields.items():
        file, content = ('; filename="r"', value) if isinstance(value, bytes) else ("", value.encode())
        parts += f'--edge\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"
    return parts + b"--edge--\r\n", {"Content-Type": "multipart/form-data; boundary=edge"}


def test_the_page_knows_models_and_labels_and_loads_nothing_from_elsewhere(client: Client, kept: KeptRows) -> None:
    status, page, headers = client.ask("/")
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    found = re.search(r'<script type="application/json" id="facts">(.*?)</script>', page)
    assert found is not None
    assert json.loads(found[1]) == {
        "models": ["one", "two"],
        "fields": {"intent": ["</script><b>", "go"]},
        "types": ["to"],
        "manifest": str(kept.manifest),
        "kept": 0,
    }
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert set(re.findall(r"https?://[^\s\"']+", page_with({}))) == {"http://www.w3.org/2000/svg"}


def test_a_corrected_answer_is_kept_and_counted(client: Client, kept: KeptRows) -> None:
    answer = json.dumps({"intent": "go", "entities": []})
    assert client.json("/try/keep", *form(answer=answer, text="go now")) == {"id": "t0001", "kept": 1}
    assert client.json("/try/keep", *form(answer=answer, text="go", id="t0001")) == {"id": "t0001", "kept": 1}
    assert [row.text for row in kept.rows()] == ["go"]


def test_half_a_character_is_kept_as_a_question_mark(client: Client, kept: KeptRows) -> None:
    answer = '{"intent": "go", "entities": [{"type": "to", "filler": "\\ud800"}]}'
    assert client.json("/try/keep", *form(answer=answer, text="go")) == {"id": "t0001", "kept": 1}
    assert [entity.filler for row in kept.rows() if row.frame for entity in row.frame.entities] == ["?"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"answer": "{", "text": "go"}, "is not JSON"),
        ({"answer": "[]", "text": "go"}, "must be a JSON object"),
        ({"text": "go"}, "is not JSON"),
        ({"answer": '{"intent": "go", "entities": []}', "file": b"rubbish"}, "not a recording that can be read"),
        ({"answer": '{"intent": "go", "entities": []}', "text": "go", "id": "../x"}, "has no row"),
    ],
)
def test_what_cannot_be_kept_is_told(client: Client, fields: dict[str, str | bytes], said: str, kept: KeptRows) -> None:
    status, text, _ = client.ask("/try/keep", *form(**fields))
    assert status == 400 and said in json.loads(text)["error"]["message"] and not kept.folder.exists()


def test_fields_are_those_of_an_answer_with_the_values_that_are_known() -> None:
    assert fields_of(SLU.labels(pool(1)).to_json()) == {"scenario": ["alarm"], "action": ["set"]}
    assert fields_of(ClassificationTask().labels(pool(1)).to_json()) == {"label": ["alarm_set"]}
    assert fields_of(TranslationTask(to="German").labels([]).to_json()) == {"translation": []}
    assert fields_of(SLU.labels([]).to_json()) == {"intent": []}
    assert fields_of({}) == {"intent": []}
