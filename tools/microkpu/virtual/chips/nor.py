# SPDX-License-Identifier: MIT
"""The W25Q128 flash on SPI3: single, dual and quad reads, program, erase, status, busy times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path

from microkpu.errors import MicrokpuError

BYTES = 16 << 20
PAGE = 256
JEDEC_ID = b"\xef\x60\x18"
MAKER_DEVICE = b"\xef\x17"
UNIQUE_ID = bytes.fromhex("4d4b5055464c4153")
BUSY, WEL, QE = 0x01, 0x02, 0x02
# Opcodes that a busy chip still answers.
WHILE_BUSY = frozenset((0x05, 0x35, 0x15))
# Typical times of the datasheet.
PROGRAM_S, STATUS_S, CHIP_S = 0.4e-3, 10e-3, 40.0
FIRST_BYTE_S, NEXT_BYTE_S = 30e-6, 2.5e-6
ERASE = {0x20: (4 << 10, 45e-3), 0x52: (32 << 10, 120e-3), 0xD8: (64 << 10, 150e-3)}
RESET_S = 30e-6


@dataclass(frozen=True, slots=True)
class Shape:
    """How a command goes on after its opcode: bits and lines of each phase."""

    address_lines: int = 0  # 0: no address
    mode: bool = False  # eight mode bits follow the address on its lines
    dummy: int = 0  # clocks
    read_lines: int = 0
    write_lines: int = 0
    quad: bool = False  # wants the QE bit


READS = {
    0x03: Shape(1, read_lines=1),
    0x0B: Shape(1, dummy=8, read_lines=1),
    0x3B: Shape(1, dummy=8, read_lines=2),
    0x6B: Shape(1, dummy=8, read_lines=4, quad=True),
    0xBB: Shape(2, mode=True, read_lines=2),
    0xEB: Shape(4, mode=True, dummy=4, read_lines=4, quad=True),
}
PROGRAMS = {0x02: Shape(1, write_lines=1), 0x32: Shape(1, write_lines=4, quad=True)}
ANSWERS = {
    0x9F: Shape(read_lines=1),
    0x90: Shape(1, read_lines=1),
    0xAB: Shape(1, read_lines=1),
    0x4B: Shape(dummy=32, read_lines=1),
    0x05: Shape(read_lines=1),
    0x35: Shape(read_lines=1),
    0x15: Shape(read_lines=1),
}
PLAIN = {opcode: Shape() for opcode in (0x06, 0x04, 0xC7, 0x60, 0x66, 0x99, 0x50)}
STATUS_WRITES = {opcode: Shape(write_lines=1) for opcode in (0x01, 0x31, 0x11)}
SHAPES: dict[int, Shape] = {
    **READS, **PROGRAMS, **ANSWERS, **PLAIN, **STATUS_WRITES,
    **{opcode: Shape(1) for opcode in ERASE},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One program or erase: what was there before, what is there now."""

    address: int
    before: bytes
    after: bytes


class Nor:
    """The chip as its pins see it; the SPI block calls select, put, dummy, get, deselect.

    `now` gives virtual seconds, `hangs` whether a write or erase never ends. What reaches the chip
    out of protocol gives noise, as on silicon.
    """

    def __init__(
        self,
        now: Callable[[], float],
        path: Path | None = None,
        hangs: Callable[[], bool] = lambda: False,
    ) -> None:
        self._now = now
        self._hangs = hangs
        self._path = path
        self._store = bytearray(b"\xff") * BYTES
        if path is not None and path.exists():
            content = path.read_bytes() if path.is_file() else b""
            if len(content) != BYTES:
                raise MicrokpuError(
                    f"{path} is no content of a flash chip ({len(content)} bytes, {BYTES} wanted):"
                    " name a new file; firmware goes by --firmware, a model by --image ADDR=FILE"
                )
            self._store[:] = content
        elif path is not None and not path.parent.is_dir():
            raise MicrokpuError(f"{path} cannot be made: there is no folder {path.parent}")
        self.data = memoryview(self._store)
        self.dirty = False
        self.status = [0, 0, 0x60]
        self.jedec = JEDEC_ID
        self.bad_lines = 0
        """Bits of a byte that come turned over on four lines."""
        self.busy_until = 0.0
        self.continuous: int | None = None
        """The read opcode that the next transfer goes on with, without sending it."""
        self.reset_armed = False
        """Whether the first of the two reset opcodes came."""
        self._noise = 0x2545F491
        self.journal: list[Change] | None = None
        """Every program and erase in turn, while it is a list: what a power cut could end at."""
        self.unknown: list[int] = []
        """Opcodes that came and are not modelled."""
        self.power_on()

    def power_on(self) -> None:
        """As after power-up; the non-volatile status bits stay."""
        self.status[0] &= ~(BUSY | WEL)
        self.busy_until = 0.0
        self.continuous = None
        self.reset_armed = False
        self._begin()

    def save(self) -> None:
        """Writes the content back to its file."""
        if self._path is not None and (self.dirty or not self._path.exists()):
            self._path.write_bytes(self._store)
            self.dirty = False

    @property
    def busy(self) -> bool:
        return self._now() < self.busy_until

    # The pins.

    def _begin(self) -> None:
        self._opcode: int | None = None
        self._shape: Shape | None = None
        self._ignored = False
        self._bits = 0  # bits of opcode, or of address and mode, taken so far
        self._value = 0
        self._address = 0
        self._dummy = 0
        self._at = 0  # bytes read or written in the data phase
        self._input = bytearray()

    def select(self, hz: float) -> None:
        self._begin()
        if self.continuous is not None:
            self._opcode = self.continuous
            self._shape = SHAPES[self._opcode]
            self._dummy = self._shape.dummy

    def put(self, value: int, bits: int, lines: int) -> None:
        """`bits` bits go in, most significant first, on `lines` lines."""
        if self._ignored:
            return
        if self._opcode is None:
            if lines != 1:
                self._ignored = True
                return
            take = min(bits, 8)
            bits -= take
            self._start(value >> bits & 0xFF)
            if not bits or self._ignored:
                return
        shape = self._shape
        assert shape is not None
        wanted = (32 if shape.mode else 24) if shape.address_lines else 0
        if self._bits < wanted:
            take = min(bits, wanted - self._bits)
            bits -= take
            self._address_bits(value >> bits & ((1 << take) - 1), take, lines, shape, wanted)
        if not bits or self._ignored:
            return
        if self._dummy:
            clocks = min(bits // lines, self._dummy)
            self._dummy -= clocks
            bits -= clocks * lines
        if bits and shape.write_lines:
            if lines != shape.write_lines or bits % 8:
                self._ignored = True
                return
            self._input += (value & ((1 << bits) - 1)).to_bytes(bits // 8, "big")
            # Only the last page's worth counts.
            if len(self._input) > 2 * PAGE:
                del self._input[:PAGE]
                self._at += PAGE

    def _start(self, opcode: int) -> None:
        if self.busy and opcode not in WHILE_BUSY:
            self._ignored = True
            return
        shape = SHAPES.get(opcode)
        if shape is None:
            self._ignored = True
            if opcode not in (0x00, 0xFF):
                self.unknown.append(opcode)
            return
        self._opcode, self._shape, self._dummy = opcode, shape, shape.dummy
        if shape.quad and not self.status[1] & QE:
            self._ignored = True

    def _address_bits(self, value: int, bits: int, lines: int, shape: Shape, wanted: int) -> None:
        self._value = self._value << bits | value
        self._bits += bits
        if lines != shape.address_lines:
            # An opcode on one line, sent into continuous mode, lands here; eight ones end it.
            if self.continuous is not None and self._value & 0xFF == 0xFF:
                self.continuous = None
            self._ignored = True
        elif self._bits == wanted:
            mode = self._value & 0xFF if shape.mode else 0
            self._address = (self._value >> 8 if shape.mode else self._value) % BYTES
            self.continuous = self._opcode if mode & 0x30 == 0x20 else None

    def dummy(self, clocks: int) -> None:
        """Clocks without data."""
        if clocks > self._dummy:
            self._ignored = True
        self._dummy -= min(clocks, self._dummy)

    def get(self, count: int, lines: int) -> bytes:
        """`count` bytes come out on `lines` lines."""
        shape = self._shape
        if shape is None or self._ignored or self._dummy or lines != shape.read_lines:
            if shape is None or not shape.read_lines:
                return b"\xff" * count
            if self._dummy >= 8 * count and lines == 1:
                self._dummy -= 8 * count
                return b"\xff" * count
            return self._noise_bytes(count)
        out = self._answer(count)
        if self.bad_lines and lines == 4:
            out = bytes(byte ^ self.bad_lines for byte in out)
        self._at += count
        return out

    def feed(self, data: bytes, lines: int) -> None:
        """Bytes go in on `lines` lines."""
        for byte in data:
            self.put(byte, 8, lines)

    def exchange(self, data: bytes) -> bytes:
        """Full duplex on one line: takes bytes, gives those that came meanwhile."""
        out = bytearray()
        for byte in data:
            if self._reading():
                out += self.get(1, 1)
            else:
                self.put(byte, 8, 1)
                out.append(0xFF)
        return bytes(out)

    def _reading(self) -> bool:
        shape = self._shape
        return (
            shape is not None
            and not self._ignored
            and shape.read_lines == 1
            and not self._dummy
            and self._bits >= ((32 if shape.mode else 24) if shape.address_lines else 0)
        )

    def deselect(self) -> None:
        """Chip select rises: programs, erases and status writes begin now."""
        opcode, shape = self._opcode, self._shape
        if opcode is None or shape is None or self._ignored:
            return
        armed, self.reset_armed = self.reset_armed, opcode == 0x66
        complete = not shape.address_lines or self._bits >= 24
        if opcode == 0x99:
            if armed:
                self.power_on()
                self.busy_until = self._now() + RESET_S
        elif opcode == 0x06:
            self.status[0] |= WEL
        elif opcode == 0x04:
            self.status[0] &= ~WEL
        elif opcode == 0x50:
            self.status[0] |= 0  # volatile status write: kept as the next 01, 31 or 11 anyway
        elif complete and self.status[0] & WEL:
            self._alter(opcode)

    def _alter(self, opcode: int) -> None:
        seconds = 0.0
        if opcode in STATUS_WRITES and self._input:
            first = {0x01: 0, 0x31: 1, 0x11: 2}[opcode]
            self.status[first] = self._input[0] & 0xFC if first == 0 else self._input[0]
            if opcode == 0x01 and len(self._input) > 1:
                self.status[1] = self._input[1]
            seconds = STATUS_S
        elif opcode in PROGRAMS and self._input:
            self._program()
            seconds = min(PROGRAM_S, FIRST_BYTE_S + NEXT_BYTE_S * (len(self._input) - 1))
        elif opcode in ERASE:
            size, seconds = ERASE[opcode]
            start = self._address // size * size
            self._store_at(start, b"\xff" * size)
        elif opcode in (0xC7, 0x60):
            self._store_at(0, b"\xff" * BYTES)
            seconds = CHIP_S
        if seconds:
            self.dirty = True
            self.status[0] &= ~WEL
            self.busy_until = inf if self._hangs() else self._now() + seconds

    def _program(self) -> None:
        page, offset = self._address // PAGE * PAGE, self._address % PAGE + self._at
        content = bytearray(self.data[page : page + PAGE])
        for byte in self._input:
            content[offset % PAGE] &= byte
            offset += 1
        self._store_at(page, bytes(content))

    def _store_at(self, address: int, content: bytes) -> None:
        end = address + len(content)
        if self.journal is not None:
            self.journal.append(Change(address, bytes(self.data[address:end]), content))
        self.data[address:end] = content

    def _answer(self, count: int) -> bytes:
        opcode = self._opcode
        if opcode in READS:
            start = (self._address + self._at) % BYTES
            out = bytes(self.data[start : start + count])
            while len(out) < count:
                out += bytes(self.data[: count - len(out)])
            return out
        if opcode == 0x9F:
            pattern = self.jedec
        elif opcode == 0x90:
            pattern = MAKER_DEVICE if not self._address & 1 else MAKER_DEVICE[::-1]
        elif opcode == 0xAB:
            pattern = MAKER_DEVICE[1:]
        elif opcode == 0x4B:
            pattern = UNIQUE_ID
        else:
            index = {0x05: 0, 0x35: 1, 0x15: 2}[opcode or 0]
            busy = BUSY if index == 0 and self.busy else 0
            pattern = bytes([self.status[index] | busy])
        turn = self._at % len(pattern)
        return (pattern * (count // len(pattern) + 2))[turn : turn + count]

    def _noise_bytes(self, count: int) -> bytes:
        out = bytearray()
        for _ in range(count):
            self._noise = (self._noise * 1103515245 + 12345) & 0x7FFFFFFF
            out.append(self._noise >> 16 & 0xFF)
        return bytes(out)
