# SPDX-License-Identifier: MIT
"""Builds the model runtime, the host's KPU and kmodel_harness.c, and calls them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from kmodel_files import ROOT

SANITIZE = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# Results of the KPU streamed out of it, or copied out of AI RAM by the CPU.
BUILDS: dict[str, tuple[str, ...]] = {"streamed": (), "copied": ("-DKMODEL_COPY_BY_CPU=1",)}
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers")


def build(
    program: Path, flags: Sequence[str] = SANITIZE, harness: str = "kmodel_harness.c"
) -> Path:
    """The harness as an executable, its objects beside it."""
    native = ROOT / "tools" / "microkpu" / "native"
    module = ROOT / "modules" / "kpu"
    sources = [
        Path(__file__).with_name(harness),
        *sorted(native.glob("*.c")),
        *sorted(module.glob("kmodel*.c")),
    ]
    folders = [f"-I{folder}" for folder in (native, module, ROOT / "sdk")]
    command = ["gcc", "-std=gnu11", "-g", "-ffp-contract=off", *flags, *WARNINGS, *folders]
    program.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([*command, *sources, "-o", program, "-lm"], check=True, cwd=program.parent)
    return program


def call(program: Path, what: str, file: Path, *arguments: object) -> tuple[int, int]:
    """The two numbers that a command prints; AssertionError with the sanitizer's report."""
    command = [program, what, file, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr}\n(exit {done.returncode})"
    first, second = done.stdout.split()
    return int(first), int(second)
