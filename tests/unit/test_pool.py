# SPDX-License-Identifier: MIT
"""The pool's table, compiled for the host: places, accounts, random use against a plain model."""

import ctypes
import random
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("gc", "work", "frame", "scratch", "model", "planes", "device")
GC, WORK, FRAME, SCRATCH, MODEL, PLANES, DEVICE = range(7)
UNCACHED = 1 << 62  # the host's stand-in for the second alias
UNIT = 256

IS_USED = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_uint64, ctypes.c_size_t)

STUB = f"""
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define U {UNCACHED}ul
static inline void *iomem_uncached(const void *p) {{ return (void *)((uintptr_t)p | U); }}
static inline void *iomem_cached(const void *p) {{ return (void *)((uintptr_t)p & ~U); }}
extern int evictions;
static inline void iomem_evict(void) {{ evictions++; }}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("pool")
    (folder / "sdk").mkdir()
    (folder / "sdk/iomem.h").write_text(STUB)
    (folder / "evictions.c").write_text("int evictions;\n")
    out = folder / "pool.so"
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    flags += [f"-I{folder}", f"-I{ROOT}/ports/k210", "-o", str(out)]
    sources = [f"{ROOT}/ports/k210/pool.c", f"{folder}/evictions.c"]
    subprocess.run(["gcc", *flags, *sources], check=True)
    pool = ctypes.CDLL(str(out))
    for name in ("pool_alloc", "pool_realloc"):
        getattr(pool, name).restype = ctypes.c_uint64
    for name in ("pool_total", "pool_free_bytes", "pool_largest", "pool_used"):
        getattr(pool, name).restype = ctypes.c_size_t
    pool.pool_kind_name.restype = ctypes.c_char_p
    pool.pool_init.argtypes = [ctypes.c_uint64, ctypes.c_uint64]
    pool.pool_alloc.argtypes = [ctypes.c_size_t, ctypes.c_int]
    pool.pool_realloc.argtypes = [ctypes.c_uint64, ctypes.c_size_t, ctypes.c_int]
    pool.pool_free.argtypes = [ctypes.c_uint64]
    pool.pool_lend.argtypes = [ctypes.c_uint64]
    pool.pool_reclaim.argtypes = [IS_USED]
    return pool


BASE = 0x80000000


def test_models_come_from_the_top_and_the_rest_from_the_bottom(library: ctypes.CDLL) -> None:
    library.pool_init(BASE + 1, BASE + 100 * UNIT)
    assert library.pool_total() == 99 * UNIT
    assert library.pool_alloc(1, WORK) == BASE + UNIT
    assert library.pool_alloc(UNIT + 1, MODEL) == (BASE + 98 * UNIT) | UNCACHED
    assert library.pool_alloc(0, FRAME) == BASE + 2 * UNIT
    assert library.pool_largest() == library.pool_free_bytes() == 95 * UNIT


def test_a_device_block_is_uncached_and_nothing_of_it_stays_in_the_cache(
    library: ctypes.CDLL,
) -> None:
    library.pool_init(BASE, BASE + 100 * UNIT)
    evictions = ctypes.c_int.in_dll(library, "evictions")
    before = evictions.value
    assert library.pool_alloc(10, FRAME) < UNCACHED
    assert evictions.value == before
    assert library.pool_alloc(10, DEVICE) & UNCACHED
    assert library.pool_alloc(10, PLANES) & UNCACHED
    assert evictions.value == before + 2


def test_a_block_is_freed_through_either_alias(library: ctypes.CDLL) -> None:
    library.pool_init(BASE, BASE + 100 * UNIT)
    block = library.pool_alloc(5000, DEVICE)
    library.pool_free(block & ~UNCACHED)
    assert library.pool_used(DEVICE) == 0
    library.pool_free(block)
    library.pool_free(0)
    assert library.pool_free_bytes() == 100 * UNIT


def test_a_lent_block_stays_until_nobody_uses_it(library: ctypes.CDLL) -> None:
    library.pool_init(BASE, BASE + 100 * UNIT)
    lent, other = library.pool_alloc(2 * UNIT, FRAME), library.pool_alloc(1, DEVICE)
    library.pool_lend(lent)
    library.pool_lend(0)
    asked: list[tuple[int, int]] = []
    used = True

    def is_used(start: int, size: int) -> bool:
        asked.append((start, size))
        return used

    library.pool_reclaim(IS_USED(is_used))
    assert not asked  # its owner has it still
    library.pool_free(lent)
    library.pool_free(lent)
    library.pool_free(other)
    assert (library.pool_used(FRAME), library.pool_used(DEVICE)) == (2 * UNIT, 0)
    assert library.pool_realloc(lent, 1, FRAME) == 0
    library.pool_reclaim(IS_USED(is_used))
    assert asked == [(lent, 2 * UNIT)] and library.pool_used(FRAME) == 2 * UNIT
    used = False
    library.pool_reclaim(IS_USED(is_used))
    assert library.pool_free_bytes() == 100 * UNIT
    library.pool_reclaim(IS_USED(is_used))
    assert len(asked) == 2


def test_a_soft_reset_drops_what_is_lent(library: ctypes.CDLL) -> None:
    library.pool_init(BASE, BASE + 100 * UNIT)
    for _ in range(3):
        block = library.pool_alloc(UNIT, FRAME)
        library.pool_lend(block)
        library.pool_free(block)
    library.pool_free_all(FRAME)
    assert library.pool_free_bytes() == 100 * UNIT
    block = library.pool_alloc(UNIT, FRAME)
    library.pool_lend(block)
    library.pool_free(block)
    library.pool_reclaim(IS_USED())
    assert library.pool_free_bytes() == 100 * UNIT


def test_a_full_pool_says_so(library: ctypes.CDLL) -> None:
    library.pool_init(BASE, BASE + 10 * UNIT)
    assert library.pool_alloc(10 * UNIT + 1, WORK) == 0
    assert library.pool_alloc(2**63, WORK) == 0
    assert library.pool_alloc(2**64 - 1, WORK) == 0
    assert library.pool_alloc(10 * UNIT, WORK) == BASE
    assert library.pool_alloc(0, WORK) == 0


class Memory:
    """A pool on memory that is there, so that the table can move into it."""

    def __init__(self, pool: ctypes.CDLL, units: int) -> None:
        self._bytes = ctypes.create_string_buffer((units + 1) * UNIT)
        self.start = (ctypes.addressof(self._bytes) + UNIT - 1) & -UNIT
        self._pool = pool
        self.held: dict[int, tuple[int, int]] = {}  # block -> bytes, what it is filled with
        pool.pool_init(self.start, self.start + units * UNIT)

    def alloc(self, size: int, kind: int, fill: int) -> bool:
        block = self._pool.pool_alloc(size, kind)
        if block:
            self.held[block] = size, fill
            ctypes.memset(block & ~UNCACHED, fill, size)
        return bool(block)

    def free(self, block: int) -> None:
        self.check(block)
        del self.held[block]
        self._pool.pool_free(block)

    def check(self, block: int) -> None:
        size, fill = self.held[block]
        assert ctypes.string_at(block & ~UNCACHED, size) == bytes([fill]) * size


def test_there_may_be_as_many_blocks_as_fit(library: ctypes.CDLL) -> None:
    memory = Memory(library, 6000)
    count = 0
    while memory.alloc(UNIT, (WORK, MODEL)[count % 2], count % 251):
        count += 1
    assert count > 5800  # the table needs the rest
    used = library.pool_used(WORK) + library.pool_used(MODEL)
    assert used == count * UNIT
    assert used + library.pool_free_bytes() < 6000 * UNIT
    for block in list(memory.held):
        memory.free(block)
    assert library.pool_largest() == library.pool_free_bytes() == 6000 * UNIT


def test_a_whole_kind_of_many_blocks_goes_at_once(library: ctypes.CDLL) -> None:
    memory = Memory(library, 3000)
    for count in range(1000):
        assert memory.alloc(UNIT, (WORK, FRAME, MODEL)[count % 3], count % 251)
    library.pool_free_all(FRAME)
    assert [library.pool_used(kind) // UNIT for kind in (WORK, FRAME, MODEL)] == [334, 0, 333]
    for block in memory.held:
        memory.check(block)
    library.pool_free_all(MODEL)
    library.pool_free_all(WORK)
    assert library.pool_largest() == library.pool_free_bytes() == 3000 * UNIT


def test_a_table_that_cannot_grow_says_so_until_a_block_is_freed(library: ctypes.CDLL) -> None:
    memory = Memory(library, 130)
    while memory.alloc(UNIT, WORK, 7):
        pass
    assert len(memory.held) == 128
    assert library.pool_largest() == 0
    assert library.pool_free_bytes() == 2 * UNIT
    for block in list(memory.held)[:5]:
        memory.free(block)
    assert library.pool_largest() == 5 * UNIT
    for _ in range(5):
        assert memory.alloc(1, WORK, 8)
    assert library.pool_largest() == 0


@pytest.mark.parametrize("seed", range(4))
def test_random_use_of_many_blocks(library: ctypes.CDLL, seed: int) -> None:
    rng = random.Random(seed)
    memory = Memory(library, 2000)
    most = 0
    for step in range(6000):
        grows = step % 3000 < 1800
        if memory.held and rng.random() < (0.3 if grows else 0.75):
            memory.free(rng.choice(list(memory.held)))
        else:
            memory.alloc(rng.randrange(1, 3 * UNIT), rng.randrange(7), rng.randrange(256))
        most = max(most, len(memory.held))
        largest = library.pool_largest()
        assert not memory.alloc(largest + 1, WORK, 0)
        if largest:
            assert memory.alloc(largest, WORK, 0)
            memory.free(next(reversed(memory.held)))
            assert library.pool_largest() == largest
    assert most > 300
    for block in list(memory.held):
        memory.free(block)
    assert library.pool_free_bytes() == 2000 * UNIT


def test_realloc_moves_the_content_when_it_must(library: ctypes.CDLL) -> None:
    memory = ctypes.create_string_buffer(101 * UNIT)
    start = (ctypes.addressof(memory) + UNIT - 1) & -UNIT
    library.pool_init(start, start + 100 * UNIT)
    first = library.pool_alloc(2 * UNIT, WORK)
    assert library.pool_realloc(first, 3 * UNIT, WORK) == first
    library.pool_alloc(UNIT, WORK)
    ctypes.memset(first, 0xA5, 3 * UNIT)
    moved = library.pool_realloc(first, 4 * UNIT, WORK)
    assert moved == start + 4 * UNIT
    assert ctypes.string_at(moved, 3 * UNIT) == b"\xa5" * (3 * UNIT)
    assert library.pool_realloc(moved, 200 * UNIT, WORK) == 0
    assert library.pool_used(WORK) == 5 * UNIT
    assert library.pool_realloc(moved, 1, WORK) == moved
    assert library.pool_used(WORK) == 2 * UNIT
    assert library.pool_realloc(moved, 1, FRAME) == 0


def test_a_whole_kind_goes_at_once(library: ctypes.CDLL) -> None:
    library.pool_init(BASE, BASE + 100 * UNIT)
    for kind in (GC, WORK, GC, MODEL):
        library.pool_alloc(3 * UNIT, kind)
    library.pool_free_all(GC)
    assert [library.pool_used(kind) // UNIT for kind in range(7)] == [0, 3, 0, 0, 3, 0, 0]
    assert [library.pool_kind_name(kind).decode() for kind in range(7)] == list(KINDS)


@pytest.mark.parametrize("seed", range(8))
def test_random_use_never_overlaps_and_accounts_for_every_byte(
    library: ctypes.CDLL, seed: int
) -> None:
    rng = random.Random(seed)
    units = 400
    library.pool_init(BASE, BASE + units * UNIT)
    held: dict[int, tuple[int, int]] = {}  # address -> units, kind
    for _ in range(2000):
        if held and rng.random() < 0.48:
            block = rng.choice(list(held))
            library.pool_free(block)
            del held[block]
        else:
            size, kind = rng.randrange(1, 40 * UNIT), rng.randrange(7)
            block = library.pool_alloc(size, kind)
            wanted = -(-size // UNIT)
            owner: list[int | None] = [None] * units
            for other, (count, _) in held.items():
                first = ((other & ~UNCACHED) - BASE) // UNIT
                owner[first : first + count] = [other] * count
            gaps = "".join("x" if o else "." for o in owner).split("x")
            if block == 0:
                assert max(map(len, gaps)) < wanted
                continue
            first = ((block & ~UNCACHED) - BASE) // UNIT
            assert not any(owner[first : first + wanted]) and first + wanted <= units
            held[block] = (wanted, kind)
        for kind in range(7):
            assert library.pool_used(kind) == UNIT * sum(n for n, k in held.values() if k == kind)
        assert library.pool_free_bytes() == UNIT * (units - sum(n for n, _ in held.values()))
