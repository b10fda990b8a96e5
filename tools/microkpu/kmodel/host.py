# SPDX-License-Identifier: MIT
"""A kmodel run on the host by the very code of the board: `HostModel(Path("m.kmodel")).run(x)`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from microkpu.errors import MicrokpuError
from microkpu.kmodel import _runtime
from microkpu.kmodel.word_order import in_order

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output: planar; batches count as channels, a flat one has its elements there."""

    type: Literal["u8", "f32"]
    channels: int
    h: int
    w: int

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype("<f4" if self.type == "f32" else "u1")

    @property
    def shape(self) -> Shape:
        return self.channels, self.h, self.w

    @property
    def bytes(self) -> int:
        return self.channels * self.h * self.w * self.dtype.itemsize

    def __str__(self) -> str:
        flat = self.h == self.w == 1
        size = str(self.channels) if flat else "x".join(map(str, self.shape))
        return f"{size} {'float32' if self.type == 'f32' else 'uint8'}"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer; what comes after `to_main_memory` is said of KPU layers only."""

    type: int
    name: str
    body_bytes: int
    kpu: bool
    depthwise: bool
    to_main_memory: bool
    input: Shape
    output: Shape
    kernel: int
    pool: int
    weight_bytes: int


@dataclass(frozen=True, slots=True)
class Needs:
    """Bytes beside the file: main memory, room for streamed results, and the layers' tape."""

    work: int
    device: int
    tape: int


class HostModel:
    """A model as the board checks, opens and runs it; MicrokpuError has the board's own words."""

    def __init__(self, file: bytes | Path) -> None:
        data = _read(file) if isinstance(file, Path) else file
        try:
            self._model = _runtime.Model(in_order(data))
        except ValueError as error:
            where = f"{file}: " if isinstance(file, Path) else ""
            raise MicrokpuError(f"{where}{error}") from None
        self.inputs = [Tensor(*part) for part in self._model.inputs]
        # What the board takes: several inputs one after another.
        self.input = Tensor(*self._model.input)
        self.outputs = [Tensor(*output) for output in self._model.outputs]
        self.layers = [Layer(*layer) for layer in self._model.layers]
        self.needs = Needs(*self._model.needs)

    def run(self, *arrays: NDArray[Any]) -> list[NDArray[Any]]:
        """The outputs, each (channels, h, w) of its type, for inputs of the model's types.

        An input is (channels, h, w), with or without a leading 1, or flat; batches count as
        channels, or come first as a dimension of their own. Several inputs may also come as one
        array, flat and one after another.
        """
        results = self._model.run(self.joined(*arrays))
        return [
            np.frombuffer(data, output.dtype).reshape(output.shape)
            for data, output in zip(results, self.outputs, strict=True)
        ]

    def joined(self, *arrays: NDArray[Any]) -> bytes:
        """The inputs as the model takes them; MicrokpuError says what an array lacks."""
        if len(arrays) == 1:
            return self.fitted(arrays[0]).tobytes()
        if len(arrays) != len(self.inputs):
            raise MicrokpuError(f"{len(arrays)} inputs given but the model has {len(self.inputs)}")
        pairs = zip(arrays, self.inputs, strict=True)
        return b"".join(_fitted(array, wanted).tobytes() for array, wanted in pairs)

    def fitted(self, array: NDArray[Any]) -> NDArray[Any]:
        """The whole input as the model wants it; MicrokpuError says what an array lacks."""
        return _fitted(array, self.input)


def _fitted(array: NDArray[Any], wanted: Tensor) -> NDArray[Any]:
    count = int(np.prod(wanted.shape))
    given = f"input is {'x'.join(map(str, array.shape))} {array.dtype}"
    planes = array.ndim > 2 and array.shape[-2:] == wanted.shape[-2:]
    if array.size != count or not (planes or array.shape in {(count,), (1, count)}):
        turned = array.shape == (wanted.h, wanted.w, wanted.channels)
        advice = "transpose(2, 0, 1)" if turned else "reshape or resize it"
        raise MicrokpuError(f"{given} but the model wants {wanted}: {advice} first")
    # Any float is brought to float32; of integers only bytes are what they seem.
    if array.dtype != wanted.dtype and {array.dtype.kind, wanted.dtype.kind} != {"f"}:
        raise MicrokpuError(
            f"{given} but the model wants {wanted}: astype('{wanted.dtype.name}') first"
        )
    return np.ascontiguousarray(array, dtype=wanted.dtype)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MicrokpuError(f"cannot read {path}: {error.strerror}") from None
