"""One YAML, one experiment: which models it asks for, and one sentence for everything that does not fit."""

import re
from pathlib import Path
from typing import Any, ClassVar

import pytest

from builders import experiment, experiment_file
from eartune.cli.options import data_root
from eartune.errors import InputError
from eartune.experiments.experiment import read_experiment, shipped_experiment
from eartune.training.scheme import Scheme
from eartune.training.stage import Stage


def spoken_by(**voice: Any) -> dict[str, Any]:
    """A corpus that a voice speaks."""
    return {"corpus": "manifest", "path": "a.jsonl", "voices": [{"name": "en-US"} | voice]}


def test_text_only_runs_once_per_seed_and_untuned_once() -> None:
    cells = experiment(grid__seeds=[0, 1], grid__budgets=["5%", "2h"]).cells()
    assert [cell.name for cell in cells] == [
        "untuned-seed0",
        "text-only-seed0",
        "direct-mixing-5pct-seed0",
        "direct-mixing-2h-seed0",
        "curriculum-5pct-seed0",
        "curriculum-2h-seed0",
        "text-only-seed1",
        "direct-mixing-5pct-seed1",
        "direct-mixing-2h-seed1",
        "curriculum-5pct-seed1",
        "curriculum-2h-seed1",
    ]


class SpeechOnly(Scheme):
    """A scheme of a user that trains on recordings alone."""

    type: str = "speech-only"
    uses_text: ClassVar[bool] = False

    def stages(self, text: Any, speech: Any, synthetic: Any = (), unlabelled: Any = ()) -> list[Stage]:
        """Return no stage, as none is asked for."""
        return []


def test_a_scheme_that_trains_on_recordings_alone_runs_once_per_seed() -> None:
    settings = experiment(grid__seeds=[0, 1], grid__budgets=["5%"])
    grid = settings.grid.model_copy(update={"schemes": (SpeechOnly(),)})
    cells = settings.model_copy(update={"grid": grid}).cells()
    assert [cell.name for cell in cells] == ["speech-only-5pct-seed0", "speech-only-5pct-seed1"]


def test_what_is_asked_for_twice_runs_once() -> None:
    grid = {"schemes": [{"type": "curriculum"}], "budgets": ["1h", "60 minutes"]}
    assert [cell.name for cell in experiment(grid=grid).cells()] == ["curriculum-1h-seed0"]


def test_schemes_of_one_type_are_told_apart_by_name() -> None:
    schemes = [{"type": "text-only"}, {"type": "text-only", "name": "text-5-epochs", "epochs": 5}]
    cells = experiment(grid__schemes=schemes).cells()
    assert [cell.name for cell in cells] == ["text-only-seed0", "text-5-epochs-seed0"]


def test_two_models_of_one_folder_are_refused(tmp_path: Path) -> None:
    """Each run overwrote the other's results for ever."""
    schemes = [{"type": "text-only", "name": "curriculum-5pct"}, {"type": "curriculum"}]
    expected = (
        "the scheme 'curriculum-5pct' and the scheme 'curriculum' at 5% would both be written to the folder "
        "'curriculum-5pct-seed0'; give one of the schemes another name"
    )
    with pytest.raises(InputError, match=re.escape(expected)):
        read_experiment(experiment_file(tmp_path / "alarms.yaml", grid={"schemes": schemes, "budgets": ["5%"]}))


FAMILIES = [
    {"type": "qwen2-audio", "checkpoint": "pocket"},
    {"type": "encoder-adapter-llm", "checkpoint": "a + b", "name": "small", "precision": "float32"},
]


def test_each_architecture_makes_every_model_under_its_name() -> None:
    several = experiment(architecture=None, grid__architectures=FAMILIES, grid__budgets=["5%"])
    names = [cell.name for cell in several.cells()]
    assert names[:2] == ["qwen2-audio-untuned-seed0", "qwen2-audio-text-only-seed0"]
    assert names[4:] == [name.replace("qwen2-audio", "small") for name in names[:4]]
    own = {cell.architecture: several.of(cell) for cell in several.cells()}
    assert own["qwen2-audio"].architecture == experiment().architecture
    assert own["small"].architecture.precision == "float32" and own["small"].of(several.cells()[0]) == several


def test_what_is_expected_of_an_architecture_names_it() -> None:
    """Its rows are called so in the report; without the name none would be found there."""
    grid = {"architecture": None, "grid__architectures": FAMILIES}
    expected = {"model": "curriculum (small) 50%", "above": "curriculum (qwen2-audio) 50%"}
    assert experiment(**grid, expect=[expected]).expect[0].model == "curriculum (small) 50%"
    with pytest.raises(ValueError, match="no model of the grid is called 'curriculum 50%'"):
        experiment(**grid, expect=[expected | {"model": "curriculum 50%"}])


def test_the_settings_of_a_model_are_read_back_with_its_own_architecture() -> None:
    several = experiment(architecture=None, grid__architectures=FAMILIES)
    own = several.of(several.cells()[-1])
    assert type(own).model_validate(own.model_dump(mode="json")) == own


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"architecture": None, "grid__architectures": FAMILIES[:1] * 2}, "the architecture 'qwen2-audio' is listed"),
        ({"grid__architectures": FAMILIES[1:]}, "architecture: is none of grid.architectures"),
        (
            {"architecture": None, "grid__architectures": [FAMILIES[0], FAMILIES[1] | {"precision": "nf4"}]},
            "weights in 4 bits cannot be trained",
        ),
    ],
    ids=["twice", "another", "four bits"],
)
def test_architectures_that_cannot_be_are_refused(tmp_path: Path, changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        read_experiment(experiment_file(tmp_path / "alarms.yaml", **changes))


def test_budgets_are_not_needed_where_no_scheme_uses_speech() -> None:
    assert len(experiment(grid__schemes=[{"type": "text-only"}], grid__budgets=None).cells()) == 1


def test_each_budget_is_drawn_with_each_selection_seed_and_all_of_the_speech_once() -> None:
    grid = {
        "schemes": [{"type": "text-only"}, {"type": "curriculum"}],
        "budgets": ["5%", "100%"],
        "selection_seeds": [0, 2],
    }
    assert [cell.name for cell in experiment(grid=grid).cells()] == [
        "text-only-seed0",
        "curriculum-5pct-seed0",
        "curriculum-5pct-seed0-selection2",
        "curriculum-100pct-seed0",
    ]


def test_no_recording_is_a_budget_beside_synthetic_speech_and_is_not_drawn() -> None:
    grid = {
        "schemes": [{"type": "curriculum", "synthetic": True}],
        "budgets": ["0%", "5%"],
        "selection_seeds": [0, 1],
    }
    assert [cell.name for cell in experiment(grid=grid, data__synthetic_speech=[spoken_by()]).cells()] == [
        "curriculum-0pct-seed0",
        "curriculum-5pct-seed0",
        "curriculum-5pct-seed0-selection1",
    ]


def test_settings_survive_their_json() -> None:
    """`predict` reads a model's settings back from settings.json."""
    written = experiment(training__lora={"rank": 4}, grid__budgets=["5%", "2h", "200 utterances"])
    assert type(written).model_validate(written.model_dump(mode="json")) == written


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"grd": {}}, "unknown key 'grd'; did you mean 'grid'?"),
        ({"grid__budget": ["5%"]}, "grid: unknown key 'budget'; did you mean 'budgets'?"),
        ({"training__micro_batch": 1}, "training: unknown key 'micro_batch'; did you mean 'micro_batch_size'?"),
        ({"training__lora": {"rnk": 1}}, "training.lora: unknown key 'rnk'; did you mean 'rank'?"),
        (
            {"grid__schemes": [{"type": "curriculum", "txt_epochs": 1}]},
            "grid.schemes.0.curriculum: unknown key 'txt_epochs'; did you mean 'text_epochs'?",
        ),
        (
            {"grid__schemes": [{"type": "curiculum"}]},
            "grid.schemes.0: unknown type 'curiculum'; did you mean 'curriculum'?",
        ),
        ({"grid__schemes": [{"epochs": 1}]}, "grid.schemes.0: needs the key 'type'"),
        ({"grid__schemes": []}, "grid.schemes: list should have at least 1 item"),
        (
            {"grid__schemes": [{"type": "untuned"}, {"type": "untuned"}]},
            "grid: the scheme 'untuned' is listed twice; give one of them another name",
        ),
        (
            {"grid__schemes": [{"type": "untuned"}, {"type": "text-only", "name": "untuned"}]},
            "grid: the scheme 'untuned' is listed twice; give one of them another name",
        ),
        ({"grid__budgets": []}, "grid: the scheme 'direct-mixing' needs budgets, such as [5%, 100%]"),
        ({"grid__budgets": None}, "grid: the scheme 'direct-mixing' needs budgets, such as [5%, 100%]"),
        ({"grid__budgets": ["5%", "much"]}, "grid.budgets.1: 'much' is no speech budget; write one as 5%, 2h or"),
        (
            {"grid__budgets": ["0%"]},
            "a budget of 0% leaves no speech to the scheme 'direct-mixing'; use the scheme text-only, list speech",
        ),
        ({"grid__budgets": ["150%"]}, "grid.budgets.0: '150%' is more than all the speech"),
        ({"grid__seeds": []}, "grid.seeds: list should have at least 1 item"),
        ({"grid__seeds": 0}, "grid.seeds: must be a list, such as [0]"),
        ({"grid__seeds": [0, 1, 0]}, "grid: the seed 0 is listed twice under seeds; list each once"),
        (
            {"grid__selection_seeds": [3, 3]},
            "grid: the seed 3 is listed twice under selection_seeds; list each once",
        ),
        ({"grid__seeds": [-1]}, "grid.seeds.0: input should be greater than or equal to 0"),
        ({"grid__selection_seeds": [2**32]}, "grid.selection_seeds.0: input should be less than 4294967296"),
        (
            {"training__rate_factors": {"modality-adapter": -10}},
            "training.rate_factors.modality-adapter: input should be greater than 0",
        ),
        (
            {"data__test": [{"corpus": "manifst", "path": "a"}]},
            "data.test.0: unknown corpus 'manifst'; did you mean 'manifest'?",
        ),
        (
            {"data__text": [{"corpus": "librispeech"}]},
            "data.text.0: unknown corpus 'librispeech'; known are covost2, crema-d, fleurs, fluent, grammar",
        ),
        ({"data__text": [{"path": "a.jsonl"}]}, "data.text.0: needs the key 'corpus'"),
        ({"data__text": [{"corpus": "manifest"}]}, "data.text.0.manifest.path: field required"),
        ({"data__test": []}, "data.test: list should have at least 1 item"),
        (
            {"data__synthetic_speech": [{"corpus": "manifest", "path": "a.jsonl"}]},
            "data.synthetic_speech: manifest: needs voices, such as [{name: en-US}], to be synthetic speech",
        ),
        ({"dev": {"patience": 2}}, "dev: needs recordings under data.dev on which to choose"),
        (
            {"grid__schemes": [{"type": "prompted", "labels": [True, False], "examples": [0, 5]}]},
            "the scheme 'prompted' lists several values of labels and examples: give one value, or recordings under",
        ),
        *(
            (
                {"grid__schemes": [{"type": "prompted", "examples": examples}]},
                "grid.schemes.0.prompted.examples: needs a whole number from 0 up, or several different ones, such as",
            )
            for examples in (-1, "many", [0], [5, 5], [0, -1], [[0], 1], [True, 2])
        ),
        ({"dev": {"patience": 0}}, "dev.patience: input should be greater than or equal to 1"),
        ({"dev": {"recordings": 5}}, "dev: unknown key 'recordings'; did you mean 'most_recordings'?"),
        ({"grid__schemes": [{"type": "synthetic-speech"}]}, "the scheme 'synthetic-speech' needs corpora with voices"),
        (
            {"grid__schemes": [{"type": "curriculum", "synthetic": True}]},
            "the scheme 'curriculum' needs corpora with voices under data.synthetic_speech",
        ),
        (
            {"data__synthetic_speech": [spoken_by(speed=0.8)], "data__test": [spoken_by(pitch=1.2)]},
            "data: the voice pico:en-US is in training and in the test; use other voices for the test",
        ),
        (
            {"data__synthetic_speech": [spoken_by(engine="espeek")]},
            "data.synthetic_speech.0.manifest.voices.0: unknown engine 'espeek'; did you mean 'espeak'?",
        ),
        (
            {"data__synthetic_speech": [spoken_by(engine="command", command="say {text}")]},
            "data.synthetic_speech.0.manifest.voices.0.command.command: the command 'say {text}' must contain {out} in",
        ),
        (
            {"data__synthetic_speech": [spoken_by(engine="command", command="say 'a {out}")]},
            'data.synthetic_speech.0.manifest.voices.0.command.command: the command "say \'a {out}" cannot be read',
        ),
        ({"name": None}, "name: field required"),
        ({"name": "../elsewhere"}, "name: string should match pattern"),
        ({"name": "two words"}, "name: string should match pattern"),
        ({"architecture__type": "qwen3"}, "architecture.type: input should be 'audioflamingo3', 'encoder-adapter-llm'"),
        ({"architecture__precision": "int8"}, "architecture.precision: input should be 'bfloat16', 'float32'"),
        (
            {"architecture__precision": "nf4"},
            "weights in 4 bits cannot be trained; add training.lora, such as {rank: 16}",
        ),
        ({"training__rate_factors": {"encoder": 2}}, "training.rate_factors.encoder: input should be 'audio-encoder'"),
    ],
    ids=str,
)
def test_a_fault_is_one_sentence_with_file_and_place(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    path = experiment_file(tmp_path / "alarms.yaml", **changes)
    with pytest.raises(InputError) as fault:
        read_experiment(path)
    assert str(fault.value).startswith(f"{path}: {said}") and "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name: [a", "is not YAML ("),
        (b"\tname: a", "is not YAML ("),
        (b"name: \xff", "is not YAML ("),
        (b"!!python/object/apply:os.system ['true']", "is not YAML ("),
        (b"name: a\ngrid: {budgets: [5%], budgets: [10%]}", "is not YAML (the key 'budgets' stands twice in "),
        (b"", "must hold name, question, data, architecture and grid"),
        (b"- name", "must hold name, question, data, architecture and grid"),
    ],
    ids=["open list", "tab", "latin-1", "code", "a key twice", "empty", "list"],
)
def test_a_file_that_is_no_experiment_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "alarms.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as fault:
        read_experiment(path)
    assert str(fault.value).startswith(f"{path}: {said}") and "\n" not in str(fault.value)


def test_a_data_root_is_relative_to_the_file_and_stronger_than_the_environment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooted = read_experiment(experiment_file(tmp_path / "alarms.yaml", data__root="sets"))
    monkeypatch.setenv("EARTUNE_DATA", "of-all")
    assert data_root(None, rooted) == tmp_path / "sets"
    assert data_root(Path("given"), rooted) == Path("given")
    assert data_root(None, experiment()) == Path("of-all")
    monkeypatch.delenv("EARTUNE_DATA")
    assert data_root(None, experiment()) == Path("data")
    assert "root" not in rooted.model_dump(mode="json")["data"]  # no result says where data were


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"alarms\.yaml: no such experiment; it is the path of a YAML, or one of coffee, "
    ):
        read_experiment(tmp_path / "alarms.yaml")


def test_an_experiment_that_comes_with_eartune_is_known_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_experiment("demo").name == "demo"
    experiment_file(Path("demo"))
    assert read_experiment("demo").name == "alarms"  # a file of this name is nearer
    for name in ("demo.yaml", "./nowhere", "../shipped/demo", "demo/"):
        assert shipped_experiment(name) is None
