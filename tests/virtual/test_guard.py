# SPDX-License-Identifier: MIT
"""The guard: devices that touch memory outside what is theirs, and memory that must not change."""

from __future__ import annotations

import pytest
from microkpu.virtual import Board
from microkpu.virtual.guard import Access

from virtual.test_dmac import M2M, SOURCE, TARGET, Dma
from virtual.test_dvp import RED_AT, RGB_AT, make
from virtual.test_dvp import Driver as Camera
from virtual.test_kpu import MODEL, UNITS, Driver, load

AI_RAM = range(0x40600000, 0x40800000)


@pytest.fixture
def kpu(board: Board) -> Driver:
    return Driver(board)


def test_a_layer_inside_its_memory_is_no_news(kpu: Driver) -> None:
    unit = load(UNITS[0])
    kpu.place(unit)
    # Either view of memory names the same bytes.
    kpu.board.guard.allow(range(MODEL, MODEL + len(unit.file)), range(0x80600000, 0x80800000))
    kpu.push(unit)
    kpu.wait()
    assert kpu.board.guard.outside == []


@pytest.mark.parametrize(("word", "name"), [(5, "weights"), (4, "bn"), (7, "activation")])
def test_a_parameter_block_that_leaves_the_model_by_a_byte_is_told(
    kpu: Driver, word: int, name: str
) -> None:
    unit = load(UNITS[0])
    kpu.place(unit)
    address = unit.words[word] >> 32
    sizes = {"weights": 65, "bn": 8 * 13, "activation": 144}  # 5 -> 13 channels of 1x1
    end = address + sizes[name]
    guard = kpu.board.guard
    guard.allow(range(MODEL, end - 1), range(end - 1, MODEL + len(unit.file)), AI_RAM)
    kpu.push(unit)
    assert guard.outside == [Access("kpu", f"{name} of layer 0", address, sizes[name], False)]
    assert str(guard.outside[0]).startswith(f"kpu reads {sizes[name]} bytes at {address:#x}")


def test_maps_are_told_as_reads_and_writes(kpu: Driver) -> None:
    unit = load(UNITS[0])
    kpu.place(unit)
    kpu.board.guard.allow(range(MODEL, MODEL + len(unit.file)))
    kpu.push(unit)
    told = [(access.what, access.written) for access in kpu.board.guard.outside]
    assert told == [("input of layer 0", False), ("output of layer 0", True)]
    # 5 and 13 channels of 16x8, four to a row of 64 bytes.
    assert [access.length for access in kpu.board.guard.outside] == [2 * 8 * 64, 4 * 8 * 64]


def test_dma_is_told_when_its_channel_starts(board: Board) -> None:
    board.guard.allow(range(SOURCE, SOURCE + 64))
    Dma(board).start(0, M2M, SOURCE, TARGET, 16)
    assert board.guard.outside == [Access("dmac", "target of channel 0", TARGET, 64, True)]


def test_a_sink_may_end_the_run_at_once(board: Board) -> None:
    board.guard.allow()

    def end(access: Access) -> None:
        raise AssertionError(access.what)

    board.guard.on_outside(end)
    with pytest.raises(AssertionError, match="source of channel 0"):
        Dma(board).start(0, M2M, SOURCE, TARGET, 16)


def test_a_frame_is_told_by_its_outputs() -> None:
    camera = Camera(make())
    camera.set_up()
    board = camera.board
    board.guard.allow(range(RED_AT, RED_AT + 0x10000))
    camera.shoot()
    assert [access.what for access in board.guard.outside] == ["rgb_addr"]
    assert board.guard.outside[0].address == RGB_AT


def test_memory_that_must_not_change(board: Board) -> None:
    guard = board.guard
    guard.keep(range(TARGET, TARGET + 100), range(SOURCE, SOURCE + 100))
    assert guard.changed() == []
    board.machine.ram[(TARGET & 0x7FFFFF) + 99] ^= 1
    board.machine.ram[(TARGET & 0x7FFFFF) + 100] ^= 1
    assert guard.changed() == [TARGET + 99]
    guard.off()
    assert guard.changed() == []


def test_a_store_where_none_may_be_is_told_with_its_place(board: Board) -> None:
    # lui t0, 0x80200; sw zero, 8(t0); sw zero, 12(t0); lw t1, 8(t0); 1: j 1b
    code = (0x802002B7, 0x0002A423, 0x0002A623, 0x0082A303, 0x0000006F)
    board.machine.ram[0:20] = b"".join(word.to_bytes(4, "little") for word in code)
    board.machine.set_code()
    board.machine.set_pc(0, 0x80000000)
    guard = board.guard
    guard.forbid_stores(range(0x4020000C, 0x40200010))
    board.run(seconds=1e-6)
    told = Access("hart 0", "store before pc 0x8000000c", 0x4020000C, 1, True)
    assert guard.outside == [told]
    assert board.machine.pc(0) == 0x80000010  # and the run went on
    guard.off()
    board.machine.set_pc(0, 0x80000000)
    board.run(seconds=1e-6)
    assert guard.outside == [told]


def test_what_a_hart_stores_shows_as_a_change(board: Board) -> None:
    # lui t0, 0x80200; sw zero, 8(t0); 1: j 1b
    code = (0x802002B7, 0x0002A423, 0x0000006F)
    board.machine.ram[0:12] = b"".join(word.to_bytes(4, "little") for word in code)
    board.machine.set_code()
    board.machine.set_pc(0, 0x80000000)
    board.guard.keep(range(0x80200000, 0x80201000))
    board.run(seconds=1e-6)
    assert board.guard.changed() == [0x40200008]
