# Everything a reader or an author does here is one target; `make` alone lists them.
PYTHON ?= python3
# Where the environment lives, and the note in it that what pyproject.toml and constraints.txt ask for is installed.
VENV ?= .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
# Where this is set, each of the many programs of a check would compile torch and the rest anew: 10 s of a lab's 15.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup book serve test accept notebooks lab new-chapter zoo constraints set-repo clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(INSTALLED) ## create .venv with the pinned versions (PYTHON=python3.12 chooses a Python)

book: $(INSTALLED) ## re-run stale labs, build both languages, print the file to open
	@$(PY) -m tools.parity
	@$(PY) notebooks/build.py
	@$(PY) -m tools.book build

serve: $(INSTALLED) ## serve the built book on 127.0.0.1 and print the address
	@$(PY) -m tools.book serve

test: $(INSTALLED) ## everything CI checks (PARTS="lint tests" chooses some)
	@$(PY) -m tools.check $(PARTS)

accept: $(INSTALLED) ## record that the Chinese page matches today's English one: PAGE=02-gan
	@$(PY) -m tools.parity --accept "$(PAGE)"

notebooks: $(INSTALLED) ## write notebooks/en and notebooks/zh from their sources, running what changed
	@$(PY) notebooks/build.py

lab: $(INSTALLED) ## open the notebooks in JupyterLab
	@cd notebooks && "$(abspath $(PY))" -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root)

new-chapter: $(INSTALLED) ## begin a chapter: NAME=03-dynamics EN="English title" ZH="中文标题"
	@$(PY) -m tools.new_chapter "$(NAME)" "$(EN)" "$(ZH)"

# make takes the name in `make zoo NAME` for one more thing to make; so it is one, of which nothing has to be done.
ifeq ($(firstword $(MAKECMDGOALS)),zoo)
ifneq ($(word 2,$(MAKECMDGOALS)),)
NAME := $(word 2,$(MAKECMDGOALS))
$(NAME): ; @:
endif
endif
zoo: $(INSTALLED) ## make a trained game anew by the commands of its record: make zoo cgan-avatars
	@$(PY) -m tools.retrain_game $(NAME)

constraints: $(INSTALLED) ## write constraints.txt anew, with the newest versions
	@$(PY) -m tools.constraints

set-repo: $(INSTALLED) ## give the repository another address: URL=https://github.com/OWNER/NAME
	@$(PY) -m tools.set_repo "$(URL)"

clean: ## remove what was built (the environment in .venv stays)
	@rm -rf _build .pytest_cache .ruff_cache
	@find . -path ./.venv -prune -o -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt tools/install.py
	@command -v "$(PYTHON)" > /dev/null || { echo "There is no $(PYTHON) here: install Python 3.11, 3.12 or 3.13, or name one, as in \`make PYTHON=/path/to/python3.11 book\`." >&2; exit 1; }
	@"$(PYTHON)" tools/install.py "$(VENV)"
