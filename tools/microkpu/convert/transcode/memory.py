# SPDX-License-Identifier: MIT
"""Memory of a kmodel V5 laid out in V4's one main memory, and tensors that are parts of others.

V5's operators read and write through strides, V4's do not: a part is copied out before it is
read, and put back beside what surrounds it after it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from microkpu.convert.errors import ConvertError
from microkpu.convert.transcode.shapes import contiguous, element_bytes, refused, type_of
from microkpu.kmodel import v4, v5
from microkpu.kmodel.v5 import Location
from microkpu.kmodel.v5_code import Address

ALIGN = 8


class Memory:
    """Places, constants, and the nodes that are written so far."""

    def __init__(self, model: v5.Model) -> None:
        self.nodes: list[v4.Body] = []
        self.constants = bytearray()
        self._module = model.entry_module
        self._rdata = model.modules[model.entry_module].rdata
        self._bases: dict[tuple[int, int], int] = {}
        self._end = 0
        self._place(self._module, Location.INPUT, model.entry.input_bytes)
        self._place(self._module, Location.OUTPUT, model.entry.output_bytes)
        for index, module in enumerate(model.modules):
            self._place(index, Location.DATA, module.pools.get(Location.DATA, 0))
        # What one operator needs besides, from here on.
        self._scratch = self._end
        self.size = self._end
        self._pending: list[tuple[v4.MemoryRange, v4.MemoryRange, _Rows]] = []

    def _place(self, module: int, location: int, size: int) -> None:
        self._bases[module, location] = self._end
        self._end += size + -size % ALIGN

    # -- places

    def main(self, at: Address, kind: int, size: int) -> v4.MemoryRange:
        """Bytes of the main module's memories; those that are constant become constants here."""
        if at.location == Location.RDATA:
            return self.constant(self.rdata(at, size), kind)
        return self.place(self._module, at.location, at.offset, kind, size)

    def place(
        self, module: int, location: int, start: int, kind: int, size: int
    ) -> v4.MemoryRange:
        if (module, location) not in self._bases:
            raise ConvertError(f"the kmodel V5 uses a memory {location}, which the K210 lacks")
        base = self._bases[module, location]
        if base + start + size > self._end:
            raise ConvertError("the kmodel V5 reaches beyond its memory: it is damaged")
        return v4.MemoryRange(v4.MemoryType.MAIN, type_of(kind), base + start, size)

    def rdata(self, at: Address, size: int) -> bytes:
        """Constants of the main module."""
        if at.location != Location.RDATA:
            raise ConvertError("the kmodel V5 computes weights while it runs: V4 cannot")
        return v5.Reader(self._rdata, at.offset).take(size)

    def constant(self, data: bytes, kind: int) -> v4.MemoryRange:
        self.constants += bytes(-len(self.constants) % ALIGN)
        start = len(self.constants)
        self.constants += data
        return v4.MemoryRange(v4.MemoryType.CONSTANTS, type_of(kind), start, len(data))

    def _besides(self, kind: int, size: int) -> v4.MemoryRange:
        start = self._end
        self._end += size + -size % ALIGN
        self.size = max(self.size, self._end)
        return v4.MemoryRange(v4.MemoryType.MAIN, kind, start, size)

    # -- tensors through strides

    def read(
        self, at: Address, kind: int, shape: Sequence[int], strides: Sequence[int]
    ) -> v4.MemoryRange:
        """A tensor to read, its elements one after another."""
        size = prod(shape) * element_bytes(kind)
        if contiguous(shape, strides):
            return self.main(at, kind, size)
        rows = _Rows.of(shape, strides, element_bytes(kind))
        whole = self.main(at, kind, rows.reach)
        result = self._besides(type_of(kind), size)
        self._take_rows(whole, result, rows)
        return result

    def write(
        self, at: Address, kind: int, shape: Sequence[int], strides: Sequence[int]
    ) -> v4.MemoryRange:
        """Where to write a tensor; `settle` brings it where it belongs."""
        size = prod(shape) * element_bytes(kind)
        if contiguous(shape, strides):
            return self.main(at, kind, size)
        rows = _Rows.of(shape, strides, element_bytes(kind))
        source = self._besides(type_of(kind), size)
        self._pending.append((source, self.main(at, kind, rows.reach), rows))
        return source

    def settle(self) -> None:
        """Ends an operator: what it wrote besides goes to its place."""
        for source, whole, rows in self._pending:
            self._put_rows(source, whole, rows)
        self._pending = []
        self._end = self._scratch

    def copy(self, source: v4.MemoryRange, result: v4.MemoryRange) -> None:
        """Bytes as they are: MemoryCopy has only whole floats."""
        if source.start != result.start or source.memory != result.memory:
            self.nodes.append(_joined(result, 1, (source,), (source.size,)))

    def _take_rows(self, whole: v4.MemoryRange, result: v4.MemoryRange, rows: _Rows) -> None:
        """Of every row but the last by one operator, which would read beyond the last row."""
        if rows.count > 1:
            head = result._replace(size=(rows.count - 1) * rows.part)
            self._slice(whole, head, rows, 0, rows.part)
        last = (rows.count - 1) * rows.step
        self.copy(
            whole._replace(start=whole.start + last, size=rows.part),
            result._replace(start=result.start + (rows.count - 1) * rows.part, size=rows.part),
        )

    def _put_rows(self, source: v4.MemoryRange, whole: v4.MemoryRange, rows: _Rows) -> None:
        """Each row is the new part and what stood behind it."""
        if rows.count > 1:
            rest = self._besides(whole.type, (rows.count - 1) * (rows.step - rows.part))
            self._slice(whole, rest, rows, rows.part, rows.step)
            parts = (source._replace(size=(rows.count - 1) * rows.part), rest)
            all_but_last = whole._replace(size=(rows.count - 1) * rows.step)
            dims = (rows.part, rows.step - rows.part)
            self.nodes.append(_joined(all_but_last, rows.count - 1, parts, dims))
        last = (rows.count - 1) * rows.step
        self.copy(
            source._replace(start=source.start + (rows.count - 1) * rows.part, size=rows.part),
            whole._replace(start=whole.start + last, size=rows.part),
        )

    def _slice(
        self, whole: v4.MemoryRange, result: v4.MemoryRange, rows: _Rows, begin: int, end: int
    ) -> None:
        """From `begin` to `end` of every row but the last, in bytes."""
        size = 4 if whole.type == v4.DataType.F32 else 1
        shape = v4.Shape(1, 1, rows.count - 1, rows.step // size)
        self.nodes.append(
            v4.StridedSlice(
                in_=whole._replace(size=(rows.count - 1) * rows.step),
                out=result,
                shape_in=shape,
                begin=v4.Shape(0, 0, 0, begin // size),
                end=shape._replace(w=end // size),
                strides=v4.Shape(1, 1, 1, 1),
            )
        )


class _Rows:
    """A part of a tensor: the first `part` bytes of each of `count` rows of `step` bytes."""

    def __init__(self, count: int, part: int, step: int) -> None:
        self.count, self.part, self.step = count, part, step

    @property
    def reach(self) -> int:
        """Bytes from its first to its last."""
        return (self.count - 1) * self.step + self.part

    @classmethod
    def of(cls, shape: Sequence[int], strides: Sequence[int], size: int) -> _Rows:
        runs: list[tuple[int, int]] = []  # count and stride, inner ones last
        for count, stride in zip(shape, strides, strict=True):
            if count == 1:
                continue
            if runs and runs[-1][1] == count * stride:
                runs[-1] = (runs[-1][0] * count, stride)
            else:
                runs.append((count, stride))
        if not runs or runs[-1][1] != 1:
            runs.append((1, 1))
        if len(runs) != 2 or runs[0][1] < runs[1][0]:
            raise refused("COPY", "of a part that is no columns of a tensor")
        (outer, step), (inner, _) = runs
        return cls(outer, inner * size, step * size)


def _joined(
    result: v4.MemoryRange, outer: int, parts: tuple[v4.MemoryRange, ...], dims: tuple[int, ...]
) -> v4.Concat:
    return v4.Concat(out=result, inner=1, outer=outer, inputs=parts, dims=dims)
