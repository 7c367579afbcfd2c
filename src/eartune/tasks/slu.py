"""Spoken language understanding as a task: scenario and action, or an intent alone, and entities, as JSON.

{"scenario":"alarm","action":"set","entities":[{"date":"friday"}]}
{"intent":"orderDrink","entities":[{"size":"small"},{"drink":"latte"}]}
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Utterance, frame_fields, read_frame
from eartune.errors import InputError
from eartune.evaluation.metrics import Metrics
from eartune.evaluation.metrics.frame_metrics import INTENT_METRICS, SCENARIO_METRICS
from eartune.files import writable
from eartune.settings import Section
from eartune.tasks.json_answer import either, literal, parse_json, written
from eartune.tasks.task import Grammar, ParseStatus
from eartune.wording import counted

# The wording is that of Fig. 1(a) of arXiv 2509.15389 as its replication quotes it.
_ASK = "Extract {fields} and entities (empty list if none) and return a single-line JSON: "
_ENTITIES = '"entities": [{"<entity_type>": "<entity_value>"}, ...]}'
SCENARIO_ACTION_INSTRUCTION = (
    _ASK.format(fields="scenario, action,") + '{"scenario": "<string>", "action": "<string>", ' + _ENTITIES
)
INTENT_INSTRUCTION = _ASK.format(fields="intent") + '{"intent": "<string>", ' + _ENTITIES

EntityOrder = Literal["said", "by-type"]

ENTITIES = ',"entities":['
FILLER = r'/"([^"\\\x00-\x1f\x7f]|\\["\\bfnrt])+"/'  # a JSON string with something in it
LAST_STEPS = 16
"""Tokens that end an answer, at most, once the name of an entity type is written: quotes, a letter, all that closes."""


@dataclass(frozen=True)
class Schema:
    """The labels that SLU knows. With scenarios and actions, or with intents alone."""

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

    def knows(self, frame: SemanticFrame) -> bool:
        """Whether every label of the frame is one of these."""
        return frame.intent in self.intents and all(entity.type in self.entity_types for entity in frame.entities)

    def to_json(self) -> dict[str, Any]:
        """All labels as sorted lists."""
        labels = {"intents": sorted(self.intents), "entity_types": sorted(self.entity_types)}
        return labels | {"has_scenario": self.has_scenario, "pairs": sorted(self.pairs)}

    def describe(self) -> str:
        """The number of intents and of entity types."""
        return f"{counted(len(self.intents), 'intent')}, {counted(len(self.entity_types), 'entity type')}"


class SluTask(Section):
    """Spoken language understanding: scenario and action, or an intent alone, and entities, as JSON."""

    type: Literal["slu"] = "slu"
    entity_order: EntityOrder = "said"
    """The order of entities in the answer to learn; by-type where recordings have no transcript to tell it."""
    intents: tuple[str, ...] | None = None
    """If given, every label of the data must be among these (scenario_action where a corpus has both)."""
    entity_types: tuple[str, ...] | None = None
    """If given, every entity type of the data must be among these."""

    def to_json(self) -> dict[str, Any]:
        """All settings, also those left at their defaults."""
        return self.model_dump(mode="json")

    def check(self, utterances: Iterable[Utterance]) -> None:
        """Raise InputError for the first row without a frame, and for the first label outside the declared ones."""
        for utterance in utterances:
            frame = self.reference(utterance)
            if self.intents is not None and frame.intent not in self.intents:
                raise InputError(f"{utterance.id}: the intent {frame.intent!r} is not among task.intents")
            for entity in frame.entities:
                if self.entity_types is not None and entity.type not in self.entity_types:
                    raise InputError(f"{utterance.id}: the entity type {entity.type!r} is not among task.entity_types")

    def labels(self, utterances: Iterable[Utterance]) -> Schema:
        """The intents and entity types that occur; raises InputError when only some rows have a scenario."""
        return Schema.of(map(self.reference, utterances))

    def read_labels(self, written: dict[str, Any]) -> Schema:
        """The schema that `Schema.to_json` wrote."""
        pairs = frozenset((scenario, action) for scenario, action in written.get("pairs", []))
        return Schema(frozenset(written["intents"]), frozenset(written["entity_types"]), written["has_scenario"], pairs)

    def instruction(self, labels: Schema) -> str:
        """What the model is asked, for corpora with scenario and action or with an intent alone."""
        return instruction(labels.has_scenario)

    def preface(self, known: Sequence[Utterance], shown: Sequence[Utterance]) -> str:
        """The labels of the known rows, and typed examples with their answers."""
        examples = [(str(utterance.text), self.reference(utterance)) for utterance in shown]
        return preface(map(self.reference, known), examples, self.entity_order)

    def group(self, utterance: Utterance) -> str:
        """The intent."""
        return self.reference(utterance).intent

    def reference(self, utterance: Utterance) -> SemanticFrame:
        """The frame; raises InputError for a row that has none."""
        if utterance.frame is None:
            raise InputError(f"{utterance.id}: has no intent, nor scenario and action, which the task slu needs")
        return utterance.frame

    def target(self, utterance: Utterance) -> str:
        """The frame as JSON, entities in the order that the settings ask for."""
        return target(self.reference(utterance), self.entity_order)

    def parse(self, text: str, labels: Schema) -> tuple[SemanticFrame | None, ParseStatus]:
        """The frame in an answer, if it has just the keys asked for."""
        return parse(text, labels)

    def grammar(self, labels: Schema) -> Grammar:
        """JSON with the schema's labels and any fillers."""
        return grammar(labels)

    def answer_fields(self, answer: SemanticFrame) -> dict[str, Any]:
        """The keys of a manifest's row."""
        return frame_fields(answer)

    def read_answer(self, row: dict[str, Any], place: str) -> SemanticFrame | None:
        """The frame of a row that names an intent or a scenario."""
        return read_frame(row, place) if "intent" in row or "scenario" in row else None

    def metrics(self, labels: Schema) -> Metrics:
        """SLURP's metrics where there are scenarios, slot F1 and accuracies where there are intents alone."""
        return SCENARIO_METRICS if labels.has_scenario else INTENT_METRICS

    def main_metric(self, labels: Schema) -> str:
        """SLU-F1 where there are scenarios, as the paper reports; else slot F1, or intent accuracy without entities."""
        if not labels.has_scenario and not labels.entity_types:
            return "intent_accuracy"  # there is no slot to count
        return "slu_f1" if labels.has_scenario else "slot_f1"


def preface(
    known: Iterable[SemanticFrame], shown: Iterable[tuple[str, SemanticFrame]], entity_order: EntityOrder = "said"
) -> str:
    """The part of the prompt before the instruction: labels of the known frames, and typed examples with answers."""
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


def target(frame: SemanticFrame, entity_order: EntityOrder = "said") -> str:
    """The answer to learn: compact single-line JSON, no ASCII escapes, keys in the paper's order."""
    ordered = frame.entities if entity_order == "said" else sorted(frame.entities, key=lambda e: (e.type, e.filler))
    label = {"intent": frame.intent} if frame.scenario is None else {"scenario": frame.scenario, "action": frame.action}
    return written(label | {"entities": [{entity.type: entity.filler} for entity in ordered]})


def parse(answer: str, schema: Schema) -> tuple[SemanticFrame | None, ParseStatus]:
    """Read an answer, whatever it is; never raises. The frame is None unless the status is OK or UNKNOWN_LABEL."""
    value, status = parse_json(answer)
    if status is not ParseStatus.OK:
        return None, status
    frame = _frame(value, schema.has_scenario)
    if frame is None:
        return None, ParseStatus.WRONG_SHAPE
    return frame, ParseStatus.OK if schema.knows(frame) else ParseStatus.UNKNOWN_LABEL


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


def grammar(schema: Schema) -> Grammar:
    """All answers as `target` writes them."""
    heads, keys = _heads(schema), [literal(kind) + ":" for kind in sorted(schema.entity_types)]
    entities = '(entity ("," entity)*)?' if keys else ""
    lines = (
        f'start: "{{" head {literal(ENTITIES)} {entities} "]}}"',
        f"head: {either(heads)}",
        'entity: "{" key FILLER "}"',
        f"key: {either(keys or [''])}",
        f"FILLER: {FILLER}",
    )
    longest = max(len(head.encode()) for head in heads) + max((len(key.encode()) for key in keys), default=0)
    return Grammar("\n".join(lines), ending=longest + len(ENTITIES) + LAST_STEPS)


def _heads(schema: Schema) -> list[str]:
    """How answers begin, after the brace."""
    if schema.has_scenario:
        return [_inside({"scenario": scenario, "action": action}) for scenario, action in sorted(schema.pairs)]
    return [_inside({"intent": intent}) for intent in sorted(schema.intents)]


def _inside(label: dict[str, str]) -> str:
    return written(label)[1:-1]
