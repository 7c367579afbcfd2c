"""Say how many of eartune's answers to test recordings a server gives too: python check_server.py http://127.0.0.1:8000"""

import base64
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


def main(url: str, folder: Path) -> None:
    """Send the recordings of the folder's check one by one, and print the answers that differ and how many agree.

    The environment variable API_KEY holds the server's key, if it needs one.
    """
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    rows = [json.loads(line) for line in (folder / "check" / "answers.jsonl").open(encoding="utf-8")]
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ.get('API_KEY')}"}
    agreeing = 0
    for row in rows:
        (clip,) = (part for part in request["messages"][0]["content"] if part["type"] == "input_audio")
        clip["input_audio"]["data"] = base64.b64encode((folder / row["file"]).read_bytes()).decode()
        sent = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(request).encode(), headers)
        try:
            with urllib.request.urlopen(sent) as answer:
                text = json.load(answer)["choices"][0]["message"]["content"]
        except urllib.error.HTTPError as error:
            sys.exit(f"{url} refuses {row['file']}: {error} {error.read().decode()}")
        agreeing += (agrees := meaning(text) == meaning(row["text"]))
        if not agrees:
            print(f"{row['file']}: {text!r} instead of {row['text']!r}")
    print(f"{agreeing} of {len(rows)} answers agree with eartune's")


def meaning(text: str) -> Any:
    """The JSON in the last line of an answer with what stands before it, or the text if that is no JSON."""
    before, _, last = text.strip().rpartition("\n")
    try:
        return before, json.loads(last)
    except ValueError:
        return text.strip()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), Path(__file__).parent)
