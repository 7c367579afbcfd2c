"""Drives a Chromium by its DevTools protocol over two pipes; its microphone hears a sound file, over and over."""

import json
import os
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from typing import Any

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SECONDS = 30


class Tab:
    """A page that is shown."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read, self._unread, self._number = write, read, b"", 0
        self._session: str | None = None
        page = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; raises AssertionError if it fails."""
        self._number += 1
        session = {} if self._session is None or method.startswith("Browser.") else {"sessionId": self._session}
        message = {"id": self._number, "method": method, "params": parameters} | session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return dict(answer["result"])

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            assert select([self._read], [], [], SECONDS)[0], "Chromium does not answer"
            more = os.read(self._read, 1 << 16)
            assert more, "Chromium has ended"
            self._unread += more
        message, _, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(message))

    def open(self, address: str) -> None:
        """Show another page, and wait until it is loaded."""
        self.send("Page.navigate", url=address)
        self.wait(f"location.href === {json.dumps(address)} && document.readyState === 'complete'")

    def run(self, code: str) -> Any:
        """Return the value of an expression of JavaScript, awaited if it is a promise."""
        found = self.send("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until an expression of JavaScript is true."""
        end = time.monotonic() + SECONDS
        while not self.run(condition):
            assert time.monotonic() < end, f"never came true: {condition}"
            time.sleep(0.02)

    def press(self, key: str) -> None:
        """Press and release a key, such as "ArrowRight" or " "."""
        text = {"text": key} if len(key) == 1 else {}
        code = {" ": 32, "ArrowLeft": 37, "ArrowRight": 39}.get(key, ord(key[0].upper()))
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def look(self, path: Path, width: int, height: int, dark: bool = False) -> None:
        """Write a picture of the page at a size, in light or dark colours."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        path.write_bytes(b64decode(self.send("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def chromium(folder: Path, heard: Path | None = None) -> Iterator[Tab]:
    """Start a Chromium with a profile below the folder; its microphone hears the sound file, its user allows all."""
    sound = [] if heard is None else [f"--use-file-for-fake-audio-capture={heard}"]
    to_browser, from_browser = os.pipe(), os.pipe()
    command = [
        *(str(PROGRAM), "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"),
        *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--disable-dev-shm-usage"),
        *("--autoplay-policy=no-user-gesture-required", *sound),
        f"--user-data-dir={folder / 'profile'}",
    ]
    given = (to_browser[0], from_browser[1])
    code = f"import os, sys; os.dup2({given[0]}, 3); os.dup2({given[1]}, 4); os.execv(sys.argv[1], sys.argv[1:])"
    browser = subprocess.Popen([sys.executable, "-c", code, *command], pass_fds=given, stderr=subprocess.DEVNULL)
    for end in given:
        os.close(end)
    try:
        tab = Tab(to_browser[1], from_browser[0])
        yield tab
        tab.send("Browser.close")
    finally:
        browser.kill()
        browser.wait()
        os.close(to_browser[1])
        os.close(from_browser[0])
