"""The instructions of the alignment, the same for text and speech, so that an answer never depends on which it was.

Some have an answer that is known: the words, puzzles about them, the frame of a sentence from a labelled grammar. The
others have an answer that is made up, of labels drawn at random and of words of the sentence: what is taught there is
only that hearing leads to the same distribution as reading, whatever labels are asked for.
"""

import json
import random
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from eartune.data.frame import Entity, SemanticFrame
from eartune.tasks.slu import instruction, target
from sentences import Sentence

REPEATED_SHARE = 0.5
"""The share of spoken sentences that are to be repeated. With a quarter, 3,200 examples left 25.0 % word errors where
the encoder alone has 22.1 %."""


class Question(NamedTuple):
    """An instruction with an answer, which is the right one if `is_known`, and else made up."""

    instruction: str
    answer: str
    is_known: bool = True


def known_names(sentences: Iterable[Sentence]) -> list[str]:
    """Return names for made-up labels: those of the labelled grammars, and all words of four letters or more."""
    names: set[str] = set()
    for sentence in sentences:
        names |= {word for word in sentence.text.split() if len(word) > 3 and word.isalpha()}
        if sentence.frame is not None:
            names |= {str(sentence.frame.scenario), str(sentence.frame.action)}
            names |= {entity.type for entity in sentence.frame.entities}
    return sorted(names)


def draw_question(sentence: Sentence, is_spoken: bool, names: Sequence[str], draw: random.Random) -> Question:
    """Return a question about a sentence: to recognise it, to understand it, or a puzzle about its words."""
    words = sentence.text.split()
    if is_spoken and draw.random() < REPEATED_SHARE:
        return Question("Repeat the sentence.", sentence.text)
    roll = draw.random()
    if sentence.frame is not None and roll < 0.67:
        has_scenario = draw.random() < 0.6
        frame = sentence.frame if has_scenario else SemanticFrame(sentence.frame.intent, sentence.frame.entities)
        return Question(instruction(has_scenario), target(frame))
    if roll < 0.8:
        return draw.choice((_made_up_frame, _made_up_frame, _made_up_choice, _made_up_value))(words, names, draw)
    return draw.choice(PUZZLES)(words, draw)


def _span(words: Sequence[str], draw: random.Random) -> str:
    start = draw.randrange(len(words))
    return " ".join(words[start : start + draw.randint(1, 3)])


def _made_up_frame(words: Sequence[str], names: Sequence[str], draw: random.Random) -> Question:
    starts = sorted(draw.sample(range(len(words)), min(len(words), draw.randint(0, 3))))
    ends = [*starts[1:], len(words)]
    entities = tuple(
        Entity(draw.choice(names), " ".join(words[start : min(end, start + draw.randint(1, 3))]))
        for start, end in zip(starts, ends, strict=False)
    )
    first, second = draw.choice(names), draw.choice(names)
    has_scenario = draw.random() < 0.5
    frame = SemanticFrame.of(first, second, entities) if has_scenario else SemanticFrame(first, entities)
    return Question(instruction(has_scenario), target(frame), is_known=False)


def _made_up_choice(words: Sequence[str], names: Sequence[str], draw: random.Random) -> Question:
    labels = draw.sample(list(names), draw.randint(2, 6))
    asked = draw.choice(("Which of these fits best", "Which topic is it", "What does the speaker want", "Choose one"))
    return Question(f"{asked}: {', '.join(labels)}?", draw.choice(labels), is_known=False)


def _made_up_value(words: Sequence[str], names: Sequence[str], draw: random.Random) -> Question:
    asked = draw.choice(("What is the {}?", "Which {} is asked for?", "Name the {}.", "Find the {} in it."))
    return Question(asked.format(draw.choice(names)), _span(words, draw), is_known=False)


def _repeat(words: Sequence[str], draw: random.Random) -> Question:
    return Question("Repeat the sentence.", " ".join(words))


def _first(words: Sequence[str], draw: random.Random) -> Question:
    count = draw.randint(1, min(4, len(words)))
    return Question(f"What are the first {count} words?", " ".join(words[:count]))


def _last(words: Sequence[str], draw: random.Random) -> Question:
    count = draw.randint(1, min(4, len(words)))
    return Question(f"What are the last {count} words?", " ".join(words[-count:]))


def _after(words: Sequence[str], draw: random.Random) -> Question:
    place = draw.randrange(len(words))
    if list(words).count(words[place]) > 1 or place + 1 == len(words):
        return _last(words, draw)
    return Question(f'What comes after "{words[place]}"?', " ".join(words[place + 1 : place + 4]))


def _list(words: Sequence[str], draw: random.Random) -> Question:
    return Question("List the words as JSON.", _json(words))


def _ends(words: Sequence[str], draw: random.Random) -> Question:
    return Question("Return JSON with the first and the last word.", _json({"first": words[0], "last": words[-1]}))


def _wrapped(words: Sequence[str], draw: random.Random) -> Question:
    return Question("Return the sentence as JSON.", _json({"text": " ".join(words)}))


PUZZLES: tuple[Callable[[Sequence[str], random.Random], Question], ...] = (
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
