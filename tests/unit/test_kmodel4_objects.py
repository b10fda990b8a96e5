# SPDX-License-Identifier: MIT
"""The V4 runtime compiled for the chip: the file is read as integers, and nothing is fused."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from kmodel_files import ROOT
from test_kmodel_objects import CROSS, FLAGS, FLOAT, MODULE, functions

# Sources that compute with floats; the others only read the file.
WITH_FLOATS = {f"kmodel4_{name}" for name in ("elements", "floats", "nnil", "planes", "windows")}
SOURCES = {path.stem for path in MODULE.glob("kmodel4_*.c")}
# The body's pointer is the first word of what operators get in a0.
BODY = re.compile(r"^(\w+),0\((\w+)\)$")

Functions = dict[str, list[tuple[str, str]]]


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Functions]:
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


@pytest.mark.parametrize("name", sorted(SOURCES - WITH_FLOATS))
def test_what_only_reads_the_file_has_no_floats(code: dict[str, Functions], name: str) -> None:
    instructions = [op for rows in code[name].values() for op, _ in rows]
    assert len(instructions) > 20
    assert not [op for op in instructions if FLOAT.match(op)]


@pytest.mark.parametrize("name", sorted(WITH_FLOATS))
def test_no_float_is_loaded_through_the_bodys_pointer(
    code: dict[str, Functions], name: str
) -> None:
    """Once loaded from the node, and until its register is written, nothing floats through it."""
    seen = 0
    for function, rows in code[name].items():
        nodes, bodies = {"a0"}, set[str]()
        for op, operands in rows:
            target, _, source = operands.partition(",")
            load = re.search(r"\((\w+)\)", operands)
            if op in ("flw", "fld") and load:
                assert load[1] not in bodies, f"{function}: {op} {operands}"
            if op.startswith(("s", "b", "f", "j")) and not op.startswith(
                ("sub", "sll", "sr", "sext")
            ):
                continue
            body = BODY.match(operands)
            if op == "ld" and body and body[2] in nodes:
                seen += 1
                bodies.add(target)
                nodes.discard(target)
                continue
            for kind in (nodes, bodies):
                if op == "mv" and source in kind:
                    kind.add(target)
                else:
                    kind.discard(target)
    assert seen > 0


@pytest.mark.parametrize("name", sorted(WITH_FLOATS))
def test_no_product_is_fused_with_a_sum(code: dict[str, Functions], name: str) -> None:
    instructions = [op for rows in code[name].values() for op, _ in rows]
    assert [op for op in instructions if FLOAT.match(op)]
    assert not [op for op in instructions if re.match(r"fn?m(add|sub)", op)]
