"""Results are read back as written, and a file that does not fit is named in one sentence."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from builders import experiment
from eartune.files import write_json
from eartune.report import read_results, write_result


def test_results_are_read_back_as_written(tmp_path: Path, coffee):
    for result in coffee:
        write_result(tmp_path / result.name, result)
    assert read_results(tmp_path) == tuple(sorted(coffee, key=lambda result: result.name))


def test_a_run_without_results_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"holds no \*/result.json"):
        read_results(tmp_path)


def test_a_copy_of_a_model_is_no_other_seed(tmp_path: Path, cell):
    for folder in ("curriculum-5pct-seed0", "curriculum-5pct-seed0.bak"):
        write_result(tmp_path / folder, cell("curriculum", "5%", 0.8))
    with pytest.raises(
        ValueError, match=r"seed0 and .*seed0\.bak both hold the result of the model 'curriculum-5pct-s"
    ):
        read_results(tmp_path)
    write_json(tmp_path / "cells.json", {"cells": ["curriculum-5pct-seed0"]})
    assert len(read_results(tmp_path)) == 1


def test_a_run_none_of_whose_models_has_a_result_is_refused(tmp_path: Path):
    write_json(tmp_path / "cells.json", {"cells": ["untuned-seed0"]})
    with pytest.raises(ValueError, match="no model has a result yet, so there is nothing to report"):
        read_results(tmp_path)


def test_a_model_without_a_result_is_known_by_its_folder(tmp_path: Path, cell):
    schemes = [{"type": "text-only"}, {"type": "text-only", "name": "curriculum-slow"}, {"type": "curriculum"}]
    settings = experiment(grid={"schemes": schemes, "budgets": ["5%", "2h", "20 utterances"], "seeds": [0, 3]})
    cells = settings.cells()
    write_json(tmp_path / "cells.json", {"cells": [planned.name for planned in cells]})
    done = replace(cell("text-only", None, 0.7, scheme_type="text-only"), settings=settings.model_dump(mode="json"))
    write_result(tmp_path / done.name, done)
    found = {result.name: result for result in read_results(tmp_path)}
    assert found.pop(done.name) == done
    assert {(r.name, r.scheme, r.scheme_type, r.budget, r.seed, r.status) for r in found.values()} == {
        (c.name, c.scheme.label, c.scheme.type, c.budget and str(c.budget), c.seed, "unfinished")
        for c in cells
        if c.name != done.name
    }
    assert found["curriculum-5pct-seed0"].speech_utterances == 17  # of 340, so that rows are in order of their budgets


def test_a_seed_without_a_result_belongs_to_the_scheme_of_the_other_seeds(tmp_path: Path, cell):
    """A scheme given from Python need not be in the settings."""
    done = cell("mine", "2h", 0.7, share=0.3, scheme_type="my-scheme", scheme_role="baseline")
    write_result(tmp_path / done.name, done)
    write_json(tmp_path / "cells.json", {"cells": [done.name, "mine-2h-seed1"]})
    first, second = read_results(tmp_path)
    assert first == done
    assert (second.scheme, second.scheme_role, second.budget, second.seed) == ("mine", "baseline", "2h", 1)


def test_a_model_of_one_of_several_architectures_is_known_by_its_folder(tmp_path: Path, cell):
    families = [{"type": "qwen2-audio", "name": None}, {"type": "voxtral", "name": "voxtral-mini"}]
    grid = {"schemes": [{"type": "curriculum"}], "budgets": ["5%"], "architectures": families}
    there = replace(cell("curriculum", "5%", 0.8, share=0.05), settings={"grid": grid}, architecture="qwen2-audio")
    there = replace(there, name="qwen2-audio-curriculum-5pct-seed0")
    write_result(tmp_path / there.name, there)
    names = [there.name, "voxtral-mini-curriculum-5pct-seed0"]
    write_json(tmp_path / "cells.json", {"cells": names})
    _, other = read_results(tmp_path)
    assert (other.architecture, other.scheme, other.budget, other.status) == (
        *("voxtral-mini", "curriculum", "5%", "unfinished"),
    )


def test_results_of_earlier_grids_are_left_out(tmp_path: Path, coffee):
    for result in coffee:
        write_result(tmp_path / result.name, result)
    write_json(tmp_path / "cells.json", {"cells": [coffee[0].name]})
    assert read_results(tmp_path) == coffee[:1]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seed": "first"}, "result.json: seed: Input should be a valid integer"),
        ({"status": "done"}, "result.json: status: Input should be 'finished', 'failed' or 'unfinished'"),
        ({"sede": 0}, "result.json: sede: Unexpected keyword argument"),
        ({"scores": []}, r"result.json: scores: must be an object of scores, not \[\]"),
        ({"scores": {"slot_f1": {"value": 0.5}}}, "result.json: scores: .*missing"),
        ({"scores": {}}, "result.json: curriculum-5pct-seed0 is finished but has no score 'slot_f1'"),
    ],
)
def test_a_malformed_result_is_named(tmp_path: Path, cell, change, sentence):
    folder = tmp_path / "curriculum-5pct-seed0"
    write_result(folder, cell("curriculum", "5%", 0.8, share=0.05))
    row = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps(row | change))
    with pytest.raises(ValueError, match=sentence):
        read_results(tmp_path)


def test_a_file_that_is_not_json_is_named(tmp_path: Path):
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "result.json").write_text("{")
    with pytest.raises(ValueError, match=r"cell/result.json: is not JSON"):
        read_results(tmp_path)


def test_a_finished_cell_without_its_main_score_cannot_be_made(cell):
    with pytest.raises(ValueError, match="finished but has no score 'slot_f1'"):
        replace(cell("untuned", None, 0.1), scores={})
