# SPDX-License-Identifier: MIT
"""A GDB server on a board: both harts as threads, breakpoints, watchpoints, steps, memory.

Virtual time stands while GDB has the board stopped, and breakpoints are not written into memory,
so that a run under GDB is the same run. A step runs one hart alone, with the other one standing.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import ClassVar

from microkpu.virtual import gdb_registers
from microkpu.virtual.addresses import listen
from microkpu.virtual.board import Board
from microkpu.virtual.gdb_link import INTERRUPT, PACKET_BYTES, Link
from microkpu.virtual.registers import RefusedError

HARTS = 2
CACHED, UNCACHED, RAM_BYTES = 0x80000000, 0x40000000, 8 << 20
ADDRESS_MASK = 0xFFFFFFFF  # what the chip looks at
MTVEC = 0x305
OK, UNKNOWN, ERROR = "OK", "", "E01"
SIGINT, SIGTRAP, SIGABRT = 2, 5, 6
FEATURES = (
    f"PacketSize={PACKET_BYTES:x};qXfer:features:read+;vContSupported+;swbreak+;hwbreak+"
    ";QStartNoAckMode+"
)
WIDEST = 8  # bytes of an access
WATCH_KINDS = {"2": (False, True), "3": (True, False), "4": (True, True)}
WATCH_NAMES = {(False, True): "watch", (True, False): "rwatch", (True, True): "awatch"}


def one_view(address: int) -> int:
    """The cached address of memory for either of its two."""
    return address + CACHED - UNCACHED if UNCACHED <= address < UNCACHED + RAM_BYTES else address


class Debugger:
    """Runs a board as GDB says; without a client it first waits for one, later it just runs."""

    def __init__(self, board: Board, listener: socket.socket) -> None:
        self._board, self._machine = board, board.machine
        self._listener = listener
        self._link: Link | None = None
        self._halted = True
        self._stop = f"T{SIGTRAP:02x}thread:1;"
        self._hart = 0  # the one that registers and memory are about
        self._breakpoints: dict[int, int] = {}  # how often each was asked for
        self._watches: list[tuple[int, int, bool, bool]] = []
        self._behind: tuple[int, ...] = ()  # where a step over a wait ends
        self._killed = False

    def fileno(self) -> int:
        return self._listener.fileno() if self._link is None else self._link.fileno()

    @property
    def attached(self) -> bool:
        return self._link is not None

    def close(self) -> None:
        if self._link is not None:
            self._link.give("W00")  # the program has ended
            self._link.close()

    def run(self, seconds: float, until: bytes | None = None) -> bool:
        """As Board.run(), once GDB lets it; the time is not passed where a breakpoint is met."""
        self._attend()
        if self._killed:
            raise KeyboardInterrupt
        try:
            found = self._board.run(seconds=seconds, until=until)
        except RefusedError as error:
            if self._link is None:
                raise
            self._say(f"{error}\n")
            self._halt(self._machine.access_hart, SIGABRT)
            return False
        hart = self._board.stopped_hart
        if hart is not None:
            self._halt_on(hart)
        return found

    # Who runs when.

    def _attend(self) -> None:
        """Takes a client in and obeys it; comes back when the board is to run."""
        if self._link is None:
            self._accept(wait=self._halted)
        while self._link is not None:
            packet = self._link.take(wait=self._halted)
            if packet is not None:
                self._obey(packet)
            elif not self._link.open:
                self._leave()
            elif not self._halted:
                return
            if not self._halted and packet is not None and packet != INTERRUPT:
                return

    def _accept(self, wait: bool) -> None:
        self._listener.setblocking(wait)
        try:
            client, _ = self._listener.accept()
        except BlockingIOError:
            return
        self._link = Link(client)
        self._halted = True
        self._stop = f"T{SIGTRAP:02x}thread:1;"

    def _leave(self) -> None:
        """The client has gone: the board runs on."""
        if self._link is not None:
            self._link.close()
        self._link, self._halted = None, False
        for address in self._breakpoints:
            self._machine.remove_breakpoint(address)
        self._breakpoints.clear()
        self._watches.clear()
        self._machine.set_watches(())
        self._end_step()

    def _halt(self, hart: int, signal: int, why: str = "") -> None:
        self._end_step()
        self._hart, self._halted = hart, True
        self._stop = f"T{signal:02x}thread:{hart + 1};{why}"
        if self._link is not None:
            self._link.give(self._stop)

    def _halt_on(self, hart: int) -> None:
        """The machine stands on a breakpoint, or behind a watched access."""
        hit = self._machine.watch_hit
        if hit is None:
            self._halt(hart, SIGTRAP, "" if self._behind else "swbreak:;")
            return
        for base, size, loads, stores in self._watches:
            ahead = one_view(hit) - one_view(base)
            if -WIDEST < ahead < size:
                place = base + max(ahead, 0)
                self._halt(hart, SIGTRAP, f"{WATCH_NAMES[loads, stores]}:{place:x};")
                return
        self._halt(hart, SIGTRAP)

    def _end_step(self) -> None:
        for address in self._behind:
            if address not in self._breakpoints:
                self._machine.remove_breakpoint(address)
        self._behind = ()

    def _step(self, hart: int) -> None:
        try:
            self._board.step(hart)
        except RefusedError as error:
            self._say(f"{error}\n")
            self._halt(hart, SIGABRT)
            return
        if not self._machine.waiting(hart):
            if self._machine.watch_hit is not None:
                self._halt_on(hart)
            else:
                self._halt(hart, SIGTRAP)
            return
        # It waits: the board runs until it has woken up, behind its wfi or in its trap handler.
        self._behind = (self._machine.pc(hart), self._machine.csr(hart, MTVEC))
        for address in self._behind:
            self._machine.add_breakpoint(address)
        self._halted = False

    # Orders.

    def _obey(self, packet: str) -> None:
        assert self._link is not None
        if packet == INTERRUPT:
            if not self._halted:
                self._halt(self._hart, SIGINT)
            return
        order = self.ORDERS.get(packet[:1])
        try:
            answer = UNKNOWN if order is None else order(self, packet[1:])
        except (ValueError, OverflowError):
            answer = ERROR
        if answer is not None and self._link is not None:
            self._link.give(answer)

    def _say(self, text: str) -> None:
        if self._link is not None:
            self._link.give("O" + text.encode().hex())

    def _why(self, _: str) -> str:
        return self._stop

    def _read_all(self, _: str) -> str:
        numbers = range(gdb_registers.PC + 1)
        return "".join(self._register(number) for number in numbers)

    def _register(self, number: int) -> str:
        value = gdb_registers.read(self._machine, self._hart, number)
        return value.to_bytes(gdb_registers.size_of(number), "little").hex()

    def _write_all(self, body: str) -> str:
        data = bytes.fromhex(body)
        for number in range(min(len(data) // 8, gdb_registers.PC + 1)):
            value = int.from_bytes(data[8 * number : 8 * number + 8], "little")
            gdb_registers.write(self._machine, self._hart, number, value)
        return OK

    def _read_register(self, body: str) -> str:
        return self._register(int(body, 16))

    def _write_register(self, body: str) -> str:
        number, _, data = body.partition("=")
        value = int.from_bytes(bytes.fromhex(data), "little")
        gdb_registers.write(self._machine, self._hart, int(number, 16), value)
        return OK

    def _read_memory(self, body: str) -> str:
        address, length = (int(part, 16) for part in body.split(","))
        return self._memory(address & ADDRESS_MASK, min(length, PACKET_BYTES // 2 - 4)).hex()

    def _memory(self, address: int, length: int) -> bytes:
        """As the hart sees it; of a device what its registers keep, without a side effect.

        ValueError where nothing is, or what is there cannot be reached; fewer bytes before that.
        """
        for block in self._board.blocks.values():
            if block.base <= address < block.base + block.SIZE:
                start, end = address - block.base, address - block.base
                while end < start + length and block.reached(end):
                    end = min((end & ~3) + 4, start + length)
                if end == start:
                    raise ValueError(f"no register at {address:#x}")
                return bytes(block.words.cast("B")[start:end])
        return self._machine.read(self._hart, address, length)

    def _write_memory(self, body: str) -> str:
        place, _, data = body.partition(":")
        self._machine.write(int(place.split(",")[0], 16) & ADDRESS_MASK, bytes.fromhex(data))
        return OK

    def _write_binary(self, body: str) -> str:
        place, _, data = body.partition(":")
        self._machine.write(int(place.split(",")[0], 16) & ADDRESS_MASK, data.encode("latin-1"))
        return OK

    def _choose(self, body: str) -> str:
        thread = int(body[1:], 16) if body[1:] not in ("", "-1") else 0
        if body[:1] == "g" and thread > 0:
            self._hart = self._hart_of(thread)
        return OK

    @staticmethod
    def _hart_of(thread: int) -> int:
        if not 1 <= thread <= HARTS:
            raise ValueError(f"thread {thread}")
        return thread - 1

    def _is_alive(self, body: str) -> str:
        self._hart_of(int(body, 16))
        return OK

    def _go_on(self, _: str) -> None:
        self._halted = False

    def _step_one(self, _: str) -> None:
        self._step(self._hart)

    def _v(self, body: str) -> str | None:
        if body == "Cont?":
            return "vCont;c;C;s;S"
        if not body.startswith("Cont;"):
            return UNKNOWN
        for action in body[5:].split(";"):
            what, _, thread = action.partition(":")
            if what[:1] in "sS":
                self._step(self._hart_of(int(thread, 16)) if thread else self._hart)
                return None
        self._halted = False
        return None

    def _insert(self, body: str) -> str:
        kind, address, size = body.split(",")[:3]
        place = int(address, 16) & ADDRESS_MASK
        if kind in "01":
            self._breakpoints[place] = self._breakpoints.get(place, 0) + 1
            self._machine.add_breakpoint(place)
            return OK
        if kind not in WATCH_KINDS:
            return UNKNOWN
        return self._watch([*self._watches, (place, int(size, 16), *WATCH_KINDS[kind])])

    def _remove(self, body: str) -> str:
        kind, address, size = body.split(",")[:3]
        place = int(address, 16) & ADDRESS_MASK
        if kind in "01":
            left = self._breakpoints.pop(place, 1) - 1
            if left:
                self._breakpoints[place] = left
            else:
                self._machine.remove_breakpoint(place)
            return OK
        if kind not in WATCH_KINDS:
            return UNKNOWN
        gone = (place, int(size, 16), *WATCH_KINDS[kind])
        return self._watch([watch for watch in self._watches if watch != gone])

    def _watch(self, watches: list[tuple[int, int, bool, bool]]) -> str:
        self._machine.set_watches(watches)  # ValueError where these are too many
        self._watches = watches
        return OK

    def _ask(self, body: str) -> str:
        name, _, rest = body.partition(":")
        if name == "Supported":
            return FEATURES
        if name == "Xfer":
            return self._transfer(rest)
        if name.startswith("ThreadExtraInfo,"):
            hart = self._hart_of(int(name.partition(",")[2], 16))
            state = "waiting" if self._machine.waiting(hart) else "running"
            return f"hart {hart}, {state}".encode().hex()
        answers = {
            "fThreadInfo": "m" + ",".join(f"{hart + 1:x}" for hart in range(HARTS)),
            "sThreadInfo": "l",
            "C": f"QC{self._hart + 1:x}",
            "Attached": "1",
            "Symbol": OK,
        }
        return answers.get(name, UNKNOWN)

    def _transfer(self, rest: str) -> str:
        if not rest.startswith("features:read:target.xml:"):
            return UNKNOWN
        start, length = (int(part, 16) for part in rest.rpartition(":")[2].split(","))
        text = gdb_registers.description()
        piece = text[start : start + min(length, PACKET_BYTES // 2)]
        return ("l" if start + len(piece) >= len(text) else "m") + piece

    def _set(self, body: str) -> str:
        if body != "StartNoAckMode" or self._link is None:
            return UNKNOWN
        self._link.acknowledges = False
        return OK

    def _detach(self, _: str) -> None:
        if self._link is not None:
            self._link.give(OK)
        self._leave()

    def _kill(self, _: str) -> None:
        self._leave()
        self._killed = True

    ORDERS: ClassVar[dict[str, Callable[[Debugger, str], str | None]]] = {
        "?": _why, "g": _read_all, "G": _write_all, "p": _read_register, "P": _write_register,
        "m": _read_memory, "M": _write_memory, "X": _write_binary, "H": _choose, "T": _is_alive,
        "c": _go_on, "s": _step_one, "v": _v, "Z": _insert, "z": _remove, "q": _ask, "Q": _set,
        "D": _detach, "k": _kill,
    }  # fmt: skip


@contextlib.contextmanager
def gdb_server(board: Board, address: tuple[str, int]) -> Iterator[tuple[Debugger, str]]:
    """Listens; gives the debugger and what GDB calls it: HOST:PORT."""
    with listen(address) as listener:
        debugger = Debugger(board, listener)
        try:
            yield debugger, f"{address[0]}:{listener.getsockname()[1]}"
        finally:
            debugger.close()
