# SPDX-License-Identifier: MIT
"""DMAC: six channels between memory and the devices that ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from microkpu.virtual.dmac_setup import (
    AI_RAM,
    BLOCK_TS,
    CH_CFG,
    CTL,
    DAR,
    M2M,
    M2P,
    MASK,
    SAR,
    Transfer,
    read_setup,
)
from microkpu.virtual.events import Events
from microkpu.virtual.registers import Block, Register

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

CHANNELS = 6
FIRST_IRQ = 27
CFG, CHEN, INTSTATUS, RESET = 0x10, 0x18, 0x30, 0x58
CHANNEL, STRIDE = 0x100, 0x100
INT_EN, INT_STATUS, INT_SIGNAL = 0x80, 0x88, 0x90
DMAC_EN, INT_ENABLE = 1, 2
BLOCK_DONE, DMA_DONE = 1, 2
# Time: an item of a copy takes 23/5 CPU cycles (a QVGA picture of three planes in 0.33 ms at
# 400 MHz), and every block some cycles to begin.
ITEM_CYCLES = (23, 5)
SETUP_CYCLES = 100
Items = npt.NDArray[Any]


def _channel(name: str, offset: int, access: str = "RW", reset: int = 0) -> Register:
    return Register(f"channel.{name}", CHANNEL + offset, access, 64, CHANNELS, STRIDE, reset=reset)


class Dmac(Block):
    REGISTERS: ClassVar = (
        Register("id", 0x00, "RO", 64),
        Register("compver", 0x08, "RO", 64),
        Register("cfg", CFG, "RW", 64),
        Register("chen", CHEN, "RW", 64, stored=False),
        Register("intstatus", INTSTATUS, "RO", 64),
        Register("com_intclear", 0x38, "WO", 64),
        Register("com_intstatus_en", 0x40, "RW", 64),
        Register("com_intsignal_en", 0x48, "RW", 64),
        Register("com_intstatus", 0x50, "RO", 64),
        Register("reset", RESET, "RW", 64, stored=False),
        _channel("sar", SAR),
        _channel("dar", DAR),
        _channel("block_ts", BLOCK_TS),
        _channel("ctl", CTL),
        _channel("cfg", CH_CFG),
        _channel("llp", 0x28),
        _channel("status", 0x30, "RO"),
        _channel("intstatus_en", INT_EN, reset=0xFFFFFFFF),
        _channel("intstatus", INT_STATUS, "RO"),
        _channel("intsignal_en", INT_SIGNAL, reset=0xFFFFFFFF),
        _channel("intclear", 0x98, "WO"),
    )
    NOT_MODELLED: ClassVar = (
        _channel("swhssrc", 0x38),
        _channel("swhsdst", 0x40),
        _channel("blk_tfr", 0x48, "WO"),
        _channel("axi_id", 0x50),
        _channel("axi_qos", 0x58),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self._transfers: dict[int, Transfer] = {}  # by channel

    def reset(self) -> None:
        for transfer in self._transfers.values():
            Events.cancel(transfer.event)
        self._transfers.clear()
        super().reset()
        for channel in range(CHANNELS):
            self._interrupt(channel)

    def at(self, channel: int, offset: int) -> int:
        """The index in `longs` of a channel's register."""
        return CHANNEL + STRIDE * channel + offset >> 3

    def write_reset(self, value: int) -> None:
        if value & 1:
            self.reset()

    def write_com_intclear(self, _: int) -> None:
        """Errors that this model refuses aloud instead of counting them."""

    # Interrupts.

    def _interrupt(self, channel: int) -> None:
        pending = self.longs[self.at(channel, INT_STATUS)]
        pending &= self.longs[self.at(channel, INT_SIGNAL)]
        level = bool(pending) and bool(self.longs[CFG >> 3] & INT_ENABLE)
        bit = 1 << channel
        status = self.longs[INTSTATUS >> 3]
        self.longs[INTSTATUS >> 3] = status | bit if pending else status & ~bit
        self.board.plic.set_line(FIRST_IRQ + channel, level)

    def write_cfg(self, value: int) -> None:
        for channel in range(CHANNELS):
            self._interrupt(channel)
        if value & DMAC_EN:
            return
        for channel in list(self._transfers):
            self._disable(channel)

    def write_channel_intsignal_en(self, channel: int, _: int) -> None:
        self._interrupt(channel)

    def write_channel_intclear(self, channel: int, value: int) -> None:
        self.longs[self.at(channel, INT_STATUS)] &= ~value & 0xFFFFFFFF
        self._interrupt(channel)

    # Starting and ending channels.

    def write_chen(self, value: int) -> None:
        for channel in range(CHANNELS):
            if value >> (32 + channel) & value >> (40 + channel) & 1:
                self._disable(channel)  # abort
            if not value >> (8 + channel) & 1:
                continue  # without its write-enable bit a channel stays as it is
            if not value >> channel & 1:
                self._disable(channel)
            elif channel not in self._transfers:
                self._enable(channel)

    def _disable(self, channel: int) -> None:
        transfer = self._transfers.pop(channel, None)
        if transfer is not None:
            Events.cancel(transfer.event)
        self.longs[CHEN >> 3] &= ~(1 << channel)

    def _enable(self, channel: int) -> None:
        if not self.longs[CFG >> 3] & DMAC_EN:
            self.refuse(f"channel {channel} enabled while the controller is not (cfg bit 0)")
        transfer = read_setup(self, channel)
        self._transfers[channel] = transfer
        self.longs[CHEN >> 3] |= 1 << channel
        if "dma" in self.board.tracer.wanted:
            self.board.tracer.note("dma", str(transfer))
        transfer.stuck = self.board.faults.met(f"dma{channel}")
        if transfer.stuck:
            return
        if transfer.kind == M2M:
            cycles = SETUP_CYCLES + transfer.left * ITEM_CYCLES[0] // ITEM_CYCLES[1]
            transfer.event = self.board.events.after(cycles, lambda: self._copy(transfer))
        else:
            self.board.dma_armed(transfer.request)

    # Moving data.

    def _memory(self, address: int, length: int, write: bool = False) -> memoryview:
        start = address & MASK
        if start + length > AI_RAM and not self.board.ai_ram_on:
            self.refuse(f"DMA at AI RAM {address:#010x} while {self.board.ai_ram_why}")
        self.board.device_touches(self, start, length, write)
        return self.board.machine.ram[start : start + length]

    def _load(self, transfer: Transfer, count: int) -> bytes:
        """The next `count` items of a source in memory."""
        size = transfer.source_size
        if transfer.empty:
            return bytes(count * size)
        if not transfer.source_step:
            return bytes(self._memory(transfer.source, size)) * count
        data = bytes(self._memory(transfer.source, count * size))
        transfer.source += count * size
        return data

    def _store(self, transfer: Transfer, data: bytes) -> None:
        size = transfer.target_size
        if not transfer.target_step:
            self._memory(transfer.target, size, write=True)[:] = data[-size:]
            return
        self._memory(transfer.target, len(data), write=True)[:] = data
        transfer.target += len(data)

    def _copy(self, transfer: Transfer) -> None:
        self._store(transfer, self._load(transfer, transfer.left))
        self._finish(transfer)

    def _finish(self, transfer: Transfer) -> None:
        channel = transfer.channel
        if "dma" in self.board.tracer.wanted:
            self.board.tracer.note("dma", f"channel {channel} done")
        self._disable(channel)
        enabled = self.longs[self.at(channel, INT_EN)]
        self.longs[self.at(channel, INT_STATUS)] |= (BLOCK_DONE | DMA_DONE) & enabled
        self._interrupt(channel)

    # The devices' side.

    def _waiting(self, request: int) -> Transfer | None:
        for transfer in self._transfers.values():
            if transfer.request == request and not transfer.stuck:
                return transfer
        return None

    def waiting(self, request: int) -> int:
        """How many items a channel still has for this handshake."""
        transfer = self._waiting(request)
        return (
            0
            if transfer is None
            else transfer.left
            * transfer.source_size
            // max(1, transfer.target_size if transfer.kind == M2P else transfer.source_size)
        )

    def push(self, request: int, items: Items) -> int:
        """A device hands items to its channel; gives how many it took."""
        transfer = self._waiting(request)
        if transfer is None:
            return 0
        taken = items[: transfer.left]
        self._store(transfer, taken.astype(f"<u{transfer.source_size}").tobytes())
        transfer.left -= len(taken)
        if not transfer.left:
            self._finish(transfer)
        return len(taken)

    def pull(self, request: int, limit: int | None) -> Items:
        """A device takes up to `limit` items from its channel, all of them for None."""
        transfer = self._waiting(request)
        if transfer is None:
            return np.empty(0, np.uint32)
        scale = max(1, transfer.target_size // transfer.source_size)
        count = transfer.left if limit is None else min(limit * scale, transfer.left)
        if transfer.source_size > transfer.target_size:
            wide = transfer.source_size // transfer.target_size
            count = transfer.left if limit is None else min(limit // wide, transfer.left)
        data = self._load(transfer, count)
        transfer.left -= count
        if not transfer.left:
            self._finish(transfer)
        return np.frombuffer(data, f"<u{transfer.target_size}")

    def end_of_result(self, request: int) -> None:
        """The KPU has sent its last word: a channel that wants one more ends here."""
        transfer = self._waiting(request)
        if transfer is not None and transfer.left <= 1:
            self._finish(transfer)
