"""A model that answers recordings: it is loaded once and answers any number of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from eartune.data.audio import Wave, check_wave, cut_silence, decode_audio, read_audio, to_mono_16k
from eartune.models.architecture import Architecture
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Row
from eartune.models.chat_format import render
from eartune.models.generation.generate import generate
from eartune.settings import Decoding
from eartune.tasks.prediction import Prediction
from eartune.tasks.task import Answer, Labels, Task

EXPORTED = "eartune.json"
"""The file of an exported model that holds its task, labels, prompt and decoding."""

Audio = str | Path | bytes | tuple[npt.ArrayLike, int]
"""A recording: the path of a file, the bytes of one, or samples with their rate in Hz.

Samples have the shape (samples,) or (samples, channels), as floats in [-1, 1] or as integers of 16 bits.
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

    @overload
    def predict(self, recordings: Audio) -> Answer | None: ...

    @overload
    def predict(self, recordings: list[Any]) -> list[Answer | None]: ...

    def predict(self, recordings: Audio | list[Any]) -> Any:
        """The answer to a recording, or a list of answers to a list of recordings, which are decoded in batches.

        An answer is what the task asks for, such as a `SemanticFrame`; None where what the model wrote cannot be
        parsed. `stream` gives the text and the parse status too. Raises InputError for a recording that cannot be
        decoded, or that is shorter than 0.1 s or longer than 30 s.
        """
        if isinstance(recordings, list):
            return [prediction.answer for prediction in self.stream(recordings)]
        (prediction,) = self.stream([recordings])
        return prediction.answer

    def stream(self, recordings: Iterable[Audio]) -> Iterator[Prediction]:
        """A prediction for each recording, in their order, as soon as its batch is decoded.

        Recordings are read as they are needed. A prediction names the file of its recording, or its number.
        """
        numbered = enumerate(recordings)
        while batch := list(islice(numbered, self.decoding.batch_size)):
            names = [_name(number, recording) for number, recording in batch]
            rows = [self._row(load(recording, name)) for name, (_, recording) in zip(names, batch, strict=True)]
            for name, text in zip(names, self._generate(rows), strict=True):
                answer, status = self.task.parse(text, self.labels)
                yield Prediction(name, name, text, status, answer)

    def _row(self, wave: Wave) -> Row:
        heard = cut_silence(wave) if self.architecture.cut_silence else wave
        asked = self.preface + self.task.instruction(self.labels)
        prompt = render(self.model.chat, asked, None, self.architecture.instruction)
        return Row(prompt, self.model.features(heard), None)

    def _generate(self, rows: Sequence[Row]) -> list[str]:
        self.model.module.eval()
        batch = self.model.collate(rows).to(self.model.device)
        return generate(self.model, batch, self.decoding, self.task.grammar(self.labels))


def load(recording: Audio, name: str) -> Wave:
    """The samples of a recording, shape (samples,) at 16 kHz; raises InputError, which starts with `name`."""
    if isinstance(recording, str | Path):
        return read_audio(Path(recording))
    if isinstance(recording, bytes):
        return decode_audio(recording, name)
    samples, rate = np.asarray(recording[0]), recording[1]
    if np.issubdtype(samples.dtype, np.integer):
        samples = samples / np.iinfo(samples.dtype).max
    return check_wave(to_mono_16k(samples.astype(np.float32).reshape(len(samples), -1), rate), name)


def _name(number: int, recording: Audio) -> str:
    return str(recording) if isinstance(recording, str | Path) else f"recording {number}"
