# SPDX-License-Identifier: MIT
"""A model's input: arrays and pictures that fit come through, others say what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microkpu.commands.model_input import read_input
from microkpu.errors import MicrokpuError
from microkpu.kmodel.host import Tensor
from numpy.typing import NDArray
from PIL import Image

COLOUR = Tensor("u8", 3, 4, 6)
GREY = Tensor("u8", 1, 4, 6)
FLOATS = Tensor("f32", 5, 1, 1)


def saved(path: Path, array: NDArray[Any]) -> Path:
    np.save(path, array)
    return path


def test_an_array_comes_as_it_is(tmp_path: Path) -> None:
    array = np.arange(72, dtype=np.float64).reshape(4, 6, 3)
    given = read_input(saved(tmp_path / "in.npy", array), COLOUR)
    assert given.dtype == array.dtype
    assert np.array_equal(given, array)


def test_a_grey_array_needs_no_channel_axis(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert read_input(saved(tmp_path / "in.npy", array), GREY).shape == (1, 4, 6)


def test_a_picture_becomes_planes_of_red_green_and_blue(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    picture = Image.new("RGB", (6, 4), (1, 2, 3))
    picture.putpixel((5, 0), (250, 128, 7))
    picture.save(path)
    given = read_input(path, COLOUR)
    assert [int(given[c, 0, 0]) for c in range(3)] == [1, 2, 3]
    assert [int(given[c, 0, 5]) for c in range(3)] == [250, 128, 7]
    assert given.dtype == np.uint8
    assert given.shape == (3, 4, 6)


def test_a_picture_becomes_one_grey_plane(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6)).save(path)
    assert read_input(path, GREY).tobytes() == bytes(range(24))


def test_other_files_say_what_they_are_not(tmp_path: Path) -> None:
    picture = tmp_path / "in.png"
    Image.new("RGB", (7, 4)).save(picture)
    with pytest.raises(MicrokpuError, match="is 7x4 but the model wants 6x4: resize it first"):
        read_input(picture, COLOUR)
    with pytest.raises(MicrokpuError, match=r"no picture fits this model, it wants 5 float32"):
        read_input(picture, FLOATS)
    with pytest.raises(MicrokpuError, match="no input at"):
        read_input(tmp_path / "gone.npy", COLOUR)
    with pytest.raises(MicrokpuError, match="is no array"):
        read_input(saved(tmp_path / "objects.npy", np.array([{}], dtype=object)), COLOUR)
    for name, says in (("text.txt", "is no picture"), ("text.npy", "is no array")):
        path = tmp_path / name
        path.write_text("hello")
        with pytest.raises(MicrokpuError, match=says):
            read_input(path, COLOUR)
