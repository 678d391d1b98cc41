# Every target sets up what it needs. The variables below may be given on the command line: make manifest DATA=/data
DATA    ?= data
WORK    ?= work
PROFILE ?= auto
PRESET  ?= full
FILE    ?=
ARGS    ?=
TESTERS ?= 3
EXAMPLES ?= 2000
ROUNDS  ?= 1000
SEED    ?= 0
PYTHON  ?= python3
VENV    ?= .venv

UNMASK  = $(VENV)/bin/unmask
IN_WORK = --work "$(WORK)"
LOCK    = requirements/lock.txt
MOTO    = requirements/moto.txt
STAMP   = $(VENV)/.set-up

# Where it is set, torch and transformers would be compiled anew by every process.
unexport PYTHONDONTWRITEBYTECODE

# Hints of these targets name make targets.
demo manifest extract-features train ablations evaluate report predict doctor: export UNMASK_CALLER = make

.DEFAULT_GOAL := help
.PHONY: help setup moto lock demo manifest extract-features train ablations evaluate report predict test campaigns chaos fuzz frame-table check lint bench doctor clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

setup: $(STAMP)  ## .venv from the pinned, hash-checked list

# The stamp is written last, so a broken set-up is redone; it is older than the lock when the lock changes.
$(STAMP): $(LOCK) requirements/uv.txt pyproject.toml
	@PYTHON="$(PYTHON)" VENV="$(VENV)" LOCK="$(LOCK)" bash requirements/setup.sh
	@touch $@

moto: setup  ## the S3 server of the tests of buckets, in .venv-moto
	$(VENV)/bin/uv venv -q --clear --python $(VENV)/bin/python .venv-moto
	$(VENV)/bin/uv pip install -q --python .venv-moto/bin/python --no-deps --require-hashes -r $(MOTO)

lock: setup  ## renew the pinned list from pyproject.toml
	$(VENV)/bin/uv pip compile pyproject.toml --extra dev --override requirements/overrides.txt --universal \
	  --python-version 3.11 --generate-hashes --no-header -q -o $(LOCK)
	echo 'moto[server]==5.2.5' | $(VENV)/bin/uv pip compile - --universal --python-version 3.11 --generate-hashes \
	  --no-header -q -o $(MOTO)

demo: setup  ## everything on a synthetic nine-dataset corpus: data, every stage, report
	$(UNMASK) demo --work "$(WORK)/demo" $(ARGS)

manifest: setup  ## DATA=/path -> Parquet manifest and Zarr media shards
	$(UNMASK) scan "$(DATA)" $(IN_WORK) $(ARGS)
	$(UNMASK) preprocess --profile $(PROFILE) $(IN_WORK)

extract-features: setup  ## media shards -> 512-wide tokens of every encoder of the profile
	$(UNMASK) extract --profile $(PROFILE) $(IN_WORK) $(ARGS)

train: setup  ## tokens -> one run with its best checkpoint (PRESET=full)
	$(UNMASK) train --preset $(PRESET) $(IN_WORK) $(ARGS)

ablations: setup  ## linear and presets x seeds on the same tokens, one table
	$(UNMASK) ablate $(IN_WORK) $(ARGS)

evaluate: setup  ## test metrics of the newest run
	$(UNMASK) evaluate $(IN_WORK) $(ARGS)

report: setup  ## one self-contained HTML page
	$(UNMASK) report $(IN_WORK) $(ARGS)

predict: setup  ## FILE=x.mp4 -> a verdict
	@test -n "$(FILE)" || { echo "error: no file given"; echo "hint: make predict FILE=video.mp4"; exit 2; }
	$(UNMASK) predict "$(FILE)" $(IN_WORK) $(ARGS)

test: setup  ## pytest (UNMASK_CORPUS=/path adds the tests on real media)
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder $(ARGS)

fuzz: setup  ## every parser on files that are almost right (EXAMPLES=2000 per parser, elsewhere each time)
	UNMASK_FUZZ_EXAMPLES=$(EXAMPLES) $(VENV)/bin/python -m pytest -s --timeout 0 tests/fuzzing $(ARGS)

campaigns: setup  ## hostile tests that take minutes: runs killed at random moments (UNMASK_KILLS=20)
	$(VENV)/bin/python -m pytest -m campaign tests $(ARGS)

chaos: setup  ## faults x stages, ROUNDS=1000 SEED=0 (an hour): is anything lost, or damage used in silence?
	$(VENV)/bin/python -m benchmarks chaos --rounds $(ROUNDS) --seed $(SEED) $(ARGS)

frame-table: setup  ## frames of 130 films, by container, codec and structure, compared with a full decode
	$(VENV)/bin/python -m pytest -m campaign -s tests/media/test_right_frames.py $(ARGS)

check: setup  ## what runs before every commit: ruff, codespell, types, tests
	$(MAKE) --no-print-directory lint
	$(MAKE) --no-print-directory test

lint: setup  ## ruff, codespell and strict types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/codespell
	$(VENV)/bin/mypy

bench: setup  ## speed goals, as ratios within one run -> docs/benchmarks.md (ARGS=--list, --quick, or names)
	$(VENV)/bin/python -m benchmarks.goals $(ARGS)

doctor: setup  ## what this machine has and which settings it would get
	$(UNMASK) doctor $(IN_WORK)

clean:  ## remove the work folder and the environment
	rm -rf "$(WORK)" $(VENV) .venv-moto
