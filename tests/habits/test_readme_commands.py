"""README and docs hold true: commands parse, files and tests exist, Python compiles, the own-data part runs."""

import ast
import doctest
import inspect
import re
import shlex
import shutil
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

import eartune
from builders import pool, sound_file
from eartune.cli.app import VERBS, app
from eartune.data.utterance import read_manifest
from eartune.experiments.experiment import Experiment
from eartune.prepare.contents import contents_of
from eartune.prepare.experiment_file import experiment_text
from eartune.prepare.starting_model import QWEN2_AUDIO
from eartune.tasks.prediction import write_predictions
from eartune.tasks.settings import DEFAULT_TASK

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HISTORY = {"lab_log.md"}  # says what was so at its dates
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "pocket" / "README.md",
    *sorted(page for page in (ROOT / "docs").glob("*.md") if page.name not in HISTORY),
]
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}


def blocks(text: str, language: str) -> list[str]:
    """The fenced code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """Each `eartune ...` in backticks or in a line of an indented block, without its comment."""
    inline = re.findall(r"`(eartune [a-z][^`]*)`", text)
    indented = re.findall(r"^    (?:\S*/)?(eartune .+)$", text, flags=re.MULTILINE)
    return [" ".join(shlex.split(command, comments=True)) for command in (*inline, *indented)]


def places(text: str) -> set[str]:
    """The files and folders of the repository that a page names by a path, in backticks or in a command."""
    named = r"(?:src|docs|experiments|results|benchmarks|pocket|tests)/[\w./-]*\w"
    packages = rf"(?:{'|'.join(sorted(path.name for path in (ROOT / 'src' / 'eartune').iterdir() if path.is_dir()))})"
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    inside = re.findall(rf"`({packages}/[\w./-]+\.py|{named})", text)
    return {*links, *inside, *re.findall(rf"(?:python|run|check) ({named})", text)}


def parse(command: str) -> None:
    """Parse a command without running it; raises for a verb or an option that does not exist."""
    _, verb, *arguments = shlex.split(command)
    assert verb in VERBS, verb
    get_command(app).get_command(None, verb).make_context(verb, arguments)  # type: ignore[attr-defined]


SHOWN = [(page, command) for page, text in TEXTS.items() for command in commands(text)]
PYTHON = [(page, number, code) for page, text in TEXTS.items() for number, code in enumerate(blocks(text, "python"))]


def test_the_readme_is_short_and_shows_commands_python_and_a_yaml() -> None:
    assert len(README.splitlines()) <= 120
    assert len(commands(README)) > 10 and len(blocks(README, "python")) == len(blocks(README, "yaml")) == 1


@pytest.mark.parametrize(("page", "command"), SHOWN, ids=[f"{page}: {command}" for page, command in SHOWN])
def test_a_command_parses(page: str, command: str) -> None:
    if shlex.split(command)[1:] not in ([verb] for verb in VERBS):  # `eartune export` in a sentence names the verb
        parse(command)


@pytest.mark.parametrize(
    ("command", "fault"),
    [("eartune trian x.yaml", "trian"), ("eartune check", "Missing"), ("eartune run x.yaml --fast", "No such option")],
)
def test_a_wrong_command_is_found(command: str, fault: str) -> None:
    with pytest.raises(Exception, match=fault):
        parse(command)


def test_every_verb_is_in_the_readme() -> None:
    assert {shlex.split(command)[1] for command in commands(README)} == VERBS.keys()


@pytest.mark.parametrize("page", TEXTS)
def test_the_files_that_a_page_names_exist(page: str) -> None:
    roots = [ROOT, ROOT / "src" / "eartune", (ROOT / page).parent, ROOT / "experiments"]
    wanted = {name for name in places(TEXTS[page]) if "*" not in name and "<" not in name}
    assert [name for name in sorted(wanted) if not any((root / name).exists() for root in roots)] == []


@pytest.mark.parametrize("page", TEXTS)
def test_the_tests_and_targets_that_a_page_names_exist(page: str) -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    tests = set(re.findall(r"`(test_\w+)`", TEXTS[page]))
    assert [name for name in sorted(tests) if f"def {name}(" not in code] == []
    targets = set(re.findall(r"(?:^    |`)make ([a-z-]+(?: [a-z-]+)*)", TEXTS[page], flags=re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [name for shown in targets for name in shown.split() if f"\n{name}:" not in makefile] == []


@pytest.mark.parametrize(("page", "number", "code"), PYTHON, ids=[f"{page}-{number}" for page, number, _ in PYTHON])
def test_python_compiles_and_uses_public_names_alone(page: str, number: int, code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "eartune":
            assert node.attr in eartune.__all__
        if isinstance(node, ast.ImportFrom) and node.module == "eartune":
            assert {alias.name for alias in node.names} <= set(eartune.__all__)
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("eartune."):
            assert page == "docs/tasks.md"  # a task needs more than the public names
            assert all(hasattr(import_module(str(node.module)), alias.name) for alias in node.names)


def test_every_public_name_has_a_place_in_the_page_about_python() -> None:
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    headings = " ".join(re.findall(r"^### (.+)$", text, flags=re.MULTILINE))
    assert [name for name in eartune.__all__ if not re.search(rf"(?<!\w){name}(?!\w)", headings)] == []
    assert f"There are {len(eartune.__all__)} names" in text


def test_the_signatures_in_the_page_about_python_are_those_of_the_code() -> None:
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    headings = " ".join(re.findall(r"^### (.+)$", text, flags=re.MULTILINE))
    shown = dict(re.findall(r"`(\w+)\(([^`]*?)\)(?: -> [^`]*)?`", headings))
    assert {"load", "run", "evaluate", "compare", "Stage", "Utterance", "SemanticFrame"} <= shown.keys()
    for name, written in shown.items():
        names = re.findall(r"(?:^|, )(\w+)", written)
        assert names == list(inspect.signature(getattr(eartune, name)).parameters), name


def test_the_dialogues_of_the_page_about_python_hold() -> None:
    for code in blocks((ROOT / "docs" / "python.md").read_text(encoding="utf-8"), "pycon"):
        dialogue = doctest.DocTestParser().get_doctest(code, {}, "python.md", None, None)
        assert doctest.DocTestRunner().run(dialogue).failed == 0 and dialogue.examples


def test_the_scheme_of_the_readme_makes_a_stage_of_speech() -> None:
    (code,) = blocks(README, "python")
    (scheme,) = (node for node in ast.parse(code).body if isinstance(node, ast.ClassDef))
    names: dict[str, type[eartune.Scheme]] = {}
    exec(compile(ast.Module([scheme], []), "README.md", "exec"), {"eartune": eartune}, names)
    recording = eartune.Recording(Path("a.flac"), 1.0)
    spoken = eartune.Utterance("a", None, "en", eartune.SemanticFrame("stop"), (recording,))
    (stage,) = names["SpeechOnly"]().stages([], [spoken])
    assert [example.recording for example in stage.examples] == [recording]


def test_a_row_of_the_readme_is_a_manifest(tmp_path: Path) -> None:
    (row,) = re.findall(r"^    (\{.*\})$", README, flags=re.MULTILINE)
    sound_file(tmp_path / "r1.flac")
    (tmp_path / "rows.jsonl").write_text(row)
    (utterance,) = read_manifest(tmp_path / "rows.jsonl")
    assert utterance.frame == eartune.SemanticFrame("order", (eartune.Entity("size", "small"),))


def test_own_data_as_the_readme_has_it_is_prepared_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """prepare, the YAML, check: word for word, in an empty folder with two CSV files and recordings."""
    monkeypatch.chdir(tmp_path)
    for split, number in (("train", 20), ("test", 4)):
        rows = ["audio,text,intent"]
        for n in range(number):
            sound_file(tmp_path / f"{split}{n}.wav", 1 + n / 100)
            rows.append(f"{split}{n}.wav,{split} order number {n},{'order' if n % 2 else 'stop'}")
        (tmp_path / f"{split}.csv").write_text("\n".join(rows) + "\n")
    (written,) = blocks(README, "yaml")
    prepare, check = (
        next(c for c in commands(README) if c.startswith(start))
        for start in ("eartune prepare train.csv", "eartune check orders/experiment.yaml")
    )
    prepared = CliRunner().invoke(app, shlex.split(prepare)[1:], catch_exceptions=False)
    assert prepared.exit_code == 0 and (tmp_path / "orders" / "experiment.yaml").is_file(), prepared.output
    (tmp_path / "orders" / "experiment.yaml").write_text(written)
    checked = CliRunner().invoke(app, shlex.split(check)[1:], catch_exceptions=False)
    experiment = Experiment.model_validate(yaml.safe_load(written))
    assert f"{len(experiment.cells())} models" in checked.output, checked.output


def test_the_yaml_of_the_readme_is_the_one_that_prepare_writes_beside_a_gpu() -> None:
    """But for what the README says that it leaves out, and for settings that are the default."""
    heard = (eartune.Recording(Path("a.wav"), 1.0),)
    rows = [replace(row, recordings=heard) for row in pool(300)]
    contents = contents_of({"train": rows[:240], "test": rows[240:]})
    written = yaml.safe_load(experiment_text(contents, Path("orders"), QWEN2_AUDIO) or "")
    shown = yaml.safe_load(blocks(README, "yaml")[0])
    schemes = {scheme["type"]: scheme for scheme in written["grid"]["schemes"]}
    assert len(schemes) == len(shown["grid"]["schemes"]) + 3
    for scheme in shown["grid"].pop("schemes"):
        assert scheme | {"speech_epochs": 1} == schemes[scheme["type"]] | {"speech_epochs": 1}
    del written["grid"]["schemes"], written["grid"]["seeds"], written["decoding"]
    assert shown == written


def test_commands_without_a_model_run_as_the_readme_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """list, report, score and compare: word for word, in a folder with files of these names."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments")
    (tmp_path / "runs" / "NAME" / "text-only-seed0").mkdir(parents=True)
    shutil.copy(ROOT / "results/coffee/text-only-seed0/result.json", "runs/NAME/text-only-seed0/result.json")
    rows = pool(3)
    eartune.write_manifest(tmp_path / "FILE", rows)
    right = [eartune.Prediction(row.id, None, "", eartune.ParseStatus.OK, row.frame) for row in rows]
    for name, n_right in (("PREDICTIONS", 3), ("A", 2), ("B", 3)):
        write_predictions(tmp_path / name, right[:n_right], DEFAULT_TASK)
    runnable = [c for c in commands(README) if c.split()[1] in ("list", "report", "score", "compare")]
    assert len(runnable) == 4
    for command in runnable:
        done = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
        assert done.exit_code == 0 and done.output, command
