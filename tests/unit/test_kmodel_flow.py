# SPDX-License-Identifier: MIT
"""Weights that are fetched during the run: outputs as with all of them in memory, to the bit."""

from __future__ import annotations

import os
import random
import struct
import subprocess
from pathlib import Path

import pytest
from kmodel4_files import kpu_conv, model_file, u8
from kmodel_files import ROOT
from kmodel_harness import SANITIZE, WARNINGS
from microkpu.kmodel import v4
from microkpu.kmodel.v4 import MemoryType

GOLDEN = ROOT / "tests" / "golden"
TINY = GOLDEN / "tiny_selfmade" / "tiny3.kmodel"
TINY4, TINY54 = (TINY.with_name(f"{name}.kmodel") for name in ("tiny4", "tiny54"))
OPS = GOLDEN / "v3_cpu_ops" / "ops.kmodel"
OPS4 = GOLDEN / "v4_neutral_ops" / "ops.kmodel"
CHANNELS = v4.Shape(1, 40, 3, 10)  # of the V4 below
UNITS = sorted((GOLDEN / "kpu_unit").glob("*.kmodel"))
SHARED = Path(os.environ.get("MICROKPU_SHARED", ROOT.parent / "shared")) / "models"
REAL = {
    "kendryte-standalone-demo__detect": 0.33,
    "MaixPy-v1_scripts__mask": 0.33,
    "canmv_examples__face_detect_320x240": 0.33,
    "canmv_examples__uint8_mnist_cnn_model": 0.33,
    "nncase-v0.2.0-beta4__slim-320": 0.33,
}


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runtime and the harness, with sanitizers."""
    native, module = ROOT / "tools" / "microkpu" / "native", ROOT / "modules" / "kpu"
    program = tmp_path_factory.mktemp("flow") / "harness"
    sources = [
        Path(__file__).with_name("kmodel_flow_harness.c"),
        *sorted(native.glob("*.c")),
        *sorted(module.glob("kmodel*.c")),
    ]
    folders = [f"-I{folder}" for folder in (native, module, ROOT / "sdk")]
    flags = ("-std=gnu11", "-g", "-ffp-contract=off")
    command = ["gcc", *flags, *SANITIZE, *WARNINGS, *folders]
    subprocess.run([*command, *sources, "-o", program, "-lm"], check=True)
    return program


def call(
    program: Path, file: Path, piece: int, percent: int, buffers: int = 2, fail: int = 0
) -> str:
    """What the harness prints; AssertionError with what it or a sanitizer complained of."""
    numbers = map(str, (piece, percent, buffers, 1, fail))
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run(
        [program, file, *numbers], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, f"{done.stderr}\n(exit {done.returncode})"
    return done.stdout.strip()


@pytest.mark.parametrize("file", UNITS, ids=lambda path: path.stem)
def test_every_layout_in_the_smallest_pieces(harness: Path, file: Path) -> None:
    """Pools, widths, channel counts, 8 and 16 bit weights: none stays, then half of them do."""
    for piece, percent in ((512, 0), (4096, 50), (1 << 20, 0)):
        said = call(harness, file, piece, percent)
        if said.startswith("refused"):
            assert piece < 1 << 20 and f"a streamed piece is {piece}, at least" in said
            continue
        assert int(said.split()[0]) <= file.stat().st_size


@pytest.mark.parametrize("tiny", [TINY, TINY4], ids=["v3", "v4"])
@pytest.mark.parametrize("buffers", [1, 2])
@pytest.mark.parametrize("percent", [0, 20, 50, 90, 100])
def test_as_much_stays_as_has_room(harness: Path, tiny: Path, percent: int, buffers: int) -> None:
    fetched = int(call(harness, tiny, 1200, percent, buffers).split()[0])
    cut = fetched if percent == 0 else int(call(harness, tiny, 1200, 0).split()[0])
    assert fetched >= cut * (100 - percent) // 100
    assert fetched <= cut * (100 - percent) // 100 + 4 * 1200
    assert percent < 100 or fetched == 0


@pytest.mark.parametrize("file", [OPS, OPS4, TINY54], ids=lambda path: path.parent.name)
def test_layers_of_the_cpu_between(harness: Path, file: Path) -> None:
    call(harness, file, 1200, 0)


def v4_of_layers(constants: bytes = b"") -> bytes:
    """Batches in a row, depthwise, layers to cut with and without a result in main memory."""
    planes = v4.Shape(2, 2, 6, 20)
    return model_file(
        [
            kpu_conv(batches=2, pool=1, src=0, dst=2100, outputs=16),
            kpu_conv(inputs=(16, 3, 10), outputs=40, batches=2, src=2100, dst=2400, main_out=5000),
            v4.MemoryCopy(in_=u8(5000, 1200), out=u8(0, 1200)),
            v4.KpuUpload(in_=u8(0, 1200), out=u8(0, 1920, MemoryType.AI_RAM), shape=CHANNELS),
            kpu_conv(inputs=(40, 3, 10), outputs=200, src=0, dst=3000),
            kpu_conv(inputs=(200, 3, 10), outputs=200, src=3000, dst=4000, depthwise=True),
            kpu_conv(inputs=(200, 3, 10), outputs=90, src=4000, dst=5000, kernel=1, main_out=8192),
        ],
        inputs=[(u8(0, 2 * 2 * 6 * 64, MemoryType.AI_RAM), planes)],
        outputs=[u8(8192, 2700), u8(5000, 2400)],
        main=16384,
        constants=constants,
    )


@pytest.mark.parametrize("percent", [0, 40, 100])
@pytest.mark.parametrize("constants", [0, 8, 1000, 4096])
def test_batches_and_constants_of_a_v4(
    harness: Path, tmp_path: Path, percent: int, constants: int
) -> None:
    """A layer with batches keeps its weights; the two that can be cut are fetched."""
    file = tmp_path / "layers.kmodel"
    file.write_bytes(v4_of_layers(bytes(constants)))
    said = call(harness, file, 2048, percent)
    assert not said.startswith("refused"), said
    fetched = int(said.split()[0])
    cut = 200 * 40 * 9 + 90 * 200
    assert fetched == cut if percent == 0 else fetched < cut


@pytest.mark.parametrize(("name", "share"), REAL.items())
def test_real_models(harness: Path, name: str, share: float) -> None:
    file = SHARED / f"{name}.kmodel"
    if not file.is_file():
        pytest.skip(f"no {file}: MICROKPU_SHARED names the folder of third-party models")
    assert int(call(harness, file, 32768, 30).split()[0]) > file.stat().st_size * share


@pytest.mark.parametrize("file", [TINY, TINY54], ids=["v3", "v4"])
def test_a_source_that_fails_at_any_call(harness: Path, file: Path) -> None:
    calls = int(call(harness, file, 1200, 30).split()[1])
    assert calls > 30
    for fail in range(1, calls // 3 + 1):  # later ones are of the second and third run
        assert call(harness, file, 1200, 30, fail=fail) == "failed", fail


@pytest.mark.parametrize("file", [TINY, TINY4], ids=["v3", "v4"])
def test_a_piece_too_small_is_refused_with_numbers(harness: Path, file: Path) -> None:
    said = call(harness, file, 8, 0)
    assert said.startswith("refused: "), said
    assert "a streamed piece is 8, at least" in said


def test_sizes_that_wrap_around_are_refused(harness: Path, tmp_path: Path) -> None:
    """A body so large that a 32-bit sum of the skeleton's size would come out small."""
    data = bytearray(OPS.read_bytes())
    layers, outputs = struct.unpack_from("<I", data, 12)[0], struct.unpack_from("<I", data, 24)[0]
    table = 28 + 8 * outputs
    for layer in range(layers):
        for size in (0xFFFFFFF8, 0x100000000 - table - 8 * layers):
            spoilt = bytearray(data) + bytes(1 << 16)
            struct.pack_into("<I", spoilt, table + 8 * layer + 4, size)
            file = tmp_path / "wrap.kmodel"
            file.write_bytes(spoilt)
            assert call(harness, file, 1200, 0).startswith("refused: ")


@pytest.mark.parametrize("source", [TINY, OPS, TINY4, OPS4], ids=["v3", "v3ops", "v4", "v4ops"])
def test_mutated_files_do_no_harm(harness: Path, tmp_path: Path, source: Path) -> None:
    """Words of the tables and bodies replaced: refused or run, with the result of the whole."""
    data, rng = source.read_bytes(), random.Random(4)
    refused = 0
    for _ in range(25):
        spoilt = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            at = 4 * rng.randrange(min(len(data), 1024) // 4)
            old = struct.unpack_from("<I", spoilt, at)[0]
            odd = (old ^ 1 << rng.randrange(32), rng.randrange(1 << 32), 0, 0xFFFFFFFF, old + 8)
            struct.pack_into("<I", spoilt, at, rng.choice(odd) & 0xFFFFFFFF)
        file = tmp_path / "mutated.kmodel"
        file.write_bytes(spoilt)
        refused += call(harness, file, 1200, 30).startswith("refused")
    assert 5 < refused < 25
