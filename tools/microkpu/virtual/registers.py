# SPDX-License-Identifier: MIT
"""Register tables, and the base of every block: what is not in its table refuses aloud."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NoReturn

from microkpu.errors import MicrokpuError
from microkpu.virtual import _core

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

ACCESS_KINDS = ("RW", "RO", "WO", "W1C", "RC")


class RefusedError(MicrokpuError):
    """The firmware did what the silicon forbids, or what this board does not model."""


@dataclass(frozen=True)
class Register:
    """One row of a block's table; `access` is a word of ACCESS_KINDS, as in sdk/regs/*.h.

    `stored` is False where a write must not change what a read gives (data ports, commands).
    """

    name: str
    offset: int
    access: str
    width: int = 32
    count: int = 1
    stride: int = 0
    reset: int = 0
    stored: bool = True

    @property
    def readable(self) -> bool:
        return self.access != "WO"

    @property
    def writable(self) -> bool:
        return self.access in ("RW", "WO", "W1C")

    def at(self, index: int) -> int:
        """The offset of element `index`."""
        return self.offset + index * (self.stride or self.width // 8)


@dataclass(slots=True)
class _Port:
    """One addressable register of a mapped block."""

    name: str
    bytes: int
    flags: int
    read: Callable[[], int] | None
    write: Callable[[int], None] | None


@dataclass(frozen=True, slots=True)
class DmaPort:
    """A register that DMA channels reach: its offset, whether they write it, bytes of an item."""

    offset: int
    to_device: bool
    width: int


class Block:
    """A hardware block: REGISTERS, with methods read_<name> and write_<name> for side effects.

    A register without such a method is plain storage and served by the core alone. Array elements
    get their index as the first argument. A write method is called after the word was stored.
    """

    REGISTERS: ClassVar[tuple[Register, ...]] = ()
    NOT_MODELLED: ClassVar[tuple[Register, ...]] = ()
    SIZE: ClassVar[int] = 0x1000

    def __init__(self, board: Board, name: str, base: int) -> None:
        self.board = board
        self.name = name
        self.base = base
        self._ports: dict[int, _Port] = {}
        self._gate = ""
        for register in self.REGISTERS:
            self._add(register)
        calls = _core.READ_CALL | _core.WRITE_CALL
        access = bytearray([calls]) * (self.SIZE // 4)
        for offset, port in self._ports.items():
            words = port.bytes // 4
            access[offset // 4 : offset // 4 + words] = bytes([port.flags] * words)
        self._access = bytes(access)
        self._closed = bytes([calls]) * (self.SIZE // 4)
        storage = board.machine.map(base, self.SIZE, self, self._access)
        self.words = storage.cast("I")
        self.longs = storage.cast("Q")

    def _add(self, register: Register) -> None:
        method = register.name.replace(".", "_")
        reader = getattr(self, f"read_{method}", None)
        writer = getattr(self, f"write_{method}", None)
        if register.access not in ACCESS_KINDS:
            raise ValueError(f"{self.name}.{register.name}: access {register.access!r}")
        flags = 0
        if reader or not register.readable:
            flags |= _core.READ_CALL
        else:
            flags |= _core.READ
        if register.access == "RW" and register.stored:
            flags |= _core.WRITE
        if writer or not register.writable:
            flags |= _core.WRITE_CALL
        for index in range(register.count):
            indexed = register.count > 1
            name = f"{register.name}[{index}]" if indexed else register.name
            self._ports[register.at(index)] = _Port(
                name,
                register.width // 8,
                flags,
                partial(reader, index) if reader and indexed else reader,
                partial(writer, index) if writer and indexed else writer,
            )

    # What a block of its own overrides.

    def reset(self) -> None:
        """Registers as after reset; blocks with more state extend this."""
        for register in self.REGISTERS:
            for index in range(register.count):
                self.put(register.at(index), register.reset, register.width)

    def functions(self) -> Iterable[int]:
        """The pad functions that belong to this block."""
        return ()

    def pad_moved(self, function: int) -> None:
        """One of the functions came to another pad, or its pad is configured anew."""

    def pad_level(self, function: int) -> None:
        """The pad of one of the functions has another level."""

    def clock_changed(self) -> None:
        """Some rate of the clock tree is another one from this cycle on."""

    def dma_ports(self) -> dict[int, DmaPort]:
        """The ports for DMA, by their request numbers."""
        return {}

    def dma_armed(self, request: int) -> None:
        """A DMA channel now waits for this request."""

    def dma_burst(self, request: int, items: int) -> None:
        """A channel will move so many items at once: the block checks that against its FIFO."""

    def put(self, offset: int, value: int, width: int = 32) -> None:
        """Sets the stored word that a read gives."""
        if width == 64:
            self.longs[offset >> 3] = value
        else:
            self.words[offset >> 2] = value

    def counters(self) -> dict[str, tuple[int, int]]:
        """The harts' reads and writes per register; accesses of DMA and the host are none."""
        counted: dict[str, tuple[int, int]] = {}
        for offset, (reads, writes) in self.board.machine.accesses(self.base).items():
            name = f"{self.name}.{self._name_at(offset)}"
            before = counted.get(name, (0, 0))
            counted[name] = (before[0] + reads, before[1] + writes)
        return counted

    def _name_at(self, offset: int) -> str:
        """The register that a word belongs to."""
        port, wide = self._ports.get(offset), self._ports.get(offset & ~7)
        if port is None and wide is not None and wide.bytes == 8:
            port = wide
        return port.name if port else self._name_unmodelled(offset)

    # Clock gates and resets.

    def gate(self, why: str) -> None:
        """Refuses every access with this reason; an empty one opens the block again."""
        if why != self._gate:
            self._gate = why
            self.board.machine.set_access(self.base, self._closed if why else self._access)

    @property
    def gated(self) -> str:
        """Why the block cannot be reached; empty when it can."""
        return self._gate

    def reached(self, offset: int) -> bool:
        """Whether a register is there and can be read now."""
        wide = self._ports.get(offset & ~7)
        there = (offset & ~3) in self._ports or (wide is not None and wide.bytes == 8)
        return there and not self._gate

    # The core's device protocol.

    def read(self, offset: int, size: int) -> int:
        port = self._ports.get(offset)
        if port is None or self._gate or size != port.bytes:
            return self._stray_read(offset, size)
        if port.read is not None:
            return port.read()
        if port.flags & _core.READ:
            return self._stored(offset, size)
        self.forbid(f"read of {port.name}, which is write-only")
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        port = self._ports.get(offset)
        if port is None or self._gate or size != port.bytes:
            self._stray_write(offset, size, value)
            return
        if port.flags & _core.WRITE:
            self.put(offset, value, size * 8)
        if port.write is not None:
            port.write(value)
        elif not port.flags & _core.WRITE:
            self.forbid(f"write of {value:#x} to {port.name}, which is read-only")

    def _stored(self, offset: int, size: int) -> int:
        return self.longs[offset >> 3] if size == 8 else self.words[offset >> 2]

    # A board that is not strict answers what it does not model like memory, and what has no clock
    # with zeros; a part of a register is that part, and what spans two is both.

    def _stray_read(self, offset: int, size: int) -> int:
        base, port = self._note_stray("read", offset, size)
        if self._gate:
            return 0
        if size > 4 and (port is None or port.bytes == 4):
            return self.read(offset, 4) | self.read(offset + 4, 4) << 32
        whole = self.words[base >> 2] if port is None else self.read(base, port.bytes)
        return whole >> 8 * (offset - base) & ((1 << 8 * size) - 1)

    def _stray_write(self, offset: int, size: int, value: int) -> None:
        base, port = self._note_stray("write", offset, size)
        if self._gate:
            return
        if size > 4 and (port is None or port.bytes == 4):
            self.write(offset, 4, value & 0xFFFFFFFF)
            self.write(offset + 4, 4, value >> 32)
            return
        width = 4 if port is None else port.bytes
        shift, mask = 8 * (offset - base), (1 << 8 * size) - 1
        whole = self._stored(base, width) & ~(mask << shift) | (value & mask) << shift
        if port is None:
            self.words[base >> 2] = whole
        else:
            self.write(base, width, whole)

    def _note_stray(self, what: str, offset: int, size: int) -> tuple[int, _Port | None]:
        """Where the register around an access begins, and the register, if there is one."""
        base, port = offset & ~3, self._ports.get(offset & ~3)
        wide = self._ports.get(offset & ~7)
        if port is None and wide is not None and wide.bytes == 8:
            base, port = offset & ~7, wide
        name = port.name if port else self._name_unmodelled(offset)
        if self._gate:
            self.forbid(f"{what} of {name} while {self._gate}")
        elif port is None:
            self.forbid(f"{what} of {name}, which is not modelled")
        else:
            self.forbid(f"{what} of {size * 8} bits at {name}, which has {port.bytes * 8}")
        return base, port

    def _name_unmodelled(self, offset: int) -> str:
        for register in self.NOT_MODELLED:
            for index in range(register.count):
                if register.at(index) == offset:
                    return register.name
        return f"offset {offset:#x}"

    def refuse(self, what: str) -> NoReturn:
        """Ends the run: `what` says what was done and why not."""
        self.board.refuse(self.name, what)

    def forbid(self, what: str) -> None:
        """Refuses in strict mode; else the board goes on as a forgiving one would."""
        self.board.forbid(self.name, what)
