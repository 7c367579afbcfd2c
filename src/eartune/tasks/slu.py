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
from eartune.tasks.json_answer import either, literal, object_of, parse_json, written
from eartune.tasks.task import Grammar, ParseStatus, Part
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
"""The most tokens that end an answer after the name of an entity type: quotes, a letter, and closing brackets."""


@dataclass(frozen=True)
class Schema:
    """The labels of SLU data, which has either scenarios and actions or intents alone."""

    intents: frozenset[str]
    entity_types: frozenset[str]
    has_scenario: bool
    pairs: frozenset[tuple[str, str]] = frozenset()
    """The (scenario, action) pairs that occur; empty for intents alone."""

    @classmethod
    def of(cls, frames: Iterable[SemanticFrame]) -> "Schema":
        """Return the labels of some frames; raises InputError if only some of them have a scenario."""
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
        """Return whether the schema has the frame's intent and all of its entity types."""
        return frame.intent in self.intents and all(entity.type in self.entity_types for entity in frame.entities)

    def to_json(self) -> dict[str, Any]:
        """Return intents, entity types and pairs as sorted lists, and whether there are scenarios."""
        labels = {"intents": sorted(self.intents), "entity_types": sorted(self.entity_types)}
        return labels | {"has_scenario": self.has_scenario, "pairs": sorted(self.pairs)}

    def describe(self) -> str:
        """Return the numbers of intents and of entity types as text: "18 intents, 5 entity types"."""
        return f"{counted(len(self.intents), 'intent')}, {counted(len(self.entity_types), 'entity type')}"


class SluTask(Section):
    """Spoken language understanding: scenario and action, or an intent alone, and entities, as JSON."""

    type: Literal["slu"] = "slu"
    entity_order: EntityOrder = "said"
    """The order of entities in the target: as they are said, or by the names of their types, for recordings without a
    transcript."""
    intents: tuple[str, ...] | None = None
    """If given, every label of the data must be among these (scenario_action where a corpus has both)."""
    entity_types: tuple[str, ...] | None = None
    """If given, every entity type of the data must be among these."""

    def to_json(self) -> dict[str, Any]:
        """Return all settings, including those with default values."""
        return self.model_dump(mode="json")

    def check(self, utterances: Iterable[Utterance]) -> None:
        """Raise InputError for the first row without a frame or with a label that the settings do not declare."""
        for utterance in utterances:
            frame = self.reference(utterance)
            if self.intents is not None and frame.intent not in self.intents:
                raise InputError(f"{utterance.id}: the intent {frame.intent!r} is not among task.intents")
            for entity in frame.entities:
                if self.entity_types is not None and entity.type not in self.entity_types:
                    raise InputError(f"{utterance.id}: the entity type {entity.type!r} is not among task.entity_types")

    def labels(self, utterances: Iterable[Utterance]) -> Schema:
        """Return the intents and entity types of the rows; raises InputError if only some rows have a scenario."""
        return Schema.of(map(self.reference, utterances))

    def read_labels(self, written: dict[str, Any]) -> Schema:
        """Return the schema that `Schema.to_json` wrote."""
        pairs = frozenset((scenario, action) for scenario, action in written.get("pairs", []))
        return Schema(frozenset(written["intents"]), frozenset(written["entity_types"]), written["has_scenario"], pairs)

    def instruction(self, labels: Schema) -> str:
        """Return the instruction for data with scenario and action, or with an intent alone."""
        return instruction(labels.has_scenario)

    def preface(self, known: Sequence[Utterance], shown: Sequence[Utterance]) -> str:
        """Return the labels of the known rows, then the text of each example with its answer, one in each line."""
        examples = [(str(utterance.text), self.reference(utterance)) for utterance in shown]
        return preface(map(self.reference, known), examples, self.entity_order)

    def group(self, utterance: Utterance) -> str:
        """Return the intent of the utterance."""
        return self.reference(utterance).intent

    def reference(self, utterance: Utterance) -> SemanticFrame:
        """Return the frame of the utterance; raises InputError for a row that has none."""
        if utterance.frame is None:
            raise InputError(f"{utterance.id}: needs an intent, or scenario and action, for the task slu")
        return utterance.frame

    def target(self, utterance: Utterance) -> str:
        """Return the frame as JSON, with the entities in the order of `entity_order`."""
        return target(self.reference(utterance), self.entity_order)

    def parse(self, text: str, labels: Schema) -> tuple[SemanticFrame | None, ParseStatus]:
        """Return the frame in an answer with exactly the keys of the instruction, else None, and the status."""
        return parse(text, labels)

    def grammar(self, labels: Schema) -> Grammar:
        """Return a grammar of JSON answers with the labels of the schema and any fillers."""
        return grammar(labels)

    def answer_fields(self, answer: SemanticFrame) -> dict[str, Any]:
        """Return the frame under the keys of a manifest's row."""
        return frame_fields(answer)

    def parts(self, answer: SemanticFrame) -> tuple[Part, ...]:
        """Return the intent, then each entity by its type."""
        return (("intent", answer.intent), *((entity.type, entity.filler) for entity in answer.entities))

    def read_answer(self, row: dict[str, Any], place: str) -> SemanticFrame | None:
        """Return the frame of a row with an intent or a scenario, else None; raises InputError for an invalid one.

        Entities may be written as in a manifest, or as a model writes them: [{"date": "friday"}].
        """
        if row.get("intent") is None and row.get("scenario") is None:
            return None
        entities = row.get("entities")
        return read_frame(row | {"entities": _typed(entities)} if isinstance(entities, list) else row, place)

    def metrics(self, labels: Schema) -> Metrics:
        """Return SLURP's metrics for data with scenarios; slot F1 and accuracies for data with intents alone."""
        return SCENARIO_METRICS if labels.has_scenario else INTENT_METRICS

    def main_metric(self, labels: Schema) -> str:
        """Return the name of SLU-F1, the paper's, where there are scenarios; else slot F1 or intent accuracy."""
        if not labels.has_scenario and not labels.entity_types:
            return "intent_accuracy"  # there is no slot to count
        return "slu_f1" if labels.has_scenario else "slot_f1"


def _typed(entities: list[Any]) -> list[Any]:
    """Entities with the keys of a manifest, where a model wrote {"date": "friday"}; all else is left as it is."""
    return [
        {"type": kind, "filler": filler}
        if isinstance(item, dict) and len(item) == 1 and isinstance(filler := item[kind := next(iter(item))], str)
        else item
        for item in entities
    ]


def preface(
    known: Iterable[SemanticFrame], shown: Iterable[tuple[str, SemanticFrame]], entity_order: EntityOrder = "said"
) -> str:
    """Return the prompt before the instruction: the labels of the known frames, then examples with their answers."""
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
    """Return the instruction for data with scenario and action, or with an intent alone."""
    return SCENARIO_ACTION_INSTRUCTION if has_scenario else INTENT_INSTRUCTION


def target(frame: SemanticFrame, entity_order: EntityOrder = "said") -> str:
    """Return the target: compact single-line JSON without ASCII escapes, with keys in the paper's order."""
    ordered = frame.entities if entity_order == "said" else sorted(frame.entities, key=lambda e: (e.type, e.filler))
    label = {"intent": frame.intent} if frame.scenario is None else {"scenario": frame.scenario, "action": frame.action}
    return written(label | {"entities": [{entity.type: entity.filler} for entity in ordered]})


def parse(answer: str, schema: Schema) -> tuple[SemanticFrame | None, ParseStatus]:
    """Parse any text as an answer; never raises. The frame is None unless the status is OK or UNKNOWN_LABEL."""
    value, status = parse_json(answer)
    if status is not ParseStatus.OK:
        return None, status
    frame = _frame(value, schema.has_scenario)
    if frame is None:
        return None, ParseStatus.WRONG_SHAPE
    return frame, ParseStatus.OK if schema.knows(frame) else ParseStatus.UNKNOWN_LABEL


def _frame(value: Any, has_scenario: bool) -> SemanticFrame | None:
    """The frame in the JSON value of an answer with exactly the expected keys, or None."""
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
    """Return the grammar of all answers that `target` can write with the labels of the schema."""
    heads, keys = _heads(schema), [literal(kind) + ":" for kind in sorted(schema.entity_types)]
    entities = '(entity ("," entity)*)?' if keys else ""
    lines = (
        f'start: "{{" head {literal(ENTITIES)} {entities} "]}}"',
        f"head: {either(heads)}",
        'entity: "{" key FILLER "}"',
        f"key: {either(keys or [''])}",
        f"FILLER: {FILLER}",
    )
    longest = max((len(text.encode()) for text in heads), default=0) + max(
        (len(key.encode()) for key in keys), default=0
    )
    return Grammar("\n".join(lines), longest + len(ENTITIES) + LAST_STEPS, written(json_schema(schema)))


def json_schema(schema: Schema) -> dict[str, Any]:
    """Return the JSON schema of the answers that `grammar` permits."""
    kinds = [object_of({kind: {"type": "string", "minLength": 1}}) for kind in sorted(schema.entity_types)]
    entities = {"type": "array", "items": {"anyOf": kinds}} if kinds else {"type": "array", "maxItems": 0}
    if not schema.has_scenario:
        return object_of({"intent": {"enum": sorted(schema.intents)}, "entities": entities})
    actions: dict[str, list[str]] = {}
    for scenario, action in sorted(schema.pairs):
        actions.setdefault(scenario, []).append(action)
    return {
        "anyOf": [
            object_of(
                {"scenario": {"const": scenario}, "action": {"enum": those}, "entities": {"$ref": "#/$defs/entities"}}
            )
            for scenario, those in actions.items()
        ],
        "$defs": {"entities": entities},
    }


def _heads(schema: Schema) -> list[str]:
    """The beginnings of answers after the opening brace: scenario and action, or intent."""
    if schema.has_scenario:
        return [_inside({"scenario": scenario, "action": action}) for scenario, action in sorted(schema.pairs)]
    return [_inside({"intent": intent}) for intent in sorted(schema.intents)]


def _inside(label: dict[str, str]) -> str:
    return written(label)[1:-1]
