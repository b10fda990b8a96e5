// SPDX-License-Identifier: MIT
// The twelve words of a KPU layer as numbers with names; private to kpu_layer.c.
#ifndef KPU_LAYER_WORDS_H
#define KPU_LAYER_WORDS_H

#include "kpu_layer.h"

typedef struct {
    bool depthwise;
    uint32_t src, dst; // rows of AI RAM
    uint32_t in_ch, out_ch, load_ch;
    uint32_t in_w, in_h, out_w, out_h;
    uint32_t kernel, pool; // kernel 1 or 3
    uint32_t loads, load_bytes;
    uint32_t shr_w, shr_x;
    int64_t arg_w, arg_x, arg_add;
    int16_t pad_value;
} layer_t;

typedef struct {
    uint8_t window, stride;
    enum { PICK, MAX, MEAN } kind;
    uint8_t pick_x; // column of the window that PICK takes, from its first row
} pool_t;

static const pool_t pools[] = {
    {1, 1, PICK, 0}, {2, 2, MAX, 0}, {2, 2, MEAN, 0}, {4, 4, MAX, 0}, {4, 4, MEAN, 0},
    {2, 2, PICK, 0}, {2, 2, PICK, 1}, {4, 4, PICK, 0}, {2, 1, MEAN, 0}, {2, 1, MAX, 0},
};

static inline uint32_t field(uint64_t word, unsigned low, unsigned bits) {
    return (uint32_t)(word >> low & ((1ull << bits) - 1));
}

static inline int64_t signed_field(uint64_t word, unsigned low, unsigned bits) {
    uint64_t sign = 1ull << (bits - 1);
    uint64_t value = word >> low & ((1ull << bits) - 1);
    return (int64_t)(value ^ sign) - (int64_t)sign;
}

static inline uint64_t load64(const uint8_t *p) {
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | p[i];
    }
    return value;
}

static inline layer_t decode(const uint64_t w[12]) {
    layer_t layer = {
        .depthwise = field(w[0], 3, 1),
        .src = field(w[1], 0, 15),
        .dst = field(w[1], 32, 15),
        .in_ch = field(w[2], 0, 10) + 1,
        .out_ch = field(w[2], 32, 10) + 1,
        .load_ch = field(w[2], 48, 10) + 1,
        .in_w = field(w[3], 0, 10) + 1,
        .in_h = field(w[3], 10, 9) + 1,
        .out_w = field(w[3], 32, 10) + 1,
        .out_h = field(w[3], 42, 9) + 1,
        .kernel = field(w[4], 0, 1) ? 3 : 1,
        .pool = field(w[4], 4, 4),
        .pad_value = (int16_t)field(w[4], 24, 8),
        .loads = field(w[5], 1, 6) + 1,
        .load_bytes = field(w[5], 15, 17),
        .shr_w = field(w[9], 0, 4),
        .shr_x = field(w[9], 4, 4),
        .arg_w = signed_field(w[9], 8, 24),
        .arg_x = signed_field(w[9], 32, 24),
        .arg_add = signed_field(w[10], 0, 40),
    };
    return layer;
}

#endif // KPU_LAYER_WORDS_H
