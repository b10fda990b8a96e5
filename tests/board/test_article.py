# SPDX-License-Identifier: MIT
"""The code of the article on KPU use, as it is printed there, from lens and card to a list.

A model of two answers stands for the article's ball and toy: red or blue before the lens.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from microkpu.board import RemoteBoard, ScriptError
from microkpu.convert import convert
from microkpu.kmodel.host import HostModel
from microkpu.virtual import Board
from microkpu.virtual.card_slot import CardSlot
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from .test_sd import insert  # noqa: F401
from .test_sensor import show  # noqa: F401

FLASH = 0x300000
RED, BLUE = (200, 30, 40), (30, 50, 190)

LOAD_FROM_SD = """
import KPU as kpu
m = kpu.load("/sd/test.kmodel")
"""
LOAD_FROM_FLASH = """
import KPU as kpu
model_addr_in_flash = 0x300000
m = kpu.load(model_addr_in_flash)
"""
SNAPSHOT = """
img = sensor.snapshot()
"""
FROM_FILE = """
img = image.Image("/sd/test.jpg")   # 从 sd 卡读取 test.jpg 作为输入
img.pix_to_ai()                    # 同步 `RGB888` 内存块
"""
CHANGED = """
img = sensor.snapshot()      # 获取摄像头采集的数据
img = img.resize(240, 240)   # 使用图像处理函数处理原图像
img.pix_to_ai()              # 同步 `RGB888` 内存块
"""
FORWARD = """
feature_map = kpu.forward(m, img)
"""
LIST = """
p_list = feature_map[:]
print(p_list)
"""
# What the article takes for granted.
CAMERA = (
    "import sensor\nsensor.reset()\nsensor.set_pixformat(sensor.RGB565)\n"
    "sensor.set_framesize(sensor.QVGA)\nsensor.skip_frames(2)\n"
)


def halves(left: tuple[int, int, int], right: tuple[int, int, int]) -> Image.Image:
    """A picture whose left three quarters are of one colour."""
    picture = Image.new("RGB", (320, 240), left)
    picture.paste(right, (240, 0, 320, 240))
    return picture


REDDISH, BLUISH = halves(RED, BLUE), halves(BLUE, RED)


@pytest.fixture(scope="module", params=[(320, 240), (240, 240)], ids=["320x240", "240x240"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    size: tuple[int, int] = request.param
    return size


def planes(picture: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """R, G and B one after another, 0 to 255."""
    return np.asarray(picture.resize(size), np.uint8).transpose(2, 0, 1)


def network(width: int, height: int) -> onnx.ModelProto:
    """Blurs and halves the picture, averages, weighs red against blue, softmax."""
    blur = np.zeros((3, 3, 3, 3), np.float32)
    blur[range(3), range(3)] = 1 / 9
    weights = {
        "blur": blur,
        "weigh": np.array([[8.0, 0, -8], [-8, 0, 8]], np.float32),
        "axes": np.array([2, 3], np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["x", "blur"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "weigh"], ["s"], transB=1),
        helper.make_node("Softmax", ["s"], ["y"], axis=1),
    ]
    del weights["axes"]
    graph = helper.make_graph(
        nodes,
        "red_or_blue",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, height, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.fixture(scope="module")
def model(size: tuple[int, int], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "test.onnx"
    onnx.save(network(*size), path)
    seen = np.stack([planes(picture, size) for picture in (REDDISH, BLUISH)]) / np.float32(255)
    return convert(path, seen.astype(np.float32)).data


@pytest.fixture
def card(
    board: RemoteBoard,
    insert: Callable[[Path], CardSlot],  # noqa: F811
    tmp_path: Path,
    model: bytes,
) -> None:
    """An SD card with the article's two files."""
    folder = tmp_path / "card"
    folder.mkdir()
    (folder / "test.kmodel").write_bytes(model)
    jpeg = io.BytesIO()
    BLUISH.save(jpeg, "JPEG", quality=95)
    (folder / "test.jpg").write_bytes(jpeg.getvalue())
    insert(folder)
    board.soft_reset()


def answer(board: RemoteBoard) -> list[float]:
    board.exec(FORWARD)
    printed = board.exec(LIST)
    p_list: list[float] = board.eval("p_list")
    assert printed == f"{p_list}\n"
    assert isinstance(p_list, list)
    assert sum(p_list) == pytest.approx(1, abs=1e-5)
    return p_list


def expected(model: bytes, picture: Image.Image, size: tuple[int, int]) -> np.ndarray:
    host = HostModel(model)
    return host.run(host.fitted(planes(picture, size).reshape(-1)))[0].reshape(-1)


@pytest.mark.virtual_only("needs a camera and a card whose pictures are known")
def test_model_from_the_card_and_frame_from_the_camera(
    board: RemoteBoard,
    show: Callable[..., None],  # noqa: F811
    card: None,
    model: bytes,
    size: tuple[int, int],
) -> None:
    board.exec(LOAD_FROM_SD)
    board.exec(CAMERA)
    for picture, wins in ((REDDISH, 0), (BLUISH, 1)):
        show(picture)
        board.exec("sensor.skip_frames(2)")
        board.exec(SNAPSHOT if size == (320, 240) else CHANGED)
        p_list = answer(board)
        assert p_list.index(max(p_list)) == wins
        np.testing.assert_allclose(p_list, expected(model, picture, size), atol=0.03)


@pytest.mark.virtual_only("needs a camera and a card whose pictures are known")
def test_model_from_flash_and_picture_from_the_card(
    board: RemoteBoard,
    virtual: Board,
    card: None,
    model: bytes,
    size: tuple[int, int],
) -> None:
    virtual.write_flash(FLASH, model)
    board.exec(LOAD_FROM_FLASH)
    board.exec("import image")
    board.exec(FROM_FILE)
    if size == (320, 240):
        p_list = answer(board)
        np.testing.assert_allclose(p_list, expected(model, BLUISH, size), atol=0.03)
        return
    with pytest.raises(ScriptError, match="image is 320x240 but the model wants 240x240"):
        board.exec(FORWARD)
    board.exec("img = img.resize(240, 240)\nimg.pix_to_ai()")
    np.testing.assert_allclose(answer(board), expected(model, BLUISH, size), atol=0.03)


@pytest.mark.virtual_only("needs a camera and a card whose pictures are known")
def test_what_was_drawn_reaches_the_kpu_only_by_pix_to_ai(
    board: RemoteBoard, virtual: Board, card: None, model: bytes, size: tuple[int, int]
) -> None:
    """The article's warning: image functions change the RGB565 block alone."""
    virtual.write_flash(FLASH, model)
    board.exec(LOAD_FROM_FLASH)
    board.exec(f"import image\nimg = image.Image('/sd/test.jpg').resize{size}\nimg.pix_to_ai()")
    before = answer(board)
    board.exec(f"img.draw_rectangle(0, 0, {size[0]}, {size[1]}, color={RED}, fill=True)")
    assert answer(board) == before
    board.exec("img.pix_to_ai()")
    assert answer(board)[0] > 0.9


@pytest.mark.virtual_only("needs a camera and a card whose pictures are known")
def test_models_are_switched_by_deinit(
    board: RemoteBoard, virtual: Board, card: None, model: bytes, size: tuple[int, int]
) -> None:
    virtual.write_flash(FLASH, model)
    picture = f"import image\nimg = image.Image('/sd/test.jpg').resize{size}\nimg.pix_to_ai()"
    board.exec(LOAD_FROM_SD)
    board.exec(picture)
    first = answer(board)
    board.exec("kpu.deinit(m)")
    with pytest.raises(ScriptError, match=r"given back by kpu.deinit\(\)"):
        board.exec(FORWARD)
    board.exec(LOAD_FROM_FLASH)
    assert answer(board) == first
    board.exec("kpu.deinit(m)")


@pytest.mark.virtual_only("needs a camera and a card whose pictures are known")
def test_what_the_article_says_of_errors(
    board: RemoteBoard, virtual: Board, card: None, model: bytes, size: tuple[int, int]
) -> None:
    """A model area that the firmware's flash image has overwritten, and one that is erased."""
    for content in (b"\xff" * 4096, bytes(range(256)) * 16):
        virtual.write_flash(FLASH, content)
        with pytest.raises(ScriptError, match="load error,only support kmodel v3/v4"):
            board.exec(LOAD_FROM_FLASH)
    virtual.write_flash(FLASH, model)
    board.exec(
        "hold = []\nwhile True:\n try: hold.append(bytearray(100_000))\n except MemoryError: break"
    )
    board.exec("while True:\n try: hold.append(bytearray(5_000))\n except MemoryError: break")
    with pytest.raises(ScriptError, match="MemoryError"):
        board.exec(LOAD_FROM_FLASH)
    board.exec("del hold\nimport gc\ngc.collect()")
    board.exec(LOAD_FROM_FLASH)
