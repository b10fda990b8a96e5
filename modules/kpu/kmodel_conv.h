// SPDX-License-Identifier: MIT
// A K210Conv layer taken apart: its body, its twelve words, and whether the KPU has a defined answer to them.
#ifndef KMODEL_CONV_H
#define KMODEL_CONV_H

#include "kmodel_format.h"
#include "kmodel_why.h"
#include "kpu.h"

#define KMODEL_CONV_FIELDS (6)

typedef struct {
    bool to_main;
    uint32_t main_out;
    uint32_t layer_offset, weights_offset, batch_norm_offset, activation_offset; // from the file's start
    kpu_layer_t words;                                                          // as in the file
    bool depthwise;
    uint32_t src, dst; // rows of AI RAM
    uint32_t in_w, in_h, in_ch, out_w, out_h, out_ch;
    uint32_t kernel, pool; // kernel 1 or 3; pool as in the file
    uint32_t weights_bytes, out_bytes;
    size_t weights_end; // where the file ends that has the weights
    uint32_t batches;   // more than one only in a V4
} kmodel_conv_t;

// Reads the body and, where they lie within file_bytes, the words. False: they do not.
bool kmodel_conv_read(kmodel_conv_t *conv, const uint8_t *file, size_t file_bytes, const uint8_t *body);

// Reads the twelve words that begin there, and what follows from them.
void kmodel_conv_decode(kmodel_conv_t *conv, const uint8_t *words, uint32_t weight_bytes);

// The words with the addresses at which the KPU finds their parameters.
kpu_layer_t kmodel_conv_layer(const kmodel_conv_t *conv, const uint8_t *file);

// What kmodel_layer() says of it.
void kmodel_conv_describe(const kmodel_conv_t *conv, kmodel_layer_t *layer);

// KMODEL_OK, or a refusal of what is undefined or reaches too far.
int kmodel_conv_check(const kmodel_conv_t *conv, const kmodel_header_t *header, size_t file_bytes, kmodel_why_t *why);

// Rows of AI RAM that a map takes.
uint64_t kmodel_map_rows(uint32_t w, uint32_t h, uint32_t channels);

#endif // KMODEL_CONV_H
