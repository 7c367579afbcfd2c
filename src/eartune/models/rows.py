"""Examples to rows: the prompt, the clip, and the answer if it is to be learned."""

from collections.abc import Callable

from eartune.data.audio import Wave, load_audio
from eartune.data.example import Asked, Example
from eartune.data.utterance import Recording
from eartune.models.architecture import Architecture
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Clip, Row
from eartune.models.chat_format import render
from eartune.tasks.settings import SluTask
from eartune.tasks.slu import WORDS_INSTRUCTION, instruction, target


class RowMaker:
    """Examples to rows of one task for one model: prompt, clip, and the answer if it is to be learned."""

    def __init__(
        self,
        model: AudioLLM,
        task: SluTask,
        architecture: Architecture,
        preface: str = "",
        encoded: Callable[[Recording], Clip] | None = None,
    ) -> None:
        self.model = model
        self.preface = preface
        self.encoded = encoded
        self.task = task
        self.position = architecture.instruction
        self.cut_silence = architecture.cut_silence

    def to_learn(self, example: Example) -> Row:
        """The example with its answer."""
        if example.asked is Asked.WORDS:
            return self._row(example, example.utterance.text)
        return self._row(example, target(example.utterance.frame, self.task.entity_order))

    def to_ask(self, example: Example) -> Row:
        """The example with its answer left out."""
        return self._row(example, None)

    def wave(self, recording: Recording) -> Wave:
        """What the model hears of a recording."""
        return load_audio(recording.path, self.cut_silence)

    def clip(self, recording: Recording) -> Clip:
        """What was kept of it encoded, or its mel."""
        return self.model.features(self.wave(recording)) if self.encoded is None else self.encoded(recording)

    def _row(self, example: Example, answer: str | None) -> Row:
        has_scenario = example.utterance.frame.scenario is not None
        asked = WORDS_INSTRUCTION if example.asked is Asked.WORDS else self.preface + instruction(has_scenario)
        text = example.utterance.text if example.recording is None else example.transcript
        if text is not None or example.recording is None:
            return Row(render(self.model.chat, asked, text, self.position), None, answer)
        return Row(render(self.model.chat, asked, None, self.position), self.clip(example.recording), answer)
