"""Labels that a model gives to recordings before a stage, kept where what it hears and what it reads agree.

recording -> answer A;  its transcript by the untuned model -> answer B;  A == B -> the stage learns A
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eartune.data.example import Example
from eartune.data.utterance import Utterance
from eartune.files import read_lines, write_json, write_lines
from eartune.inference.answers import answer_all
from eartune.inference.decode import ask
from eartune.inference.teacher import FREE_AND_GREEDY
from eartune.models.audio_llm import AudioLLM
from eartune.models.rows import RowMaker
from eartune.processes import ONE, Processes
from eartune.progress import Progress
from eartune.run_folder import StageFolder
from eartune.tasks.prediction import Written
from eartune.tasks.task import ParseStatus, Task


def label(
    model: AudioLLM,
    examples: Sequence[Example],
    rows: RowMaker,
    folder: StageFolder,
    name_of: Callable[[Path], str],
    progress: Progress,
    processes: Processes = ONE,
) -> tuple[Example, ...]:
    """Return the recordings whose two answers agree, each to be learned with its answer; the others are left out.

    `examples` are recordings with their transcripts. Answers are greedy and free, and agree if both can be read, name
    known labels only and are equal. All of them are saved in `folder.labelled`; an interrupted call resumes.
    """
    if not processes.of_first(folder.labelled.is_file):
        heard = [replace(example, transcript=None) for example in examples]
        from_sound = _answers(model, heard, rows, folder.labelling / "from-sound.jsonl", name_of, progress, processes)
        from_words = _answers(
            model, examples, rows, folder.labelling / "from-words.jsonl", name_of, progress, processes
        )
        labels = [
            {"id": example.utterance.id, "file": name_of(example.recording.path)}  # type: ignore[union-attr]
            | {"transcript": example.transcript, "from_sound": sound, "from_words": words}
            | {"kept": agree(sound, words, rows)}
            for example, sound, words in zip(examples, from_sound, from_words, strict=True)
        ]
        processes.of_first(lambda: write_lines(folder.labelled, labels))
    labelled = processes.of_first(lambda: [row for _, row in read_lines(folder.labelled)])
    return tuple(
        replace(example, transcript=None, answer=row["from_sound"])
        for example, row in zip(examples, labelled, strict=True)
        if row["kept"]
    )


def agree(one: str, other: str, rows: RowMaker) -> bool:
    """Return whether two texts are readable answers with known labels, and are the same answer."""
    (answer, status), (again, status_again) = (rows.task.parse(text, rows.labels) for text in (one, other))
    return status is status_again is ParseStatus.OK and answer == again


def write_summary(folder: StageFolder, known: Sequence[Utterance], task: Task, labels: Any) -> str:
    """Count the labels that were kept, and of those whose recordings have known labels, how many are right.

    `known` are the unlabelled utterances with the labels that some of them have all the same: they are only counted
    here, after the labels are made. Returns a sentence; the numbers are written beside the labels, with their digest.
    """
    truth = {utterance.id: task.reference(utterance) for utterance in known if utterance.is_labelled}
    rows = [row for _, row in read_lines(folder.labelled)]
    kept = [row for row in rows if row["kept"]]
    checked = [row for row in kept if row["id"] in truth]
    right = sum(task.parse(row["from_sound"], labels)[0] == truth[row["id"]] for row in checked)
    counts = {"recordings": len(rows), "kept": len(kept), "with_known_label": len(checked), "right": right}
    digest = hashlib.sha256(folder.labelled.read_bytes()).hexdigest()
    write_json(folder.labelled_summary, counts | {"sha256": digest})
    found = f"the answers to {len(kept)} of {len(rows)} recordings agree and are learned"
    return found + (f"; {right} of {len(checked)} are right, which the model is not told" if checked else "")


def _answers(
    model: AudioLLM,
    examples: Sequence[Example],
    rows: RowMaker,
    path: Path,
    name_of: Callable[[Path], str],
    progress: Progress,
    processes: Processes,
) -> list[str]:
    model.module.eval()

    def row(example: Example, written: Written) -> dict[str, Any]:
        assert example.recording is not None
        return {"id": example.utterance.id, "file": name_of(example.recording.path)} | written.to_json()

    size = FREE_AND_GREEDY.batch_size
    answers = answer_all(
        examples, lambda some: ask(model, some, rows, FREE_AND_GREEDY), row, path, size, progress, processes
    )
    return [written.text for written in answers]
