# SPDX-License-Identifier: MIT
"""What a kmodel does, step by step, before places in memory and the file's version are chosen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from math import prod
from typing import Any

from microkpu.convert.graph import Node, Shape
from microkpu.convert.quantization import Quantization, QuantizedConv
from microkpu.kpu_words import map_group, map_row_units, map_rows


class Place(Enum):
    """Where a tensor lies and what its elements are."""

    MAP = "AI RAM"
    BYTES = "bytes"
    FLOATS = "floats"
    CONSTANT = "constant"


@dataclass(slots=True, eq=False)
class Tensor:
    """Something that steps read and write; shapes are those of ONNX, the 1 in front included.

    A map may be part of another (a concatenation): `channel` says where it begins there. A tensor
    in main memory may be another one seen in another shape.
    """

    name: str
    place: Place
    shape: Shape
    quantization: Quantization | None = None
    parent: Tensor | None = None
    channel: int = 0
    data: bytes = b""  # of a constant
    # Of a map: where each channel of the value lies, for maps with gaps between parts.
    channels: list[int] | None = None

    @property
    def root(self) -> Tensor:
        return self if self.parent is None else self.parent.root

    @property
    def bytes(self) -> int:
        return prod(self.shape) * (4 if self.place is Place.FLOATS else 1)

    @property
    def planes(self) -> tuple[int, int, int]:
        """Channels, height, width of a map."""
        _, channels, height, width = self.shape
        return channels, height, width

    @property
    def rows(self) -> int:
        channels, height, width = self.planes
        return map_rows(width, height, channels)

    @property
    def row_offset(self) -> int:
        """Rows from the root's first."""
        if self.parent is None:
            return 0
        _, height, width = self.planes
        block = map_row_units(width) * height
        return self.parent.row_offset + self.channel // map_group(width) * block

    def four(self) -> tuple[int, int, int, int]:
        """The shape with ones in front, four numbers."""
        shape = (1, 1, 1, 1, *self.shape)
        return shape[-4], shape[-3], shape[-2], shape[-1]


@dataclass(slots=True, eq=False)
class KpuStep:
    """A layer of the KPU; `main` is where its result goes in main memory besides."""

    node: Node
    source: Tensor
    result: Tensor
    conv: QuantizedConv
    main: Tensor | None = None
    # The activation's fit: largest error and mean one, in steps of the output.
    fit: tuple[float, float] = (0.0, 0.0)

    @property
    def reads(self) -> list[Tensor]:
        return [self.source]

    @property
    def writes(self) -> list[Tensor]:
        return [self.result] if self.main is None else [self.result, self.main]

    @property
    def macs(self) -> int:
        """Multiplications, before a pooling leaves some of their results out."""
        _, height, width = self.source.planes
        return int(self.conv.weights.size) * height * width


@dataclass(slots=True, eq=False)
class CpuStep:
    """An operator of the CPU by name, with what it needs beside its tensors."""

    node: Node
    kind: str
    reads: list[Tensor]
    result: Tensor
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> Tensor:
        return self.reads[0]

    @property
    def writes(self) -> list[Tensor]:
        return [self.result]


Step = KpuStep | CpuStep


@dataclass(slots=True, eq=False)
class Program:
    """Steps in the order of their running, the input's tensor and the outputs'."""

    input: Tensor
    steps: list[Step] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)

    def copy(self) -> Program:
        """The same tensors, steps that may be changed."""
        return Program(self.input, [replace(step) for step in self.steps], list(self.outputs))
