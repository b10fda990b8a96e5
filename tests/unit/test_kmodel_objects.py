# SPDX-License-Identifier: MIT
"""The runtime compiled for the chip: floats of a model file come through integer registers.

The file lies in the uncached alias, where loads of floats are unreliable. And no product is fused
with a sum, so that board and host agree to the bit.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from kmodel_files import ROOT

MODULE = ROOT / "modules" / "kpu"
CROSS = "riscv64-unknown-elf-"
FLAGS = (
    "-march=rv64imafdc_zicsr_zifencei", "-mabi=lp64d", "-mcmodel=medany", "--specs=picolibc.specs",
    "-std=gnu99", "-O2", "-mstrict-align", "-ffunction-sections",
)  # fmt: skip
# Sources that compute with floats; the others only read the file.
WITH_FLOATS = ("kmodel_floats", "kmodel_planes", "kmodel_quantized", "kmodel_results")
FUNCTION = re.compile(r"^[0-9a-f]+ <([^>.][^>]*)>:$")
INSTRUCTION = re.compile(r"^\s+[0-9a-f]+:\s+(\S+)\s*(.*)$")
FLOAT = re.compile(r"(c\.)?f(?!ence)")
SOURCES = sorted(path.stem for path in MODULE.glob("kmodel_*.c"))


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[tuple[str, str]]]]:
    """Instructions of each function of each source, with the flags that micropython.mk adds."""
    if not shutil.which(f"{CROSS}gcc"):
        pytest.skip(f"no {CROSS}gcc: apt-get install gcc-riscv64-unknown-elf")
    (added,) = re.findall(r"CFLAGS \+= (.*)", (MODULE / "micropython.mk").read_text())
    folder = tmp_path_factory.mktemp("objects")
    found = {}
    for name in SOURCES:
        out = folder / f"{name}.o"
        command = [f"{CROSS}gcc", *FLAGS, *added.split(), f"-I{ROOT / 'sdk'}", f"-I{MODULE}"]
        subprocess.run([*command, "-c", MODULE / f"{name}.c", "-o", out], check=True)
        found[name] = functions(out)
    return found


def functions(path: Path) -> dict[str, list[tuple[str, str]]]:
    command = [f"{CROSS}objdump", "-d", "--no-show-raw-insn", path]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for line in text.splitlines():
        if head := FUNCTION.match(line):
            current = found.setdefault(head[1], [])
        elif row := INSTRUCTION.match(line):
            current.append((row[1], row[2]))
    return found


@pytest.mark.parametrize("name", sorted(set(SOURCES) - set(WITH_FLOATS)))
def test_what_only_reads_the_file_has_no_floats(
    code: dict[str, dict[str, list[tuple[str, str]]]], name: str
) -> None:
    instructions = [op for rows in code[name].values() for op, _ in rows]
    assert len(instructions) > 5
    assert not [op for op in instructions if FLOAT.match(op)]


def test_weights_are_fetched_as_integers(
    code: dict[str, dict[str, list[tuple[str, str]]]],
) -> None:
    fetch = [op for op, _ in code["kmodel_floats"]["fetch"]]
    assert "ld" in fetch
    assert not [op for op in fetch if FLOAT.match(op)]


@pytest.mark.parametrize("name", WITH_FLOATS)
def test_no_float_is_loaded_through_the_bodys_pointer(
    code: dict[str, dict[str, list[tuple[str, str]]]], name: str
) -> None:
    """Operators get the body in a0; until that register is written, nothing floats through it."""
    for function, rows in code[name].items():
        if not function.startswith("kmodel_"):
            continue
        bases = {"a0"}
        for op, operands in rows:
            target, _, source = operands.partition(",")
            if op in ("mv", "c.mv") and source in bases:
                bases.add(target)
            elif target in bases and not op.startswith(("s", "b", "f")):
                bases.discard(target)
            load = re.search(r"\((\w+)\)", operands)
            if op in ("flw", "fld") and load:
                assert load[1] not in bases, f"{function}: {op} {operands}"


@pytest.mark.parametrize("name", WITH_FLOATS)
def test_no_product_is_fused_with_a_sum(
    code: dict[str, dict[str, list[tuple[str, str]]]], name: str
) -> None:
    instructions = [op for rows in code[name].values() for op, _ in rows]
    assert [op for op in instructions if FLOAT.match(op)]
    assert not [op for op in instructions if re.match(r"fn?m(add|sub)", op)]
