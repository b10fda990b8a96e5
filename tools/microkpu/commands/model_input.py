# SPDX-License-Identifier: MIT
"""Reads what a model is to be given: a .npy array as it is, a picture as planes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from microkpu.errors import MicrokpuError

if TYPE_CHECKING:
    from microkpu.kmodel.host import Tensor

MODES = {1: "L", 3: "RGB"}


def read_input(path: Path, wanted: Tensor) -> NDArray[Any]:
    """The file's array, or the picture's planes (channels, height, width) of uint8.

    MicrokpuError where there is none, or where a picture does not fit the model.
    """
    if not path.is_file():
        raise MicrokpuError(f"no input at {path}: give a .npy, a .png or a .jpg")
    if path.suffix.lower() == ".npy":
        return _array(path, wanted)
    return _picture(path, wanted)


def _array(path: Path, wanted: Tensor) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise MicrokpuError(f"{path} is no array: {error}") from None
    # One plane is often kept without its axis.
    flat_plane = wanted.channels == 1 and array.shape == wanted.shape[1:]
    return array[None] if flat_plane else array


def _picture(path: Path, wanted: Tensor) -> NDArray[Any]:
    if wanted.type != "u8" or wanted.channels not in MODES:
        raise MicrokpuError(f"no picture fits this model, it wants {wanted}: give a .npy")
    try:
        with Image.open(path) as picture:
            if picture.size != (wanted.w, wanted.h):
                raise MicrokpuError(
                    f"{path} is {picture.width}x{picture.height} but the model wants"
                    f" {wanted.w}x{wanted.h}: resize it first"
                )
            pixels = np.asarray(picture.convert(MODES[wanted.channels]), dtype=np.uint8)
    except UnidentifiedImageError:
        raise MicrokpuError(f"{path} is no picture: give a .npy, a .png or a .jpg") from None
    except OSError as error:
        raise MicrokpuError(f"cannot read {path}: {error}") from error
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
