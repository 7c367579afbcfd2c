"""SLURP: spoken commands to a home assistant, with scenario, action and entities.

    {"slurp_id": 9054, "sentence": "event reminder mona tuesday", "scenario": "calendar", "action": "set",
     "intent": "calendar_set", "tokens": [{"id": 2, "surface": "mona", ...}, ...],
     "recordings": [{"file": "audio-1497872916-headset.flac", "wer": 0.0, "status": "correct", ...}, ...],
     "entities": [{"type": "event_name", "span": [2]}, {"type": "date", "span": [3]}]}

The field `intent` is another thing than scenario_action in 67 rows of devel and test; nothing reads it.
"""

from typing import Any

from eartune.faults import InputError
from eartune.semantics import Entity, SemanticFrame


def slurp_frame(row: dict[str, Any], place: str) -> SemanticFrame:
    """The frame of a row. Fillers are lower-cased tokens, as in the official scorer.

    Those of `sentence_annotation` would cost 1.7 points of SLU-F1: "jessica's" is not "jessica 's".
    """
    try:
        words = {token["id"]: str(token["surface"]).lower() for token in row["tokens"]}
        entities = [Entity(entity["type"], _filler(words, entity["span"])) for entity in row["entities"]]
        return SemanticFrame.of(str(row["scenario"]), str(row["action"]), entities)
    except (KeyError, TypeError) as error:
        raise InputError(f"{place}: is not a row of SLURP; it lacks or garbles {error}") from error


def slurp_text(row: dict[str, Any]) -> str:
    """The words, parted as the fillers are."""
    return " ".join(str(token["surface"]).lower() for token in row["tokens"])


def _filler(words: dict[int, str], span: list[int]) -> str:
    return " ".join(words[place] for place in span)
