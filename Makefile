# `make book` and `make test` are all a newcomer needs; `make` alone lists what there is.
# Give another Python with `make book PYTHON=python3.12`.

PYTHON ?= python3
VENV := .venv
UV_VERSION := 0.13.9
RUN := $(VENV)/bin/python
NEW_ENOUGH := 'import sys; sys.exit(sys.version_info < (3, 11))'

# The environment is made anew only when one of these changes, or Python or uv does.
ENV_FILES := requirements.txt pyproject.toml
ENV_KEY := $(shell { cat $(ENV_FILES); echo $(UV_VERSION); } | cksum | cut -d' ' -f1)
STAMP := $(VENV)/painlab-$(ENV_KEY)

# processes that run tests side by side: a test file each
JOBS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1); echo $$((n < 4 ? n : 4)))

# of weights and results: each script has one of its own
PRESET ?=

# of `make gpu`: one of tests, benchmarks, weights and results, or all
STEP ?= all
# the benchmarks whose figures an accelerator is wanted for; they write data/results
GPU_BENCHMARKS := bench_tnt bench_render bench_folds bench_relevance
# seconds that a step of make_weights.py or make_results.py may take, and its exit status where there is more to do
STEP_SECONDS ?= 540
COME_AGAIN := 75

.PHONY: help env book pdf test bench gpu weights results soak notebooks notebooks-check lab lock clean

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 18

env: $(STAMP) ## Make the environment in .venv

# Without --compile-bytecode the first import does it; where Python may not write, every import.
$(STAMP):
	@$(PYTHON) -c $(NEW_ENOUGH) || \
	  { echo "painlab needs Python 3.11 or newer: try make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@$(RUN) -c $(NEW_ENOUGH) 2>/dev/null && \
	  { $(RUN) -m pip --version || $(RUN) -m ensurepip; } >/dev/null 2>&1 || \
	  $(PYTHON) -m venv --clear $(VENV)
	@rm -f $(VENV)/painlab-*
	$(RUN) -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	$(RUN) -m uv pip install --python $(RUN) --quiet --no-deps --compile-bytecode -r requirements.txt
	$(RUN) -m uv pip install --python $(RUN) --quiet --no-deps --editable .
	@touch $@
	@echo "The environment is ready in $(VENV)."

book: env ## Execute the chapters and render the book
	$(RUN) book/build.py

pdf: env ## Print the rendered chapters with Chromium, a file each (PUBLISH=1: linked from the pages)
	$(RUN) book/pdf.py $(if $(PUBLISH),--publish)

test: env ## Run the tests
	$(RUN) -m pytest --numprocesses $(JOBS) --dist loadfile

bench: env ## Time the library against others, as ratios
	$(RUN) tests/run_folder.py tests/benchmarks

weights: env ## Make the weights in painlab/assets anew (PRESET=full with an accelerator)
	$(RUN) data/make_weights.py $(PRESET:%=--preset %)

gpu: env ## Run all that wants an accelerator; a part: STEP=tests, benchmarks, weights or results
	@$(RUN) -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || \
	  { echo "make gpu needs an accelerator, and torch sees none." >&2; exit 1; }
	@case '$(STEP)' in \
	  tests) $(RUN) tests/run_folder.py tests --marker gpu;; \
	  benchmarks) for name in $(GPU_BENCHMARKS); do \
	    $(RUN) tests/benchmarks/$$name.py --record || exit 1; done;; \
	  weights|results) $(RUN) data/make_$(STEP).py --preset full --seconds $(STEP_SECONDS);; \
	  all) $(MAKE) gpu STEP=tests && $(MAKE) gpu STEP=benchmarks || exit 1; \
	    for what in weights results; do \
	      until $(RUN) data/make_$$what.py --preset full --seconds $(STEP_SECONDS); \
	      do [ $$? -eq $(COME_AGAIN) ] || exit 1; done; done;; \
	  *) echo "STEP=$(STEP): take tests, benchmarks, weights or results." >&2; exit 1;; \
	esac

results: env ## Make Tables II and III on SynthPain anew (PRESET=small; full with an accelerator)
	$(RUN) data/make_results.py $(PRESET:%=--preset %)

soak: env ## Run the long tests
	$(RUN) tests/run_folder.py tests/soak

notebooks: env ## Write the .ipynb beside each chapter
	$(RUN) book/notebooks.py

notebooks-check: env ## Run every .ipynb as Jupyter does, without an accelerator
	$(RUN) tests/soak/run_notebooks.py

lab: env ## Open the chapters in JupyterLab
	$(VENV)/bin/jupyter lab book

LOCK ?= requirements.txt
lock: env ## Pin all versions anew: make lock, then make env
	$(RUN) -m uv pip compile pyproject.toml --extra fan --extra book --extra test --universal \
	  --python-version 3.11 --upgrade --no-header --no-emit-index-url --no-emit-find-links \
	  --quiet --output-file $(LOCK)

clean: ## Remove what was built, but not the environment
	rm -rf _build book/_vendor build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
