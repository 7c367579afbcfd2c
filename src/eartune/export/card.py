"""The model card of an exported model: its prompt, training data, scores and licences."""

import json
from pathlib import Path

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from eartune.data.example import Asked
from eartune.evaluation.metrics import Score
from eartune.experiments.finished_model import FinishedModel
from eartune.export.request import SCHEMA, answer_schema
from eartune.export.vllm_command import VllmCommand
from eartune.files import read_json, write_text
from eartune.models.chat_format import ChatFormat, render
from eartune.models.vllm import VERSION
from eartune.report.notes import spoken_by
from eartune.tasks.transcription import TRANSCRIBE
from eartune.tasks.words_first import answers_of


def write_card(run: FinishedModel, chat: ChatFormat, path: Path, vllm: VllmCommand, adapter: bool = False) -> None:
    """Write the card as Markdown with the hub's header, for a whole model or for its adapter alone."""
    experiment, result = run.experiment, read_json(run.folder.result)
    data = experiment.model_dump(mode="json")["data"]
    scheme = next((scheme for scheme in experiment.grid.schemes if scheme.label == result["scheme"]), None)
    learned = []  # the training pools; for a scheme from Python, all pools it may have used
    if scheme is None or scheme.uses_speech:
        learned += ["speech", "source_speech"]
    if scheme is None or scheme.uses_synthetic:
        learned += ["synthetic_speech"]
    if scheme is None or scheme.uses_unlabelled:
        learned += ["unlabelled"]
    task, metrics = experiment.task, experiment.task.metrics(run.labels)
    position = experiment.architecture.instruction
    question = run.preface + answers_of(task, run.asked).instruction(run.labels)
    through_words = run.through == "words"
    prompt = render(chat, TRANSCRIBE if through_words else question, None, position)
    reading = render(chat, question, "WORDS", position)
    environment = Environment(
        loader=PackageLoader("eartune.export", "."), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    scores = {name: Score.from_json(score) for name, score in result["scores"].items()}
    text = environment.get_template("card.md.j2").render(
        result=result,
        base=experiment.architecture.checkpoint,
        question=experiment.question,
        adapter=adapter,
        before=json.dumps(prompt.before, ensure_ascii=False),
        after=json.dumps(prompt.after, ensure_ascii=False),
        reading=json.dumps(reading.before, ensure_ascii=False) if through_words else None,
        scores=[(metrics[name].definition, name, score) for name, score in scores.items()],
        licences=[f"**{name}**" if restricted else name for name, restricted in experiment.data.licences.items()],
        learned_from_voices=spoken_by({name: pool for name, pool in data.items() if name in learned}),
        tested_on_voices=spoken_by({"test": data["test"]}),
        settings=yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False),
        cut_silence=experiment.architecture.cut_silence,
        words_first=run.asked is Asked.WORDS_THEN_FRAME,
        schema=SCHEMA if answer_schema(run) is not None else None,
        is_request=run.through == "nothing",
        beams=experiment.decoding.beams,
        vllm=vllm,
        vllm_version=VERSION,
    )
    write_text(path, text)
