# Needs make, Python 3.10 or newer with venv (Debian: python3-venv), and a package index. All else goes to .venv.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
SCRIPTS := backup_preflight/collect/linux.sh .ci/run $(shell git ls-files -co --exclude-standard 'lab/**.sh') lab/fabric/handler/main/safefreeze
LAB := $(BIN)/python -m lab

.PHONY: help run test fuzz pythons load lint docs clean bench prove recordings lab-up lab-shell lab-down

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## /make \1	/' | expand -t 17

run: $(INSTALLED) ## judge the recordings in examples/ (no VM needed); some of them are bad on purpose
	@status=0; $(BIN)/pytest --hosts=recorded://examples || status=$$?; \
	case $$status in \
	  1) echo "exit code 1: as it should be, because the examples hold VMs that Azure Backup would fail on" ;; \
	  *) echo "exit code $$status: not the 1 that the examples should give"; exit 1 ;; \
	esac

test: export PYTHONDONTWRITEBYTECODE = # the suite is started hundreds of times; with this set, each start would compile it anew
test: $(INSTALLED) ## the suite's own tests; what this machine lacks for some of them is said in the skips
	$(BIN)/pytest selftests -rs -n 5 --dist loadfile --no-loadscope-reorder -o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true

fuzz: $(INSTALLED) ## damaged input for every parser, for SECONDS=60; what breaks one is kept in selftests/fuzz/corpus
	$(BIN)/python -m selftests.fuzz $(or $(SECONDS),60)

pythons: $(INSTALLED) ## the examples, and the selftests of facts and checks, on every Python from 3.10 to 3.14 that is here
	$(BIN)/python -m selftests.pythons

lint: $(INSTALLED) ## format, style, types, shell, PowerShell
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict backup_preflight tests_linux tests_network tests_windows lab bench
	$(BIN)/shellcheck -s sh $(SCRIPTS)
	$(BIN)/python -m selftests.powershell backup_preflight/collect/windows.ps1

docs: $(INSTALLED) ## make docs/catalogue.md anew, of the checks' own records, and put new texts into the files of translations
	$(BIN)/python -m backup_preflight.report.catalogue docs/catalogue.md
	$(BIN)/python -m selftests.lang.texts

prove: $(INSTALLED) ## break real guests in every way and see that the suite names it and mends it (root on Linux; writes docs/proof.md)
	$(LAB) prove $(FAULTS)

load: $(INSTALLED) ## read 500 VMs of which a third are sick, ten times (root on Linux; half an hour; writes docs/reliability.md)
	$(BIN)/python -m selftests.reliability load

recordings: $(INSTALLED) ## the same, and keep what was read of the guests for the selftests
	$(LAB) recordings

bench: $(INSTALLED) ## measure speed and memory beside the floor and the peers (root on Linux, idle machine; MEASURES="floor items" for some)
	$(BIN)/python -m bench $(MEASURES)

lab-up: $(INSTALLED) ## start the lab of real guests, with one healthy guest (root on Linux)
	$(LAB) up

lab-shell: ## a shell in a guest: make lab-shell VM=vm1
	$(LAB) shell $(VM)

lab-down: ## end the lab
	$(LAB) down

clean: ## remove .venv and caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "$(PYTHON) is missing or older than 3.10; name another: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
	@touch $@
