"""`eartune enough` prints sentences and tables, or one JSON object."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eartune.cli.app import app
from eartune.errors import InputError

TABLE = "recordings,score\n0,68.2\n7,78.6\n16,91.4\n33,92.4\n66,96.3\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "ours.csv"
    file.write_text(TABLE, encoding="utf-8")
    return file


def test_sentences_and_tables_are_printed(table: Path) -> None:
    result = CliRunner().invoke(app, ["enough", str(table), "--target", "98", "--cost", "0.5"])
    assert result.exit_code == 0, result.output
    assert "To reach 98" in result.output
    assert "budget left out" in result.output


def test_json_has_the_numbers_and_null_beyond_the_horizon(table: Path) -> None:
    result = CliRunner().invoke(app, ["enough", str(table), "--target", "99.9", "--json"])
    found = json.loads(result.output)
    (scheme,) = found["schemes"]
    assert scheme["target"]["amount"] == {"value": None, "low": None, "high": None}
    assert scheme["forecasts"][0]["amount"] == 66
    assert scheme["hindsight"]["measured"] == 0.963


def test_json_has_the_price_of_each_amount_and_of_the_target(table: Path) -> None:
    options = ("--target", "97.5", "--cost", "0.5", "--json")
    (scheme,) = json.loads(CliRunner().invoke(app, ["enough", str(table), *options]).output)["schemes"]
    assert [one["price"] for one in scheme["forecasts"]] == [(one["amount"] - 66) / 2 for one in scheme["forecasts"]]
    assert scheme["target"]["price"] > 0


def test_a_table_in_hours_has_prices_per_hour(table: Path) -> None:
    table.write_text(TABLE.replace("recordings", "hours"), encoding="utf-8")
    assert "price at 0.5 per hour" in CliRunner().invoke(app, ["enough", str(table), "--cost", "0.5"]).output


@pytest.mark.parametrize(
    ("option", "value"),
    [("--target", "0"), ("--target", "100"), ("--cost", "-1"), ("--cost", "nan"), ("--cost", "inf")],
)
def test_a_wish_that_makes_no_sense_is_refused(table: Path, option: str, value: str) -> None:
    result = CliRunner().invoke(app, ["enough", str(table), option, value])
    assert isinstance(result.exception, InputError)
    assert option in str(result.exception)
