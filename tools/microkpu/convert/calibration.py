# SPDX-License-Identifier: MIT
"""The inputs by which ranges are measured: pictures of a folder, or an array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from microkpu.convert.errors import ConvertError
from microkpu.convert.graph import Array, Graph, Shape

PICTURES = {".png", ".jpg", ".jpeg", ".bmp"}
MODES = {1: "L", 3: "RGB"}
LEAST_SCALE = 1e-9


@dataclass(frozen=True)
class Pixels:
    """What bytes mean to the model as given: (byte - mean) * scale; one, or one a channel."""

    scale: tuple[float, ...] = (1 / 255,)
    mean: tuple[float, ...] = (0.0,)

    def per_channel(self, channels: int) -> tuple[Array, Array]:
        """Scale and mean, a number for each channel."""
        both = []
        for name, values in (("--input-scale", self.scale), ("--mean", self.mean)):
            if len(values) not in (1, channels):
                raise ConvertError(
                    f"{name} has {len(values)} numbers, the input has {channels} channels: "
                    f"give one or {channels}"
                )
            both.append(np.broadcast_to(np.array(values, np.float64), (channels,)))
        for name, found, most in (("--input-scale", both[0], 1e9), ("--mean", both[1], 1e6)):
            if not (np.isfinite(found) & (np.abs(found) <= most)).all():
                given = ",".join(f"{v:g}" for v in found)
                raise ConvertError(f"{name} is {given}: finite numbers up to {most:g} wanted")
        if not (both[0] >= LEAST_SCALE).all() and (both[0] > 0).all():
            raise ConvertError(f"--input-scale is below {LEAST_SCALE:g}: give a larger one")
        if not (both[0] > 0).all():
            raise ConvertError("--input-scale is not above 0: bytes would mean nothing")
        return both[0], both[1]

    def to_reals(self, planes: Array) -> Array:
        """(n, channels, ...) bytes as the model's input."""
        scale, mean = self.per_channel(planes.shape[1])
        column = (1, -1, *(1,) * (planes.ndim - 2))
        return ((planes - mean.reshape(column)) * scale.reshape(column)).astype(np.float32)


@dataclass(frozen=True)
class Samples:
    """Inputs of the model as given, one at a time; `bytes_given`: they came as bytes."""

    graph: Graph
    given: tuple[Path, ...] | NDArray[np.generic]
    pixels: Pixels

    @property
    def bytes_given(self) -> bool:
        return isinstance(self.given, tuple) or self.given.dtype == np.uint8

    def __len__(self) -> int:
        return len(self.given)

    def __iter__(self) -> Iterator[Array]:
        """For the rewritten graph: planes, as real numbers."""
        ((_, shape),) = self.graph.inputs.items()
        for each in self.given:
            if isinstance(each, Path):
                real = self.pixels.to_reals(read_picture(each, shape)[None])
            elif self.bytes_given:
                real = self.pixels.to_reals(np.asarray(each)[None])
            else:
                real = np.asarray(each, np.float32)[None]
            planar = self.graph.entry.after_planes(real)
            yield np.ascontiguousarray(planar, np.float32)


def read_picture(path: Path, shape: Shape) -> Array:
    """A picture as planes of bytes, brought to the size of the input."""
    _, channels, height, width = shape
    try:
        with Image.open(path) as picture:
            turned = picture.convert(MODES[channels])
            if turned.size != (width, height):
                turned = turned.resize((width, height), Image.Resampling.BILINEAR)
            pixels = np.asarray(turned, np.uint8)
    except (OSError, UnidentifiedImageError) as error:
        raise ConvertError(f"cannot read {path}: {error}") from None
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def pictures_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES and p.is_file())


def load(graph: Graph, source: Path | Array, pixels: Pixels, most: int) -> Samples:
    """Samples of a folder, of an .npy file, or of an array; `most` of them, evenly chosen."""
    ((name, shape),) = graph.inputs.items()
    if isinstance(source, Path) and source.is_dir():
        files = pictures_in(source)
        if not files:
            raise ConvertError(f"no pictures in {source}: .png, .jpg or .bmp wanted")
        if len(shape) != 4 or shape[1] not in MODES:
            raise ConvertError(
                f"input {name!r} is {'x'.join(map(str, shape))}, which no picture is: give an .npy"
            )
        return Samples(graph, tuple(_chosen(files, most)), pixels)
    array = _array(source) if isinstance(source, Path) else np.asarray(source)
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise ConvertError(f"the calibration array is {array.dtype}: uint8 or float32 wanted")
    fitted = _fitted(array, shape, graph.entry.channels_last)
    for place, sample in enumerate(fitted if fitted.dtype.kind == "f" else ()):
        if not np.isfinite(sample.astype(np.float32)).all():
            raise ConvertError(
                f"calibration sample {place} holds NaN or infinity: leave it out, or mend it"
            )
    return Samples(graph, _chosen(fitted, most), pixels)


def _chosen(items, most: int):  # type: ignore[no-untyped-def]
    """At most so many, evenly over all."""
    if len(items) <= most:
        return items
    places = np.linspace(0, len(items) - 1, most).astype(int)
    return items[places] if isinstance(items, np.ndarray) else [items[i] for i in places]


def _array(path: Path) -> Array:
    try:
        array = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ConvertError(f"{path} holds several arrays: give an .npy of one")
        return array
    except (ValueError, OSError, EOFError) as error:
        raise ConvertError(f"{path} is no array: {error}") from None


def _fitted(array: Array, shape: Shape, channels_last: bool) -> Array:
    """(n, ...) of the input's shape, channels first."""
    wanted = shape[1:]
    one = array[None] if array.ndim == len(wanted) else array
    if channels_last and one.ndim == 4 and one.shape[1:] == (*shape[2:], shape[1]):
        return one.transpose(0, 3, 1, 2)
    if one.shape[1:] != wanted or not len(one):
        if one.ndim == 4 and one.shape[1:] == (*shape[2:], shape[1]):
            return one.transpose(0, 3, 1, 2)
        raise ConvertError(
            f"the calibration array is {'x'.join(map(str, array.shape))}, "
            f"the model's input n x {'x'.join(map(str, wanted))}: reshape it"
        )
    return one
