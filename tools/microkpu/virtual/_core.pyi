"""The compiled core: both RV64GC harts with CLINT, memory, and the dispatch to devices."""

from collections.abc import Sequence
from typing import Protocol

class Device(Protocol):
    """What `Machine.map` calls: `offset` from the region's base, `size` of 1, 2, 4 or 8 bytes."""

    def read(self, offset: int, size: int) -> int: ...
    def write(self, offset: int, size: int, value: int) -> None: ...

# Access bits, one byte per 4-byte register. 0: nothing is modelled there, CoreError.
READ: int  # 1: a read gives the stored word
WRITE: int  # 2: a write stores the word
READ_CALL: int  # 4: a read calls device.read() (its answer is the value)
WRITE_CALL: int  # 8: a write calls device.write() (after storing, where WRITE is set too)

# Why run() came back.
LIMIT: int  # the cycle limit (or a cut) was reached
IDLE: int  # every hart waits in wfi and no timer wakes one before the limit; cycles stands there
STOPPED: int  # stop() was called
BREAK: int  # a breakpoint; break_hart says which hart stands on it

class CoreError(Exception):
    """The program did what the machine does not model; says hart, pc, address and access."""

class Machine:
    def __init__(self) -> None: ...
    ram: memoryview
    """8 MiB at 0x80000000 and 0x40000000: 6 MiB SRAM, then 2 MiB AI RAM. Writable bytes."""
    cycles: int
    """Now, in CPU cycles, exact also inside a device call."""
    break_hart: int
    access_hart: int
    """Inside a device call: the hart that makes the access."""

    def map(self, base: int, size: int, device: Device, access: bytes) -> memoryview:
        """Puts a device at [base, base + size); gives its register storage, little endian.

        A 64-bit register is two 4-byte entries with the same access bits; a 64-bit access
        reaches the device as one call with size 8 at the lower offset. A 1- or 2-byte access
        always calls the device.
        """
    def set_access(self, base: int, access: bytes) -> None:
        """Replaces a region's access bytes, by its `base`; at once, also inside a device call."""
    def accesses(self, base: int) -> dict[int, tuple[int, int]]:
        """The harts' reads and writes in a region so far, by the offset of the (first) word."""
    def run(self, limit: int) -> int:
        """Runs both harts until cycle `limit`, a cut, stop() or a breakpoint; gives the reason.

        While both harts run they take turns of 16 cycles on the clock's grid, and a limit is met
        at its next line; however a run is cut, the same instructions follow each other. A run
        from a breakpoint that was reported goes past it.

        An exception raised by a device call comes out of run() unchanged, with the machine
        standing after the access.
        """
    def cut(self, cycle: int = 0) -> None:
        """Lowers a run()'s limit, from within a device call; 0: this instruction's end."""
    def stop(self) -> None: ...
    def set_external(self, hart: int, level: bool) -> None:
        """The hart's machine external interrupt line, driven by the PLIC."""
    def set_code(self) -> None:
        """Forgets decoded instructions: call after the host changed code in ram."""
    def set_strict(self, strict: bool) -> None:
        """Whether what silicon does unreliably raises CoreError; at first it does.

        These are floating-point accesses to the uncached alias (with a cache, and not strict,
        loads give NaN) and what set_cache() tells.
        """
    def next_timer(self) -> int:
        """The cycle of the next enabled timer interrupt on any hart; -1 when none will come."""
    def set_ai_ram(self, enabled: bool) -> None:
        """Whether CPU accesses to AI RAM work; a CPU access while off raises CoreError."""

    def set_cache(self, enabled: bool) -> None:
        """Puts a write-back data cache of 32 KiB between each hart and memory; at first off.

        The harts' accesses to 0x8... go through it and a miss costs 30 cycles; 0x4..., `ram` and
        devices are memory itself. Both caches agree with each other. What silicon punishes later
        (stale, hidden and overwritten bytes) raises CoreError where strict. A reset empties them.
        """
    def read(self, hart: int, address: int, length: int) -> bytes:
        """Memory as a hart's loads from this view see it now; changes nothing."""
    def write(self, address: int, data: bytes) -> None:
        """For debuggers: into memory and, of the cached view, every copy; forgets decoded code."""
    def cache_lines(self, hart: int) -> list[tuple[int, bool, bool]]:
        """Address (0x8...), whether dirty, whether memory has changed since, of each line held."""
    def cache_bytes(self, hart: int) -> bytes:
        """All of a cache's state; empty where there is none."""
    def device_touches(self, start: int, length: int, write: bool) -> tuple[int, str] | None:
        """Call before a device reads or writes `ram`: where a cache makes that wrong, and why."""
    def hazards(self) -> dict[str, int]:
        """What went wrong by caches, and how often, on a machine that is not strict."""

    def pc(self, hart: int) -> int: ...
    def set_pc(self, hart: int, value: int) -> None: ...
    def x(self, hart: int, index: int) -> int: ...
    def set_x(self, hart: int, index: int, value: int) -> None: ...
    def f(self, hart: int, index: int) -> int:
        """The 64 raw bits of a floating-point register."""
    def set_f(self, hart: int, index: int, value: int) -> None: ...
    def csr(self, hart: int, number: int) -> int: ...
    def set_csr(self, hart: int, number: int, value: int) -> None: ...
    def instret(self, hart: int) -> int:
        """Instructions the hart has retired since the machine was made (wfi counts once)."""
    def waiting(self, hart: int) -> bool: ...
    def set_waiting(self, hart: int, waiting: bool) -> None:
        """Parks a hart in wfi, or wakes it."""
    def msip(self, hart: int) -> int: ...
    def set_msip(self, hart: int, value: int) -> None: ...
    def reset_harts(self) -> None:
        """Registers, CSRs, CLINT, reservation as after power-on; memory, devices, cycles stay."""
    def add_breakpoint(self, address: int) -> None: ...
    def remove_breakpoint(self, address: int) -> None: ...
    def set_watches(self, watches: Sequence[tuple[int, int, bool, bool]]) -> None:
        """Base, size, and whether loads and stores there end a run with BREAK, behind them.

        These and no others, eight at most. Memory accesses are slow while there are any.
        """
    watch_hit: int | None
    """The watched address whose access ended the last run or step."""
    def step(self, hart: int) -> int:
        """One instruction on one hart, past breakpoints; LIMIT, or IDLE where the hart waits."""
    def trace(self, hart: int, entries: int) -> Sequence[int]:
        """Where the last jumps and traps went, newest last; a repeated block is one entry."""

def kpu_layer(words: bytes, ram: memoryview, eight_bit: bool) -> bytes:
    """Runs one KPU layer on `ram`, 8 MiB as Machine.ram: parameters by address, maps in AI RAM.

    Writes the result to AI RAM and gives it as dense CHW bytes. ValueError names what is not
    defined or not modelled.
    """
