// SPDX-License-Identifier: MIT
// The pool of pool.h: a table of blocks in address order, kept apart from the blocks themselves. The table moves into
// a block of its own while there are many.
#include <stdbool.h>
#include <string.h>

#include "pool.h"
#include "sdk/iomem.h"

// Blocks start and end on this many bytes: four cache lines, and what the KPU asks of weights and activation tables.
#define UNIT (256)
#define FIRST_BLOCKS (128)
// The kind of the table's own block, which no caller sees.
#define TABLE (POOL_KINDS)

typedef struct {
    uint16_t start; // units from the pool's start
    uint16_t units;
    uint8_t kind;
    bool lent : 1, freed : 1; // freed: by its owner, and still there for those that it was lent to
} block_t;

static block_t first_blocks[FIRST_BLOCKS];
static block_t *blocks = first_blocks;
static size_t block_room = FIRST_BLOCKS;
static size_t block_count;
static size_t freed_count; // blocks that are `freed`
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

static block_t *insert(size_t start, size_t units, unsigned kind) {
    size_t i = block_count;
    for (; i > 0 && blocks[i - 1].start > start; i--) {
        blocks[i] = blocks[i - 1];
    }
    blocks[i] = (block_t) { start, units, kind, false, false };
    block_count++;
    return &blocks[i];
}

static void drop(size_t i) {
    block_count--;
    memmove(&blocks[i], &blocks[i + 1], (block_count - i) * sizeof(block_t));
}

static void use_table(block_t *table, size_t room) {
    block_t *old = find(blocks);
    size_t i = old == NULL ? block_count : (size_t)(old - blocks);
    memcpy(table, blocks, block_count * sizeof(block_t));
    blocks = table;
    block_room = room;
    if (i < block_count) {
        drop(i);
    }
}

// Moves the table into the first gap of so many units, and notes the gap as taken.
static bool move_table(size_t units) {
    for (size_t i = 0; i <= block_count; i++) {
        if (gap_units(i) >= units) {
            size_t start = gap_start(i);
            use_table((block_t *)(pool_start + start * UNIT), units * UNIT / sizeof(block_t));
            insert(start, units, TABLE);
            return true;
        }
    }
    return false;
}

// Twice as large, or as much larger as a gap allows. Where none does, no block can be given until one is freed.
static void grow_table(void) {
    size_t units = units_for(block_room * sizeof(block_t));
    for (size_t more = units; more > 0 && !move_table(units + more); more /= 2) {
    }
}

static void shrink_table(void) {
    if (blocks != first_blocks && block_count <= FIRST_BLOCKS / 2) {
        use_table(first_blocks, FIRST_BLOCKS);
    }
}

static void *place(size_t start, size_t units, pool_kind_t kind) {
    void *p = block_address(insert(start, units, kind));
    if (is_uncached(kind)) {
        iomem_evict(); // no line that the last owner wrote may land in it later
    }
    if (block_count == block_room) {
        grow_table();
    }
    return p;
}

void pool_init(void *start, void *end) {
    pool_start = ((uintptr_t)start + UNIT - 1) & ~(uintptr_t)(UNIT - 1);
    pool_units = ((uintptr_t)end - pool_start) / UNIT;
    blocks = first_blocks;
    block_room = FIRST_BLOCKS;
    block_count = freed_count = 0;
}

void *pool_alloc(size_t bytes, pool_kind_t kind) {
    size_t units = units_for(bytes);
    if (block_count == block_room || units > pool_units) {
        return NULL;
    }
    if (kind == POOL_MODEL) {
        for (size_t i = block_count + 1; i-- > 0;) {
            if (gap_units(i) >= units) {
                return place(gap_start(i) + gap_units(i) - units, units, kind);
            }
        }
    } else {
        for (size_t i = 0; i <= block_count; i++) {
            if (gap_units(i) >= units) {
                return place(gap_start(i), units, kind);
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
    if (block == NULL || block->kind != kind || block->freed) {
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

void pool_free(void *p) {
    block_t *block = p == NULL ? NULL : find(p);
    if (block != NULL && block->lent) {
        freed_count += !block->freed;
        block->freed = true;
    } else if (block != NULL && block->kind != TABLE) {
        drop(block - blocks);
        shrink_table();
    }
}

void pool_lend(void *p) {
    block_t *block = p == NULL ? NULL : find(p);
    if (block != NULL && block->kind != TABLE) {
        block->lent = true;
    }
}

void pool_reclaim(bool (*is_used)(const void *start, size_t bytes)) {
    if (freed_count == 0) {
        return;
    }
    for (size_t i = block_count; i-- > 0;) {
        const block_t *block = &blocks[i];
        if (block->freed && (is_used == NULL || !is_used(block_address(block), (size_t)block->units * UNIT))) {
            freed_count--;
            drop(i);
        }
    }
    shrink_table();
}

void pool_free_all(pool_kind_t kind) {
    for (size_t i = block_count; i-- > 0;) {
        if (blocks[i].kind == kind) {
            freed_count -= blocks[i].freed;
            drop(i);
        }
    }
    shrink_table();
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
    for (size_t i = 0; i <= block_count && block_count < block_room; i++) {
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
