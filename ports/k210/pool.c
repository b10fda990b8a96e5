// SPDX-License-Identifier: MIT
// The pool of pool.h: a table of blocks in address order, kept apart from the blocks themselves.
#include <string.h>

#include "pool.h"
#include "sdk/iomem.h"

// Blocks start and end on this many bytes: four cache lines, and what the KPU asks of weights and activation tables.
#define UNIT (256)
#define MAX_BLOCKS (512)

typedef struct {
    uint16_t start; // units from the pool's start
    uint16_t units;
    uint16_t kind;
} block_t;

static block_t blocks[MAX_BLOCKS];
static size_t block_count;
static uintptr_t pool_start;
static size_t pool_units;

static const char *const kind_names[POOL_KINDS] = {
    "gc", "work", "frame", "scratch", "model", "planes", "device",
};

static bool is_uncached(pool_kind_t kind) {
    return kind == POOL_MODEL || kind == POOL_PLANES || kind == POOL_DEVICE;
}

static size_t units_for(size_t bytes) {
    return bytes == 0 ? 1 : bytes / UNIT + (bytes % UNIT != 0);
}

static void *block_address(const block_t *block) {
    void *p = (void *)(pool_start + (uintptr_t)block->start * UNIT);
    return is_uncached(block->kind) ? iomem_uncached(p) : p;
}

// Where the gap before block i begins, and how many units it has; i == block_count is the gap at the end.
static size_t gap_start(size_t i) {
    return i == 0 ? 0 : (size_t)blocks[i - 1].start + blocks[i - 1].units;
}

static size_t gap_units(size_t i) {
    size_t end = i == block_count ? pool_units : blocks[i].start;
    return end - gap_start(i);
}

static block_t *find(const void *p) {
    uintptr_t offset = (uintptr_t)iomem_cached((void *)p) - pool_start;
    for (size_t i = 0; i < block_count; i++) {
        if ((uintptr_t)blocks[i].start * UNIT == offset) {
            return &blocks[i];
        }
    }
    return NULL;
}

static void *place(size_t i, size_t start, size_t units, pool_kind_t kind) {
    memmove(&blocks[i + 1], &blocks[i], (block_count - i) * sizeof(block_t));
    blocks[i] = (block_t) { start, units, kind };
    block_count++;
    if (is_uncached(kind)) {
        iomem_evict(); // no line that the last owner wrote may land in it later
    }
    return block_address(&blocks[i]);
}

void pool_init(void *start, void *end) {
    pool_start = ((uintptr_t)start + UNIT - 1) & ~(uintptr_t)(UNIT - 1);
    pool_units = ((uintptr_t)end - pool_start) / UNIT;
    block_count = 0;
}

void *pool_alloc(size_t bytes, pool_kind_t kind) {
    size_t units = units_for(bytes);
    if (block_count == MAX_BLOCKS || units > pool_units) {
        return NULL;
    }
    if (kind == POOL_MODEL) {
        for (size_t i = block_count + 1; i-- > 0;) {
            if (gap_units(i) >= units) {
                return place(i, gap_start(i) + gap_units(i) - units, units, kind);
            }
        }
    } else {
        for (size_t i = 0; i <= block_count; i++) {
            if (gap_units(i) >= units) {
                return place(i, gap_start(i), units, kind);
            }
        }
    }
    return NULL;
}

void *pool_realloc(void *old, size_t bytes, pool_kind_t kind) {
    if (old == NULL) {
        return pool_alloc(bytes, kind);
    }
    block_t *block = find(old);
    if (block == NULL || block->kind != kind) {
        return NULL;
    }
    size_t units = units_for(bytes);
    size_t had = block->units;
    if (units <= had + gap_units(block - blocks + 1)) {
        block->units = units;
        if (units > had && is_uncached(kind)) {
            iomem_evict();
        }
        return old;
    }
    void *moved = pool_alloc(bytes, kind);
    if (moved != NULL) {
        // Whole words: the uncached alias takes no floating point and dislikes bytes.
        const volatile uint64_t *from = old;
        volatile uint64_t *to = moved;
        for (size_t i = 0; i < had * (UNIT / 8); i++) {
            to[i] = from[i];
        }
        pool_free(old);
    }
    return moved;
}

static void drop(size_t i) {
    block_count--;
    memmove(&blocks[i], &blocks[i + 1], (block_count - i) * sizeof(block_t));
}

void pool_free(void *p) {
    block_t *block = p == NULL ? NULL : find(p);
    if (block != NULL) {
        drop(block - blocks);
    }
}

void pool_free_all(pool_kind_t kind) {
    for (size_t i = block_count; i-- > 0;) {
        if (blocks[i].kind == kind) {
            drop(i);
        }
    }
}

size_t pool_total(void) {
    return pool_units * UNIT;
}

size_t pool_free_bytes(void) {
    size_t units = pool_units;
    for (size_t i = 0; i < block_count; i++) {
        units -= blocks[i].units;
    }
    return units * UNIT;
}

size_t pool_largest(void) {
    size_t largest = 0;
    for (size_t i = 0; i <= block_count && block_count < MAX_BLOCKS; i++) {
        largest = gap_units(i) > largest ? gap_units(i) : largest;
    }
    return largest * UNIT;
}

size_t pool_used(pool_kind_t kind) {
    size_t units = 0;
    for (size_t i = 0; i < block_count; i++) {
        units += blocks[i].kind == kind ? blocks[i].units : 0;
    }
    return units * UNIT;
}

const char *pool_kind_name(pool_kind_t kind) {
    return (unsigned)kind < POOL_KINDS ? kind_names[kind] : "?";
}
