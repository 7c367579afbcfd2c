"""Word error rate of the pocket checkpoint on sentences and voices it never met, by voice."""

import random
from pathlib import Path

import rapidfuzz.distance

from eartune.architectures.qwen2_audio import Qwen2Audio
from eartune.batches import Clip, Row
from eartune.files import write_json
from eartune.prompts import render
from eartune.settings import Decoding
from sentences import Sentence
from voices import draw_take


def report_word_errors(
    pocket: Qwen2Audio, sentences: list[Sentence], clips: dict[tuple[int, int], Clip], path: Path, most: int = 300
) -> None:
    """Greedy transcripts of held-out sentences; errors and words by voice and by source, as JSON and printed."""
    keys = [key for key in sorted(clips) if sentences[key[1]].held_out][:most]
    keys.sort(key=lambda key: clips[key].n_tokens)
    totals: dict[str, list[int]] = {}
    examples = []
    for start in range(0, len(keys), 20):
        batch = keys[start : start + 20]
        rows = [Row(render("Repeat the sentence.", None), clips[key], None) for key in batch]
        answers = pocket.generate(pocket.collate(rows), Decoding(beams=1, max_new_tokens=60))
        for key, answer in zip(batch, answers, strict=True):
            said = sentences[key[1]]
            words = said.text.split()
            errors = rapidfuzz.distance.Levenshtein.distance(words, answer.lower().split())
            voice = draw_take(random.Random(f"{key[1]}/{key[0]}"), held_out=True).voice
            for name in ("all", voice, said.source if said.frame is None else "grammars"):
                total = totals.setdefault(name, [0, 0])
                total[0] += errors
                total[1] += len(words)
            examples.append({"said": said.text, "heard": answer, "voice": voice})
    rates = {name: {"wer": errors / words, "words": words} for name, (errors, words) in sorted(totals.items())}
    write_json(path, {"word_error_rate": rates, "utterances": len(keys), "examples": examples[:40]})
    for name, rate in rates.items():
        print(f"word error rate, {name}: {rate['wer']:.1%} of {rate['words']} words")
