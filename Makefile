# One word each; the recipes only call dev.py, which says the same words on a machine without make.
PYTHON ?= $(shell command -v python3 || command -v python)

.DEFAULT_GOAL := help
.PHONY: help demo test lint exercises prove bench requirements

help:
	@$(PYTHON) dev.py --help

demo test lint exercises requirements:
	@$(PYTHON) dev.py $@

# make prove section=2.3
prove:
	@$(PYTHON) dev.py prove $(section)

# make bench of=check
bench:
	@$(PYTHON) dev.py bench $(of)
