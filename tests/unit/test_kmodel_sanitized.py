# SPDX-License-Identifier: MIT
"""The loader and the runtime under AddressSanitizer and UBSan: no file, however broken, does harm.

What the loader accepts is also run, and must come to its end. `make fuzz` does the long form.
"""

from __future__ import annotations

import struct
from pathlib import Path

import kmodel_harness
import pytest
from fuzzing import Clock, cases
from kmodel4_files import IN, NODES, OUT, SHAPE, f32, kpu_conv, u8
from kmodel4_files import model_file as model_file4
from kmodel_files import (
    GOLDEN,
    Conv,
    golden,
    identity_segments,
    layer_words,
    model_file,
    shared,
)
from microkpu.kfpkg import read_kfpkg
from microkpu.kmodel import v3, v4
from microkpu.kmodel.v4 import MemoryType, Shape
from microkpu.kmodel.word_order import in_order

SECONDS = 10.0  # for all files of a test together, in the short form
SEED_BYTES = 32 * 1024  # larger golden files are left out: their cases would be slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kmodel")


@pytest.fixture(scope="module")
def harness(folder: Path) -> Path:
    return kmodel_harness.build(folder / "streamed" / "harness")


@pytest.fixture(scope="module")
def copying(folder: Path) -> Path:
    """The build that copies results out of AI RAM by the CPU."""
    flags = (*kmodel_harness.SANITIZE, *kmodel_harness.BUILDS["copied"])
    return kmodel_harness.build(folder / "copied" / "harness", flags)


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


def on_the_kpu() -> bytes:
    """A V4: uploads, layers with batches in a row, results in main memory, an input in AI RAM."""
    maps = Shape(2, 2, 6, 20)
    return model_file4(
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


# Files of our own: layers that no golden file has.
OWN = {
    "padded": padded(),
    "kpu4": on_the_kpu(),
    "nodes": model_file4(
        list(NODES.values()),
        inputs=[(IN, SHAPE), (f32(96, 90), Shape(1, 1, 9, 10))],
        outputs=[OUT, u8(512, 200)],
    ),
}
# What most of the time goes to: every layer type and opcode is in one of them.
MAIN_SEEDS = {
    "ops3": golden("v3_cpu_ops/ops.kmodel"),
    "tiny3": golden("tiny_selfmade/tiny3.kmodel"),
    "u004": golden("kpu_unit/u004.kmodel"),
    "u050": golden("kpu_unit/u050.kmodel"),
    "ops4": golden("v4_neutral_ops/ops.kmodel"),
    "tiny4": golden("tiny_selfmade/tiny4.kmodel"),
    **OWN,
}


def seeds(config: pytest.Config) -> dict[str, bytes]:
    """The main ones; in the long form every small golden file too."""
    if not cases(config, 0, 1):
        return MAIN_SEEDS
    small = [p for p in sorted(GOLDEN.glob("kpu_unit/*.kmodel")) if p.stat().st_size < SEED_BYTES]
    return MAIN_SEEDS | {path.stem: path.read_bytes() for path in small}


def mutate(
    program: Path, folder: Path, config: pytest.Config, what: str, count: int
) -> tuple[int, int]:
    """Accepted and refused, `count` cases shared between the seeds."""
    clock, accepted, refused = Clock(), 0, 0
    files = seeds(config)
    limit = 0.0 if cases(config, 0, 1) else SECONDS / len(files)
    for i, (name, data) in enumerate(files.items()):
        file = folder / f"{name}.kmodel"
        file.write_bytes(data)
        each = -(-count // len(files))
        yes, no = kmodel_harness.call(program, what, file, i + 1, each, limit)
        assert yes > 0 and no > 0, f"{name}: {yes} of {yes + no} accepted"
        accepted += yes
        refused += no
    clock.keep(
        f"kmodel_{what}_{program.parent.name}",
        seeds=len(files),
        accepted=accepted,
        refused=refused,
    )
    return accepted, refused


def test_fuzz_mutated_loads_do_no_harm(
    harness: Path, folder: Path, pytestconfig: pytest.Config
) -> None:
    count = cases(pytestconfig, 100_000, 10_000_000)
    accepted, refused = mutate(harness, folder, pytestconfig, "loads", count)
    assert accepted + refused >= (count if cases(pytestconfig, 0, 1) else 1000)


def test_fuzz_what_is_accepted_of_mutants_runs_to_its_end(
    harness: Path, folder: Path, pytestconfig: pytest.Config
) -> None:
    count = cases(pytestconfig, 1000, 100_000)
    accepted, _ = mutate(harness, folder, pytestconfig, "runs", count)
    assert accepted >= (count if cases(pytestconfig, 0, 1) else 100)


def test_fuzz_mutants_run_where_the_cpu_copies_results(
    copying: Path, folder: Path, pytestconfig: pytest.Config
) -> None:
    accepted, _ = mutate(copying, folder, pytestconfig, "runs", cases(pytestconfig, 500, 20_000))
    assert accepted >= 100


@pytest.mark.parametrize("name", ["u004", *OWN])
def test_every_truncation_is_refused_or_runs_sanitized(
    harness: Path, folder: Path, name: str
) -> None:
    file = folder / f"{name}.kmodel"
    file.write_bytes(MAIN_SEEDS[name])
    accepted, refused = kmodel_harness.call(harness, "truncate", file)
    assert accepted + refused == len(MAIN_SEEDS[name]) + 1
    assert 1 <= accepted <= 8


# Third-party models: those of a second, then the rest.
SMALL_MODELS = (
    "nncase-v0.1.0-rc5__iris.kmodel",
    "nncase-v0.2.0-beta4__iris.kmodel",
    "MaixPy-v1_scripts__mnist.kmodel",
    "canmv_examples__ld5.kmodel",
)
MODELS = (
    *SMALL_MODELS,
    "MaixPy-v1_scripts__face_model_at_0x300000.kfpkg",
    "MaixPy-v1_scripts__face_model_be_at_0x600000.kfpkg",
    "MaixPy-v1_scripts__maix_asr_2900k_0x500000.kmodel",
    "MaixPy-v1_scripts__mask.kmodel",
    "MaixPy-v1_scripts__yolov2.kmodel",
    "canmv_examples__face_detect_320x240.kmodel",
    "canmv_examples__uint8_mnist_cnn_model.kmodel",
    "kendryte-standalone-demo__detect.kmodel",
    "kendryte-standalone-demo__detect_9.kmodel",
    "kendryte-standalone-demo__yolo.kmodel",
    "nncase-v0.1.0-rc5__yolo.kmodel",
    "nncase-v0.2.0-beta4__slim-320.kmodel",
)


def by_its_fields(data: bytes) -> int:
    """A file's length as the fields of its tables add up (docs/kmodel.md)."""
    words = struct.unpack_from("<9I", data)
    if data.startswith(b"LDMK"):
        layers, inputs, outputs = words[6:9]
        tables = 40 + 32 * inputs + 16 * outputs + words[4]
    else:
        layers, outputs = words[3], words[6]
        tables = 28 + 8 * outputs
    sizes = struct.unpack_from(f"<{2 * layers}I", data, tables)[1::2]
    return tables + 8 * layers + sum(sizes)


def plain_model(name: str) -> bytes:
    """The bytes of a third-party model as the runtime takes them."""
    path = shared("models", name)
    if path.suffix == ".kfpkg":
        (part,) = read_kfpkg(path)
        return in_order(part.content)
    return path.read_bytes()


def test_a_prefix_that_lacks_a_used_byte_is_refused(
    harness: Path, folder: Path, pytestconfig: pytest.Config
) -> None:
    """Every prefix of third-party models, one byte after the other.

    Lengths that are accepted are the longest ones; the shortest of them runs to its end while
    what it lacks is poisoned, so no byte that a shorter one had to be refused for is missing.
    """
    clock, prefixes, total = Clock(), 0, 0
    for name in MODELS[: cases(pytestconfig, len(SMALL_MODELS), len(MODELS))]:
        data = plain_model(name)
        file = folder / "model"
        file.write_bytes(data)
        shortest, refused = kmodel_harness.call(harness, "prefixes", file)
        assert shortest == refused, f"{name}: a shorter prefix is refused than one accepted"
        declared = by_its_fields(data)
        assert declared - 7 <= shortest <= min(declared, len(data)), name
        prefixes += len(data) + 1
        total += 1
    clock.keep("kmodel_prefixes", models=total, prefixes=prefixes)
