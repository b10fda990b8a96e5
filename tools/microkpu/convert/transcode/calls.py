# SPDX-License-Identifier: MIT
"""The tensor functions of a kmodel V5 that V4 can do, by name."""

from __future__ import annotations

from collections.abc import Callable

from microkpu.convert.transcode.memory import Memory
from microkpu.convert.transcode.moves import copy, pad, resize, slice_, transpose
from microkpu.convert.transcode.sums import conv2d, matmul, reduce, reduce_window, softmax
from microkpu.convert.transcode.values import (
    binary,
    dequantize,
    quantize,
    sigmoid,
    table,
    unary,
)
from microkpu.kmodel.v5_code import Call

CALLS: dict[str, Callable[[Memory, Call], None]] = {
    "BINARY": binary,
    "CONV2D": conv2d,
    "COPY": copy,
    "DEQUANTIZE": dequantize,
    "LUT1D": table,
    "MATMUL": matmul,
    "PAD": pad,
    "QUANTIZE": quantize,
    "REDUCE": reduce,
    "REDUCE_WINDOW2D": reduce_window,
    "RESIZE_IMAGE": resize,
    "SIGMOID": sigmoid,
    "SLICE": slice_,
    "SOFTMAX": softmax,
    "TRANSPOSE": transpose,
    "UNARY": unary,
}
