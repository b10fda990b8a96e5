# SPDX-License-Identifier: MIT
"""Hardware that never finishes: each part hangs at a chosen step, works when healed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from microkpu.errors import MicrokpuError
from microkpu.virtual import Board
from microkpu.virtual.faults import PARTS

from virtual.support import SLEEP, Registers, wait
from virtual.test_dmac import M2M, M2P, SOURCE, SSI3_TX, TARGET, Dma
from virtual.test_dvp import FINISH, START, make
from virtual.test_dvp import Driver as Camera
from virtual.test_kpu import UNITS, load
from virtual.test_kpu import Driver as Kpu
from virtual.test_lcd import RED, RGB, Lcd, colors
from virtual.test_sdcard import CONTENT, Master
from virtual.test_sdcard import Driver as Card
from virtual.test_spi import JEDEC_ID
from virtual.test_spi import Driver as Flash
from virtual.test_sysctl import POWER, RATIO_390, RESET


@pytest.fixture
def card(tmp_path: Path) -> Card:
    path = tmp_path / "card.img"
    path.write_bytes(CONTENT)
    card = Card(Master(Board(SLEEP, sd=path)))
    card.start()
    return card


def reset_block(board: Board, bit: int) -> None:
    sysctl = Registers(board.sysctl)
    sysctl.write("peri_reset", 1 << bit)
    sysctl.write("peri_reset", 0)


def test_what_cannot_hang_is_named(asleep: Board) -> None:
    board = asleep
    with pytest.raises(MicrokpuError, match="no part 'gpio' can hang: one of kpu, dma0"):
        board.faults.stall("gpio")


def test_every_part_has_a_test() -> None:
    tested = set(PARTS)
    own = {name for name in globals() if name.startswith("test_") and name.endswith("_hangs")}
    families = {part.rstrip("0123456789") for part in tested}
    assert own == {f"test_{family}_hangs" for family in families}


def test_kpu_hangs(asleep: Board) -> None:
    """At the third layer, until its reset; then it computes again."""
    board = asleep
    kpu, unit = Kpu(board), load(UNITS[0])
    kpu.place(unit)
    board.faults.stall("kpu", after=2)
    for _ in range(4):
        kpu.push(unit)
    wait(board, 1.0)
    assert (board.kpu.layers_done, board.kpu.running) == (2, True)
    assert board.faults.hung == {"kpu": 1}
    assert not board.ai_ram_on  # it still belongs to the KPU
    board.faults.heal("kpu")
    wait(board, 0.1)
    assert board.kpu.running  # nothing but a reset helps
    reset_block(board, 2)
    kpu.regs.write("eight_bit_mode", 1)
    kpu.push(unit)
    kpu.wait()
    assert np.array_equal(kpu.result(unit).ravel(), unit.expected.ravel())


def test_a_moment_may_be_a_second(asleep: Board) -> None:
    board = asleep
    kpu, unit = Kpu(board), load(UNITS[0])
    kpu.place(unit)
    board.faults.stall("kpu", at=board.seconds + 0.5)
    kpu.push(unit)
    kpu.wait()
    wait(board, 0.5)
    kpu.push(unit)
    wait(board, 0.1)
    assert board.kpu.running


def test_dma_hangs(asleep: Board) -> None:
    """A copy and a device's transfer, each on its channel only."""
    board = asleep
    dma = Dma(board)
    board.machine.ram[0x100000:0x100040] = bytes(range(64))
    board.faults.stall("dma0")
    dma.start(0, M2M, SOURCE, TARGET, 16)
    dma.start(1, M2M, SOURCE, TARGET + 64, 16)
    dma.wait(1)
    wait(board, 0.1)
    assert dma.busy(0)
    assert bytes(board.machine.ram[0x200000:0x200080]).startswith(b"\xa5\x5a\xc3\x3d" * 16)
    board.faults.stall("dma2")
    flash = Flash(board)
    flash.setup(1)
    flash.regs.write("dmacr", 2)
    dma.select(2, SSI3_TX)
    dma.start(2, M2P, SOURCE, 0x54000060, 8, fixed=(False, True))
    flash.go()
    wait(board, 0.1)
    assert dma.busy(2) and flash.regs.read("sr") & 5 == 4  # nothing comes to be sent
    dma.regs.write("chen", 1 << 8)
    board.faults.heal()
    dma.start(0, M2M, SOURCE, TARGET, 16)
    dma.wait(0)
    assert bytes(board.machine.ram[0x200000:0x200040]) == bytes(range(64))


def test_spi_hangs(asleep: Board) -> None:
    board = asleep
    flash = Flash(board)
    board.faults.stall("spi3", after=1)
    assert flash.ask(b"\x9f", 3) == JEDEC_ID
    flash.setup(3, count=3)
    flash.push(0x9F)
    flash.go()
    wait(board, 1.0)
    assert flash.regs.read("sr") & 1  # busy
    board.faults.heal()
    flash.regs.write("ssienr", 0)
    assert not flash.regs.read("sr") & 1
    assert flash.ask(b"\x9f", 3) == JEDEC_ID


def test_pll_hangs(asleep: Board) -> None:
    board = asleep
    board.faults.stall("pll1")
    regs = Registers(board.sysctl)
    for word in (RATIO_390, RATIO_390 | POWER, RATIO_390 | POWER | RESET, RATIO_390 | POWER):
        regs.write("pll1", word)
        wait(board, 1e-6)
    regs.write("pll_lock", 1 << 10)
    wait(board, 1.0)
    assert not regs.read("pll_lock") & 1 << 8


def test_flash_hangs(asleep: Board) -> None:
    board = asleep
    flash = Flash(board)
    board.faults.stall("flash", after=1)
    flash.tell(0x06)
    flash.tell(0x20, 0, 0, 0)
    flash.ready()
    flash.tell(0x06)
    flash.tell(0x20, 0, 0, 0)
    wait(board, 100.0)
    assert flash.ask(b"\x05", 1) == b"\x01"
    assert flash.ask(b"\x9f", 3) != JEDEC_ID
    board.faults.heal("flash")
    assert flash.ask(b"\x9f", 3) == JEDEC_ID


def test_sd_hangs(card: Card) -> None:
    card.board.faults.stall("sd", after=1)
    assert card.read(0) == CONTENT[:512]
    assert card.once(17, 0) == b"\xff"
    assert card.once(13) == b"\xff"
    card.board.faults.heal("sd")
    assert card.read(512) == CONTENT[512:1024]


def test_sd_busy_hangs(card: Card) -> None:
    card.board.faults.stall("sd_busy")
    assert card.command(24, 0) == b"\0"
    assert card.block_out(0xFE, bytes(512)) & 0x1F == 5
    wait(card.board, 10.0)
    assert card.bus.exchange(b"\xff") == b"\0"
    card.release()
    card.board.faults.heal("sd_busy")
    card.bus.slow(True)
    card.start()
    assert card.read(512) == CONTENT[512:1024]


def test_camera_hangs() -> None:
    """In the middle of the second frame; no third one begins."""
    camera = Camera(make())
    camera.set_up()
    board = camera.board
    board.faults.stall("camera", after=1)
    camera.shoot()
    camera.write_sts(START | FINISH)
    camera.wait_for(START)
    camera.write_sts(START | 1 << 16)
    wait(board, 1.0)
    assert not camera.regs.read("sts") & (START | FINISH)
    assert board.dvp.frames == 1
    board.faults.heal()
    camera.shoot()
    assert board.dvp.frames == 2


def test_lcd_hangs() -> None:
    """The panel is not there: SPI goes on, and the glass stays as it was."""
    lcd = Lcd(Board(SLEEP))
    lcd.start()
    lcd.dot(3, 4, RED)
    lcd.board.faults.stall("lcd")
    lcd.dot(5, 6, RED)
    assert colors(lcd.board.lcd.image(), (3, 4), (5, 6)) == [RGB[RED], (0, 0, 0)]
    lcd.board.faults.heal()
    lcd.dot(5, 6, RED)
    assert colors(lcd.board.lcd.image(), (5, 6)) == [RGB[RED]]


def test_a_fault_outlives_a_reset_of_the_board(asleep: Board) -> None:
    board = asleep
    board.faults.stall("spi3")
    board.reset()
    flash = Flash(board)
    flash.setup(3, count=3)
    flash.push(0x9F)
    flash.go()
    wait(board, 0.1)
    assert board.spi[3].busy
