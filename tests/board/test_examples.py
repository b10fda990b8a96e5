# SPDX-License-Identifier: MIT
"""The scripts of examples/, run as they are: what they print and what the display then shows.

test_camera_to_lcd.py has one more, tests/virtual/test_demo.py two.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from microkpu.bench_memory import synthetic_model
from microkpu.board import RemoteBoard
from microkpu.kmodel import oracle
from microkpu.virtual import Board
from microkpu.virtual.card_slot import CardSlot
from PIL import Image
from yolo2_oracle import FACE_ANCHORS, plain

from .image_support import scene
from .kpu_support import FlashImage, shared

# The fixtures of camera and card.
from .test_demos import CLASSES20_ANCHORS
from .test_sd import insert  # noqa: F401
from .test_sensor import show  # noqa: F401

pytestmark = pytest.mark.virtual_only(
    "gives each example the camera, card and files that it is for"
)
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
ELSEWHERE = {"camera_to_lcd", "digits", "detect_digits"}
TOOLS = {"bring_up"}  # no examples of use
Show = Callable[..., None]
# Most that a channel loses on its way through 5 and 6 bits to the glass.
LOST = 8

Planes = npt.NDArray[np.uint8]


def camera_planes(picture: Image.Image) -> Planes:
    """What the KPU gets of it: 5, 6 and 5 bits, made 8 again by repeating the highest."""
    r, g, b = np.moveaxis(np.asarray(picture), -1, 0)
    return np.stack([r & 0xF8 | r >> 5, g & 0xFC | g >> 6, b & 0xF8 | b >> 5])


def glass(virtual: Board) -> npt.NDArray[np.int_]:
    return np.asarray(virtual.lcd.image().convert("RGB")).astype(int)


def frames(board: RemoteBoard, example: str) -> list[Any]:
    """What an example printed of its third frame."""
    board.start(EXAMPLES / example)
    for _ in range(3):
        line = board.read_until(b"]\r\n", 10)
    board.interrupt()
    text = line.decode()
    return list(ast.literal_eval(text[text.rindex("\n[") if "\n[" in text else 0 :].strip()))


def golden_view(name: str) -> Image.Image:
    planes = np.load(shared("golden", name) / "input.npy")
    return Image.fromarray(np.moveaxis(planes, 0, -1))


def assert_shown(
    virtual: Board, picture: Image.Image, box: tuple[int, ...], ink: tuple[int, ...]
) -> None:
    """The display shows the picture, and a box of this colour around that place."""
    seen = glass(virtual)
    x, y, w, h = box
    bottom = min(y + h, 240) - 1
    sides = [seen[bottom, x : x + w], seen[y : bottom + 1, x]]
    for side in sides:
        assert (np.abs(side - ink).max(-1) <= LOST).mean() > 0.9
    unchanged = np.abs(seen - np.asarray(picture).astype(int)).max(-1) <= LOST
    assert unchanged.mean() > 0.9


def test_every_example_is_short_says_what_it_needs_and_is_run_by_a_test() -> None:
    examples = sorted(path for path in EXAMPLES.glob("*.py") if path.stem not in TOOLS)
    assert len(examples) >= 8
    for example in examples:
        text = example.read_text()
        assert len(text.splitlines()) <= 40, example
        assert example.stem in ELSEWHERE or f"test_{example.stem}" in globals(), example
        needs = re.search(r'"""(.+?)"""', text, re.DOTALL)
        assert needs, example
        loaded = re.search(r"kpu\.load\((0x\w+)\)", text)
        if loaded and example.name != "digits.py":
            assert "Needs a" in needs[1] or "Needs d" in needs[1]
            assert loaded[1] in needs[1]


def test_face_detect(
    board: RemoteBoard,
    virtual: Board,
    flash_image: FlashImage,
    show: Show,  # noqa: F811
) -> None:
    model = shared("models", "kendryte-standalone-demo__detect.kmodel").read_bytes()
    picture = golden_view("face_v3_astronaut")
    flash_image(0x300000, model)
    show(picture)
    found = frames(board, "face_detect.py")
    planes = oracle.run(model, camera_planes(picture))[0].reshape(5, 6, 15, 20)
    wanted = plain(planes, FACE_ANCHORS, 0.5, 0.3, (320, 240))
    assert len(found) == len(wanted) == 1
    assert np.abs(np.array(found[0]) - wanted[0][:4]).max() <= 1
    assert_shown(virtual, picture, found[0], (0, 255, 0))


def test_yolo_20_classes(
    board: RemoteBoard,
    virtual: Board,
    flash_image: FlashImage,
    show: Show,  # noqa: F811
) -> None:
    model = shared("models", "kendryte-standalone-demo__yolo.kmodel").read_bytes()
    picture = golden_view("yolo20_v3_chelsea")
    flash_image(0x500000, model)
    show(picture)
    found = frames(board, "yolo_20_classes.py")
    planes = oracle.run(model, camera_planes(picture))[0].reshape(5, 25, 7, 10)
    wanted = plain(planes, CLASSES20_ANCHORS, 0.5, 0.3, (320, 240))
    assert [name for name, _ in found] == ["cat"]
    assert len(wanted) == 1
    assert np.abs(np.array(found[0][1]) - wanted[0][:4]).max() <= 1
    assert_shown(virtual, picture, found[0][1], (255, 0, 0))


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits model and its pictures, built anew."""
    folder = tmp_path_factory.mktemp("digits")
    command = [sys.executable, EXAMPLES / "models" / "build_digits.py", "--out", folder]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_fmap(
    board: RemoteBoard,
    virtual: Board,
    flash_image: FlashImage,
    show: Show,  # noqa: F811
    digits: Path,
) -> None:
    model = (digits / "digits.kmodel").read_bytes()
    flash_image(0x300000, model)
    show(Image.open(digits / "pictures" / "000.jpg").convert("RGB").resize((320, 240)))
    lines = board.run(EXAMPLES / "fmap.py", timeout=10).splitlines()
    assert lines[-1] == "layer 5 makes 32 maps of 4x4"
    assert [line.split()[1] for line in lines[-5:]] == ["1", "2", "3", "4", "5"]
    # What the net's last output is of the very picture that the script gave it.
    picture = np.frombuffer(board.get_buffer("img"), np.uint8).reshape(1, 32, 32)
    assert picture.std() > 30
    maps = oracle.run(model, picture)[2].reshape(32, 4, 4).astype(int)
    assert maps.max() > 100
    seen = glass(virtual)
    for channel, one in enumerate(maps):
        corners = seen[0:6:5, 8 * channel : 8 * channel + 6 : 5]
        assert np.abs(corners - one[::3, ::3, None]).max() <= LOST
    assert not seen[8:, :].any()


def test_save_picture(
    board: RemoteBoard,
    virtual: Board,
    insert: Callable[[Path], CardSlot],  # noqa: F811
    show: Show,  # noqa: F811
    tmp_path: Path,
) -> None:
    picture = scene((320, 240))
    show(picture)
    insert(tmp_path)
    board.soft_reset()
    for number in range(2):
        path = f"/sd/photo00{number}.jpg"
        last = board.run(EXAMPLES / "save_picture.py", timeout=10).splitlines()[-1]
        saved = board.get(path)
        assert last == f"{path} {len(saved)} bytes"
        read = np.asarray(Image.open(io.BytesIO(saved))).astype(int)
        assert np.abs(read - np.asarray(picture).astype(int)).mean() < 12
        assert np.abs(glass(virtual) - read).max() <= LOST


def test_big_model(
    board: RemoteBoard,
    flash_image: FlashImage,
    show: Show,  # noqa: F811
) -> None:
    """A model of 7 MiB, where the chip has 6 for everything and two for the KPU's maps."""
    model = synthetic_model(7000)
    flash_image(0x600000, model)
    picture = scene((320, 240))
    show(picture)
    lines = board.run(EXAMPLES / "big_model.py", timeout=20).splitlines()
    sizes = re.fullmatch(r"(\d+) bytes, (\d+) of them read in each run", lines[-4])
    assert sizes
    assert int(sizes[1]) == len(model)
    assert len(model) - (6 << 20) < int(sizes[2]) < len(model)
    wanted = oracle.run(model, camera_planes(picture))[0].ravel()
    for line in lines[-3:]:
        answer = re.fullmatch(r"answer (\d+) ([\d.]+) \d+ ms", line)
        assert answer
        assert float(answer[2]) == wanted.max() == wanted[int(answer[1])]
