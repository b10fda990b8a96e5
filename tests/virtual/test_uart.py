# SPDX-License-Identifier: MIT
"""UART1-3: rates, FIFOs, the two meanings of LSR bit 5, interrupts, DMA."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from microkpu.virtual import Board, RefusedError
from microkpu.virtual.wire import Wire

from virtual.support import Registers, enable
from virtual.test_dmac import M2P, P2M, SOURCE, TARGET, Dma, memory

APB0 = 195_000_000
RX_PAD, TX_PAD = 10, 11
PTIME = 1 << 7
BIT5 = 1 << 5


class Port:
    """UART1 on two pads, with a host on the other side."""

    def __init__(self, board: Board) -> None:
        self.board = board
        enable(board, 16)
        pads = Registers(board.fpioa)
        pads.write("io", 64 | 0x900000, RX_PAD)
        pads.write("io", 65 | 0x1F00, TX_PAD)
        self.regs = Registers(board.uart[1])
        self.heard: list[int] = []
        self.wire: Wire = board.wire(RX_PAD, TX_PAD, self.heard.append)

    def setup(self, baud: int = 115200, fcr: int = 1, ier: int = PTIME, lcr: int = 3) -> None:
        divisor = round(APB0 / baud)
        regs = self.regs
        regs.write("lcr", 0x80)
        regs.write("ier_dlh", divisor >> 12)
        regs.write("rbr_thr_dll", divisor >> 4 & 0xFF)
        regs.write("dlf", divisor & 15)
        regs.write("lcr", lcr)
        regs.write("ier_dlh", ier)
        regs.write("iir_fcr", fcr)

    def byte_seconds(self, bits: int = 10, baud: int = 115200) -> float:
        return bits / baud

    def pending(self) -> bool:
        return bool(Registers(self.board.plic).read("pending", 0) >> 11 & 1)


@pytest.fixture
def port(board: Board) -> Port:
    port = Port(board)
    port.setup()
    return port


def test_the_divisor_has_sixteenths(port: Port) -> None:
    for baud in (9600, 115200, 921600, 1_500_000):
        port.setup(baud)
        assert port.board.uart[1].baud == pytest.approx(baud, rel=5e-3)


def test_the_divisor_hides_behind_lcr_bit_7(port: Port) -> None:
    regs = port.regs
    assert regs.read("ier_dlh") == PTIME
    regs.write("lcr", 0x83)
    assert regs.read("rbr_thr_dll") | regs.read("ier_dlh") << 8 == 1693 >> 4
    assert regs.read("dlf") == 1693 & 15


@pytest.mark.parametrize(("lcr", "bits"), [(3, 10), (2, 9), (7, 11), (0x1B, 11)])
def test_a_byte_takes_its_bits(port: Port, lcr: int, bits: int) -> None:
    port.setup(lcr=lcr)
    port.regs.write("rbr_thr_dll", 0x41)
    port.board.run(seconds=0.95 * port.byte_seconds(bits))
    assert port.heard == []
    port.board.run(seconds=0.1 * port.byte_seconds(bits))
    assert port.heard == [0x41]


def test_bit_5_of_lsr_means_full_with_ptime(port: Port) -> None:
    regs = port.regs
    assert not regs.read("lsr") & BIT5
    for count in range(17):  # one goes into the shifter
        assert not regs.read("lsr") & BIT5, count
        regs.write("rbr_thr_dll", count)
    assert regs.read("lsr") & BIT5
    with pytest.raises(RefusedError, match="full"):
        regs.write("rbr_thr_dll", 99)
    port.board.run(seconds=18 * port.byte_seconds())
    assert port.heard == list(range(17))
    assert regs.read("lsr") & 0x40


def test_bit_5_of_lsr_means_empty_without_ptime(port: Port) -> None:
    regs = port.regs
    port.setup(ier=0)
    assert regs.read("lsr") & BIT5
    regs.write("rbr_thr_dll", 1)
    regs.write("rbr_thr_dll", 2)
    assert not regs.read("lsr") & BIT5
    assert not regs.read("lsr") & 0x40
    port.board.run(seconds=1.1 * port.byte_seconds())
    assert regs.read("lsr") & BIT5  # the last byte is in the shifter
    assert not regs.read("lsr") & 0x40
    port.board.run(seconds=1.1 * port.byte_seconds())
    assert regs.read("lsr") & 0x40


def test_received_bytes_wait_in_sixteen_places(port: Port) -> None:
    port.wire.send(bytes(range(20)))
    port.board.run(seconds=30 * port.byte_seconds())
    assert port.regs.read("rfl") == 16
    got = []
    while port.regs.read("lsr") & 1:
        got.append(port.regs.read("rbr_thr_dll"))
        port.board.run(seconds=1.2 * port.byte_seconds())
    assert got == list(range(20))


def test_an_unpaced_host_overruns_and_lsr_tells_once(port: Port) -> None:
    port.wire.paced = False
    port.wire.send(bytes(range(20)))
    port.board.run(seconds=30 * port.byte_seconds())
    assert port.regs.read("lsr") & 2
    assert not port.regs.read("lsr") & 2
    assert port.board.uart[1].lost == 4
    assert [port.regs.read("rbr_thr_dll") for _ in range(16)] == list(range(16))


def test_the_receive_interrupt_has_a_trigger_and_a_timeout(port: Port) -> None:
    port.setup(fcr=1 | 1 << 6, ier=PTIME | 1)  # four bytes
    port.wire.send(b"abc")
    port.board.run(seconds=3.5 * port.byte_seconds())
    assert not port.pending()
    assert port.regs.read("iir_fcr") & 15 == 1
    port.board.run(seconds=4.5 * port.byte_seconds())
    assert port.pending()
    assert port.regs.read("iir_fcr") & 15 == 12
    port.regs.read("rbr_thr_dll")
    assert not port.pending()
    port.wire.send(b"de")
    port.board.run(seconds=2.5 * port.byte_seconds())
    assert port.regs.read("iir_fcr") & 15 == 4
    assert bytes(port.regs.read("rbr_thr_dll") for _ in range(4)) == b"bcde"
    assert not port.pending()


def test_the_transmit_interrupt_ends_with_a_look_at_iir(port: Port) -> None:
    port.setup(ier=2)
    assert port.pending()
    assert port.regs.read("iir_fcr") & 15 == 2
    assert not port.pending()
    port.regs.write("rbr_thr_dll", 1)
    port.regs.write("rbr_thr_dll", 2)
    port.regs.read("iir_fcr")
    assert not port.pending()
    port.board.run(seconds=1.1 * port.byte_seconds())
    assert port.pending()


def test_with_ptime_the_transmit_interrupt_has_a_trigger(port: Port) -> None:
    port.setup(ier=PTIME | 2, fcr=1 | 2 << 4)  # a quarter
    port.regs.read("iir_fcr")
    for byte in range(8):
        port.regs.write("rbr_thr_dll", byte)
    assert not port.pending()
    port.board.run(seconds=2.5 * port.byte_seconds())
    assert not port.pending()
    port.board.run(seconds=1 * port.byte_seconds())
    assert port.pending()
    assert port.regs.read("tfl") == 4


def test_lcr_is_ignored_while_busy(lenient: Board) -> None:
    port = Port(lenient)
    port.setup()
    port.regs.write("rbr_thr_dll", 1)
    assert port.regs.read("usr") & 1
    port.regs.write("lcr", 0x80)
    assert port.regs.read("lcr") == 3
    assert port.pending()
    assert port.regs.read("iir_fcr") & 15 == 7
    port.regs.read("usr")
    assert not port.pending()
    lenient.run(seconds=1.1 * port.byte_seconds())
    assert not port.regs.read("usr") & 1
    port.regs.write("lcr", 0x80)
    assert port.regs.read("lcr") == 0x80


def test_lcr_while_busy_is_refused(port: Port) -> None:
    port.regs.write("rbr_thr_dll", 1)
    with pytest.raises(RefusedError, match="busy"):
        port.regs.write("lcr", 0x80)


def test_a_wrong_rate_gives_garbage(port: Port) -> None:
    port.wire.host_baud = 9600
    port.regs.write("rbr_thr_dll", 0x41)
    port.wire.send(b"A")
    port.board.run(seconds=0.01)
    assert port.heard not in ([], [0x41])
    assert port.regs.read("rbr_thr_dll") != 0x41


def test_loopback_and_a_jumper_bring_bytes_back(port: Port) -> None:
    port.regs.write("mcr", 1 << 4)
    port.regs.write("rbr_thr_dll", 0x42)
    port.board.run(seconds=2 * port.byte_seconds())
    assert (port.regs.read("rbr_thr_dll"), port.heard) == (0x42, [])
    port.regs.write("mcr", 0)
    port.board.jumper(TX_PAD, RX_PAD)
    port.regs.write("rbr_thr_dll", 0x43)
    port.board.run(seconds=2 * port.byte_seconds())
    assert (port.regs.read("rbr_thr_dll"), port.heard) == (0x43, [0x43])


def test_the_console_pads_carry_whatever_port_is_on_them(port: Port) -> None:
    pads = Registers(port.board.fpioa)
    pads.write("io", 64 | 0x900000, 4)
    pads.write("io", 65 | 0x1F00, 5)
    port.regs.write("rbr_thr_dll", 0x44)
    port.board.send(b"E")
    port.board.run(seconds=2 * port.byte_seconds())
    assert port.board.take_output() == b"D"
    assert port.regs.read("rbr_thr_dll") == 0x45


def test_dma_sends_and_receives(port: Port) -> None:
    board, dma = port.board, Dma(port.board)
    text = b"forty bytes that go out and come back, ok"
    words = b"".join(bytes([byte, 0, 0, 0]) for byte in text)
    board.machine.ram[0x100000 : 0x100000 + len(words)] = words
    board.jumper(TX_PAD, RX_PAD)
    data = board.uart[1].base
    dma.select(0, 14)
    dma.select(1, 15)
    dma.start(0, P2M, data, TARGET, len(text), fixed=(True, False))
    dma.start(1, M2P, SOURCE, data, len(text), fixed=(False, True))
    start = board.seconds
    while dma.busy(0):
        board.run(seconds=1e-4)
        assert board.seconds - start < 1
    assert memory(board, TARGET, len(words)) == words
    assert board.seconds - start == pytest.approx(len(text) * port.byte_seconds(), rel=0.03)


def test_a_reset_stops_it(port: Port) -> None:
    port.regs.write("rbr_thr_dll", 0x41)
    port.regs.write("srr", 1)
    port.board.run(seconds=5 * port.byte_seconds())
    assert port.heard == []
    assert port.regs.read("lsr") == 0x60


@pytest.mark.parametrize(("name", "value"), [("mcr", 1 << 5), ("lcr", 1 << 6)])
def test_what_is_not_modelled_refuses(port: Port, name: str, value: int) -> None:
    with pytest.raises(RefusedError, match="not modelled"):
        port.regs.write(name, value)


def test_each_port_has_its_own_gate_and_pads(board: Board) -> None:
    sent: dict[int, list[int]] = {1: [], 2: [], 3: []}
    sinks: dict[int, Callable[[int], None]] = {index: sent[index].append for index in sent}
    for index in (1, 2, 3):
        with pytest.raises(RefusedError, match=f"uart{index}: .*bit {15 + index}"):
            Registers(board.uart[index]).read("lsr")
        enable(board, 15 + index)
        Registers(board.fpioa).write("io", 63 + 2 * index | 0x1F00, 20 + index)
        board.wire(30 + index, 20 + index, sinks[index])
        regs = Registers(board.uart[index])
        regs.write("lcr", 0x80)
        regs.write("rbr_thr_dll", APB0 // 115200 >> 4)
        regs.write("dlf", APB0 // 115200 & 15)
        regs.write("lcr", 3)
        regs.write("rbr_thr_dll", index)
    board.run(seconds=1e-3)
    assert sent == {1: [1], 2: [2], 3: [3]}
