"""A model that answers recordings; it is loaded once and answers any number of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from eartune.data.audio import Wave, check_wave, decode_audio, read_audio, to_mono_16k
from eartune.data.example import Asked
from eartune.data.pauses import Span, pieces_of, pieces_of_samples
from eartune.data.sound_file import Samples
from eartune.errors import InputError
from eartune.inference.asr import words_to_read
from eartune.inference.decode import answer
from eartune.models.architecture import Architecture
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Clip
from eartune.models.generation.generate import Watch
from eartune.models.generation.kept import Kept
from eartune.models.rows import RowMaker
from eartune.settings import Decoding
from eartune.tasks.prediction import Prediction, Written
from eartune.tasks.task import Answer, Labels, Task
from eartune.tasks.words_first import answers_of

EXPORTED = "eartune.json"
"""The file of an exported model that holds its task, labels, prompt and decoding."""

Audio = str | Path | bytes | tuple[npt.ArrayLike, int]
"""A recording: the path of a file, the bytes of a file, or samples with their rate in Hz.

Samples have the shape (samples,) or (samples, channels), as floats in [-1, 1] or as int16 or int32.
"""


@dataclass(frozen=True)
class TrainedModel:
    """An audio LLM with the task that it was trained on, its labels and its prompt."""

    model: AudioLLM
    task: Task
    labels: Labels
    architecture: Architecture
    decoding: Decoding
    preface: str = ""
    """The part of the prompt before the instruction: labels and examples of a prompted model."""
    asked: Asked = Asked.FRAME
    """What recordings are to be answered with: the task's answer, or the words and then that."""
    kept: Kept = field(default_factory=Kept, init=False, repr=False, compare=False)
    """What need not be computed again for the next recordings, as the weights do not change."""

    @overload
    def predict(self, recordings: Audio) -> Answer | None: ...

    @overload
    def predict(self, recordings: list[Any]) -> list[Answer | None]: ...

    def predict(self, recordings: Audio | list[Any]) -> Any:
        """Return the answer to a recording, or a list of answers to a list of recordings, which are decoded in batches.

        An answer is what the task asks for, such as a `SemanticFrame`, or None if the model's text cannot be parsed.
        `stream` yields the text, the parse status and how sure the model is too. Raises InputError for a recording that
        cannot be decoded, or that is shorter than 0.1 s or longer than 30 s.
        """
        if isinstance(recordings, list):
            return [prediction.answer for prediction in self.stream(recordings)]
        (prediction,) = self.stream([recordings])
        return prediction.answer

    def stream(
        self, recordings: Iterable[Audio], cut_long: bool = False, channel: int | None = None
    ) -> Iterator[Prediction]:
        """Yield a prediction for each recording, in order, as soon as its batch is decoded.

        Recordings are loaded when they are needed. A prediction has the path of its recording, or its number. A model
        that answers through words writes those of a whole batch first. With `cut_long`, recordings of more than 30 s
        are cut at their pauses, and there is a prediction for each piece, whose `span` says where it stands. Of
        recordings with several channels, `channel`, counted from 0, is answered, or else the mean of all.
        """
        waves = _waves(recordings, cut_long, channel)
        while batch := list(islice(waves, self.decoding.batch_size)):
            answers = self.answer_batch([wave for _, _, wave in batch])
            for (name, span, _), prediction in zip(batch, answers, strict=True):
                yield replace(prediction, id=name, file=name, span=span)

    def answer_batch(self, shown: Sequence[Wave] | Sequence[str], watch: Watch | None = None) -> list[Prediction]:
        """Return a prediction for each of some waves, or for each of some texts, decoded as one batch.

        Texts are read as the model was taught to read them: it answers at once. The id of a prediction is its number.
        `watch` is called after each step of the search; see `models.generation.generate.Watch`. While a model that
        answers through words writes these, the text so far is empty.
        """
        rows = RowMaker(self.model, self.task, self.labels, self.architecture, self.preface)
        contents: list[Clip | str] = [one if isinstance(one, str) else rows.clip_of(one) for one in shown]
        clips = [content for content in contents if isinstance(content, Clip)]
        asked = self.asked if clips and self.decoding.through == "nothing" else Asked.FRAME
        words: Sequence[str | None] = [None] * len(contents)
        if clips and self.decoding.through == "words":
            at_work = None if watch is None else (lambda _: watch(lambda row: ""))
            contents = [*(words := words_to_read(rows, clips, at_work))]
        self.model.module.eval()
        batch = self.model.collate([rows.to_ask_about(content, asked) for content in contents])
        answers = answer(self.model, batch.to(self.model.device), rows, self.decoding, asked, watch, self.kept)
        return [
            self._prediction(str(number), written, read, asked)
            for number, (written, read) in enumerate(zip(answers, words, strict=True))
        ]

    def _prediction(self, name: str, written: Written, read: str | None, asked: Asked) -> Prediction:
        found, status = answers_of(self.task, asked).parse(written.text, self.labels)
        return Prediction(name, None, written.text, status, found, read, written.log_probability, written.margin)


def load(recording: Audio, name: str, channel: int | None = None) -> Wave:
    """Return the samples of a recording, shape (samples,) at 16 kHz; raises InputError, which starts with `name`."""
    if isinstance(recording, str | Path):
        return read_audio(Path(recording), channel)
    if isinstance(recording, bytes):
        return decode_audio(recording, name, channel)
    samples, rate = _as_floats(recording, name, channel)
    return check_wave(to_mono_16k(samples, rate), name)


def load_pieces(recording: Audio, name: str, channel: int | None = None) -> Iterator[tuple[Span, Wave]]:
    """Yield the pieces of a recording, cut at its pauses, as they are loaded; raises InputError as `load` does."""
    if isinstance(recording, str | Path | bytes):
        return pieces_of(Path(recording) if isinstance(recording, str) else recording, name, channel=channel)
    return pieces_of_samples(*_as_floats(recording, name, channel), name)


def _waves(recordings: Iterable[Audio], cut_long: bool, channel: int | None) -> Iterator[tuple[str, Span | None, Wave]]:
    """Each recording with its name, or with `cut_long` each piece of it."""
    for number, recording in enumerate(recordings):
        name = _name(number, recording)
        if cut_long:
            yield from ((name, span, wave) for span, wave in load_pieces(recording, name, channel))
        else:
            yield name, None, load(recording, name, channel)


def _as_floats(recording: tuple[npt.ArrayLike, int], name: str, channel: int | None) -> tuple[Samples, int]:
    """Samples of shape (samples, channels) as soundfile scales those of the same file, and their rate."""
    samples, rate = np.asarray(recording[0]), recording[1]
    if samples.dtype in (np.int16, np.int32):
        samples = samples / -float(np.iinfo(samples.dtype).min)
    elif not np.issubdtype(samples.dtype, np.floating):
        raise InputError(f"{name}: has samples of type {samples.dtype}; give floats from -1 to 1, int16 or int32")
    if samples.ndim not in (1, 2) or not samples.size:
        raise InputError(f"{name}: has samples of shape {samples.shape}; give (samples,) or (samples, channels)")
    if not rate > 0:
        raise InputError(f"{name}: has the sample rate {rate}; give one above 0")
    floats = samples.astype(np.float32).reshape(len(samples), -1)
    if channel is None:
        return floats, rate
    if channel >= floats.shape[1]:
        raise InputError(f"{name}: has no channel {channel}: it has {floats.shape[1]}, and the first is 0")
    return floats[:, channel : channel + 1], rate


def _name(number: int, recording: Audio) -> str:
    return str(recording) if isinstance(recording, str | Path) else f"recording {number}"
