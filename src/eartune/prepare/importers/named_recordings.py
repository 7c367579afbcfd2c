"""Give each recording an id of its own, for formats in which a row has one recording."""

from collections.abc import Collection, Iterator, Sequence
from itertools import count

from eartune.data.utterance import Recording, Utterance


def each_recording(utterances: Sequence[Utterance]) -> Iterator[tuple[str, Utterance, Recording | None]]:
    """Yield each recording with an id and its utterance, and None for the recording of an utterance without any.

    The first recording has the id of its utterance, the second the same and "-2", unless another has that.
    """
    taken = {utterance.id for utterance in utterances}
    for utterance in utterances:
        for place, recording in enumerate(utterance.recordings or (None,)):
            name = utterance.id if not place else free_name(utterance.id, taken, place + 1)
            taken.add(name)
            yield name, utterance, recording


def free_name(name: str, taken: Collection[str], first: int = 2) -> str:
    """Return the name with "-2" behind it, or the next number with which it is not taken."""
    return next(numbered for number in count(first) if (numbered := f"{name}-{number}") not in taken)
