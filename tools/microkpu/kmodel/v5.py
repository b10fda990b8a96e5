# SPDX-License-Identifier: MIT
"""The kmodel V5 format (nncase 1.6 to 1.9) taken apart: modules, functions, records of the KPU.

What the modules of kind "stackvm" do is for `microkpu.kmodel.v5_code` to read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, NamedTuple

from microkpu.errors import MicrokpuError

IDENTIFIER = b"LDMK"
VERSION = 5
HEADER = struct.Struct("<8I")
MODULE = struct.Struct("<16s8I")
POOL = struct.Struct("<B3xI")
SHARED_POOL_BYTES = 8
FUNCTION = struct.Struct("<8I")
RANGE = struct.Struct("<2BH2I")
SECTION = struct.Struct("<16s4I")
MERGED_INTO_RDATA = 1


class Location(IntEnum):
    INPUT = 0
    OUTPUT = 1
    RDATA = 2
    DATA = 3
    SHARED = 4
    AI_RAM = 64


class DataType(IntEnum):
    """Only what K210 models have."""

    U8 = 4
    F32 = 9


ELEMENT_BYTES = {DataType.U8: 1, DataType.F32: 4}


class Range(NamedTuple):
    """Where a tensor lies: bytes in one of a module's memories."""

    location: int
    type: int
    module: int
    start: int
    size: int


Shape = tuple[int, ...]


@dataclass(frozen=True)
class Tensor:
    """An input or output of a function."""

    range: Range
    shape: Shape


@dataclass(frozen=True)
class Function:
    input_bytes: int
    output_bytes: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    text: bytes


@dataclass(frozen=True)
class Module:
    kind: str
    pools: dict[int, int]  # bytes by location
    sections: dict[str, bytes]
    functions: tuple[Function, ...]

    @property
    def rdata(self) -> bytes:
        return self.sections.get(".rdata", b"")


@dataclass(frozen=True)
class Model:
    modules: tuple[Module, ...]
    entry_module: int
    entry_function: int

    @property
    def entry(self) -> Function:
        return self.modules[self.entry_module].functions[self.entry_function]


class V5Error(MicrokpuError):
    """A file that is no whole kmodel V5, or one of another release."""


def is_v5(data: bytes) -> bool:
    return data[:4] == IDENTIFIER and data[4:8] == VERSION.to_bytes(4, "little")


def parse(data: bytes) -> Model:
    try:
        return _parse(data)
    except (struct.error, ValueError, IndexError) as error:
        raise V5Error(f"the kmodel V5 is cut off or of another release: {error}") from None


def _parse(data: bytes) -> Model:
    if not is_v5(data):
        raise V5Error("this is no kmodel V5")
    header = HEADER.unpack_from(data)
    _, _, header_bytes, _, _, modules, entry_module, entry_function = header
    reader = Reader(data, header_bytes)
    model = Model(tuple(_module(reader) for _ in range(modules)), entry_module, entry_function)
    if entry_module >= modules or entry_function >= len(model.modules[entry_module].functions):
        raise V5Error("the kmodel V5 has no entry: it is damaged")
    return model


class Reader:
    """Reads structures one after another."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def read(self, layout: struct.Struct) -> tuple[int, ...]:
        values = layout.unpack_from(self.data, self.at)
        self.at += layout.size
        return values

    def take(self, count: int) -> bytes:
        part = self.data[self.at : self.at + count]
        if len(part) != count:
            raise ValueError(f"{count - len(part)} bytes are missing")
        self.at += count
        return part


def _module(reader: Reader) -> Module:
    start = reader.at
    name, *numbers = MODULE.unpack_from(reader.data, start)
    _, _, size, pools, shared, sections, functions, _ = numbers
    reader.at = start + MODULE.size
    sizes: dict[int, int] = {}
    for _ in range(pools):
        location, count = reader.read(POOL)
        sizes[location] = count
    reader.take(shared * SHARED_POOL_BYTES)
    heads = [_function_head(reader) for _ in range(functions)]
    bodies = _sections(reader, sections)
    text = bodies.get(".text", b"")
    reader.at = start + size
    return Module(
        name.rstrip(b"\0").decode("ascii"),
        sizes,
        bodies,
        tuple(_with_text(*head, text) for head in heads),
    )


def _function_head(reader: Reader) -> tuple[Function, int, int]:
    """A function without its code, and where that begins in .text and how long it is."""
    start = reader.at
    _, size, input_bytes, output_bytes, inputs, outputs, entry, length = reader.read(FUNCTION)
    tensors = []
    for count in (inputs, outputs):
        ranges = [Range(*reader.read(RANGE)) for _ in range(count)]
        shapes = [_shape(reader) for _ in range(count)]
        tensors.append(tuple(Tensor(*pair) for pair in zip(ranges, shapes, strict=True)))
    reader.at = start + size
    return Function(input_bytes, output_bytes, tensors[0], tensors[1], b""), entry, length


def _with_text(function: Function, entry: int, length: int, text: bytes) -> Function:
    code = Reader(text, entry).take(length)
    return Function(
        function.input_bytes, function.output_bytes, function.inputs, function.outputs, code
    )


def _shape(reader: Reader) -> Shape:
    (rank,) = reader.read(struct.Struct("<I"))
    if rank > 8:
        raise ValueError(f"a shape has {rank} dimensions")
    return tuple(reader.read(struct.Struct(f"<{rank}I")))


def _sections(reader: Reader, count: int) -> dict[str, bytes]:
    bodies: dict[str, bytes] = {}
    merged: dict[str, tuple[int, int]] = {}
    for _ in range(count):
        name, flags, start, size, _ = SECTION.unpack_from(reader.data, reader.at)
        reader.at += SECTION.size
        key = name.rstrip(b"\0").decode("ascii")
        if flags & MERGED_INTO_RDATA:
            merged[key] = (start, size)
        else:
            reader.take(start)
            bodies[key] = reader.take(size)
    for key, (start, size) in merged.items():
        bodies[key] = Reader(bodies.get(".rdata", b""), start).take(size)
    return bodies


# -- records of a module of kind "k210"


class Opcode(IntEnum):
    UPLOAD = 0
    DOWNLOAD = 1
    CONV2D = 2
    COPY = 3


MOVE = struct.Struct("<B3x")
SHAPE4 = struct.Struct("<4I")
CONV_TAIL = struct.Struct("<I12Q")


@dataclass(frozen=True)
class Upload:
    """Main memory to AI RAM."""

    OPCODE: ClassVar = Opcode.UPLOAD
    source: Range
    result: Range
    shape: Shape


@dataclass(frozen=True)
class Download:
    """AI RAM to main memory."""

    OPCODE: ClassVar = Opcode.DOWNLOAD
    source: Range
    result: Range
    shape: Shape


@dataclass(frozen=True)
class Conv:
    """A layer; `main` has size 0 where its result stays in AI RAM."""

    OPCODE: ClassVar = Opcode.CONV2D
    weights: Range
    batch_norm: Range
    activation: Range
    main: Range
    batches: int
    words: tuple[int, ...]


@dataclass(frozen=True)
class Copy:
    """Elements of main memory from one set of strides to another."""

    OPCODE: ClassVar = Opcode.COPY
    source: Range
    result: Range
    shape: Shape
    source_strides: Shape
    result_strides: Shape


Record = Upload | Download | Conv | Copy


def records(text: bytes) -> Iterator[Record]:
    """What a function of the KPU's module does, in order."""
    reader = Reader(text)
    while reader.at < len(text):
        (opcode,) = reader.read(MOVE)
        if opcode == Opcode.CONV2D:
            weights, norm, activation, main = (Range(*reader.read(RANGE)) for _ in range(4))
            batches, *words = reader.read(CONV_TAIL)
            yield Conv(weights, norm, activation, main, batches, tuple(words))
            continue
        if opcode not in (Opcode.UPLOAD, Opcode.DOWNLOAD, Opcode.COPY):
            raise V5Error(
                f"the KPU's module has an operation {opcode} that nncase 1.6 to 1.9 lack"
            )
        source, result = Range(*reader.read(RANGE)), Range(*reader.read(RANGE))
        shape = reader.read(SHAPE4)
        if opcode == Opcode.COPY:
            yield Copy(source, result, shape, reader.read(SHAPE4), reader.read(SHAPE4))
        else:
            kind = Upload if opcode == Opcode.UPLOAD else Download
            yield kind(source, result, shape)
