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


def test_a_full_pool_says_so(library: ctypes.CDLL) -> None:
    library.pool_init(BASE, BASE + 10 * UNIT)
    assert library.pool_alloc(10 * UNIT + 1, WORK) == 0
    assert library.pool_alloc(2**63, WORK) == 0
    assert library.pool_alloc(2**64 - 1, WORK) == 0
    assert library.pool_alloc(10 * UNIT, WORK) == BASE
    assert library.pool_alloc(0, WORK) == 0


def test_the_table_has_an_end(library: ctypes.CDLL) -> None:
    library.pool_init(BASE, BASE + 1000 * UNIT)
    blocks = [library.pool_alloc(1, WORK) for _ in range(1000)]
    assert blocks[511] and not blocks[512]
    assert library.pool_largest() == 0
    library.pool_free(blocks[0])
    assert library.pool_largest() == 488 * UNIT


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
