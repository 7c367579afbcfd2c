"""Writes the report of a run: one HTML file that needs no other, the same in Markdown, and the curve as a file.

*/result.json -> rows -> summary, curve, tables -> curve.svg, report.md, report.html
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from markupsafe import Markup

from eartune.evaluation.metrics import DEFINITIONS
from eartune.files import write_text
from eartune.report.answers import RunAnswers
from eartune.report.curve import draw
from eartune.report.details import Details, details_of
from eartune.report.diagnosis import diagnose, evidence_of, record_nothing_yet
from eartune.report.differences import compare_schemes, difference_notes, differences_table
from eartune.report.enough import NOTHING, Enough, Wish, how_much
from eartune.report.expectations import expectations_of, expectations_table
from eartune.report.free_speech import what_it_bought
from eartune.report.headline import headline
from eartune.report.joined_runs import joined_runs
from eartune.report.layout import build_curve
from eartune.report.notes import notes, warnings
from eartune.report.result import ListeningRecord, RunResult, read_results
from eartune.report.scheme_result import (
    STATUSES,
    SchemeResult,
    by_architecture,
    invalid_share,
    join_seeds,
    parsed_share,
)
from eartune.report.selections import Selections, selections
from eartune.report.settings_table import merge_settings
from eartune.report.speech_curve import fit_schemes
from eartune.report.summary import summarize
from eartune.report.table import build_table, error_line, metrics_of
from eartune.report.templates import html_template, markdown_template
from eartune.run_folder import RunFolder
from eartune.tables import Table, markdown_table
from eartune.tasks.settings import read_task
from eartune.tasks.task import Task
from eartune.wording import ABSENT, percent

EMPTY = Table((), (), left=0)
METRICS_SHOWN = 3  # more would be a table to scroll; every score is in the cells' result.json
NOT_PAIRED = (
    "These runs are not compared answer by answer, for which all must have answered the same recordings of one test, "
    "with the same right answers in the references.jsonl of each."
)


@dataclass(frozen=True)
class Page:
    """The content of the report, which both of its forms show."""

    experiment: str
    question: str
    headline: str
    """The sentences about the cascade with which the summary begins; empty where the run has none."""
    summary: str
    warnings: tuple[str, ...]
    diagnoses: tuple[str, ...]
    """What the results suggest to do, in sentences."""
    expected: Table | None
    """What the experiment expects, and whether it came."""
    main_metric: str
    enough: Enough
    bought: tuple[str, ...]
    """What synthetic voices and recordings without labels brought, in sentences."""
    curve: Markup | None
    table: Table
    notes: tuple[str, ...]
    differences: Table | None
    difference_notes: tuple[str, ...]
    selections: Selections | None
    details: Details
    results: tuple[RunResult, ...]
    definitions: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]
    made_with: tuple[tuple[str, str], ...]

    @property
    def finished(self) -> tuple[RunResult, ...]:
        """The results of the finished models."""
        return tuple(result for result in self.results if result.finished)

    @property
    def sections(self) -> tuple[tuple[str, str], ...]:
        """The sections that the page has, by their ids."""
        known = (
            ("expected", "What was expected", self.expected),
            ("enough", "How much speech is enough?", self.enough.sentences or self.curve),
            ("scores", "Scores", True),
            ("differences", "Differences", self.differences),
            ("selections", "Which recordings?", self.selections),
            ("failed", "Failed models", self.failed),
            ("errors", "Errors", self.details.errors),
            ("labels", "Labels", self.details.labels),
            ("confidence", "Confidence", self.details.confidence),
            ("training", "Training", self.details.training),
            ("answers", "Answers", self.finished),
            ("listening", "Do the models listen?", self.listening),
            ("metrics", "What the metrics mean", self.definitions),
            ("origin", "How it was made", True),
        )
        return tuple((section, title) for section, title, is_there in known if is_there)

    @property
    def failed(self) -> tuple[tuple[str, str], ...]:
        """The failed models, each with its error on one line."""
        return tuple((result.name, error_line(result)) for result in self.results if result.status == "failed")

    @property
    def listening(self) -> tuple[tuple[RunResult, str, str], ...]:
        """The models that have a listening check, each with the verdict and the finding."""
        return tuple((result, *_listening(result.listening)) for result in self.results if result.listening)


def write_report(run_folder: Path, task: Task | None = None, wish: Wish = NOTHING) -> Path:
    """Write curve.svg, report.md and report.html into the run's folder and return the path of report.html.

    A run with a cascade gets headline.txt too. `task` is that of the run if it was given from Python; otherwise the
    settings name it. Raises InputError if no model of the run has a result.
    """
    results = read_results(run_folder)
    task = task or read_task(results[0].settings.get("task", {}))
    answers = RunAnswers.of_run(run_folder, task)
    page = build_page(results, answers, wish)
    folder = RunFolder(run_folder)
    if page.curve:
        write_text(folder.curve, str(page.curve))
    write_text(folder.markdown, markdown(page))
    if page.headline:
        write_text(folder.headline, f"{page.headline}\n")
    else:
        folder.headline.unlink(missing_ok=True)
    write_text(folder.html, html(page))
    return folder.html


def write_comparison(run_folders: Sequence[Path], file: Path, wish: Wish = NOTHING) -> None:
    """Write one page about several runs: their models side by side, and compared answer by answer if their test is one.

    Raises InputError if a run has no result, or if the main metrics differ.
    """
    runs = joined_runs(run_folders)
    task = read_task(runs.results[0].settings.get("task", {}))
    answers = RunAnswers.of_runs(runs.root, run_folders, task)
    page = build_page(runs.results, answers, wish, file.parent)
    write_text(file, html(page if answers else replace(page, warnings=(*page.warnings, NOT_PAIRED))))


def build_page(
    results: Sequence[RunResult],
    answers: RunAnswers | None = None,
    wish: Wish = NOTHING,
    place: Path | None = None,
) -> Page:
    """Return the report's content; `results` are those of `read_results`, including those of unfinished models.

    `place` is the folder from which the page links recordings; by default that of the answers.
    """
    rows = join_seeds(results)
    families = by_architecture(rows)
    ran = [result for result in results if result.status != "unfinished"]
    metrics = metrics_of(results)[:METRICS_SHOWN]
    compared = compare_schemes(answers, rows, metrics[0])
    fits = fit_schemes(rows, metrics[0], answers)
    evidence = evidence_of(families, metrics[0], compared, answers, fits, wish)
    curve = build_curve(rows, metrics[0], fits.curves, wish.target)
    known = results[0].definitions or DEFINITIONS
    return Page(
        experiment=results[0].experiment,
        question=results[0].question,
        headline=" ".join(filter(None, (headline(own, metrics[0], compared) for own in families))),
        summary=" ".join(summarize(own, metrics[0], compared) for own in families),
        warnings=warnings(results, answers),
        diagnoses=tuple(dict.fromkeys(chain.from_iterable(map(diagnose, evidence)))),
        expected=expectations_table(expectations_of(results), rows, metrics[0], answers),
        main_metric=metrics[0],
        enough=how_much(fits, metrics[0], wish, is_to_record=not any(map(record_nothing_yet, evidence))),
        bought=tuple(said for own in families for said in what_it_bought(own, fits.of(own).curves, metrics[0])),
        curve=Markup(draw(curve)) if curve else None,
        table=build_table(rows, metrics),
        notes=notes(rows, ran),
        differences=differences_table(compared) if compared else None,
        difference_notes=difference_notes(compared),
        selections=selections(families, metrics[0], compared),
        details=details_of(answers, rows, best_architecture(families, metrics[0]), metrics[0], place)
        if answers
        else Details(),
        results=tuple(result for row in rows for result in row.cells),
        definitions=tuple((metric, known[metric]) for metric in metrics if metric in known),
        settings=merge_settings(
            [{key: value for key, value in result.settings.items() if key != "expect"} for result in ran]
        ),
        made_with=merge_settings(
            [{key: value for key, value in result.made_with.items() if key != "fingerprint"} for result in ran]
        ),
    )


def best_architecture(families: Sequence[tuple[SchemeResult, ...]], metric: str) -> tuple[SchemeResult, ...]:
    """Return the rows of the architecture with the best row, whose answers the page shows one by one."""
    return max(families, key=lambda own: max((score.value for row in own if (score := row.score(metric))), default=0))


def html(page: Page) -> str:
    """Return the report as one HTML file that refers to nothing outside it."""
    return html_template().render(page=page, statuses=STATUSES)


def markdown(page: Page) -> str:
    """Return the report in Markdown, with the curve as a link."""
    tables = {
        "expected": page.expected or EMPTY,
        "scores": page.table,
        "gains": page.enough.gains or EMPTY,
        "hindsight": page.enough.hindsight or EMPTY,
        "differences": page.differences or EMPTY,
        "selections": page.selections.table if page.selections else EMPTY,
        "labels": page.details.labels or EMPTY,
        "confidence": page.details.confidence.table if page.details.confidence else EMPTY,
        "answers": _statuses_table(page.finished),
        "listening": Table(
            ("model", "listens", "finding"),
            tuple((result.name, verdict, finding) for result, verdict, finding in page.listening),
            left=3,
        ),
        "origin": Table(("made with", "value"), page.made_with, left=2),
        "settings": Table(("setting", "value"), page.settings, left=2),
    }
    return markdown_template().render(
        page=page, tables={name: Markup(markdown_table(table)) for name, table in tables.items()}
    )


def _statuses_table(finished: Sequence[RunResult]) -> Table:
    lines = [
        (
            result.name,
            *(str(result.answers.get(status, 0)) for status in STATUSES),
            percent(parsed_share(result) or 0),
            percent(invalid_share(result) or 0),
        )
        for result in finished
    ]
    return Table(("model", *STATUSES, "parsed", "invalid"), tuple(lines), left=1)


def _listening(record: ListeningRecord) -> tuple[str, str]:
    """The verdict of a listening check and its finding."""
    if reason := record.get("reason"):
        return ABSENT, f"not checked ({reason})"
    return "yes" if record.get("listens") else "NO", record.get("sentence") or ""
