"""Read and write a data directory of Kaldi, or of ESPnet, which has the intent, or the whole frame, before the words.

    wav.scp    s1-ab12 clips/ab12.wav          segments   s1-ab12 call-7 12.5 14.0 [1]  (then wav.scp names call-7)
    text       s1-ab12 a small latte           utt2spk    s1-ab12 s1        utt2lang   s1-ab12 en
    reco2file_and_channel   call-7 call A
    text       slurp_1_ab12 coffee_order a small latte                                                     (ESPnet)
    text       slurp_1_ab12 coffee_order SEP size FILL small SEP a small latte            (ESPnet, with entities)

Kaldi itself has no labels. We write them, and read them, as utt2semantics, whose second column is JSON. An utterance
that is its own speaker, as Kaldi wants it of those whose speaker is not known, has none.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.files import write_text
from eartune.prepare.importers.excerpt import channel_of
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.named_recordings import each_recording, free_name
from eartune.prepare.importers.row import Row, RowError
from eartune.prepare.importers.semantics import labels_of_frame
from eartune.prepare.importers.text import read_text
from eartune.prepare.importers.to_utterances import to_utterances
from eartune.wording import counted

WAV_SCP = "wav.scp"
_OURS = {WAV_SCP, "text", "utt2spk", "utt2lang", "utt2semantics", "spk2utt"}
_SEPARATOR, _FILLER = " SEP ", " FILL "
_FOLDERS_ABOVE = 3  # a recipe names recordings relative to the folder that holds data/train


def read_kaldi(folder: Path, labelled: bool = True) -> Imported:
    """Read one utterance from each line of segments, or of wav.scp if there are none.

    Raises InputError if a line of wav.scp is a command, as commands of a file are not run.
    """
    sounds, texts, segments = (_Table(folder / name) for name in (WAV_SCP, "text", "segments"))
    for name, sound in sounds.items():
        if sound.endswith("|"):
            raise InputError(
                f"{folder / WAV_SCP}: {name} is a command, which is not run; write its sound to a file and name that"
            )
    speakers, languages, semantics = (_Table(folder / f"utt2{what}") for what in ("spk", "lang", "semantics"))
    channels = _Table(folder / "reco2file_and_channel")
    begins_with_intent = bool(texts) and all("_" in text.partition(" ")[0] for text in texts.values())

    def translated(row: dict[str, Any]) -> dict[str, Any]:
        name = row["utterance"]
        text, labels = texts.of(name) or "", labels_of_frame(semantics.of(name), semantics.name)
        if not labels and begins_with_intent:
            labels, text = _before_words(text)
        whole, part = _part(segments.of(name)) if segments else (name, {})
        sound, speaker = sounds.of(whole), speakers.of(name)
        if sound is None:
            raise RowError(f"names the recording {whole!r}, which {WAV_SCP} does not have")
        recording = {"file": sound, "speaker": None if speaker == name else speaker}
        stated = (channels.of(whole) or "").split()[1:]  # behind the name of the file
        recording |= {"channel": channel_of(" ".join(stated))} | part
        return labels | {"id": name, "text": text or None, "language": languages.of(name), "recordings": [recording]}

    spoken = segments or sounds
    rows = (Row(f"{folder}, {name}", {"utterance": name, "part": part}) for name, part in spoken.items())
    found = to_utterances(rows, translated, _base(folder, sounds.values()), labelled=labelled)
    return replace(found, notes=tuple(_left_over((texts, semantics), spoken)))


class _Table(dict[str, str]):
    """The lines of a file by their first word; none if there is no such file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.name = path.name
        self._differ: set[str] = set()
        for line in read_text(path).split("\n") if path.is_file() else ():
            if words := line.split(maxsplit=1):
                name, value = words[0], words[1].strip() if len(words) == 2 else ""
                if self.setdefault(name, value) != value:
                    self._differ.add(name)

    def of(self, name: str) -> str | None:
        """Return the line of a name, if there is one; raises RowError where several differ."""
        if name in self._differ:
            raise RowError(f"{self.name} has {name!r} in two lines that differ; names must be unique")
        return self.get(name)


def _left_over(tables: Sequence[_Table], spoken: _Table) -> Iterator[str]:
    """A sentence on each file that has lines of utterances without a recording."""
    for table in tables:
        if lost := [name for name in table if name not in spoken]:
            lines = f"{counted(len(lost), 'line')} of {table.name}, the first for {lost[0]!r},"
            yield f"{lines} belong to nothing in {spoken.name} and are not read"


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


def _part(segment: str | None) -> tuple[str, dict[str, Any]]:
    """The recording that a line of segments names, and what part of it: start, end, and the channel if it is stated."""
    whole, *part = (segment or "").split()
    try:
        start, end, *channel = part
        times = {"start": float(start), "end": float(end)}
        (stated,) = channel or (None,)
    except ValueError as error:
        said = "which must be two numbers of seconds, and a channel if it has several"
        raise RowError(f"names the part {' '.join(part)!r}, {said}") from error
    return whole, times if stated is None else times | {"channel": channel_of(stated)}


def _base(folder: Path, sounds: Iterable[str]) -> Path:
    """The folder that recordings are named relative to: this one, or one above it, where any of them is."""
    relative = [sound for sound in sounds if sound and not Path(sound).is_absolute()]
    above = (folder, *folder.absolute().parents[:_FOLDERS_ABOVE])
    return next((base for base in above if any((base / sound).is_file() for sound in relative)), folder)


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
    taken: set[str] = set()
    for own, utterance, recording in each_recording(utterances):
        if recording is not None:
            speaker = "_".join((recording.speaker or "").split())
            name = "_".join(own.split()) if not speaker else f"{speaker}-{'_'.join(own.split())}"
            name = free_name(name, taken) if name in taken else name
            taken.add(name)
            yield name, recording.path, utterance, speaker or name
