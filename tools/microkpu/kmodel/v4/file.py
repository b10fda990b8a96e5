# SPDX-License-Identifier: MIT
"""A file of V4 as a whole: header, tensors' places, constants, nodes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from microkpu.errors import MicrokpuError
from microkpu.kmodel.v4.body import Body
from microkpu.kmodel.v4.byte_nodes import (
    Dequantize,
    Quantize,
    QuantizedBinary,
    QuantizedConv2d,
    QuantizedMatmul,
    TableLookup1d,
)
from microkpu.kmodel.v4.float_nodes import (
    Binary,
    Concat,
    Conv2d,
    Conv2dTranspose,
    Matmul,
    MemoryCopy,
    NnilUnaryMethod,
    Pad,
    Reduce,
    ReduceWindow2d,
    ResizeImage,
    Softmax,
    StridedSlice,
    Transpose,
    Unary,
)
from microkpu.kmodel.v4.kpu_nodes import KpuConv2d, KpuUpload
from microkpu.kmodel.v4.types import MemoryRange, Shape, pack_value

IDENTIFIER = 0x4B4D444C  # "LDMK"
VERSION = 4
HEADER = struct.Struct("<10I")
NODE_HEADER = struct.Struct("<2I")
BODY_ALIGN = 8


class Target(IntEnum):
    CPU = 0
    K210 = 1


BODIES: dict[int, type[Body]] = {
    kind.OPCODE: kind
    for kind in (
        Binary, Concat, Conv2d, Dequantize, Matmul, Pad, Quantize, Reduce, ReduceWindow2d,
        MemoryCopy, ResizeImage, Softmax, Transpose, StridedSlice, Unary, QuantizedConv2d,
        QuantizedMatmul, QuantizedBinary, TableLookup1d, Conv2dTranspose, NnilUnaryMethod,
        KpuUpload, KpuConv2d,
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Everything that a file holds. Inputs in AI RAM are given as planes of bytes."""

    inputs: tuple[MemoryRange, ...]
    input_shapes: tuple[Shape, ...]
    outputs: tuple[MemoryRange, ...]
    constants: bytes
    main_memory: int
    nodes: tuple[Body, ...]
    target: int = Target.K210
    flags: int = 0


def pack(model: Model) -> bytes:
    """The file's bytes, each body padded to eight from the file's start."""
    head = b"".join(pack_value("MemoryRange", place) for place in model.inputs)
    head += b"".join(pack_value("Shape", shape) for shape in model.input_shapes)
    head += b"".join(pack_value("MemoryRange", place) for place in model.outputs)
    head += model.constants
    start = HEADER.size + len(head) + NODE_HEADER.size * len(model.nodes)
    table = b""
    bodies = bytearray(-start % BODY_ALIGN if model.nodes else 0)
    if bodies:
        raise MicrokpuError(f"{len(model.constants)} bytes of constants: pad them to {BODY_ALIGN}")
    for node in model.nodes:
        body = node.pack(start + len(bodies))
        body += bytes(-len(body) % BODY_ALIGN)
        table += NODE_HEADER.pack(node.OPCODE, len(body))
        bodies += body
    header = HEADER.pack(
        IDENTIFIER,
        VERSION,
        model.flags,
        model.target,
        len(model.constants),
        model.main_memory,
        len(model.nodes),
        len(model.inputs),
        len(model.outputs),
        0,
    )
    return header + head + table + bytes(bodies)


def parse(data: bytes) -> Model:
    """Takes a V4 file apart; MicrokpuError where it is none or ends too early."""
    if len(data) < HEADER.size:
        raise MicrokpuError(f"{len(data)} bytes are no kmodel V4: its header has {HEADER.size}")
    identifier, version, flags, target, constants, main, nodes, inputs, outputs, _ = (
        HEADER.unpack_from(data)
    )
    if (identifier, version) != (IDENTIFIER, VERSION):
        raise MicrokpuError(f"found {identifier:#x}, {version}: this is not kmodel V4")
    sizes = (16 * inputs, 16 * inputs, 16 * outputs, constants, NODE_HEADER.size * nodes)
    at = _starts(HEADER.size, sizes)
    if at[-1] > len(data):
        raise MicrokpuError(f"the file ends at {len(data)}, its tables at {at[-1]}")
    ranges, shapes, results, constant, table = (data[a:b] for a, b in pairwise(at))
    return Model(
        inputs=tuple(MemoryRange(*r) for r in struct.iter_unpack("<4I", ranges)),
        input_shapes=tuple(Shape(*s) for s in struct.iter_unpack("<4i", shapes)),
        outputs=tuple(MemoryRange(*r) for r in struct.iter_unpack("<4I", results)),
        constants=constant,
        main_memory=main,
        nodes=tuple(_bodies(data, at[-1], NODE_HEADER.iter_unpack(table))),
        target=target,
        flags=flags,
    )


def _starts(first: int, sizes: Sequence[int]) -> list[int]:
    starts = [first]
    for size in sizes:
        starts.append(starts[-1] + size)
    return starts


def _bodies(data: bytes, at: int, headers: Iterable[tuple[int, ...]]) -> Iterable[Body]:
    for index, (opcode, size) in enumerate(headers):
        if opcode not in BODIES:
            raise MicrokpuError(f"node {index} has opcode {opcode:#x}, which no runtime has")
        yield BODIES[opcode].unpack(data[at : at + size])
        at += size
