# The two commands of the README are `make demo` and `make test`; each makes .venv where it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml)
WORKERS ?= 4
ARGS ?=

.PHONY: demo test slow lint bench docs clean
.DEFAULT_GOAL := test

demo: $(STAMP)
	$(BIN)/fieldglass demo $(ARGS)

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses $(WORKERS) --dist worksteal $(ARGS)

slow: $(STAMP)
	$(BIN)/python -m pytest -m slow $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m benchmarks.run $(ARGS)

docs: $(STAMP)
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --strict $(ARGS)

clean:
	rm -rf $(VENV) build dist site demo plugins/*/build

# One resolver call for all five distributions. uv reads neither pip's variables nor its configuration, so the place
# of local wheels (a CPU-only torch, say) is handed on: UV_FIND_LINKS, else PIP_FIND_LINKS, else `pip config`.
$(STAMP): $(PROJECTS) constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	links="$${UV_FIND_LINKS:-$${PIP_FIND_LINKS:-$$($(BIN)/python -m pip config get global.find-links 2>/dev/null || true)}}"; \
	UV_FIND_LINKS="$$(echo $$links | tr ' ' ',')" $(BIN)/uv pip install --python $(BIN)/python --constraints constraints.txt \
		--group dev --editable '.[all]' $(patsubst %/pyproject.toml,--editable ./%,$(wildcard plugins/*/pyproject.toml))
	touch $@
