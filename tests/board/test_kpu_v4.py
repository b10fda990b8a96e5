# SPDX-License-Identifier: MIT
"""kmodel V4 on the board: outputs equal to the vendor's arithmetic and to the host's runtime."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from microkpu.board import RemoteBoard
from microkpu.errors import MicrokpuError
from microkpu.kmodel import oracle4, v4
from microkpu.kmodel.host import HostModel
from microkpu.kmodel.v4 import MemoryType, Shape

from .kpu_support import (
    GOLDEN,
    MODEL,
    FlashImage,
    assert_bytes,
    give,
    golden,
    reversed_words,
    shared,
    vector,
)
from .test_kpu import PYTHON_FILES

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
from kmodel4_files import f32, kpu_conv, model_file, u8

OPS = "v4_neutral_ops/ops.kmodel"
INDEX = json.loads((GOLDEN / "v4_neutral_ops" / "index.json").read_text())
# The chip's library differs from the host's in these.
ROUNDED = (
    "softmax",
    "unary cos",
    "unary exp",
    "unary log",
    "unary rsqrt",
    "unary sin",
    "nnil sig",
)
FACE = "canmv_examples__face_detect_320x240.kmodel"


@pytest.fixture
def ops(board: RemoteBoard, flash_image: FlashImage) -> RemoteBoard:
    """A board with every neutral operator loaded as m and its golden input in x."""
    flash_image(MODEL, golden(OPS))
    give(board, flash_image, "x", vector("v4_neutral_ops/input.npy").tobytes())
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})")
    return board


@pytest.mark.parametrize("name", ["tiny4", "tiny54"])
def test_a_small_net_gives_its_golden_output_again_and_again(
    board: RemoteBoard, flash_image: FlashImage, name: str
) -> None:
    flash_image(MODEL, golden(f"tiny_selfmade/{name}.kmodel"))
    give(board, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})")
    for _ in range(3):
        board.exec("fm = kpu.forward(m, x)")
        assert_bytes(board, "fm", vector(f"tiny_selfmade/{name}_out.npy"))
    assert board.eval("(fm.w(), fm.h(), fm.ch(), fm.typecode())") == (16, 12, 12, "f")


def test_every_neutral_operator_gives_its_golden_output(ops: RemoteBoard) -> None:
    ops.exec("kpu.forward(m, x)")
    on_host = HostModel(golden(OPS)).run(vector("v4_neutral_ops/input.npy"))
    for op in INDEX:
        output = f"kpu.get_output(m, {op['i']})"
        expected = vector(f"v4_neutral_ops/out{op['i']:02d}.npy").ravel()
        if op["op"].startswith(ROUNDED):
            got = np.frombuffer(ops.get_buffer(output), expected.dtype)
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=3e-7, err_msg=op["op"])
        else:
            assert_bytes(ops, output, expected)
            assert_bytes(ops, output, on_host[op["i"]])


def test_files_that_python_gives_are_only_read_on(
    ops: RemoteBoard, flash_image: FlashImage
) -> None:
    """Its tables go on behind constants that end after 4 KiB; such a file cannot seek."""
    model = v4.parse(golden(OPS))
    constants = model.constants + np.random.default_rng(3).bytes(9000 - len(model.constants))
    give(ops, flash_image, "data", v4.pack(replace(model, constants=constants)))
    give(ops, flash_image, "x", vector("v4_neutral_ops/input.npy").tobytes())
    for ioctl in ("return 0", "return 0 if request == 4 else -22"):  # 4 is to close
        ops.exec(PYTHON_FILES.replace("return 0\n", f"{ioctl}\n", 1))
        ops.exec("m = kpu.load('/py/model')\nkpu.forward(m, x)\nvfs.umount('/py')")
        for op in INDEX[:8]:
            expected = vector(f"v4_neutral_ops/out{op['i']:02d}.npy")
            if not op["op"].startswith(ROUNDED):
                assert_bytes(ops, f"kpu.get_output(m, {op['i']})", expected)


def test_shapes_come_from_the_file_and_set_outputs_is_checked(ops: RemoteBoard) -> None:
    ops.exec("kpu.forward(m, x)\nfm = kpu.get_output(m, 16)")
    assert ops.eval("(fm.w(), fm.h(), fm.ch(), fm.size(), fm.typecode())") == (6, 3, 12, 864, "f")
    said = ops.exec(
        "print(kpu.set_outputs(m, 15, 10, 3, 16))\n"
        "fm = kpu.get_output(m, 15)\n"
        "print((fm.w(), fm.h(), fm.ch()))\n"
        "print(kpu.set_outputs(m, 15, 10, 3, 17))"
    )
    assert said.splitlines()[:2] == ["True", "(10, 3, 16)"]
    assert said.splitlines()[-1] == "False"


def test_netinfo_names_the_nodes(board: RemoteBoard, flash_image: FlashImage) -> None:
    flash_image(MODEL, golden("tiny_selfmade/tiny4.kmodel"))
    board.exec(f"import KPU as kpu\ninfo = kpu.netinfo(kpu.load({MODEL}))")
    assert board.eval("[layer.type() for layer in info]") == [0x2002] * 5 + [3]
    assert board.eval("(info[0].wi(), info[0].hi(), info[0].chi(), info[0].cho())") == (
        64,
        48,
        3,
        16,
    )
    assert board.eval("info[1].dw()") == 1


def test_a_file_may_end_short_and_be_followed_by_other_data(
    board: RemoteBoard, flash_image: FlashImage
) -> None:
    data = golden("tiny_selfmade/tiny4.kmodel")
    give(board, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    give(board, flash_image, "d", data + b"\xa5" * 1000)
    board.exec("import KPU as kpu")
    assert_bytes(board, "kpu.forward(kpu.load(d), x)", vector("tiny_selfmade/tiny4_out.npy"))
    said = board.exec(f"try:\n kpu.load(d[:{len(data) - 8}])\nexcept ValueError as e:\n print(e)")
    assert f"the file ends after {len(data) - 8} bytes, its fields ask for {len(data)}" in said


def test_a_real_model_gives_the_vendors_bits(board: RemoteBoard, flash_image: FlashImage) -> None:
    flash_image(MODEL, shared("models", FACE).read_bytes())
    image = np.load(shared("golden", "face_v4_320x240_astronaut/input.npy"))
    give(board, flash_image, "x", image.tobytes())
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})\nfm = kpu.forward(m, x)")
    assert board.eval("(fm.w(), fm.h(), fm.ch(), fm.typecode())") == (10, 8, 54, "f")
    expected = np.load(shared("golden", "face_v4_320x240_astronaut/output0.npy"))
    assert_bytes(board, "fm", expected)


ADDENDS = np.random.default_rng(8).normal(size=3071).astype("<f4")  # 12,284 bytes: no whole rows
ROW = Shape(1, 1, 1, ADDENDS.size)
SUM = model_file(
    [
        v4.Binary(
            a=f32(0, ADDENDS.size),
            b=v4.MemoryRange(MemoryType.CONSTANTS, v4.DataType.F32, 0, ADDENDS.nbytes),
            out=f32(16384, ADDENDS.size), op=0, shape_a=ROW, shape_b=ROW, shape_out=ROW,
        ),
    ],
    inputs=[(f32(0, ADDENDS.size), ROW)],
    outputs=[f32(16384, ADDENDS.size)],
    main=32768,
    constants=ADDENDS.tobytes() + bytes(4),
)  # fmt: skip


@pytest.mark.parametrize("source", ["flash", "reversed", "load_flash", "file", "buffer"])
def test_constants_come_to_their_own_place_from_any_source(
    board: RemoteBoard, flash_image: FlashImage, source: str
) -> None:
    x = np.random.default_rng(9).normal(size=ADDENDS.size).astype("<f4")
    flash_image(MODEL, reversed_words(SUM) if source == "reversed" else SUM)
    give(board, flash_image, "x", x.tobytes())
    given = {"file": "'/flash/sum'", "buffer": "d"}.get(source, str(MODEL))
    call = f"load_flash({MODEL}, 1, 0x4000, 40000000)" if "_" in source else f"load({given})"
    if source == "buffer":
        give(board, flash_image, "d", SUM)
    elif source == "file":
        board.put("/flash/sum", SUM)
    board.exec(f"import KPU as kpu\nm = kpu.{call}")
    for _ in range(2):
        assert_bytes(board, "kpu.forward(m, x)", x + ADDENDS)


@pytest.mark.parametrize("end", [20, 5000, 12000, len(SUM) - 200, len(SUM) - 8])
def test_a_file_that_ends_early_is_refused_in_the_hosts_words(
    board: RemoteBoard, flash_image: FlashImage, end: int
) -> None:
    """Before, in and behind the constants, which are left out of the file's place in memory."""
    give(board, flash_image, "d", SUM)
    said = board.exec(
        f"import KPU as kpu\ntry:\n kpu.load(d[:{end}])\nexcept ValueError as e:\n print(e)"
    )
    with pytest.raises(MicrokpuError) as refused:
        HostModel(SUM[:end])
    assert str(refused.value) in said


BATCHES = model_file(
    [
        v4.KpuUpload(
            in_=u8(0, 720), out=u8(0, 3 * 64 * 6, MemoryType.AI_RAM), shape=Shape(3, 2, 6, 20)
        ),
        kpu_conv(batches=3, pool=1, src=0, dst=100),
        kpu_conv(
            inputs=(3, 3, 10), outputs=5, batches=3, src=100, dst=200, main_out=1024, kernel=1
        ),
    ],
    inputs=[(u8(0, 720), Shape(3, 2, 6, 20))],
    outputs=[u8(1024, 450)],
    main=2048,
)
# The second input is two maps in AI RAM, which two layers read.
INPUTS = model_file(
    [
        kpu_conv(batches=2, main_out=256),
        v4.MemoryCopy(in_=u8(0, 96), out=u8(1024, 96)),
    ],
    inputs=[
        (u8(0, 96), Shape(1, 1, 1, 96)),
        (u8(0, 768, MemoryType.AI_RAM), Shape(2, 2, 6, 20)),
    ],
    outputs=[u8(256, 720), u8(1024, 96)],
    main=2048,
)


@pytest.mark.parametrize(("file", "parts"), [(BATCHES, [720]), (INPUTS, [96, 480])])
def test_batches_and_several_inputs_are_as_the_oracle_has_them(
    board: RemoteBoard, flash_image: FlashImage, file: bytes, parts: list[int]
) -> None:
    x = np.random.default_rng(3).integers(0, 256, sum(parts), np.uint8)
    flash_image(MODEL, file)
    give(board, flash_image, "x", x.tobytes())
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})\nkpu.forward(m, x)")
    inputs = np.split(x, np.cumsum(parts)[:-1])
    for index, expected in enumerate(oracle4.run(file, *inputs)):
        assert_bytes(board, f"kpu.get_output(m, {index})", expected)
