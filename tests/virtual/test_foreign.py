# SPDX-License-Identifier: MIT
"""Firmware that nobody here wrote, unmodified, where MICROKPU_FOREIGN names a folder that has it.

The vendor's face_detect.kfpkg and kpu.kfpkg (kendryte-standalone-demo) and its face detector on
FreeRTOS (freertos_face.kfpkg: kfpkg.kfpkg of kendryte-freertos-demo), zhen8838's YOLO v3
(yolo3_maixpy.kfpkg, with the dog.jpg beside it), M5StickV's demo (m5stickv_v512.kfpkg:
M5StickV_Firmware_v5.1.2.kfpkg), LoBo's MicroPython
(MicroPython.bin, lobo*.kfpkg), a MaixPy v1 (any maixpy_v0*.bin), Krux (its kboot.kfpkg as
krux_BOARD.kfpkg) and RT-Thread (rtthread_mfcc.bin). Their pictures are those of the golden
vectors in MICROKPU_SHARED.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from microkpu.kfpkg import read_kfpkg
from microkpu.virtual import Board
from microkpu.virtual.boot_rom import pack
from microkpu.virtual.chips.pictures import Pictures
from PIL import Image

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("MICROKPU_SHARED", ROOT.parent / "shared"))
RED, GREEN = (255, 0, 0), (0, 255, 0)


def foreign(name: str) -> Path:
    folder = os.environ.get("MICROKPU_FOREIGN")
    if not folder:
        pytest.skip("MICROKPU_FOREIGN names no folder with foreign firmware")
    path = Path(folder) / name
    if not path.is_file():
        pytest.skip(f"MICROKPU_FOREIGN has no {name}")
    return path


def picture(name: str) -> Path:
    path = SHARED / "golden" / name / "input.png"
    if not path.is_file():
        pytest.skip(f"MICROKPU_SHARED has no golden/{name}/input.png")
    return path


def flashed(package: str) -> list[tuple[int, bytes]]:
    return [
        (part.address, pack(part.content) if part.bootable else part.content)
        for part in read_kfpkg(foreign(package))
    ]


def demo(package: str, seen: str, wiring: str = "maix_dock") -> Board:
    return Board(None, flashed(package), strict=False, camera=picture(seen), wiring=wiring)


def marked(board: Board, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """The rectangle around what is drawn in one colour: left, top, right, bottom."""
    pixels = np.asarray(board.lcd.image()).astype(int)
    near = (np.abs(pixels - color) < 8).all(2)
    rows, columns = np.nonzero(near)
    assert len(rows), "nothing is drawn in that colour"
    return columns.min(), rows.min(), columns.max(), rows.max()


def test_the_vendors_face_detector_boxes_the_astronauts_face() -> None:
    board = demo("face_detect.kfpkg", "face_v3_astronaut")
    board.run(seconds=10, until=b"System start")
    # The first frame's box is drawn over the picture that goes to the display with it.
    for _ in range(100):
        board.run(seconds=20e-3)
        if board.lcd.panel.pixels_written >= 2 * 320 * 240 + 320 * 240:
            break
    assert_around_the_face(marked(board, RED))


def assert_around_the_face(box: tuple[int, int, int, int]) -> None:
    """Chin, hair and ears of the astronaut in the picture of 320 by 240."""
    left, top, right, bottom = box
    assert 95 < left < 130 and 10 < top < 45 and 150 < right < 190 and 100 < bottom < 135


def test_the_vendors_face_detector_on_freertos_does_so_with_both_harts() -> None:
    """It reads the model at 0.8 MHz, which takes four seconds, then looks at every frame."""
    board = demo("freertos_face.kfpkg", "face_v3_astronaut", "kd233")
    for _ in range(120):
        board.run(seconds=50e-3)
        if board.lcd.panel.pixels_written >= 3 * 320 * 240:
            break
    assert b"ID: 5640" in board.take_output()
    assert_around_the_face(marked(board, RED))


def test_the_vendors_object_detector_boxes_the_cat() -> None:
    board = demo("kpu.kfpkg", "yolo20_v3_chelsea")
    board.run(seconds=10, until=b"system start")
    for _ in range(100):
        board.run(seconds=20e-3)
        if board.dvp.frames >= 2:
            break
    board.run(seconds=0.1)
    left, top, right, bottom = marked(board, GREEN)
    assert right - left > 250 and bottom - top > 180  # the cat fills the picture


NAMES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
GLYPH_ROWS, GLYPH_COLUMNS = 16, 8


def labels(board: Board, program: bytes) -> dict[str, tuple[int, int]]:
    """The words in black on green that stand on the display, and where.

    They are read with the glyphs in the program itself: a word is one whose letters' patterns lie
    as far apart there as in ASCII.
    """
    pixels = np.asarray(board.lcd.image()).astype(int)
    green, black = (np.abs(pixels - color).max(2) < 8 for color in (GREEN, (0, 0, 0)))
    shape = (GLYPH_ROWS, GLYPH_COLUMNS)
    inked = np.lib.stride_tricks.sliding_window_view(black, shape)
    whole = np.lib.stride_tricks.sliding_window_view(green | black, shape).all((2, 3))
    whole &= inked.any((2, 3)) & ~inked.all((2, 3))
    glyphs = {
        (x, y): np.packbits(inked[y, x], axis=1).tobytes() for y, x in np.argwhere(whole).tolist()
    }

    def stands(name: str, x: int, y: int) -> bool:
        first = program.find(glyphs[x, y]) - GLYPH_ROWS * ord(name[0])
        places = ((x + GLYPH_COLUMNS * i, first + GLYPH_ROWS * ord(c)) for i, c in enumerate(name))
        return all(
            glyphs.get((column, y)) == program[place : place + GLYPH_ROWS]
            for column, place in places
        )

    return {
        name: (x, y)
        for x, y in glyphs
        if glyphs[x, y] in program
        for name in NAMES
        if stands(name, x, y)
    }


def test_the_vendors_object_detector_says_what_is_a_dog_and_what_a_bicycle() -> None:
    """Each word stands in its box's corner, and the dog's box is around the dog."""
    parts = read_kfpkg(foreign("kpu.kfpkg"))
    seen = Pictures(Image.open(foreign("dog.jpg")).resize((640, 480)))
    board = Board(None, flashed("kpu.kfpkg"), strict=False, camera=seen)
    board.run(seconds=10, until=b"system start")
    for _ in range(100):
        board.run(seconds=20e-3)
        if board.dvp.frames >= 2:
            break
    board.run(seconds=0.15)
    words = labels(board, parts[0].content)
    assert words.keys() == {"dog", "bicycle"}
    left, top = words["dog"]
    pixels = np.asarray(board.lcd.image()).astype(int)
    green = np.abs(pixels - GREEN).max(2) < 8
    down, right = green[:, left - 1], green[top - 1]
    assert down[top:].sum() > 130 and right[left:].sum() > 80
    bottom = top + np.flatnonzero(~down[top:])[0]
    across = left + np.flatnonzero(~right[left:])[0]
    # In the picture of 320 by 240 the dog sits between 55 and 145, from 85 down to 228.
    assert 25 < left < 60 and 70 < top < 95 and 125 < across < 155 and 215 < bottom < 239


def test_a_yolo_v3_of_2019_boxes_the_bicycle_and_the_car_in_its_own_picture() -> None:
    """A model of 3.8 MB read on four lines, a layer's data in AI RAM, and a driver's slips."""
    board = Board(None, flashed("yolo3_maixpy.kfpkg"), strict=False)
    assert board.run(seconds=5, until=b"System start")
    board.run(seconds=5)
    left, top, right, bottom = marked(board, GREEN)
    assert 40 < left < 50 and 20 < top < 30 and 300 < right < 312 and 170 < bottom < 185


def test_m5stickvs_own_demo_finds_the_astronauts_face() -> None:
    seen = picture("face_v3_astronaut")
    package = flashed("m5stickv_v512.kfpkg")
    board = Board(None, package, strict=False, camera=seen, wiring="m5stickv")
    assert board.run(seconds=20, until=b'"objnum":1}'), board.take_output()
    said = board.take_output().split(b'{"x":')[1]
    x, y, w, h = (int(part.split(b":")[-1]) for part in said.split(b",")[:4])
    assert 95 < x < 130 and 10 < y < 45 and 150 < x + w < 190 and 100 < y + h < 135
    assert b'"classid":0' in said


def test_lobos_micropython_has_files_in_flash_and_on_the_card(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.mkdir()
    (card / "note.txt").write_text("from the card")
    board = Board(foreign("MicroPython.bin"), strict=False, sd=card)
    assert board.run(seconds=3, until=b"erase Flash")
    board.run(seconds=0.1)
    board.send(b"FF")  # it swallows a byte
    assert board.run(seconds=10, until=b">>> ")

    def ask(line: bytes, answer: bytes) -> None:
        board.take_output()
        board.send(line + b"\r\n")
        assert board.run(seconds=10, until=answer), board.take_output()

    ask(b"", b">>> ")
    ask(b"print(6 * 7)", b"\r\n42\r\n")
    ask(b"f = open('/flash/x.txt', 'w'); f.write('kept in flash'); f.close()", b">>> ")
    ask(b"open('/flash/x.txt').read()", b"\r\n'kept in flash'\r\n")
    ask(b"import os; os.mount(os.VfsSDCard(), '/sd')", b">>> ")
    ask(b"open('/sd/note.txt').read()", b"\r\n'from the card'\r\n")


@pytest.mark.parametrize(
    ("package", "says"),
    [
        ("lobo.kfpkg", b"by LoBo"),
        ("lobo_ota.kfpkg", b"* Starting at 0x80000000"),
        ("lobo_sqlite.kfpkg", b"by LoBo"),
        ("lobo_twotasks.kfpkg", b"(two MPY tasks)"),
    ],
)
def test_lobos_packages_come_with_their_file_system(package: str, says: bytes) -> None:
    board = Board(None, flashed(package), strict=False)
    assert board.run(seconds=5, until=b">>> ")
    assert says in board.take_output()
    board.send(b"import os; os.listdir('/flash')\r\n")
    assert board.run(seconds=5, until=b"]"), board.take_output()
    assert b"['boot.py', 'examples', 'fonts', 'lib', 'www']" in board.take_output()


CAMERA_SCRIPT = b"""import sensor, lcd
lcd.init()
sensor.reset()
sensor.set_pixformat(sensor.RGB565)
sensor.set_framesize(sensor.QVGA)
sensor.run(1)
for i in range(3):
    img = sensor.snapshot()
    lcd.display(img)

print('shown', img.width(), img.height())
"""


def maixpy() -> Path:
    folder = os.environ.get("MICROKPU_FOREIGN")
    if not folder:
        pytest.skip("MICROKPU_FOREIGN names no folder with foreign firmware")
    images = sorted(Path(folder).glob("maixpy_v0*.bin"), key=lambda path: path.stat().st_size)
    if not images:
        pytest.skip("MICROKPU_FOREIGN has no maixpy_v0*.bin")
    return images[0]


@pytest.mark.parametrize("sensor", ["ov2640", "gc0328", "ov7740"])
def test_maixpy_shows_its_camera_on_the_display(sensor: str) -> None:
    """Its REPL by interrupt, SPIFFS in flash, the sensor found by I2C2, frames through the DVP."""
    seen = picture("face_v3_astronaut")
    board = Board(maixpy(), strict=False, camera=seen, sensors=(sensor,))
    assert board.run(seconds=20, until=b">>> ")
    assert b"Spiffs Mount successful" in board.take_output()
    board.send(b"\x05")
    assert board.run(seconds=1, until=b"=== ")
    board.send(CAMERA_SCRIPT.replace(b"\n", b"\r") + b"\x04")
    assert board.run(seconds=20, until=b"shown 320 240"), board.take_output()
    board.run(seconds=0.1)
    assert board.camera is not None and sensor == board.camera.sensor.NAME
    shown = np.asarray(board.lcd.image()).astype(float)
    wanted = np.asarray(Image.open(seen).convert("RGB").resize((320, 240))).astype(float)
    # Some sensors are mounted mirrored, and their drivers leave that to the program.
    errors = [np.abs(shown - side).mean() for side in (wanted, wanted[:, ::-1])]
    assert min(errors) < 6, errors


TONE_SCRIPT = b"""from Maix import I2S, FFT
from fpioa_manager import fm
fm.register(20, fm.fpioa.I2S0_IN_D0, force=True)
fm.register(30, fm.fpioa.I2S0_WS, force=True)
fm.register(32, fm.fpioa.I2S0_SCLK, force=True)
rx = I2S(I2S.DEVICE_0)
rx.channel_config(rx.CHANNEL_0, rx.RECEIVER, align_mode=I2S.STANDARD_MODE)
rx.set_sample_rate(16000)
audio = rx.record(1024)
rx.wait_record()
amp = FFT.amplitude(FFT.run(audio.to_bytes(), 512))
print('heard', max(amp), amp.index(max(amp)))
"""


def test_maixpy_hears_a_tone_by_i2s_and_finds_it_by_fft() -> None:
    """Both ears hear a tone of 1 kHz: 512 samples of a second 32,000 times, so it is in bin 16."""
    board = Board(foreign("maixpy_062_15.bin"), strict=False)
    tone = 2 * math.pi * 1000
    board.i2s[0].microphones[0] = lambda second: (round(60 * math.sin(tone * second)),) * 2
    assert board.run(seconds=20, until=b">>> ")
    board.send(b"\x05")
    assert board.run(seconds=1, until=b"=== ")
    board.send(TONE_SCRIPT.replace(b"\n", b"\r"))
    board.run(seconds=0.3 + len(TONE_SCRIPT) * 1.2e-4)
    board.take_output()
    board.send(b"\x04")
    assert board.run(seconds=8, until=b"heard "), board.take_output()
    board.run(seconds=0.01)
    amplitude, place = map(int, board.take_output().split(b"heard ")[1].split()[:2])
    assert place in (16, 512 - 16)
    assert abs(amplitude - 60) <= 3


def krux(wiring: str) -> Board:
    """Krux with its menu on the display: words on black, after its sign.

    The loader prints by the ROM and reads the mapped flash; then both harts enter MaixPy.
    """
    package = f"krux_{wiring.removeprefix('maix_')}.kfpkg"
    board = Board(None, flashed(package), strict=False, wiring=wiring)
    assert board.run(seconds=10, until=b"* Starting at 0x80000000")
    assert board.run(seconds=10, until=b"No pin set")  # its settings say no more
    for _ in range(16):
        board.run(seconds=0.25)
        if (rows_of(board) > 150).any():
            break
    return board


def rows_of(board: Board) -> npt.NDArray[np.float64]:
    """How bright each row of the display is."""
    return np.asarray(board.lcd.image()).astype(float).mean((1, 2))


@pytest.mark.parametrize("wiring", ["m5stickv", "maix_cube"])
def test_krux_shows_its_menu(wiring: str) -> None:
    rows = rows_of(krux(wiring))
    assert (rows > 150).sum() > 15 and (rows < 10).sum() > 60  # a line of it is chosen


def test_krux_on_an_amigo_is_touched() -> None:
    board = krux("maix_amigo")
    menu = rows_of(board)
    assert (menu > 150).sum() == 4 and (menu < 10).sum() > 300  # lines between five fields
    board.touch.press(160, 330)
    board.run(seconds=0.2)
    board.touch.release()
    board.run(seconds=1)
    assert (rows_of(board) > 150).sum() == 5  # the fourth field's own menu has six


def test_rt_thread_reads_a_card_on_pads_that_no_known_board_has(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("from the card")
    board = Board(foreign("rtthread_mfcc.bin"), strict=False, sd=tmp_path)
    assert board.run(seconds=2, until=b"msh />")
    board.run(seconds=0.2)
    board.send(b"cat note.txt\r\n")
    assert board.run(seconds=2, until=b"from the card"), board.take_output()
