# SPDX-License-Identifier: MIT
"""The runtime's build choices: without V4, and with results copied by the CPU."""

from __future__ import annotations

import importlib.util
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from kmodel_files import ROOT, golden, vector


def build(folder: Path, defines: list[str], without: str) -> Any:
    """microkpu.kmodel._runtime as a module of its own."""
    module, native = ROOT / "modules" / "kpu", ROOT / "tools" / "microkpu" / "native"
    binding = ROOT / "tools" / "microkpu" / "kmodel" / "_runtime.c"
    kept = set(module.glob("kmodel*.c")) - (set(module.glob(without)) if without else set())
    out = folder / "_runtime.so"
    # Unoptimised, so that no call of what was left out vanishes by luck.
    command = ["gcc", "-shared", "-fPIC", "-std=gnu11", "-O0", "-ffp-contract=off"]
    command += ["-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers"]
    includes = [sysconfig.get_paths()["include"], native, module, ROOT / "sdk"]
    command += [*defines, *(f"-I{include}" for include in includes)]
    command += [str(path) for path in (binding, *sorted(native.glob("*.c")), *sorted(kept))]
    subprocess.run([*command, "-Wl,-z,now", "-lm", "-o", out], check=True)
    spec = importlib.util.spec_from_file_location("_runtime", out)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def run(runtime: Any, name: str) -> bytes:
    model = runtime.Model(golden(f"tiny_selfmade/{name}.kmodel"))
    outputs: list[bytes] = model.run(vector("tiny_selfmade/input.npy").tobytes())
    return outputs[0]


def test_without_v4_its_files_are_refused_by_name_and_v3_runs(tmp_path: Path) -> None:
    runtime = build(tmp_path, ["-DKMODEL_V4=0"], "kmodel4_*.c")
    with pytest.raises(
        ValueError, match=r"^load error,only support kmodel v3: found kmodel v4, th"
    ):
        runtime.Model(golden("tiny_selfmade/tiny4.kmodel"))
    assert run(runtime, "tiny3") == vector("tiny_selfmade/tiny3_out.npy").tobytes()


def test_results_copied_by_the_cpu_are_the_same_and_need_no_stream(tmp_path: Path) -> None:
    runtime = build(tmp_path, ["-DKMODEL_COPY_BY_CPU=1"], "")
    for name in ("tiny3", "tiny4", "tiny54"):
        model = runtime.Model(golden(f"tiny_selfmade/{name}.kmodel"))
        assert model.needs[1] == 0
        assert run(runtime, name) == vector(f"tiny_selfmade/{name}_out.npy").tobytes()
