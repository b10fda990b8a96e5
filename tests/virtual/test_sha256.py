# SPDX-License-Identifier: MIT
"""SHA256: digests word by word and by DMA, its time, and what it refuses."""

from __future__ import annotations

import hashlib
import struct

import pytest
from microkpu.virtual import Board, RefusedError

from virtual.support import Registers, enable, soon
from virtual.test_dmac import M2P, SOURCE, Dma

BYTES, ENABLE, FULL, DMA = 1 << 16, 1, 1 << 8, 1


def padded(message: bytes) -> list[int]:
    """FIPS 180-4, 5.1.1, as little-endian words."""
    rest = -(len(message) + 9) % 64
    data = message + b"\x80" + bytes(rest) + struct.pack(">Q", 8 * len(message))
    return [word for (word,) in struct.iter_unpack("<I", data)]


class Engine:
    def __init__(self, board: Board) -> None:
        self.board = board
        enable(board, 26)
        self.regs = Registers(board.blocks["sha256"])

    def begin(self, blocks: int) -> None:
        self.regs.write("num", blocks)
        self.regs.write("function_0", BYTES | ENABLE)

    def push(self, words: list[int]) -> None:
        for word in words:
            soon(self.board, lambda: not self.regs.read("function_1") & FULL)
            self.regs.write("data_in", word)

    def done(self) -> bool:
        return bool(self.regs.read("function_0") & ENABLE)

    def digest(self) -> bytes:
        soon(self.board, self.done)
        return struct.pack("<8I", *(self.regs.read("result", 7 - place) for place in range(8)))


@pytest.fixture
def engine(board: Board) -> Engine:
    return Engine(board)


@pytest.mark.parametrize("size", [0, 1, 3, 55, 56, 63, 64, 119, 120, 1000])
def test_digests(engine: Engine, size: int) -> None:
    message = bytes(range(256)) * 4
    words = padded(message[:size])
    engine.begin(len(words) // 16)
    engine.push(words)
    assert engine.digest() == hashlib.sha256(message[:size]).digest()
    assert engine.regs.read("num") == len(words) // 16 * 0x10001


def test_a_block_takes_its_rounds(engine: Engine) -> None:
    engine.begin(1)
    engine.push(padded(b"abc"))
    assert not engine.done()
    start = engine.board.seconds
    digest = engine.digest()
    assert engine.board.seconds - start >= 64 / 195e6
    # FIPS 180-4, its own example.
    assert digest.hex().startswith("ba7816bf8f01cfea414140de5dae2223b00361a3")


def test_dma_feeds_it(engine: Engine) -> None:
    message = bytes(range(250))
    words = padded(message)
    data = struct.pack(f"<{len(words)}I", *words)
    engine.board.machine.ram[0x100000 : 0x100000 + len(data)] = data
    dma = Dma(engine.board)
    dma.select(0, 21)
    engine.begin(len(words) // 16)
    dma.start(0, M2P, SOURCE, 0x502C0020, len(words), fixed=(False, True), burst=3)
    engine.regs.write("function_1", DMA)
    dma.wait(0)
    assert engine.digest() == hashlib.sha256(message).digest()


def test_a_second_message_begins_anew(engine: Engine) -> None:
    for message in (b"one", b"two"):
        engine.begin(1)
        engine.push(padded(message))
        assert engine.digest() == hashlib.sha256(message).digest()


def test_what_it_refuses(engine: Engine) -> None:
    regs = engine.regs
    with pytest.raises(RefusedError, match="before function_0 bit 0"):
        regs.write("data_in", 0)
    with pytest.raises(RefusedError, match="without bit 16"):
        regs.write("function_0", ENABLE)
    engine.begin(1)
    with pytest.raises(RefusedError, match="does not end as SHA-256 pads"):
        engine.push([0] * 16)
    engine.begin(1)
    engine.push(padded(b""))
    with pytest.raises(RefusedError, match="while a block is worked off"):
        regs.write("data_in", 0)
    engine.digest()
    with pytest.raises(RefusedError, match="more data than the 1 blocks"):
        regs.write("data_in", 0)
