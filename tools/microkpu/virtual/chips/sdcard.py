# SPDX-License-Identifier: MIT
"""An SD card in SPI mode: initialisation, identity, single and multiple blocks, checksums."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Callable
from hashlib import blake2b
from math import inf
from typing import ClassVar, Protocol

from microkpu.virtual.chips.sd_registers import (
    BLOCK,
    CONFIGURATION,
    IDENTITY,
    STANDARD_BLOCKS,
    capacity,
    checksum7,
    with_checksum7,
)

WAKE_CLOCKS = 74
INIT_HZ_MAX, HZ_MAX = 400_000, 25_000_000
INIT_SECONDS, PROGRAM_SECONDS, ERASE_SECONDS = 10e-3, 250e-6, 1e-3
START, START_MULTIPLE, STOP = 0xFE, 0xFC, 0xFD
ACCEPTED, BAD_CHECKSUM, WRITE_ERROR = 0x05, 0x0B, 0x0D
IDLE, ILLEGAL, CRC_ERROR, ERASE_ERROR, ADDRESS_ERROR, PARAMETER_ERROR = 1, 4, 8, 16, 32, 64
RELEASED, BUSY = 0xFF, 0x00
# After a stop command the first byte means nothing; it must not be taken for the answer.
STUFF = 0x7F
HIGH_CAPACITY_SUPPORT = 1 << 30
# 2.7 to 3.6 V, powered up.
OCR = 0x80FF8000


class Store(Protocol):
    """The card's content in blocks of 512 bytes."""

    @property
    def blocks(self) -> int: ...
    def read(self, block: int) -> bytes: ...
    def write(self, block: int, data: bytes) -> None: ...


class SdCard:
    """The card as its pins see it.

    `now` gives virtual seconds, `complain` hears of misuse, `hangs` says whether a command ("sd")
    is never answered, or what is written or erased ("sd_busy") never done.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], float],
        complain: Callable[[str], None],
        hangs: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.store = store
        self._now = now
        self._complain = complain
        self._hangs = hangs
        self.high_capacity = store.blocks > STANDARD_BLOCKS
        self.blocks_read = self.blocks_written = 0
        self.init_seconds = INIT_SECONDS
        """How long it initialises itself."""
        self.wrong_blocks = 0
        """So many of the next blocks come with a bit turned over."""
        self.memory_card = True
        """Whether it knows the commands of SD memory cards."""
        self._history = blake2b(digest_size=16)
        self.power_on()

    def power_on(self) -> None:
        self._wake_clocks = 0
        self._spi_mode = False
        self._selected = False
        self._idle = True
        self._ready_at: float | None = None
        self._busy_until = 0.0
        self._checking = False
        self._application = False
        self._begin_idle()

    def _begin_idle(self) -> None:
        self._command = bytearray()
        self._out = bytearray()
        self._reading: int | None = None  # the next block of a multiple read
        self._writing: int | None = None  # the block that is awaited
        self._multiple = False
        self._data: bytearray | None = None  # a block that comes in
        self._erase = (0, 0)
        self._well_written = 0

    def digest(self) -> bytes:
        """Equal for cards that were written alike."""
        return self._history.digest()

    def _keep(self, block: int, data: bytes) -> None:
        self.store.write(block, data)
        self._history.update(block.to_bytes(8, "little") + data)

    # The pins.

    def select(self, selected: bool) -> None:
        if selected == self._selected:
            return
        self._selected = selected
        self._command.clear()
        if not selected and self._reading is None:
            self._out.clear()

    @property
    def selected(self) -> bool:
        return self._selected

    @property
    def awake(self) -> bool:
        """Whether a first command has reached it since power-on."""
        return self._spi_mode

    def clock(self, hz: float) -> None:
        """The rate at which the master is about to clock."""
        if self._idle and self._spi_mode and hz > INIT_HZ_MAX:
            self._complain(f"clocked at {hz:.0f} Hz before it is ready: at most {INIT_HZ_MAX}")
        elif hz > HZ_MAX:
            self._complain(f"clocked at {hz:.0f} Hz: at most {HZ_MAX}")

    def exchange(self, data: bytes) -> bytes:
        """Bytes go in and come out at once."""
        if not self._selected:
            self._wake_clocks += 8 * len(data)
            return bytes([RELEASED]) * len(data)
        out = bytearray()
        for byte in data:
            out.append(self.next())
            self.accept(byte)
        return bytes(out)

    def get(self, count: int) -> bytes:
        """Bytes come out while ones go in."""
        if not self._selected or self._command:
            return self.exchange(bytes([RELEASED]) * count)
        out = bytearray()
        while len(out) < count:
            if self._out:
                part = self._out[: count - len(out)]
                del self._out[: len(part)]
                out += part
            else:
                out.append(self.next())
                self.accept(RELEASED)
        return bytes(out)

    def feed(self, data: bytes) -> None:
        """Bytes go in, and nobody looks at what comes out."""
        place = 0
        while place < len(data):
            if self._selected and self._data is not None and not self._out:
                part = data[place : place + BLOCK + 2 - len(self._data)]
                self._data += part
                place += len(part)
                self._block_came()
            else:
                self.exchange(data[place : place + 1])
                place += 1

    def next(self) -> int:
        """The byte that comes out with the next eight clocks."""
        if self._out:
            return self._out.pop(0)
        if self._now() < self._busy_until:
            return BUSY
        if self._reading is not None:
            self._queue_block(self._reading)
            self._reading += 1
            return self._out.pop(0)
        return RELEASED

    def accept(self, byte: int) -> None:
        """The byte that went in meanwhile."""
        if self._data is not None:
            self._data.append(byte)
            self._block_came()
        elif self._writing is not None and not self._command:
            self._token(byte)
        elif self._command or byte & 0xC0 == 0x40:
            self._command.append(byte)
            if len(self._command) == 6:
                frame = bytes(self._command)
                self._command.clear()
                self._run(frame)

    # Commands.

    def _run(self, frame: bytes) -> None:
        number, argument = frame[0] & 0x3F, int.from_bytes(frame[1:5], "big")
        checked = frame[5] == checksum7(frame[:5]) << 1 | 1
        if self._now() < self._busy_until:
            return
        if self._hangs("sd"):
            self._begin_idle()
            return
        application, self._application = self._application, False
        if not self._spi_mode:
            # Until it is told with its chip select low, a card does not speak SPI.
            if number != 0 or not checked or self._wake_clocks < WAKE_CLOCKS:
                return
            self._spi_mode = True
        if not checked and (self._checking or number in (0, 8)):
            self._answer(CRC_ERROR)
            return
        names = self.APPLICATION_COMMANDS if application else self.COMMANDS
        method = names.get(number) or self.COMMANDS.get(number)
        if method is None or (self._idle and number not in self.WHILE_IDLE):
            self._answer(ILLEGAL)
            return
        getattr(self, method)(argument)

    def _answer(self, status: int = 0, more: bytes = b"") -> None:
        """R1 after a byte of ones, and what follows it."""
        self._out[:] = bytes([RELEASED, status | (IDLE if self._idle else 0)]) + more

    def _answer_data(self, data: bytes, more: bytes = b"") -> None:
        self._answer(0, more)
        self._queue(data)

    def _queue(self, data: bytes) -> None:
        self._out += bytes([RELEASED, START]) + data + crc_hqx(data, 0).to_bytes(2, "big")
        if self.wrong_blocks and len(data) == BLOCK:
            self.wrong_blocks -= 1
            self._out[-100] ^= 4

    def _go_idle(self, _: int) -> None:
        self._begin_idle()
        self._idle = True
        self._ready_at = None
        self._checking = False
        self._answer()

    def _initialise(self, argument: int) -> None:
        if self.high_capacity and not argument & HIGH_CAPACITY_SUPPORT:
            self._answer()
            return
        if self._ready_at is None:
            self._ready_at = self._now() + self.init_seconds
        self._idle = self._now() < self._ready_at
        self._answer()

    def _check_voltage(self, argument: int) -> None:
        self._answer(0, (argument & 0xFFF).to_bytes(4, "big"))

    def _read_ocr(self, _: int) -> None:
        ocr = OCR & 0x00FFFFFF if self._idle else OCR | self.high_capacity << 30
        self._answer(0, ocr.to_bytes(4, "big"))

    def _send_csd(self, _: int) -> None:
        self._answer_data(with_checksum7(capacity(self.store.blocks)))

    def _send_cid(self, _: int) -> None:
        self._answer_data(with_checksum7(IDENTITY))

    def _send_status(self, _: int) -> None:
        self._answer(0, b"\0")

    def _sd_status(self, _: int) -> None:
        self._answer_data(bytes(64), b"\0")

    def _send_configuration(self, _: int) -> None:
        self._answer_data(CONFIGURATION)

    def _switch(self, _: int) -> None:
        self._answer_data(bytes([0x00, 0x64] + [0x80, 0x01] * 6 + [0] * 50))

    def _written_blocks(self, _: int) -> None:
        self._answer_data(self._well_written.to_bytes(4, "big"))

    def _set_block_length(self, argument: int) -> None:
        self._answer(0 if argument == BLOCK or self.high_capacity else PARAMETER_ERROR)

    def _set_checking(self, argument: int) -> None:
        self._checking = bool(argument & 1)
        self._answer()

    def _application_next(self, _: int) -> None:
        if not self.memory_card:
            self._answer(ILLEGAL)
            return
        self._application = True
        self._answer()

    def _accept_silently(self, _: int) -> None:
        self._answer()

    def _stop_transmission(self, _: int) -> None:
        self._reading = None
        self._answer()
        self._out.insert(0, STUFF)

    def _address(self, argument: int) -> int | None:
        """The block that an argument means; None after the error was answered."""
        block = argument if self.high_capacity else argument // BLOCK
        if not self.high_capacity and argument % BLOCK:
            self._answer(ADDRESS_ERROR)
        elif block >= self.store.blocks:
            self._answer(PARAMETER_ERROR)
        else:
            return block
        return None

    def _read_single(self, argument: int) -> None:
        block = self._address(argument)
        if block is not None:
            self._answer()
            self._queue_block(block)

    def _read_multiple(self, argument: int) -> None:
        block = self._address(argument)
        if block is not None:
            self._answer()
            self._reading = block

    def _queue_block(self, block: int) -> None:
        if block >= self.store.blocks:
            self._reading = None
            self._out.append(0x09)  # out of range
            return
        self.blocks_read += 1
        self._queue(self.store.read(block))

    def _write_single(self, argument: int) -> None:
        self._writing, self._multiple = self._address(argument), False
        if self._writing is not None:
            self._answer()

    def _write_multiple(self, argument: int) -> None:
        self._writing, self._multiple = self._address(argument), True
        self._well_written = 0
        if self._writing is not None:
            self._answer()

    def _erase_start(self, argument: int) -> None:
        block = self._address(argument)
        if block is not None:
            self._erase = (block, block)
            self._answer()

    def _erase_end(self, argument: int) -> None:
        block = self._address(argument)
        if block is not None:
            self._erase = (self._erase[0], block)
            self._answer()

    def _erase_now(self, _: int) -> None:
        first, last = self._erase
        for block in range(first, last + 1):
            self._keep(block, bytes(BLOCK))
        self._answer()
        self._work(ERASE_SECONDS)

    def _work(self, seconds: float) -> None:
        self._busy_until = inf if self._hangs("sd_busy") else self._now() + seconds

    # Blocks that come in.

    def _token(self, byte: int) -> None:
        if byte == (START_MULTIPLE if self._multiple else START):
            self._data = bytearray()
        elif self._multiple and byte == STOP:
            self._writing = None
            self._out.append(RELEASED)
            self._work(PROGRAM_SECONDS)

    def _block_came(self) -> None:
        assert self._data is not None and self._writing is not None
        if len(self._data) < BLOCK + 2:
            return
        data, check = bytes(self._data[:BLOCK]), int.from_bytes(self._data[BLOCK:], "big")
        self._data = None
        block, self._writing = self._writing, self._writing + 1 if self._multiple else None
        if self._checking and check != crc_hqx(data, 0):
            self._out.append(BAD_CHECKSUM)
        elif block >= self.store.blocks:
            self._out.append(WRITE_ERROR)
        else:
            self._keep(block, data)
            self.blocks_written += 1
            self._well_written += 1
            self._out.append(ACCEPTED)
            self._work(PROGRAM_SECONDS)

    COMMANDS: ClassVar = {
        0: "_go_idle", 1: "_initialise", 6: "_switch", 8: "_check_voltage", 9: "_send_csd",
        10: "_send_cid", 12: "_stop_transmission", 13: "_send_status", 16: "_set_block_length",
        17: "_read_single", 18: "_read_multiple", 24: "_write_single", 25: "_write_multiple",
        32: "_erase_start", 33: "_erase_end", 38: "_erase_now", 55: "_application_next",
        58: "_read_ocr", 59: "_set_checking",
    }  # fmt: skip
    APPLICATION_COMMANDS: ClassVar = {
        13: "_sd_status", 22: "_written_blocks", 23: "_accept_silently", 41: "_initialise",
        42: "_accept_silently", 51: "_send_configuration",
    }  # fmt: skip
    WHILE_IDLE: ClassVar = frozenset((0, 1, 8, 41, 55, 58, 59))
