# SPDX-License-Identifier: MIT
"""The camera as a script sees it: both buffers of a snapshot hold what stands before the lens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pytest
from microkpu.board import RemoteBoard, ScriptError
from microkpu.virtual import Board
from microkpu.virtual.camera import Camera
from microkpu.virtual.chips.pictures import Pictures
from PIL import Image

from .image_support import Pixels, assert_pixels, scene

pytestmark = pytest.mark.virtual_only("needs a known picture before the lens")
W, H = 320, 240
SCENE = scene((W, H))
WHITE = Image.new("RGB", (W, H), "white")
START = "import sensor\nsensor.reset()\nsensor.set_pixformat(sensor.RGB565)\n"
QVGA = START + "sensor.set_framesize(sensor.QVGA)\n"
Show = Callable[..., None]
# A board keeps the camera that it was given first.
CAMERAS: WeakKeyDictionary[Board, Camera] = WeakKeyDictionary()


def rgb565(picture: Image.Image | npt.NDArray[np.uint8]) -> Pixels:
    r, g, b = np.moveaxis(np.asarray(picture).astype(np.uint16), -1, 0)
    return (r >> 3 << 11 | g >> 2 << 5 | b >> 3).astype(np.uint16)


def error(board: RemoteBoard, code: str) -> str:
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    return caught.value.last_line


def unplug(virtual: Board) -> None:
    virtual.camera = None
    virtual.dvp.camera_changed()


@pytest.fixture
def show(board: RemoteBoard, virtual: Board) -> Iterator[Show]:
    """Puts a camera in the socket that sees pictures, one per frame that is taken."""

    def put(*pictures: Image.Image) -> None:
        virtual.camera = camera
        camera.show(Pictures(pictures))

    camera = CAMERAS.setdefault(virtual, Camera(virtual, Pictures([SCENE]), ("ov2640",)))
    put(SCENE)
    yield put
    unplug(virtual)


@pytest.fixture
def camera(board: RemoteBoard, show: Show) -> RemoteBoard:
    """A board whose camera looks at SCENE, set to RGB565 and QVGA."""
    board.exec(QVGA)
    return board


# Finding it.


def test_reset_finds_the_sensor_and_says_so(board: RemoteBoard, show: Show) -> None:
    assert board.exec("import sensor\nprint(sensor.reset())") == "[MAIXPY]: find ov2640\nNone\n"
    assert board.eval("sensor.get_id()") == 0x2642


def test_without_a_camera_reset_says_what_was_read(board: RemoteBoard, virtual: Board) -> None:
    begin = virtual.seconds
    message = error(board, "import sensor\nsensor.reset()")
    assert message.startswith("OSError: Reset Failed: no sensor: ov2640 at 0x30 would say 26 42, ")
    assert "there is ff ff" in message
    assert virtual.seconds - begin < 1
    assert error(board, "sensor.snapshot()").startswith("TypeError: not found sensor")


def test_the_maker_can_be_chosen(board: RemoteBoard, show: Show) -> None:
    board.exec("import sensor\nsensor.reset(choice=1)")
    assert "ov2640" not in error(board, "sensor.reset(choice=2)")
    assert error(board, "sensor.reset(choice=3)").startswith("ValueError: choice 3")


def test_what_is_missing_is_named(board: RemoteBoard, show: Show) -> None:
    board.exec("import sensor\nsensor.reset()")
    assert error(board, "sensor.snapshot()") == (
        "RuntimeError: Not init!: sensor.set_pixformat() first"
    )
    board.exec("sensor.set_pixformat(sensor.RGB565)")
    assert error(board, "sensor.snapshot()") == (
        "RuntimeError: Not init!: sensor.set_framesize() first"
    )


# Frames.


def test_a_snapshot_fills_both_buffers(camera: RemoteBoard) -> None:
    camera.exec("sensor.run(1)\ni = sensor.snapshot()")
    assert camera.eval("(i.width(), i.height(), i.format())") == (W, H, 2)
    assert_pixels(camera, "i", rgb565(SCENE))
    camera.exec("i.clear()\ni.ai_to_pix()")
    assert_pixels(camera, "i", rgb565(SCENE))


def test_drawing_leaves_the_ai_buffer(camera: RemoteBoard) -> None:
    camera.exec("i = sensor.snapshot()\ni.clear()")
    assert_pixels(camera, "i", np.zeros(W * H, np.uint16))
    camera.exec("i.pix_to_ai()\ni.set_pixel(0, 0, (255, 255, 255))\ni.ai_to_pix()")
    assert_pixels(camera, "i", np.zeros(W * H, np.uint16))


def test_gray_frames_hold_the_brightness(camera: RemoteBoard) -> None:
    camera.exec("sensor.set_pixformat(sensor.GRAYSCALE)\ni = sensor.snapshot()")
    assert camera.eval("(i.width(), i.height(), i.format(), i.size())") == (W, H, 4, W * H)
    gray = np.frombuffer(camera.get_buffer("i"), np.uint8).reshape(H, W).astype(int)
    luma = np.asarray(SCENE) @ np.array([0.299, 0.587, 0.114])
    assert np.abs(gray - luma).max() <= 1
    camera.exec("i.clear()\ni.ai_to_pix()")
    again = np.frombuffer(camera.get_buffer("i"), np.uint8).reshape(H, W)
    np.testing.assert_array_equal(again, gray)


@pytest.mark.parametrize("buffers", [1, 2])
def test_every_snapshot_is_another_frame(camera: RemoteBoard, show: Show, buffers: int) -> None:
    pictures = [Image.new("RGB", (W, H), (40 * k, 0, 255 - 40 * k)) for k in range(6)]
    show(*pictures)
    camera.exec(f"sensor.reset(dual_buff={buffers == 2})")
    colors = [camera.eval("sensor.snapshot().get_pixel(5, 5, rgbtuple=False)") for _ in range(6)]
    assert colors == [int(rgb565(picture)[5, 5]) for picture in pictures]


def test_a_frame_in_hand_is_not_written_into(camera: RemoteBoard, show: Show) -> None:
    """With one buffer and with two, however long a script keeps its image."""
    for buffers in (1, 2):
        show(SCENE, WHITE)
        camera.exec(f"sensor.reset(dual_buff={buffers == 2})\ni = sensor.snapshot()")
        camera.exec("import time\ntime.sleep_ms(300)")
        assert_pixels(camera, "i", rgb565(SCENE))
        camera.exec("i.ai_to_pix()")
        assert_pixels(camera, "i", rgb565(SCENE))


def test_two_buffers_take_the_next_frame_meanwhile(camera: RemoteBoard, virtual: Board) -> None:
    waits = {}
    for buffers in (1, 2):
        camera.exec(f"sensor.reset(dual_buff={buffers == 2})\ni = sensor.snapshot()")
        camera.exec("import time\ntime.sleep_ms(80)")
        begin = virtual.seconds
        camera.exec("i = sensor.snapshot()")
        waits[buffers] = virtual.seconds - begin
    assert waits[2] < 0.010 < 0.025 < waits[1]


def test_an_image_outlives_its_frames(camera: RemoteBoard) -> None:
    camera.exec("i = sensor.snapshot()\nsensor.set_framesize(sensor.QQVGA)")
    camera.exec("import gc\ngc.collect()\nj = sensor.snapshot()")
    assert_pixels(camera, "i", rgb565(SCENE))
    assert camera.eval("(j.width(), j.height())") == (160, 120)


def test_dropped_frames_give_their_memory_back(camera: RemoteBoard) -> None:
    sizes = "[k210.pool()[k] for k in ('frame', 'planes', 'device')]"
    camera.exec("import gc, k210\ni = sensor.snapshot()\ni = None\ngc.collect()")
    used = camera.eval(sizes)
    assert used == [W * H * 2, W * H * 3, W * H * 2]
    camera.exec("for k in range(5):\n sensor.set_framesize(sensor.QVGA)\n sensor.snapshot()")
    camera.exec("gc.collect()")
    assert camera.eval(sizes) == used
    camera.exec("sensor.deinit()\ngc.collect()")
    assert camera.eval(sizes) == [0, 0, 0]


def test_skip_frames(camera: RemoteBoard, virtual: Board) -> None:
    camera.exec("sensor.snapshot()")
    taken = virtual.dvp.frames
    camera.exec("sensor.skip_frames(4)")
    assert virtual.dvp.frames == taken + 4
    begin = virtual.seconds
    camera.exec("sensor.skip_frames(time=200)")
    assert 0.2 <= virtual.seconds - begin < 0.3


# Sizes.


@pytest.mark.parametrize(
    ("name", "w", "h"),
    [("QQQQVGA", 40, 30), ("QQVGA", 160, 120), ("CIF", 352, 288), ("VGA", 640, 480),
     ("B64X32", 64, 32), ("B240X240", 240, 240), ("LCD", 128, 160)],
)  # fmt: skip
def test_frame_sizes(board: RemoteBoard, show: Show, name: str, w: int, h: int) -> None:
    """A frame shows as much of the middle of the view as its sides allow."""
    board.exec(START + f"print(sensor.set_framesize(sensor.{name}))\ni = sensor.snapshot()")
    assert board.eval("(i.width(), i.height(), sensor.width(), sensor.height())") == (w, h, w, h)
    got = np.frombuffer(board.get_buffer("i"), np.uint16).reshape(h, w)
    scale = min(W / w, H / h)
    left, top = (W - scale * w) / 2, (H - scale * h) / 2
    box = (left, top, W - left, H - top)
    wanted = np.asarray(SCENE.resize((w, h), Image.Resampling.BILINEAR, box)).astype(int)
    green = (got >> 5 & 63).astype(int) * 255 // 63
    assert np.abs(green - wanted[..., 1]).mean() < 5


def test_sizes_beyond_the_chip_are_refused(camera: RemoteBoard) -> None:
    message = error(camera, "sensor.set_framesize(sensor.SVGA)")
    assert message.startswith("OSError: [Errno 12] ENOMEM: frames of 800x600")
    assert error(camera, "sensor.set_framesize(99)").startswith("ValueError: framesize 99")
    assert error(camera, "sensor.set_pixformat(1)").startswith("ValueError: pixformat 1")


def test_frames_that_do_not_fit_say_what_they_need(camera: RemoteBoard) -> None:
    camera.exec("import image\nhold = [image.Image(size=(640, 480)) for k in range(7)]")
    message = error(camera, "sensor.set_framesize(sensor.VGA)\nsensor.snapshot()")
    assert message.startswith("MemoryError: memory overflow: 1 camera frame(s) of 640x480 need ")
    camera.exec("hold = None\nsensor.snapshot()")


@pytest.mark.parametrize("window", ["(224, 224)", "(48, 8, 224, 224)"])
def test_windows_are_parts_of_the_frame(camera: RemoteBoard, window: str) -> None:
    assert camera.eval(f"sensor.set_windowing({window})") is True
    camera.exec("i = sensor.snapshot()")
    assert camera.eval("(i.width(), sensor.width(), sensor.height())") == (224, 224, 224)
    assert_pixels(camera, "i", rgb565(np.asarray(SCENE)[8:232, 48:272]))
    camera.exec("sensor.set_framesize(sensor.QVGA)\ni = sensor.snapshot()")
    assert_pixels(camera, "i", rgb565(SCENE))


def test_windows_that_are_refused(camera: RemoteBoard) -> None:
    for window, phrase in {
        "(1, 2, 3)": "The tuple/list must either be (x, y, w, h) or (w, h)",
        "(4, 8)": "The selected window is too small",
        "(200, 0, 128, 128)": "outside the bounds of the frame",
        "(60, 64)": "value must be multiple of 8",
    }.items():
        message = error(camera, f"sensor.set_windowing({window})")
        assert message.startswith("ValueError: ") and phrase in message


# The picture.


def test_mirror_and_flip(camera: RemoteBoard) -> None:
    camera.exec("sensor.set_hmirror(1)\ni = sensor.snapshot()")
    assert_pixels(camera, "i", rgb565(np.asarray(SCENE)[:, ::-1]))
    camera.exec("sensor.set_hmirror(0)\nsensor.set_vflip(1)\ni = sensor.snapshot()")
    assert_pixels(camera, "i", rgb565(np.asarray(SCENE)[::-1]))


def test_colour_bars_show_the_order_of_the_colours(camera: RemoteBoard) -> None:
    camera.exec("sensor.set_colorbar(True)\ni = sensor.snapshot()")
    bars = [camera.eval(f"i.get_pixel({x}, 9)") for x in range(20, 320, 40)]
    assert [tuple(v > 127 for v in bar) for bar in bars] == [
        (True, True, True), (True, True, False), (False, True, True), (False, True, False),
        (True, False, True), (True, False, False), (False, False, True), (False, False, False),
    ]  # fmt: skip


def test_settings_and_registers(camera: RemoteBoard) -> None:
    assert camera.eval("(sensor.set_contrast(2), sensor.set_contrast(3))") == (True, False)
    assert camera.eval("(sensor.set_brightness(-2), sensor.set_saturation(1))") == (True, True)
    assert camera.eval("(sensor.set_gainceiling(16), sensor.set_gainceiling(5))") == (True, False)
    camera.exec("sensor.set_auto_gain(False)\nsensor.set_auto_whitebal(False)")
    camera.exec("sensor.__write_reg(0xFF, 1)")
    assert camera.eval("sensor.__read_reg(0x0A)") == 0x26
    assert camera.eval("sensor.__read_reg(0x13)") & 4 == 0


# Registers by the datasheets: numbers and what they hold, of a gain of 12 dB (4 times) and of
# half a frame's lines.
LEVELS = {
    "ov2640": ({0x00: 0x30}, 672, {0x45: 0x00, 0x10: 84, 0x04: 0x28}),
    "ov7740": ({0x00: 0x30}, 504, {0x0F: 0, 0x10: 252}),
    "ov5640": (
        {0x350A: 0, 0x350B: 64},
        496,
        {0x3500: 0, 0x3501: 248 >> 4, 0x3502: 248 << 4 & 0xFF},
    ),
}


@pytest.mark.parametrize("name", LEVELS)
def test_gain_and_exposure_of_ones_own(board: RemoteBoard, virtual: Board, name: str) -> None:
    gain, lines, exposure = LEVELS[name]
    virtual.camera = Camera(virtual, Pictures([SCENE]), (name,))
    board.exec(QVGA + "sensor.set_auto_gain(False, 20 * 0.60206)")
    half = 1_000_000 // 60
    board.exec(f"sensor.set_auto_exposure(False, exposure_us={half})")
    if name == "ov2640":
        board.exec("sensor.__write_reg(0xFF, 1)")
    for number, value in {**gain, **exposure}.items():
        assert board.eval(f"sensor.__read_reg({number})") == value, hex(number)
    assert board.eval("sensor.get_gain_db()") == pytest.approx(12.04, abs=0.01)
    assert board.eval("sensor.get_exposure_us()") == pytest.approx(half, abs=33333 / lines)
    for db in (0, 3, 6, 11, 19.5, 29):
        board.exec(f"sensor.set_auto_gain(False, gain_db={db})")
        assert board.eval("sensor.get_gain_db()") == pytest.approx(db, abs=0.53)  # steps of 1/16
    unplug(virtual)


def test_a_ceiling_of_the_gain(camera: RemoteBoard) -> None:
    """In the three highest bits of a register of the OV2640: 2, 4, 8 to 128 times."""
    for db, bits in {0: 0, 6: 0, 12.1: 1, 20: 2, 42.2: 6, 99: 6}.items():
        camera.exec(
            f"sensor.set_auto_gain(True, gain_db_ceiling={db})\nsensor.__write_reg(0xFF, 1)"
        )
        assert camera.eval("sensor.__read_reg(0x14) >> 5") == bits, db
    message = error(camera, "sensor.set_auto_whitebal(False, rgb_gain_db=(1, 2, 3))")
    assert message.startswith("ValueError: ")


def test_a_slower_rate(camera: RemoteBoard, virtual: Board) -> None:
    assert camera.eval("sensor.set_framerate(2)") is True
    begin = virtual.seconds
    camera.exec("sensor.snapshot()\nsensor.snapshot()")
    assert virtual.seconds - begin > 0.5


# What goes wrong.


def test_a_silent_camera_is_a_timeout_within_a_second(camera: RemoteBoard, virtual: Board) -> None:
    camera.exec("i = sensor.snapshot()")
    unplug(virtual)
    begin = virtual.seconds
    message = error(camera, "sensor.snapshot()")
    assert message.startswith("RuntimeError: Sensor timeout!: no frame of the ov2640 in ")
    assert virtual.seconds - begin < 1


def test_a_camera_that_stops_in_a_frame(camera: RemoteBoard, virtual: Board, show: Show) -> None:
    camera.exec("i = sensor.snapshot()")
    camera.start("sensor.snapshot()")
    for _ in range(200):
        virtual.run(seconds=0.001)
        if virtual.dvp.taking:
            break
    assert virtual.dvp.taking
    unplug(virtual)
    begin = virtual.seconds
    with pytest.raises(ScriptError, match="Sensor timeout!"):
        camera.finish()
    assert virtual.seconds - begin < 1
    assert error(camera, "sensor.snapshot()").startswith("TypeError: not found sensor")
    show(SCENE)
    camera.exec("sensor.reset()\ni = sensor.snapshot()")
    assert_pixels(camera, "i", rgb565(SCENE))


def test_after_ctrl_c_the_next_snapshot_is_a_new_frame(
    camera: RemoteBoard, virtual: Board, show: Show
) -> None:
    camera.exec("sensor.snapshot()\nsensor.set_framerate(2)")
    camera.start("sensor.snapshot()")
    virtual.run(seconds=0.02)
    camera.interrupt()
    camera.exec("import time\ntime.sleep_ms(1500)")
    show(WHITE)
    assert camera.eval("sensor.snapshot().get_pixel(3, 3)") == (255, 255, 255)


def test_stopping_and_going_on(camera: RemoteBoard) -> None:
    assert camera.eval("sensor.run(0)") is True
    assert error(camera, "sensor.snapshot()") == (
        "RuntimeError: Not init!: the camera is off: sensor.run(1) first"
    )
    camera.exec("sensor.run(1)\nsensor.snapshot()\nsensor.shutdown(True)")
    assert "sensor.shutdown(False) first" in error(camera, "sensor.snapshot()")
    camera.exec("sensor.shutdown(False)\ni = sensor.snapshot()")
    assert_pixels(camera, "i", rgb565(SCENE))


def test_reset_keeps_the_size(camera: RemoteBoard) -> None:
    camera.exec("sensor.set_framesize(sensor.QQVGA)\nsensor.reset()\ni = sensor.snapshot()")
    assert camera.eval("(i.width(), i.height())") == (160, 120)


def test_after_a_soft_reset_nothing_writes_memory(camera: RemoteBoard, virtual: Board) -> None:
    camera.exec("sensor.reset(dual_buff=True)\ni = sensor.snapshot()")
    camera.soft_reset()
    taken = virtual.dvp.frames
    camera.exec("import time\ntime.sleep_ms(200)")
    assert virtual.dvp.frames == taken


# What may change an image.


def test_images_of_one_camera_share_their_memory(camera: RemoteBoard, show: Show) -> None:
    """The next snapshot() goes into it, and nothing else does: both images show it then."""
    show(SCENE, WHITE)
    camera.exec("i = sensor.snapshot()\nfirst = bytes(i)\nj = sensor.snapshot()")
    assert camera.eval("(first == bytes(i), bytes(i) == bytes(j))") == (False, True)
    assert_pixels(camera, "i", np.full((H, W), 0xFFFF, np.uint16))


def test_get_fb_is_the_last_frame_as_it_is(camera: RemoteBoard, virtual: Board) -> None:
    assert camera.eval("sensor.get_fb()") is None
    camera.exec("i = sensor.snapshot()\ni.set_pixel(3, 4, 0x1234)")
    taken = virtual.dvp.frames
    assert camera.eval("sensor.get_fb().get_pixel(3, 4, rgbtuple=False)") == 0x1234
    assert camera.eval("bytes(sensor.get_fb()) == bytes(i)") is True
    assert virtual.dvp.frames == taken


def test_get_fb_is_not_warped_from_the_snapshot_whose_memory_it_is(camera: RemoteBoard) -> None:
    camera.exec("i = sensor.snapshot()\nj = sensor.get_fb()")
    assert camera.eval("i is j") is False
    assert error(
        camera, "__import__('image').warp_affine_ai(i, j, (1, 0, 5, 0, 1, 0, 0, 0, 1))"
    ) == ("ValueError: src_img and dst_img are the same image: want two")


@pytest.mark.parametrize("buffers", [1, 2])
def test_a_copy_is_not_touched_by_the_camera(
    camera: RemoteBoard, show: Show, buffers: int
) -> None:
    show(SCENE, WHITE)
    camera.exec(f"sensor.reset(dual_buff={buffers == 2})\ni = sensor.snapshot().copy()")
    camera.exec("j = [sensor.snapshot() for k in range(3)]")
    assert_pixels(camera, "i", rgb565(SCENE))


# Other sensors.


@pytest.fixture
def ov5640(board: RemoteBoard, virtual: Board) -> Iterator[RemoteBoard]:
    """A board with an OV5640 in the socket, which counts registers with 16 bits."""
    virtual.camera = Camera(virtual, Pictures([SCENE]), ("ov5640",))
    assert board.exec("import sensor\nsensor.reset()") == "[MAIXPY]: find ov5640\n"
    yield board
    unplug(virtual)


def test_an_ov5640_gives_the_same_pictures(ov5640: RemoteBoard) -> None:
    ov5640.exec("sensor.set_pixformat(sensor.RGB565)\nsensor.set_framesize(sensor.QVGA)")
    ov5640.exec("i = sensor.snapshot()")
    assert ov5640.eval("sensor.get_id()") == 0x5640
    assert_pixels(ov5640, "i", rgb565(SCENE))
    ov5640.exec("sensor.set_hmirror(1)\ni = sensor.snapshot()")
    assert_pixels(ov5640, "i", rgb565(np.asarray(SCENE)[:, ::-1]))
    ov5640.exec("sensor.set_hmirror(0)\nsensor.set_pixformat(sensor.GRAYSCALE)")
    ov5640.exec("i = sensor.snapshot()")
    gray = np.frombuffer(ov5640.get_buffer("i"), np.uint8).reshape(H, W).astype(int)
    luma = np.asarray(SCENE) @ np.array([0.299, 0.587, 0.114])
    assert np.abs(gray - luma).max() <= 1


def test_a_window_of_an_ov5640(ov5640: RemoteBoard) -> None:
    ov5640.exec("sensor.set_pixformat(sensor.RGB565)\nsensor.set_framesize(sensor.QVGA)")
    ov5640.exec("sensor.set_windowing((160, 120))\ni = sensor.snapshot()")
    got = np.frombuffer(ov5640.get_buffer("i"), np.uint16).reshape(120, 160)
    wanted = np.asarray(SCENE)[60:180, 80:240, 1].astype(int)
    assert np.abs((got >> 5 & 63).astype(int) * 255 // 63 - wanted).mean() < 8


def test_settings_that_a_sensor_does_not_have_are_false(ov5640: RemoteBoard) -> None:
    assert ov5640.eval("(sensor.set_brightness(1), sensor.set_contrast(-1))") == (True, True)
    assert ov5640.eval("(sensor.set_saturation(1), sensor.set_framerate(15))") == (False, False)
    assert ov5640.eval("sensor.__read_reg(0x300A)") == 0x56


OTHERS = {"ov7740": 0x7742, "gc0328": 0x9D}


@pytest.fixture(params=OTHERS)
def other(
    request: pytest.FixtureRequest, board: RemoteBoard, virtual: Board
) -> Iterator[RemoteBoard]:
    """A board with a sensor that sends YUV, which shares its address with the other one."""
    virtual.camera = Camera(virtual, Pictures([SOFT]), (request.param,))
    assert board.exec("import sensor\nsensor.reset()") == f"[MAIXPY]: find {request.param}\n"
    assert board.eval("sensor.get_id()") == OTHERS[request.param]
    yield board
    unplug(virtual)


# Colours that stay about the same from one pixel to the next: YUV has one for two of them.
SOFT = Image.fromarray(
    np.stack([np.arange(W) * 255 // W + np.zeros((H, 1), int),
              np.arange(H)[:, None] * 255 // H + np.zeros(W, int),
              np.full((H, W), 90)], -1).astype(np.uint8)
)  # fmt: skip


def assert_near(board: RemoteBoard, image: str, wanted: npt.NDArray[np.uint8]) -> None:
    """Within what YUV and 5 bits a colour round."""
    h, w, _ = wanted.shape
    words = np.frombuffer(board.get_buffer(image), np.uint16).reshape(h, w).astype(int)
    got = np.stack([words >> 11 << 3, (words >> 5 & 63) << 2, (words & 31) << 3], -1)
    assert np.abs(got - wanted.astype(int)).mean() < 6


def test_others_give_the_same_pictures(other: RemoteBoard) -> None:
    seen = np.asarray(SOFT)
    other.exec("sensor.set_pixformat(sensor.RGB565)\nsensor.set_framesize(sensor.QVGA)")
    other.exec("i = sensor.snapshot()")
    assert_near(other, "i", seen)
    other.exec("i.clear()\ni.ai_to_pix()")
    assert_near(other, "i", seen)
    other.exec("sensor.set_hmirror(1)\ni = sensor.snapshot()")
    assert_near(other, "i", seen[:, ::-1])
    other.exec("sensor.set_hmirror(0)\nsensor.set_vflip(1)\ni = sensor.snapshot()")
    assert_near(other, "i", seen[::-1])


def test_others_give_brightness_alone(other: RemoteBoard) -> None:
    other.exec("sensor.set_pixformat(sensor.GRAYSCALE)\nsensor.set_framesize(sensor.QVGA)")
    other.exec("i = sensor.snapshot()")
    gray = np.frombuffer(other.get_buffer("i"), np.uint8).reshape(H, W).astype(int)
    luma = np.asarray(SOFT) @ np.array([0.299, 0.587, 0.114])
    assert np.abs(gray - luma).mean() < 2


def test_others_have_windows(other: RemoteBoard) -> None:
    other.exec("sensor.set_pixformat(sensor.RGB565)\nsensor.set_framesize(sensor.QVGA)")
    other.exec("sensor.set_windowing((40, 24, 160, 120))\ni = sensor.snapshot()")
    assert other.eval("(i.width(), i.height())") == (160, 120)
    assert_near(other, "i", np.asarray(SOFT)[24:144, 40:200])


@pytest.mark.parametrize("name", ["VGA", "QQVGA", "B128X128", "CIF"])
def test_others_have_sizes(other: RemoteBoard, name: str) -> None:
    """The middle of the view; without a scaler it may be less of it."""
    other.exec(f"sensor.set_pixformat(sensor.RGB565)\nsensor.set_framesize(sensor.{name})")
    other.exec("i = sensor.snapshot()")
    w, h = other.eval("(i.width(), i.height())")
    words = np.frombuffer(other.get_buffer("i"), np.uint16).reshape(h, w)
    shares = np.array([(words >> 11).mean() / 31, (words >> 5 & 63).mean() / 63])
    assert np.abs(shares - 0.5).max() < 0.03
    red = (words >> 11).mean(0)
    assert (np.diff(red) > -1).all() and red[-1] - red[0] > 12


def test_others_have_settings(other: RemoteBoard) -> None:
    other.exec("sensor.set_pixformat(sensor.RGB565)\nsensor.set_framesize(sensor.QVGA)")
    calls = "sensor.set_contrast(1), sensor.set_saturation(-1), sensor.set_gainceiling(8)"
    assert other.eval(f"({calls})") == (True, True, False)
    other.exec("sensor.set_auto_exposure(False)\nsensor.set_auto_whitebal(False)")
    other.exec("sensor.set_colorbar(True)\ni = sensor.snapshot()")
    bars = [other.eval(f"i.get_pixel({x}, 9)") for x in range(20, 320, 40)]
    assert [tuple(v > 127 for v in bar) for bar in bars][:3] == [
        (True, True, True), (True, True, False), (False, True, True),
    ]  # fmt: skip


def test_the_gc0328_is_not_asked_for_its_gain(board: RemoteBoard, virtual: Board) -> None:
    virtual.camera = Camera(virtual, Pictures([SOFT]), ("gc0328",))
    board.exec("import sensor\nsensor.reset()")
    registers = [virtual.camera.sensor.get_register(number) for number in range(256)]
    for call in (
        "get_gain_db()",
        "get_exposure_us()",
        "set_auto_exposure(False, 100)",
        "set_auto_gain(False, 3)",
    ):
        assert error(board, f"sensor.{call}").startswith("OSError: Sensor control failed!: ")
    # What was refused changed nothing.
    assert registers == [virtual.camera.sensor.get_register(number) for number in range(256)]
    board.exec("sensor.set_auto_exposure(False)")
    assert registers != [virtual.camera.sensor.get_register(number) for number in range(256)]
    unplug(virtual)


def test_the_makers_choice_reaches_the_gc0328(board: RemoteBoard, virtual: Board) -> None:
    virtual.camera = Camera(virtual, Pictures([SOFT]), ("gc0328",))
    message = error(board, "import sensor\nsensor.reset(choice=1)")
    assert "ov7740 at 0x21 would say 77 42" in message and "gc0328" not in message
    assert board.exec("sensor.reset(choice=2)") == "[MAIXPY]: find gc0328\n"
    unplug(virtual)


def test_a_slower_ov7740(board: RemoteBoard, virtual: Board) -> None:
    virtual.camera = Camera(virtual, Pictures([SOFT]), ("ov7740",))
    board.exec(QVGA + "sensor.set_framerate(10)")
    board.exec("sensor.snapshot()")
    begin = virtual.seconds
    board.exec("sensor.skip_frames(5)")
    assert 0.45 < virtual.seconds - begin < 0.65
    unplug(virtual)


def test_yuv422_is_how_colours_come(camera: RemoteBoard, virtual: Board) -> None:
    """From an OV2640 too; the AI buffer then has colours of 8 bits, not of 5 and 6."""
    virtual.camera = Camera(virtual, Pictures([SOFT]), ("ov2640",))
    camera.exec(QVGA + "print(sensor.set_pixformat(sensor.YUV422))\ni = sensor.snapshot()")
    assert camera.eval("i.format()") == 2
    assert_near(camera, "i", np.asarray(SOFT))
    assert virtual.dvp.read(0, 4) >> 9 & 3 == 1


def test_calls_that_are_not_driven_say_so(camera: RemoteBoard) -> None:
    assert camera.eval("(sensor.flush(), sensor.set_special_effect(1))") == (None, False)
    assert error(camera, "sensor.get_rgb_gain_db()").startswith(
        "OSError: Sensor control failed!: "
    )
    message = error(camera, "sensor.binocular_reset()")
    assert message.startswith("OSError: Reset Failed: two sensors in turn")


def test_a_memoryview_of_a_frame_outlives_the_frames(camera: RemoteBoard) -> None:
    """Another size's frames are other memory; what a memoryview shows stays what it was."""
    camera.exec(
        "import gc, image\ndef view():\n    return memoryview(sensor.snapshot())\n"
        "v = view()\nfirst = bytes(v)\nsensor.set_framesize(sensor.QQVGA)\nsensor.snapshot()\n"
        "gc.collect()\nothers = [image.Image() for _ in range(3)]\n"
        "for i in others: i[:] = 0xFFFF\nsensor.deinit()\ngc.collect()"
    )
    assert camera.eval("(len(v), bytes(v) == first)") == (W * H * 2, True)
    camera.exec("del v, i, others")
    camera.exec("import k210\ngc.collect()")
    assert camera.eval("k210.pool()['frame']") == 0
