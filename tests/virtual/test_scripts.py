# SPDX-License-Identifier: MIT
"""Other people's scripts, unmodified, from the card: each shows three frames, and the right ones.

MICROKPU_SCRIPTS names a folder with checkouts of their public repositories, as OWNER/REPO/PATH:
sipeed/MaixPy-v1_scripts, andriyadi/MaixPy-TrashClassifier, USTHzhanglu/Maixpy. Their models are in
those, or in MICROKPU_SHARED's folder `models`; the pictures before the lens are golden vectors of
MICROKPU_SHARED, or drawn. What is drawn over the camera's picture is found as the difference to
it, so that every other pixel of the display is held to the picture, too.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from microkpu.kmodel import oracle
from PIL import Image

from virtual.script_board import (
    Box,
    Files,
    H,
    Pixels,
    ScriptBoard,
    W,
    around,
    ball,
    digit,
    fields,
    flipped,
    golden,
    mirrored,
    outline,
    overlap,
    patch,
    shared,
    without,
)  # fmt: skip

SIPEED = "sipeed/MaixPy-v1_scripts"
VISION = f"{SIPEED}/machine_vision"
# Chin, hair and ears of the astronaut, and the cat, in pictures of 320 x 240.
FACE = (115, 28, 168, 116)
CAT = (15, 5, 310, 230)
BALL = (W // 2 - 70, H // 2 - 70, W // 2 + 70, H // 2 + 70)
WINDOW = (48, 8, 272, 232)
WHITE, RED, GREEN = (31, 63, 31), (31, 0, 0), (0, 63, 0)

Start = Callable[..., ScriptBoard]


@pytest.fixture
def start(firmware: Path, tmp_path: Path) -> Start:
    """start(script, picture, screens=, flash=, card=): shown so many screens of its loop."""

    def run(
        script: str,
        picture: Image.Image,
        screens: float = 0,
        flash: dict[int, str] | None = None,
        card: dict[str, str] | None = None,
        name: str = "main.py",
    ) -> ScriptBoard:
        files = Files(flash or {}, card or {})
        board = ScriptBoard(firmware, script, files, picture, tmp_path, name)
        if screens:
            board.show(screens)
        return board

    return run


def in_colour(glass: Pixels, colour: tuple[int, int, int]) -> np.ndarray:
    return (glass == colour).all(2)


def assert_boxed(
    glass: Pixels, seen: Image.Image, colour: tuple[int, int, int], truth: Box, *texts: Box,
    thickness: int = 1,
) -> Box:  # fmt: skip
    """One box of a colour is drawn where the thing is, and nothing else but texts."""
    drawn = without((glass != fields(seen)).any(2), *texts)
    box = around(drawn)
    assert overlap(box, truth) > 0.6, (box, truth)
    line = outline(box, thickness)
    inner = line.copy()
    inner[:, (0, -1)] = inner[(0, -1), :] = False  # a side may lie beyond the display
    assert in_colour(glass, colour)[without(inner, *texts)].all()
    assert not (drawn & ~line).any()
    return box


def assert_text(glass: Pixels, colour: tuple[int, int, int], at: Box, least: int) -> None:
    left, top, right, bottom = at
    assert in_colour(glass, colour)[top:bottom, left:right].sum() >= least


# Models.


def test_demo_find_face(start: Start) -> None:
    seen = golden("face_v3_astronaut")
    board = start(
        f"{VISION}/face_find/demo_find_face.py",
        seen,
        2 + 3,
        flash={0x300000: "models/kendryte-standalone-demo__detect.kmodel"},
    )
    glass, text = board.glass(), (0, 200, 120, 224)
    assert_boxed(glass, seen, WHITE, FACE, text)
    assert_text(glass, WHITE, text, 100)


def test_yolov2_20class(start: Start) -> None:
    seen = golden("yolo20_v3_chelsea")
    board = start(
        f"{VISION}/yolov2_20class.py",
        flipped(seen),
        1 + 3,
        flash={0x500000: "models/kendryte-standalone-demo__yolo.kmodel"},
    )
    glass = board.glass()
    texts = around(in_colour(glass, RED))
    left, top, _, _ = assert_boxed(glass, seen, WHITE, CAT, texts)
    assert (texts[0] - left, texts[1] - top) < (8, 8)
    assert_text(glass, RED, texts, 300)


def test_demo_load_big_model(start: Start) -> None:
    seen = golden("face_v3_astronaut")
    board = start(
        f"{VISION}/load_big_model/demo_load_big_model.py",
        mirrored(seen),
        1 + 3,
        flash={0x600000: "models/MaixPy-v1_scripts__face_model_be_at_0x600000.kfpkg"},
    )
    assert_boxed(board.glass(), seen, WHITE, FACE)
    assert "load end" in board.said and '"classid":0' in board.said


def test_fmap(start: Start) -> None:
    """The digit beside the planes of layers, as an oracle computes them from what is shown."""
    board = start(
        f"{VISION}/fmap/fmap.py",
        digit("mnist_v3_digit3"),
        1 + 3,
        flash={0x300000: "models/MaixPy-v1_scripts__mnist.kmodel"},
    )
    gray = np.asarray(board.board.lcd.image().convert("RGB"))[..., 1].astype(int)
    wanted = np.load(shared("golden/mnist_v3_digit3/input.npy"))
    large = np.kron(wanted[0], np.ones((2, 2), int))
    assert np.abs(gray[:56, :56] - large).mean() < 16
    model = shared("models/MaixPy-v1_scripts__mnist.kmodel").read_bytes()
    planes = oracle.trace(model, wanted)[1][0]
    assert planes.shape == (16, 14, 14)
    for place, plane in enumerate(planes.astype(int)):
        top, left = 56 + 28 * (place // 8), 28 * (place % 8)
        shown = gray[top : top + 28, left : left + 28]
        assert np.abs(shown - np.kron(plane, np.ones((2, 2), int))).mean() < 24, place


def test_yolov2_apple_banana_orange(start: Start) -> None:
    folder = "machine_vision/fans_share/yolov2_apple,banana,orange"
    seen = ball((255, 140, 20))
    board = start(
        f"{SIPEED}/{folder}/main.py",
        seen,
        1 + 3,
        card={
            "yolov2.kmodel": "models/MaixPy-v1_scripts__yolov2.kmodel",
            "anchors.txt": f"{folder}/anchors.txt",
            "classes.txt": f"{folder}/classes.txt",
        },
    )
    glass = board.glass()
    framed = Image.new("RGB", (W, H))
    framed.paste(seen.crop(WINDOW), WINDOW)
    drawn = (glass != fields(framed)).any(2)
    text = around(in_colour(glass, WHITE))
    label = (text[0] - 8, text[1] - 12, text[2] + 8, text[3] + 12)
    box = around(without(drawn, label))
    assert overlap(box, BALL) > 0.6
    assert in_colour(glass, GREEN)[without(outline(box, 2), label)].all()
    assert text[2] - text[0] > 8 * len("orange")


def test_mask(start: Start) -> None:
    """A face with none: the demo's box is red, with a text since it is the only one."""
    seen = golden("mask_v3_upload_maxpool_astronaut")
    board = start(
        f"{VISION}/fans_share/mask.kmodel/mask.py",
        seen,
        1 + 3,
        flash={0x500000: "models/MaixPy-v1_scripts__mask.kmodel"},
    )
    glass = board.glass()
    assert_boxed(glass, seen, RED, FACE, (0, 0, 240, 30))
    assert_text(glass, RED, (0, 0, 240, 30), 300)


def test_trash_classifier(start: Start) -> None:
    """Its three answers go to the LEDs and as text beside the picture."""
    seen = golden("yolo20_v3_chelsea")
    board = start(
        "andriyadi/MaixPy-TrashClassifier/trash_classifier.py",
        seen,
        2 + 3.1,
        flash={0x500000: "trash.kmodel"},
    )
    glass = board.glass()
    window = fields(seen.crop(WINDOW))
    np.testing.assert_array_equal(glass[:224, :224], window)
    assert_text(glass, RED, (0, 224, W, H), 80)
    assert_text(glass, RED, (224, 8, W, 44), 60)
    lit = [board.board.led(name) for name in ("red", "green", "blue")]
    assert sum(lit) == 2  # they light on low, and the script thinks of high


def test_thread_switch_model(start: Start) -> None:
    """It looks for masks, then for faces, with a call of _thread that starts nothing."""
    folder = "code/testmodel/多线程切换模型"
    board = start(
        "USTHzhanglu/Maixpy/code/testmodel/thread-switch-model.py",
        flipped(golden("face_v3_astronaut")),
        card={"face.kmodel": f"{folder}/face.kmodel", "mask2.kmodel": f"{folder}/mask2.kmodel"},
    )
    if board.board.run(seconds=1.0, until=b"no module named '_thread'"):
        pytest.skip("the firmware has no _thread")
    board.show(3)
    assert "ImportError" not in board.said


# No model.


def test_demo_affine(start: Start) -> None:
    seen = golden("yolo20_v3_chelsea")
    board = start(f"{VISION}/demo_affine.py", seen, 1 + 3)
    np.testing.assert_array_equal(board.glass(), fields(seen))
    board.show(1)
    # Turned and scaled, not sheared: what takes the points there to these best.
    source = np.float64([[0, 0], [240, 0], [240, 240]])
    target = np.float64([[60, 60], [240, 0], [220, 200]])
    zero, one = np.zeros(3), np.ones(3)
    rows = np.vstack([
        np.stack([target[:, 0], -target[:, 1], one, zero], 1),
        np.stack([target[:, 1], target[:, 0], zero, one], 1),
    ])  # fmt: skip
    a, b, right, down = np.linalg.lstsq(rows, source.T.ravel(), rcond=None)[0]
    assert f"[{a:.2f}, {-b:.2f}, {right:.2f}]" in board.said
    back = np.array([[a, -b, right], [b, a, down]])
    y, x = np.mgrid[:H, :W]
    fx, fy = np.rint(np.tensordot(back, np.stack([x, y, np.ones_like(x)]), 1)).astype(int)
    inside = (fx >= 2) & (fx < W - 2) & (fy >= 2) & (fy < H - 2)
    assert inside.sum() > 20000
    wanted = fields(seen)[fy.clip(0, H - 1), fx.clip(0, W - 1)]
    assert np.abs(board.glass() - wanted)[inside].mean() < 2


def test_demo_image_deal(start: Start) -> None:
    """An edge filter by the hundred, on planes of 8 bits."""
    seen = patch((40, 90, 200), (100, 60, 220, 180))
    board = start(f"{VISION}/demo_image_deal.py", seen, 1 + 3)
    planes = np.rint(fields(seen) * 255 / np.array([31, 63, 31]))
    wide = np.pad(planes, ((1, 1), (1, 1), (0, 0)), "edge")
    around_it = sum(wide[dy : dy + H, dx : dx + W] for dy in range(3) for dx in range(3))
    edges = np.clip(9 * planes - around_it, 0, 255).astype(np.uint8)
    inner = np.s_[2 : H - 2, 2 : W - 2]
    np.testing.assert_array_equal(board.glass()[inner], (edges.astype(int) >> (3, 2, 3))[inner])
    assert edges[inner].any()


def test_demo_fps_display(start: Start) -> None:
    seen = golden("face_v3_astronaut")
    board = start(f"{VISION}/demo_fps_display.py", seen, 1 + 3)
    glass, text = board.glass(), (0, 0, 130, 28)
    np.testing.assert_array_equal(
        without((glass != fields(seen)).any(2), text), np.zeros((H, W), bool)
    )
    assert_text(glass, (0, 128 >> 2, 0), text, 150)


def test_demo_find_green_blob(start: Start) -> None:
    box = (90, 50, 190, 130)
    seen = patch((60, 150, 90), box)
    board = start(f"{VISION}/demo_find_green_blob.py", seen, 1 + 3)
    glass = board.glass()
    drawn = (glass != fields(seen)).any(2)
    line = outline(box)
    assert in_colour(glass, WHITE)[line].all() and drawn[line].all()
    cross = around(drawn & ~line)
    assert (cross[0] + cross[2]) // 2 in range(138, 143)
    assert (cross[1] + cross[3]) // 2 in range(88, 93)


def test_demo_save_picture(start: Start) -> None:
    seen = golden("face_v3_astronaut")
    board = start(f"{SIPEED}/multimedia/gui/image/demo_save_picture.py", seen)
    board.end()
    board.board.close()
    saved = Image.open(board.card / "image.jpg")
    assert saved.format == "JPEG" and saved.size == (W, H)
    for picture in (saved, board.board.lcd.image()):
        error = np.asarray(picture.convert("RGB")).astype(int) - np.asarray(seen)
        assert np.abs(error).mean() < 6
    assert np.abs(board.glass() - fields(saved)).max() <= 1


def test_demo_draw_circle(start: Start) -> None:
    board = start(f"{SIPEED}/multimedia/gui/image/demo_draw_circle.py", Image.new("RGB", (W, H)))
    board.end()
    white = in_colour(board.glass(), WHITE)
    assert white[140, [70, 230]].all() and white[[60, 220], 150].all()
    assert white[outline((120, 120, 150, 150))].all()
    assert white[40, 250] and white[100:124, 60:252].sum() > 300
    assert in_colour(board.glass(), (236 >> 3, 36 >> 2, 36 >> 3))[200, 30:250].all()


def test_demo_camera(start: Start) -> None:
    seen = golden("yolo20_v3_chelsea")
    board = start(f"{SIPEED}/hardware/demo_camera.py", seen, 1 + 3)
    np.testing.assert_array_equal(board.glass(), fields(seen))


def test_demo_lcd(start: Start) -> None:
    """The same words four times, each turned by a quarter; the last stand upright."""
    board = start(f"{SIPEED}/hardware/demo_lcd.py", Image.new("RGB", (W, H)))
    board.end()
    glass = board.glass()
    white = in_colour(glass, WHITE)
    assert (white | in_colour(glass, RED)).all()
    words = white[120:132, 120:216]
    assert words.sum() > 100
    for turns, (x, y) in ((1, (120, 60)), (2, (60, 60)), (3, (30, 30))):
        turned = np.rot90(white, -turns)
        # What came later lies over the ends.
        np.testing.assert_array_equal(turned[y : y + 12, x : x + 80], words[:, :80])


def test_capture_image_tool(start: Start) -> None:
    """boot.py: a press of BOOT saves what stands before the lens."""
    seen = golden("face_v3_astronaut")
    board = start(f"{SIPEED}/application/capture_image_tool/boot.py", seen, 1 + 3, name="boot.py")
    glass = board.glass()
    window = fields(seen.crop(WINDOW))
    np.testing.assert_array_equal(glass[34:, 48:272], window[18:])
    assert_text(glass, WHITE, (0, 0, W, 18), 200)
    board.board.press("boot")
    board.board.run(seconds=0.4)
    board.board.release("boot")
    board.show(2)
    board.board.run(seconds=1.0)
    board.board.close()
    saved = Image.open(board.card / "cap_images_1" / "0" / "0.jpg")
    assert saved.size == (224, 224)
    error = np.asarray(saved.convert("RGB")).astype(int) - np.asarray(seen.crop(WINDOW))
    assert np.abs(error).mean() < 5
