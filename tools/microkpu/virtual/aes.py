# SPDX-License-Identifier: MIT
"""AES: ECB, CBC and GCM with keys of 128, 192 and 256 bits; the ciphers are cryptography's."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from cryptography.hazmat.primitives.ciphers import (
    AEADCipherContext,
    AEADEncryptionContext,
    Cipher,
    CipherContext,
    algorithms,
    modes,
)

from microkpu.virtual.registers import Block, DmaPort, Register

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

REQUEST = 20
TEXT_PORT, OUT_PORT = 0x40, 0x60
KEY, DECRYPT, MODE, IV, ENDIAN, DMA = (at >> 2 for at in (0x00, 0x10, 0x14, 0x18, 0x28, 0x30))
AAD_NUM, PC_NUM, TAG_CHK, OUT_TAG, KEY_EXT = (at >> 2 for at in (0x34, 0x3C, 0x48, 0x74, 0x84))
ECB, CBC, GCM = range(3)
BLOCK = 16
# What may be written before results are read: the vendor's driver moves 80 bytes at a time.
ROOM = 80
WRONG, RIGHT = 1, 2


class Aes(Block):
    REGISTERS: ClassVar = (
        Register("key", 0x00, "RW", count=4),
        Register("encrypt_sel", 0x10, "RW"),
        Register("mode_ctl", 0x14, "RW"),
        Register("iv", 0x18, "RW", count=4),
        Register("endian", 0x28, "RW"),
        Register("finish", 0x2C, "RO"),
        Register("dma_sel", 0x30, "RW"),
        Register("aad_num", 0x34, "RW"),
        Register("pc_num", 0x3C, "RW"),
        Register("text_data", TEXT_PORT, "WO"),
        Register("aad_data", 0x44, "WO"),
        Register("tag_chk", 0x48, "RO"),
        Register("data_in_flag", 0x4C, "RO"),
        Register("gcm_in_tag", 0x50, "WO", count=4),
        Register("out_data", OUT_PORT, "RO"),
        Register("enable", 0x64, "RW"),
        Register("data_out_flag", 0x68, "RO"),
        Register("tag_in_flag", 0x6C, "RO"),
        Register("tag_clear", 0x70, "WO"),
        Register("gcm_out_tag", 0x74, "RO", count=4),
        Register("key_ext", 0x84, "RW", count=4),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self._cipher: CipherContext | None = None
        self._aad = bytearray()
        self._text = bytearray()
        self._plain = bytearray()
        self._given = 0  # bytes of text that were worked off
        self._out: deque[int] = deque()
        self._in_tag: dict[int, int] = {}

    def reset(self) -> None:
        super().reset()
        self._cipher = None
        self._clear()

    def _clear(self) -> None:
        self._aad.clear()
        self._text.clear()
        self._plain.clear()
        self._out.clear()
        self._in_tag.clear()
        self._given = 0

    def dma_ports(self) -> dict[int, DmaPort]:
        return {REQUEST: DmaPort(OUT_PORT, False, 4)}

    # Setup.

    @property
    def _mode(self) -> int:
        return self.words[MODE] & 7

    def _bytes(self, first: int, count: int) -> bytes:
        """`count` words of which the last one stands first."""
        words = (self.words[first + place] for place in reversed(range(count)))
        return b"".join(word.to_bytes(4, "little") for word in words)

    def _number(self, word: int) -> int:
        return (self.words[word] + 1) & 0xFFFFFFFF

    def write_enable(self, value: int) -> None:
        if not value & 1:
            self._cipher = None
            return
        if self.words[MODE] & ~0x1F or self.words[MODE] >> 3 & 3 == 3 or self._mode > GCM:
            self.refuse(
                f"mode_ctl = {self.words[MODE]:#x}: a mode or an order that is not modelled"
            )
        if not self.words[ENDIAN] & 1:
            self.forbid("endian 0: how keys and text lie is not known then")
        self._clear()
        self.words[TAG_CHK] = 0
        self._cipher = self._make(bool(self.words[DECRYPT] & 1))

    def _make(self, decrypt: bool) -> CipherContext:
        extra = 2 * (self.words[MODE] >> 3 & 3)
        key = algorithms.AES(self._bytes(KEY_EXT, extra) + self._bytes(KEY, 4))
        mode: modes.Mode
        if self._mode == ECB:
            mode = modes.ECB()
        elif self._mode == CBC:
            mode = modes.CBC(self._bytes(IV, 4))
        else:
            mode = modes.GCM(self._bytes(IV, 3))
        cipher = Cipher(key, mode)
        return cipher.decryptor() if decrypt else cipher.encryptor()

    # Words in.

    def write_aad_data(self, value: int) -> None:
        if self._cipher is None or self._mode != GCM or len(self._aad) >= self._number(AAD_NUM):
            self.forbid("additional data that nobody asked for (mode_ctl, enable, aad_num)")
            return
        self._aad += value.to_bytes(4, "little")
        if len(self._aad) >= self._number(AAD_NUM):
            self._authenticate()

    def _authenticate(self) -> None:
        assert isinstance(self._cipher, AEADCipherContext)
        self._cipher.authenticate_additional_data(bytes(self._aad[: self._number(AAD_NUM)]))

    def write_text_data(self, value: int) -> None:
        total = self._number(PC_NUM)
        if self._cipher is None or self._given + len(self._text) >= total:
            self.forbid("text that nobody asked for (enable, pc_num)")
            return
        if not self.read_data_in_flag():
            self.forbid("text_data written while data_in_flag is 0: the word is lost")
            return
        if self._mode == GCM and len(self._aad) < self._number(AAD_NUM):
            self.forbid("text before all of the additional data")
        self._text += value.to_bytes(4, "little")
        if len(self._text) == BLOCK or self._given + len(self._text) >= total:
            self._work(min(len(self._text), total - self._given))

    def _work(self, size: int) -> None:
        """A block, or the rest of GCM's text."""
        assert self._cipher is not None
        if self._mode != GCM and size % BLOCK:
            self.refuse(f"a last block of {size} bytes: ECB and CBC have whole blocks only")
        data = bytes(self._text[:size])
        self._text.clear()
        self._given += size
        result = self._cipher.update(data)
        self._plain += result if self.words[DECRYPT] & 1 else data
        padded = result.ljust(-(-size // 4) * 4, b"\0")
        for place in range(0, len(padded), 4):
            self._out.append(int.from_bytes(padded[place : place + 4], "little"))
        if self._mode == GCM and self._given == self._number(PC_NUM):
            self._finish_tag()
        self._kick()

    def _finish_tag(self) -> None:
        """The tag of the text: worked out by encrypting, which the library tells it of."""
        cipher = self._make(False)
        assert isinstance(cipher, AEADEncryptionContext)
        cipher.authenticate_additional_data(bytes(self._aad[: self._number(AAD_NUM)]))
        cipher.update(bytes(self._plain))
        cipher.finalize()
        for place in range(4):
            word = int.from_bytes(cipher.tag[4 * place : 4 * place + 4], "big")
            self.words[OUT_TAG + 3 - place] = word

    # Words out.

    def read_data_in_flag(self) -> int:
        waiting = len(self._text) + 4 * len(self._out)
        return int(self._cipher is not None and waiting < ROOM)

    def read_data_out_flag(self) -> int:
        return int(bool(self._out))

    def read_finish(self) -> int:
        return int(self._cipher is not None and self._given == self._number(PC_NUM))

    def read_out_data(self) -> int:
        if not self._out:
            self.forbid("out_data read while data_out_flag is 0")
            return 0
        return self._out.popleft()

    def write_dma_sel(self, _: int) -> None:
        self._kick()

    def dma_armed(self, _: int) -> None:
        self._kick()

    def _kick(self) -> None:
        if self.words[DMA] & 1:
            while self._out and self.board.dmac.waiting(REQUEST):
                items = np.array([self._out.popleft()], np.uint32)
                self.board.dmac.push(REQUEST, items)

    # The tag.

    def read_tag_in_flag(self) -> int:
        return int(self._mode == GCM and self.read_finish())

    def write_gcm_in_tag(self, index: int, value: int) -> None:
        if not self.read_tag_in_flag():
            self.forbid("gcm_in_tag written while tag_in_flag is 0")
            return
        self._in_tag[index] = value
        if len(self._in_tag) == 4:
            given = b"".join(self._in_tag[3 - place].to_bytes(4, "little") for place in range(4))
            words = (self.words[OUT_TAG + 3 - place] for place in range(4))
            tag = b"".join(word.to_bytes(4, "big") for word in words)
            self.words[TAG_CHK] = RIGHT if given == tag else WRONG
            self._in_tag.clear()

    def write_tag_clear(self, _: int) -> None:
        self.words[TAG_CHK] = 0
