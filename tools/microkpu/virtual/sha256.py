# SPDX-License-Identifier: MIT
"""SHA256: digests of blocks that software has padded.

The digests are hashlib's, which pads by itself: so padding that is none of SHA-256 is refused.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, ClassVar

from microkpu.virtual.registers import Block, DmaPort, Register

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

REQUEST = 21
NUM, FUNCTION_0, FUNCTION_1 = 0x28 >> 2, 0x2C >> 2, 0x34 >> 2
ENABLE, OVERFLOW, BYTES, DMA, FULL = 1, 1 << 8, 1 << 16, 1, 1 << 8
BLOCK, LENGTH = 64, 8
BLOCK_CLOCKS = 64  # of APB0: a round each
WORDS_A_BURST = 16


class Sha256(Block):
    REGISTERS: ClassVar = (
        Register("result", 0x00, "RO", count=8),
        Register("data_in", 0x20, "WO"),
        Register("num", 0x28, "RW", stored=False),
        Register("function_0", 0x2C, "RW", stored=False),
        Register("function_1", 0x34, "RW", stored=False),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self._data = bytearray()
        self._ready = 0  # cycle at which the last block is worked off

    def reset(self) -> None:
        super().reset()
        self._data.clear()
        self._ready = 0

    def dma_ports(self) -> dict[int, DmaPort]:
        return {REQUEST: DmaPort(0x20, True, 4)}

    @property
    def _blocks(self) -> int:
        return self.words[NUM] & 0xFFFF

    @property
    def _busy(self) -> bool:
        return self.board.cycles < self._ready

    def write_num(self, value: int) -> None:
        if self._data and self._blocks and len(self._data) < BLOCK * self._blocks:
            self.forbid("num written in the middle of a message")
        self.words[NUM] = value & 0xFFFF

    def read_num(self) -> int:
        done = len(self._data) // BLOCK - (1 if self._busy else 0)
        return self._blocks | max(0, done) << 16

    def write_function_0(self, value: int) -> None:
        """Enable begins a message."""
        if not value & BYTES:
            self.forbid("function_0 without bit 16: the order of bytes is not known then")
        self.words[FUNCTION_0] = value & BYTES | value & ENABLE
        if value & ENABLE:
            self._data.clear()
            self._kick()

    def read_function_0(self) -> int:
        complete = bool(self._data) and len(self._data) == BLOCK * self._blocks
        done = complete and not self._busy
        return self.words[FUNCTION_0] & (BYTES | OVERFLOW) | (ENABLE if done else 0)

    def write_function_1(self, value: int) -> None:
        self.words[FUNCTION_1] = value & DMA
        self._kick()

    def read_function_1(self) -> int:
        return self.words[FUNCTION_1] | (FULL if self._busy else 0)

    def write_data_in(self, value: int) -> None:
        if self._busy:
            self.forbid("data_in written while a block is worked off (function_1 bit 8)")
        self._take(value.to_bytes(4, "little"))

    def dma_armed(self, _: int) -> None:
        self._kick()

    def _kick(self) -> None:
        """Takes a block from its DMA channel, and the next one when that is worked off."""
        if not self.words[FUNCTION_0] or not self.words[FUNCTION_1] & DMA or self._busy:
            return
        if self.board.dmac.waiting(REQUEST):
            for word in self.board.dmac.pull(REQUEST, WORDS_A_BURST):
                self._take(int(word).to_bytes(4, "little"))
            self.board.events.after(max(1, self._ready - self.board.cycles), self._kick)

    def _take(self, word: bytes) -> None:
        if not self.words[FUNCTION_0] & ENABLE:
            self.forbid("data before function_0 bit 0 is set")
        if len(self._data) >= BLOCK * self._blocks:
            self.words[FUNCTION_0] |= OVERFLOW
            self.forbid(f"more data than the {self._blocks} blocks that num says")
            return
        self._data += word
        if len(self._data) % BLOCK:
            return
        sysctl = self.board.sysctl
        self._ready = self.board.cycles + BLOCK_CLOCKS * sysctl.cpu_hz // sysctl.apb_hz(0)
        if len(self._data) == BLOCK * self._blocks:
            self._finish()

    def _finish(self) -> None:
        digest = hashlib.sha256(self._message()).digest()
        for place in range(8):
            word = int.from_bytes(digest[4 * place : 4 * place + 4], "little")
            self.words[7 - place] = word

    def _message(self) -> bytes:
        """What was padded."""
        bits = int.from_bytes(self._data[-LENGTH:], "big")
        message = bytes(self._data[: bits // 8])
        rest = self._data[len(message) : -LENGTH]
        if bits % 8 or not 1 <= len(rest) <= BLOCK or rest != b"\x80".ljust(len(rest), b"\0"):
            self.refuse("the last block does not end as SHA-256 pads: only that is modelled")
        return message
