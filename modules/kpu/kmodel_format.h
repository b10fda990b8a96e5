// SPDX-License-Identifier: MIT
// What lies where in a V3 file, and how its bytes are read: as integers, because on the chip the file is in the
// uncached alias, where loads of floats are unreliable.
#ifndef KMODEL_FORMAT_H
#define KMODEL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Build choices: without V4 its files are refused by name; results copied out of AI RAM by the CPU instead of streamed.
#ifndef KMODEL_V4
#define KMODEL_V4 (1)
#endif
#ifndef KMODEL_COPY_BY_CPU
#define KMODEL_COPY_BY_CPU (0)
#endif

#define KMODEL_VERSION (3)
#define KMODEL_LDMK (0x4b4d444cu) // V4 and later begin with these letters
#define KMODEL_FLAG_EIGHT_BIT_WEIGHTS (1u)
#define KMODEL_FLAG_MAIN_MEMORY_OUTPUT (1u) // of a body
#define KMODEL_OUTPUT_BYTES (8)
#define KMODEL_LAYER_HEADER_BYTES (8)
#define KMODEL_ACTIVATION_BYTES (144)
#define KMODEL_BATCH_NORM_BYTES (8)
// Writers fill up the last body by seeking, so that this many bytes may be missing at the end of a real file.
#define KMODEL_MISSING_BYTES (7)
// SRAM and AI RAM together: no model can ask for more working memory.
#define KMODEL_MOST_MAIN_MEMORY (8u << 20)

enum {
    KMODEL_ADD = 1,
    KMODEL_QUANTIZED_ADD = 2,
    KMODEL_GLOBAL_AVERAGE_POOL2D = 5,
    KMODEL_QUANTIZED_MAX_POOL2D = 8,
    KMODEL_AVERAGE_POOL2D = 9,
    KMODEL_QUANTIZE = 11,
    KMODEL_DEQUANTIZE = 12,
    KMODEL_REQUANTIZE = 13,
    KMODEL_L2_NORMALIZATION = 14,
    KMODEL_SOFTMAX = 15,
    KMODEL_CONCAT = 16,
    KMODEL_QUANTIZED_CONCAT = 17,
    KMODEL_FULLY_CONNECTED = 18,
    KMODEL_TENSORFLOW_FLATTEN = 20,
    KMODEL_RESIZE_NEAREST_NEIGHBOR = 22,
    KMODEL_QUANTIZED_RESIZE_NEAREST_NEIGHBOR = 23,
    KMODEL_CHANNELWISE_DEQUANTIZE = 24,
    KMODEL_LOGISTIC = 25,
    KMODEL_K210_CONV = 10240,
    KMODEL_K210_ADD_PADDING = 10241,
    KMODEL_K210_REMOVE_PADDING = 10242,
    KMODEL_K210_UPLOAD = 10243,
};

typedef struct {
    uint32_t version, flags, arch, layers;
    uint32_t max_start_address; // lowest row of AI RAM in use; for information only
    uint32_t main_mem_usage, output_count;
} kmodel_header_t;

// A 32-bit word of the file, 4-aligned.
static inline uint32_t kmodel_load32(const uint8_t *p) {
    return *(const volatile uint32_t *)p;
}

// A word of a body: field 0 is its flags.
static inline uint32_t kmodel_field(const uint8_t *body, uint32_t index) {
    return kmodel_load32(body + 4 * index);
}

// The same word as a float. It comes through an integer register: volatile keeps the compiler from a float load.
static inline float kmodel_float(const uint8_t *body, uint32_t index) {
    uint32_t bits = kmodel_field(body, index);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline kmodel_header_t kmodel_header(const uint8_t *file) {
    kmodel_header_t header = {
        kmodel_field(file, 0), kmodel_field(file, 1), kmodel_field(file, 2), kmodel_field(file, 3),
        kmodel_field(file, 4), kmodel_field(file, 5), kmodel_field(file, 6),
    };
    return header;
}

// Of a file that passed kmodel_probe.
static inline bool kmodel_is_v4(const uint8_t *file) {
    return KMODEL_V4 && kmodel_field(file, 0) == KMODEL_LDMK;
}

#define KMODEL_HEADER_BYTES (28)

static inline size_t kmodel_tables_bytes(uint32_t outputs, uint32_t layers) {
    return KMODEL_HEADER_BYTES + (size_t)outputs * KMODEL_OUTPUT_BYTES + (size_t)layers * KMODEL_LAYER_HEADER_BYTES;
}

// A layer in its place; kmodel_next moves on.
typedef struct {
    uint32_t index, type;
    size_t offset, bytes; // of the body, from the file's start
    const uint8_t *header;
} kmodel_place_t;

static inline kmodel_place_t kmodel_first(const uint8_t *file) {
    kmodel_header_t header = kmodel_header(file);
    const uint8_t *layer = file + KMODEL_HEADER_BYTES + (size_t)header.output_count * KMODEL_OUTPUT_BYTES;
    kmodel_place_t place = {
        .type = kmodel_field(layer, 0),
        .offset = kmodel_tables_bytes(header.output_count, header.layers),
        .bytes = kmodel_field(layer, 1),
        .header = layer,
    };
    return place;
}

// Only where another layer follows.
static inline void kmodel_next(kmodel_place_t *place) {
    place->index++;
    place->offset += place->bytes;
    place->header += KMODEL_LAYER_HEADER_BYTES;
    place->type = kmodel_field(place->header, 0);
    place->bytes = kmodel_field(place->header, 1);
}

#endif // KMODEL_FORMAT_H
