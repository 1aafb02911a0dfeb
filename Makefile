# Two commands do everything on a fresh machine with Python 3.11 or newer: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
PACKAGE := pyproject.toml src/hls_swarm/__init__.py README.md

.PHONY: machines manifests site dist sdist sbom man chaos truth wheel sick pairs fidelity demo test quick check system-packages bench lock reference clean help

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

demo: $(VENV)/.run ## Run viewers against an origin of their own, and end with a summary
	$(BIN)/hls-swarm demo
	@echo "The program is $(BIN)/hls-swarm: export PATH=\"$(abspath $(BIN)):\$$PATH\" to call it hls-swarm"

test: system-packages $(VENV)/.dev $(VENV)/.cluster $(VENV)/.http3 tests/browser/node_modules/.ready ## Everything that CI runs: format, lint, types, import contract, tests
	PATH="$(abspath $(BIN)):$$PATH" tools/check

quick: $(VENV)/.dev ## The same without the tests that start programs or take long: under a minute
	PATH="$(abspath $(BIN)):$$PATH" tools/check quick

check: $(VENV)/.dev ## All of it without looking for system packages
	PATH="$(abspath $(BIN)):$$PATH" tools/check

system-packages: ## Install the real programs that the tests use, where missing and root
	tools/system-packages

bench: $(VENV)/.dev ## Measurements side by side with named peers
	PATH="$(abspath $(BIN)):$$PATH" bench/run

fidelity: $(VENV)/.dev tests/browser/node_modules/.ready ## Our viewers beside hls.js, Shaka and ffmpeg, request for request
	PYTHONPATH=. PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.fidelity
	PYTHONPATH=. PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.fidelity.low_latency
	PYTHONPATH=. PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.fidelity.adapting
	PYTHONPATH=. PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.fidelity.besides

chaos: $(VENV)/.dev ## 500 viewers while everything around them breaks: an hour, or CHAOS_MINUTES=10
	PYTHONPATH=. PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.chaos

truth: $(VENV)/.dev ## Searches for capacity on origins whose limit is known: an hour; as root, else not all of them
	PYTHONPATH=. PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.truth

manifests: ## Validate the Kubernetes manifests by the schemas of Kubernetes, as far as these go
	$(PYTHON) -m venv build/.manifests
	build/.manifests/bin/python -m pip --disable-pip-version-check install --quiet kubernetes-validate==1.37.0 PyYAML
	build/.manifests/bin/python tools/check_manifests.py

machines: $(VENV)/.cluster ## Several machines as network namespaces: every fault for real, and their figures beside those of one; ten minutes, as root
	PYTHONPATH=. PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.machines $(MACHINES)

man: reference ## Show the manual page
	man -l docs/man/hls-swarm.1

sick: $(VENV)/.dev ## A real origin made sick in eight ways, and what a run says of each; SICK=more six others, SICK=all
	PYTHONPATH=. PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.sick $(SICK)

pairs: $(VENV)/.dev ## Real runs compared in pairs, of the same origin and of a slower one: eight minutes
	PYTHONPATH=. PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.pairs $(or $(PAIRS),runs/pairs)

reference: $(VENV)/.dev ## Write the reference pages from the code
	$(BIN)/python tools/gen_reference.py

lock: $(VENV)/.dev ## Pin dependencies anew: versions and hashes, no registry address
	tools/lock

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("hls-swarm needs Python 3.11 or newer: make PYTHON=python3.11 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV) || { tools/system-packages venv && $(PYTHON) -m venv $(VENV); }

$(VENV)/.run: $(VENV)/bin/python requirements/run.lock $(PACKAGE)
	$(PIP) --require-hashes --no-deps -r requirements/run.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.lock
	$(PIP) --require-hashes --no-deps -r requirements/dev.lock
	touch $@

$(VENV)/.cluster: $(VENV)/.dev requirements/cluster.lock
	$(PIP) --require-hashes --no-deps -r requirements/cluster.lock && touch $@ || \
		echo "COULD NOT INSTALL ray: the tests of several machines will be skipped" >&2

$(VENV)/.http3: $(VENV)/.dev requirements/http3.lock
	$(PIP) --require-hashes --no-deps -r requirements/http3.lock && touch $@ || \
		echo "COULD NOT INSTALL qh3: the tests of HTTP/3 will be skipped" >&2

tests/browser/node_modules/.ready: tests/browser/package-lock.json
	cd tests/browser && npm ci --no-audit --no-fund --silent && touch node_modules/.ready || \
		echo "COULD NOT INSTALL hls.js and Shaka with npm: the tests that need it will be skipped" >&2

wheel: $(VENV)/.run ## Build dist/hls_swarm-VERSION-py3-none-any.whl, which pip installs anywhere
	$(BIN)/python -m pip --disable-pip-version-check wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/hls_swarm-*.whl

sdist: $(VENV)/.run ## Build the source archive in dist
	$(BIN)/python -m hatchling build --target sdist

site: build/.site/bin/zensical ## Build the documents as a site in build/site, which opens offline with its search
	build/.site/bin/python tools/build_site.py

build/.site/bin/zensical: requirements/site.lock
	$(PYTHON) -m venv build/.site
	build/.site/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps -r requirements/site.lock
	touch $@

sbom: dist/.sbom/bin/python ## Write dist/hls-swarm.cdx.json: what an installation consists of (CycloneDX)
	$(PYTHON) -m venv dist/.cyclonedx
	dist/.cyclonedx/bin/python -m pip --disable-pip-version-check install --quiet cyclonedx-bom==7.5.0
	dist/.cyclonedx/bin/cyclonedx-py environment dist/.sbom/bin/python --output-reproducible --output-format JSON \
		--output-file dist/hls-swarm.cdx.json

dist/.sbom/bin/python: requirements/run.lock $(PACKAGE)
	$(PYTHON) -m venv dist/.sbom
	dist/.sbom/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps -r requirements/run.lock
	dist/.sbom/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation .
	dist/.sbom/bin/python -m pip --disable-pip-version-check uninstall --quiet --yes hatchling pathspec pluggy \
		trove-classifiers setuptools pip

dist: wheel sdist sbom ## Wheel, source archive and SBOM: what a release consists of
	rm -rf dist/.sbom dist/.cyclonedx

clean: ## Remove the environment and all caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build tests/browser/node_modules
