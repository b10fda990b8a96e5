# SPDX-License-Identifier: MIT
"""The same inputs give the same run, to the byte: camera, card, KPU and display at work."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from microkpu.board_files import FILES_ADDRESS, flash_files
from microkpu.kmodel import v3
from microkpu.virtual import Board
from microkpu.virtual.chips.pictures import Pictures
from PIL import Image
from unit.kmodel_files import Conv, identity_segments, layer_words, model_file

from .image_support import scene

MODEL_ADDRESS = 0x300000
SHAPE = (2, 60, 80)

MAIN = f"""
import sensor, lcd, KPU as kpu
lcd.init()
sensor.reset()
sensor.set_pixformat(sensor.RGB565)
sensor.set_framesize(sensor.QVGA)
sensor.run(1)
net = kpu.load({MODEL_ADDRESS:#x})
for turn in range(3):
    img = sensor.snapshot()
    lcd.display(img)
    values = kpu.forward(net, img)[:]
    with open("/sd/turn%d.txt" % turn, "w") as file:
        file.write(str(values[::7]))
    print(turn, sum(values))
print("over")
"""


def model() -> bytes:
    """Two maps of a quarter of the picture, each the mean of all colours around a pixel."""
    words = layer_words(inputs=(3, 240, 320), outputs=SHAPE[0], kernel=3, pool=4, send_data_out=1)
    norm = [v3.BatchNorm((1 << 15) // 27, 0, 15), v3.BatchNorm((1 << 15) // 30, 7, 15)]
    size = SHAPE[0] * SHAPE[1] * SHAPE[2]
    conv = Conv(words, b"\1" * 54, norm, identity_segments(), main_out=0)
    return model_file([conv], [(0, size)], size + 8)


class Run(NamedTuple):
    state: str
    cycles: int
    printed: bytes
    glass: bytes


def run(firmware: Path, folder: Path, picture: Image.Image) -> Run:
    """Three turns by a program on the card, with caches between harts and memory."""
    folder.mkdir()
    (folder / "main.py").write_text(MAIN)
    board = Board(
        firmware,
        [(MODEL_ADDRESS, model()), (FILES_ADDRESS, flash_files(None))],
        camera=Pictures(picture),
        sd=folder,
        cache=True,
    )
    done = board.run(seconds=20, until=b"over")
    printed = board.take_output()
    assert done, printed
    assert board.dvp.frames >= 3
    assert board.kpu.layers_done >= 3
    assert board.card_slot is not None
    assert board.card_slot.card.blocks_written > 0
    assert board.lcd.panel.pixels_written >= 3 * 320 * 240
    return Run(board.state_hash(), board.cycles, printed, board.lcd.image().tobytes())


@pytest.mark.virtual_only("compares two runs to the cycle")
def test_a_run_of_everything_is_the_same_again(firmware: Path, tmp_path: Path) -> None:
    picture = scene((320, 240))
    first = run(firmware, tmp_path / "first", picture)
    assert run(firmware, tmp_path / "second", picture) == first
    # And the hash sees what the camera saw.
    other = run(firmware, tmp_path / "third", Image.new("RGB", (320, 240), "blue"))
    assert other.state != first.state
    assert other.printed != first.printed
    assert other.glass != first.glass
