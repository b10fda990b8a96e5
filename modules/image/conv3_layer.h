// SPDX-License-Identifier: MIT
// A kernel of 3x3 over planes as one layer of the KPU, where the KPU's answer is warp_convolve()'s to the bit; pure C.
#ifndef CONV3_LAYER_H
#define CONV3_LAYER_H

#include "sdk/kpu.h"

// What the layer reads, each on its own 256 bytes as the KPU wants activation tables.
typedef struct {
    uint16_t weights[128];    // of each plane nine
    uint64_t batch_norm[32];  // of each plane one
    uint64_t segments[16];    // of the activation; behind them their 16 bytes
    uint8_t adds[128];
} conv3_parameters_t;

#define CONV3_PLANES_MAX (4)

typedef struct {
    kpu_layer_t layer; // without its parameters' addresses
    uint32_t row_in, row_out;
} conv3_layer_t;

// The kernel is warp_convolve()'s, in 1/65536. False: weights of 16 bits do not hold it, or the picture is of a size that
// the KPU does not take. Nothing of `parameters` is read, so it may lie in uncached memory.
bool conv3_layer(conv3_layer_t *conv, volatile conv3_parameters_t *parameters, const int32_t kernel[9], uint32_t w,
    uint32_t h, uint32_t planes);

#endif // CONV3_LAYER_H
