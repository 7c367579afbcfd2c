"""Word error rate of the pocket checkpoint by voice, on sentences and voices that are not in its training."""

from pathlib import Path

import rapidfuzz.distance

from align import Clips
from eartune.files import write_json
from eartune.models.batch import Row
from eartune.models.chat_format import render
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.generation.generate import generate
from eartune.settings import Decoding
from lower_layers import take_of
from sentences import Sentence


def report_word_errors(
    pocket: Qwen2Audio, sentences: list[Sentence], clips: Clips, path: Path, most: int = 300
) -> None:
    """Transcribe held-out sentences greedily; print and write errors and words by voice and by source."""
    held_out = [sentence for sentence in sentences if sentence.held_out][:most]
    held_out.sort(key=lambda sentence: clips[0, sentence.text].clip.n_tokens)
    prompt = render(pocket.chat, "Repeat the sentence.", None)
    totals: dict[str, list[int]] = {}
    examples = []
    for start in range(0, len(held_out), 20):
        batch = held_out[start : start + 20]
        rows = [Row(prompt, clips[0, said.text].clip, None) for said in batch]
        answers = generate(pocket, pocket.collate(rows), Decoding(beams=1, max_new_tokens=60))
        for said, answer in zip(batch, answers, strict=True):
            words = said.text.split()
            errors = rapidfuzz.distance.Levenshtein.distance(words, answer.lower().split())
            voice = take_of(said, 0).voice
            for name in ("all", voice, said.source if said.frame is None else "grammars"):
                total = totals.setdefault(name, [0, 0])
                total[0] += errors
                total[1] += len(words)
            examples.append({"said": said.text, "heard": answer, "voice": voice})
    rates = {name: {"wer": errors / words, "words": words} for name, (errors, words) in sorted(totals.items())}
    write_json(path, {"word_error_rate": rates, "utterances": len(held_out), "examples": examples[:40]})
    for name, rate in rates.items():
        print(f"word error rate, {name}: {rate['wer']:.1%} of {rate['words']} words")
