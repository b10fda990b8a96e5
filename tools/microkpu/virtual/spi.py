# SPDX-License-Identifier: MIT
"""SPI0, SPI1 and SPI3: the DW SSI master with its 32-deep FIFOs, by CPU or by DMA."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from microkpu.virtual.events import Event, Events
from microkpu.virtual.fpioa import NONE, SPI0_ARB, SPI1_ARB
from microkpu.virtual.spi_lines import (
    EEPROM,
    NO_CHIP,
    NO_WORDS,
    TX_RX,
    Chip,
    Setup,
    Words,
    pack,
    unpack,
)
from microkpu.virtual.spi_registers import (
    CTRLR1,
    DEPTH,
    DMACR,
    DMATDLR,
    ENDIAN,
    IMR,
    ISR,
    RISR,
    RXFLR,
    RXFTLR,
    SER,
    SR,
    SSIENR,
    TXFLR,
    TXFTLR,
    SpiRegisters,
)

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

# On this chip a 32nd word in the receive FIFO already overruns.
RX_DEPTH = 31
BUSY, TFNF, TFE, RFNE, RFF = 1, 2, 4, 8, 16
# In flight for ever.
NEVER = Event(0, 0, None)
TXE, TXO, RXU, RXO, RXF = 1, 2, 4, 8, 16
IRQ = {"spi0": 1, "spi1": 2, "spi3": 4}
ARBITRATION = {"spi0": SPI0_ARB, "spi1": SPI1_ARB}


class Spi(SpiRegisters):
    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self.chips: dict[int, Chip] = {}
        """Chips on lines that are no pads, by chip select."""
        self.overruns = 0
        self._tx: deque[int] = deque()
        self._rx: deque[int] = deque()
        self._chip: Chip | None = None  # selected
        self._event: Event | None = None  # the frame or burst in flight
        self._left = 0  # frames still to be received
        self._receiving = False
        self._control = False  # sending what an eeprom transfer sends first
        self._shown = -1  # the state that the registers show

    def reset(self) -> None:
        super().reset()
        self._raw = 0
        self._stop()
        self._show()

    @property
    def busy(self) -> bool:
        """Whether words are on the lines."""
        return self._event is not None

    # The registers that act.

    def write_ssienr(self, value: int) -> None:
        if not value & 1:
            self._stop()
        self._kick()

    def write_ser(self, value: int) -> None:
        if self._event is not None:
            self.forbid(f"ser = {value:#x} during a transfer: wait for sr (tfe and not busy)")
        if not value:
            self._deselect()
        self._kick()

    def write_dr(self, _: int, value: int) -> None:
        if not self.words[SSIENR >> 2] & 1:
            self.forbid("dr written while ssienr is 0: the word is lost")
        elif self._receiving:
            pass  # during a receive burst what is pushed is ignored
        elif len(self._tx) >= DEPTH:
            self._raw |= TXO
            self.forbid(f"dr written while the transmit FIFO holds {DEPTH} words")
        else:
            self._tx.append(value)
        self._kick()

    def read_dr(self, _: int) -> int:
        if not self._rx:
            self._raw |= RXU
            self.forbid("dr read while the receive FIFO is empty")
            return 0
        value = self._rx.popleft()
        self._update()
        return value

    def write_txftlr(self, _: int) -> None:
        self._show()

    def write_rxftlr(self, _: int) -> None:
        self._show()

    def write_imr(self, _: int) -> None:
        self._show()

    def write_dmacr(self, _: int) -> None:
        self._kick()

    def _read_clear(self, bits: int) -> int:
        was = int(bool(self._raw & bits))
        self._raw &= ~bits
        self._update()
        return was

    def read_txoicr(self) -> int:
        return self._read_clear(TXO)

    def read_rxoicr(self) -> int:
        return self._read_clear(RXO)

    def read_rxuicr(self) -> int:
        return self._read_clear(RXU)

    def read_icr(self) -> int:
        return self._read_clear(TXO | RXO | RXU)

    def _update(self) -> None:
        """Brings the registers up to date, where something has changed."""
        busy = self._event is not None
        state = len(self._tx) | len(self._rx) << 8 | busy << 16 | self._raw << 17
        if state != self._shown:
            self._show()
            self._shown = state

    def _show(self) -> None:
        words, sent, got = self.words, len(self._tx), len(self._rx)
        words[TXFLR >> 2], words[RXFLR >> 2] = sent, got
        state = TFNF if sent < DEPTH else 0
        state |= (0 if sent else TFE) | (RFNE if got else 0) | (RFF if got >= RX_DEPTH else 0)
        words[SR >> 2] = state | (BUSY if self._event is not None else 0)
        raw = self._raw | (TXE if sent <= words[TXFTLR >> 2] else 0)
        raw |= RXF if got > words[RXFTLR >> 2] else 0
        words[RISR >> 2] = raw
        words[ISR >> 2] = raw & words[IMR >> 2]
        self.board.plic.set_line(IRQ[self.name], bool(words[ISR >> 2]))

    # The transfer.

    def _stop(self) -> None:
        Events.cancel(self._event)
        self._event = None
        self._left = 0
        self._receiving = self._control = False
        self._tx.clear()
        self._rx.clear()
        self._deselect()

    def _deselect(self) -> None:
        if self._chip is not None:
            chip, self._chip = self._chip, None
            chip.deselect()

    def dma_armed(self, _: int) -> None:
        self._kick()

    def _kick(self) -> None:
        if self.words[SSIENR >> 2] & 1:
            self._take_dma()
            if self._event is None and self._tx and self.words[SER >> 2]:
                self._begin()
        self._update()

    def _take_dma(self) -> None:
        """Lets the DMA channel fill the transmit FIFO."""
        if self.words[DMACR >> 2] & 2 and len(self._tx) <= self.words[DMATDLR >> 2]:
            self._tx.extend(self.board.dmac.pull(self.tx_request, DEPTH - len(self._tx)).tolist())

    def _begin(self) -> None:
        setup = self.decode()
        clocks = 0
        if self._chip is None:
            if len(self._tx) < setup.header:
                return
            chip_select = self.words[SER >> 2].bit_length() - 1
            self._chip = self.board.tracer.chip(self.name, chip_select, self._find(chip_select))
            self._chip.select(self.hz)
            if self.board.faults.met(self.name):
                self._event = NEVER
                return
            clocks = self._send_header(setup) if setup.lines > 1 else 0
        if setup.lines > 1 and setup.tmod in (TX_RX, EEPROM):
            self.forbid(f"tmod {setup.tmod} on {setup.lines} lines, which the chip does not have")
        if setup.receives:
            if setup.lines == 1:
                self._tx.popleft()  # only starts the transfer
            self._tx.clear()
            self._start_receiving(clocks)
        else:
            self._control = setup.tmod == EEPROM
            if clocks:
                self._event = self.board.events.after(self.cycles(clocks), self._continue)
            else:
                self._send(setup)

    def _find(self, chip_select: int) -> Chip:
        """What the lines and pads reach now."""
        if self.clock == NONE:
            return self.chips.get(chip_select, NO_CHIP)
        arbitration = ARBITRATION[self.name]
        if not self.board.fpioa.input_level(arbitration):
            self.forbid(
                "a transfer while another master seems to own the lines: tie the arbitration "
                f"input, function {arbitration}, to 1 (fpioa tie_val, then tie_en)"
            )
        for socket in self.board.sockets:
            chip = socket.chip_on(self, chip_select)
            if chip is not None:
                return chip
        return self.chips.get(chip_select, NO_CHIP)

    def _send_header(self, setup: Setup) -> int:
        assert self._chip is not None
        clocks = 0
        if setup.inst_bits:
            self._chip.put(self._tx.popleft(), setup.inst_bits, setup.inst_lines)
            clocks += setup.inst_bits // setup.inst_lines
        if setup.addr_bits:
            self._chip.put(self._tx.popleft(), setup.addr_bits, setup.addr_lines)
            clocks += setup.addr_bits // setup.addr_lines
        if setup.wait and setup.receives:
            self._chip.dummy(setup.wait)
            clocks += setup.wait
        return max(clocks, 1)

    def _send(self, setup: Setup) -> None:
        """Shifts the next word out, or all that FIFO and DMA channel hold."""
        waiting = self.words[DMACR >> 2] & 2 and self.board.dmac.waiting(self.tx_request)
        if not waiting:
            word = self._shift(np.array([self._tx.popleft()], np.uint32), setup)
            cycles = self.cycles(setup.bits // setup.lines)
            self._event = self.board.events.after(cycles, lambda: self._arrived(word))
            return
        got = self._shift(np.array(self._tx, np.uint32), setup)
        frames = len(self._tx) + waiting
        self._tx.clear()
        # The channel is through when its last words fit into the FIFO.
        if frames <= DEPTH:
            self._send_rest(setup, frames, got)
        else:
            cycles = self.cycles((frames - DEPTH) * setup.bits // setup.lines)
            self._event = self.board.events.after(
                cycles, lambda: self._send_rest(setup, DEPTH, got)
            )

    def _send_rest(self, setup: Setup, frames: int, got: Words) -> None:
        """The channel's words go out, and the last `frames` take their time."""
        more = self._shift(self.board.dmac.pull(self.tx_request, None), setup)
        got = np.concatenate([got, more])
        cycles = self.cycles(frames * setup.bits // setup.lines)
        self._event = self.board.events.after(cycles, lambda: self._arrived(got))

    def _shift(self, frames: Words, setup: Setup) -> Words:
        """Puts words on the lines; gives what came in meanwhile, if somebody wants it."""
        assert self._chip is not None
        size, little = setup.bits // 8, bool(self.words[ENDIAN >> 2] & 1)
        data = pack(frames, size, little)
        if setup.tmod == TX_RX and setup.lines == 1:
            return unpack(self._chip.exchange(data), size, little)
        self._chip.feed(data, setup.lines)
        return NO_WORDS

    def _start_receiving(self, clocks: int) -> None:
        self._left = (self.words[CTRLR1 >> 2] & 0xFFFF) + 1
        self._receiving = True
        self._receive(clocks)

    def _receive(self, clocks: int = 0) -> None:
        """Takes the next word in, or the whole burst where a DMA channel waits for it."""
        assert self._chip is not None
        setup = self.decode()
        burst = self.words[DMACR >> 2] & 1 and self.board.dmac.waiting(self.rx_request)
        count = self._left if burst else 1
        self._left -= count
        size = setup.bits // 8
        data = self._chip.get(count * size, setup.lines)
        frames = unpack(data, size, bool(self.words[ENDIAN >> 2] & 1))
        clocks += count * setup.bits // setup.lines
        self._event = self.board.events.after(self.cycles(clocks), lambda: self._arrived(frames))

    def _arrived(self, frames: Words) -> None:
        if len(frames):
            if self.words[DMACR >> 2] & 1 and self.board.dmac.waiting(self.rx_request):
                words = np.concatenate([np.array(self._rx, np.uint32), frames])
                self._rx.clear()
                frames = words[self.board.dmac.push(self.rx_request, words) :]
            for frame in frames.tolist():
                if len(self._rx) < RX_DEPTH:
                    self._rx.append(frame)
                else:
                    self._raw |= RXO
                    self.overruns += 1
        self._continue()

    def _continue(self) -> None:
        """After a frame or burst: the next one, or the end of the transfer."""
        self._event = None
        self._take_dma()
        if self._left:
            self._receive()
        elif self._tx:
            self._send(self.decode())
        elif self._control:
            self._control = False
            self._start_receiving(0)
        else:
            self._receiving = False
            # The master lets the chip go as soon as it has nothing to send.
            self._deselect()
        self._update()
