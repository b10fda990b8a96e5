# SPDX-License-Identifier: MIT
"""The GDB server, by its protocol and by GDB itself."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from microkpu.virtual import Board
from microkpu.virtual.gdb import Debugger, gdb_server

from virtual.support import Registers, enable

RAM = 0x80000000
CACHED, UNCACHED, PLACE = 0x80100000, 0x40100000, 0x100000
PC, F0, CSR0 = 32, 33, 65
A0, A1, S0, T1 = 10, 11, 8, 6
MHARTID, MCAUSE = 0xF14, 0x342
SECONDS = 20.0
# Hart 0 counts in a0 and memory, ten times, then both sleep. Offsets: loop 0x1c, store 0x24.
PROGRAM = """
    csrr t0, mhartid
    bnez t0, end
    .option norvc
    li s0, 0x80100000
    li a0, 0
    li t1, 10
loop:
    addi a0, a0, 1
    lw a1, 4(s0)
store:
    sw a0, 0(s0)
    addi t1, t1, -1
    bnez t1, loop
end:
    csrw mie, zero
wait:
    wfi
    j wait
"""
SPIN = "1: j 1b\n"
Assemble = Callable[[str], bytes]


class Client:
    """A remote serial protocol client that is written here, with acknowledgements."""

    def __init__(self, board: Board, port: int) -> None:
        self.board = board
        self.port = port
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        self.got = b""

    def byte(self) -> bytes:
        if not self.got:
            self.got = self.socket.recv(4096)
            if not self.got:
                raise ConnectionError("the server has gone")
        first, self.got = self.got[:1], self.got[1:]
        return first

    def send(self, packet: bytes) -> None:
        self.socket.sendall(b"$%s#%02x" % (packet, sum(packet) & 0xFF))
        assert self.byte() == b"+"

    def receive(self) -> bytes:
        while self.byte() != b"$":
            pass
        body = b""
        while (byte := self.byte()) != b"#":
            body += byte
        assert int(self.byte() + self.byte(), 16) == sum(body) & 0xFF
        self.socket.sendall(b"+")
        return body

    def ask(self, packet: str) -> str:
        self.send(packet.encode("latin-1"))
        return self.receive().decode("latin-1")

    def register(self, number: int) -> int:
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}")), "little")

    def memory(self, address: int, length: int = 4) -> int:
        return int.from_bytes(bytes.fromhex(self.ask(f"m{address:x},{length:x}")), "little")

    def go_on(self) -> str:
        return self.ask("vCont;c")


@pytest.fixture
def symbols(tmp_path: Path) -> Callable[[str], dict[str, int]]:
    """The labels of what `assemble` made last."""

    def run(_: str = "") -> dict[str, int]:
        elf = tmp_path / "program.elf"
        done = subprocess.run(
            ["riscv64-unknown-elf-nm", elf], check=True, capture_output=True, text=True
        )
        rows = (line.split() for line in done.stdout.splitlines())
        return {name: int(address, 16) for address, _, name in rows}

    return run


def serve(debugger: Debugger, errors: list[BaseException]) -> None:
    try:
        while True:
            debugger.run(1e-3)
    except KeyboardInterrupt:
        pass
    except BaseException as error:  # told to the test
        errors.append(error)


@contextlib.contextmanager
def connect(board: Board) -> Iterator[Client]:
    """The board at its first instruction, under a debugger that ends with the client's kill."""
    errors: list[BaseException] = []
    with gdb_server(board, ("127.0.0.1", 0)) as (debugger, name):
        thread = threading.Thread(target=serve, args=(debugger, errors), daemon=True)
        thread.start()
        client = Client(board, int(name.rpartition(":")[2]))
        try:
            yield client
        finally:
            with contextlib.suppress(OSError):
                client.socket.sendall(b"\x03$k#6b")
            thread.join(SECONDS)
            client.socket.close()
    assert not thread.is_alive()
    assert not errors, errors


@pytest.fixture
def client(assemble: Assemble) -> Iterator[Client]:
    with connect(Board(assemble(PROGRAM), cache=True)) as client:
        yield client


# Who is there.


def test_the_first_words(client: Client) -> None:
    features = client.ask("qSupported:swbreak+;hwbreak+;xmlRegisters=i386").split(";")
    assert {"qXfer:features:read+", "vContSupported+", "swbreak+"} <= set(features)
    assert client.ask("?") == "T05thread:1;"
    assert client.ask("qAttached") == "1"
    assert client.ask("vCont?") == "vCont;c;C;s;S"
    assert client.ask("vMustReplyEmpty") == client.ask("qNonsense") == ""


def test_both_harts_are_threads(client: Client) -> None:
    assert (client.ask("qfThreadInfo"), client.ask("qsThreadInfo")) == ("m1,2", "l")
    names = [bytes.fromhex(client.ask(f"qThreadExtraInfo,{n}")).decode() for n in (1, 2)]
    assert names == ["hart 0, running", "hart 1, waiting"]
    assert [client.ask(f"T{n}") for n in (1, 2, 3)] == ["OK", "OK", "E01"]
    for hart in (0, 1):
        assert client.ask(f"Hg{hart + 1}") == "OK"
        assert client.register(CSR0 + MHARTID) == hart
    assert client.ask("Hg3") == "E01"


def test_the_description_names_every_register(client: Client) -> None:
    text, more = "", "m"
    while more == "m":
        piece = client.ask(f"qXfer:features:read:target.xml:{len(text):x},400")
        more, text = piece[0], text + piece[1:]
    root = ElementTree.fromstring(text)
    assert root.findtext("architecture") == "riscv:rv64"
    numbers = {
        reg.attrib["name"]: int(reg.attrib["regnum"])
        for feature in root.findall("feature")
        for reg in feature.findall("reg")
    }
    assert [numbers[name] for name in ("zero", "s0" if "s0" in numbers else "fp", "t6")] == [
        0, 8, 31,
    ]  # fmt: skip
    assert (numbers["pc"], numbers["ft0"], numbers["ft11"]) == (PC, F0, F0 + 31)
    assert (numbers["fcsr"], numbers["mstatus"]) == (CSR0 + 3, CSR0 + 0x300)
    assert len(set(numbers.values())) == len(numbers) == 33 + 32 + 17
    for number in numbers.values():
        assert re.fullmatch("([0-9a-f]{8}){1,2}", client.ask(f"p{number:x}"))


# Registers and memory.


def test_registers_are_read_and_written(client: Client) -> None:
    assert client.ask(f"P{A0:x}=8877665544332211") == "OK"
    assert client.board.machine.x(0, A0) == client.register(A0) == 0x1122334455667788
    whole = bytes.fromhex(client.ask("g"))
    assert len(whole) == 33 * 8
    assert whole[8 * A0 : 8 * A0 + 8] == bytes.fromhex("8877665544332211")
    assert int.from_bytes(whole[-8:], "little") == client.register(PC) == RAM
    changed = whole[: 8 * A1] + bytes.fromhex("0102030405060708") + whole[8 * A1 + 8 :]
    assert client.ask("G" + changed.hex()) == "OK"
    assert client.board.machine.x(0, A1) == 0x0807060504030201
    assert client.ask("P0=ffffffffffffffff") == "OK"
    assert client.register(0) == 0
    assert client.ask(f"P{F0 + 3:x}=000000000000f03f") == "OK"
    assert client.board.machine.f(0, 3) == 0x3FF0 << 48
    assert client.ask(f"P{CSR0 + 3:x}=25000000") == "OK"
    assert client.board.machine.csr(0, 3) == 0x25
    assert client.ask("p1042") == client.ask("pzz") == "E01"  # no such csr, no number


def test_memory_is_what_the_hart_sees(
    client: Client, symbols: Callable[[], dict[str, int]]
) -> None:
    client.ask(f"Z0,{symbols()['store'] + 4:x},4")
    client.go_on()
    assert client.memory(CACHED) == 1  # still in the cache
    assert client.memory(UNCACHED) != 1
    assert client.memory(0xFFFFFFFF00000000 | CACHED) == 1
    assert client.ask(f"M{CACHED:x},4:78563412") == "OK"
    assert client.memory(CACHED) == client.memory(UNCACHED) == 0x12345678
    assert client.ask(f"X{CACHED:x},4:\x01}}\x03}}\x04\x02") == "OK"  # escaped # and $
    assert client.memory(CACHED) == int.from_bytes(b"\x01#$\x02", "little")
    assert client.ask("m90000000,4") == client.ask("M0,1:00") == "E01"


def test_device_registers_are_read_without_their_side_effects(client: Client) -> None:
    before = client.board.state_hash()
    assert client.memory(0x38000018) == client.board.uarths.words[6]
    assert client.board.state_hash() == before


def test_where_nothing_is_gdb_is_told_so(client: Client) -> None:
    """Absent blocks, gaps between blocks and registers, a block without clock."""
    wdt1, uarths, plic = 0x50410000, 0x38000000, 0x0C000000
    for address in (0, 0x50240000, 0x50420000, 0x88000000, 0x10000000, 0x90000000, wdt1):
        assert client.ask(f"m{address:x},4") == "E01", hex(address)
        assert client.ask(f"m{address:x},1") == "E01", hex(address)
    assert client.ask(f"m{uarths + 0x1C:x},4") == "E01"
    assert client.ask(f"m{uarths + 0x18:x},8") == client.ask(f"m{uarths + 0x18:x},4")  # div alone
    assert client.ask(f"m{plic + 0xFFFFFC:x},4") == "E01"
    assert client.ask(f"M{wdt1:x},4:00000000") == "E01"
    enable(client.board, 25)
    assert client.memory(wdt1 + 8) == Registers(client.board.wdt[1]).read("ccvr")
    assert client.memory(0x80000000) == client.memory(0x40000000) != 0


def test_code_that_is_written_runs(client: Client) -> None:
    client.ask(f"M{RAM:x},4:1305a002")  # li a0, 42
    client.ask("s")
    assert client.register(A0) == 42


# Breakpoints, watchpoints, steps.


def test_a_breakpoint_stops_before_its_instruction_each_time(
    client: Client, symbols: Callable[[], dict[str, int]]
) -> None:
    loop = symbols()["loop"]
    code = client.memory(loop, 8)
    assert client.ask(f"Z0,{loop:x},4") == "OK"
    for count in range(3):
        assert client.go_on() == "T05thread:1;swbreak:;"
        assert (client.register(PC), client.register(A0)) == (loop, count)
        assert client.memory(loop, 8) == code
    assert client.ask(f"z0,{loop:x},4") == "OK"
    client.send(b"vCont;c")
    client.socket.sendall(b"\x03")
    assert client.receive() in (b"T02thread:1;", b"T02thread:2;")
    assert client.register(A0) in range(3, 11)


def test_a_run_under_gdb_is_the_same_run(
    assemble: Assemble, symbols: Callable[[], dict[str, int]]
) -> None:
    program = assemble(PROGRAM)
    alone = Board(program, cache=True)
    alone.run(seconds=1e-3)
    with connect(Board(program, cache=True)) as client:
        names = symbols()
        client.ask(f"Z0,{names['loop']:x},4")
        client.ask(f"Z1,{names['end']:x},4")
        stops = 0
        while client.go_on() == "T05thread:1;swbreak:;" and client.register(PC) != names["end"]:
            stops += 1
        client.ask(f"z1,{names['end']:x},4")
        assert stops == 10
        client.send(b"c")
        client.socket.sendall(b"\x03")
        client.receive()
    # Both end between the same two cycles, wherever the interrupt came.
    boards = (alone, client.board)
    end = (max(board.cycles for board in boards) + 1000.5) / alone.sysctl.cpu_hz
    for board in boards:
        while board.seconds < end:  # a run of a sleeping board ends early
            board.run(seconds=end - board.seconds)
    assert client.board.state_hash() == alone.state_hash()


def test_a_step_is_one_instruction_of_one_hart(
    client: Client, symbols: Callable[[], dict[str, int]]
) -> None:
    steps = 0
    while client.register(PC) != symbols()["loop"]:
        assert client.ask("vCont;s:1;c") == "T05thread:1;"
        steps += 1
    assert client.ask("s") == "T05thread:1;"
    assert (client.register(PC), client.register(A0)) == (symbols()["loop"] + 4, 1)
    assert client.board.machine.instret(0) == steps + 1 > 5
    assert client.board.machine.instret(1) == 0


def test_a_step_over_a_wait_ends_behind_it(assemble: Assemble) -> None:
    # mtimecmp 100 ticks from now wakes the hart.
    body = """
        csrr t0, mhartid
        bnez t0, 2f
        .option norvc
        li s1, 0x200bff8
        ld t0, 0(s1)
        addi t0, t0, 100
        li s2, 0x2004000
        sd t0, 0(s2)
        li t0, 0x80
        csrw mie, t0
    1:  wfi
        nop
    2:  wfi
        j 2b
    """
    with connect(Board(assemble(body))) as client:
        for _ in range(40):
            before = client.register(PC)
            assert client.ask("s") == "T05thread:1;"
            if client.memory(before) == 0x10500073:
                break
        assert client.register(PC) == before + 4
        assert client.memory(before + 4) == 0x00000013
        ticks = client.board.cycles / 50
        assert 100 <= ticks < 120
        client.ask("s")
        assert client.register(PC) == before + 8


@pytest.mark.parametrize(
    ("kind", "name", "address", "where"),
    [
        ("2", "watch", CACHED, "store"),
        ("4", "awatch", UNCACHED, "store"),
        ("3", "rwatch", CACHED + 4, "loop"),
    ],
)
def test_a_watched_access_stops_behind_it(
    client: Client,
    symbols: Callable[[], dict[str, int]],
    kind: str,
    name: str,
    address: int,
    where: str,
) -> None:
    assert client.ask(f"Z{kind},{address:x},4") == "OK"
    for count in (1, 2):
        stop = client.go_on()
        assert stop == f"T05thread:1;{name}:{address:x};"
        behind = symbols()[where] + (4 if where == "store" else 8)
        assert (client.register(PC), client.register(A0)) == (behind, count)
    assert client.ask(f"z{kind},{address:x},4") == "OK"
    client.ask(f"Z0,{symbols()['end']:x},4")
    assert client.go_on() == "T05thread:1;swbreak:;"


def test_there_are_eight_watchpoints(client: Client) -> None:
    answers = [client.ask(f"Z2,{CACHED + 64 * index:x},4") for index in range(9)]
    assert answers == ["OK"] * 8 + ["E01"]


# Running and leaving.


def test_an_interrupt_stops_a_board_that_runs(assemble: Assemble) -> None:
    with connect(Board(assemble(SPIN))) as client:
        client.send(b"vCont;c")
        client.socket.sendall(b"\x03")
        assert client.receive() == b"T02thread:1;"
        cycles = client.board.cycles
        assert client.register(PC) == RAM
        assert client.board.cycles == cycles  # time stands
        assert client.board.machine.instret(1) > 0 or cycles < 2000


def test_what_the_board_refuses_is_told_and_can_be_looked_at(assemble: Assemble) -> None:
    with connect(Board(assemble("li a0, 0x90000000\n lw a1, 0(a0)\n" + SPIN))) as client:
        told = client.go_on()
        assert told.startswith("O")
        assert "0x90000000: nothing is there" in bytes.fromhex(told[1:]).decode()
        assert client.receive() == b"T06thread:1;"
        assert client.register(A0) == 0x90000000


def test_after_a_detach_the_board_runs_on_without_breakpoints(
    client: Client, symbols: Callable[[], dict[str, int]]
) -> None:
    client.ask(f"Z0,{symbols()['end']:x},4")
    client.ask(f"Z2,{CACHED:x},4")
    assert client.ask("D") == "OK"
    wait_until(lambda: client.board.machine.waiting(0))
    assert client.board.machine.x(0, A0) == 10
    # Another one may come, and stops it.
    client.socket.close()
    client.connect()
    assert client.ask("?") == "T05thread:1;"
    assert client.register(A0) == 10


def test_a_client_that_goes_leaves_the_board_running(client: Client) -> None:
    client.socket.close()
    wait_until(lambda: client.board.machine.waiting(0))
    client.connect()
    assert client.ask("?").startswith("T05")


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(int(SECONDS * 100)):
        if condition():
            return
        threading.Event().wait(0.01)
    pytest.fail("it does not come")


def test_a_damaged_packet_is_asked_for_again(client: Client) -> None:
    client.socket.sendall(b"$qC#00")
    assert client.byte() == b"-"
    client.send(b"qC")
    assert client.receive() == b"QC1"
    client.socket.sendall(b"-")
    assert client.receive() == b"QC1"


def test_without_acknowledgements(client: Client) -> None:
    assert client.ask("QStartNoAckMode") == "OK"
    client.socket.sendall(b"$qC#b4")
    assert client.byte() == b"$"


# GDB itself.


@pytest.mark.skipif(not shutil.which("gdb-multiarch"), reason="gdb-multiarch is not installed")
def test_gdb_breaks_steps_and_looks(tmp_path: Path, assemble: Assemble) -> None:
    assemble(PROGRAM)
    elf, script = tmp_path / "program.elf", tmp_path / "script"
    command = [sys.executable, "-m", "microkpu", "virtual", "--firmware", tmp_path / "program.bin"]
    command += ["--cache", "--gdb", "0", "--seconds", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as virtual:
        assert virtual.stderr is not None
        where = re.fullmatch(r"waiting for gdb: target remote (.*)\n", virtual.stderr.readline())
        assert where
        script.write_text(f"""
            target remote {where[1]}
            break *loop
            continue
            continue
            stepi
            print $a0
            watch *(int *){CACHED:#x}
            continue
            delete
            info threads
            thread 2
            print $mhartid
            print $ft0
            set var *(int *){CACHED:#x} = 77
            print *(int *){CACHED:#x}
            x/2i loop
            break *end
            thread 1
            continue
            print $t1
            delete
            continue
        """)
        done = subprocess.run(
            ["gdb-multiarch", "-q", "-nx", "-batch", "-x", script, elf],
            capture_output=True, text=True, timeout=SECONDS * 3,
        )  # fmt: skip
        assert virtual.wait(SECONDS) == 0, done.stdout + done.stderr
    said = done.stdout
    assert said.count("hit Breakpoint 1") == 2, said + done.stderr
    assert "$1 = 2" in said
    assert "Hardware watchpoint 2" in said and "New value = 2" in said
    assert "hart 0, running" in said and "hart 1, " in said
    assert "$2 = 1" in said and "double = 0" in said
    assert "$4 = 77" in said
    assert "<loop>:\tadd\ta0,a0,1" in said
    assert "hit Breakpoint 3" in said and "$5 = 0" in said
    assert "exited normally" in said
