# SPDX-License-Identifier: MIT
"""AES register by register: NIST's vectors, long texts, GCM's tags, DMA, and what it refuses."""

from __future__ import annotations

import struct

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from microkpu.virtual import Board, RefusedError

from virtual.support import Registers, enable
from virtual.test_dmac import P2M, TARGET, Dma, memory

ECB, CBC, GCM = range(3)
# NIST SP 800-38A, F.1 and F.2: keys, the first block of text, its ciphers.
KEYS = {
    128: "2b7e151628aed2a6abf7158809cf4f3c",
    192: "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
    256: "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
}
TEXT = "6bc1bee22e409f96e93d7e117393172a"
IV = bytes(range(16))
ECB_CIPHERS = {
    128: "3ad77bb40d7a3660a89ecaf32466ef97",
    192: "bd334f1d6e45f25ff712a214571fa5cc",
    256: "f3eed1bdb5d2a03c064b5a7e3db181f8",
}
CBC_CIPHERS = {
    128: "7649abac8119b246cee98e9b12e9197d",
    192: "4f021db243bc633d7178183a9fa071e8",
    256: "f58c4c04d6e5f1ba779eabfb5f7bfbd6",
}


def words(data: bytes) -> list[int]:
    return [
        word for (word,) in struct.iter_unpack("<I", data.ljust(-(-len(data) // 4) * 4, b"\0"))
    ]


class Engine:
    def __init__(self, board: Board) -> None:
        self.board = board
        enable(board, 19)
        self.regs = Registers(board.blocks["aes"])

    def begin(
        self, mode: int, key: bytes, size: int, iv: bytes = b"", aad: bytes = b"", decrypt: int = 0
    ) -> None:
        regs = self.regs
        regs.write("endian", 1)
        for place, word in enumerate(reversed(words(key))):
            regs.write("key" if place < 4 else "key_ext", word, place % 4)
        for place, word in enumerate(reversed(words(iv))):
            regs.write("iv", word, place)
        regs.write("mode_ctl", mode | (len(key) // 8 - 2) << 3)
        regs.write("encrypt_sel", decrypt)
        regs.write("aad_num", len(aad) - 1 & 0xFFFFFFFF)
        regs.write("pc_num", size - 1)
        regs.write("enable", 1)
        for word in words(aad):
            regs.write("aad_data", word)

    def move(self, text: bytes) -> bytes:
        out: list[int] = []
        for word in words(text):
            assert self.regs.read("data_in_flag")
            self.regs.write("text_data", word)
            while self.regs.read("data_out_flag"):
                out.append(self.regs.read("out_data"))
        return struct.pack(f"<{len(out)}I", *out)[: len(text)]

    def tag(self) -> bytes:
        return struct.pack(
            ">4I", *(self.regs.read("gcm_out_tag", 3 - place) for place in range(4))
        )


@pytest.fixture
def engine(board: Board) -> Engine:
    return Engine(board)


@pytest.mark.parametrize("bits", KEYS)
@pytest.mark.parametrize(("mode", "ciphers"), [(ECB, ECB_CIPHERS), (CBC, CBC_CIPHERS)])
def test_vectors_of_nist(engine: Engine, mode: int, ciphers: dict[int, str], bits: int) -> None:
    key, text, cipher = (bytes.fromhex(each) for each in (KEYS[bits], TEXT, ciphers[bits]))
    engine.begin(mode, key, 16, IV)
    assert engine.move(text) == cipher
    assert engine.regs.read("finish")
    engine.begin(mode, key, 16, IV, decrypt=1)
    assert engine.move(cipher) == text


def test_cbc_goes_on_from_block_to_block(engine: Engine) -> None:
    """NIST SP 800-38A, F.2.1: the second block."""
    key, text = bytes.fromhex(KEYS[128]), bytes.fromhex(TEXT + "ae2d8a571e03ac9c9eb76fac45af8e51")
    engine.begin(CBC, key, 32, IV)
    assert engine.move(text)[16:].hex() == "5086cb9b507219ee95db113a917678b2"


@pytest.mark.parametrize("size", [1, 15, 16, 20, 63])
@pytest.mark.parametrize("aad", [b"", b"additional", bytes(20)])
def test_gcm_with_its_tag(engine: Engine, size: int, aad: bytes) -> None:
    key, nonce, text = bytes(range(32)), bytes(range(12)), bytes(range(100, 100 + size))
    wanted = AESGCM(key).encrypt(nonce, text, aad)
    engine.begin(GCM, key, size, nonce, aad)
    assert engine.move(text) + engine.tag() == wanted
    engine.begin(GCM, key, size, nonce, aad, decrypt=1)
    assert engine.move(wanted[:size]) == text
    assert engine.tag() == wanted[size:]
    for wrong in (0, 1):
        assert engine.regs.read("tag_in_flag") and not engine.regs.read("tag_chk")
        for place, word in enumerate(reversed(words(wanted[size:]))):
            engine.regs.write("gcm_in_tag", word ^ wrong, place)
        assert engine.regs.read("tag_chk") == 2 - wrong
        engine.regs.write("tag_clear", 0)


def test_results_go_by_dma(engine: Engine) -> None:
    dma = Dma(engine.board)
    dma.select(0, 20)
    engine.begin(ECB, bytes.fromhex(KEYS[128]), 160)
    engine.regs.write("dma_sel", 1)
    dma.start(0, P2M, 0x50450060, TARGET, 40, fixed=(True, False))
    assert engine.move(bytes.fromhex(TEXT) * 10) == b""
    assert memory(engine.board, TARGET, 160) == bytes.fromhex(ECB_CIPHERS[128]) * 10
    assert not dma.busy(0)


def test_what_it_refuses(engine: Engine) -> None:
    regs = engine.regs
    with pytest.raises(RefusedError, match="nobody asked for"):
        regs.write("text_data", 0)
    with pytest.raises(RefusedError, match="data_out_flag is 0"):
        regs.read("out_data")
    engine.begin(ECB, bytes(16), 17)
    with pytest.raises(RefusedError, match="whole blocks only"):
        engine.move(bytes(20))
    engine.begin(ECB, bytes(16), 160)
    for _ in range(20):
        regs.write("text_data", 0)
    with pytest.raises(RefusedError, match="the word is lost"):
        regs.write("text_data", 0)
    regs.write("endian", 0)
    with pytest.raises(RefusedError, match="not known"):
        regs.write("enable", 1)
    regs.write("mode_ctl", 3)
    with pytest.raises(RefusedError, match="not modelled"):
        regs.write("enable", 1)
