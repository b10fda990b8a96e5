// SPDX-License-Identifier: MIT
// Convolution: the sums of one output channel at all positions of the map; private to kpu_layer.c.
#ifndef KPU_LAYER_SUM_H
#define KPU_LAYER_SUM_H

#include <stdlib.h>
#include <string.h>

#include "kpu_layer_words.h"

#define ROW_BYTES (64)
#define TAPS (8)    // products that one pass adds to a row of sums
#define CHUNK (512) // sums worked on at a time, small enough for the first-level cache

// The inner loops gain from wider vectors; the loader picks the variant that the machine has.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define VECTORISED __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define VECTORISED
#endif

// The input as dense planes of 16-bit pixels, each with its border, so that a tap is a plain shift of the plane.
typedef struct {
    uint32_t border, pitch; // border: 0 or 1 pixels; pitch: pixels from a row to the next
    size_t plane;           // pixels from a channel to the next
    size_t sums;            // positions from a plane's first result to its last, borders in between included
    int16_t *pixel;
} input_t;

static bool input_load(input_t *in, const layer_t *l, const uint8_t *ai_ram) {
    in->border = l->kernel / 2;
    in->pitch = l->in_w + 2 * in->border;
    in->plane = (size_t)in->pitch * (l->in_h + 2 * in->border);
    in->sums = (size_t)in->pitch * (l->in_h - 1) + l->in_w;
    in->pixel = malloc(in->plane * l->in_ch * sizeof(int16_t));
    if (!in->pixel) {
        return false;
    }
    for (size_t i = 0; in->border && i < in->plane * l->in_ch; i++) {
        in->pixel[i] = l->pad_value;
    }
    for (uint32_t c = 0; c < l->in_ch; c++) {
        for (uint32_t y = 0; y < l->in_h; y++) {
            const uint8_t *from = ai_ram + l->src * ROW_BYTES + kpu_layer_map_offset(l->in_w, l->in_h, c, y, 0);
            int16_t *to = in->pixel + c * in->plane + (y + in->border) * in->pitch + in->border;
            for (uint32_t x = 0; x < l->in_w; x++) {
                to[x] = from[x];
            }
        }
    }
    return true;
}

// Adds eight weighted taps to a row of sums. 8-bit weights: 9216 products of 255 * 255 stay below 2^30.
VECTORISED static void add_taps(int32_t *restrict sum, const int16_t *const tap[TAPS], const int16_t weight[TAPS],
    size_t count) {
    const int16_t *restrict a = tap[0], *restrict b = tap[1], *restrict c = tap[2], *restrict d = tap[3];
    const int16_t *restrict e = tap[4], *restrict f = tap[5], *restrict g = tap[6], *restrict h = tap[7];
    int16_t wa = weight[0], wb = weight[1], wc = weight[2], wd = weight[3];
    int16_t we = weight[4], wf = weight[5], wg = weight[6], wh = weight[7];
    for (size_t i = 0; i < count; i++) {
        sum[i] += a[i] * wa + b[i] * wb + c[i] * wc + d[i] * wd + e[i] * we + f[i] * wf + g[i] * wg + h[i] * wh;
    }
}

// The same for one tap whose weight may have 16 bits.
VECTORISED static void add_wide_tap(int64_t *restrict sum, const int16_t *restrict tap, int64_t weight, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += tap[i] * weight;
    }
}

// What every output channel of a layer shares.
typedef struct {
    const layer_t *layer;
    input_t input;
    bool wide;            // weights of 16 bits
    uint32_t taps;        // products of one sum
    const int16_t **tap;  // where each tap finds the plane's first position; filled up to a multiple of TAPS
    int16_t *weight;      // 8-bit weights of one channel, filled up with zeros
    int64_t *shift_x;     // (arg_x * sum of x) >> shr_x at each position
    int64_t *sum;         // one channel's sums
} conv_t;

// Positions are worked through in pieces; where pooling picks one row of several only those rows are computed.
typedef struct {
    size_t step, count;
} pieces_t;

static pieces_t pieces_of(const layer_t *l, const input_t *in) {
    const pool_t *pool = &pools[l->pool];
    if (pool->kind == PICK && pool->stride > 1 && l->in_w <= CHUNK) {
        return (pieces_t) {(size_t)in->pitch * pool->stride, l->in_w};
    }
    return (pieces_t) {CHUNK, CHUNK};
}

// Adds up all taps of 8-bit weights at `count` positions from `start`.
static void sum_taps(const conv_t *conv, const int16_t *weight, size_t start, size_t count, int32_t sum[CHUNK]) {
    memset(sum, 0, count * sizeof(sum[0]));
    for (uint32_t t = 0; t < conv->taps; t += TAPS) {
        const int16_t *tap[TAPS];
        for (int i = 0; i < TAPS; i++) {
            tap[i] = conv->tap[t + i] + start;
        }
        add_taps(sum, tap, weight + t, count);
    }
}

static void aim_taps(conv_t *conv, uint32_t first_channel) {
    const input_t *in = &conv->input;
    uint32_t kernel = conv->layer->kernel;
    for (uint32_t t = 0; t < conv->taps; t++) {
        uint32_t spot = t % (kernel * kernel);
        conv->tap[t] = in->pixel + (first_channel + t / (kernel * kernel)) * in->plane
            + spot / kernel * in->pitch + spot % kernel;
    }
    for (uint32_t t = conv->taps; t % TAPS; t++) {
        conv->tap[t] = conv->tap[0];
    }
}

// The part of the sum that depends on the pixels alone; for all channels at once, or for one where depthwise.
static void sum_pixels(conv_t *conv) {
    const layer_t *l = conv->layer;
    const input_t *in = &conv->input;
    if (l->arg_x == 0) {
        return;
    }
    for (uint32_t t = 0; t < conv->taps; t++) {
        conv->weight[t] = 1;
    }
    for (size_t start = 0; start < in->sums; start += CHUNK) {
        int32_t sum[CHUNK];
        size_t count = in->sums - start < CHUNK ? in->sums - start : CHUNK;
        sum_taps(conv, conv->weight, start, count, sum);
        for (size_t i = 0; i < count; i++) {
            conv->shift_x[start + i] = (l->arg_x * sum[i]) >> l->shr_x;
        }
    }
}

// The sums of one output channel into conv->sum. Returns what no sum's magnitude can exceed.
static int64_t sum_channel(conv_t *conv, const uint8_t *weights) {
    const layer_t *l = conv->layer;
    const input_t *in = &conv->input;
    int64_t sum_w = 0;
    for (uint32_t t = 0; t < conv->taps; t++) {
        sum_w += conv->wide ? weights[2 * t] | weights[2 * t + 1] << 8 : weights[t];
        conv->weight[t] = weights[t];
    }
    int64_t constant = ((l->arg_w * sum_w) >> l->shr_w) + l->arg_add * (l->depthwise ? 1 : l->in_ch);

    pieces_t pieces = pieces_of(l, in);
    for (size_t start = 0; start < in->sums; start += pieces.step) {
        size_t count = in->sums - start < pieces.count ? in->sums - start : pieces.count;
        int32_t sum[CHUNK] = {0};
        if (!conv->wide) {
            sum_taps(conv, conv->weight, start, count, sum);
        }
        for (size_t i = 0; i < count; i++) {
            conv->sum[start + i] = sum[i] + conv->shift_x[start + i] + constant;
        }
        for (uint32_t t = 0; conv->wide && t < conv->taps; t++) {
            add_wide_tap(conv->sum + start, conv->tap[t] + start, weights[2 * t] | weights[2 * t + 1] << 8, count);
        }
    }
    int64_t most_x = (llabs(l->arg_x) * conv->taps * 255 >> l->shr_x) + 1;
    return sum_w * 255 + most_x + llabs(constant);
}

#endif // KPU_LAYER_SUM_H
