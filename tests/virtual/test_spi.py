# SPDX-License-Identifier: MIT
"""SPI3 and its flash: what a driver does, register by register (docs/registers.md)."""

from __future__ import annotations

import pytest
from microkpu.virtual import Board, RefusedError
from microkpu.virtual.chips.nor import JEDEC_ID

from virtual.support import SPIN, Registers

CONTENT = bytes((7 * place + (place >> 8)) & 0xFF for place in range(8192))
TX_RX, TX, RX, EEPROM = range(4)
STANDARD, DUAL, QUAD = range(3)
# spi_ctrlr0: instruction on one line; 0xEB has 32 address and mode bits on four lines, 4 clocks.
QUAD_IO = 1 | 8 << 2 | 2 << 8 | 4 << 11
QUAD_OUT = 0 | 6 << 2 | 2 << 8 | 8 << 11
QUAD_IN = 0 | 6 << 2 | 2 << 8
BAUD = 8  # 390 MHz / 8


class Driver:
    """A driver's order: set up while disabled, fill the FIFO, select last; words by the CPU."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.regs = Registers(board.spi[3])

    def setup(
        self, tmod: int, frf: int = STANDARD, bits: int = 8, count: int = 1, extended: int = 0
    ) -> None:
        regs = self.regs
        for name in ("imr", "dmacr", "ser", "ssienr"):
            regs.write(name, 0)
        regs.write("ctrlr0", bits - 1 | tmod << 10 | frf << 22)
        regs.write("ctrlr1", count - 1)
        regs.write("spi_ctrlr0", extended)
        regs.write("baudr", BAUD)
        regs.write("ssienr", 1)

    def push(self, *words: int) -> None:
        for word in words:
            self.regs.write("dr", word)

    def go(self) -> None:
        self.regs.write("ser", 1)

    def wait(self) -> None:
        for _ in range(100_000):
            if self.regs.read("sr") & 5 == 4:
                return
            self.board.run(seconds=1e-6)
        pytest.fail("the transfer does not end")

    def drain(self) -> list[int]:
        return [self.regs.read("dr") for _ in range(self.regs.read("rxflr"))]

    def end(self) -> None:
        self.regs.write("ser", 0)
        self.regs.write("ssienr", 0)

    def ask(self, command: bytes, count: int) -> bytes:
        self.setup(EEPROM, count=count)
        self.push(*command)
        self.go()
        self.wait()
        answer = bytes(self.drain())
        self.end()
        return answer

    def tell(self, *command: int) -> None:
        self.setup(TX)
        self.push(*command)
        self.go()
        self.wait()
        self.end()

    def ready(self) -> None:
        for _ in range(10_000):
            if not self.ask(b"\x05", 1)[0] & 1:
                return
            self.board.run(seconds=1e-3)
        pytest.fail("the flash stays busy")

    def quad_enable(self) -> None:
        self.tell(0x06)
        self.tell(0x31, 0x02)
        self.ready()


@pytest.fixture
def spi(board: Board) -> Driver:
    board.write_flash(0x300000, CONTENT)
    return Driver(board)


def test_ids(spi: Driver) -> None:
    assert spi.ask(b"\x9f", 3) == JEDEC_ID
    assert spi.ask(b"\x90\0\0\0", 2) == b"\xef\x17"
    assert spi.ask(b"\x90\0\0\1", 2) == b"\x17\xef"
    assert len(set(spi.ask(b"\x4b\0\0\0\0", 8))) > 1


def test_a_read_by_eeprom_mode(spi: Driver) -> None:
    assert spi.ask(b"\x03\x30\x00\x10", 24) == CONTENT[16:40]
    assert spi.ask(b"\x0b\x30\x00\x10\xff", 24) == CONTENT[16:40]


def test_a_read_in_full_duplex(spi: Driver) -> None:
    spi.setup(TX_RX)
    spi.push(0x9F, 0xFF, 0xFF, 0xFF)
    spi.go()
    spi.wait()
    assert bytes(spi.drain())[1:] == JEDEC_ID


def test_the_transfer_takes_its_time(spi: Driver) -> None:
    start = spi.board.seconds
    spi.setup(EEPROM, count=16)
    spi.push(0x03, 0x30, 0, 0)
    spi.go()
    while spi.regs.read("rxflr") < 16:
        spi.board.run(instructions=20)
    assert spi.board.seconds - start == pytest.approx(20 * 8 * BAUD / 390e6, rel=0.05)


def test_quad_reads_want_the_qe_bit(spi: Driver) -> None:
    def quad_io() -> bytes:
        spi.setup(RX, QUAD, count=16, extended=QUAD_IO)
        spi.push(0xEB, 0x300040 << 8)
        spi.go()
        spi.wait()
        got = bytes(spi.drain())
        spi.end()
        return got

    assert spi.ask(b"\x35", 1) == b"\x00"
    assert quad_io() != CONTENT[64:80]
    spi.quad_enable()
    assert spi.ask(b"\x35", 1) == b"\x02"
    assert quad_io() == CONTENT[64:80]


def test_a_lenient_board_has_a_chip_that_was_programmed_before(
    board: Board, lenient: Board
) -> None:
    """Programs write QE where it is clear, and read on at once: the chip would still be busy."""
    assert board.flash.status[1] & 2 == 0
    assert lenient.flash.status[1] & 2
    lenient.reset()
    assert lenient.flash.status[1] & 2


def test_quad_output_and_dual_reads(spi: Driver) -> None:
    spi.quad_enable()
    for opcode, frf, extended in (
        (0x6B, QUAD, QUAD_OUT),
        (0x3B, DUAL, QUAD_OUT),
        (0xBB, DUAL, 1 | 8 << 2 | 2 << 8),
    ):
        spi.setup(RX, frf, count=8, extended=extended)
        spi.push(opcode, 0x300100 << 8 if opcode == 0xBB else 0x300100)
        spi.go()
        spi.wait()
        assert bytes(spi.drain()) == CONTENT[256:264], hex(opcode)
        spi.end()


def test_wrong_wait_cycles_give_noise(spi: Driver) -> None:
    spi.quad_enable()
    spi.setup(RX, QUAD, count=16, extended=QUAD_IO & ~(31 << 11) | 3 << 11)
    spi.push(0xEB, 0x300000 << 8)
    spi.go()
    spi.wait()
    assert bytes(spi.drain()) != CONTENT[:16]


def test_a_continuous_read_mode_byte_locks_opcodes_out(spi: Driver) -> None:
    spi.quad_enable()
    spi.setup(RX, QUAD, count=4, extended=QUAD_IO)
    spi.push(0xEB, 0x300000 << 8 | 0xA0)
    spi.go()
    spi.wait()
    assert bytes(spi.drain()) == CONTENT[:4]
    spi.end()
    assert spi.ask(b"\x9f", 3) != JEDEC_ID
    spi.tell(0xFF)
    assert spi.ask(b"\x9f", 3) == JEDEC_ID


def test_32_bit_frames_come_most_significant_byte_first(spi: Driver) -> None:
    spi.quad_enable()
    for endian, order in ((0, "big"), (1, "little")):
        spi.setup(RX, QUAD, bits=32, count=4, extended=QUAD_IO)
        spi.regs.write("endian", endian)
        spi.push(0xEB, 0x300000 << 8)
        spi.go()
        spi.wait()
        words = spi.drain()
        assert b"".join(word.to_bytes(4, order) for word in words) == CONTENT[:16]
        spi.end()


def test_a_program_needs_write_enable_and_takes_time(spi: Driver) -> None:
    spi.tell(0x02, 0x20, 0, 0, 0xAA)
    assert spi.ask(b"\x03\x20\0\0", 1) == b"\xff"
    spi.tell(0x06)
    assert spi.ask(b"\x05", 1) == b"\x02"
    spi.tell(0x02, 0x20, 0, 0, 0xAA, 0x55)
    assert spi.ask(b"\x05", 1)[0] & 1
    assert spi.ask(b"\x03\x20\0\0", 2) != b"\xaa\x55"  # busy: no answer
    spi.ready()
    assert spi.ask(b"\x03\x20\0\0", 2) == b"\xaa\x55"
    assert spi.ask(b"\x05", 1) == b"\x00"


def test_a_program_only_clears_bits_and_wraps_in_its_page(spi: Driver) -> None:
    for place, data in ((0xFE, (1, 2, 3)), (0xFE, (0xFF, 0x10, 0xFF))):
        spi.tell(0x06)
        spi.tell(0x02, 0x20, 0x01, place, *data)
        spi.ready()
    assert spi.ask(b"\x03\x20\x01\xfe", 3) == b"\x01\x00\xff"
    assert spi.ask(b"\x03\x20\x01\x00", 1) == b"\x03"


def test_a_quad_page_program(spi: Driver) -> None:
    spi.quad_enable()
    spi.tell(0x06)
    spi.setup(TX, QUAD, bits=32, extended=QUAD_IN)
    spi.push(0x32, 0x210000, *(int.from_bytes(CONTENT[i : i + 4], "big") for i in range(0, 64, 4)))
    spi.go()
    spi.wait()
    spi.end()
    spi.ready()
    assert bytes(spi.board.flash.data[0x210000:0x210044]) == CONTENT[:64] + b"\xff" * 4


@pytest.mark.parametrize(("opcode", "size"), [(0x20, 4 << 10), (0x52, 32 << 10), (0xD8, 64 << 10)])
def test_erases(board: Board, opcode: int, size: int) -> None:
    spi = Driver(board)
    board.write_flash(0x200000, bytes(128 << 10))
    address = 0x200000 + size + 5
    spi.tell(0x06)
    spi.tell(opcode, *address.to_bytes(3, "big"))
    spi.ready()
    data = board.flash.data
    assert data[0x200000 + size : 0x200000 + 2 * size] == b"\xff" * size
    assert data[0x200000 + size - 1] == 0
    if size < 64 << 10:
        assert data[0x200000 + 2 * size] == 0


def test_66_99_resets_the_chip(spi: Driver) -> None:
    spi.tell(0x06)
    spi.tell(0x99)
    assert spi.ask(b"\x05", 1) == b"\x02"
    spi.tell(0x66)
    spi.tell(0x99)
    spi.ready()
    assert spi.ask(b"\x05", 1) == b"\x00"


def test_the_receive_fifo_overruns_at_its_32nd_word(spi: Driver) -> None:
    spi.setup(EEPROM, count=40)
    spi.push(0x03, 0x30, 0, 0)
    spi.go()
    spi.wait()
    assert spi.regs.read("rxflr") == 31
    assert spi.regs.read("risr") & 8
    assert spi.regs.read("rxoicr") == 1
    assert not spi.regs.read("risr") & 8


def test_the_chip_is_let_go_when_the_transmit_fifo_runs_dry(spi: Driver) -> None:
    spi.setup(TX_RX)
    spi.push(0x9F)
    spi.go()
    spi.wait()
    spi.push(0xFF, 0xFF, 0xFF)
    spi.wait()
    assert bytes(spi.drain())[1:] != JEDEC_ID


def test_setup_while_enabled_is_refused(spi: Driver) -> None:
    spi.setup(TX)
    with pytest.raises(RefusedError, match="ssienr is 1"):
        spi.regs.write("baudr", 4)


def test_letting_go_during_a_transfer_is_refused(spi: Driver) -> None:
    spi.setup(EEPROM, count=16)
    spi.push(0x9F)
    spi.go()
    with pytest.raises(RefusedError, match="during a transfer"):
        spi.regs.write("ser", 0)


def test_the_interrupt_line_is_high_at_entry(board: Board) -> None:
    plic = Registers(board.plic)
    assert plic.read("pending", 0) >> 4 & 1
    Registers(board.spi[3]).write("imr", 0)
    assert not plic.read("pending", 0) >> 4 & 1


def test_an_odd_baudr_counts_as_the_even_one_below(spi: Driver) -> None:
    spi.setup(EEPROM, count=16)
    spi.regs.write("ssienr", 0)
    spi.regs.write("baudr", BAUD + 1)
    spi.regs.write("ssienr", 1)
    start = spi.board.seconds
    spi.push(0x03, 0x30, 0, 0)
    spi.go()
    while spi.regs.read("rxflr") < 16:
        spi.board.run(instructions=20)
    assert spi.board.seconds - start == pytest.approx(20 * 8 * BAUD / 390e6, rel=0.05)


def test_a_reset_forgets_the_setup(spi: Driver) -> None:
    assert spi.ask(b"\x9f", 3) == JEDEC_ID
    sysctl = Registers(spi.board.sysctl)
    sysctl.write("peri_reset", 1 << 9)
    sysctl.write("peri_reset", 0)
    spi.regs.write("imr", 0)
    spi.regs.write("ssienr", 1)
    spi.push(0x9F)
    with pytest.raises(RefusedError, match="frames of 1 bits"):
        spi.go()


def test_eeprom_mode_on_four_lines_only_receives(lenient: Board) -> None:
    lenient.write_flash(0x300000, CONTENT)
    for board in (lenient, Board(SPIN)):
        spi = Driver(board)
        spi.quad_enable()
        spi.setup(EEPROM, QUAD, count=8, extended=QUAD_IO)
        spi.push(0xEB, 0x300040 << 8)
        if board.strict:
            with pytest.raises(RefusedError, match="tmod 3 on 4 lines"):
                spi.go()
            continue
        spi.go()
        spi.wait()
        assert bytes(spi.drain()) == CONTENT[64:72]
