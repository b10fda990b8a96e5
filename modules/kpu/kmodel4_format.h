// SPDX-License-Identifier: MIT
// What lies where in a V4 file: its header and tables, and what bodies are made of, in 32-bit fields.
#ifndef KMODEL4_FORMAT_H
#define KMODEL4_FORMAT_H

#include "kmodel.h"
#include "kmodel_format.h"

#define KMODEL4_VERSION (4)
#define KMODEL4_TARGET_K210 (1)
#define KMODEL4_HEADER_BYTES (40)
#define KMODEL4_RANGE_BYTES (16)
#define KMODEL4_SHAPE_BYTES (16)
#define KMODEL4_RANGE_FIELDS (4)
#define KMODEL4_MAX_INPUTS (64)
#define KMODEL4_WORDS_FIELD (6) // of a KPU layer, behind main_out, batches, and a reserved field
// Set in the version where a file lies in memory without its constants, and where the weights of its KPU layers are
// missing, too, and what is left has moved; no file has them.
#define KMODEL4_APART (1u << 31)
#define KMODEL4_MOVED (1u << 30)

enum { KMODEL4_CONSTANTS, KMODEL4_MAIN, KMODEL4_AI_RAM }; // memory types
enum { KMODEL4_F32, KMODEL4_U8 };                         // data types

enum {
    KMODEL4_BINARY = 0x00,
    KMODEL4_CONCAT = 0x01,
    KMODEL4_CONV2D = 0x02,
    KMODEL4_DEQUANTIZE = 0x03,
    KMODEL4_MATMUL = 0x04,
    KMODEL4_PAD = 0x05,
    KMODEL4_QUANTIZE = 0x06,
    KMODEL4_REDUCE = 0x07,
    KMODEL4_REDUCE_WINDOW2D = 0x08,
    KMODEL4_MEMORY_COPY = 0x09,
    KMODEL4_RESIZE_IMAGE = 0x0a,
    KMODEL4_SOFTMAX = 0x0b,
    KMODEL4_TRANSPOSE = 0x0c,
    KMODEL4_STRIDED_SLICE = 0x0d,
    KMODEL4_UNARY = 0x0e,
    KMODEL4_QUANTIZED_CONV2D = 0x0f,
    KMODEL4_QUANTIZED_MATMUL = 0x10,
    KMODEL4_QUANTIZED_BINARY = 0x11,
    KMODEL4_TABLE_LOOKUP1D = 0x12,
    KMODEL4_CONV2D_TRANSPOSE = 0x13,
    KMODEL4_NNIL_UNARY_METHOD = 0x14,
    KMODEL4_KPU_UPLOAD = 0x2001,
    KMODEL4_KPU_CONV2D = 0x2002,
};

enum { KMODEL4_OP_ADD, KMODEL4_OP_SUB, KMODEL4_OP_MUL, KMODEL4_OP_DIV, KMODEL4_OP_MIN, KMODEL4_OP_MAX };
enum { KMODEL4_REDUCE_MEAN, KMODEL4_REDUCE_MIN, KMODEL4_REDUCE_MAX, KMODEL4_REDUCE_SUM };
enum { KMODEL4_BILINEAR, KMODEL4_NEAREST };

typedef struct {
    uint32_t target, constants, main_memory, nodes, inputs, outputs;
    bool apart, moved; // see KMODEL4_APART
} kmodel4_header_t;

static inline kmodel4_header_t kmodel4_header(const uint8_t *file) {
    kmodel4_header_t header = {
        kmodel_field(file, 3), kmodel_field(file, 4), kmodel_field(file, 5), kmodel_field(file, 6),
        kmodel_field(file, 7), kmodel_field(file, 8), kmodel_field(file, 1) & KMODEL4_APART,
        kmodel_field(file, 1) & KMODEL4_MOVED,
    };
    return header;
}

// Offsets of the tables, which follow each other; `end` is where the first body begins. What is left of constants that lie
// elsewhere keeps what follows where the KPU finds its parameters.
typedef struct {
    uint64_t inputs, shapes, outputs, constants, nodes, end;
} kmodel4_tables_t;

static inline kmodel4_tables_t kmodel4_tables(const kmodel4_header_t *header) {
    kmodel4_tables_t t = {.inputs = KMODEL4_HEADER_BYTES};
    t.shapes = t.inputs + (uint64_t)header->inputs * KMODEL4_RANGE_BYTES;
    t.outputs = t.shapes + (uint64_t)header->inputs * KMODEL4_SHAPE_BYTES;
    t.constants = t.outputs + (uint64_t)header->outputs * KMODEL4_RANGE_BYTES;
    t.nodes = t.constants + (header->apart ? header->constants % KMODEL_ALIGN : header->constants);
    t.end = t.nodes + (uint64_t)header->nodes * KMODEL_LAYER_HEADER_BYTES;
    return t;
}

// How much closer to the file's start all behind the constants lies than in the file.
static inline size_t kmodel4_left_out(const kmodel4_header_t *header) {
    return header->apart ? header->constants / KMODEL_ALIGN * KMODEL_ALIGN : 0;
}

// Where a tensor lies: bytes of its memory, of AI RAM too.
typedef struct {
    uint32_t memory, type, start, size;
} kmodel4_range_t;

static inline kmodel4_range_t kmodel4_range(const uint8_t *body, uint32_t field) {
    kmodel4_range_t range = {
        kmodel_field(body, field), kmodel_field(body, field + 1), kmodel_field(body, field + 2),
        kmodel_field(body, field + 3),
    };
    return range;
}

// n, channels, height, width.
typedef struct {
    uint32_t d[4];
} kmodel4_shape_t;

static inline kmodel4_shape_t kmodel4_shape(const uint8_t *body, uint32_t field) {
    kmodel4_shape_t shape;
    for (uint32_t i = 0; i < 4; i++) {
        shape.d[i] = kmodel_field(body, field + i);
    }
    return shape;
}

static inline uint32_t kmodel4_element_bytes(uint32_t type) {
    return type == KMODEL4_F32 ? 4 : 1;
}

static inline kmodel_place_t kmodel4_first(const uint8_t *file) {
    kmodel4_header_t header = kmodel4_header(file);
    kmodel4_tables_t tables = kmodel4_tables(&header);
    const uint8_t *node = file + tables.nodes;
    kmodel_place_t place = {
        .type = kmodel_field(node, 0), .offset = tables.end, .bytes = kmodel_field(node, 1), .header = node,
    };
    return place;
}

#endif // KMODEL4_FORMAT_H
