# SPDX-License-Identifier: MIT
"""The call sequences of MaixPy's demos, with picture files where those have a camera.

What a model gives is computed anew from the same pixels by the numpy oracle.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from microkpu.board import RemoteBoard
from microkpu.kmodel import oracle
from PIL import Image
from yolo2_oracle import FACE_ANCHORS, plain

from .image_support import encoded, expanded, rgb565
from .kpu_support import FlashImage, reversed_words, shared

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples" / "models"))
from yolo2 import ANCHORS, CELL  # noqa: E402

CLASSES20_ANCHORS = [1.08, 1.19, 3.42, 4.41, 6.63, 11.38, 9.42, 5.11, 16.62, 10.52]
CAT = 7
FACE = "kendryte-standalone-demo__detect.kmodel"
LANDMARKS = "canmv_examples__ld5.kmodel"
PICTURE = "/flash/picture.jpg"
FOUND = "[(i.x(), i.y(), i.w(), i.h(), i.classid(), i.value()) for i in code]"

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def picture(board: RemoteBoard, planes: Bytes) -> Bytes:
    """Puts a picture where the demos look for one; the planes that pix_to_ai() makes of it."""
    file = encoded(Image.fromarray(np.moveaxis(planes, 0, -1)), quality=95)
    board.put(PICTURE, file)
    return expanded(rgb565(file))


def golden_picture(name: str) -> Bytes:
    return np.asarray(np.load(shared("golden", name) / "input.npy"))


def floats(model: bytes, planes: Bytes) -> Floats:
    (output,) = oracle.run(model, planes)
    return np.asarray(output, np.float32)


def assert_boxes(board: RemoteBoard, expected: list[Any]) -> None:
    """`code` holds these boxes: classes exactly, places to the pixel."""
    found = board.eval(FOUND)
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        assert one[4] == other[4]
        assert one[5] == pytest.approx(other[5], rel=1e-4)
        assert np.abs(np.array(one[:4]) - np.array(other[:4])).max() <= 1


def faces(model: bytes, planes: Bytes) -> list[Any]:
    return plain(floats(model, planes).reshape(5, 6, 15, 20), FACE_ANCHORS, 0.5, 0.3, (320, 240))


FIND_FACE = f"""
import image, KPU as kpu
task = kpu.load({{address:#x}})
anchors = {tuple(FACE_ANCHORS)}
a = kpu.init_yolo2(task, 0.5, 0.3, 5, anchors)
for frame in range(2):
    img = image.Image("{PICTURE}")
    img.pix_to_ai()
    code = kpu.run_yolo2(task, img)
    if code:
        for i in code:
            a = img.draw_rectangle(i.rect())
a = kpu.deinit(task)
"""


def test_find_face(board: RemoteBoard, flash_image: FlashImage) -> None:
    model = shared("models", FACE).read_bytes()
    planes = picture(board, golden_picture("face_v3_astronaut"))
    flash_image(0x300000, model)
    board.exec(FIND_FACE.format(address=0x300000))
    assert_boxes(board, faces(model, planes))
    x, y = board.eval("code[0].rect()[:2]")
    assert board.eval(f"img.get_pixel({x}, {y})") == (255, 255, 255)  # the frame that was drawn


def test_yolov2_20class(board: RemoteBoard, flash_image: FlashImage) -> None:
    model = shared("models", "kendryte-standalone-demo__yolo.kmodel").read_bytes()
    planes = picture(board, golden_picture("yolo20_v3_chelsea"))
    flash_image(0x500000, model)
    board.exec(
        "import image, KPU as kpu\n"
        "task = kpu.load(0x500000)\n"
        f"anchor = {tuple(CLASSES20_ANCHORS)}\n"
        "a = kpu.init_yolo2(task, 0.5, 0.3, 5, anchor)\n"
        f'img = image.Image("{PICTURE}")\n'
        "img.pix_to_ai()\n"
        "code = kpu.run_yolo2(task, img)\n"
        "for i in code:\n"
        "    a = img.draw_rectangle(i.rect())\n"
        "    a = img.draw_string(i.x(), i.y(), str(i.value()), color=(255, 0, 0), scale=2)"
    )
    boxes = plain(
        floats(model, planes).reshape(5, 25, 7, 10), CLASSES20_ANCHORS, 0.5, 0.3, (320, 240)
    )
    assert_boxes(board, boxes)
    assert [box[4] for box in boxes] == [CAT]


def test_fmap_shows_the_planes_of_a_layer(board: RemoteBoard, flash_image: FlashImage) -> None:
    """mnist's first layers, one after another; each plane as a picture and enlarged."""
    model = shared("models", "MaixPy-v1_scripts__mnist.kmodel").read_bytes()
    vectors = shared("golden", "mnist_v3_digit3")
    layers = json.loads((vectors / "golden.json").read_text())["trace"][:2]
    flash_image(0x300000, model)
    board.put_buffer("pixels", np.load(vectors / "input.npy").tobytes())
    board.exec(
        "import image, KPU as kpu\n"
        "task = kpu.load(0x300000)\n"
        "info = kpu.netinfo(task)\n"
        "img = image.Image(size=(28, 28)).to_grayscale()\n"
        "img.to_bytes()[:] = pixels\n"
        "img.pix_to_ai()"
    )
    for layer in layers:
        channels, height, width = layer["shape"]
        board.exec(
            f"ok = kpu.set_layers(task, {layer['layer'] + 1})\n"
            "fmap = kpu.forward(task, img)\n"
            "planes = [kpu.fmap(fmap, i) for i in range(fmap.ch())]\n"
            "shown = [plane.resize(2 * fmap.w(), 2 * fmap.h()) for plane in planes]\n"
            "data = b''.join([bytes(plane.to_bytes()) for plane in planes])\n"
            "kpu.fmap_free(fmap)"
        )
        assert board.eval("(ok, len(planes), planes[0].width(), planes[0].height())") == (
            *(True, channels),
            *(width, height),
        )
        assert board.eval("(shown[0].width(), shown[0].height())") == (2 * width, 2 * height)
        assert hashlib.sha256(board.get_buffer("data")).hexdigest() == layer["sha256"]
        assert board.eval(f"info[{layer['layer']}].cho()") == channels


def test_load_big_model(board: RemoteBoard, flash_image: FlashImage) -> None:
    """The model in flash has its words reversed, as MaixPy's streaming wants it."""
    model = shared("models", FACE).read_bytes()
    planes = picture(board, golden_picture("face_v3_astronaut"))
    flash_image(0x600000, reversed_words(model))
    board.exec(
        "import image, time, KPU as kpu\n"
        "task = kpu.load_flash(0x600000, 1, 0xC000, 80000000)\n"
        f"a = kpu.init_yolo2(task, 0.5, 0.3, 5, {tuple(FACE_ANCHORS)})\n"
        f'img = image.Image("{PICTURE}")\n'
        "img.pix_to_ai()\n"
        "t = time.ticks_ms()\n"
        "code = kpu.run_yolo2(task, img)\n"
        "t = time.ticks_ms() - t\n"
        "a = kpu.deinit(task)"
    )
    assert_boxes(board, faces(model, planes))


# The places that a face's eyes, nose and mouth are brought to, as the demo has them.
RECOGNITION = f"""
import image, KPU as kpu
task_fd = kpu.load(0x300000)
task_ld = kpu.load(0x500000)
task_fe = kpu.load(0x600000)
a = kpu.init_yolo2(task_fd, 0.5, 0.3, 5, {tuple(FACE_ANCHORS)})
img_face = image.Image(size=(128, 128))
a = img_face.pix_to_ai()
dst_point = [(44, 59), (84, 59), (64, 82), (47, 105), (81, 105)]
record = []
for frame in range(2):
    img = image.Image("{PICTURE}")
    a = img.pix_to_ai()
    code = kpu.run_yolo2(task_fd, img)
    for i in code:
        face_cut = img.cut(i.x(), i.y(), i.w(), i.h())
        face_cut_128 = face_cut.resize(128, 128)
        a = face_cut_128.pix_to_ai()
        fmap = kpu.forward(task_ld, face_cut_128)
        plist = fmap[:]
        src_point = [
            (i.x() + int(plist[2 * k] * i.w()), i.y() + int(plist[2 * k + 1] * i.h()))
            for k in range(5)
        ]
        T = image.get_affine_transform(src_point, dst_point)
        a = image.warp_affine_ai(img, img_face, T)
        a = img_face.ai_to_pix()
        fmap = kpu.forward(task_fe, img_face)
        feature = kpu.face_encode(fmap[:])
        scores = [kpu.face_compare(known, feature) for known in record]
        record.append(feature)
"""


def test_face_recognition_with_three_nets_at_once(
    board: RemoteBoard, flash_image: FlashImage
) -> None:
    """Where the demo has a net for features, which is not public, the landmarks' serves again."""
    detect, landmarks = (shared("models", name).read_bytes() for name in (FACE, LANDMARKS))
    planes = picture(board, golden_picture("face_v3_astronaut"))
    for address, model in ((0x300000, detect), (0x500000, landmarks), (0x600000, landmarks)):
        flash_image(address, model)
    board.exec(RECOGNITION)
    assert_boxes(board, faces(detect, planes))
    cut = np.frombuffer(board.get_buffer("face_cut_128"), np.uint16).reshape(128, 128)
    np.testing.assert_allclose(
        board.eval("plist"), floats(landmarks, expanded(cut)).ravel(), rtol=1e-5
    )
    assert board.eval("(len(record), isinstance(feature, bytearray), len(feature))") == (2, 1, 10)
    assert board.eval("scores[0]") == pytest.approx(100, abs=0.01)  # the same face again
    board.exec("for task in (task_fd, task_ld, task_fe): kpu.deinit(task)")


def test_switching_models_gives_memory_back(board: RemoteBoard, flash_image: FlashImage) -> None:
    """As with a button that changes between a detector and a classifier."""
    names = (FACE, "MaixPy-v1_scripts__yolov2.kmodel")
    models = [shared("models", name).read_bytes() for name in names]
    flash_image(0x300000, models[0])
    flash_image(0x500000, models[1])
    planes = picture(board, golden_picture("face_v3_astronaut"))
    board.exec(
        "import gc, hashlib, image, k210, KPU as kpu\n"
        f'img = image.Image("{PICTURE}")\n'
        "small = img.resize(224, 224)\n"
        "img.pix_to_ai()\n"
        "small.pix_to_ai()\n"
        "seen, left = set(), set()\n"
        "for turn in range(6):\n"
        "    task = kpu.load((0x300000, 0x500000)[turn % 2])\n"
        "    fmap = kpu.forward(task, (img, small)[turn % 2])\n"
        "    seen.add((turn % 2, hashlib.sha256(fmap).digest()))\n"
        "    del fmap\n"
        "    a = kpu.deinit(task)\n"
        "    gc.collect()\n"
        "    left.add(k210.pool()['model'] + k210.pool()['work'] + k210.pool()['device'])"
    )
    assert board.eval("left") == {0}
    seen = dict(board.eval("sorted(seen)"))
    assert len(seen) == board.eval("len(seen)") == 2
    assert seen[0] == hashlib.sha256(floats(models[0], planes).tobytes()).digest()


# -- the detector that ships with the project


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its kmodel and pictures: those of `make detector`, or made now."""
    made = ROOT / "build" / "detector"
    if not (made / "detector.kmodel").is_file():
        made = tmp_path_factory.mktemp("detector")
        command = [sys.executable, ROOT / "examples/models/build_detector.py", "--out", made]
        subprocess.run(command, check=True, capture_output=True)
    return made


def labels(detector: Path) -> dict[str, list[tuple[int, ...]]]:
    """x, y, w, h and digit of each digit in each picture."""
    found = {}
    for line in (detector / "pictures" / "labels.txt").read_text().splitlines():
        name, *numbers = line.split()
        flat = [int(number) for number in numbers]
        found[name] = [tuple(flat[at : at + 5]) for at in range(0, len(flat), 5)]
    return found


def test_our_detector_finds_and_reads_digits(
    board: RemoteBoard, flash_image: FlashImage, detector: Path
) -> None:
    """As yolov2_20class runs its model, on a picture that was never learnt from."""
    model = (detector / "detector.kmodel").read_bytes()
    name, digits = next(iter(labels(detector).items()))
    flash_image(0x300000, model)
    board.put("/flash/picture.jpg", (detector / "pictures" / name).read_bytes())
    anchors = [float(number) for anchor in ANCHORS for number in anchor]
    board.exec(
        "import image, KPU as kpu\n"
        "task = kpu.load(0x300000)\n"
        f"a = kpu.init_yolo2(task, 0.5, 0.3, {len(ANCHORS)}, {tuple(anchors)})\n"
        'img = image.Image("/flash/picture.jpg")\n'
        "img.pix_to_ai()\n"
        "code = kpu.run_yolo2(task, img)"
    )
    pixels = np.frombuffer(board.get_buffer("img"), np.uint16).reshape(240, 320)
    cells = (240 // CELL, 320 // CELL)
    output = floats(model, expanded(pixels)).reshape(len(ANCHORS), -1, *cells)
    assert_boxes(board, plain(output, anchors, 0.5, 0.3, (320, 240)))
    read = [box for box in board.eval(FOUND) if any(same_digit(box, digit) for digit in digits)]
    assert len(read) >= len(digits) - 1 >= 0


def same_digit(box: tuple[Any, ...], digit: tuple[int, ...]) -> bool:
    """The class is right and the middle of the box lies in the digit."""
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    inside = digit[0] <= x <= digit[0] + digit[2] and digit[1] <= y <= digit[1] + digit[3]
    return inside and box[4] == digit[4]
