# SPDX-License-Identifier: MIT
# The only entry point: every target first makes what it needs (apt packages, .venv, sources, firmware).

BOARD ?= maix_dock
VARIANT ?= full
PORT ?=
BAUD ?=
PYTHON ?= python3
PYTEST_ARGS ?= -n 2 --dist loadfile

FIRMWARE := build/$(BOARD)-$(VARIANT)/firmware.bin
PY := .venv/bin/python
STAMP := build/.stamp

# Debian's packages: a command that shows the package is there, then the package.
APT_NEEDS := gcc:gcc riscv64-unknown-elf-gcc:gcc-riscv64-unknown-elf xz:xz-utils
APT_FILES := /usr/lib/picolibc/riscv64-unknown-elf/picolibc.specs:picolibc-riscv64-unknown-elf \
  $(if $(shell command -v apt-get),/usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

## help: list the targets
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk -F': ' '{printf "  make %-12s %s\n", $$1, $$2}'

## demo: from nothing to digits read and found by the virtual board, with its camera; writes build/demo.png
demo: firmware digits detector
	$(PY) -m microkpu.demo --firmware $(FIRMWARE) --png build/demo.png

## test: every test, on the host and on the virtual board
test: firmware digits $(STAMP)/apt-test keras
	$(PY) -m pytest $(PYTEST_ARGS)

## test-port: tests/board on the port of a virtual board that runs apart, and compared with the one within; an hour
test-port: firmware digits
	$(PY) -m pytest tests/virtual/test_pytest_pty.py --fuzz-long

## test-upstream: MicroPython's own tests on the virtual board
test-upstream: firmware
	$(PY) -m pytest tests/board/test_upstream.py

## firmware: build/BOARD-VARIANT/firmware.bin and .kfpkg (BOARD=maix_dock VARIANT=full)
firmware: venv
	$(MAKE) -C ports/k210 BOARD=$(BOARD) VARIANT=$(VARIANT) PYTHON=$(abspath $(PY))

## digits: the demo's kmodel and pictures, from the trained weights
digits: venv
	$(PY) examples/models/build_digits.py

## detector: a kmodel that finds and reads digits in pictures, and such pictures, from the trained weights
detector: venv
	$(PY) examples/models/build_detector.py

## flash: put the firmware on a board (PORT=/dev/ttyUSB0, BOARD=..., BAUD=1500000)
flash: firmware
	$(PY) -m microkpu flash build/$(BOARD)-$(VARIANT)/firmware.kfpkg --board $(BOARD) $(if $(PORT),--port $(PORT)) $(if $(BAUD),--baud $(BAUD))

## repl: talk to a board (PORT=/dev/ttyUSB0), or to the virtual one without PORT
repl: firmware
	$(PY) -m microkpu repl $(if $(PORT),--port $(PORT))

## bench: instructions, bytes and ratios into build/bench.json and a table
bench: firmware digits
	$(PY) -m microkpu.bench --firmware build/$(BOARD)-$(VARIANT)/firmware.elf --json build/bench.json

## check: formatting, lint and types, without changing anything
check: venv sources
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	$(PY) -m microkpu.c_format --check

## format: rewrite sources in the project's format
format: venv sources
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	$(PY) -m microkpu.c_format

## fuzz: random programs, models and pictures for core, loader, runtime and decoders, an hour or two (SECONDS=60 each)
SECONDS ?= 60
fuzz: firmware
	$(PY) -m pytest tests/unit tests/board/test_kpu_fuzz.py -k "fuzz or sanitized or prefix" --fuzz-long --fuzz-seconds $(SECONDS)

## soak: 10,000 frames and models, a power cut at every step of 500 operations, 1,000,000 random bytes, virtually
soak: firmware
	$(PY) -m pytest tests/board/test_soak.py tests/board/test_power_cut.py tests/board/test_console_noise.py --fuzz-long

## coverage: lines and branches of the C that the unit tests reach on the host; build/coverage
coverage: venv sources
	$(PY) -m microkpu.coverage --html

## sizes: what the image holds, by section and by source
sizes: firmware
	$(MAKE) -C ports/k210 BOARD=$(BOARD) VARIANT=$(VARIANT) PYTHON=$(abspath $(PY)) sizes

## dist: wheel with the firmware inside, source distribution and a kfpkg per board, into build/dist
dist: venv digits
	for board in $(notdir $(wildcard firmware/boards/*)); do for variant in $(notdir $(wildcard firmware/variants/*)); do \
	  $(MAKE) --no-print-directory -C ports/k210 BOARD=$$board VARIANT=$$variant PYTHON=$(abspath $(PY)) || exit 1; done; done
	$(PY) -m microkpu.dist

## sources: fetch the pinned upstream sources (MicroPython, libjpeg-turbo)
sources: venv
	@$(PY) -m microkpu.sources fetch micropython >/dev/null
	@$(PY) -m microkpu.sources fetch libjpeg-turbo >/dev/null

## venv: the Python environment with the compiled parts
venv: $(STAMP)/package

## clean: remove build results; downloads and .venv stay
clean:
	rm -rf build/maix_* build/digits* build/detector build/demo.png build/bench.json build/dist build/temp.* build/lib.* tools/microkpu/*/*.so $(STAMP)/package

# What tests alone need.
$(STAMP)/apt-test: APT_NEEDS := gdb-multiarch:gdb-multiarch
$(STAMP)/apt-test: APT_FILES :=

$(STAMP)/apt $(STAMP)/apt-test:
	@mkdir -p $(@D)
	@missing=""; \
	for need in $(APT_NEEDS); do command -v $${need%%:*} >/dev/null || missing="$$missing $${need##*:}"; done; \
	for need in $(APT_FILES); do [ -e $${need%%:*} ] || missing="$$missing $${need##*:}"; done; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	$(PYTHON) -c 'import sysconfig, pathlib, sys; sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())' 2>/dev/null || missing="$$missing python3-dev"; \
	if [ -n "$$missing" ]; then \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  command -v apt-get >/dev/null || { echo "error: please install:$$missing" >&2; exit 1; }; \
	  echo "installing$$missing"; \
	  $$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends$$missing >/dev/null \
	    || { echo "error: please run: apt-get install$$missing" >&2; exit 1; }; \
	fi
	@touch $@

$(STAMP)/venv: requirements.txt $(STAMP)/apt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11: set PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check -r requirements.txt
	@touch $@

# TensorFlow, for the tests of Keras models alone; where it cannot be had they are skipped.
keras: $(STAMP)/keras
$(STAMP)/keras: requirements-keras.txt $(STAMP)/venv
	@if .venv/bin/pip install -q --disable-pip-version-check -r requirements-keras.txt -c requirements.txt; then touch $@; \
	else echo "no TensorFlow here: the tests of Keras models are skipped" >&2; fi

# The C extensions are part of the package: installed anew when one of their sources changes.
EXTENSION_SOURCES := $(wildcard setup.py pyproject.toml tools/microkpu/virtual/core/*.[ch] tools/microkpu/native/*.[ch] \
  tools/microkpu/kmodel/*.c modules/kpu/kmodel*.[ch] sdk/kpu.h)

$(STAMP)/package: $(EXTENSION_SOURCES) $(STAMP)/venv
	.venv/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: help demo test test-port keras test-upstream firmware digits detector flash repl bench check format fuzz soak coverage sizes dist sources venv clean
