# SPDX-License-Identifier: MIT
"""I2C0-2: starts, acknowledges, the stop when the FIFO runs dry, giving up, rates, slave, DMA."""

from __future__ import annotations

import pytest
from microkpu.virtual import Board, RefusedError
from microkpu.virtual.chips.eeprom import Eeprom

from virtual.support import SPIN, Registers, enable
from virtual.test_dmac import M2P, P2M, SOURCE, TARGET, Dma, memory

SCL, SDA = 30, 31
I2C_PAD, SCCB_PAD = 0x991000, 0x993000
MASTER, SLAVE = 0x61, 0x02  # master with restarts; slave
READ = 1 << 8
BUSY, TX_EMPTY = 1, 1 << 2
ABORT, STOP, START, RD_REQ, RX_FULL = 1 << 6, 1 << 9, 1 << 10, 1 << 5, 1 << 2
KHZ_100 = 390_000_000 * 2 // 2 // 100_000 // 2  # half a period of SCL, of PLL0 / 2
EEPROM = 0x50


class Master:
    """A controller on two pads, as a program drives it."""

    def __init__(self, board: Board, index: int = 0, scl: int = SCL, sda: int = SDA) -> None:
        self.board = board
        enable(board, 13 + index)
        pads = Registers(board.fpioa)
        pads.write("io", 126 + 2 * index | I2C_PAD, scl)
        pads.write("io", 127 + 2 * index | I2C_PAD, sda)
        self.model = board.i2c[index]
        self.regs = Registers(self.model)
        self.source = 8 + index

    def setup(self, address: int = EEPROM, half: int = KHZ_100, con: int = MASTER) -> None:
        regs = self.regs
        regs.write("enable", 0)
        regs.write("con", con)
        regs.write("tar", address)
        regs.write("sar", address)
        regs.write("ss_scl_hcnt", half)
        regs.write("ss_scl_lcnt", half)
        regs.write("intr_mask", 0)
        regs.write("enable", 1)

    def push(self, *entries: int) -> None:
        for entry in entries:
            self.regs.write("data_cmd", entry)

    def finish(self) -> None:
        for _ in range(200):
            if self.regs.read("status") & (BUSY | TX_EMPTY) == TX_EMPTY:
                return
            self.board.run(seconds=20e-6)
        raise AssertionError("the controller does not come to an end")

    def send(self, *data: int) -> None:
        self.push(*data)
        self.finish()

    def received(self) -> bytes:
        return bytes(self.regs.read("data_cmd") for _ in range(self.regs.read("rxflr")))

    def pending(self) -> bool:
        return bool(Registers(self.board.plic).read("pending", 0) >> self.source & 1)


@pytest.fixture
def master(board: Board) -> Master:
    board.i2c_lines.attach(SCL, SDA, Eeprom(lambda: board.seconds))
    master = Master(board)
    master.setup()
    return master


def test_an_eeprom_keeps_what_was_written(master: Master) -> None:
    master.send(0x10, 1, 2, 3)
    master.board.run(seconds=6e-3)
    master.send(0x10, READ, READ, READ, READ)
    assert master.received() == bytes([1, 2, 3, 0xFF])
    assert master.regs.read("tx_abrt_source") == 0


def test_a_page_of_the_eeprom_goes_round(master: Master) -> None:
    master.send(0x16, 1, 2, 3)
    master.board.run(seconds=6e-3)
    master.send(0x10, READ, READ, READ)
    assert master.received() == bytes([3, 0xFF, 0xFF])


def test_nobody_answers_another_address(master: Master) -> None:
    master.setup(0x51)
    master.send(0)
    assert master.regs.read("tx_abrt_source") == 1
    assert master.regs.read("raw_intr_stat") & ABORT
    master.push(1)  # dropped, until the reason was read
    assert master.regs.read("txflr") == 0
    assert master.regs.read("clr_tx_abrt") == 1
    assert master.regs.read("tx_abrt_source") == 0
    assert not master.regs.read("raw_intr_stat") & ABORT
    master.push(1)
    assert master.regs.read("txflr") == 1


def test_a_scan_finds_who_is_there(master: Master) -> None:
    found = []
    for address in range(0x08, 0x78):
        master.setup(address, half=195)
        master.send(READ)
        if not master.regs.read("tx_abrt_source"):
            found.append(address)
        master.regs.read("clr_tx_abrt")
    assert found == [EEPROM]


def test_the_eeprom_is_deaf_while_it_writes(master: Master) -> None:
    master.send(0, 7)
    master.send(0)
    assert master.regs.read("tx_abrt_source") == 1
    master.regs.read("clr_tx_abrt")
    master.board.run(seconds=6e-3)
    master.send(0)
    assert master.regs.read("tx_abrt_source") == 0


def test_a_dry_fifo_ends_the_transaction(master: Master) -> None:
    """A program that is late makes two writes of one: the second names a register."""
    master.push(0x20, 1)
    master.board.run(seconds=1e-3)
    master.push(2, 3)
    master.finish()
    assert master.model.stops == 2
    master.board.run(seconds=6e-3)
    master.regs.read("clr_tx_abrt")
    master.send(0x20, READ, READ)
    assert master.received() == bytes([1, 0xFF])


def test_a_byte_takes_nine_clocks(master: Master) -> None:
    before = master.board.seconds
    master.send(0, 1, 2)
    # Start, address and three bytes of nine clocks, stop; finish() looks every 20 us.
    assert master.board.seconds - before == pytest.approx((1 + 4 * 9 + 1) / 100e3, abs=25e-6)


def test_events_interrupt_and_are_cleared_by_reads(master: Master) -> None:
    regs = master.regs
    regs.write("intr_mask", START | STOP)
    master.push(0)
    assert master.pending() and regs.read("intr_stat") == START
    assert regs.read("clr_start_det") == 1 and not master.pending()
    master.finish()
    assert regs.read("intr_stat") == STOP and master.pending()
    assert regs.read("clr_intr") == 1 and not master.pending()


def test_a_receive_level_interrupts(master: Master) -> None:
    regs = master.regs
    regs.write("rx_tl", 1)
    regs.write("intr_mask", RX_FULL)
    master.send(0, READ)
    assert not master.pending()
    master.send(READ)
    assert master.pending()
    regs.read("data_cmd")
    assert not master.pending()


def test_pads_of_the_sccb_kind_reach_nobody(master: Master) -> None:
    Registers(master.board.fpioa).write("io", 127 | SCCB_PAD, SDA)
    master.send(0)
    assert master.regs.read("tx_abrt_source") == 1


def test_other_pads_reach_nobody(master: Master) -> None:
    other = Master(master.board, 1, 8, 9)
    other.setup()
    other.send(0)
    assert other.regs.read("tx_abrt_source") == 1


def test_what_the_chip_would_spoil_is_refused(master: Master) -> None:
    regs = master.regs
    with pytest.raises(RefusedError, match="tar written while enabled"):
        regs.write("tar", 1)
    with pytest.raises(RefusedError, match="nothing was received"):
        regs.read("data_cmd")
    with pytest.raises(RefusedError, match="the byte is lost"):
        master.push(*range(10))
    regs.write("enable", 0)
    assert regs.read("txflr") == 0
    with pytest.raises(RefusedError, match="the controller is off"):
        master.push(1)
    with pytest.raises(RefusedError, match="devices take up to"):
        master.setup(half=20)


def test_one_controller_talks_to_another(board: Board) -> None:
    board.i2c_lines.join((SCL, SDA), (8, 9))
    master, slave = Master(board), Master(board, 1, 8, 9)
    master.setup(0x32)
    slave.setup(0x32, con=SLAVE)
    slave.regs.write("intr_mask", RX_FULL | RD_REQ | STOP)
    master.send(0x11, 0x22)
    assert slave.pending()
    assert slave.received() == b"\x11\x22"
    assert slave.regs.read("clr_stop_det") == 1 and not slave.pending()
    master.push(READ)
    board.run(seconds=1e-3)
    assert slave.regs.read("clr_rd_req") == 1
    assert master.regs.read("status") & BUSY  # the slave holds the clock
    slave.push(0x99)
    master.finish()
    assert master.received() == b"\x99"


def test_dma_sends_and_receives(master: Master) -> None:
    board, dma, data = master.board, Dma(master.board), master.model.base + 0x10
    master.regs.write("dma_tdlr", 4)
    master.regs.write("dma_cr", 3)
    dma.select(0, 8)
    dma.select(1, 9)

    def send(*entries: int) -> None:
        words = b"".join(entry.to_bytes(4, "little") for entry in entries)
        board.machine.ram[0x100000 : 0x100000 + len(words)] = words
        dma.start(1, M2P, SOURCE, data, len(entries), fixed=(False, True))
        while dma.busy(1):
            board.run(seconds=50e-6)
        master.finish()

    send(0x08, *range(20, 28))
    board.run(seconds=6e-3)
    dma.start(0, P2M, data, TARGET, 12, fixed=(True, False))
    send(0x08, *[READ] * 12)
    assert not dma.busy(0)
    assert memory(board, TARGET, 48)[::4] == bytes([*range(20, 28), *[0xFF] * 4])


def test_dma_bursts_that_do_not_fit_are_refused(master: Master) -> None:
    dma = Dma(master.board)
    dma.select(1, 9)
    master.regs.write("dma_tdlr", 6)
    with pytest.raises(RefusedError, match="bytes are lost"):
        dma.start(1, M2P, SOURCE, 0x50280010, 8, fixed=(False, True), burst=1)


def test_the_power_chip_of_a_board_is_where_it_is_soldered() -> None:
    """What MaixPy writes on an M5StickV: the core's 0.9 V, display and camera supplies."""
    board = Board(SPIN, wiring="m5stickv")
    master = Master(board, 0, 28, 29)
    master.setup(0x34)
    master.send(0x23, 0x08)
    master.send(0x28, 0xF0, 0x11)  # and the register behind it
    assert board.pmu.core_volts == pytest.approx(0.9)
    assert board.pmu.ldo_volts == pytest.approx((3.3, 1.8))
    master.send(0x28, READ, READ)
    assert master.received() == b"\xf0\x11"
    board.pmu.registers[0x46] = 0x03
    master.send(0x46, 0x02)  # an event is cleared by writing it
    master.send(0x46, READ)
    assert master.received() == b"\x01"
    master.send(0x00, 0xFF)  # status is read only
    assert board.pmu.registers[0] != 0xFF


def test_a_finger_is_read_from_the_touch_controller_and_lowers_its_line() -> None:
    board = Board(SPIN, wiring="maix_amigo")
    master = Master(board, 0, 24, 27)
    master.setup(0x38)
    master.send(0x02, READ)
    assert master.received() == b"\0"
    board.touch.press(300, 479)
    assert not board.fpioa.level(33)
    master.send(0x02, *[READ] * 5)
    assert master.received() == bytes([1, 0x01, 300 & 0xFF, 0x01, 479 & 0xFF])
    board.touch.press(7, 8)  # it has moved
    master.send(0x03, *[READ] * 4)
    assert master.received() == bytes([0x80, 7, 0x00, 8])
    board.touch.release()
    assert board.fpioa.level(33)
    master.send(0x02, READ, READ)
    assert master.received() == bytes([0, 0x40])
    master.send(0x80, 0x20)  # a setting stays, a measured value cannot be written
    master.send(0x02, 5)
    master.send(0x80, READ)
    master.send(0x02, READ)
    assert master.received() == b"\x20\0"


def test_a_board_without_a_power_chip_has_none(master: Master) -> None:
    master.setup(0x34)
    master.send(0x23)
    assert master.regs.read("tx_abrt_source") == 1
