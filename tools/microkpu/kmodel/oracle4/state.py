# SPDX-License-Identifier: MIT
"""The memories of a V4 model in numpy while it runs, and what its operators share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microkpu.kmodel import v4
from microkpu.kmodel.oracle_layer import Bytes

Array = NDArray[Any]
Floats = NDArray[np.float32]
F32 = np.dtype("<f4")
U8 = np.dtype("u1")


@dataclass(slots=True)
class State:
    """The memories during a run."""

    constants: Bytes
    main: Bytes
    ai_ram: Bytes

    def view(self, place: v4.MemoryRange, dtype: np.dtype[Any], count: int | None = None) -> Array:
        """A tensor's elements where they lie, flat; all of its range or the first `count`."""
        memory = self.constants if place.memory == v4.MemoryType.CONSTANTS else self.main
        size = place.size if count is None else count * dtype.itemsize
        return memory[place.start : place.start + size].view(dtype)

    def tensor(self, place: v4.MemoryRange, shape: v4.Shape, dtype: np.dtype[Any]) -> Array:
        return self.view(place, dtype, shape.elements).reshape(shape)

    def put(self, place: v4.MemoryRange, values: Array) -> None:
        """Writes a result, whatever its shape."""
        flat = np.ascontiguousarray(values).ravel()
        self.view(place, flat.dtype, flat.size)[:] = flat


def said_type(place: v4.MemoryRange) -> np.dtype[Any]:
    return F32 if place.type == v4.DataType.F32 else U8


def clamped(values: Floats, bounds: v4.ValueRange) -> Floats:
    result: Floats = np.clip(values, np.float32(bounds.low), np.float32(bounds.high))
    return result


def ordered_sum(values: Floats, axis: int) -> Floats:
    """One addition after the other, in f32."""
    moved = np.moveaxis(values, axis, -1)
    total: Floats = np.add.accumulate(moved, axis=-1, dtype=np.float32)[..., -1]
    return total
