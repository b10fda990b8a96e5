# SPDX-License-Identifier: MIT
"""The kmodel V4 format (nncase 0.2), read and written: header, tensors' places, node bodies.

docs/kmodel.md describes the format. Reading here only takes a file apart; whether it is safe to
run is for `microkpu.kmodel._runtime` (the checks of the board) to say.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, Self

from microkpu.errors import MicrokpuError
from microkpu.kpu_words import LayerWords

IDENTIFIER = 0x4B4D444C  # "LDMK"
VERSION = 4
HEADER = struct.Struct("<10I")
NODE_HEADER = struct.Struct("<2I")
BODY_ALIGN = 8
WORDS_BYTES = 96
ACTIVATION_BYTES = 144
FLOAT_MOST = 3.4028234663852886e38  # a ValueRange that bounds nothing ends here


class Target(IntEnum):
    CPU = 0
    K210 = 1


class MemoryType(IntEnum):
    CONSTANTS = 0
    MAIN = 1
    AI_RAM = 2


class DataType(IntEnum):
    F32 = 0
    U8 = 1


class Opcode(IntEnum):
    BINARY = 0x00
    CONCAT = 0x01
    CONV2D = 0x02
    DEQUANTIZE = 0x03
    MATMUL = 0x04
    PAD = 0x05
    QUANTIZE = 0x06
    REDUCE = 0x07
    REDUCE_WINDOW2D = 0x08
    MEMORY_COPY = 0x09
    RESIZE_IMAGE = 0x0A
    SOFTMAX = 0x0B
    TRANSPOSE = 0x0C
    STRIDED_SLICE = 0x0D
    UNARY = 0x0E
    QUANTIZED_CONV2D = 0x0F
    QUANTIZED_MATMUL = 0x10
    QUANTIZED_BINARY = 0x11
    TABLE_LOOKUP1D = 0x12
    CONV2D_TRANSPOSE = 0x13
    NNIL_UNARY_METHOD = 0x14
    KPU_UPLOAD = 0x2001
    KPU_CONV2D = 0x2002


class BinaryOp(IntEnum):
    ADD = 0
    SUB = 1
    MUL = 2
    DIV = 3
    MIN = 4
    MAX = 5


class UnaryOp(IntEnum):
    ABS = 0
    CEIL = 1
    COS = 2
    EXP = 3
    FLOOR = 4
    LOG = 5
    NEG = 6
    RSQRT = 7
    SIN = 8
    SQUARE = 9


class ReduceOp(IntEnum):
    MEAN = 0
    MIN = 1
    MAX = 2
    SUM = 3


class ResizeMode(IntEnum):
    BILINEAR = 0
    NEAREST = 1


class Nnil(IntEnum):
    """The byte codes of a NnilUnaryMethod: a stack of floats, one run for each element."""

    NOP = 0x00
    DUP = 0x01
    POP = 0x02
    LOAD = 0x03  # pushes the element
    PUSH_ZERO = 0x04
    PUSH_ONE = 0x05
    PUSH = 0x06  # four bytes of float follow, at any alignment
    ABS = 0x20
    CEIL = 0x21
    COS = 0x22
    EXP = 0x23
    FLOOR = 0x24
    LOG = 0x25
    NEG = 0x26
    RSQRT = 0x27
    SIN = 0x28
    SQUARE = 0x29
    ADD = 0x40
    SUB = 0x41
    MUL = 0x42
    DIV = 0x43
    MIN = 0x44
    MAX = 0x45
    CLAMP = 0x80  # value, low, high
    RETURN = 0xA0


# -- what bodies are made of


class MemoryRange(NamedTuple):
    """Where a tensor lies: bytes of its memory, also in AI RAM; size 0: nowhere."""

    memory: int
    type: int
    start: int
    size: int


class Shape(NamedTuple):
    n: int
    c: int
    h: int
    w: int

    @property
    def elements(self) -> int:
        return self.n * self.c * self.h * self.w


class Padding(NamedTuple):
    """Elements added, or cut away where below 0."""

    before: int
    after: int


class ValueRange(NamedTuple):
    low: float = -FLOAT_MOST
    high: float = FLOAT_MOST


class QuantParam(NamedTuple):
    """real = (q - zero_point) / scale."""

    zero_point: int
    scale: float


class Scalar(NamedTuple):
    """A value of a DataType, as its four bytes."""

    type: int
    value: bytes


NOWHERE = MemoryRange(MemoryType.CONSTANTS, DataType.F32, 0, 0)
NO_PADDING = Padding(0, 0)
UNBOUNDED = ValueRange()

# By annotation: the struct's letters and, where it is more than a number, how it is put together.
LAYOUTS: dict[str, tuple[str, Any]] = {
    "MemoryRange": ("4I", MemoryRange),
    "Shape": ("4i", Shape),
    "Padding": ("2i", Padding),
    "ValueRange": ("2f", ValueRange),
    "QuantParam": ("if", QuantParam),
    "Scalar": ("i4s", Scalar),
    "int": ("i", None),
    "float": ("f", None),
    "bool": ("B3x", None),
}


def pack_value(annotation: str, value: Any) -> bytes:
    letters, make = LAYOUTS[annotation]
    return struct.pack("<" + letters, *(value if make else (value,)))


def unpack_value(annotation: str, data: bytes, at: int) -> tuple[Any, int]:
    """The value, and where the next begins."""
    letters, make = LAYOUTS[annotation]
    values = struct.unpack_from("<" + letters, data, at)
    size = struct.calcsize("<" + letters)
    if annotation == "bool":
        return bool(values[0]), at + size
    return make(*values) if make else values[0], at + size


# -- bodies: the fields in the order of the file, then `tail` where the opcode has one


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A node's body; a tail that was read may end in the writer's padding."""

    OPCODE: ClassVar[Opcode]
    tail: bytes = b""

    @classmethod
    def layout(cls) -> list[tuple[str, str]]:
        """Name and annotation of each field but the tail."""
        return [(f.name, str(f.type)) for f in fields(cls) if f.name != "tail"]

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        at = 0
        named = {}
        try:
            for name, annotation in cls.layout():
                named[name], at = unpack_value(annotation, data, at)
        except struct.error:
            raise MicrokpuError(
                f"the body of a {cls.__name__} ends after {len(data)} bytes"
            ) from None
        return cls(**named, tail=data[at:])

    def pack(self, offset: int) -> bytes:
        """The bytes of a body that begins at an offset of the file, without padding at its end."""
        del offset  # only a KpuConv2d has parts that lie on boundaries of the file
        parts = (pack_value(kind, getattr(self, name)) for name, kind in self.layout())
        return b"".join(parts) + self.tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary(Body):
    """f32; an operand whose dimension is 1 is repeated along it."""

    OPCODE = Opcode.BINARY
    a: MemoryRange
    b: MemoryRange
    out: MemoryRange
    op: int
    shape_a: Shape
    shape_b: Shape
    shape_out: Shape
    act: ValueRange = UNBOUNDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat(Body):
    """`outer` times: inner * dim bytes of each input."""

    OPCODE = Opcode.CONCAT
    out: MemoryRange
    inner: int
    outer: int
    inputs: tuple[MemoryRange, ...]
    dims: tuple[int, ...]

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        try:
            out, at = unpack_value("MemoryRange", data, 0)
            inner, outer, count = struct.unpack_from("<3I", data, at)
            at += 12
            inputs = tuple(
                MemoryRange(*struct.unpack_from("<4I", data, at + 16 * i)) for i in range(count)
            )
            at += 16 * count
            dims = struct.unpack_from(f"<{count}i", data, at)
        except struct.error:
            raise MicrokpuError(f"the body of a Concat ends after {len(data)} bytes") from None
        return cls(
            out=out,
            inner=inner,
            outer=outer,
            inputs=inputs,
            dims=dims,
            tail=data[at + 4 * count :],
        )

    def pack(self, offset: int) -> bytes:
        del offset
        head = struct.pack("<4I3I", *self.out, self.inner, self.outer, len(self.inputs))
        ranges = b"".join(pack_value("MemoryRange", place) for place in self.inputs)
        return head + ranges + struct.pack(f"<{len(self.dims)}i", *self.dims) + self.tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv2d(Body):
    """Tail: f32 weights[out_ch][in_ch / groups][filter_h][filter_w], f32 bias[out_ch]."""

    OPCODE = Opcode.CONV2D
    in_: MemoryRange
    out: MemoryRange
    shape_in: Shape
    groups: int = 1
    out_ch: int
    pad_h: Padding = NO_PADDING
    pad_w: Padding = NO_PADDING
    filter_h: int
    filter_w: int
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    act: ValueRange = UNBOUNDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Dequantize(Body):
    OPCODE = Opcode.DEQUANTIZE
    in_: MemoryRange
    out: MemoryRange
    param: QuantParam


@dataclass(frozen=True, slots=True, kw_only=True)
class Matmul(Body):
    """Tail: f32 bias[b_cols]."""

    OPCODE = Opcode.MATMUL
    a: MemoryRange
    b: MemoryRange
    out: MemoryRange
    a_rows: int
    a_cols: int
    b_cols: int
    act: ValueRange = UNBOUNDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad(Body):
    OPCODE = Opcode.PAD
    in_: MemoryRange
    out: MemoryRange
    shape_in: Shape
    pad_n: Padding
    pad_c: Padding
    pad_h: Padding
    pad_w: Padding
    value: Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantize(Dequantize):
    OPCODE = Opcode.QUANTIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduce(Body):
    """f32; along each axis on which shape_out is 1."""

    OPCODE = Opcode.REDUCE
    in_: MemoryRange
    out: MemoryRange
    op: int
    shape_in: Shape
    shape_out: Shape
    init: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReduceWindow2d(Body):
    OPCODE = Opcode.REDUCE_WINDOW2D
    in_: MemoryRange
    out: MemoryRange
    op: int
    shape_in: Shape
    pad_h: Padding
    pad_w: Padding
    filter_h: int
    filter_w: int
    stride_h: int
    stride_w: int
    dilation_h: int = 1
    dilation_w: int = 1
    init: float
    act: ValueRange = UNBOUNDED


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCopy(Body):
    OPCODE = Opcode.MEMORY_COPY
    in_: MemoryRange
    out: MemoryRange


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeImage(Body):
    OPCODE = Opcode.RESIZE_IMAGE
    in_: MemoryRange
    out: MemoryRange
    shape_in: Shape
    out_h: int
    out_w: int
    mode: int
    align_corners: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax(Body):
    OPCODE = Opcode.SOFTMAX
    in_: MemoryRange
    out: MemoryRange
    inner: int
    outer: int
    beta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transpose(Body):
    """Dimension i of the output is dimension perm[i] of the input."""

    OPCODE = Opcode.TRANSPOSE
    in_: MemoryRange
    out: MemoryRange
    shape_in: Shape
    perm: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class StridedSlice(Body):
    """The masks are resolved already: begin, end and strides alone count."""

    OPCODE = Opcode.STRIDED_SLICE
    in_: MemoryRange
    out: MemoryRange
    shape_in: Shape
    begin: Shape
    end: Shape
    strides: Shape
    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unary(Body):
    OPCODE = Opcode.UNARY
    in_: MemoryRange
    out: MemoryRange
    op: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedConv2d(Body):
    """Tail: i32 bias[out_ch], u8 weights[out_ch][in_ch / groups][filter_h][filter_w]."""

    OPCODE = Opcode.QUANTIZED_CONV2D
    in_: MemoryRange
    out: MemoryRange
    shape_in: Shape
    groups: int = 1
    out_ch: int
    pad_h: Padding = NO_PADDING
    pad_w: Padding = NO_PADDING
    filter_h: int
    filter_w: int
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    in_offset: int
    filter_offset: int
    out_mul: int
    out_shift: int
    out_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedMatmul(Body):
    """Tail: i32 bias[b_cols]."""

    OPCODE = Opcode.QUANTIZED_MATMUL
    a: MemoryRange
    b: MemoryRange
    out: MemoryRange
    a_rows: int
    a_cols: int
    b_cols: int
    a_offset: int
    b_offset: int
    out_mul: int
    out_shift: int
    out_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedBinary(Body):
    OPCODE = Opcode.QUANTIZED_BINARY
    a: MemoryRange
    b: MemoryRange
    out: MemoryRange
    op: int
    shape_a: Shape
    shape_b: Shape
    shape_out: Shape
    a_offset: int
    a_mul: int
    a_shift: int
    b_offset: int
    b_mul: int
    b_shift: int
    out_offset: int
    out_mul: int
    out_shift: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLookup1d(Body):
    """The table's range has 256 bytes."""

    OPCODE = Opcode.TABLE_LOOKUP1D
    in_: MemoryRange
    table: MemoryRange
    out: MemoryRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv2dTranspose(Body):
    """Tail: f32 weights, f32 bias[out_ch]; no runtime adds the bias."""

    OPCODE = Opcode.CONV2D_TRANSPOSE
    in_: MemoryRange
    out: MemoryRange
    shape_in: Shape
    shape_out: Shape
    groups: int = 1
    pad_h: Padding = NO_PADDING
    pad_w: Padding = NO_PADDING
    filter_h: int
    filter_w: int
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    act: ValueRange = UNBOUNDED


@dataclass(frozen=True, slots=True, kw_only=True)
class NnilUnaryMethod(Body):
    """Tail: the byte code, see Nnil."""

    OPCODE = Opcode.NNIL_UNARY_METHOD
    in_: MemoryRange
    out: MemoryRange


@dataclass(frozen=True, slots=True, kw_only=True)
class KpuUpload(Body):
    OPCODE = Opcode.KPU_UPLOAD
    in_: MemoryRange
    out: MemoryRange
    shape: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class KpuConv2d(Body):
    """A KPU layer. In a file the address fields of its words count the padding before each part.

    `words` may hold anything there for writing: packing works the padding out. The parts are as
    v3.pack_batch_norm and v3.pack_activation make them.
    """

    OPCODE = Opcode.KPU_CONV2D
    main_out: MemoryRange = NOWHERE
    batches: int = 1
    words: LayerWords
    batch_norm: bytes
    activation: bytes
    weights: bytes
    aligns: tuple[int, int, int] = (256, 256, 256)  # of batch_norm, activation, weights

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        head = struct.Struct("<4I2i12Q")
        if len(data) < head.size:
            raise MicrokpuError(f"the body of a KpuConv2d ends after {len(data)} bytes")
        *start, batches, _ = head.unpack_from(data)[:6]
        words = LayerWords.from_words(head.unpack_from(data)[6:])
        inputs = 1 if words.depth_wise else words.i_ch
        sizes = (8 * words.o_ch, ACTIVATION_BYTES, words.kernel_size**2 * inputs * words.o_ch)
        skips = (words.bn_address, words.activation_address, words.weights_address)
        parts = []
        at = head.size
        for skip, size in zip(skips, sizes, strict=True):
            at += skip
            parts.append(data[at : at + size])
            at += size
        if at > len(data):
            raise MicrokpuError(f"a KpuConv2d has {len(data)} bytes and asks for {at}")
        return cls(
            main_out=MemoryRange(*start),
            batches=batches,
            words=words,
            batch_norm=parts[0],
            activation=parts[1],
            weights=parts[2],
        )

    def pack(self, offset: int) -> bytes:
        at = offset + 16 + 8 + WORDS_BYTES
        skips = []
        blob = b""
        parts = (self.batch_norm, self.activation, self.weights)
        for part, align in zip(parts, self.aligns, strict=True):
            skip = -at % align
            skips.append(skip)
            blob += bytes(skip) + part
            at += skip + len(part)
        words = self.words.to_words()
        for index, skip in zip((4, 7, 5), skips, strict=True):
            words[index] = words[index] & 0xFFFFFFFF | skip << 32
        head = struct.pack("<4I2i12Q", *self.main_out, self.batches, 0, *words)
        return head + blob


BODIES: dict[int, type[Body]] = {
    kind.OPCODE: kind
    for kind in (
        Binary, Concat, Conv2d, Dequantize, Matmul, Pad, Quantize, Reduce, ReduceWindow2d,
        MemoryCopy, ResizeImage, Softmax, Transpose, StridedSlice, Unary, QuantizedConv2d,
        QuantizedMatmul, QuantizedBinary, TableLookup1d, Conv2dTranspose, NnilUnaryMethod,
        KpuUpload, KpuConv2d,
    )
}  # fmt: skip


# -- a file


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
