# SPDX-License-Identifier: MIT
"""Boards: pads of their parts, keys, LEDs, jumpers; and the firmware's board files agree."""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest
from microkpu.errors import MicrokpuError
from microkpu.virtual import Board
from microkpu.virtual.wiring import WIRINGS

from virtual.support import SPIN, Registers

BOARD_FILES = sorted(Path(__file__).parents[2].glob("firmware/boards/*/board.toml"))
RED, GREEN = 14, 13  # of the Maix Dock


@pytest.mark.parametrize("path", BOARD_FILES, ids=lambda path: path.parent.name)
def test_the_firmwares_board_files_agree(path: Path) -> None:
    told = tomllib.loads(path.read_text())
    wiring = WIRINGS[path.parent.name]
    assert tuple(told["banks_1v8"]) == wiring.banks_1v8
    assert told["leds"] == dict(wiring.leds)
    assert told["buttons"] == dict(wiring.buttons)
    assert told["sd"] == asdict(wiring.sd)
    camera = {name: pad for name, pad in told["camera"].items() if name != "sensors"}
    assert camera == asdict(wiring.camera)
    lcd = told["lcd"]
    assert (lcd["cs"], lcd["rst"], lcd["dc"], lcd["wr"], lcd["madctl"]) == (
        wiring.lcd.cs, wiring.lcd.rst, wiring.lcd.dc, wiring.lcd.wr, wiring.lcd.madctl,
    )  # fmt: skip
    assert {lcd["width"], lcd["height"]} == {wiring.lcd.columns, wiring.lcd.rows}


def test_there_are_board_files() -> None:
    assert BOARD_FILES


@pytest.mark.parametrize("name", WIRINGS)
def test_no_two_parts_of_a_board_share_a_pad(name: str) -> None:
    wiring = WIRINGS[name]
    lcd = (wiring.lcd.cs, wiring.lcd.dc, wiring.lcd.wr, wiring.lcd.rst, wiring.lcd.data)
    pads = [pad for pad in lcd if pad is not None]
    pads += [*asdict(wiring.camera).values(), *asdict(wiring.sd).values(), *wiring.leds.values()]
    if name != "wonder_mv":  # its key b is on a pad that the usual camera wiring has
        pads += wiring.buttons.values()
    assert len(pads) == len(set(pads))
    assert set(pads) <= set(range(48))


def test_a_key_pulls_its_pad_down(board: Board) -> None:
    gpio = Registers(board.gpiohs)
    gpio.write("input_en", 1)
    assert gpio.read("input_val") == 1
    board.press("boot")
    assert gpio.read("input_val") == 0
    board.release("boot")
    assert gpio.read("input_val") == 1


def test_an_led_is_lit_by_a_low_level(board: Board) -> None:
    gpio = Registers(board.gpiohs)
    pads = Registers(board.fpioa)
    pads.write("io", 24 | 0x901F00, RED)
    pads.write("io", 25 | 0x901F00, GREEN)
    assert not board.led("red")
    gpio.write("output_en", 3)
    assert board.led("red") and board.led("green")
    gpio.write("output_val", 1)
    assert not board.led("red") and board.led("green")
    assert not board.led("blue")


def test_a_jumper_carries_levels_one_way(board: Board) -> None:
    gpio = Registers(board.gpiohs)
    gpio.write("input_en", 1 << 6)  # pad 22
    gpio.write("output_en", 1 << 5)  # pad 21
    board.jumper(21, 22)
    assert gpio.read("input_val") == 0
    gpio.write("output_val", 1 << 5)
    assert gpio.read("input_val") == 1 << 6


def test_what_a_board_does_not_have(board: Board) -> None:
    with pytest.raises(MicrokpuError, match=r"maix_dock has no button 'up': boot"):
        board.press("up")
    with pytest.raises(MicrokpuError, match=r"no led 'white': red, green, blue"):
        board.led("white")
    with pytest.raises(MicrokpuError, match=r"no board 'arduino' is known: one of maix_dock"):
        Board(SPIN, wiring="arduino")


def test_other_boards_have_other_keys() -> None:
    board = Board(SPIN, wiring="maix_go")
    Registers(board.gpio).block.board.press("up")
    assert not board.fpioa.level(15)


@pytest.mark.parametrize("name", WIRINGS)
def test_every_board_boots_its_flash(name: str) -> None:
    """Pad 16 is pulled up on boards without a key there too."""
    board = Board(SPIN, wiring=name)
    board.run(seconds=1e-3)
    assert board.isp.phase == "off" and not board.idle
