"""Count the channels of recordings from 0 where a table counts them from 1, which shows in a channel that is not there.

s.wav,1,agent speaks    s.wav,2,customer speaks    (of a file with two channels)  ->  the channels 0 and 1
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

from eartune.data.sound_file import SoundError, open_sound
from eartune.data.utterance import Recording, Utterance
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.importers.import_result import Imported

Sound = Path | bytes
"""A file, or the bytes of one that a row holds."""


def count_from_zero(splits: Mapping[str, Imported]) -> tuple[dict[str, Imported], tuple[str, ...]]:
    """Return the rows with their channels counted from 0, and a sentence where they were counted from 1.

    They were if rows name the channels 1 to n of files with n of them, n > 1, and no row names 0; or, where some rows
    name 0, those of a file were whose own rows are like that.
    """
    named: dict[Sound, set[int]] = {}
    for recording in chain.from_iterable(row.recordings for one in splits.values() for row in one.utterances):
        if isinstance(recording, Excerpt) and isinstance(recording.channel, int):
            named.setdefault(_sound(recording), set()).add(recording.channel)
    from_one = _counted_from_one(named)
    if not from_one:
        return dict(splits), ()

    def counted(row: Utterance) -> Utterance:
        return replace(row, recordings=tuple(_from_zero(each, from_one) for each in row.recordings))

    found = {split: replace(one, utterances=tuple(map(counted, one.utterances))) for split, one in splits.items()}
    first = next(sound for sound in named if sound in from_one)
    name, last = first.name if isinstance(first, Path) else "stored sound", max(set().union(*named.values()))
    return found, (f"the rows count channels from 1, up to {last}, as for {name}; here they are counted from 0",)


def _counted_from_one(named: Mapping[Sound, set[int]]) -> set[Sound]:
    """The sounds whose rows count channels from 1, of those whose channels are named."""
    if all(max(channels) < 2 for channels in named.values()):
        return set()
    are_alike = all(0 not in channels for channels in named.values())
    like: dict[object, set[Sound]] = {}
    n_channels = {sound: _n_channels(sound) for sound in named}
    for sound in named:
        like.setdefault(n_channels[sound] if are_alike else sound, set()).add(sound)
    from_one = [
        sounds
        for sounds in like.values()
        if (n := n_channels[next(iter(sounds))]) > 1
        and set().union(*(named[sound] for sound in sounds)) == set(range(1, n + 1))
    ]
    return set(named) if are_alike and from_one else set().union(*from_one)


def _n_channels(sound: Sound) -> int:
    try:
        with open_sound(sound) as file:
            return file.channels
    except (SoundError, OSError):
        return 0  # it will be set aside with the reason


def _from_zero(recording: Recording, from_one: set[Sound]) -> Recording:
    if (
        not isinstance(recording, Excerpt)
        or not isinstance(recording.channel, int)
        or _sound(recording) not in from_one
    ):
        return recording
    return replace(recording, channel=recording.channel - 1)


def _sound(recording: Excerpt) -> Sound:
    return recording.path if recording.stored is None else recording.stored
