// SPDX-License-Identifier: MIT
// The one owner of RAM outside the GC heap: models, frames, planes, scratch and the GC heap's own areas, all accounted.
//
// Models are placed from the top of RAM down, everything else from the bottom up. Every block starts on 256 bytes and
// fills whole cache lines. A kind says through which alias its owner uses the block, for the block's whole life: the
// device kinds come as uncached addresses (0x4...), and nothing of them is left in the data cache when they are given.
#ifndef POOL_H
#define POOL_H

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    POOL_GC,      // cached: areas of the garbage-collected heap
    POOL_WORK,    // cached: a model's working memory, tapes
    POOL_FRAME,   // cached: RGB565 and grayscale pixels
    POOL_SCRATCH, // cached: short-lived, freed by the call that took it
    POOL_MODEL,   // uncached: model files, read by the KPU
    POOL_PLANES,  // uncached: planar R, G, B, read by DMA
    POOL_DEVICE,  // uncached: other memory that devices write or read
    POOL_KINDS
} pool_kind_t;

// Everything between start and end belongs to the pool from now on.
void pool_init(void *start, void *end);

// A block that is not cleared, or NULL where no gap is large enough.
void *pool_alloc(size_t bytes, pool_kind_t kind);

// A smaller or larger block of the same kind with the old content moved; NULL leaves the old one as it was.
void *pool_realloc(void *block, size_t bytes, pool_kind_t kind);

// Takes what pool_alloc gave, through either alias; NULL is fine.
void pool_free(void *block);

// From now on others may point into the block whom its owner does not know: once freed, it stays until pool_reclaim()
// finds nobody.
void pool_lend(void *block);

// Lets go of blocks that were lent and freed, and that nobody uses any more; NULL: whoever does.
void pool_reclaim(bool (*is_used)(const void *start, size_t bytes));

// Every block of a kind at once: a soft reset drops the heap's areas and what was leaked.
void pool_free_all(pool_kind_t kind);

size_t pool_total(void);           // bytes that the pool was given
size_t pool_free_bytes(void);      // sum of the gaps
size_t pool_largest(void);         // the largest block that pool_alloc could give now
size_t pool_used(pool_kind_t kind);
const char *pool_kind_name(pool_kind_t kind);

#endif // POOL_H
