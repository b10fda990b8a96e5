# SPDX-License-Identifier: MIT
"""I2C0-2: master and slave with FIFOs of 8; a stop follows when the transmit FIFO runs dry."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from microkpu.virtual.events import Event, Events
from microkpu.virtual.fpioa import I2C0_SCLK
from microkpu.virtual.i2c_lines import Device
from microkpu.virtual.registers import Block, DmaPort, Register

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

FIRST_IRQ, FIRST_REQUEST = 8, 8
DEPTH = 8
CON, TAR, SAR, _, DATA, HIGH, LOW = range(7)
INTR_STAT, INTR_MASK, RAW, RX_TL, TX_TL = (at >> 2 for at in (0x2C, 0x30, 0x34, 0x38, 0x3C))
ENABLE, ABRT_SOURCE, DMA_CR, TDLR, RDLR = (at >> 2 for at in (0x6C, 0x80, 0x88, 0x8C, 0x90))
MASTER, TEN_BITS_SLAVE, RESTART, SLAVE_OFF, STOP_IF_ADDRESSED = 1, 1 << 3, 1 << 5, 1 << 6, 1 << 7
TEN_BITS_MASTER, TEN_BITS_TARGET = 1 << 4, 1 << 12
READ = 1 << 8
RX_UNDER, RX_OVER, RX_FULL, TX_OVER, TX_EMPTY, RD_REQ, TX_ABRT, RX_DONE = (
    1 << bit for bit in range(8)
)
ACTIVITY, STOP_DET, START_DET, GEN_CALL = (1 << bit for bit in range(8, 12))
LEVELS = RX_FULL | TX_EMPTY  # these follow the FIFOs, the others stay until they are read
NO_ADDRESS, NO_ADDRESS_10, NO_DATA = 1, 2, 1 << 3
BUSY, TX_ROOM, TX_IS_EMPTY, RX_HAS, RX_IS_FULL, MASTER_BUSY, SLAVE_BUSY = (
    1 << bit for bit in range(7)
)
DMA_RX, DMA_TX = 1, 2
BYTE_CLOCKS = 9
HZ_MAX = 1_000_000
Reader = Callable[["I2c"], int]


def _clearing(bits: int) -> Reader:
    """A register whose read clears events and tells whether one of them was there."""

    def read(self: I2c) -> int:
        seen = self.raw & bits
        self.raw &= ~bits
        self.update()
        return int(bool(seen))

    return read


class I2c(Block):
    REGISTERS: ClassVar = (
        Register("con", 0x00, "RW", reset=0x7F, stored=False),
        Register("tar", 0x04, "RW", reset=0x1055, stored=False),
        Register("sar", 0x08, "RW", reset=0x55, stored=False),
        Register("data_cmd", 0x10, "RW", stored=False),
        Register("ss_scl_hcnt", 0x14, "RW", reset=0x190),
        Register("ss_scl_lcnt", 0x18, "RW", reset=0x1D6),
        Register("intr_stat", 0x2C, "RO"),
        Register("intr_mask", 0x30, "RW", reset=0x8FF),
        Register("raw_intr_stat", 0x34, "RO"),
        Register("rx_tl", 0x38, "RW"),
        Register("tx_tl", 0x3C, "RW"),
        Register("clr_intr", 0x40, "RC"),
        Register("clr_rx_under", 0x44, "RC"),
        Register("clr_rx_over", 0x48, "RC"),
        Register("clr_tx_over", 0x4C, "RC"),
        Register("clr_rd_req", 0x50, "RC"),
        Register("clr_tx_abrt", 0x54, "RC"),
        Register("clr_rx_done", 0x58, "RC"),
        Register("clr_activity", 0x5C, "RC"),
        Register("clr_stop_det", 0x60, "RC"),
        Register("clr_start_det", 0x64, "RC"),
        Register("clr_gen_call", 0x68, "RC"),
        Register("enable", 0x6C, "RW"),
        Register("status", 0x70, "RO"),
        Register("txflr", 0x74, "RO"),
        Register("rxflr", 0x78, "RO"),
        Register("sda_hold", 0x7C, "RW", reset=1),
        Register("tx_abrt_source", 0x80, "RO"),
        Register("dma_cr", 0x88, "RW"),
        Register("dma_tdlr", 0x8C, "RW"),
        Register("dma_rdlr", 0x90, "RW"),
        Register("sda_setup", 0x94, "RW", reset=0x64),
        Register("enable_status", 0x9C, "RO"),
        Register("fs_spklen", 0xA0, "RW", reset=5),
    )
    NOT_MODELLED: ClassVar = (
        Register("general_call", 0x98, "RW"),
        Register("comp_param_1", 0xF4, "RO"),
        Register("comp_version", 0xF8, "RO"),
        Register("comp_type", 0xFC, "RO"),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        self.index = int(name[-1])
        super().__init__(board, name, base)
        self.scl_function = I2C0_SCLK + 2 * self.index
        self._tx: deque[int] = deque()
        self._rx: deque[int] = deque()
        self.raw = 0
        """Events so far; the levels among them are worked out by update()."""
        self._event: Event | None = None
        self._device: Device | None = None  # the one that answered
        self._running = False
        self._reading = False
        self._held = False  # given up: the transmit FIFO takes nothing until that was read
        self._addressed = False  # as a slave
        self._wanted = False  # as a slave: the master waits for a byte
        self.stops = 0
        """Stops that this controller has sent."""

    def functions(self) -> Iterable[int]:
        return (I2C0_SCLK + 2 * self.index, I2C0_SCLK + 2 * self.index + 1)

    @property
    def requests(self) -> tuple[int, int]:
        """DMA requests of receiving and sending."""
        return FIRST_REQUEST + 2 * self.index, FIRST_REQUEST + 2 * self.index + 1

    def dma_ports(self) -> dict[int, DmaPort]:
        receive, send = self.requests
        return {receive: DmaPort(0x10, False, 4), send: DmaPort(0x10, True, 4)}

    def reset(self) -> None:
        super().reset()
        self._stop_all()
        self.raw = 0
        self._held = False
        self.update()

    def _stop_all(self) -> None:
        Events.cancel(self._event)
        self._event = None
        self._tx.clear()
        self._rx.clear()
        self._leave_device()
        self._running = self._addressed = self._wanted = False

    # Setup.

    def _setup(self, name: str, word: int, value: int) -> None:
        if self.words[ENABLE] & 1 and value != self.words[word]:
            self.forbid(f"{name} written while enabled, which the chip ignores")
            return
        self.words[word] = value

    def write_con(self, value: int) -> None:
        self._setup("con", CON, value)

    def write_tar(self, value: int) -> None:
        self._setup("tar", TAR, value)

    def write_sar(self, value: int) -> None:
        self._setup("sar", SAR, value)

    def write_enable(self, value: int) -> None:
        if value & ~1:
            self.refuse(f"enable = {value:#x}: only bit 0 is modelled")
        self.put(0x9C, value)
        if not value:
            self._stop_all()
            self.raw &= RX_UNDER | RX_OVER | TX_OVER | TX_ABRT
        elif bool(self.words[CON] & MASTER) != bool(self.words[CON] & SLAVE_OFF):
            self.refuse(f"con = {self.words[CON]:#x}: master and slave at once, or neither")
        elif self.words[CON] & MASTER:
            self._check_rate()
        self.update()

    def _check_rate(self) -> None:
        if self._hz() > HZ_MAX:
            self.forbid(f"SCL at {self._hz():.0f} Hz: devices take up to {HZ_MAX}")

    def _hz(self) -> float:
        period = max(1, self.words[HIGH] + self.words[LOW])
        return self.board.sysctl.i2c_hz(self.index) / period

    @property
    def _is_slave(self) -> bool:
        return bool(self.words[ENABLE] & 1) and not self.words[CON] & (MASTER | SLAVE_OFF)

    # Events and levels.

    def update(self) -> None:
        """Works out the levels, the interrupt and what DMA may do."""
        self._feed_dma()
        full = RX_FULL if len(self._rx) > self.words[RX_TL] else 0
        enabled = self.words[ENABLE] & 1
        empty = TX_EMPTY if enabled and len(self._tx) <= self.words[TX_TL] else 0
        self.raw = self.raw & ~LEVELS | full | empty
        self.words[RAW] = self.raw
        self.words[INTR_STAT] = self.raw & self.words[INTR_MASK]
        self.board.plic.set_line(FIRST_IRQ + self.index, bool(self.words[INTR_STAT]))

    def write_intr_mask(self, _: int) -> None:
        self.update()

    def write_rx_tl(self, _: int) -> None:
        self.update()

    def write_tx_tl(self, _: int) -> None:
        self.update()

    read_clr_rx_under = _clearing(RX_UNDER)
    read_clr_rx_over = _clearing(RX_OVER)
    read_clr_tx_over = _clearing(TX_OVER)
    read_clr_rd_req = _clearing(RD_REQ)
    read_clr_rx_done = _clearing(RX_DONE)
    read_clr_activity = _clearing(ACTIVITY)
    read_clr_stop_det = _clearing(STOP_DET)
    read_clr_start_det = _clearing(START_DET)
    read_clr_gen_call = _clearing(GEN_CALL)

    def read_clr_tx_abrt(self) -> int:
        self.words[ABRT_SOURCE] = 0
        self._held = False
        seen = self.raw & TX_ABRT
        self.raw &= ~TX_ABRT
        self.update()
        return int(bool(seen))

    def read_clr_intr(self) -> int:
        seen = self.read_clr_tx_abrt()
        seen |= int(bool(self.raw & ~LEVELS))
        self.raw &= LEVELS
        self.update()
        return seen

    # FIFOs.

    def read_data_cmd(self) -> int:
        if not self._rx:
            self.raw |= RX_UNDER
            self.forbid("data_cmd read while nothing was received")
            self.update()
            return 0
        value = self._rx.popleft()
        self.update()
        return value

    def write_data_cmd(self, value: int) -> None:
        if not self.words[ENABLE] & 1:
            self.forbid("data_cmd written while the controller is off")
            return
        if self._held:
            return  # dropped: somebody is still to read that a transfer was given up
        if len(self._tx) >= DEPTH:
            self.raw |= TX_OVER
            self.forbid(f"data_cmd written while {DEPTH} entries wait: the byte is lost")
        else:
            self._push(value)
        self.update()

    def _push(self, value: int) -> None:
        self._tx.append(value & (READ | 0xFF))
        if self.words[CON] & MASTER and not self._running:
            self._begin()

    def read_txflr(self) -> int:
        return len(self._tx)

    def read_rxflr(self) -> int:
        return len(self._rx)

    def read_status(self) -> int:
        value = MASTER_BUSY if self._running else 0
        value |= SLAVE_BUSY if self._addressed else 0
        value |= BUSY if value else 0
        value |= TX_IS_EMPTY if not self._tx else 0
        value |= TX_ROOM if len(self._tx) < DEPTH else 0
        value |= RX_HAS if self._rx else 0
        return value | (RX_IS_FULL if len(self._rx) >= DEPTH else 0)

    def dma_armed(self, _: int) -> None:
        self.update()

    def write_dma_cr(self, _: int) -> None:
        self.update()

    def dma_burst(self, request: int, items: int) -> None:
        if request == self.requests[1] and items > DEPTH - self.words[TDLR]:
            self.forbid(f"DMA bursts of {items} with dma_tdlr {self.words[TDLR]}: bytes are lost")
        if request == self.requests[0] and items > self.words[RDLR] + 1:
            self.forbid(f"DMA bursts of {items} with dma_rdlr {self.words[RDLR]}: bytes repeat")

    def _feed_dma(self) -> None:
        if not self.words[ENABLE] & 1:
            return
        receive, send = self.requests
        dmac, control = self.board.dmac, self.words[DMA_CR]
        while control & DMA_RX and self._rx and dmac.waiting(receive):
            dmac.push(receive, np.array([self._rx.popleft()], np.uint32))
        while control & DMA_TX and len(self._tx) <= self.words[TDLR] and dmac.waiting(send):
            for item in dmac.pull(send, DEPTH - len(self._tx)):
                if not self._held:
                    self._push(int(item))

    # A transaction of the master's: start and address, bytes, a stop when nothing is left to do.

    def _after(self, clocks: int, call: Callable[[], None]) -> None:
        self._event = self.board.events.after(self.board.cycles_of(clocks / self._hz()), call)

    def _begin(self) -> None:
        self._running = True
        self.raw |= ACTIVITY
        self._start()

    def _start(self) -> None:
        """A start, or another one where the direction changes."""
        self._leave_device()
        self.raw |= START_DET
        self._reading = bool(self._tx[0] & READ)
        ten = self.words[CON] & TEN_BITS_MASTER or self.words[TAR] & TEN_BITS_TARGET
        self._after(1 + (2 if ten else 1) * BYTE_CLOCKS, self._address_sent)

    def _address_sent(self) -> None:
        ten = self.words[CON] & TEN_BITS_MASTER or self.words[TAR] & TEN_BITS_TARGET
        address = self.words[TAR] & (0x3FF if ten else 0x7F)
        lines = self.board.i2c_lines
        pair = lines.pair_of(self.scl_function)
        for device in lines.devices(pair, self) if pair is not None else ():
            if device.start(address, self._reading):
                self._tell(f"{address:#04x} {'read' if self._reading else 'write'} ack")
                self._device = device
                self._next()
                return
        self._tell(f"{address:#04x} {'read' if self._reading else 'write'} no answer")
        self._give_up(NO_ADDRESS_10 if ten else NO_ADDRESS)

    def _next(self) -> None:
        if not self._tx:
            self._after(1, self._stopped)
        elif bool(self._tx[0] & READ) == self._reading:
            entry = self._tx.popleft()
            self._after(BYTE_CLOCKS, lambda: self._byte_done(entry))
        elif self.words[CON] & RESTART:
            self._start()
        else:
            self._after(1, self._stopped)
        self.update()

    def _byte_done(self, entry: int) -> None:
        device = self._device
        assert device is not None
        if not entry & READ:
            taken = device.take(entry & 0xFF)
            self._tell(f"out {entry & 0xFF:02x} {'ack' if taken else 'nack'}")
            if taken:
                self._next()
            else:
                self._give_up(NO_DATA)
            return
        value = device.give()
        if value is None:  # the slave holds the clock
            self._after(1, lambda: self._byte_done(entry))
            return
        self._tell(f"in {value:02x}")
        if len(self._rx) >= DEPTH:
            self.raw |= RX_OVER
            self.forbid(f"a byte arrived while {DEPTH} wait: it is lost")
        else:
            self._rx.append(value)
        self._next()

    def _give_up(self, source: int) -> None:
        self.words[ABRT_SOURCE] |= source
        self.raw |= TX_ABRT
        self._tx.clear()
        self._held = True
        self._after(1, self._stopped)
        self.update()

    def _stopped(self) -> None:
        self._event = None
        self._tell("stop")
        self._leave_device()
        self._running = False
        self.stops += 1
        self.raw |= STOP_DET
        if self._tx:
            self._begin()
        self.update()

    def _tell(self, what: str) -> None:
        if "i2c" in self.board.tracer.wanted:
            self.board.tracer.note("i2c", f"{self.name} {what}")

    def _leave_device(self) -> None:
        if self._device is not None:
            self._device.stop()
            self._device = None

    # The slave's side: another controller is the master.

    def start(self, address: int, reading: bool) -> bool:
        mask = 0x3FF if self.words[CON] & TEN_BITS_SLAVE else 0x7F
        if not self._is_slave or address != self.words[SAR] & mask:
            return False
        self._addressed = True
        self._wanted = False
        self.raw |= START_DET | ACTIVITY
        if reading:
            self._tx.clear()
            self._want()
        self.update()
        return True

    def _want(self) -> None:
        self._wanted = True
        self.raw |= RD_REQ
        self.update()

    def take(self, byte: int) -> bool:
        if len(self._rx) >= DEPTH:
            self.raw |= RX_OVER
            self.update()
            return False
        self._rx.append(byte)
        self.update()
        return True

    def give(self) -> int | None:
        if not self._tx:
            if not self._wanted:
                self._want()
            return None
        self._wanted = False
        value = self._tx.popleft() & 0xFF
        self.update()
        return value

    def stop(self) -> None:
        self._addressed = False
        self._tx.clear()
        self.raw |= STOP_DET
        self.update()
