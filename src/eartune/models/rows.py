"""Examples to rows: the prompt, the clip, and the answer if it is to be learned."""

from collections.abc import Callable

from eartune.data.audio import Wave, load_audio
from eartune.data.example import Asked, Example
from eartune.data.utterance import Recording
from eartune.models.architecture import Architecture
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Clip, Row
from eartune.models.chat_format import render
from eartune.tasks.task import Labels, Task
from eartune.tasks.transcription import TRANSCRIBE


class RowMaker:
    """Examples to rows of one task for one model: prompt, clip, and the answer if it is to be learned."""

    def __init__(
        self,
        model: AudioLLM,
        task: Task,
        labels: Labels,
        architecture: Architecture,
        preface: str = "",
        encoded: Callable[[Recording], Clip] | None = None,
    ) -> None:
        self.model = model
        self.preface = preface
        self.encoded = encoded
        self.task = task
        self.labels = labels
        self.position = architecture.instruction
        self.cut_silence = architecture.cut_silence

    def to_learn(self, example: Example) -> Row:
        """The example with its answer."""
        if example.asked is Asked.WORDS:
            return self._row(example, example.utterance.text)
        return self._row(example, self.task.target(example.utterance))

    def to_ask(self, example: Example) -> Row:
        """The example with its answer left out."""
        return self._row(example, None)

    def wave(self, recording: Recording) -> Wave:
        """The samples of a recording that the model gets, with or without the silence around them."""
        return load_audio(recording.path, self.cut_silence)

    def clip(self, recording: Recording) -> Clip:
        """The recording's cached encoder states, or else its mel spectrogram."""
        return self.model.features(self.wave(recording)) if self.encoded is None else self.encoded(recording)

    def _row(self, example: Example, answer: str | None) -> Row:
        question = self.preface + self.task.instruction(self.labels)
        asked = TRANSCRIBE if example.asked is Asked.WORDS else question
        text = example.utterance.text if example.recording is None else example.transcript
        if text is not None or example.recording is None:
            return Row(render(self.model.chat, asked, text, self.position), None, answer)
        return Row(render(self.model.chat, asked, None, self.position), self.clip(example.recording), answer)
