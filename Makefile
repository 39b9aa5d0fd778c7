# What one can do with a checkout; `make` alone lists it.
# Everything happens in .venv. The run-time packages come first (demo, serve), the tools
# for tests on top of them (setup, test, check), so that the two never fight over it.

VENV   := .venv
PY     := $(VENV)/bin/python
NODE   := sandbox/node_modules/installed.stamp
PORT   ?= 8080
# Many tests wait for a process or a clock: one more than there are processors.
TESTERS = $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
BASE   := build/python-base.tar
SOURCE := cds_hooks service scripts
# Run as a module: it finds the project's own extractor beside the Makefile.
BABEL   = $(PY) -m babel.messages.frontend -q
EXTRACT = $(BABEL) extract --no-location --no-wrap --sort-output --omit-header

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PIP_ROOT_USER_ACTION := ignore
export PYTHONUNBUFFERED := 1
# Compiled sources are kept: they save half of every start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo serve sandbox setup test coverage check check-types check-style bench lock messages node-if-there \
  image-test sbom audit

help: ## List the targets
	@echo "scnen-cds: start with 'make demo'."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/runtime.stamp ## Start the service, show the cards of synthetic patients, stop
	@$(PY) -m service demo

serve: $(VENV)/runtime.stamp ## Serve on this machine until Ctrl-C (PORT=8080)
	@$(PY) -m service serve --open --port $(PORT)

sandbox: $(VENV)/runtime.stamp $(NODE) ## Run a FHIR server with patients, and the service
	@$(PY) -m service sandbox

setup: $(VENV)/setup.stamp node-if-there ## Install everything; leaves .venv/bin/scnen-cds

test: $(VENV)/setup.stamp node-if-there ## Run all tests
	$(PY) -m pytest -n $(TESTERS) --dist loadscope

coverage: $(VENV)/setup.stamp node-if-there ## Run all tests, with the coverage they must reach
	$(PY) -m pytest -n $(TESTERS) --dist loadscope --cov --cov-report=
	$(PY) -m coverage report --fail-under=95
	$(PY) -m coverage report --include='cds_hooks/*' --fail-under=100
	$(PY) -m coverage report --include='service/model/*' --fail-under=100

check: check-types check-style ## Check style, types, documentation and architecture

check-types: $(VENV)/setup.stamp
	$(VENV)/bin/mypy

check-style: $(VENV)/setup.stamp
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	find $(SOURCE) -name '*.py' -print0 | xargs -0 $(VENV)/bin/numpydoc lint
	$(PY) -m pytest -q tests/test_architecture.py
	$(VENV)/bin/hadolint --failure-threshold warning Dockerfile

bench: $(VENV)/setup.stamp ## Measure against the floor with wrk
	@command -v wrk >/dev/null || { \
	  echo "make bench needs wrk: apt-get install wrk, or brew install wrk"; exit 1; }
	$(PY) benchmarks/run.py

image-test: $(VENV)/setup.stamp $(BASE) ## Build the image and run it (root; minutes)
	$(PY) -m pytest -q -m image tests/deploy

sbom: $(VENV)/setup.stamp ## Write build/sbom.json and check the licences
	$(PY) scripts/bill_of_materials.py

audit: $(VENV)/setup.stamp ## Look up known weaknesses of the packages
	$(PY) scripts/audit_packages.py

messages: $(VENV)/setup.stamp ## List the words of cards and pages, compile the translations
	$(EXTRACT) -F service/locales/babel.cfg -o service/locales/cards.pot service/templates/cards
	$(EXTRACT) -F service/locales/pages.cfg -o service/locales/pages.pot service
	for domain in cards pages; do \
	  $(BABEL) update -D $$domain -d service/locales -i service/locales/$$domain.pot \
	    --no-wrap --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date \
	  && $(BABEL) compile -D $$domain -d service/locales || exit 1; \
	done

lock: ## Resolve the packages anew and write the lock files
	@set -eu; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(call find_python) ; \
	"$$python" -m venv "$$tools"; "$$tools/bin/pip" install --quiet uv; \
	compile() { "$$tools/bin/uv" pip compile --quiet --upgrade --universal \
	  --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-header "$$@"; }; \
	compile pyproject.toml --output-file requirements.lock; \
	compile pyproject.toml --extra tracing --constraints requirements.lock \
	  --output-file requirements-tracing.lock; \
	compile pyproject.toml --extra validation --extra cluster \
	  --constraints requirements-tracing.lock --output-file requirements-validation.lock; \
	compile pyproject.toml --all-extras --group dev --constraints requirements-tracing.lock \
	  --constraints requirements-validation.lock --output-file requirements-dev.lock

# Sets $python to the first interpreter that is new enough and can make an environment.
define find_python
python=; \
for candidate in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
  if "$$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
    2>/dev/null; then python=$$candidate; break; fi; \
done; \
if [ -z "$$python" ]; then \
  echo "Python 3.11 or newer with the module venv is needed." \
    "Debian, Ubuntu: apt-get install python3-venv." \
    "Another interpreter: make PYTHON=/path/to/python3 ..." >&2; exit 1; \
fi
endef

# Installs $(1) and counts the packages on one line; other words of pip are passed on.
# Nothing is compiled ahead: Python does that with what it imports, a tenth of it all.
define pip_install
{ $(PY) -m pip install --no-compile $(1) 2>&1 || echo "pip failed"; } | awk ' \
  /^(Collecting|Processing) / { printf "\r  %d packages found", ++found; fflush(); next } \
  /^Installing collected / { printf "\n  installing them ...\n"; fflush(); next } \
  /^(Successfully|Requirement already|Ignoring|Looking in|Obtaining|Building| |$$)/ { next } \
  /^WARNING: Location .* is ignored/ { next } \
  /^pip failed$$/ { failed = 1 } \
  { print } \
  END { exit failed }'
endef

# The FHIR server and the validators of sandbox/. Tests that need them are skipped without.
$(NODE): sandbox/package.json sandbox/package-lock.json
	@$(call need_node); \
	echo "Installing the FHIR server of the sandbox (about 20 seconds, 130 MB)"; \
	cd sandbox && $(npm_ci)
	@touch $@

node-if-there:
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
	  $(MAKE) -s $(NODE); \
	else echo "No Node.js and npm: the tests of the sandbox will be skipped"; fi

define need_node
for tool in node npm; do \
  command -v $$tool >/dev/null || { echo "The FHIR server needs Node.js 20 or newer:" \
    "$$tool is missing. Debian, Ubuntu: apt-get install nodejs npm." \
    "macOS: brew install node." >&2; exit 1; }; \
done
endef

# Counts the packages on one line, as for pip; of npm's warnings none is for the user.
define npm_ci
{ npm ci --no-audit --no-fund --loglevel=http 2>&1 || echo "npm failed"; } | awk ' \
  /^npm http .*\.tgz/ { printf "\r  %d packages fetched", ++found; fflush(); next } \
  /^npm failed$$/ { failed = 1 } \
  /^(npm warn|$$)/ { next } \
  { sub(/^added/, found ? "\n  added" : "  added"); print } \
  END { exit failed }'
endef

# What stands for python:3.11-slim-bookworm where no registry of images can be reached.
$(BASE):
	@command -v mmdebstrap >/dev/null && command -v buildah >/dev/null \
	  && command -v runc >/dev/null || { echo "make image-test needs root and:" \
	  "apt-get install --no-install-recommends buildah mmdebstrap runc"; exit 1; }
	@mkdir -p $(@D)
	mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,python3-pip \
	  --include=ca-certificates --dpkgopt='path-exclude=/usr/share/doc/*' \
	  --dpkgopt='path-exclude=/usr/share/locale/*' \
	  --customize-hook='ln -s /usr/bin/python3 "$$1/usr/local/bin/python"' bookworm $@

$(VENV)/bin/pip:
	@$(find_python); echo "Making $(VENV) with $$($$python --version)"; \
	"$$python" -m venv $(VENV)

$(VENV)/runtime.stamp: requirements.lock | $(VENV)/bin/pip
	@echo "Installing the run-time packages (about half a minute the first time)"
	@$(call pip_install,--require-hashes -r requirements.lock)
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/runtime.stamp
	@echo "Installing the tools for tests and checks"
	@$(call pip_install,--require-hashes -r requirements-dev.lock)
	@touch $@

$(VENV)/setup.stamp: pyproject.toml $(VENV)/dev.stamp
	@echo "Installing scnen-cds itself, as an editable package"
	@$(call pip_install,--no-deps --no-build-isolation --editable .)
	@touch $@
