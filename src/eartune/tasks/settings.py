"""What is asked of the model, as an experiment's YAML says it."""

from collections.abc import Iterable
from typing import Literal

from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.settings import Section


class SluTask(Section):
    """Spoken language understanding: scenario and action, or an intent alone, and entities, as JSON."""

    type: Literal["slu"] = "slu"
    entity_order: Literal["said", "by-type"] = "said"
    """The order of entities in the answer to learn; by-type where recordings have no transcript to tell it."""
    intents: tuple[str, ...] | None = None
    """If given, every label of the data must be among these (scenario_action where a corpus has both)."""
    entity_types: tuple[str, ...] | None = None
    """If given, every entity type of the data must be among these."""

    def check(self, utterances: Iterable[Utterance]) -> None:
        """Raise ValueError for the first label outside the declared ones."""
        for utterance in utterances:
            if self.intents is not None and utterance.frame.intent not in self.intents:
                raise InputError(f"{utterance.id}: the intent {utterance.frame.intent!r} is not among task.intents")
            for entity in utterance.frame.entities:
                if self.entity_types is not None and entity.type not in self.entity_types:
                    raise InputError(f"{utterance.id}: the entity type {entity.type!r} is not among task.entity_types")
