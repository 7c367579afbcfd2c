"""Writes a script for recording: a table that `eartune prepare` reads back, and a page that records it in a browser.

audio,id,text,language,intent,entities
r001.wav,o17,a small latte,en,orderDrink,"[{""type"": ""size"", ""filler"": ""small""}]"
"""

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from eartune.errors import InputError
from eartune.files import write_text

AUDIO = "audio"
"""The column of the recordings' files, which do not exist yet."""
_PAGE = Path(__file__).with_name("recording_page.html")
_SOUND, _PLACE_OF_SOUND = Path(__file__).with_name("sound.js"), "/* SOUND */"
_PLACE = "{{ script }}"


def page_of(script: Path) -> Path:
    """Return the path of the page beside a table."""
    return script.with_suffix(".html")


def check_name(script: Path) -> None:
    """Raise InputError if a path cannot be that of a script, which is a table."""
    if script.suffix.lower() != ".csv":
        raise InputError(f"{script}: the script is a table; name a file that ends in .csv")


def write_script(script: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write the table and the page beside it: a row for each sentence, whose values are text, `text` among them.

    Recordings are called r001.wav and so on, in the order of the rows. Raises InputError if another script is there, as
    recordings may exist that bear its numbers, and if the path does not end in .csv.
    """
    check_name(script)
    digits = max(3, len(str(len(rows))))
    named = [{AUDIO: f"r{number:0{digits}}.wav", **row} for number, row in enumerate(rows, start=1)]
    table = _table(named)
    if script.exists() and script.read_bytes() != table.encode("utf-8"):
        raise InputError(
            f"{script}: is another script, whose recordings would get other words; write to a new folder, "
            "or delete it if none of it was recorded"
        )
    write_text(script, table)
    write_text(page_of(script), _page(script.name, table, named))


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    file = io.StringIO(newline="")
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return file.getvalue()


def filled(page: Path, place: str, content: object) -> str:
    """Return a page of eartune that records: with the code for sound, and with `content` as JSON at its place."""
    safe = json.dumps(content, ensure_ascii=False).replace("<", "\\u003c")  # so that no text can end the element
    text = page.read_text(encoding="utf-8").replace(_PLACE_OF_SOUND, _SOUND.read_text(encoding="utf-8"))
    return text.replace(place, safe)


def _page(name: str, table: str, rows: Sequence[Mapping[str, str]]) -> str:
    """The page as one file that refers to nothing outside it; it remembers what is recorded by the table's digest."""
    script = {
        "name": name,
        "id": hashlib.sha256(table.encode()).hexdigest()[:12],
        "sentences": [{"audio": row[AUDIO], "text": row["text"], "language": row.get("language", "")} for row in rows],
    }
    return filled(_PAGE, _PLACE, script)
