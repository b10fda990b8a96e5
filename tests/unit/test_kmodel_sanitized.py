# SPDX-License-Identifier: MIT
"""The loader under AddressSanitizer and UBSan: no file, however broken, causes a bad access.

What the loader accepts is also run, and must come to its end.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from kmodel_files import ROOT, Conv, golden, identity_segments, layer_words, model_file
from microkpu.kmodel import v3

SECONDS = 10.0  # for all files together
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The loader, the host's KPU and the harness, with sanitizers."""
    program = tmp_path_factory.mktemp("kmodel") / "harness"
    native = ROOT / "tools" / "microkpu" / "native"
    sources = [
        Path(__file__).with_name("kmodel_harness.c"),
        *sorted(native.glob("*.c")),
        *sorted((ROOT / "modules" / "kpu").glob("kmodel*.c")),
    ]
    folders = [native, ROOT / "modules" / "kpu", ROOT / "sdk"]
    warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers"]
    command = ["gcc", "-std=gnu11", "-O1", "-g", "-ffp-contract=off", *SANITIZE, *warnings]
    command += [f"-I{folder}" for folder in folders]
    subprocess.run([*command, *sources, "-o", program, "-lm"], check=True)
    return program


def padded() -> bytes:
    """The layers that no golden file has, AddPadding and Upload, with KPU layers in between."""
    single = Conv(
        layer_words(inputs=(5, 4, 4), outputs=6, src=40, dst=100),
        bytes(range(30)),
        [v3.BatchNorm(100, 3, 4)] * 6,
        identity_segments(),
        main_out=64,
    )
    first = Conv(
        layer_words(inputs=(2, 6, 20), outputs=3, kernel=3, pool=1, src=0, dst=200),
        bytes(range(54)),
        [v3.BatchNorm(1 << 20, -7, 15)] * 3,
        identity_segments(),
    )
    second = Conv(
        layer_words(inputs=(3, 3, 10), outputs=3, kernel=3, depthwise=True, src=200, dst=300),
        bytes(range(27)),
        [v3.BatchNorm(-5, 1000, 2)] * 3,
        identity_segments(),
        main_out=320,
    )
    layers = [
        v3.K210Upload(in_=0, kpu_row=0, w=20, h=6, c=2),
        first,
        second,
        v3.K210AddPadding(in_=320, kpu_row=40, channels=5),
        single,
        v3.K210RemovePadding(in_=64, out=256, channels=6),
    ]
    return model_file(layers, [(320, 90), (256, 6)], 448)


FILES = {
    "ops": golden("v3_cpu_ops/ops.kmodel"),
    "tiny3": golden("tiny_selfmade/tiny3.kmodel"),
    "u004": golden("kpu_unit/u004.kmodel"),
    "u050": golden("kpu_unit/u050.kmodel"),
    "padded": padded(),
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


@pytest.mark.parametrize("name", ["u004", "padded"])
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
    seconds = (request.config.getoption("--fuzz-seconds", default=None) or SECONDS) / len(FILES)
    accepted, refused = call(harness, tmp_path, name, "mutate", "1", str(seconds))
    assert accepted > 0
    assert refused > 0
