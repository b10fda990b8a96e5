# SPDX-License-Identifier: MIT
"""The loader of V4 under AddressSanitizer and UBSan: no file, however broken, causes a bad access.

What the loader accepts is also run, and must come to its end.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from kmodel4_files import IN, NODES, OUT, SHAPE, f32, kpu_conv, model_file, u8
from kmodel_files import ROOT, golden
from microkpu.kmodel import v4
from microkpu.kmodel.v4 import MemoryType, Shape

SECONDS = 10.0  # for all files together
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
BUILDS = {"streamed": (), "copied": ("-DKMODEL_COPY_BY_CPU=1",)}


@pytest.fixture(scope="module", params=BUILDS)
def harness(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The loader, the host's KPU and the harness, with sanitizers."""
    program = tmp_path_factory.mktemp("kmodel4") / "harness"
    native = ROOT / "tools" / "microkpu" / "native"
    module = ROOT / "modules" / "kpu"
    sources = [
        Path(__file__).with_name("kmodel_harness.c"),
        *sorted(native.glob("*.c")),
        *sorted(module.glob("kmodel*.c")),
    ]
    warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers"]
    command = ["gcc", "-std=gnu11", "-O1", "-g", "-ffp-contract=off", *SANITIZE, *warnings]
    command += [f"-I{folder}" for folder in (native, module, ROOT / "sdk")]
    command += BUILDS[request.param]
    subprocess.run([*command, *sources, "-o", program, "-lm"], check=True)
    return program


def on_the_kpu() -> bytes:
    """Uploads, layers with batches in a row, results in main memory, an input in AI RAM."""
    maps = Shape(2, 2, 6, 20)
    return model_file(
        [
            v4.KpuUpload(in_=u8(0, 480), out=u8(64 * 2000, 768, MemoryType.AI_RAM), shape=maps),
            kpu_conv(batches=2, pool=1, src=2000, dst=2100),
            kpu_conv(inputs=(3, 3, 10), outputs=4, batches=2, src=2100, dst=2200, main_out=600),
            kpu_conv(batches=2, src=0, dst=100, main_out=1000, depthwise=True, outputs=2),
        ],
        inputs=[(u8(0, 480), maps), (u8(0, 768, MemoryType.AI_RAM), maps)],
        outputs=[u8(600, 240), u8(1000, 480)],
        main=1600,
    )


FILES = {
    "ops": golden("v4_neutral_ops/ops.kmodel"),
    "tiny4": golden("tiny_selfmade/tiny4.kmodel"),
    "nodes": model_file(
        list(NODES.values()),
        inputs=[(IN, SHAPE), (f32(96, 90), Shape(1, 1, 9, 10))],
        outputs=[OUT, u8(512, 200)],
    ),
    "kpu": on_the_kpu(),
}


def call(harness: Path, tmp_path: Path, name: str, *arguments: str) -> tuple[int, int]:
    """How many files were accepted and how many refused."""
    file = tmp_path / f"{name}.kmodel"
    file.write_bytes(FILES[name])
    done = subprocess.run(
        [harness, arguments[0], file, *arguments[1:]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stderr}\n(exit {done.returncode})"
    accepted, refused = done.stdout.split()
    return int(accepted), int(refused)


@pytest.mark.parametrize("name", ["nodes", "kpu"])
def test_every_truncation_is_refused_or_runs_sanitized(
    harness: Path, tmp_path: Path, name: str
) -> None:
    accepted, refused = call(harness, tmp_path, name, "truncate")
    assert accepted + refused == len(FILES[name]) + 1
    assert 1 <= accepted <= 8


@pytest.mark.parametrize("name", FILES)
def test_mutated_files_are_refused_or_run_sanitized(
    harness: Path, tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    both = len(FILES) * len(BUILDS)
    seconds = (request.config.getoption("--fuzz-seconds", default=None) or SECONDS) / both
    accepted, refused = call(harness, tmp_path, name, "mutate", "1", str(seconds))
    assert accepted > 0
    assert refused > 0
