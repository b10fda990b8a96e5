// SPDX-License-Identifier: MIT
// The words and parameters of conv3_layer.h; docs/kmodel.md has their fields and the arithmetic.
#include "conv3_layer.h"

// What compilers of models keep to. Planes are then read and written in whole words.
#define W_MIN (8)
#define W_MAX (512)
#define H_MIN (4)
#define H_MAX (256)

#define BITS (16)       // of the kernel behind the point, and of a weight
#define SHIFT_MAX (15)  // of the batch normalisation
#define TAPS (9)
#define SEGMENTS (16)
// Starts have 36 bits; above this one no sum comes.
#define NEVER ((1ll << 35) - SEGMENTS)

typedef struct {
    int32_t scaled[TAPS];
    uint32_t shift; // 1 is 1 << shift
    int32_t zero;   // is added to all, so that none is negative
} weights_t;

// The kernel as whole numbers times a power of two, as few of them as there can be.
static bool as_weights(weights_t *weights, const int32_t *kernel) {
    int32_t all = 1 << BITS;
    for (int i = 0; i < TAPS; i++) {
        all |= kernel[i];
    }
    int zeros = __builtin_ctz(all);
    int32_t least = 0, most = 0;
    for (int i = 0; i < TAPS; i++) {
        int32_t value = kernel[i] >> zeros;
        weights->scaled[i] = value;
        least = value < least ? value : least;
        most = value > most ? value : most;
    }
    weights->shift = BITS - zeros;
    weights->zero = -least;
    return weights->shift <= SHIFT_MAX && (int64_t)most - least < 1 << BITS;
}

// v = (sum + half) >> shift, rounding down: the activation has only to cut it.
static void put_parameters(volatile conv3_parameters_t *to, const weights_t *weights, uint32_t planes) {
    for (uint32_t plane = 0; plane < planes; plane++) {
        for (int i = 0; i < TAPS; i++) {
            to->weights[plane * TAPS + i] = weights->scaled[i] + weights->zero;
        }
        to->batch_norm[plane] = 1 | (uint64_t)weights->shift << 56;
    }
    // Above the start of a segment it is this one: nothing, the value, 255, and those that no value comes to.
    static const struct {
        int64_t start;
        uint8_t times, add;
    } used[] = { { -NEVER, 0, 0 }, { 0, 1, 0 }, { 255, 0, 255 } };
    for (int i = 0; i < SEGMENTS; i++) {
        bool is_used = i < (int)(sizeof(used) / sizeof(used[0]));
        uint64_t start = is_used ? used[i].start : NEVER + i;
        to->segments[i] = (start & 0xFFFFFFFFFull) << 24 | (is_used ? used[i].times : 0u) << 8;
        to->adds[i] = is_used ? used[i].add : 255;
    }
}

// -- the words

static uint32_t group(uint32_t w) {
    return w <= 16 ? 4 : w <= 32 ? 2 : 1;
}

static kpu_layer_t words(const weights_t *weights, const conv3_layer_t *conv, uint32_t w, uint32_t h, uint32_t planes) {
    uint64_t line = (w + KPU_ROW_BYTES - 1) / KPU_ROW_BYTES;
    uint64_t map = line * h | line << 16;
    uint64_t channels = (planes - 1) | (uint64_t)(planes - 1) << 32 | (uint64_t)(planes - 1) << 48;
    uint64_t size = (w - 1) | (uint64_t)(h - 1) << 10;
    uint64_t half = weights->shift == 0 ? 0 : 1ull << (weights->shift - 1);
    uint64_t load_bytes = (uint64_t)planes * TAPS * sizeof(uint16_t);
    kpu_layer_t layer;
    layer.word[0] = 1 << 3; // depthwise
    layer.word[1] = conv->row_in | (uint64_t)conv->row_out << 32;
    layer.word[2] = channels;
    layer.word[3] = size | size << 32;
    layer.word[4] = 1 | 1 << 10 | 15 << 16; // 3x3; load_para; bursts of 16; beyond the edge there is 0
    layer.word[5] = 1 | load_bytes << 15; // load_coor; all weights in one load
    layer.word[6] = 0;
    layer.word[7] = map | (uint64_t)group(w) << 28 | 1ull << 31; // load_act
    layer.word[8] = map | (uint64_t)group(w) << 20;
    layer.word[9] = ((uint64_t)-weights->zero & 0xFFFFFF) << 32; // arg_x takes from the sum what `zero` has added
    layer.word[10] = half;
    layer.word[11] = (((uint64_t)w * h - 1) & 0xFFFF) << 16 | ((uint64_t)w * h * planes - 1) << 32;
    return layer;
}

bool conv3_layer(conv3_layer_t *conv, volatile conv3_parameters_t *parameters, const int32_t kernel[9], uint32_t w,
    uint32_t h, uint32_t planes) {
    weights_t weights;
    if (w < W_MIN || w > W_MAX || w % 8 != 0 || h < H_MIN || h > H_MAX || planes > CONV3_PLANES_MAX
        || !as_weights(&weights, kernel)) {
        return false;
    }
    uint32_t lines = (planes + group(w) - 1) / group(w) * h;
    conv->row_in = 0;
    conv->row_out = lines * ((w + KPU_ROW_BYTES - 1) / KPU_ROW_BYTES);
    if (2 * conv->row_out > KPU_ROWS) {
        return false;
    }
    put_parameters(parameters, &weights, planes);
    conv->layer = words(&weights, conv, w, h, planes);
    return true;
}
