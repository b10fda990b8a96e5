// SPDX-License-Identifier: MIT
// Goes through the heap's blocks for gc_views.h.
#include "py/gc.h"
#include "py/mpstate.h"
#include "py/objarray.h"

#include "gc_areas.h"
#include "gc_views.h"

#define IS_FIRST (1)

const mp_obj_type_t *gc_views_type;

static bool shows(const mp_obj_array_t *object, const uint8_t *start, size_t bytes) {
    if (object->base.type != &mp_type_memoryview && object->base.type != gc_views_type) {
        return false;
    }
    const uint8_t *items = object->items;
    return items >= start && items < start + bytes;
}

static bool area_shows(const mp_state_mem_area_t *area, const uint8_t *start, size_t bytes) {
    const uint8_t *block = area->gc_pool_start;
    for (size_t i = 0; i < area->gc_alloc_table_byte_len; i++) {
        unsigned four = area->gc_alloc_table_start[i];
        for (unsigned j = 0; j < GC_BLOCKS_PER_BYTE; j++, four >>= 2, block += MICROPY_BYTES_PER_GC_BLOCK) {
            if ((four & 3) == IS_FIRST && shows((const mp_obj_array_t *)block, start, bytes)) {
                return true;
            }
        }
    }
    return false;
}

bool gc_views_show(const void *start, size_t bytes) {
    for (const mp_state_mem_area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        if (area_shows(area, start, bytes)) {
            return true;
        }
    }
    return false;
}
