# SPDX-License-Identifier: MIT
"""The C formatter: upstream's own sources are its witnesses."""

from __future__ import annotations

from pathlib import Path

import pytest
from microkpu import c_format
from microkpu.sources import fetch, pinned

# Upstream formats these with its own tool before it releases. All but vm.c hold lines that only
# the correction after uncrustify puts in their place.
UPSTREAM = (
    "py/binary.c",
    "py/compile.c",
    "py/objstr.c",
    "py/runtime.c",
    "py/vm.c",
    "extmod/moductypes.c",
    "ports/stm32/uart.c",
)


@pytest.fixture(scope="module")
def micropython() -> Path:
    return fetch(pinned("micropython"))


@pytest.mark.parametrize("name", UPSTREAM)
def test_upstreams_sources_stay_as_they_are(micropython: Path, name: str) -> None:
    path = micropython / name
    configuration = micropython / c_format.CONFIGURATION
    assert c_format.formatted(path, configuration) == path.read_text()


def test_a_conditional_in_a_chain_stands_as_deep_as_the_chain() -> None:
    before = ["{\n", "    if (a) {\n", "        #if X\n", "    } else if (b) {\n"]
    before += ["        #endif\n", "    }\n", "}\n"]
    after = [line.replace("        #", "    #") for line in before]
    assert c_format.dedented(before) == after


def test_check_shows_and_keeps_and_format_mends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.c"
    path.write_text("int f(int a){\n  if(a) return 1;\n  return 0;\n}\n")
    before = path.read_text()
    assert c_format.main(["--check", str(path)]) == 1
    assert path.read_text() == before
    assert "+int f(int a) {" in capsys.readouterr().out
    assert c_format.main([str(path)]) == 0
    assert path.read_text() != before
    assert c_format.main(["--check", str(path)]) == 0


def test_it_finds_the_projects_sources() -> None:
    found = {str(path.relative_to(c_format.ROOT)) for path in c_format.sources()}
    assert {"sdk/regs/kpu.h", "ports/k210/main.c", "modules/kpu/kmodel.h"} <= found
    assert "tools/microkpu/native/kpu_layer.c" in found
    assert not any(name.startswith(("build/", ".venv/")) for name in found)
