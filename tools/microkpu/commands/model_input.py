# SPDX-License-Identifier: MIT
"""Reads what a model is to be given, from a .npy array or a picture, and checks that it fits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from microkpu.errors import MicrokpuError

MODES = {1: "L", 3: "RGB"}


@dataclass(frozen=True)
class Wanted:
    """The input of a model: planar CHW, bytes or float32."""

    channels: int
    height: int
    width: int
    is_float: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.channels, self.height, self.width

    def __str__(self) -> str:
        kind = "float32" if self.is_float else "uint8"
        return f"{self.channels}x{self.height}x{self.width} {kind} (channels, height, width)"


def read_input(path: Path, wanted: Wanted) -> NDArray[Any]:
    """The input, (channels, height, width) of uint8 or float32; MicrokpuError where not fit."""
    if not path.is_file():
        raise MicrokpuError(f"no input at {path}: give a .npy, a .png or a .jpg")
    if path.suffix.lower() == ".npy":
        return _array(path, wanted)
    return _picture(path, wanted)


def _array(path: Path, wanted: Wanted) -> NDArray[Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise MicrokpuError(f"{path} is no array: {error}") from None
    have = (
        f"{path} is {'x'.join(map(str, array.shape))} {array.dtype} but the model wants {wanted}"
    )
    flat = int(np.prod(wanted.shape))
    shapes = {wanted.shape, (1, *wanted.shape), (flat,), (1, flat)}
    if wanted.channels == 1:
        shapes |= {wanted.shape[1:]}
    if array.shape not in shapes:
        turned = array.shape == (*wanted.shape[1:], wanted.channels)
        raise MicrokpuError(f"{have}: {'transpose(2, 0, 1)' if turned else 'reshape it'} first")
    if wanted.is_float:
        if array.dtype.kind != "f":
            raise MicrokpuError(f"{have}: astype('float32') first")
        return np.ascontiguousarray(array.reshape(wanted.shape), dtype="<f4")
    if array.dtype != np.uint8:
        raise MicrokpuError(f"{have}: bring it to 0 to 255 and astype('uint8') first")
    return np.ascontiguousarray(array.reshape(wanted.shape))


def _picture(path: Path, wanted: Wanted) -> NDArray[Any]:
    if wanted.is_float or wanted.channels not in MODES:
        raise MicrokpuError(f"no picture fits this model: it wants {wanted}: give a .npy")
    try:
        with Image.open(path) as picture:
            if picture.size != (wanted.width, wanted.height):
                raise MicrokpuError(
                    f"{path} is {picture.width}x{picture.height} but the model wants"
                    f" {wanted.width}x{wanted.height}: resize it first"
                )
            pixels = np.asarray(picture.convert(MODES[wanted.channels]), dtype=np.uint8)
    except UnidentifiedImageError:
        raise MicrokpuError(f"{path} is no picture: give a .npy, a .png or a .jpg") from None
    except OSError as error:
        raise MicrokpuError(f"cannot read {path}: {error}") from error
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(planes)
