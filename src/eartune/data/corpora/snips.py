"""SNIPS 2017: English commands of seven intents with slots; CC0, text only.

    {"PlayMusic": [{"data": [{"text": "can you put on "}, {"text": "Like A Hurricane", "entity": "album"}, ...]}, ...]}

The folder `snips_cc0` holds train_<Intent>_full.json and validate_<Intent>.json from
https://github.com/sonos/nlu-benchmark, 2017-06-custom-intent-engines.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

from eartune.data.corpora.source import Source, voiced
from eartune.data.frame import Entity, SemanticFrame, check_frame
from eartune.data.normalization import normalize_spoken_text
from eartune.data.tts.voices import Voice
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.files import json_object
from eartune.settings import Section

INTENTS = (
    *("AddToPlaylist", "BookRestaurant", "GetWeather", "PlayMusic"),
    *("RateBook", "SearchCreativeWork", "SearchScreeningEvent"),
)


class SnipsCorpus(Section):
    """One split of SNIPS, with all seven intents."""

    LICENCE: ClassVar[str] = "SNIPS: CC0"

    corpus: Literal["snips"]
    split: Literal["train", "validation"]
    folder: str = "snips_cc0"
    as_heard: bool = True
    """Whether text is converted to lower case without punctuation, which cannot be heard; false leaves it as typed."""
    voices: tuple[Voice, ...] = ()
    """Voices, one of which speaks each sentence: synthetic speech. Without any, the corpus is text."""

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load an utterance for each sentence, intent by intent."""
        folder = source.data / self.folder
        name = "train_{}_full.json" if self.split == "train" else "validate_{}.json"
        utterances = [
            utterance for intent in INTENTS for utterance in self._of_intent(folder / name.format(intent), intent)
        ]
        return voiced(utterances, self.voices, source)

    def _of_intent(self, path: Path, intent: str) -> list[Utterance]:
        rows = _read(path).get(intent)
        if not isinstance(rows, list):
            raise InputError(f"{path}: holds no list under {intent!r}")
        return [self._utterance(row, intent, number, path) for number, row in enumerate(rows, start=1)]

    def _utterance(self, row: Any, intent: str, number: int, path: Path) -> Utterance:
        written = normalize_spoken_text if self.as_heard else _collapsed
        try:
            pieces = row["data"]
            text = written("".join(piece["text"] for piece in pieces))
            entities = tuple(Entity(p["entity"], written(p["text"])) for p in pieces if "entity" in p)
            if not all(isinstance(entity.type, str) for entity in entities):
                raise TypeError("an entity that is no text")
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f'{path}, row {number}: needs "data", a list of {{"text", "entity"}}, all text') from error
        frame = check_frame(SemanticFrame(intent, entities), f"{path}, row {number}")
        return Utterance(f"snips-{self.split}-{intent}-{number}", text, "en", frame)


def _read(path: Path) -> dict[str, Any]:
    """The file's object. train_PlayMusic_full.json is latin-1 and the others are UTF-8."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return json_object(text, str(path))


def _collapsed(text: str) -> str:
    return " ".join(text.split())
