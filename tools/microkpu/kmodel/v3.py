# SPDX-License-Identifier: MIT
"""The kmodel V3 format, read and written: header, layer bodies, a KPU layer's parameters.

docs/kmodel.md describes the format. Reading here only takes a file apart; whether it is safe to
run is for `microkpu.kmodel._runtime` (the checks of the board) to say.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import ClassVar, Self

from microkpu.errors import MicrokpuError
from microkpu.kpu_words import LayerWords

VERSION = 3
EIGHT_BIT_WEIGHTS = 1  # bit of Header.flags
MAIN_MEMORY_OUTPUT = 1  # bit of a body's flags
HEADER = struct.Struct("<7I")
OUTPUT = struct.Struct("<2I")
LAYER_HEADER = struct.Struct("<2I")
LAYER_WORDS = struct.Struct("<12Q")
ACTIVATION_BYTES = 144
SEGMENTS = 16
BODY_ALIGN = 8
# What the vendor's writer keeps to, from the file's start.
LAYER_ALIGN, WEIGHTS_ALIGN, BATCH_NORM_ALIGN, ACTIVATION_ALIGN = 8, 128, 128, 256


class LayerType(IntEnum):
    """The layer types that a runtime implements; the numbers between them are named nowhere."""

    ADD = 1
    QUANTIZED_ADD = 2
    GLOBAL_AVERAGE_POOL2D = 5
    QUANTIZED_MAX_POOL2D = 8
    AVERAGE_POOL2D = 9
    QUANTIZE = 11
    DEQUANTIZE = 12
    REQUANTIZE = 13
    L2_NORMALIZATION = 14
    SOFTMAX = 15
    CONCAT = 16
    QUANTIZED_CONCAT = 17
    FULLY_CONNECTED = 18
    TENSORFLOW_FLATTEN = 20
    RESIZE_NEAREST_NEIGHBOR = 22
    QUANTIZED_RESIZE_NEAREST_NEIGHBOR = 23
    CHANNELWISE_DEQUANTIZE = 24
    LOGISTIC = 25
    K210_CONV = 10240
    K210_ADD_PADDING = 10241
    K210_REMOVE_PADDING = 10242
    K210_UPLOAD = 10243


class Act(IntEnum):
    """Activation of FullyConnected."""

    LINEAR = 0
    RELU = 1
    RELU6 = 2


# -- bodies: after u32 flags the fields in FORMAT, then `tail` where the type has one


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A layer's body; addresses are byte offsets in main memory."""

    TYPE: ClassVar[LayerType]
    FORMAT: ClassVar[str]
    flags: int = 0
    tail: bytes = b""

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """From the bytes of a body; what follows the fields is the tail, padding included."""
        layout = struct.Struct("<I" + cls.FORMAT)
        if len(data) < layout.size:
            raise MicrokpuError(
                f"the body of a {cls.__name__} has {len(data)} bytes instead of {layout.size}"
            )
        flags, *values = layout.unpack_from(data)
        named = dict(zip(cls.field_names(), values, strict=True))
        return cls(flags=flags, tail=data[layout.size :], **named)

    def pack(self) -> bytes:
        """To a body's bytes; the writer fills up to BODY_ALIGN from the file's start."""
        values = (getattr(self, name) for name in self.field_names())
        return struct.pack("<I" + self.FORMAT, self.flags, *values) + self.tail

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls) if field.name not in ("flags", "tail"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(Body):
    TYPE = LayerType.ADD
    FORMAT = "4I"
    in_a: int
    in_b: int
    out: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedAdd(Body):
    TYPE = LayerType.QUANTIZED_ADD
    FORMAT = "4I9i"
    in_a: int
    in_b: int
    out: int
    count: int
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
class GlobalAveragePool2d(Body):
    TYPE = LayerType.GLOBAL_AVERAGE_POOL2D
    FORMAT = "4I"
    in_: int
    out: int
    kernel_size: int
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedMaxPool2d(Body):
    TYPE = LayerType.QUANTIZED_MAX_POOL2D
    FORMAT = "14I"
    in_: int
    out: int
    in_w: int
    in_h: int
    in_c: int
    out_w: int
    out_h: int
    out_c: int
    kernel_w: int
    kernel_h: int
    stride_w: int
    stride_h: int
    padding_w: int
    padding_h: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePool2d(QuantizedMaxPool2d):
    TYPE = LayerType.AVERAGE_POOL2D
    FORMAT = "15I"
    act: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantize(Body):
    TYPE = LayerType.QUANTIZE
    FORMAT = "3I2f"
    in_: int
    out: int
    count: int
    scale: float
    bias: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dequantize(Quantize):
    TYPE = LayerType.DEQUANTIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Requantize(Body):
    """Tail: the table, 256 bytes."""

    TYPE = LayerType.REQUANTIZE
    FORMAT = "3I"
    in_: int
    out: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector(Body):
    """The fields of the operators on `channels` floats in a row."""

    FORMAT = "3I"
    in_: int
    out: int
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class L2Normalization(Vector):
    TYPE = LayerType.L2_NORMALIZATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax(Vector):
    TYPE = LayerType.SOFTMAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistic(Vector):
    TYPE = LayerType.LOGISTIC


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat(Body):
    """Tail: `count` times u32 start, u32 size, both in bytes."""

    TYPE = LayerType.CONCAT
    FORMAT = "2I"
    out: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedConcat(Concat):
    TYPE = LayerType.QUANTIZED_CONCAT


@dataclass(frozen=True, slots=True, kw_only=True)
class FullyConnected(Body):
    """Tail: f32 weights[out][in], then f32 bias[out]."""

    TYPE = LayerType.FULLY_CONNECTED
    FORMAT = "5I"
    in_: int
    out: int
    in_channels: int
    out_channels: int
    act: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorflowFlatten(Body):
    TYPE = LayerType.TENSORFLOW_FLATTEN
    FORMAT = "5I"
    in_: int
    out: int
    w: int
    h: int
    c: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeNearestNeighbor(Body):
    TYPE = LayerType.RESIZE_NEAREST_NEIGHBOR
    FORMAT = "8I"
    in_: int
    out: int
    in_w: int
    in_h: int
    in_c: int
    out_w: int
    out_h: int
    align_corners: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedResizeNearestNeighbor(ResizeNearestNeighbor):
    TYPE = LayerType.QUANTIZED_RESIZE_NEAREST_NEIGHBOR


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelwiseDequantize(Body):
    """Tail: `channels` times f32 scale, f32 bias."""

    TYPE = LayerType.CHANNELWISE_DEQUANTIZE
    FORMAT = "4I"
    in_: int
    out: int
    channels: int
    channel_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class K210Conv(Body):
    """`main_out` counts where flags bit 0 is set; the other offsets are from the file's start."""

    TYPE = LayerType.K210_CONV
    FORMAT = "5I"
    main_out: int
    layer_offset: int
    weights_offset: int
    batch_norm_offset: int
    activation_offset: int

    @property
    def to_main_memory(self) -> bool:
        return bool(self.flags & MAIN_MEMORY_OUTPUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class K210AddPadding(Body):
    TYPE = LayerType.K210_ADD_PADDING
    FORMAT = "3I"
    in_: int
    kpu_row: int
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class K210RemovePadding(Vector):
    TYPE = LayerType.K210_REMOVE_PADDING


@dataclass(frozen=True, slots=True, kw_only=True)
class K210Upload(Body):
    TYPE = LayerType.K210_UPLOAD
    FORMAT = "5I"
    in_: int
    kpu_row: int
    w: int
    h: int
    c: int


BODIES: dict[LayerType, type[Body]] = {
    body.TYPE: body
    for body in (
        Add, QuantizedAdd, GlobalAveragePool2d, QuantizedMaxPool2d, AveragePool2d, Quantize,
        Dequantize, Requantize, L2Normalization, Softmax, Concat, QuantizedConcat, FullyConnected,
        TensorflowFlatten, ResizeNearestNeighbor, QuantizedResizeNearestNeighbor,
        ChannelwiseDequantize, Logistic, K210Conv, K210AddPadding, K210RemovePadding, K210Upload,
    )
}  # fmt: skip


# -- the parameter blocks of a KPU layer


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """value = ((sum * mul) >> shift) + add; mul has 24 bits, add 32, shift 4."""

    mul: int
    add: int
    shift: int


@dataclass(frozen=True, slots=True)
class Segment:
    """From values above `start` on: round((value - start) * mul / 2**shift) + add."""

    start: int
    mul: int
    shift: int
    add: int


def signed(value: int, bits: int) -> int:
    return value - (value >> (bits - 1) << bits)


def pack_batch_norm(entries: Iterable[BatchNorm]) -> bytes:
    """Eight bytes a channel."""
    data = bytearray()
    for entry in entries:
        if not (-(1 << 23) <= entry.mul < 1 << 23 and -(1 << 31) <= entry.add < 1 << 31):
            raise MicrokpuError(f"{entry} does not fit: mul has 24 bits, add 32, both signed")
        if not 0 <= entry.shift < 16:
            raise MicrokpuError(f"{entry} does not fit: shift is 0 to 15")
        word = entry.mul & 0xFFFFFF | (entry.add & 0xFFFFFFFF) << 24 | entry.shift << 56
        data += word.to_bytes(8, "little")
    return bytes(data)


def unpack_batch_norm(data: bytes) -> list[BatchNorm]:
    words = struct.unpack(f"<{len(data) // 8}Q", data[: len(data) // 8 * 8])
    return [
        BatchNorm(signed(w & 0xFFFFFF, 24), signed(w >> 24 & 0xFFFFFFFF, 32), w >> 56 & 15)
        for w in words
    ]


def pack_activation(segments: Iterable[Segment]) -> bytes:
    """The 144 bytes of an activation table of sixteen segments, by ascending start."""
    table = list(segments)
    if len(table) != SEGMENTS:
        raise MicrokpuError(f"an activation table has {SEGMENTS} segments, not {len(table)}")
    data = bytearray()
    for s in table:
        if not (-(1 << 35) <= s.start < 1 << 35 and -(1 << 15) <= s.mul < 1 << 15):
            raise MicrokpuError(f"{s} does not fit: start has 36 bits, mul 16, both signed")
        if not (0 <= s.shift < 256 and 0 <= s.add < 256):
            raise MicrokpuError(f"{s} does not fit: shift and add are 0 to 255")
        word = s.shift | (s.mul & 0xFFFF) << 8 | (s.start & 0xFFFFFFFFF) << 24
        data += word.to_bytes(8, "little")
    return bytes(data) + bytes(s.add for s in table)


def unpack_activation(data: bytes) -> list[Segment]:
    """From the first 144 bytes."""
    words = struct.unpack_from(f"<{SEGMENTS}Q", data)
    adds = data[8 * SEGMENTS : ACTIVATION_BYTES]
    return [
        Segment(signed(w >> 24 & 0xFFFFFFFFF, 36), signed(w >> 8 & 0xFFFF, 16), w & 0xFF, add)
        for w, add in zip(words, adds, strict=True)
    ]


# -- a file


@dataclass(frozen=True, slots=True)
class Header:
    version: int
    flags: int
    arch: int
    layers: int
    max_start_address: int
    main_mem_usage: int
    output_count: int

    @property
    def eight_bit_weights(self) -> bool:
        return bool(self.flags & EIGHT_BIT_WEIGHTS)

    def pack(self) -> bytes:
        return HEADER.pack(*(getattr(self, field.name) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Output:
    """A range of main memory; writers disagree on `size`: bytes, or elements times four."""

    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Layer:
    index: int
    offset: int  # of the body, from the file's start
    size: int
    body: Body

    @property
    def type(self) -> LayerType:
        return self.body.TYPE


@dataclass(frozen=True, slots=True)
class Model:
    header: Header
    outputs: tuple[Output, ...]
    layers: tuple[Layer, ...]
    data: bytes  # the whole file

    def words(self, conv: K210Conv) -> LayerWords:
        """The twelve words of a KPU layer, by name."""
        return LayerWords.from_words(
            LAYER_WORDS.unpack(self.part(conv.layer_offset, LAYER_WORDS.size))
        )

    def weights(self, conv: K210Conv) -> bytes:
        words = self.words(conv)
        inputs = 1 if words.depth_wise else words.i_ch
        width = 1 if self.header.eight_bit_weights else 2
        size = words.kernel_size**2 * inputs * words.o_ch * width
        return self.part(conv.weights_offset, size)

    def batch_norm(self, conv: K210Conv) -> list[BatchNorm]:
        return unpack_batch_norm(self.part(conv.batch_norm_offset, 8 * self.words(conv).o_ch))

    def activation(self, conv: K210Conv) -> list[Segment]:
        return unpack_activation(self.part(conv.activation_offset, ACTIVATION_BYTES))

    def part(self, offset: int, size: int) -> bytes:
        if offset + size > len(self.data):
            raise MicrokpuError(
                f"the file ends at {len(self.data)}, inside the {size} bytes at {offset}"
            )
        return self.data[offset : offset + size]


def parse(data: bytes) -> Model:
    """Takes a V3 file apart; MicrokpuError where it is none or ends too early."""
    if len(data) < HEADER.size:
        raise MicrokpuError(f"{len(data)} bytes are no kmodel: the header alone has {HEADER.size}")
    header = Header(*HEADER.unpack_from(data))
    if header.version != VERSION:
        raise MicrokpuError(f"version {header.version} is not kmodel V3")
    at = HEADER.size
    table = at + OUTPUT.size * header.output_count
    body = table + LAYER_HEADER.size * header.layers
    if body > len(data):
        raise MicrokpuError(f"the file ends at {len(data)}, its tables at {body}")
    outputs = tuple(Output(*pair) for pair in OUTPUT.iter_unpack(data[at:table]))
    layers = []
    for index, (type_, size) in enumerate(LAYER_HEADER.iter_unpack(data[table:body])):
        if type_ not in BODIES:
            raise MicrokpuError(f"layer {index} has type {type_}, which no runtime implements")
        content = BODIES[LayerType(type_)].unpack(data[body : body + size])
        layers.append(Layer(index, body, size, content))
        body += size
    return Model(header, outputs, tuple(layers), data)
