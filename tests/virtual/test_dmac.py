# SPDX-License-Identifier: MIT
"""DMAC: copies, devices, handshakes and what it refuses (docs/registers.md)."""

from __future__ import annotations

import pytest
from microkpu.virtual import Board, RefusedError

from virtual.support import Registers, enable, tie_arbitration
from virtual.test_spi import BAUD, CONTENT, QUAD, QUAD_IN, QUAD_IO, RX, TX, Driver
from virtual.test_sysctl import start_ai

M2M, M2P, P2M = range(3)
SSI3_RX, SSI3_TX = 6, 7
SPI3_DR = 0x54000060
SOURCE, TARGET = 0x40100000, 0x40200000


class Dma:
    def __init__(self, board: Board) -> None:
        self.board = board
        enable(board, 1)
        self.regs = Registers(board.dmac)
        self.regs.write("cfg", 3)

    def start(
        self,
        channel: int,
        kind: int,
        source: int,
        target: int,
        items: int,
        widths: tuple[int, int] = (2, 2),
        fixed: tuple[bool, bool] = (False, False),
        line: int | None = None,
        burst: int = 0,
        hand: int = 0,
    ) -> None:
        line = channel if line is None else line
        regs = self.regs
        regs.write("channel.cfg", kind << 32 | hand << 35 | line << 39 | line << 44, channel)
        regs.write("channel.sar", source, channel)
        regs.write("channel.dar", target, channel)
        regs.write("channel.block_ts", items - 1, channel)
        ctl = fixed[0] << 4 | fixed[1] << 6 | widths[0] << 8 | widths[1] << 11
        regs.write("channel.ctl", ctl | burst << 14 | burst << 18, channel)
        regs.write("channel.intclear", 0xFFFFFFFF, channel)
        regs.write("chen", (1 | 1 << 8) << channel)

    def busy(self, channel: int) -> bool:
        return bool(self.regs.read("chen") >> channel & 1)

    def wait(self, channel: int) -> None:
        for _ in range(10_000):
            if not self.busy(channel):
                return
            self.board.run(seconds=1e-6)
        pytest.fail("the channel does not end")

    def select(self, channel: int, request: int) -> None:
        sysctl = Registers(self.board.sysctl)
        if channel == 5:
            sysctl.write("dma_sel1", request)
        else:
            value = sysctl.read("dma_sel0") & ~(63 << (6 * channel))
            sysctl.write("dma_sel0", value | request << (6 * channel))


@pytest.fixture
def dma(board: Board) -> Dma:
    board.machine.ram[0x100000:0x102000] = CONTENT
    return Dma(board)


def memory(board: Board, address: int, size: int) -> bytes:
    start = address & 0x7FFFFF
    return bytes(board.machine.ram[start : start + size])


def test_a_copy_ends_a_while_later(dma: Dma) -> None:
    start = dma.board.seconds
    dma.start(0, M2M, SOURCE, TARGET, 1000, (3, 3))
    assert dma.busy(0)
    dma.wait(0)
    assert memory(dma.board, TARGET, 8000) == CONTENT[:8000]
    assert dma.board.seconds - start == pytest.approx(1000 * 4.6 / 390e6, rel=0.2)


def test_widths_and_increments(dma: Dma) -> None:
    for source_width, target_width in ((0, 2), (2, 0), (3, 1)):
        dma.board.machine.ram[0x200000:0x201000] = bytes(4096)
        dma.start(1, M2M, SOURCE, TARGET, 64, (source_width, target_width))
        dma.wait(1)
        size = 64 << source_width
        assert memory(dma.board, TARGET, size + 1) == CONTENT[:size] + b"\0"
    dma.start(1, M2M, SOURCE, TARGET, 64, (2, 2), (True, False))
    dma.wait(1)
    assert memory(dma.board, TARGET, 256) == CONTENT[:4] * 64
    dma.start(1, M2M, SOURCE, TARGET, 64, (2, 2), (False, True))
    dma.wait(1)
    assert memory(dma.board, TARGET, 8) == CONTENT[252:256] + CONTENT[:4]


def test_the_end_interrupts_until_cleared(dma: Dma) -> None:
    plic = Registers(dma.board.plic)
    dma.start(2, M2M, SOURCE, TARGET, 16)
    dma.wait(2)
    assert dma.regs.read("channel.intstatus", 2) == 3
    assert dma.regs.read("intstatus") == 1 << 2
    assert plic.read("pending", 0) >> 29 & 1
    dma.regs.write("cfg", 1)
    assert not plic.read("pending", 0) >> 29 & 1
    dma.regs.write("cfg", 3)
    dma.regs.write("channel.intclear", 3, 2)
    assert dma.regs.read("intstatus") == 0
    assert not plic.read("pending", 0) >> 29 & 1


def test_chen_needs_its_write_enable_bit(dma: Dma) -> None:
    dma.start(0, M2M, SOURCE, TARGET, 16)
    dma.regs.write("chen", 0)
    assert dma.busy(0)
    dma.regs.write("chen", 1 << 1)
    assert not dma.busy(1)
    dma.regs.write("chen", 1 << 8)
    assert not dma.busy(0)
    dma.board.run(seconds=1e-4)
    assert memory(dma.board, TARGET, 4) != CONTENT[:4]


def test_reset_clears_itself(dma: Dma) -> None:
    dma.regs.write("reset", 1)
    assert dma.regs.read("reset") == 0
    assert dma.regs.read("cfg") == 0


def quad_read(dma: Dma, order: str, count: int, bits: int) -> bytes:
    """A quad read into memory, the channel armed before or after the transfer is set up."""
    spi = Driver(dma.board)
    dma.select(3, SSI3_RX)
    spi.setup(RX, QUAD, bits=bits, count=count, extended=QUAD_IO)
    spi.regs.write("dmardlr", 3)
    spi.regs.write("dmacr", 1)
    spi.push(0xEB, 0x300000 << 8)
    arm = lambda: dma.start(3, P2M, SPI3_DR, TARGET, count, (2, 2), (True, False), burst=1)  # noqa: E731
    if order == "before":
        arm()
        spi.go()
    else:
        spi.go()
        dma.board.run(seconds=20 * BAUD / 390e6)
        arm()
    dma.wait(3)
    spi.wait()
    spi.end()
    return memory(dma.board, TARGET, 4 * count)


@pytest.mark.parametrize("order", ["before", "after"])
def test_flash_to_memory(dma: Dma, order: str) -> None:
    dma.board.write_flash(0x300000, CONTENT)
    Driver(dma.board).quad_enable()
    start = dma.board.seconds
    words = quad_read(dma, order, 1024, 32)
    assert dma.board.seconds - start == pytest.approx(1024 * 8 * BAUD / 390e6, rel=0.2)
    turned = b"".join(words[i : i + 4][::-1] for i in range(0, 4096, 4))
    assert turned == CONTENT[:4096]


def test_flash_to_memory_a_byte_per_item(dma: Dma) -> None:
    dma.board.write_flash(0x300000, CONTENT)
    Driver(dma.board).quad_enable()
    words = quad_read(dma, "before", 600, 8)
    assert words[::4] == CONTENT[:600]
    assert not any(words[1::4])


def test_memory_to_flash(dma: Dma) -> None:
    board, spi = dma.board, Driver(dma.board)
    spi.quad_enable()
    spi.tell(0x06)
    dma.select(4, SSI3_TX)
    spi.setup(TX, QUAD, bits=32, extended=QUAD_IN)
    spi.regs.write("dmatdlr", 16)
    spi.regs.write("dmacr", 2)
    spi.push(0x32, 0x220000)
    dma.start(4, M2P, SOURCE, SPI3_DR, 64, (2, 2), (False, True), burst=1)
    spi.go()
    dma.wait(4)
    spi.wait()
    spi.end()
    spi.ready()
    written = bytes(board.flash.data[0x220000:0x220100])
    assert b"".join(written[i : i + 4][::-1] for i in range(0, 256, 4)) == CONTENT[:256]


def test_a_device_channel_waits_for_its_device(dma: Dma) -> None:
    dma.select(0, SSI3_RX)
    dma.start(0, P2M, SPI3_DR, TARGET, 8, (2, 2), (True, False))
    dma.board.run(seconds=1e-3)
    assert dma.busy(0)


def test_refusals(dma: Dma) -> None:
    dma.select(0, SSI3_RX)
    for match, arguments in (
        ("counts as a device", (M2M, SOURCE, 0x80600000, 8)),
        ("cached view", (M2M, 0x80100000, TARGET, 8)),
        ("not memory", (M2M, SOURCE, 0x50000000, 8)),
        ("not memory", (M2M, 0x407FFFF0, TARGET, 64)),
        ("not aligned", (M2M, SOURCE + 2, TARGET, 8)),
        ("would move on", (P2M, SPI3_DR, TARGET, 8)),
    ):
        with pytest.raises(RefusedError, match=match):
            dma.start(0, *arguments)
    fixed = (True, False)
    with pytest.raises(RefusedError, match="handshake line 3"):
        dma.start(0, P2M, SPI3_DR, TARGET, 8, (2, 2), fixed, line=3)
    with pytest.raises(RefusedError, match="software handshake"):
        dma.start(0, P2M, SPI3_DR, TARGET, 8, (2, 2), fixed, hand=1)
    with pytest.raises(RefusedError, match="belongs to"):
        dma.start(0, P2M, 0x40800030, TARGET, 8, (3, 3), fixed)
    with pytest.raises(RefusedError, match="must have 32 bits"):
        dma.start(0, P2M, SPI3_DR, TARGET, 8, (3, 3), fixed)
    with pytest.raises(RefusedError, match="underrun"):
        dma.start(0, P2M, SPI3_DR, TARGET, 8, (2, 2), fixed, burst=1)
    dma.select(0, 31)
    with pytest.raises(RefusedError, match="no device"):
        dma.start(0, P2M, SPI3_DR, TARGET, 8, (2, 2), fixed)


def test_ai_ram_needs_its_clock(dma: Dma) -> None:
    dma.start(0, M2M, SOURCE, 0x40600000, 8)
    with pytest.raises(RefusedError, match="no clock"):
        dma.wait(0)


def test_a_lenient_board_takes_the_cached_view_and_notes_it(lenient: Board) -> None:
    lenient.machine.ram[0x100000:0x100040] = CONTENT[:64]
    dma = Dma(lenient)
    dma.start(0, M2M, 0x80100000, TARGET, 16)
    dma.wait(0)
    assert memory(lenient, TARGET, 64) == CONTENT[:64]
    assert any("cached view" in warning for warning in lenient.warnings)


def test_a_device_without_clock_is_refused(dma: Dma) -> None:
    dma.select(0, 15)  # UART1
    with pytest.raises(RefusedError, match=r"uart1 is idle: its clock is off"):
        dma.start(0, M2P, SOURCE, dma.board.uart[1].base, 8, (2, 2), (False, True))


@pytest.mark.parametrize("source", [0x40600000, 0x0], ids=["ai ram", "null"])
def test_a_side_that_a_driver_takes_for_a_device(
    board: Board, lenient: Board, source: int
) -> None:
    """One of the vendor's takes what is not SRAM for a device; SPI0 to no panel is enough here."""
    heard: list[bytes] = []
    for place in (board, lenient):
        enable(place, 6)
        start_ai(place)
        dma = Dma(place)
        dma.select(0, 1)
        regs = Registers(place.spi[0])
        regs.write("baudr", 2)
        for name, value in (("dmacr", 2), ("dmatdlr", 16), ("ctrlr0", 1 << 8 | 31 << 16)):
            regs.write(name, value)
        if place.strict:
            with pytest.raises(RefusedError, match=r"tt_fc 3, and 0x[0-9a-f]+ is no device"):
                dma.start(0, 3, source, 0x52000060, 64, fixed=(False, True))
            continue
        place.tracer.on(["spi"], lambda note: heard.append(note.what.encode()))
        place.machine.ram[0x600000:0x600100] = bytes(range(256))
        tie_arbitration(place)
        dma.start(0, 3, source, 0x52000060, 64, fixed=(False, True))
        regs.write("ssienr", 1)
        regs.write("ser", 1 << 3)
        dma.wait(0)
        place.run(seconds=1e-3)
        sent = b"".join(heard)
        first = b"out 03020100" if source else b"out 00000000"
        assert first in sent


def test_devices_on_both_sides_are_refused(lenient: Board) -> None:
    with pytest.raises(RefusedError, match="between two devices"):
        Dma(lenient).start(0, 3, SPI3_DR, SPI3_DR, 1)
