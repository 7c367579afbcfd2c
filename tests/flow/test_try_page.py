"""The page of `eartune try` in a real browser, whose microphone hears a tone: spoken, typed, dropped, and kept."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from builders import frame, utterance
from chromium import PROGRAM, Tab
from eartune.data.frame import SemanticFrame
from eartune.data.utterance import read_manifest
from eartune.serving.app import Service, make_app
from eartune.serving.kept_rows import KeptRows
from eartune.serving.trying import routes_to_try
from eartune.settings import Decoding
from eartune.tasks.prediction import Prediction
from eartune.tasks.slu import SluTask
from eartune.tasks.task import ParseStatus
from served import Client, serving

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")
TASK = SluTask()
ORDER, STOP = frame("order", "size:small", "drink:latte"), frame("stop")
LABELS = TASK.labels([utterance("a", "a small latte", ORDER), utterance("b", "stop", STOP)])


class Barista:
    """A model that hears an order in everything, but for the words "stop" and "hm"."""

    task = TASK
    decoding = Decoding(beams=1)

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def answer_batch(
        self, shown: Sequence[Any], watch: Callable[[Callable[[int], str]], None] | None = None
    ) -> list[Prediction]:
        self.heard += shown
        found = []
        for one in shown:
            answer = {"stop": STOP, "hm": None}.get(one, ORDER) if isinstance(one, str) else ORDER
            text = "hm?" if answer is None else target(answer)
            for end in (1, 9, len(text)):
                if watch is not None:
                    watch(lambda row, text=text, end=end: text[:end])  # type: ignore[misc]
            status = ParseStatus.NOT_JSON if answer is None else ParseStatus.OK
            found.append(Prediction("0", None, text, status, answer, None, -0.1))
        return found


def target(answer: SemanticFrame) -> str:
    return TASK.target(utterance("u", "words", answer))


@pytest.fixture
def models() -> dict[str, Barista]:
    return {"one": Barista(), "two": Barista()}


@pytest.fixture
def kept(tmp_path: Path) -> KeptRows:
    return KeptRows(tmp_path / "tried", TASK, "en")


@pytest.fixture
def page(browser: Tab, models: dict[str, Barista], kept: KeptRows) -> Iterator[Tab]:
    """The page of two models; a request to anywhere else would be an error in it."""
    routes = routes_to_try(list(models), kept, LABELS.to_json())
    with serving(make_app(Service(models), more_routes=routes)) as client:
        shown(browser, client)
        yield browser
        assert browser.run("violations") == []
        browser.open("about:blank")


def shown(tab: Tab, client: Client) -> None:
    tab.open(f"http://127.0.0.1:{client.port}/")
    tab.run("violations = []; addEventListener('securitypolicyviolation', (e) => violations.push(e.blockedURI))")


def text(tab: Tab, selector: str) -> str:
    """The words of the first element of a selector in the newest try."""
    return str(tab.run(f"document.querySelector('article {selector}')?.textContent || ''"))


def answered(tab: Tab, n_models: int = 2) -> None:
    """Wait until all models have answered the newest try."""
    tab.wait(f"document.querySelector('article')?.querySelectorAll('.panel > .line').length === {n_models}")


def press_button(tab: Tab, words: str) -> None:
    """Press the first button with these words in the newest try."""
    buttons = "[...document.querySelectorAll('article')][0].querySelectorAll('button')"
    tab.run(f"[...{buttons}].find((one) => one.textContent === {json.dumps(words)}).click()")


def key(tab: Tab, kind: str) -> None:
    tab.send("Input.dispatchKeyEvent", type=kind, key=" ", windowsVirtualKeyCode=32)


def hold_space(tab: Tab, seconds: float = 1.0) -> None:
    """Hold the space bar until so much is recorded."""
    key(tab, "keyDown")
    tab.wait(f"chunks && chunks.length * 128 > {seconds} * microphone.context.sampleRate")
    key(tab, "keyUp")


def type_words(tab: Tab, words: str) -> None:
    tab.run(f"element('words').value = {json.dumps(words)}; element('typed').requestSubmit()")
    answered(tab)


def test_what_is_spoken_is_answered_by_both_models_played_and_kept(
    page: Tab, models: dict[str, Barista], kept: KeptRows
) -> None:
    hold_space(page)
    answered(page)
    for model in models.values():
        (wave,) = model.heard
        assert 1.0 <= len(wave) / 16_000 < 2.5 and abs(wave).max() == pytest.approx(0.3, abs=0.02)
    assert text(page, ".panel h2") == "one" and text(page, ".panel .label") == "order"
    assert text(page, ".entities") == "sizesmalldrinklatte" and "90 % sure" in text(page, ".panel-body")
    assert text(page, "pre") == target(ORDER) and page.run("document.querySelectorAll('article svg path').length") == 1
    press_button(page, "Play")
    page.wait("!player.paused && player.duration > 1")
    press_button(page, "This is right")
    page.wait("entry = document.querySelector('article > p.quiet'), entry && entry.textContent.includes('t0001')")
    assert page.run("element('kept').textContent") == f"1 kept in {kept.manifest}"
    (row,) = read_manifest(kept.manifest)
    assert row.frame == ORDER and row.recordings[0].seconds == pytest.approx(len(wave) / 16_000, abs=1e-3)


def test_typed_words_are_marked_and_a_wrong_answer_is_corrected(page: Tab, kept: KeptRows) -> None:
    type_words(page, "one small Latte, please")
    assert text(page, ".said") == "one small Latte, please"
    marks = page.run("[...document.querySelector('.panel').querySelectorAll('mark')].map((m) => m.textContent)")
    assert marks == ["small", "Latte"]
    press_button(page, "This is wrong")
    assert page.run("[...document.querySelectorAll('form.correction input')].map((i) => i.value)") == [
        *("order", "size", "small", "drink", "latte"),
        "one small Latte, please",
    ]
    change = "i.value = value; i.dispatchEvent(new Event('input'))"
    page.run(
        "fill = (place, value) => { const i = document.querySelectorAll('form.correction input')[place]; "
        + change
        + " }"
    )
    page.run("fill(0, 'order_drink'); fill(4, 'latte macchiato')")
    press_button(page, "Remove")
    press_button(page, "Add entity")
    page.run("fill(3, 'size'); fill(4, 'big'); fill(5, 'a big latte macchiato')")
    press_button(page, "Keep corrected")
    page.wait("document.querySelector('form.correction') === null")
    assert [(row.text, row.frame) for row in read_manifest(kept.manifest)] == [
        ("a big latte macchiato", frame("order_drink", "drink:latte macchiato", "size:big"))
    ]
    press_button(page, "This is right")
    page.wait("document.querySelector('article > p.quiet').textContent === 'Kept as t0001: order'")
    assert [(row.text, row.frame) for row in read_manifest(kept.manifest)] == [("one small Latte, please", ORDER)]


def test_no_answer_can_only_be_corrected_also_as_json(page: Tab, kept: KeptRows) -> None:
    type_words(page, "hm")
    assert text(page, ".label") == "no answer (NOT_JSON)" and "This is right" not in text(page, ".panel")
    press_button(page, "This is wrong")
    page.run("json = document.querySelector('form.correction textarea'), json.value = '{\"intent\": ', json.oninput()")
    press_button(page, "Keep corrected")
    assert page.run("document.querySelector('form.correction').checkValidity()") is False and not kept.rows()
    page.run('json.value = \'{"intent": "stop", "entities": []}\', json.oninput()')
    press_button(page, "Keep corrected")
    page.wait("document.querySelector('form.correction') === null")
    assert [row.frame for row in kept.rows()] == [STOP]


def test_a_file_is_answered_and_one_that_cannot_be_read_says_so(page: Tab, models: dict[str, Barista]) -> None:
    page.run("take([new File([wav(new Float32Array(8000).fill(0.1))], 'my order.wav')])")
    answered(page)
    assert "my order.wav · 0.5 s" in text(page, ".line") and len(models["two"].heard[0]) == 8000
    page.run("take([new File(['rubbish'], 'rubbish.txt')])")
    page.wait("document.querySelector('article').querySelectorAll('.bad').length === 2")
    assert text(page, ".bad").startswith("the recording: not a recording that can be read")


def test_a_tap_records_until_the_next_one(page: Tab) -> None:
    """Also one that is no press, as that of a screen reader, while the microphone is not open yet."""
    page.run("element('talk').dispatchEvent(new MouseEvent('click', { detail: 0 }))")
    page.wait("chunks && chunks.length * 128 > microphone.context.sampleRate / 2")
    assert page.run("element('talk').textContent") == "Listening"
    tap(page)
    answered(page)
    assert page.run("chunks === null && element('talk').textContent === 'Hold to speak'")
    tap(page)
    page.wait("chunks && chunks.length * 128 > microphone.context.sampleRate / 2")
    tap(page)
    page.wait("document.querySelectorAll('article').length === 2")


def test_a_microphone_that_is_pulled_out_is_said_and_what_it_heard_is_asked(
    page: Tab, models: dict[str, Barista]
) -> None:
    """What it had heard was taken for sound of 16 kHz, three times as long, and nothing was said."""
    page.run("""opening_one = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices),
        navigator.mediaDevices.getUserMedia = async (wanted) => (opened = await opening_one(wanted))""")
    page.run("press(true)")
    page.wait("chunks && chunks.length * 128 > microphone.context.sampleRate / 2")
    page.run("opened.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    page.wait("document.querySelector('article') !== null")
    answered(page)
    page.wait("microphone === null && element('status').textContent === 'The microphone is gone.'")
    assert 8_000 <= len(models["two"].heard[0]) < 20_000


def tap(tab: Tab) -> None:
    """Press the mouse on the button and let go at once."""
    x, y = tab.run("(({ x, y }) => [x + 9, y + 9])(element('talk').getBoundingClientRect())")
    for kind in ("mousePressed", "mouseReleased"):
        tab.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def test_what_is_too_short_or_silent_is_not_asked(page: Tab, models: dict[str, Barista]) -> None:
    for samples, said in (("4800", "too short"), ("48000).fill(0.0003", "Nothing was heard")):  # 70 dB below full scale
        page.run(f"chunks = [new Float32Array({samples})]; stop()")
        page.wait(f"element('status').textContent.includes('{said}')")
    assert models["one"].heard == [] and page.run("document.querySelector('article') === null")


@pytest.mark.parametrize(("width", "height"), [(320, 568), (390, 780), (780, 390), (1280, 800)])
def test_the_page_fits_every_width(page: Tab, tmp_path: Path, width: int, height: int) -> None:
    type_words(page, "one small latte, and a very long word: " + "latte" * 30)
    press_button(page, "This is wrong")
    page.look(tmp_path / "page.png", width, height)
    assert page.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.run("[...document.querySelectorAll('button')].every((b) => b.scrollWidth <= b.clientWidth)")


def test_everything_can_be_named_by_a_screen_reader(page: Tab) -> None:
    type_words(page, "one small latte")
    press_button(page, "This is wrong")
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    named = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]}
    buttons = ("Hold to speak", "Ask", "This is right", "This is wrong", "Copy JSON", "Add entity", "Keep corrected")
    assert {("button", name) for name in buttons} <= named
    fields = {name for role, name in named if role in ("textbox", "combobox")}
    assert {"What you would say", "intent", "type of entity 1", "words of entity 2"} <= fields
    assert not [name for name in fields if not name]
    assert {("meter", "Level of the microphone"), ("meter", "how sure the model is")} <= named
