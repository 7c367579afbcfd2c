"""Options and fixtures of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update` writes golden files anew; read the diff before committing it."""
    parser.addoption("--update", action="store_true", default=False, help="write golden files anew")
