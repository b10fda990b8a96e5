# SPDX-License-Identifier: MIT
"""Small V4 files for the tests: one node or a few, consistent until a test spoils them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from kmodel_files import identity_segments, layer_words
from microkpu.kmodel import v3, v4
from microkpu.kmodel.v4 import MemoryRange, MemoryType, Shape
from numpy.typing import NDArray

MAIN = 1024
SHAPE = Shape(1, 2, 3, 4)  # of the operators below


def f32(start: int, elements: int) -> MemoryRange:
    return MemoryRange(MemoryType.MAIN, v4.DataType.F32, start, 4 * elements)


def u8(start: int, size: int, memory: int = MemoryType.MAIN) -> MemoryRange:
    return MemoryRange(memory, v4.DataType.U8, start, size)


def model_file(
    nodes: Sequence[v4.Body],
    *,
    inputs: Sequence[tuple[MemoryRange, Shape]] = ((f32(0, 24), SHAPE),),
    outputs: Sequence[MemoryRange] = (f32(512, 24),),
    main: int = MAIN,
    constants: bytes = b"",
    target: int = v4.Target.K210,
) -> bytes:
    return v4.pack(
        v4.Model(
            inputs=tuple(place for place, _ in inputs),
            input_shapes=tuple(shape for _, shape in inputs),
            outputs=tuple(outputs),
            constants=constants,
            main_memory=main,
            nodes=tuple(nodes),
            target=target,
        )
    )


def floats(count: int, seed: int = 1) -> bytes:
    """Weights."""
    numbers: NDArray[Any] = np.random.default_rng(seed).normal(size=count).astype("<f4")
    return numbers.tobytes()


IN, OUT = f32(0, 24), f32(512, 24)
IN_U8, OUT_U8 = u8(0, 24), u8(512, 24)
WINDOW: dict[str, Any] = {"filter_h": 2, "filter_w": 3, "pad_w": v4.Padding(1, 1)}
FACTORS = {"out_mul": 1 << 20, "out_shift": 24, "out_offset": 3}

# One node of each opcode but kpu_conv2d, from `IN` to `OUT` or the same in bytes.
NODES: dict[str, v4.Body] = {
    "Binary": v4.Binary(
        a=IN, b=f32(96, 4), out=OUT, op=0, shape_a=SHAPE, shape_b=Shape(1, 1, 1, 4),
        shape_out=SHAPE,
    ),
    "Concat": v4.Concat(
        out=OUT, inner=8, outer=3, inputs=(f32(0, 12), f32(48, 12)), dims=(2, 2)
    ),
    "Conv2d": v4.Conv2d(
        in_=IN, out=f32(512, 24), shape_in=SHAPE, out_ch=3, tail=floats(3 * 2 * 6 + 3), **WINDOW
    ),
    "Dequantize": v4.Dequantize(in_=IN_U8, out=OUT, param=v4.QuantParam(3, 2.5)),
    "Matmul": v4.Matmul(
        a=IN, b=f32(96, 8), out=f32(512, 12), a_rows=6, a_cols=4, b_cols=2, tail=floats(2)
    ),
    "Pad": v4.Pad(
        in_=IN, out=f32(512, 40), shape_in=SHAPE, pad_n=v4.NO_PADDING, pad_c=v4.NO_PADDING,
        pad_h=v4.Padding(2, 0), pad_w=v4.Padding(-1, 1), value=v4.Scalar(0, bytes(4)),
    ),
    "Quantize": v4.Quantize(in_=IN, out=OUT_U8, param=v4.QuantParam(100, 20.0)),
    "Reduce": v4.Reduce(
        in_=IN, out=f32(512, 2), op=0, shape_in=SHAPE, shape_out=Shape(1, 2, 1, 1), init=0.0
    ),
    "ReduceWindow2d": v4.ReduceWindow2d(
        in_=IN, out=f32(512, 12), op=2, shape_in=SHAPE, pad_h=v4.NO_PADDING, pad_w=v4.NO_PADDING,
        filter_h=2, filter_w=2, stride_h=1, stride_w=1, init=-1.0,
    ),
    "MemoryCopy": v4.MemoryCopy(in_=IN, out=OUT),
    "ResizeImage": v4.ResizeImage(
        in_=IN, out=f32(512, 60), shape_in=SHAPE, out_h=6, out_w=5, mode=0, align_corners=True
    ),
    "Softmax": v4.Softmax(in_=IN, out=OUT, inner=4, outer=6, beta=1.0),
    "Transpose": v4.Transpose(in_=IN, out=OUT, shape_in=SHAPE, perm=Shape(0, 3, 2, 1)),
    "StridedSlice": v4.StridedSlice(
        in_=IN, out=f32(512, 4), shape_in=SHAPE,
        begin=Shape(0, 1, 2, 0), end=Shape(1, 2, -1, 3), strides=Shape(1, 1, -2, 2),
    ),
    "Unary": v4.Unary(in_=IN, out=OUT, op=v4.UnaryOp.SIN),
    "QuantizedConv2d": v4.QuantizedConv2d(
        in_=IN_U8, out=u8(512, 24), shape_in=SHAPE, out_ch=3, in_offset=-7, filter_offset=-100,
        tail=struct.pack("<3i", -9, 0, 70) + bytes(range(36)), **WINDOW, **FACTORS,
    ),
    "QuantizedMatmul": v4.QuantizedMatmul(
        a=IN_U8, b=u8(96, 8), out=u8(512, 12), a_rows=6, a_cols=4, b_cols=2, a_offset=-3,
        b_offset=-90, tail=struct.pack("<2i", 5, -6), **FACTORS,
    ),
    "QuantizedBinary": v4.QuantizedBinary(
        a=IN_U8, b=u8(96, 4), out=OUT_U8, op=3, shape_a=SHAPE, shape_b=Shape(1, 1, 1, 4),
        shape_out=SHAPE, a_offset=-3, a_mul=1 << 10, a_shift=3, b_offset=0, b_mul=1, b_shift=0,
        **FACTORS,
    ),
    "TableLookup1d": v4.TableLookup1d(in_=IN_U8, table=u8(128, 256), out=OUT_U8),
    "Conv2dTranspose": v4.Conv2dTranspose(
        in_=f32(0, 24), out=f32(512, 90), shape_in=SHAPE, shape_out=Shape(1, 3, 5, 6),
        filter_h=2, filter_w=3, stride_h=2, pad_h=v4.Padding(1, 0), tail=floats(2 * 3 * 6 + 3),
    ),
    "NnilUnaryMethod": v4.NnilUnaryMethod(
        in_=IN, out=OUT, tail=bytes([v4.Nnil.LOAD, v4.Nnil.DUP, v4.Nnil.MUL, v4.Nnil.RETURN])
    ),
    "KpuUpload": v4.KpuUpload(in_=IN_U8, out=u8(6400, 384, MemoryType.AI_RAM), shape=SHAPE),
}  # fmt: skip

# A node of bytes takes and gives bytes.
OF_BYTES = ("Dequantize", "TableLookup1d", "KpuUpload")


def one_node(node: v4.Body, main: int = MAIN) -> bytes:
    """A file of one node; its input has bytes in all of what a node may read, its output too."""
    given = u8(0, 384)
    return model_file(
        [node], inputs=[(given, Shape(1, 1, 1, 384))], outputs=[u8(512, 512)], main=main
    )


def kpu_conv(
    *,
    inputs: tuple[int, int, int] = (2, 6, 20),
    outputs: int = 3,
    batches: int = 1,
    main_out: int | None = None,
    aligns: tuple[int, int, int] = (256, 256, 256),
    **fields: Any,
) -> v4.KpuConv2d:
    """A KPU layer with weights that count up; its maps do not overlap."""
    words = layer_words(inputs=inputs, outputs=outputs, **{"kernel": 3, "dst": 400} | fields)
    ins = 1 if words.depth_wise else words.i_ch
    weights = bytes(i % 256 for i in range(outputs * ins * words.kernel_size**2))
    size = words.o_width * words.o_height * outputs * batches
    return v4.KpuConv2d(
        main_out=v4.NOWHERE if main_out is None else u8(main_out, size),
        batches=batches,
        words=words,
        batch_norm=v3.pack_batch_norm([v3.BatchNorm(40, -7, 12)] * outputs),
        activation=v3.pack_activation(identity_segments()),
        weights=weights,
        aligns=aligns,
    )
