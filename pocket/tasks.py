"""The instructions of the alignment, the same for text and speech, so that an answer never depends on which it was."""

import json
import random
from collections.abc import Callable

from eartune.tasks.slu import instruction, target
from sentences import Sentence

Question = tuple[str, str]  # instruction, answer


def draw_question(sentence: Sentence, spoken: bool, draw: random.Random) -> Question:
    """Return an instruction and its answer; speech is mostly transcribed, text mostly not."""
    roll = draw.random()
    if sentence.frame is not None and roll < (0.5 if spoken else 0.75):
        return instruction(has_scenario=True), target(sentence.frame)
    if spoken and draw.random() < 0.7:
        return "Repeat the sentence.", sentence.text
    return draw.choice(PUZZLES)(sentence.text.split(), draw)


def _repeat(words: list[str], draw: random.Random) -> Question:
    return "Repeat the sentence.", " ".join(words)


def _first(words: list[str], draw: random.Random) -> Question:
    count = draw.randint(1, min(4, len(words)))
    return f"What are the first {count} words?", " ".join(words[:count])


def _last(words: list[str], draw: random.Random) -> Question:
    count = draw.randint(1, min(4, len(words)))
    return f"What are the last {count} words?", " ".join(words[-count:])


def _after(words: list[str], draw: random.Random) -> Question:
    place = draw.randrange(len(words))
    if words.count(words[place]) > 1 or place + 1 == len(words):
        return _last(words, draw)
    return f'What comes after "{words[place]}"?', " ".join(words[place + 1 : place + 4])


def _list(words: list[str], draw: random.Random) -> Question:
    return "List the words as JSON.", _json(words)


def _ends(words: list[str], draw: random.Random) -> Question:
    return "Return JSON with the first and the last word.", _json({"first": words[0], "last": words[-1]})


def _wrapped(words: list[str], draw: random.Random) -> Question:
    return "Return the sentence as JSON.", _json({"text": " ".join(words)})


PUZZLES: tuple[Callable[[list[str], random.Random], Question], ...] = (
    _repeat,
    _first,
    _last,
    _after,
    _list,
    _ends,
    _wrapped,
)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
