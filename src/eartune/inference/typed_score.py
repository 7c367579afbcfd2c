"""The score of a model that reads typed words in place of recordings: what its language model understands."""

from collections.abc import Sequence

from eartune.data.example import as_text
from eartune.data.utterance import Utterance
from eartune.evaluation.metrics import Answered, Score, evaluate
from eartune.inference.decode import ask
from eartune.inference.trained_model import TrainedModel
from eartune.models.rows import RowMaker
from eartune.progress import Progress


def typed_score(trained: TrainedModel, utterances: Sequence[Utterance], progress: Progress) -> Score:
    """Return the task's main metric of the answers to the words of labelled utterances."""
    rows = RowMaker(trained.model, trained.task, trained.labels, trained.architecture, trained.preface)
    trained.model.module.eval()
    examples, size, answered = as_text(utterances), trained.decoding.batch_size, list[Answered]()
    for start in range(0, len(examples), size):
        batch = examples[start : start + size]
        for example, written in zip(batch, ask(trained.model, batch, rows, trained.decoding), strict=True):
            answer, _ = rows.answers(example.asked).parse(written.text, trained.labels)
            answered.append(Answered(trained.task.reference(example.utterance), answer, example.utterance.id))
        progress(len(answered), len(examples))
    return evaluate(answered, trained.task.metrics(trained.labels))[trained.task.main_metric(trained.labels)]
