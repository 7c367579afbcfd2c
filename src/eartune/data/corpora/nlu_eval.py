"""NLU evaluation data of Liu et al. (2019), the text that SLURP grew from, in the same ontology; CC BY 4.0.

    {"id": "3024", "sentence": "today how many alarms do i have set", "scenario": "alarm", "action": "query",
     "entities": [{"type": "date", "filler": "today"}], "in_slurp": null, ...}

The folder `nlu_eval` holds nlu_eval_annotated.jsonl: the ten folds of
https://github.com/xliuhw/NLU-Evaluation-Data merged, and each sentence that SLURP's devel or test has marked.
"""

import hashlib
import re
from typing import Any, ClassVar, Literal

from eartune.data.corpora.source import Source, voiced
from eartune.data.frame import Entity, SemanticFrame, check_frame
from eartune.data.tts.voices import Voice
from eartune.data.utterance import Utterance, read_frame
from eartune.errors import InputError
from eartune.files import read_lines
from eartune.settings import Section

# As SLURP tokenises them; otherwise "jessica's" would never equal the gold "jessica 's".
_CLITIC = re.compile(r"(?<=\w)(n't|'s|'m|'re|'ve|'ll|'d)\b")


class NluEvalCorpus(Section):
    """Typed sentences with the labels of SLURP: 8,856 that its devel and test lack, 11,033 in all, each once."""

    LICENCE: ClassVar[str] = "NLU evaluation data: CC BY 4.0"

    corpus: Literal["nlu-eval"]
    with_slurp_test: bool = False
    """Also load the 2,177 sentences that are in SLURP's devel or test, which would leak if those are tested."""
    folder: str = "nlu_eval"
    voices: tuple[Voice, ...] = ()
    """Voices, one of which speaks each sentence: synthetic speech. Without any, the corpus is text."""

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load an utterance for each row; the file's own ids are not unique, so ids are made from the words."""
        rows = read_lines(source.data / self.folder / "nlu_eval_annotated.jsonl")
        chosen = [_utterance(row, place) for place, row in rows if self.with_slurp_test or not row.get("in_slurp")]
        return voiced(list({utterance.id: utterance for utterance in chosen}.values()), self.voices, source)


def _utterance(row: dict[str, Any], place: str) -> Utterance:
    frame = read_frame(row, place)
    if not isinstance(row.get("sentence"), str) or frame.scenario is None:
        raise InputError(f'{place}: needs "sentence", "scenario" and "action", as text')
    text = slurp_tokens(row["sentence"])
    entities = [Entity(entity.type, slurp_tokens(entity.filler)) for entity in frame.entities]
    identity = f"nlu-eval-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    frame = check_frame(SemanticFrame.of(frame.scenario, str(frame.action), entities), place)
    return Utterance(identity, text, "en", frame)


def slurp_tokens(text: str) -> str:
    """Return the text in lower case, with clitics as tokens of their own, as SLURP has them."""
    return " ".join(_CLITIC.sub(r" \1", text.lower()).split())
