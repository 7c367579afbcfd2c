"""Rows of a batch made from examples: prompt, clip, and in training the target."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from eartune.data.audio import Wave, cut_silence, load_audio
from eartune.data.augmentation import augmented, draw_of, masked
from eartune.data.example import Asked, Example
from eartune.data.utterance import Recording
from eartune.models.architecture import Architecture
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Clip, Row
from eartune.models.chat_format import render
from eartune.settings import Augmentation
from eartune.tasks.task import Labels, Task
from eartune.tasks.transcription import TRANSCRIBE
from eartune.tasks.words_first import WordsFirst, answers_of


@dataclass(frozen=True)
class Augmented:
    """How the recordings of rows to learn are changed, and the seed of the random numbers for that."""

    settings: Augmentation
    seed: int


class RowMaker:
    """Makes rows from examples, for one task and one model.

    `encoded` reads clips from a cache. With `augment`, recordings are changed in rows to learn, and in no others.
    """

    def __init__(
        self,
        model: AudioLLM,
        task: Task,
        labels: Labels,
        architecture: Architecture,
        preface: str = "",
        encoded: Callable[[Recording], Clip] | None = None,
        augment: Augmented | None = None,
    ) -> None:
        self.model = model
        self.preface = preface
        self.encoded = encoded
        self.augment = augment
        self.task = task
        self.labels = labels
        self.position = architecture.instruction
        self.cut_silence = architecture.cut_silence

    def to_learn(self, example: Example) -> Row:
        """Return the row for training, with the target."""
        if example.answer is not None:
            return self._row(example, example.answer)
        if example.asked is Asked.WORDS:
            return self._row(example, example.utterance.text)
        return self._row(example, self.answers(example.asked).target(example.utterance))

    def to_ask(self, example: Example) -> Row:
        """Return the row for decoding, without the target."""
        return self._row(example, None)

    def answers(self, asked: Asked) -> Task | WordsFirst:
        """Return what knows the instruction, the answers and the grammar of an example that asks for this."""
        return answers_of(self.task, asked)

    def wave(self, recording: Recording) -> Wave:
        """Load the samples of a recording, shape (samples,) at 16 kHz, trimmed if the settings ask for it."""
        return load_audio(recording.path, self.cut_silence)

    def clip(self, recording: Recording) -> Clip:
        """Return the clip of a recording: its cached encoder states, or its mel if none are cached."""
        return self.model.features(self.wave(recording)) if self.encoded is None else self.encoded(recording)

    def clip_of(self, wave: Wave) -> Clip:
        """Return the clip of samples of shape (samples,) at 16 kHz, trimmed if the settings ask for it."""
        return self.model.features(cut_silence(wave) if self.cut_silence else wave)

    def to_ask_about(self, shown: Clip | str, asked: Asked = Asked.FRAME) -> Row:
        """Return the row that asks about a clip, or about words."""
        text, clip = (shown, None) if isinstance(shown, str) else (None, shown)
        return Row(render(self.model.chat, self._question(asked), text, self.position), clip, None)

    def to_transcribe(self, clip: Clip) -> Row:
        """Return the row that asks for the words of a clip."""
        return self.to_ask_about(clip, Asked.WORDS)

    def _question(self, asked: Asked) -> str:
        if asked is Asked.WORDS:
            return TRANSCRIBE
        return self.preface + self.answers(asked).instruction(self.labels)

    def _row(self, example: Example, answer: str | None) -> Row:
        asked = self._question(example.asked)
        text = example.utterance.text if example.recording is None else example.transcript
        if text is not None or example.recording is None:
            return Row(render(self.model.chat, asked, text, self.position), None, answer)
        clip = self.clip(example.recording) if answer is None else self._clip_to_learn(example, example.recording)
        return Row(render(self.model.chat, asked, None, self.position), clip, answer)

    def _clip_to_learn(self, example: Example, recording: Recording) -> Clip:
        if self.augment is None:
            return self.clip(recording)
        settings, draw = self.augment.settings, draw_of(example, self.augment.seed)
        clip = self.model.features(augmented(self.wave(recording), settings, draw))
        assert clip.mel is not None
        return replace(clip, mel=torch.from_numpy(masked(clip.mel.numpy(), clip.n_frames, settings, draw)))
