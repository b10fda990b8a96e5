# SPDX-License-Identifier: MIT
"""A model's input: arrays and pictures that fit come through, others say what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microkpu.commands.model_input import Wanted, read_input
from microkpu.errors import MicrokpuError
from numpy.typing import NDArray
from PIL import Image

COLOUR = Wanted(3, 4, 6, is_float=False)
GREY = Wanted(1, 4, 6, is_float=False)
FLOATS = Wanted(5, 1, 1, is_float=True)


def saved(path: Path, array: NDArray[Any]) -> Path:
    np.save(path, array)
    return path


@pytest.mark.parametrize("shape", [(3, 4, 6), (1, 3, 4, 6), (72,), (1, 72)])
def test_arrays_come_as_planes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.arange(72, dtype=np.uint8)
    given = read_input(saved(tmp_path / "in.npy", array.reshape(shape)), COLOUR)
    assert given.shape == (3, 4, 6)
    assert given.tobytes() == bytes(range(72))


def test_a_grey_array_needs_no_channel_axis(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert read_input(saved(tmp_path / "in.npy", array), GREY).shape == (1, 4, 6)


def test_floats_become_float32(tmp_path: Path) -> None:
    array = np.array([0.1, -2, 3, 4, 1e9])
    given = read_input(saved(tmp_path / "in.npy", array), FLOATS)
    assert given.dtype == np.float32
    assert given.tobytes() == array.astype("<f4").tobytes()


def test_a_picture_becomes_planes_of_red_green_and_blue(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    picture = Image.new("RGB", (6, 4), (1, 2, 3))
    picture.putpixel((5, 0), (250, 128, 7))
    picture.save(path)
    given = read_input(path, COLOUR)
    assert [int(given[c, 0, 0]) for c in range(3)] == [1, 2, 3]
    assert [int(given[c, 0, 5]) for c in range(3)] == [250, 128, 7]
    assert given.dtype == np.uint8
    assert given.flags["C_CONTIGUOUS"]


def test_a_picture_becomes_one_grey_plane(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6)).save(path)
    assert read_input(path, GREY).tobytes() == bytes(range(24))


@pytest.mark.parametrize(
    ("array", "wanted", "says"),
    [
        (np.zeros((4, 6, 3), np.uint8), COLOUR, r"4x6x3 uint8 but .* 3x4x6 uint8 .*transpose"),
        (np.zeros((3, 4, 7), np.uint8), COLOUR, "3x4x7 uint8 but the model wants 3x4x6"),
        (np.zeros((3, 4, 6), np.float32), COLOUR, "astype.'uint8'"),
        (np.zeros(5, np.uint8), FLOATS, "astype.'float32'"),
        (np.array([{}], dtype=object), COLOUR, "is no array"),
    ],
)
def test_an_array_that_does_not_fit_says_what_to_do(
    tmp_path: Path, array: NDArray[Any], wanted: Wanted, says: str
) -> None:
    with pytest.raises(MicrokpuError, match=says):
        read_input(saved(tmp_path / "in.npy", array), wanted)


def test_other_files_say_what_they_are_not(tmp_path: Path) -> None:
    picture = tmp_path / "in.png"
    Image.new("RGB", (7, 4)).save(picture)
    with pytest.raises(MicrokpuError, match="is 7x4 but the model wants 6x4: resize it first"):
        read_input(picture, COLOUR)
    with pytest.raises(MicrokpuError, match=r"no picture fits this model: it wants 5x1x1 float32"):
        read_input(picture, FLOATS)
    with pytest.raises(MicrokpuError, match="no input at"):
        read_input(tmp_path / "gone.npy", COLOUR)
    for name, says in (("text.txt", "is no picture"), ("text.npy", "is no array")):
        path = tmp_path / name
        path.write_text("hello")
        with pytest.raises(MicrokpuError, match=says):
            read_input(path, COLOUR)
