"""Spoken language understanding as a task: what is asked, the answer to learn, and how an answer is read."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from eartune.data.frame import Entity, SemanticFrame
from eartune.errors import InputError
from eartune.files import writable

# The wording is that of Fig. 1(a) of arXiv 2509.15389 as its replication quotes it.
_ASK = "Extract {fields} and entities (empty list if none) and return a single-line JSON: "
_ENTITIES = '"entities": [{"<entity_type>": "<entity_value>"}, ...]}'
SCENARIO_ACTION_INSTRUCTION = (
    _ASK.format(fields="scenario, action,") + '{"scenario": "<string>", "action": "<string>", ' + _ENTITIES
)
INTENT_INSTRUCTION = _ASK.format(fields="intent") + '{"intent": "<string>", ' + _ENTITIES
WORDS_INSTRUCTION = "Repeat the sentence."  # with which the pocket checkpoint was aligned, too

_CUT_ESCAPE = re.compile(r"(?<!\\)(\\\\)*\\u[0-9a-fA-F]{0,4}$")


class ParseStatus(StrEnum):
    """What became of reading an answer. A bool would not tell a cut answer from a wrong one."""

    OK = "OK"
    NOT_JSON = "NOT_JSON"
    WRONG_SHAPE = "WRONG_SHAPE"
    TRUNCATED = "TRUNCATED"
    UNKNOWN_LABEL = "UNKNOWN_LABEL"


@dataclass(frozen=True)
class Schema:
    """The labels a task knows. With scenarios and actions, or with intents alone."""

    intents: frozenset[str]
    entity_types: frozenset[str]
    has_scenario: bool
    pairs: frozenset[tuple[str, str]] = frozenset()
    """The scenarios and actions that go together."""

    @classmethod
    def of(cls, frames: Iterable[SemanticFrame]) -> "Schema":
        """The labels that occur in some frames; raises InputError when only some have a scenario."""
        frames = tuple(frames)
        with_scenario = {frame.scenario is not None for frame in frames}
        if len(with_scenario) > 1:
            raise InputError("some utterances have scenario and action, some an intent alone; a task needs one kind")
        return cls(
            intents=frozenset(frame.intent for frame in frames),
            entity_types=frozenset(entity.type for frame in frames for entity in frame.entities),
            has_scenario=with_scenario == {True},
            pairs=frozenset((f.scenario, f.action) for f in frames if f.scenario is not None and f.action is not None),
        )

    def to_json(self) -> dict[str, Any]:
        """The labels as a run keeps them."""
        labels = {"intents": sorted(self.intents), "entity_types": sorted(self.entity_types)}
        return labels | {"has_scenario": self.has_scenario, "pairs": sorted(map(list, self.pairs))}

    def knows(self, frame: SemanticFrame) -> bool:
        """Whether every label of the frame is one of the task's."""
        return frame.intent in self.intents and all(entity.type in self.entity_types for entity in frame.entities)


def preface(
    known: Iterable[SemanticFrame],
    shown: Iterable[tuple[str, SemanticFrame]],
    entity_order: Literal["said", "by-type"] = "said",
) -> str:
    """What is said before the instruction: the labels of the known frames, and typed examples with their answers."""
    labels: dict[str, set[str]] = {}
    for frame in known:
        if frame.scenario is None:
            labels.setdefault("Intents", set()).add(frame.intent)
        else:
            labels.setdefault("Scenarios", set()).add(frame.scenario)
            labels.setdefault("Actions", set()).add(str(frame.action))
        labels.setdefault("Entity types", set()).update(entity.type for entity in frame.entities)
    lines = [f"{name}: {', '.join(sorted(those))}." for name, those in labels.items() if those]
    lines += [f"{text} -> {target(frame, entity_order)}" for text, frame in shown]
    return "".join(f"{line}\n" for line in lines)


def instruction(has_scenario: bool) -> str:
    """What the model is asked, for corpora with scenario and action or with an intent alone."""
    return SCENARIO_ACTION_INSTRUCTION if has_scenario else INTENT_INSTRUCTION


def target(frame: SemanticFrame, entity_order: Literal["said", "by-type"] = "said") -> str:
    """The answer to learn: compact single-line JSON, no ASCII escapes, keys in the paper's order."""
    ordered = frame.entities if entity_order == "said" else sorted(frame.entities, key=lambda e: (e.type, e.filler))
    label = {"intent": frame.intent} if frame.scenario is None else {"scenario": frame.scenario, "action": frame.action}
    entities = [{entity.type: entity.filler} for entity in ordered]
    return json.dumps(label | {"entities": entities}, ensure_ascii=False, separators=(",", ":"))


def parse(answer: str, schema: Schema) -> tuple[SemanticFrame | None, ParseStatus]:
    """Read an answer, whatever it is; never raises.

    The frame is None unless the status is OK or UNKNOWN_LABEL. Text around the JSON is not forgiven: an answer
    that a strict reader would refuse must show up as such.
    """
    try:
        value = json.loads(answer)
    except json.JSONDecodeError as error:
        return None, ParseStatus.TRUNCATED if _ends_early(answer, error) else ParseStatus.NOT_JSON
    except (ValueError, RecursionError):  # an integer of thousands of digits; brackets nested by the thousand
        return None, ParseStatus.NOT_JSON
    frame = _frame(value, schema.has_scenario)
    if frame is None:
        return None, ParseStatus.WRONG_SHAPE
    return frame, ParseStatus.OK if schema.knows(frame) else ParseStatus.UNKNOWN_LABEL


def _ends_early(answer: str, error: json.JSONDecodeError) -> bool:
    """Whether the answer is the beginning of a JSON object that was cut off."""
    if not answer.lstrip().startswith("{"):
        return False
    in_a_string = error.msg.startswith("Unterminated string") or _CUT_ESCAPE.search(answer) is not None
    return in_a_string or error.pos >= len(answer.rstrip())


def _frame(value: Any, has_scenario: bool) -> SemanticFrame | None:
    """The frame of a decoded answer with just the keys asked for, or None."""
    keys = {"scenario", "action", "entities"} if has_scenario else {"intent", "entities"}
    if not isinstance(value, dict) or set(value) != keys or not isinstance(value["entities"], list):
        return None
    if not all(isinstance(item, dict) for item in value["entities"]):
        return None
    pairs = [pair for item in value["entities"] for pair in item.items()]
    labels = [value[key] for key in sorted(keys - {"entities"})]
    if not all(isinstance(text, str) for text in [*labels, *(filler for _, filler in pairs)]):
        return None
    entities = tuple(Entity(writable(kind), writable(filler)) for kind, filler in pairs)
    if has_scenario:
        return SemanticFrame.of(writable(value["scenario"]), writable(value["action"]), entities)
    return SemanticFrame(writable(value["intent"]), entities)
