// SPDX-License-Identifier: MIT
// The opcodes of V4 as a table: what their bodies hold, what memory they ask for, who computes them.
#ifndef KMODEL4_NODES_H
#define KMODEL4_NODES_H

#include "kmodel4_format.h"
#include "kmodel_why.h"

// A node's body in its place, and where constants and main memory are.
typedef struct {
    const uint8_t *body;
    size_t bytes; // of the body, as far as they are there
    const uint8_t *constants;
    uint8_t *main;
} kmodel4_node_t;

// What a node's fields ask for.
typedef struct {
    uint64_t in[2], out;   // elements of the operands
    uint64_t tail;         // bytes behind the fields
    uint64_t work;         // steps of the innermost loop, where they are more than elements
    kmodel4_shape_t shape; // of the output, where `shaped`
    bool shaped;
    bool keeps_shape; // the output has the shape of the first input
} kmodel4_extent_t;

enum { KMODEL4_AS_SAID = 2 }; // an operand's element type is the one in its range

typedef struct kmodel4_op {
    uint16_t opcode;
    uint8_t fields; // of the body before its tail
    uint8_t inputs; // ranges that the body begins with; the output's range follows
    uint8_t in_type, out_type;
    bool apart;     // the output is added up in place, so it must not overlap an input
    const char *name;
    // NULL: as many elements as the first input has, in its shape.
    int (*extent)(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why);
    // NULL: a matter of the KPU, see kmodel4_run.c.
    void (*run)(const kmodel4_node_t *node);
} kmodel4_op_t;

// NULL where no runtime implements the opcode.
const kmodel4_op_t *kmodel4_op(uint32_t opcode);

// The element type of an operand with this range.
static inline uint32_t kmodel4_type(uint32_t wanted, const kmodel4_range_t *range) {
    return wanted == KMODEL4_AS_SAID ? range->type : wanted;
}

// Everything a node's fields ask for; its fields are there. KMODEL_OK or a refusal.
int kmodel4_extent(const kmodel4_op_t *op, const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why);

// The elements of a shape; 0 where a dimension is below 1, UINT64_MAX where they are more than any memory holds.
uint64_t kmodel4_elements(const kmodel4_shape_t *shape);

// The size of a convolution's or window's output along an axis; 0 or less where nothing fits.
int64_t kmodel4_window_size(int64_t in, int64_t before, int64_t after, int64_t filter, int64_t stride,
    int64_t dilation);

// Where the operand lies whose range begins at a field of the body.
static inline const uint8_t *kmodel4_operand(const kmodel4_node_t *node, uint32_t field) {
    const uint8_t *memory = kmodel_field(node->body, field) == KMODEL4_CONSTANTS ? node->constants : node->main;
    return memory + kmodel_field(node->body, field + 2);
}

static inline const float *kmodel4_floats(const kmodel4_node_t *node, uint32_t field) {
    return (const float *)kmodel4_operand(node, field);
}

// The same for a result, which is always in main memory.
static inline uint8_t *kmodel4_result(const kmodel4_node_t *node, uint32_t field) {
    return node->main + kmodel_field(node->body, field + 2);
}

// Where the row of an operand begins that goes with a row of the output: beyond its size an operand is at 0 again.
static inline size_t kmodel4_row(const kmodel4_shape_t *shape, const uint32_t at[3]) {
    size_t row = 0;
    for (int i = 0; i < 3; i++) {
        row = row * shape->d[i] + (at[i] < shape->d[i] ? at[i] : 0);
    }
    return row * shape->d[3];
}

// As std::clamp: what is no number stays so.
static inline float kmodel4_clamp(float value, float low, float high) {
    return value < low ? low : value > high ? high : value;
}

// Half up: rounds value / 2^shift to the nearest; 0 <= shift <= 63.
static inline int32_t kmodel4_mul_shift(int32_t value, int32_t mul, uint32_t shift) {
    int64_t product = (int64_t)value * mul;
    if (shift) {
        product = (int64_t)((uint64_t)product + (1ull << (shift - 1))) >> shift;
    }
    return (int32_t)product;
}

static inline uint8_t kmodel4_to_byte(int32_t value, int32_t offset) {
    int32_t sum = (int32_t)((uint32_t)value + (uint32_t)offset);
    return sum < 0 ? 0 : sum > 255 ? 255 : (uint8_t)sum;
}

// kmodel4_extents.c
int kmodel4_extent_binary(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_quantized_binary(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_unary(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_concat(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_matmul(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_quantized_matmul(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_pad(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_reduce(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_resize(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_softmax(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_transpose(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_strided_slice(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_table_lookup1d(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_upload(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
// kmodel4_windows.c
int kmodel4_extent_conv2d(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_quantized_conv2d(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_conv2d_transpose(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
int kmodel4_extent_reduce_window2d(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);
// kmodel4_nnil.c
int kmodel4_extent_nnil(const kmodel4_node_t *, kmodel4_extent_t *, kmodel_why_t *);

// kmodel4_elements.c
void kmodel4_unary_apply(uint32_t op, const float *in, float *out, size_t count);
void kmodel4_binary_apply(uint32_t op, const float *a, const float *b, float *out, size_t count);
void kmodel4_binary(const kmodel4_node_t *);
void kmodel4_unary(const kmodel4_node_t *);
void kmodel4_quantize(const kmodel4_node_t *);
void kmodel4_dequantize(const kmodel4_node_t *);
void kmodel4_softmax(const kmodel4_node_t *);
void kmodel4_memory_copy(const kmodel4_node_t *);
void kmodel4_nnil(const kmodel4_node_t *);
// kmodel4_planes.c
void kmodel4_concat(const kmodel4_node_t *);
void kmodel4_pad(const kmodel4_node_t *);
void kmodel4_transpose(const kmodel4_node_t *);
void kmodel4_strided_slice(const kmodel4_node_t *);
void kmodel4_resize(const kmodel4_node_t *);
void kmodel4_reduce(const kmodel4_node_t *);
// kmodel4_windows.c, kmodel4_floats.c
void kmodel4_conv2d(const kmodel4_node_t *);
void kmodel4_conv2d_transpose(const kmodel4_node_t *);
void kmodel4_reduce_window2d(const kmodel4_node_t *);
void kmodel4_matmul(const kmodel4_node_t *);
// kmodel4_quantized.c
void kmodel4_quantized_conv2d(const kmodel4_node_t *);
void kmodel4_quantized_matmul(const kmodel4_node_t *);
void kmodel4_quantized_binary(const kmodel4_node_t *);
void kmodel4_table_lookup1d(const kmodel4_node_t *);

#endif // KMODEL4_NODES_H
