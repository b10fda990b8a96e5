// SPDX-License-Identifier: MIT
// The arithmetic of one KPU layer, bit for bit as docs/kmodel.md has it; used by the virtual board and by the host runtime.
#ifndef KPU_LAYER_H
#define KPU_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KPU_LAYER_AI_RAM_BYTES (2u << 20)
#define KPU_LAYER_ACTIVATION_BYTES (144)

// What a layer reads besides its feature map, and what it makes, in bytes.
typedef struct {
    size_t weights;
    size_t batch_norm;
    size_t activation;
    size_t output; // dense CHW
} kpu_layer_sizes_t;

// Checks the twelve words alone: NULL, or a sentence that says what is not defined or not modelled. `sizes` may be NULL.
const char *kpu_layer_check(const uint64_t words[12], bool eight_bit_weights, kpu_layer_sizes_t *sizes);

// Runs a checked layer: reads the input map from AI RAM, writes the result there, and as dense CHW bytes to `out` where it
// is not NULL. The three parameter blocks have the sizes that kpu_layer_check gave, at any alignment.
// 0, or -1 where memory for intermediate rows ran out.
int kpu_layer_run(const uint64_t words[12], bool eight_bit_weights, uint8_t *ai_ram, const uint8_t *weights,
    const uint8_t *batch_norm, const uint8_t *activation, uint8_t *out);

// Bytes of AI RAM from a map's first row to its end, gaps included; the layout of docs/kmodel.md.
size_t kpu_layer_map_bytes(uint32_t w, uint32_t h, uint32_t channels);
// Where byte (c, y, x) of such a map lies from its first row.
size_t kpu_layer_map_offset(uint32_t w, uint32_t h, uint32_t c, uint32_t y, uint32_t x);

#endif // KPU_LAYER_H
