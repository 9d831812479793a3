# The main job: `make report`. The tests: `make test`. Both set themselves up in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN ?= runs/dotgov-lab
LIST ?= datasets/lists/dotgov.csv
RESOLVER_PORT ?= 5335

.DELETE_ON_ERROR:
.PHONY: report test check format resolver bench-dns bench-dns-million bench-dns-recursion bench-sessions bench-judge bench-survey bench-survey-memory bench-survey-workers bench-scale bench-analysis dane-2019 dictionary sample requirements clean

# Surveys the lab, unless RUN is a finished run: of that, what changed is made again. With a LIST the survey looks
# itself whether RUN is a run of it.
report: $(VENV)/.ready
	@if [ '$(origin LIST)' = file ] && grep -qs '"finished_at": "' $(RUN)/run.json; then \
		set -x; $(BIN)/starttls-survey report $(RUN); \
	else \
		set -x; $(BIN)/starttls-survey run $(LIST) --out $(RUN) --lab; \
	fi

# As many at a time as there are cores, what takes long first (tests/conftest.py); then, alone, what goes by the clock.
test: check
	$(BIN)/python -m pytest -m 'not alone' --numprocesses auto --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m pytest -m alone

# What can be said of the code without running it.
check: $(VENV)/.ready-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: $(VENV)/.ready-dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# A validating Unbound on loopback for a real survey, in the foreground, as an ordinary user.
resolver:
	$(PYTHON) -m crawler.unbound --port $(RESOLVER_PORT)

# CPU per MX lookup beside zdns, massdns and a bare loop in Go, against an NSD on loopback (docs/benchmarks.md).
bench-dns: $(VENV)/.ready-dev
	$(BIN)/python -m tests.benchmarks.dns

# How many questions in flight the shipped resolver bears, before far authorities (docs/benchmarks.md).
bench-dns-recursion: $(VENV)/.ready-dev
	$(BIN)/python -m tests.benchmarks.dns_recursion

# A million names: flat memory, none lost, no answer changed by haste.
bench-dns-million: $(VENV)/.ready-dev
	$(BIN)/python -m tests.benchmarks.dns_million

# CPU per STARTTLS session beside zgrab2 and the bare handshake; memory of 10,000 sessions open at once.
bench-sessions: $(VENV)/.ready-dev
	$(BIN)/python -m tests.benchmarks.sessions
	$(BIN)/python -m tests.benchmarks.sessions_open

# A million sessions with 200,000 certificates judged, in memory that does not grow (docs/benchmarks.md).
bench-judge: $(VENV)/.ready-dev
	$(BIN)/python -m tests.benchmarks.judge

# CPU per domain of the whole survey beside other tools on the same lab, in a network namespace.
bench-survey: $(VENV)/.ready-dev
	$(BIN)/python -m tests.benchmarks.survey

# Ever longer lists on the lab, from list to report: memory of each process, stage by stage (docs/benchmarks.md).
bench-survey-memory: $(VENV)/.ready-dev
	$(BIN)/python -m tests.benchmarks.survey_memory

# What a second worker gains.
bench-survey-workers: $(VENV)/.ready-dev
	$(BIN)/python -m tests.benchmarks.survey_workers

# How long the sessions of 100 million domains take at polite rates, simulated (docs/scale.md).
bench-scale: $(VENV)/.ready-dev
	$(BIN)/python -m tests.benchmarks.pacing_simulation

# All figures, checks and the report of a run of a million domains, and of ten million (docs/benchmarks.md).
bench-analysis: $(VENV)/.ready-dev
	$(BIN)/python -m tests.benchmarks.analysis

# The lab with the numbers of a published study, whole; tests/test_calibrated_labs.py surveys a tenth of it.
dane-2019: $(VENV)/.ready
	mkdir -p .build
	{ echo domain; seq -f 'd%05g.example' 8370; } > .build/dane-2019.csv
	$(BIN)/starttls-survey run .build/dane-2019.csv --out runs/dane-2019 --lab --profile dane-2019

dictionary: $(VENV)/.ready
	$(BIN)/python -m crawler.dictionary > datasets/dictionary.md

# The published sample, made anew: every 149th name of the list in the lab. tests/dataset/test_sample.py compares.
sample: $(VENV)/.ready
	rm -rf .build/sample datasets/sample
	mkdir -p .build/sample
	awk 'NR % 149 == 1' datasets/lists/dotgov.csv > .build/sample/sample.csv
	$(BIN)/starttls-survey run .build/sample/sample.csv --out .build/sample/run --lab
	$(BIN)/starttls-survey dataset .build/sample/run --out datasets/sample

# The pins, made anew from pyproject.toml.
requirements: $(VENV)/.ready-dev
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --no-header --output-file requirements.txt pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --no-header --extra dev --constraint requirements.txt \
		--output-file requirements-dev.txt pyproject.toml

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11; name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "$(PYTHON) has no venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: requirements.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.ready-dev: requirements-dev.txt $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) runs .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
