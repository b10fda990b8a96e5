// SPDX-License-Identifier: MIT
// Operators that take element by element, in plain order: board and host agree to the bit but in exp, log, sin and cos.
#include <math.h>
#include <string.h>

#include "kmodel4_nodes.h"
#include "kmodel_lanes.h"
#include "kmodel_layers.h"
#include "kmodel_poll.h"

#define BLOCK (64) // elements of a repeated operand at a time

// -- binary

// One loop for each operator, with the clamp in it.
#define LOOP(expression) \
    _Pragma("GCC unroll 4") \
    for (size_t i = 0; i < count; i++) { \
    float x = a[i], y = b[i]; \
    out[i] = kmodel4_clamp(expression, low, high); \
    } \
    break

static void apply(uint32_t op, const float *a, const float *b, float *out, size_t count, float low, float high) {
    switch (op) {
        case KMODEL4_OP_ADD:
            LOOP(x + y);
        case KMODEL4_OP_SUB:
            LOOP(x - y);
        case KMODEL4_OP_MUL:
            LOOP(x * y);
        case KMODEL4_OP_DIV:
            LOOP(x / y);
        case KMODEL4_OP_MIN:
            LOOP(y < x ? y : x);
        default:
            LOOP(x < y ? y : x);
    }
}

void kmodel4_binary_apply(uint32_t op, const float *a, const float *b, float *out, size_t count) {
    apply(op, a, b, out, count, -INFINITY, INFINITY);
}

// `count` elements of an operand's row from `start` on: where they lie, or in the block with what is repeated.
static const float *stretched(const float *row, uint32_t size, uint32_t start, uint32_t count, float *block) {
    if (start + count <= size) {
        return row + start;
    }
    for (uint32_t i = 0; i < count; i++) {
        block[i] = row[start + i < size ? start + i : 0];
    }
    return block;
}

static void binary_row(uint32_t op, const float *a, uint32_t a_size, const float *b, uint32_t b_size, float *out,
    uint32_t size, float low, float high) {
    float a_block[BLOCK], b_block[BLOCK];
    uint32_t most = a_size >= size && b_size >= size ? size : BLOCK;
    for (uint32_t start = 0; start < size; start += most) {
        uint32_t count = size - start < most ? size - start : most;
        apply(op, stretched(a, a_size, start, count, a_block), stretched(b, b_size, start, count, b_block),
            out + start, count, low, high);
        kmodel_worked(count);
    }
}

// 12 op, 13 shape a, 17 shape b, 21 shape out, 25-26 act
void kmodel4_binary(const kmodel4_node_t *node) {
    const float *a = kmodel4_floats(node, 0), *b = kmodel4_floats(node, 4);
    float *out = (float *)kmodel4_result(node, 8);
    uint32_t op = kmodel_field(node->body, 12);
    kmodel4_shape_t sa = kmodel4_shape(node->body, 13), sb = kmodel4_shape(node->body, 17);
    kmodel4_shape_t so = kmodel4_shape(node->body, 21);
    float low = kmodel_float(node->body, 25), high = kmodel_float(node->body, 26);
    if (memcmp(&sa, &so, sizeof(so)) == 0 && memcmp(&sb, &so, sizeof(so)) == 0) {
        for (uint32_t left = (uint32_t)kmodel4_elements(&so), n; left; left -= n, out += n, a += n, b += n) {
            n = kmodel_portion(left);
            apply(op, a, b, out, n, low, high);
            kmodel_worked(n);
        }
        return;
    }
    uint32_t at[3];
    for (at[0] = 0; at[0] < so.d[0]; at[0]++) {
        for (at[1] = 0; at[1] < so.d[1]; at[1]++) {
            for (at[2] = 0; at[2] < so.d[2]; at[2]++, out += so.d[3]) {
                binary_row(op, a + kmodel4_row(&sa, at), sa.d[3], b + kmodel4_row(&sb, at), sb.d[3], out, so.d[3], low,
                    high);
            }
        }
    }
}

// -- unary

#define EACH(expression) \
    for (size_t i = 0; i < count; i++) { \
        float x = in[i]; \
        out[i] = expression; \
    } \
    break

void kmodel4_unary_apply(uint32_t op, const float *in, float *out, size_t count) {
    enum { ABS, CEIL, COS, EXP, FLOOR, LOG, NEG, RSQRT, SIN };
    switch (op) {
        case ABS:
            EACH(fabsf(x));
        case CEIL:
            EACH(ceilf(x));
        case COS:
            EACH((float)cos((double)x));
        case EXP:
            EACH(expf(x));
        case FLOOR:
            EACH(floorf(x));
        case LOG:
            EACH(logf(x));
        case NEG:
            EACH(-x);
        case RSQRT:
            EACH(1.0f / sqrtf(x));
        case SIN:
            EACH((float)sin((double)x));
        default:
            EACH(x * x);
    }
}

void kmodel4_unary(const kmodel4_node_t *node) {
    const float *in = kmodel4_floats(node, 0);
    float *out = (float *)kmodel4_result(node, 4);
    for (uint32_t left = kmodel_field(node->body, 3) / 4, n; left; left -= n, in += n, out += n) {
        n = kmodel_portion(left);
        kmodel4_unary_apply(kmodel_field(node->body, 8), in, out, n);
        kmodel_worked(n);
    }
}

// -- between floats and bytes: 8 zero point, 9 scale

void kmodel4_quantize(const kmodel4_node_t *node) {
    const float *in = kmodel4_floats(node, 0);
    uint8_t *out = kmodel4_result(node, 4);
    float zero = (float)(int32_t)kmodel_field(node->body, 8), scale = kmodel_float(node->body, 9);
    for (uint32_t left = kmodel_field(node->body, 3) / 4, n; left; left -= n) {
        n = kmodel_portion(left);
        for (const float *end = in + n; in != end; in++) {
            float scaled = in[0] * scale;
            *out++ = kmodel_round_to_byte(scaled + zero);
        }
        kmodel_worked(n);
    }
}

void kmodel4_dequantize(const kmodel4_node_t *node) {
    int32_t zero = (int32_t)kmodel_field(node->body, 8);
    float factor = 1.0f / kmodel_float(node->body, 9), table[KMODEL_TABLE];
    for (int32_t i = 0; i < KMODEL_TABLE; i++) {
        table[i] = (float)(int32_t)((uint32_t)i - (uint32_t)zero) * factor;
    }
    kmodel_look_up((float *)kmodel4_result(node, 4), kmodel4_operand(node, 0), kmodel_field(node->body, 3), table);
}

// -- rows

// 8 inner, 9 outer, 10 beta
void kmodel4_softmax(const kmodel4_node_t *node) {
    uint32_t inner = kmodel_field(node->body, 8);
    float beta = kmodel_float(node->body, 10);
    const float *in = kmodel4_floats(node, 0);
    float *out = (float *)kmodel4_result(node, 4);
    for (uint32_t left = kmodel_field(node->body, 9); left; left--, in += inner, out += inner) {
        float most = in[0], sum = 0;
        for (uint32_t i = 1; i < inner; i++) {
            most = in[i] > most ? in[i] : most;
        }
        for (uint32_t i = 0; i < inner; i++) {
            out[i] = expf((in[i] - most) * beta);
            sum += out[i];
        }
        for (uint32_t i = 0; i < inner; i++) {
            out[i] = out[i] / sum;
        }
        kmodel_worked(inner);
    }
}

// Whole floats, as the vendor's.
void kmodel4_memory_copy(const kmodel4_node_t *node) {
    memmove(kmodel4_result(node, 4), kmodel4_operand(node, 0), kmodel_field(node->body, 3) / 4 * 4);
}
