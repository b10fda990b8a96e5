// SPDX-License-Identifier: MIT
// Takes, gives back and mends the areas of gc_areas.h.
#include "py/gc.h"
#include "py/mpstate.h"

#include "gc_areas.h"
#include "pool.h"

#define FIRST_BLOCK (3) // its bits in the table's first byte

// Taken out of the heap though their first block is in use: upstream's sweep takes an area for empty when no block
// behind its first one is used.
static mp_state_mem_area_t *left_out;

void *gc_area_alloc(unsigned long bytes) {
    return pool_alloc(bytes, POOL_GC);
}

void gc_area_free(void *area_in) {
    mp_state_mem_area_t *area = area_in;
    if (area->gc_alloc_table_start[0] & FIRST_BLOCK) {
        area->next = left_out;
        left_out = area;
    } else {
        pool_free(area);
    }
}

size_t gc_get_max_new_split(void) {
    return pool_largest();
}

// Where an object grows in place, upstream notes the block behind it as used, in a full area the one behind the last:
// then the sweep would read a byte more than there is of the finalisers' table, and call what it finds there.
void gc_areas_before_sweep(void) {
    for (mp_state_mem_area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        size_t last = area->gc_alloc_table_byte_len * GC_BLOCKS_PER_BYTE - 1;
        area->gc_last_used_block = MIN(area->gc_last_used_block, last);
    }
}

void gc_areas_after_sweep(void) {
    mp_state_mem_area_t *last = &MP_STATE_MEM(area);
    while (last->next != NULL) {
        last = last->next;
    }
    last->next = left_out;
    left_out = NULL;
}
