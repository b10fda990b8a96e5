// SPDX-License-Identifier: MIT
// A model's bytes in order, from the first on, wherever they lie.
#ifndef KPU_SOURCE_H
#define KPU_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "py/obj.h"

typedef struct _kpu_source_t {
    size_t (*read)(struct _kpu_source_t *source, void *dst, size_t bytes);
    size_t left;         // bytes that are there and not yet read
    size_t at;           // bytes that were read
    uint32_t address;    // of the next byte in flash
    mp_obj_t stream;     // the open file, or MP_OBJ_NULL
    const uint8_t *data; // the next byte in memory
    bool reversed;       // the bytes of each 32-bit word come in the other order
} kpu_source_t;

// Reads on, bytes in their right order; fewer than asked for only at the end. Of a reversed source whole words are asked
// for, and what the last one lacks is taken as zero. Raises OSError.
size_t kpu_source_read(kpu_source_t *source, void *dst, size_t bytes);
// Whether kpu_source_seek() works; a file that Python code reads may only be read on.
bool kpu_source_can_seek(const kpu_source_t *source);
// Goes on at that byte of the model, a multiple of four where it is reversed.
void kpu_source_seek(kpu_source_t *source, size_t at);
// The bytes that kpu_source_read() has yet to give.
size_t kpu_source_left(const kpu_source_t *source);
// What was read so far was reversed, and so is the rest: turns the first and remembers the second.
size_t kpu_source_reverse(kpu_source_t *source, void *head, size_t bytes);

// Raises ValueError for an offset where no model can lie, OSError where there is no flash.
kpu_source_t kpu_source_flash(mp_int_t address);
// Opens the file; raises OSError with the path in it.
kpu_source_t kpu_source_path(mp_obj_t path);
kpu_source_t kpu_source_buffer(const void *bytes, size_t count);
// Harmless when repeated.
void kpu_source_close(kpu_source_t *source);

#endif // KPU_SOURCE_H
