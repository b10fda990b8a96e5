// SPDX-License-Identifier: MIT
// From a sum to a byte: batch normalisation and activation; private to kpu_layer.c.
#ifndef KPU_LAYER_FINISH_H
#define KPU_LAYER_FINISH_H

#include "kpu_layer_words.h"

#define SEGMENTS (16)

// Rounding of the activation's product: 0 is rule E, to even on a tie; 1 is rule H, the older one, half up.
#ifndef KPU_LAYER_RULE_H
#define KPU_LAYER_RULE_H (0)
#endif

typedef __int128 wide_t;

typedef struct {
    int64_t mul, add;
    uint32_t shift;
} norm_t;

// The highest segment whose start a value exceeds is taken, the first one where there is none.
typedef struct {
    int64_t start[SEGMENTS];
    int32_t mul[SEGMENTS];
    uint32_t shift[SEGMENTS];
    uint8_t add[SEGMENTS];
} activation_t;

static inline norm_t norm_of(const uint8_t *entry) {
    uint64_t word = load64(entry);
    return (norm_t) {signed_field(word, 0, 24), signed_field(word, 24, 32), field(word, 56, 4)};
}

static inline activation_t activation_of(const uint8_t *table) {
    activation_t a;
    for (int i = 0; i < SEGMENTS; i++) {
        uint64_t word = load64(table + 8 * i);
        a.shift[i] = field(word, 0, 8);
        a.mul[i] = (int32_t)signed_field(word, 8, 16);
        a.start[i] = signed_field(word, 24, 36);
        a.add[i] = table[8 * SEGMENTS + i];
    }
    return a;
}

#if KPU_LAYER_RULE_H
#define ABOVE(value, start) ((value) >= (start))
#define DEFINE_ROUND(name, int_t) \
    static inline int_t name(int_t p, uint32_t shift) { \
        if (shift == 0) { \
            return p; \
        } \
        int_t twice = p >> (shift - 1); \
        return (twice >> 1) + (twice & 1 ? (twice < 0 ? -1 : 1) : 0); \
    }
#else
#define ABOVE(value, start) ((value) > (start))
// To the nearest, to even on a tie; away from zero by one more where p is negative, as the vendor's kernels have it.
#define DEFINE_ROUND(name, int_t) \
    static inline int_t name(int_t p, uint32_t shift) { \
        if (shift == 0) { \
            return p; \
        } \
        int_t whole = p >> shift, half = (int_t)1 << (shift - 1), fraction = p & (half * 2 - 1); \
        int_t carry = (fraction > half) | ((fraction == half) & (int)(whole & 1)); \
        return p < 0 ? whole - carry : whole + carry; \
    }
#endif

// One value through batch normalisation and activation, in integers of one width. `top` is the highest segment that the
// channel's values can reach. Shifts beyond most_shift give what most_shift gives: the product is smaller than half.
#define DEFINE_FINISH(name, int_t, round, most_shift) \
    DEFINE_ROUND(round, int_t) \
    static inline uint8_t name(int64_t sum, const norm_t * n, const activation_t * a, uint32_t top) { \
        int_t value = (((int_t)sum * n->mul) >> n->shift) + n->add; \
        while (top > 0 && !ABOVE(value, a->start[top])) { \
            top--; \
        } \
        uint32_t shift = a->shift[top] < most_shift ? a->shift[top] : most_shift; \
        int_t y = round((value - a->start[top]) * a->mul[top], shift) + a->add[top]; \
        return y < 0 ? 0 : y > 255 ? 255 : (uint8_t)y; \
    }

DEFINE_FINISH(finish_narrow, int64_t, round_narrow, 61)
DEFINE_FINISH(finish_wide, wide_t, round_wide, 120)

#endif // KPU_LAYER_FINISH_H
