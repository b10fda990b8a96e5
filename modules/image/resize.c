// SPDX-License-Identifier: MIT
// The scaling of resize.h, all fields of a pixel in one multiplication.
#include "resize.h"

// A position is the left (or upper) neighbour's index and the other's weight, 0 to 32, below it.
#define WEIGHT_BITS (6)
#define WEIGHT_MASK ((1u << WEIGHT_BITS) - 1)
#define ONE (32)

// The fields of an RGB565 pixel, moved apart so that each has room for a product with 32: green, red, blue.
#define FIELDS (0x07E0F81Full)

static uint32_t position(uint32_t i, uint32_t from, uint32_t to) {
    // x in 1/32, times 2 * to over 2 * to.
    int64_t numerator = (2 * (int64_t)i + 1) * from - to;
    if (numerator <= 0 || from == 1) {
        return 0;
    }
    uint64_t x = (uint64_t)numerator * (ONE / 2) / to;
    uint32_t last = from - 2; // the last neighbour that has another beside it
    return x / ONE > last ? last << WEIGHT_BITS | ONE : x / ONE << WEIGHT_BITS | x % ONE;
}

void resize_positions(uint32_t *positions, uint32_t from, uint32_t to) {
    for (uint32_t i = 0; i < to; i++) {
        positions[i] = position(i, from, to);
    }
}

// a + ((b - a) * w >> 5) in every field: as a * (32 - w) + b * w is never negative nor wider than its field, what a - b
// borrows from the field above is paid back by the sum.
static inline uint64_t between(uint64_t a, uint64_t b, uint64_t w, uint64_t fields) {
    return ((a << 5) + (b - a) * w) >> 5 & fields;
}

// Two pixels above each other, the upper one in the low half, their fields moved apart.
static inline uint64_t spread(uint64_t upper, uint64_t lower) {
    uint64_t both = upper | lower << 32;
    return (both | both << 16) & (FIELDS | FIELDS << 32);
}

void resize_rgb565(uint16_t *dst, uint32_t dst_w, uint32_t dst_h,
    const uint16_t *src, uint32_t src_w, uint32_t src_h, const uint32_t *columns) {
    size_t right = src_w > 1;
    size_t below = src_h > 1 ? src_w : 0;
    for (uint32_t y = 0; y < dst_h; y++) {
        uint32_t row = position(y, src_h, dst_h);
        const uint16_t *upper = src + (size_t)(row >> WEIGHT_BITS) * src_w;
        uint64_t row_weight = row & WEIGHT_MASK;
        for (uint32_t x = 0; x < dst_w; x++) {
            const uint16_t *at = upper + (columns[x] >> WEIGHT_BITS);
            uint64_t a = spread(at[0], at[below]);
            uint64_t b = spread(at[right], at[below + right]);
            uint64_t rows = between(a, b, columns[x] & WEIGHT_MASK, FIELDS | FIELDS << 32);
            uint64_t fields = between(rows & 0xFFFFFFFFull, rows >> 32, row_weight, FIELDS);
            *dst++ = fields | fields >> 16;
        }
    }
}

void resize_gray(uint8_t *dst, uint32_t dst_w, uint32_t dst_h,
    const uint8_t *src, uint32_t src_w, uint32_t src_h, const uint32_t *columns) {
    size_t right = src_w > 1;
    size_t below = src_h > 1 ? src_w : 0;
    for (uint32_t y = 0; y < dst_h; y++) {
        uint32_t row = position(y, src_h, dst_h);
        const uint8_t *upper = src + (size_t)(row >> WEIGHT_BITS) * src_w;
        for (uint32_t x = 0; x < dst_w; x++) {
            const uint8_t *at = upper + (columns[x] >> WEIGHT_BITS);
            uint64_t a = at[0] | (uint64_t)at[below] << 32;
            uint64_t b = at[right] | (uint64_t)at[below + right] << 32;
            uint64_t rows = between(a, b, columns[x] & WEIGHT_MASK, 0xFF000000FFull);
            *dst++ = between(rows & 0xFF, rows >> 32, row & WEIGHT_MASK, 0xFF);
        }
    }
}

void resize_nearest(void *dst, uint32_t dst_w, uint32_t dst_h,
    const void *src, uint32_t pitch, uint32_t src_w, uint32_t src_h, size_t pixel_bytes) {
    uint8_t *to = dst;
    for (uint32_t y = 0; y < dst_h; y++) {
        const uint8_t *row = (const uint8_t *)src + (uint64_t)y * src_h / dst_h * pitch * pixel_bytes;
        for (uint32_t x = 0; x < dst_w; x++, to += pixel_bytes) {
            const uint8_t *from = row + (uint64_t)x * src_w / dst_w * pixel_bytes;
            to[0] = from[0];
            if (pixel_bytes == 2) {
                to[1] = from[1];
            }
        }
    }
}
