# `make demo` and `make test` need Python 3.11 or newer and nothing else.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check install
LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

.PHONY: demo demo-reset test test-all browser-test sso fuzz fuzz-signer matrix guesses bench faults hosts lint types check lock format icons openapi screenshots clean

demo: .venv/site.stamp  ## the site with a paper exchange, on http://127.0.0.1:$(PORT); TROUBLE=1: things go wrong
	@$(BIN)/python -m desk.demo --port $(PORT) $(if $(TROUBLE),--trouble)

demo-reset: .venv/site.stamp  ## the same, starting over
	@$(BIN)/python -m desk.demo --port $(PORT) --reset

test: .venv/tests.stamp  ## needs no PostgreSQL, no Redis, no browser
	@$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

test-all:  ## everything that must hold: what the pipeline runs; prints coverage by package
	@COVERAGE=yes .ci/run

browser-test: .venv/tests.stamp  ## needs chromium, or chromium-headless-shell, which is taken first
	@$(BIN)/python -m pytest -m browser $(ARGS)

screenshots: .venv/tests.stamp  ## every screen, light and dark, wide and narrow, into data/screenshots; needs chromium
	@$(BIN)/python -m tests.browser.screenshots $(ARGS)

sso: .venv/tests.stamp data/sso/node.stamp  ## people sign in at a real provider; needs chromium, node and npm
	@$(BIN)/python -m pytest -m exhaustive tests/browser/test_single_sign_on.py $(ARGS)

data/sso/node.stamp: tests/browser/sso/package.json
	@mkdir -p data/sso && cp $< data/sso/
	@npm install --silent --no-audit --no-fund --no-package-lock --prefix data/sso
	@touch $@

fuzz: .venv/tests.stamp  ## a long run of random answers through the judging of answers
	@$(BIN)/python -m tests.pacifica.fuzz_answers $(ARGS)

fuzz-signer: .venv/tests.stamp  ## a long run of everything one could want a signer to say
	@$(BIN)/python -m tests.keys.fuzz_signer $(ARGS)

matrix: .venv/tests.stamp  ## every kind of person at every address with every kind of id
	@$(BIN)/python -W ignore -m tests.authz.matrix $(ARGS)

guesses: .venv/tests.stamp  ## a thousand passwords tried from changing addresses
	@$(BIN)/python -W ignore -m tests.access.guess_passwords $(ARGS)

bench: .venv/tests.stamp data/bench/venv.stamp  ## against the SDK's way and CCXT; see benchmarks/
	@$(BIN)/python -m benchmarks $(ARGS)

data/bench/venv.stamp: benchmarks/requirements.txt
	@mkdir -p data/bench && $(PYTHON) -m venv data/bench/venv
	@data/bench/venv/bin/python -m pip -qq --disable-pip-version-check install -r benchmarks/requirements.txt
	@touch $@

faults: .venv/tests.stamp  ## real processes killed at random: make faults ARGS="--seed 1 --cancels 16000 --kills 200 --minutes 17 --shape services"
	@$(BIN)/python -m tests.faults.run $(ARGS)

hosts: .venv/tests.stamp  ## hosts and links cut off, replicas promoted, in network namespaces: make hosts ARGS="--seed 1 --cancels 20000 --cuts 100 --minutes 40"; needs root, iproute2, PostgreSQL, Redis, RabbitMQ
	@$(BIN)/python -m tests.hosts.run $(ARGS)

lint: .venv/tests.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

types: .venv/tests.stamp  ## mypy, strict, where pyproject.toml does not excuse a package yet
	@$(BIN)/mypy

check: .venv/tests.stamp  ## what is run before a commit: .pre-commit-config.yaml
	@$(BIN)/pre-commit run --all-files

format: .venv/tests.stamp
	@$(BIN)/ruff format .

lock: .venv/tests.stamp  ## requirements.txt anew: what the .in files name, all below it, for each Python and machine
	@$(LOCK) requirements.in -o requirements.txt
	@$(LOCK) tests/requirements.in -o tests/requirements.txt

openapi: .venv/tests.stamp  ## docs/openapi.json anew, after a change of the API's routes
	@$(BIN)/python -m tests.api.openapi_file

ICONS := orders/static/desk/icons
icons: .venv/site.stamp data/icons/venv.stamp  ## the icon font anew: the names in icons.txt, cut out of the theme's
	@data/icons/venv/bin/pyftsubset "$$($(BIN)/python -c 'import pathlib, unfold; print(pathlib.Path(unfold.__file__).parent)')/static/unfold/fonts/material-symbols/Material-Symbols-Outlined.woff2" \
		--unicodes=U+0020,U+0030-0039,U+005F,U+0061-007A --glyphs="$$(tr '\n' ' ' < $(ICONS).txt)" \
		--no-layout-closure --layout-features=rlig --flavor=woff2 --output-file=$(ICONS).woff2

data/icons/venv.stamp:
	@mkdir -p data/icons && $(PYTHON) -m venv data/icons/venv
	@data/icons/venv/bin/python -m pip -qq --disable-pip-version-check install fonttools==4.68.0 brotli==1.2.1
	@touch $@

clean:  ## everything that was made here but the demo's data
	rm -rf .venv staticfiles .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make demo PYTHON=python3.12")'
	@echo "Making a virtual environment in .venv"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Python's venv module is missing (Debian: apt install python3-venv)."; exit 1; }

.venv/site.stamp: requirements.txt | .venv/bin/python
	@echo "Installing what the site needs"
	@$(PIP) --require-hashes -r requirements.txt
	@touch $@

.venv/tests.stamp: tests/requirements.txt .venv/site.stamp
	@echo "Installing what the tests need"
	@$(PIP) --require-hashes -r tests/requirements.txt
	@touch $@
