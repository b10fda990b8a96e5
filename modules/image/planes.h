// SPDX-License-Identifier: MIT
// Bytes of planes, which lie in uncached memory and are only read and written as whole words; pure C.
#ifndef PLANES_H
#define PLANES_H

#include <stddef.h>
#include <stdint.h>

// Bytes one behind the other, from the first of a word on.
typedef struct {
    volatile uint64_t *next;
    uint64_t word;
    unsigned bits;
} planes_writer_t;

static inline void planes_put(planes_writer_t *to, uint64_t value) {
    to->word |= value << to->bits;
    to->bits += 8;
    if (to->bits == 64) {
        *to->next++ = to->word;
        to->word = 0;
        to->bits = 0;
    }
}

static inline void planes_put_eight(planes_writer_t *to, uint64_t value) {
    *to->next++ = to->word | value << to->bits;
    to->word = value >> 1 >> (63 - to->bits); // in two steps, as bits may be 0
}

// The last word, filled up with zeros.
static inline void planes_put_rest(planes_writer_t *to) {
    if (to->bits != 0) {
        *to->next = to->word;
    }
}

static inline unsigned planes_get(const volatile uint64_t *planes, size_t i) {
    return planes[i / 8] >> (i % 8 * 8) & 0xFF;
}

static inline void planes_copy_out(uint8_t *to, const volatile uint64_t *planes, size_t first, size_t count) {
    uint64_t word = planes[first / 8] >> (first % 8 * 8);
    for (size_t i = first; i < first + count; i++) {
        if (i % 8 == 0) {
            word = planes[i / 8];
        }
        *to++ = word;
        word >>= 8;
    }
}

#endif // PLANES_H
