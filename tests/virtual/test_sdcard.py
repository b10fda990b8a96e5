# SPDX-License-Identifier: MIT
"""The SD card: initialisation, registers, blocks, checksums, by SPI masters, DMA and software."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Protocol

import pytest
from microkpu.virtual import Board, RefusedError

from virtual.support import SLEEP, Registers, enable, tie_arbitration, wait
from virtual.test_dmac import P2M, TARGET, Dma, memory

SCLK, MOSI, MISO, CS = 27, 28, 26, 29
CS_PIN = 7  # of GPIOHS
SSI1_RX = 2
CONTENT = random.Random(3).randbytes(1 << 20)
# Frames whose checksums the SD specification and every driver has.
GO_IDLE = bytes.fromhex("400000000095")
IF_COND = bytes.fromhex("48000001aa87")


class Bus(Protocol):
    board: Board

    def select(self, low: bool) -> None: ...
    def exchange(self, data: bytes) -> bytes: ...
    def slow(self, slow: bool) -> None: ...


class Master:
    """SPI1 (or SPI0) in full duplex by the CPU; chip select by GPIOHS7."""

    def __init__(
        self, board: Board, index: int = 1, places: tuple[int, ...] = (SCLK, MOSI, MISO, CS)
    ) -> None:
        self.board = board
        self.spi = Registers(board.spi[index])
        self.gpio = Registers(board.gpiohs)
        enable(board, 6 + index)
        tie_arbitration(board)
        first = 70 if index == 1 else 4
        pads = Registers(board.fpioa)
        sclk, mosi, miso, cs = places
        pads.write("io", (83 if index == 1 else 17) | 0x1F00, sclk)
        pads.write("io", first | 0xB03F00, mosi)
        pads.write("io", first + 1 | 0xB03F00, miso)
        pads.write("io", 24 + CS_PIN | 0x901F00, cs)
        self.gpio.write("output_val", 1 << CS_PIN)
        self.gpio.write("output_en", 1 << CS_PIN)
        self.divisor = 0
        self.slow(True)

    def slow(self, slow: bool) -> None:
        self.divisor = 1000 if slow else 20  # of 390 MHz

    def select(self, low: bool) -> None:
        self.gpio.write("output_val", (not low) << CS_PIN)

    def setup(self, tmod: int = 0, count: int = 1) -> None:
        spi = self.spi
        for name in ("imr", "dmacr", "ser", "ssienr"):
            spi.write(name, 0)
        spi.write("ctrlr0", 7 << 16 | tmod << 8)
        spi.write("ctrlr1", count - 1)
        spi.write("baudr", self.divisor)
        spi.write("ssienr", 1)

    def exchange(self, data: bytes) -> bytes:
        out = bytearray()
        for place in range(0, len(data), 16):
            part = data[place : place + 16]
            self.setup()
            for byte in part:
                self.spi.write("dr", byte)
            self.spi.write("ser", 1)
            while self.spi.read("sr") & 5 != 4:
                wait(self.board, 1e-6)
            out += bytes(self.spi.read("dr") for _ in range(self.spi.read("rxflr")))
            self.spi.write("ser", 0)
        return bytes(out)


class Pins:
    """Software that moves GPIOHS pins."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.gpio = Registers(board.gpiohs)
        pads = Registers(board.fpioa)
        for pin, pad in enumerate((SCLK, MOSI, MISO, CS)):
            pads.write("io", 24 + pin | 0x901F00, pad)
        self.value = 0b1010
        self.gpio.write("output_val", self.value)
        self.gpio.write("output_en", 0b1011)
        self.gpio.write("input_en", 0b0100)

    def slow(self, slow: bool) -> None: ...

    def put(self, pin: int, level: bool) -> None:
        self.value = self.value & ~(1 << pin) | level << pin
        self.gpio.write("output_val", self.value)

    def select(self, low: bool) -> None:
        self.put(3, not low)

    def exchange(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            got = 0
            for bit in range(7, -1, -1):
                self.put(1, bool(byte >> bit & 1))
                got = got << 1 | self.gpio.read("input_val") >> 2 & 1
                self.put(0, True)
                self.put(0, False)
            out.append(got)
        return bytes(out)


class Driver:
    """The card's protocol, as a driver speaks it."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.board = bus.board

    def response(self) -> int:
        for _ in range(20):
            byte = self.bus.exchange(b"\xff")[0]
            if byte != 0xFF:
                return byte
        return 0xFF

    def frame(self, number: int, argument: int = 0, check: int = 0) -> bytes:
        return bytes([0x40 | number]) + argument.to_bytes(4, "big") + bytes([check])

    def command(self, number: int, argument: int = 0, more: int = 0, check: int = 0) -> bytes:
        """R1 and what follows it; the card stays selected."""
        self.bus.select(True)
        self.bus.exchange(self.frame(number, argument, check))
        return bytes([self.response()]) + (self.bus.exchange(b"\xff" * more) if more else b"")

    def release(self) -> None:
        self.bus.select(False)
        self.bus.exchange(b"\xff")

    def once(self, number: int, argument: int = 0, more: int = 0, check: int = 0) -> bytes:
        answer = self.command(number, argument, more, check)
        self.release()
        return answer

    def application(self, number: int, argument: int = 0) -> int:
        self.once(55)
        return self.once(number, argument)[0]

    def start(self, host_capacity: int = 1 << 30) -> None:
        self.bus.select(False)
        self.bus.exchange(b"\xff" * 10)
        assert self.once(0, 0, 0, 0x95) == b"\x01"
        assert self.once(8, 0x1AA, 4, 0x87) == b"\x01\x00\x00\x01\xaa"
        for _ in range(1000):
            if self.application(41, host_capacity) == 0:
                break
            wait(self.board, 1e-3)
        else:
            pytest.fail("the card does not become ready")
        self.bus.slow(False)

    def data(self, size: int) -> bytes:
        """A data block with its checksum, after its token."""
        assert self.response() == 0xFE
        return self.bus.exchange(b"\xff" * (size + 2))

    def read(self, address: int) -> bytes:
        assert self.command(17, address) == b"\0"
        content = self.data(512)
        self.release()
        return content[:512]

    def block_out(self, token: int, data: bytes, check: bytes = b"\0\0") -> int:
        self.bus.exchange(bytes([0xFF, token]) + data + check)
        return self.bus.exchange(b"\xff")[0]

    def ready(self) -> None:
        for _ in range(1000):
            if self.bus.exchange(b"\xff") == b"\xff":
                return
            wait(self.board, 10e-6)
        pytest.fail("the card stays busy")

    def write(self, address: int, data: bytes) -> None:
        assert self.command(24, address) == b"\0"
        assert self.block_out(0xFE, data) & 0x1F == 5
        assert self.bus.exchange(b"\xff") == b"\0"  # busy
        self.ready()
        self.release()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "card.img"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def driver(image: Path) -> Driver:
    driver = Driver(Master(Board(SLEEP, sd=image)))
    driver.start()
    return driver


@pytest.fixture
def large(tmp_path: Path) -> Driver:
    """A card of more than two gigabytes."""
    path = tmp_path / "large.img"
    with path.open("wb") as file:
        file.write(CONTENT)
        file.truncate(3 << 30)
    driver = Driver(Master(Board(SLEEP, sd=path)))
    driver.start()
    return driver


def test_a_standard_card_counts_bytes(driver: Driver) -> None:
    assert driver.once(58, 0, 4)[1] & 0x40 == 0
    assert driver.read(512 * 5) == CONTENT[512 * 5 : 512 * 6]
    assert driver.once(17, 100) == b"\x20"  # address error
    assert driver.once(17, 1 << 30) == b"\x40"


def test_a_large_card_counts_blocks(large: Driver) -> None:
    assert large.once(58, 0, 4)[1] & 0xC0 == 0xC0
    assert large.read(5) == CONTENT[512 * 5 : 512 * 6]
    assert large.read((3 << 30) // 512 - 1) == bytes(512)
    assert large.once(17, (3 << 30) // 512) == b"\x40"


def test_it_takes_a_while_to_become_ready(image: Path) -> None:
    driver = Driver(Master(Board(SLEEP, sd=image)))
    driver.bus.exchange(b"\xff" * 10)
    driver.once(0, 0, 0, 0x95)
    assert driver.application(41, 1 << 30) == 1
    assert driver.once(17) == b"\x05"  # idle, illegal
    assert driver.once(58, 0, 4)[1] & 0x80 == 0
    wait(driver.board, 20e-3)
    assert driver.application(41, 1 << 30) == 0
    assert driver.once(58, 0, 4)[1] & 0x80


def test_a_large_card_wants_to_hear_of_large_cards(tmp_path: Path) -> None:
    path = tmp_path / "large.img"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    driver = Driver(Master(Board(SLEEP, sd=path)))
    driver.bus.exchange(b"\xff" * 10)
    driver.once(0, 0, 0, 0x95)
    for _ in range(3):
        assert driver.application(41) == 1
        wait(driver.board, 20e-3)


@pytest.mark.parametrize(("clocks", "check"), [(8, 0x95), (10, 0x94)])
def test_before_it_is_woken_properly_it_is_silent(image: Path, clocks: int, check: int) -> None:
    driver = Driver(Master(Board(SLEEP, sd=image)))
    driver.bus.exchange(b"\xff" * clocks)
    assert driver.command(0, 0, 0, check) == b"\xff"


def test_without_a_card_nobody_answers() -> None:
    driver = Driver(Master(Board(SLEEP)))
    driver.bus.exchange(b"\xff" * 10)
    assert driver.command(0, 0, 0, 0x95) == b"\xff"


@pytest.mark.parametrize("size", [1 << 20, 700 << 20, 1 << 30, 1500 << 20, 2 << 30])
def test_a_standard_card_tells_its_size(tmp_path: Path, size: int) -> None:
    path = tmp_path / "card.img"
    with path.open("wb") as file:
        file.truncate(size)
    driver = Driver(Master(Board(SLEEP, sd=path)))
    driver.start()
    assert driver.command(9) == b"\0"
    csd = driver.data(16)
    fields = int.from_bytes(csd[:16], "big")
    c_size, mult, length = fields >> 62 & 0xFFF, fields >> 47 & 7, fields >> 80 & 15
    assert csd[0] >> 6 == 0
    assert (c_size + 1) * (1 << mult + 2) * (1 << length) == size


def test_the_registers(driver: Driver, large: Driver) -> None:
    large.command(9)
    csd = large.data(16)
    large.release()
    assert csd[0] >> 6 == 1
    assert ((int.from_bytes(csd[7:10], "big") & 0x3FFFFF) + 1) * (512 << 10) == 3 << 30
    driver.command(10)
    cid = driver.data(16)
    assert cid[3:8] == b"VIRTU"
    driver.release()
    assert driver.once(13, 0, 1) == b"\0\0"
    driver.once(55)
    assert driver.command(51) == b"\0"
    assert driver.data(8)[1] & 0x0F == 5  # one and four lines
    driver.release()


def test_blocks_are_written_after_a_busy_time(driver: Driver) -> None:
    data = bytes(range(256)) * 2
    driver.write(512 * 9, data)
    assert driver.read(512 * 9) == data
    assert driver.read(512 * 8) == CONTENT[512 * 8 : 512 * 9]
    assert driver.board.card_slot is not None
    assert driver.board.card_slot.card.blocks_written == 1


def test_many_blocks_are_read_until_stopped(driver: Driver) -> None:
    assert driver.command(18, 512 * 3) == b"\0"
    got = b"".join(driver.data(512)[:512] for _ in range(4))
    assert got == CONTENT[512 * 3 : 512 * 7]
    driver.bus.exchange(driver.frame(12))
    assert driver.bus.exchange(b"\xff") == b"\x7f"  # means nothing
    assert driver.response() == 0
    assert driver.bus.exchange(b"\xff" * 600) == b"\xff" * 600
    driver.release()
    assert driver.read(0) == CONTENT[:512]


def test_many_blocks_are_written_until_stopped(driver: Driver) -> None:
    blocks = [bytes([place]) * 512 for place in range(1, 4)]
    assert driver.application(23, 3) == 0
    assert driver.command(25, 512 * 20) == b"\0"
    for block in blocks:
        assert driver.block_out(0xFC, block) & 0x1F == 5
        driver.ready()
    driver.bus.exchange(b"\xfd\xff")
    assert driver.bus.exchange(b"\xff") == b"\0"
    driver.ready()
    driver.release()
    assert [driver.read(512 * (20 + place)) for place in range(3)] == blocks
    assert driver.read(512 * 23) == CONTENT[512 * 23 : 512 * 24]


def test_checksums(driver: Driver) -> None:
    driver.write(0, b"\xff" * 512)
    driver.command(17, 0)
    assert driver.data(512)[512:] == b"\x7f\xa1"
    driver.release()
    assert driver.once(59, 1) == b"\0"
    assert driver.once(17, 0) == b"\x08"
    assert driver.command(17, 0, 0, 0x55) == b"\0"
    driver.data(512)
    driver.release()
    driver.command(24, 0, 0, 0x6F)
    assert driver.block_out(0xFE, b"\xff" * 512, b"\0\0") & 0x1F == 0x0B
    driver.release()
    driver.command(24, 0, 0, 0x6F)
    assert driver.block_out(0xFE, b"\xff" * 512, b"\x7f\xa1") & 0x1F == 5


def test_erase_and_block_length(driver: Driver) -> None:
    for number, argument in ((32, 512), (33, 1024), (38, 0)):
        assert driver.command(number, argument) == b"\0"
        driver.ready()
        driver.release()
    assert driver.read(512) + driver.read(1024) == bytes(1024)
    assert driver.read(1536) == CONTENT[1536:2048]
    assert driver.once(16, 512) == b"\0"
    assert driver.once(16, 100) == b"\x40"


def test_an_unknown_command_is_illegal(driver: Driver) -> None:
    assert driver.once(50) == b"\x04"
    assert driver.once(41) == b"\x04"  # without 55 before it


def test_it_goes_back_to_idle(driver: Driver) -> None:
    driver.bus.slow(True)
    assert driver.once(0, 0, 0, 0x95) == b"\x01"
    assert driver.once(17) == b"\x05"


def test_by_software(image: Path) -> None:
    driver = Driver(Pins(Board(SLEEP, sd=image)))
    driver.start()
    assert driver.read(512 * 2) == CONTENT[1024:1536]
    driver.write(0, b"\x5a" * 512)
    assert driver.read(0) == b"\x5a" * 512


def test_by_the_other_master(image: Path) -> None:
    driver = Driver(Master(Board(SLEEP, sd=image), 0))
    driver.start()
    assert driver.read(512) == CONTENT[512:1024]


def test_by_the_masters_own_chip_select(image: Path) -> None:
    bus = Master(Board(SLEEP, sd=image))
    driver = Driver(bus)
    driver.start()
    Registers(driver.board.fpioa).write("io", 78 | 0x1F00, CS)
    bus.setup()
    for byte in driver.frame(13) + b"\xff" * 4:
        bus.spi.write("dr", byte)
    bus.spi.write("ser", 1)
    wait(driver.board, 1e-3)
    got = [bus.spi.read("dr") for _ in range(bus.spi.read("rxflr"))]
    assert got[-3:] == [0, 0, 0xFF]


def test_receive_only_and_dma(driver: Driver) -> None:
    bus, board, dma = driver.bus, driver.board, Dma(driver.board)
    assert isinstance(bus, Master)
    driver.command(17, 512 * 4)
    assert driver.response() == 0xFE
    dma.select(1, SSI1_RX)
    bus.setup(2, 512)
    bus.spi.write("dmacr", 1)
    dma.start(1, P2M, board.spi[1].base + 0x60, TARGET, 512, fixed=(True, False))
    bus.spi.write("dr", 0)
    bus.spi.write("ser", 1)
    dma.wait(1)
    assert memory(board, TARGET, 2048)[::4] == CONTENT[2048:2560]


@pytest.mark.parametrize("strict", [True, False])
def test_pads_of_no_known_board_reach_it_where_the_board_is_lenient(
    image: Path, strict: bool
) -> None:
    board = Board(SLEEP, strict=strict, sd=image)
    board.run_until_idle()
    driver = Driver(Master(board, places=(21, 19, 20, 25)))
    if strict:
        assert driver.once(0, 0, 0, 0x95) == b"\xff"
        return
    pads, other = Registers(board.fpioa), Registers(board.gpiohs)
    pads.write("io", 24 + 9 | 0x901F00, 14)  # a light that is switched between two commands
    other.write("output_en", 1 << CS_PIN | 1 << 9)
    driver.start()
    for level in (True, False):
        other.write("output_val", other.read("output_val") & ~(1 << 9) | level << 9)
        assert driver.read(512) == CONTENT[512:1024]


def test_pads_that_do_not_reach_it(driver: Driver) -> None:
    Registers(driver.board.fpioa).write("io", 120, MISO)
    assert driver.command(13) == b"\xff"


def test_a_fast_clock_before_it_is_ready_is_refused(image: Path) -> None:
    driver = Driver(Master(Board(SLEEP, sd=image)))
    driver.bus.exchange(b"\xff" * 10)
    driver.once(0, 0, 0, 0x95)
    driver.bus.slow(False)
    with pytest.raises(RefusedError, match="sd card: clocked at 19500000 Hz before it is ready"):
        driver.bus.exchange(b"\xff")


def test_a_clock_beyond_the_cards_is_refused(driver: Driver) -> None:
    assert isinstance(driver.bus, Master)
    driver.bus.divisor = 14
    with pytest.raises(RefusedError, match="27857143 Hz: at most 25000000"):
        driver.bus.exchange(b"\xff")


@pytest.mark.parametrize("keep", [False, True])
def test_the_image_keeps_what_was_written_if_asked(image: Path, keep: bool) -> None:
    with Board(SLEEP, sd=image, sd_keep=keep) as board:
        driver = Driver(Master(board))
        driver.start()
        driver.write(0, b"\x5a" * 512)
    assert (image.read_bytes() == b"\x5a" * 512 + CONTENT[512:]) == keep
    assert (image.read_bytes() == CONTENT) != keep


def test_a_warm_reset_does_not_reset_the_card(driver: Driver) -> None:
    driver.board.request_reset(1 << 4)
    wait(driver.board, 1e-3)
    again = Driver(Master(driver.board))
    again.bus.slow(False)
    assert again.read(0) == CONTENT[:512]


def test_the_state_hash_sees_what_was_written(image: Path) -> None:
    hashes = []
    for content in (b"1", b"1", b"2"):
        driver = Driver(Master(Board(SLEEP, sd=image)))
        driver.start()
        driver.write(0, content * 512)
        hashes.append(driver.board.state_hash())
    assert hashes[0] == hashes[1] != hashes[2]
