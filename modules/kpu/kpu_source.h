// SPDX-License-Identifier: MIT
// A model's bytes in order, from the first on, wherever they lie.
#ifndef KPU_SOURCE_H
#define KPU_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "py/obj.h"

typedef struct _kpu_source_t {
    // Reads on; fewer bytes than asked for only at the end. Raises OSError.
    size_t (*read)(struct _kpu_source_t *source, void *dst, size_t bytes);
    size_t left;         // bytes that are there and not yet read
    uint32_t address;    // of the next byte in flash
    mp_obj_t stream;     // the open file, or MP_OBJ_NULL
    const uint8_t *data; // the next byte in memory
} kpu_source_t;

// Raises ValueError for an offset where no model can lie, OSError where there is no flash.
kpu_source_t kpu_source_flash(mp_int_t address);
// Opens the file; raises OSError with the path in it.
kpu_source_t kpu_source_path(mp_obj_t path);
kpu_source_t kpu_source_buffer(const void *bytes, size_t count);
// Harmless when repeated.
void kpu_source_close(kpu_source_t *source);

#endif // KPU_SOURCE_H
