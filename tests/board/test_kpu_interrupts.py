# SPDX-License-Identifier: MIT
"""Ctrl-C while one operator computes on the CPU: it ends there, and the next run is exact."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from microkpu.board import RemoteBoard
from microkpu.kmodel import v3, v4
from microkpu.kmodel.host import HostModel
from microkpu.kmodel.v4 import MemoryRange, MemoryType, Nnil, Shape

from .kpu_support import MODEL, FlashImage, assert_bytes, give
from .test_kpu import interrupted_after

# Far below what any of these operators takes, and what a user notices.
LIMIT_SECONDS = 0.02
COUNT = 16 * 48 * 48
SHAPE = Shape(1, 16, 48, 48)


def f32(start: int, elements: int) -> MemoryRange:
    return MemoryRange(MemoryType.MAIN, v4.DataType.F32, start, 4 * elements)


def v4_model(node: v4.Body) -> bytes:
    return v4.pack(
        v4.Model(
            inputs=(f32(0, COUNT),),
            input_shapes=(SHAPE,),
            outputs=(f32(4 * COUNT, COUNT),),
            constants=b"",
            main_memory=8 * COUNT,
            nodes=(node,),
            target=v4.Target.K210,
        )
    )


def conv2d() -> bytes:
    weights = np.random.default_rng(1).normal(0, 0.1, 16 * 16 * 9 + 16).astype("<f4").tobytes()
    return v4_model(
        v4.Conv2d(
            in_=f32(0, COUNT),
            out=f32(4 * COUNT, COUNT),
            shape_in=SHAPE,
            out_ch=16,
            filter_h=3,
            filter_w=3,
            pad_h=v4.Padding(1, 1),
            pad_w=v4.Padding(1, 1),
            tail=weights,
        )
    )


def byte_code() -> bytes:
    program = bytes([Nnil.LOAD] + [Nnil.EXP, Nnil.LOG] * 12 + [Nnil.RETURN])
    return v4_model(v4.NnilUnaryMethod(in_=f32(0, COUNT), out=f32(4 * COUNT, COUNT), tail=program))


def matmul() -> bytes:
    side = 192
    return v4_model(
        v4.Matmul(
            a=f32(0, side * side),
            b=f32(0, side * side),
            out=f32(4 * COUNT, side * side),
            a_rows=side,
            a_cols=side,
            b_cols=side,
            tail=struct.pack(f"<{side}f", *[0] * side),
        )
    )


def pooling() -> bytes:
    half = 4 * COUNT
    body = v3.AveragePool2d(
        in_=0,
        out=half,
        in_w=48,
        in_h=48,
        in_c=16,
        out_w=48,
        out_h=48,
        out_c=16,
        kernel_w=9,
        kernel_h=9,
        stride_w=1,
        stride_h=1,
        padding_w=4,
        padding_h=4,
        act=0,
    ).pack()
    header = v3.Header(3, 1, 0, 1, 32768, 2 * half, 1).pack() + v3.OUTPUT.pack(half, half)
    return header + v3.LAYER_HEADER.pack(v3.AveragePool2d.TYPE, len(body)) + body


MODELS = {
    "conv2d": conv2d(),
    "byte code": byte_code(),
    "matmul": matmul(),
    "pooling": pooling(),
}


@pytest.mark.parametrize("name", MODELS)
def test_ctrl_c_ends_an_operator_while_it_computes(
    board: RemoteBoard, flash_image: FlashImage, name: str
) -> None:
    x = np.random.default_rng(2).normal(size=COUNT).astype(np.float32)
    flash_image(MODEL, MODELS[name])
    give(board, flash_image, "x", x.tobytes())
    board.exec(f"import KPU as kpu, time\nm = kpu.load({MODEL})")
    whole = board.eval(
        "(lambda begin: (kpu.forward(m, x), time.ticks_diff(time.ticks_ms(), begin))[1])"
        "(time.ticks_ms())"
    )
    assert whole > 3 * LIMIT_SECONDS * 1000
    assert interrupted_after(board, "print()\nkpu.forward(m, x)") < LIMIT_SECONDS
    if name == "conv2d":
        board.exec("fm = kpu.forward(m, x)")
        (expected,) = HostModel(MODELS[name]).run(x)
        assert_bytes(board, "fm", expected)
