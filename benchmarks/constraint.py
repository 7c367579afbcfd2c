"""Measure the cost of constrained decoding for each token, in turns: python benchmarks/constraint.py

Writes benchmarks/constraint.json: milliseconds per token of equally long searches, free, held to the grammar, and held
with forced tokens skipped; median ratios and their range; how many answers of random weights are valid.
"""

import statistics
import time
from pathlib import Path
from typing import Any

import torch
from mid_size import noise, our_model, requests
from rich.console import Console
from rich.table import Table

from eartune.experiments.provenance import made_with
from eartune.files import write_json
from eartune.models.batch import Batch, Row
from eartune.models.chat_format import render
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.generation.beam_search import Answer, Rules, Unconstrained, search
from eartune.models.generation.generate import StepScores, constraint_of, generate, prefill
from eartune.models.generation.json_constraint import GrammarRules
from eartune.settings import Decoding
from eartune.tasks.slu import Schema, grammar, instruction, parse
from eartune.tasks.task import ParseStatus

ROUNDS, CLIPS, NEW_TOKENS = 7, 8, 24


class StepByStep(GrammarRules):
    """Rules that run the model even for tokens that the grammar forces."""

    def forced(self, answer: Answer) -> Answer:
        """Return no tokens, so that none is skipped."""
        return ()


def main() -> None:
    """Measure greedy search and beam search, print a table and write the results."""
    model = our_model()
    model.module.eval()
    schema = Schema.of(utterance.frame for utterance in requests(500))
    rows = [Row(render(model.chat, instruction(True), None), model.features(noise(3.0, i)), None) for i in range(CLIPS)]
    found = [measured(model, model.collate(rows), schema, beams) for beams in (1, 3)]
    write_json(Path(__file__).with_suffix(".json"), {"rows": found, "made_with": made_with()})
    table = Table(*found[0], box=None)
    for row in found:
        table.add_row(*map(str, row.values()))
    Console(width=160).print(table)


def measured(model: Qwen2Audio, batch: Batch, schema: Schema, beams: int) -> dict[str, Any]:
    """Return milliseconds per token of each kind of search, and how many answers are valid."""
    free, held, skipping = [], [], []
    end = model.tokenizer.convert_tokens_to_ids(model.chat.answer_end)
    constraint = constraint_of(grammar(schema), model.tokenizer, model.model.config.get_text_config().vocab_size, end)
    for number in range(ROUNDS + 1):
        times = (
            time_a_token(model, batch, beams, Unconstrained(-1, NEW_TOKENS, model.audio_token_id)),
            time_a_token(model, batch, beams, cut_off(StepByStep(constraint, NEW_TOKENS))),
            time_a_token(model, batch, beams, cut_off(GrammarRules(constraint, NEW_TOKENS))),
        )
        if number:  # the first warms up
            for kept, taken in zip((free, held, skipping), times, strict=True):
                kept.append(taken)
    answers = generate(
        model, batch, Decoding(beams=beams, max_new_tokens=NEW_TOKENS, constrain="schema"), grammar(schema)
    )
    valid = sum(parse(answer, schema)[1] is ParseStatus.OK for answer in answers)
    found: dict[str, Any] = {"beams": beams, "free, ms a token": round(statistics.median(free), 2)}
    for name, times_of in (("held", held), ("held, skipping", skipping)):
        ratios = sorted(mine / theirs for mine, theirs in zip(times_of, free, strict=True))
        found[f"{name}, of free"] = round(statistics.median(ratios), 3)
        found[f"{name}, range"] = f"{ratios[0]:.3f} to {ratios[-1]:.3f}"
    return found | {"valid": f"{valid} of {len(answers)}"}


def cut_off(rules: GrammarRules) -> GrammarRules:
    """Remove the steps that close an answer, so that it is as long as an unconstrained one."""
    rules.limit = rules.closing_from
    return rules


def time_a_token(model: Qwen2Audio, batch: Batch, beams: int, rules: Rules) -> float:
    """Return the milliseconds of a search after its prefill, divided by the tokens of its longest answer."""
    decoder, states = prefill(model, batch)
    scores = model.head(states[:, -1]).float()
    start = time.perf_counter()
    found = search(StepScores(model, decoder), scores, beams, rules)
    return 1000 * (time.perf_counter() - start) / max(len(one.answer) for one in found)


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
