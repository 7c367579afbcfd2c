"""MASSIVE: SLURP's sentences in 52 locales, one file of JSON lines each, with all partitions in it.

    {"id": "1", "locale": "de-DE", "partition": "test", "scenario": "alarm", "intent": "alarm_set",
     "utt": "weck mich diese woche um fünf uhr morgens auf",
     "annot_utt": "weck mich [date : diese woche] um [time : fünf uhr morgens] auf", "worker_id": "8", ...}

The action may hold a "_" (audio_volume_mute): it is the intent less the scenario, and is never cut at the last one.
The folder `massive` holds <locale>.jsonl, or the tarball as it unpacks, 1.1/data/<locale>.jsonl.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

from eartune.data.corpora.source import Source, voiced
from eartune.data.frame import Entity, SemanticFrame, check_frame
from eartune.data.tts.voices import Voice
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.files import read_lines
from eartune.settings import Section

OUTSIDE = "Other"
# Written without spaces, and labelled by character.
_BY_CHARACTER = ("ja-JP", "zh-CN", "zh-TW")


class MassiveCorpus(Section):
    """One partition of one locale of MASSIVE: text only, unless voices speak it."""

    LICENCE: ClassVar[str] = "MASSIVE: CC BY 4.0"

    corpus: Literal["massive"]
    locale: str
    """Such as de-DE."""
    split: Literal["train", "dev", "test"]
    folder: str = "massive"
    voices: tuple[Voice, ...] = ()
    """Voices, one of which speaks each sentence: synthetic speech. Without any, the corpus is text."""

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load an utterance for each row of the split, in the order of the file."""
        rows = read_lines(massive_file(source.data / self.folder, self.locale))
        chosen = [_utterance(row, place) for place, row in rows if row.get("partition") == self.split]
        return voiced(chosen, self.voices, source)


def massive_file(folder: Path, locale: str) -> Path:
    """Return the path of a locale's file; raises InputError, which names the locales that exist, if it is missing."""
    for place in (folder, folder / "data", folder / "1.1" / "data", folder / "1.0" / "data"):
        if (place / f"{locale}.jsonl").is_file():
            return place / f"{locale}.jsonl"
    there = sorted({path.stem for path in folder.rglob("*.jsonl")})
    raise InputError(f"{folder}: holds no {locale}.jsonl; it has {', '.join(there) or 'no locale at all'}")


def massive_frame(row: dict[str, Any], place: str) -> SemanticFrame:
    """Return scenario, action, and the entities that `annot_utt` marks, in their order."""
    keys = ("id", "locale", "scenario", "intent", "utt", "annot_utt")
    if not all(isinstance(row.get(key), str) for key in keys):
        raise InputError(f"{place}: is not a row of MASSIVE; it needs {', '.join(keys)}, as text")
    scenario, intent = row["scenario"], row["intent"]
    if not intent.startswith(f"{scenario}_"):
        raise InputError(f"{place}: the intent {intent!r} does not begin with the scenario {scenario!r}")
    action, entities = intent.removeprefix(f"{scenario}_"), annotated_entities(row["annot_utt"])
    return check_frame(SemanticFrame.of(scenario, action, entities), place)


def annotated_entities(annotated: str) -> list[Entity]:
    """Return each [label : words] in a text, also adjacent ones of one label, which token labels cannot separate."""
    found = []
    for piece in annotated.split("[")[1:]:
        label, colon, words = piece.partition("]")[0].partition(" : ")
        if colon:
            found.append(Entity(label.strip(), " ".join(words.split())))
    return found


def massive_tokens(text: str, locale: str) -> list[str]:
    """Return the units that MASSIVE labels: words, or characters in languages without spaces."""
    return [character for word in text.split() for character in word] if locale in _BY_CHARACTER else text.split()


def token_labels(annotated: str, locale: str) -> tuple[list[str], list[str]]:
    """Return the tokens of a text with [label : words] in it and their labels, "Other" for those outside."""
    tokens: list[str] = []
    labels: list[str] = []
    label = OUTSIDE
    chunks = iter(annotated.split())
    for chunk in chunks:
        if chunk.startswith("["):
            label = chunk[1:]
            next(chunks, None)  # the colon
            continue
        words = massive_tokens(chunk.removesuffix("]"), locale)
        tokens += words
        labels += [label] * len(words)
        if chunk.endswith("]"):
            label = OUTSIDE
    return tokens, labels


def _utterance(row: dict[str, Any], place: str) -> Utterance:
    frame = massive_frame(row, place)
    return Utterance(f"{row['locale']}-{row['id']}", row["utt"], row["locale"], frame)
