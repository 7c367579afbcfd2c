"""The page of a script in a real browser, whose microphone hears a tone: what it saves is what `prepare` reads."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from chromium import PROGRAM, Tab
from eartune.cli.app import app
from eartune.data.recording_script import page_of, write_script
from eartune.data.utterance import read_manifest

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")
SENTENCES = ('say "latte", please', "wake me on friday", "stop")
QUIET = "!busy && chunks === null"


@pytest.fixture
def script(tmp_path: Path, browser: Tab) -> Path:
    """A script of three sentences, of which no browser remembers anything; downloads go beside it."""
    rows = [{"text": text, "language": "en", "intent": f"i{n}", "entities": "[]"} for n, text in enumerate(SENTENCES)]
    rows[0]["id"] = tmp_path.name
    write_script(tmp_path / "script.csv", rows)
    browser.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    return tmp_path / "script.csv"


@pytest.fixture
def address(script: Path) -> Iterator[str]:
    """The page on a server of this machine, where folders can be chosen without a person: those of the page's own."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(script.parent))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/script.html"
        server.shutdown()


def shown(tab: Tab, name: str) -> str:
    """The words of an element."""
    return str(tab.run(f"element({name!r}).textContent"))


def record(tab: Tab) -> None:
    """Press the space bar, wait until half a second is recorded, and press it again."""
    tab.press(" ")
    tab.wait("chunks && chunks.length * 128 > microphone.context.sampleRate / 2")
    tab.press(" ")
    tab.wait(QUIET)


def test_recordings_by_keys_are_downloaded_and_read_by_prepare(browser: Tab, script: Path) -> None:
    """From a file, as a double click opens it; the last sentence is not recorded, and set aside."""
    browser.open(page_of(script).as_uri())
    assert (shown(browser, "count"), shown(browser, "sentence")) == ("Sentence 1 of 3", SENTENCES[0])
    for number in (1, 2):
        record(browser)
        assert "s recorded." in shown(browser, "status")
        assert shown(browser, "file") == "recorded, and saved when you go on"
        browser.press("ArrowRight")
        browser.wait(f"element('count').textContent === 'Sentence {number + 1} of 3'")
        wait_for(browser, script.with_name(f"r00{number}.wav"))
    assert shown(browser, "done") == "2 of 3 recorded"

    heard, facts = soundfile.read(script.with_name("r001.wav")), soundfile.info(script.with_name("r001.wav"))
    assert (facts.samplerate, facts.channels, facts.subtype) == (16_000, 1, "PCM_16")
    spectrum = np.abs(np.fft.rfft(heard[0]))
    assert spectrum.argmax() * 16_000 / len(heard[0]) == pytest.approx(440, abs=3)
    assert np.sqrt((heard[0] ** 2).mean()) == pytest.approx(0.3 / 2**0.5, rel=0.05)
    assert 0.5 <= facts.duration < 3

    to = script.with_name("prepared")
    done = CliRunner().invoke(app, ["prepare", "--split", f"train={script}", "--to", str(to)], catch_exceptions=False)
    assert done.exit_code == 0 and "set aside: 1 row (1 missing)" in done.output
    rows = read_manifest(to / "train.jsonl")
    assert [(row.text, row.frame.intent) for row in rows if row.frame] == [(SENTENCES[0], "i0"), (SENTENCES[1], "i1")]


def wait_for(tab: Tab, file: Path) -> None:
    """Wait until the browser has written a download."""
    for _ in range(100):
        if file.is_file() and file.stat().st_size > 44:
            return
        tab.run("new Promise((done) => setTimeout(done, 50))")
    raise AssertionError(f"{file} was not written")


def test_recordings_are_written_into_a_folder_and_found_there_again(browser: Tab, address: str, script: Path) -> None:
    browser.open(address)
    put_table(browser, script.read_text(encoding="utf-8"))
    choose_a_folder(browser)
    record(browser)
    assert shown(browser, "file") == "recorded as r001.wav"
    browser.press("ArrowRight")
    browser.press("ArrowRight")
    record(browser)

    browser.run("localStorage.clear()")
    open_again(browser, address, "0 of 3 recorded")
    choose_a_folder(browser)
    assert (shown(browser, "done"), shown(browser, "count")) == ("2 of 3 recorded", "Sentence 2 of 3")
    browser.press("ArrowLeft")
    assert shown(browser, "record") == "Record again"
    browser.press("p")
    browser.wait("!player.paused && player.duration > 0.4")
    before = browser.run("folder.getFileHandle('r001.wav').then((f) => f.getFile()).then((f) => f.lastModified)")
    record(browser)
    after = browser.run("folder.getFileHandle('r001.wav').then((f) => f.getFile()).then((f) => f.lastModified)")
    assert after > before and browser.run("Promise.resolve(done.size)") == 2


def test_a_folder_of_another_script_is_refused(browser: Tab, address: str) -> None:
    """Its recordings have the same names."""
    browser.open(address)
    put_table(browser, "audio,text,intent\nr001.wav,another sentence,i0\n")
    browser.run("window.showDirectoryPicker = () => navigator.storage.getDirectory(); choose()")
    assert "does not hold the script.csv of this page" in shown(browser, "status")
    assert browser.run("folder === null")


def choose_a_folder(tab: Tab) -> None:
    """Choose the page's private folder, as nobody is there to choose one of the disk."""
    tab.run("window.showDirectoryPicker = () => navigator.storage.getDirectory(); choose()")
    tab.wait("folder !== null && element('where').textContent.includes('are written')")


def put_table(tab: Tab, table: str) -> None:
    """Write script.csv into the page's private folder."""
    to = "navigator.storage.getDirectory().then((f) => f.getFileHandle('script.csv', { create: true }))"
    written = f"write({json.dumps(table)}).then(() => file.close())"
    tab.run(f"{to}.then((f) => f.createWritable()).then((file) => file.{written})")


def test_a_page_that_is_opened_again_goes_on_where_it_was_left(browser: Tab, script: Path) -> None:
    browser.open(page_of(script).as_uri())
    record(browser)
    browser.press("ArrowRight")
    wait_for(browser, script.with_name("r001.wav"))
    open_again(browser, page_of(script).as_uri(), "1 of 3 recorded")
    assert shown(browser, "count") == "Sentence 2 of 3"


def open_again(tab: Tab, address: str, done: str) -> None:
    """Close the page and open it until it shows what is done.

    What one page writes into localStorage may reach the next a moment later.
    """
    for _ in range(50):
        tab.open("about:blank")
        tab.open(address)
        if shown(tab, "done") == done:
            return
    raise AssertionError(f"{shown(tab, 'done')!r} is shown, never {done!r}")


def test_what_is_silent_or_too_short_is_not_kept(browser: Tab, script: Path) -> None:
    browser.open(page_of(script).as_uri())
    for samples, said in (("new Float32Array(48000)", "Nothing was heard"), ("new Float32Array(4800)", "too short")):
        browser.run(f"keep('r001.wav', [{samples}], 48000)")
        assert said in shown(browser, "status")
    assert browser.run("takes.size") == 0
    browser.run("keep('r001.wav', [new Float32Array(48000).fill(1)], 48000)")
    assert "Too loud" in shown(browser, "status") and browser.run("takes.size") == 1
    browser.run("unsaved = null")  # so that the page may be left


def test_the_end_tells_what_is_missing(browser: Tab, script: Path) -> None:
    browser.open(page_of(script).as_uri())
    for _ in range(3):
        browser.press("ArrowRight")
    assert shown(browser, "sentence") == "3 of 3 sentences are not recorded yet."
    assert browser.run("element('record').disabled && element('next').disabled")
    browser.run("element('missing').click()")
    assert shown(browser, "count") == "Sentence 1 of 3"


@pytest.mark.parametrize(("width", "height"), [(390, 780), (320, 568), (780, 390), (1280, 800)])
def test_the_page_fits_every_width(browser: Tab, script: Path, tmp_path: Path, width: int, height: int) -> None:
    browser.open(page_of(script).as_uri())
    browser.look(tmp_path / "page.png", width, height)
    assert browser.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert browser.run("[...document.querySelectorAll('button')].every((b) => b.scrollWidth <= b.clientWidth)")


def test_everything_can_be_named_by_a_screen_reader(browser: Tab, script: Path) -> None:
    browser.open(page_of(script).as_uri())
    nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
    named = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]}
    wanted = ("Previous", "Record", "Next", "Next missing", "Play", "Choose folder")
    assert {("button", name) for name in wanted} <= named
    assert {("meter", "Level of the microphone"), ("progressbar", "Sentences recorded")} <= named
    assert browser.run("element('shown').getAttribute('aria-live')") == "polite"
