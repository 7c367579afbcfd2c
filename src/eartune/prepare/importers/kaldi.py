"""Read and write a data directory of Kaldi, or of ESPnet, which has the intent, or the whole frame, before the words.

    wav.scp    s1-ab12 clips/ab12.wav          segments   s1-ab12 call-7 12.5 14.0  (then wav.scp names call-7)
    text       s1-ab12 a small latte           utt2spk    s1-ab12 s1        utt2lang   s1-ab12 en
    text       slurp_1_ab12 coffee_order a small latte                                                     (ESPnet)
    text       slurp_1_ab12 coffee_order SEP size FILL small SEP a small latte            (ESPnet, with entities)

Kaldi itself has no labels. We write them, and read them, as utt2semantics, whose second column is JSON.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.files import write_text
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.row import Row, RowError
from eartune.prepare.importers.text import read_text
from eartune.prepare.importers.to_utterances import to_utterances

WAV_SCP = "wav.scp"
_OURS = {WAV_SCP, "text", "utt2spk", "utt2lang", "utt2semantics", "spk2utt"}
_SEPARATOR, _FILLER = " SEP ", " FILL "
_FOLDERS_ABOVE = 3  # a recipe names recordings relative to the folder that holds data/train


def read_kaldi(folder: Path, labelled: bool = True) -> Imported:
    """Read one utterance from each line of segments, or of wav.scp if there are none.

    Raises InputError if a line of wav.scp is a command, as commands of a file are not run.
    """
    sounds, texts = _table(folder / WAV_SCP), _table(folder / "text")
    for name, sound in sounds.items():
        if sound.endswith("|"):
            raise InputError(
                f"{folder / WAV_SCP}: {name} is a command, which is not run; write its sound to a file and name that"
            )
    segments = _table(folder / "segments")
    spoken = {name: segments[name].split() for name in segments} or {name: [name] for name in sounds}
    speakers, languages, semantics = (_table(folder / f"utt2{what}") for what in ("spk", "lang", "semantics"))
    begins_with_intent = bool(texts) and all("_" in text.partition(" ")[0] for text in texts.values())

    def translated(row: dict[str, Any]) -> dict[str, Any]:
        name, part = row["utterance"], row["part"]
        text = texts.get(name, "")
        labels = json.loads(semantics[name]) if name in semantics else {}
        if not labels and begins_with_intent:
            labels, text = _before_words(text)
        recording = {"file": sounds.get(part[0]), "speaker": speakers.get(name)}
        if recording["file"] is None:
            raise RowError(f"names the recording {part[0]!r}, which {WAV_SCP} does not have")
        if len(part) == 3:
            recording |= _times(part)
        return labels | {"id": name, "text": text or None, "language": languages.get(name), "recordings": [recording]}

    rows = (Row(f"{folder}, {name}", {"utterance": name, "part": part}) for name, part in spoken.items())
    return to_utterances(rows, translated, _base(folder, sounds.values()), labelled=labelled)


def _table(path: Path) -> dict[str, str]:
    """The lines of a file by their first word; nothing if there is no such file."""
    if not path.is_file():
        return {}
    pairs = (line.split(maxsplit=1) for line in read_text(path).splitlines() if line.strip())
    return {pair[0]: pair[1].strip() if len(pair) == 2 else "" for pair in pairs}


def _before_words(text: str) -> tuple[dict[str, Any], str]:
    """The frame that ESPnet writes before the words, and these: scenario_action, and entities between SEPs."""
    intent, _, words = text.partition(" ")
    scenario, _, action = intent.partition("_")
    named: dict[str, Any] = {"scenario": scenario, "action": action}
    if not words.startswith(_SEPARATOR.lstrip()):
        return named, words
    *entities, words = f" {words}".split(_SEPARATOR)[1:]
    pairs = [entity.partition(_FILLER) for entity in entities]
    return named | {"entities": [{"type": kind, "filler": filler} for kind, _, filler in pairs]}, words


def _times(part: Sequence[str]) -> dict[str, Any]:
    try:
        return {"start": float(part[1]), "end": float(part[2])}
    except ValueError as error:
        raise RowError(f"names the part {' '.join(part[1:])}, which must be two numbers of seconds") from error


def _base(folder: Path, sounds: Any) -> Path:
    """The folder that recordings are named relative to: this one, or one above it."""
    first = next(iter(sounds), "")
    above = (folder, *folder.absolute().parents[:_FOLDERS_ABOVE])
    return next((base for base in above if (base / first).is_file()), folder)


def write_kaldi(
    folder: Path, utterances: Sequence[Utterance], fields: Callable[[Utterance], Mapping[str, Any]]
) -> None:
    """Write a data directory with a line for each recording; rows of text alone have none.

    As Kaldi wants it, lines are sorted, the speaker stands before the id, and neither holds a blank. `fields` gives the
    labels of an utterance.
    """
    files: dict[str, dict[str, str]] = {}
    for name, place, utterance, speaker in _lines(utterances):
        line = {
            **{WAV_SCP: str(place.absolute()), "utt2spk": speaker, "utt2lang": utterance.language},
            "utt2semantics": json.dumps(fields(utterance), ensure_ascii=False),
        }
        line |= {} if utterance.text is None else {"text": " ".join(utterance.text.split())}
        for file, value in line.items():
            files.setdefault(file, {})[name] = value
    by_speaker: dict[str, list[str]] = {}
    for name, speaker in sorted(files.get("utt2spk", {}).items()):
        by_speaker.setdefault(speaker, []).append(name)
    files["spk2utt"] = {speaker: " ".join(names) for speaker, names in by_speaker.items()}
    for file in _OURS - files.keys():
        (folder / file).unlink(missing_ok=True)  # of other rows, written before
    for file, lines in files.items():
        ordered = sorted(lines, key=lambda name: name.encode())
        write_text(folder / file, "".join(f"{name} {lines[name]}\n" for name in ordered))


def _lines(utterances: Sequence[Utterance]) -> Iterator[tuple[str, Path, Utterance, str]]:
    """The name, the file, the utterance and the speaker of each recording."""
    for utterance in utterances:
        for number, recording in enumerate(utterance.recordings):
            own = "_".join(utterance.id.split()) + (f"-{number + 1}" if number else "")
            speaker = "_".join((recording.speaker or "").split())
            yield (f"{speaker}-{own}" if speaker else own), recording.path, utterance, speaker or own
