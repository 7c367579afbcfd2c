"""The card of an exported model: how to ask it, what it learned from, how good it is, who may use it."""

from pathlib import Path

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from eartune.files import read_json, write_text
from eartune.metrics import DEFINITIONS, Score
from eartune.prompts import ChatFormat, render
from eartune.report.notes import spoken_by
from eartune.tasks.slu import instruction
from eartune.trained import TrainedRun


def write_card(run: TrainedRun, chat: ChatFormat, path: Path) -> None:
    """As Markdown with the hub's header."""
    experiment, result = run.experiment, read_json(run.folder / "result.json")
    prompt = render(chat, run.preface + instruction(run.schema.has_scenario), None, experiment.architecture.instruction)
    environment = Environment(
        loader=PackageLoader("eartune.export", "."), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    scores = {name: Score.from_json(score) for name, score in result["scores"].items()}
    text = environment.get_template("card.md.j2").render(
        result=result,
        base=experiment.architecture.checkpoint,
        question=experiment.question,
        before=replace_line_ends(prompt.before),
        after=replace_line_ends(prompt.after),
        scores=[(DEFINITIONS[name], name, score) for name, score in scores.items()],
        licences=licences(run),
        synthetic=spoken_by(experiment.model_dump(mode="json")["data"]),
        settings=yaml.safe_dump(experiment.model_dump(mode="json", exclude_defaults=True), sort_keys=False),
        cut_silence=experiment.architecture.cut_silence,
    )
    write_text(path, text)


def licences(run: TrainedRun) -> list[str]:
    """Of every corpus, those in bold that forbid commercial use."""
    named = dict.fromkeys(getattr(corpus, "LICENCE", None) for corpus in run.experiment.data.corpora)
    return [f"**{name}**" if "NON-COMMERCIAL" in name or "ACADEMIC" in name else name for name in named if name]


def replace_line_ends(text: str) -> str:
    """As Python writes them, so that a prompt can be copied."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")
