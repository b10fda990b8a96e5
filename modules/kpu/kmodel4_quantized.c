// SPDX-License-Identifier: MIT
// Operators of V4 on bytes: sums of 32 bits that wrap, brought back to bytes by a product and a rounding shift.
#include <string.h>

#include "kmodel4_windows.h"

#define TABLE_BYTES (256)

static int32_t wrapping_add(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

static int32_t wrapping_mul(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a * (uint32_t)b);
}

// 12 groups, 13 out_ch, 24 in_offset, 25 filter_offset, 26-28 out mul, shift, offset; then bias, then weights
void kmodel4_quantized_conv2d(const kmodel4_node_t *node) {
    kmodel4_window_t w = kmodel4_window(node->body, 8, 14, 18);
    const kmodel4_axis_t *v = &w.axes[0], *h = &w.axes[1];
    uint32_t out_h = kmodel4_axis_out(v), out_w = kmodel4_axis_out(h);
    uint32_t groups = kmodel_field(node->body, 12), outs = kmodel_field(node->body, 13), ins = w.channels / groups;
    int32_t in_offset = (int32_t)kmodel_field(node->body, 24), filter_offset = (int32_t)kmodel_field(node->body, 25);
    int32_t mul = (int32_t)kmodel_field(node->body, 26), offset = (int32_t)kmodel_field(node->body, 28);
    uint32_t shift = kmodel_field(node->body, 27);
    const volatile uint8_t *weights = node->body + 4 * (29 + outs);
    size_t in_plane = (size_t)v->in * h->in;
    const uint8_t *in = kmodel4_operand(node, 0);
    uint8_t *out = kmodel4_result(node, 4);
    for (uint32_t n = 0; n < w.n; n++, in += w.channels * in_plane) {
        for (uint32_t o = 0; o < outs; o++) {
            const uint8_t *first = in + (size_t)(o / (outs / groups)) * ins * in_plane;
            int32_t bias = (int32_t)kmodel_field(node->body, 29 + o);
            for (uint32_t i = 0; i < out_h * out_w; i++) {
                int64_t top = (int64_t)(i / out_w) * v->stride - v->before;
                int64_t side = (int64_t)(i % out_w) * h->stride - h->before;
                const volatile uint8_t *weight = weights + (size_t)o * ins * v->filter * h->filter;
                const uint8_t *plane = first;
                int32_t sum = bias;
                for (uint32_t c = 0; c < ins; c++, plane += in_plane) {
                    for (uint32_t ky = 0; ky < v->filter; ky++) {
                        int64_t y = top + (int64_t)ky * v->dilation;
                        for (uint32_t kx = 0; kx < h->filter; kx++, weight++) {
                            int64_t x = side + (int64_t)kx * h->dilation;
                            if (y < 0 || y >= v->in || x < 0 || x >= h->in) {
                                continue;
                            }
                            int32_t value = wrapping_add(plane[y * h->in + x], in_offset);
                            sum = wrapping_add(sum, wrapping_mul(value, wrapping_add(*weight, filter_offset)));
                        }
                    }
                }
                *out++ = kmodel4_to_byte(kmodel4_mul_shift(sum, mul, shift), offset);
            }
        }
    }
}

// 12 a_rows, 13 a_cols, 14 b_cols, 15 a_offset, 16 b_offset, 17-19 out mul, shift, offset, then bias
void kmodel4_quantized_matmul(const kmodel4_node_t *node) {
    uint32_t rows = kmodel_field(node->body, 12), inner = kmodel_field(node->body, 13);
    uint32_t cols = kmodel_field(node->body, 14);
    int32_t a_offset = (int32_t)kmodel_field(node->body, 15), b_offset = (int32_t)kmodel_field(node->body, 16);
    int32_t mul = (int32_t)kmodel_field(node->body, 17), offset = (int32_t)kmodel_field(node->body, 19);
    uint32_t shift = kmodel_field(node->body, 18);
    const uint8_t *a = kmodel4_operand(node, 0), *b = kmodel4_operand(node, 4);
    uint8_t *out = kmodel4_result(node, 8);
    for (uint32_t row = 0; row < rows; row++, a += inner) {
        for (uint32_t col = 0; col < cols; col++) {
            int32_t sum = (int32_t)kmodel_field(node->body, 20 + col);
            for (uint32_t i = 0; i < inner; i++) {
                int32_t value = wrapping_add(a[i], a_offset);
                sum = wrapping_add(sum, wrapping_mul(value, wrapping_add(b[(size_t)i * cols + col], b_offset)));
            }
            *out++ = kmodel4_to_byte(kmodel4_mul_shift(sum, mul, shift), offset);
        }
    }
}

// -- binary: 12 op, 13 shape a, 17 shape b, 21 shape out, 25-33 offset, mul, shift of a, of b, of the output

typedef struct {
    int32_t offset, mul;
    uint32_t shift;
} scaling_t;

static scaling_t scaling(const kmodel4_node_t *node, uint32_t field) {
    scaling_t s = {
        (int32_t)kmodel_field(node->body, field), (int32_t)kmodel_field(node->body, field + 1),
        kmodel_field(node->body, field + 2),
    };
    return s;
}

// What each byte becomes before the two meet.
static void fill_table(int32_t table[TABLE_BYTES], scaling_t s) {
    for (int32_t i = 0; i < TABLE_BYTES; i++) {
        table[i] = kmodel4_mul_shift(wrapping_add(i, s.offset), s.mul, s.shift);
    }
}

// Rounded by half the divisor, then cut, as the vendor's; by 0 it is -1, as the chip's own division says.
static int32_t divided(int32_t a, int32_t b) {
    int32_t sum = wrapping_add(a, b / 2);
    if (b == 0) {
        return -1;
    }
    return b == -1 ? wrapping_mul(sum, -1) : sum / b;
}

static int32_t combined(uint32_t op, int32_t a, int32_t b) {
    switch (op) {
        case KMODEL4_OP_ADD:
            return wrapping_add(a, b);
        case KMODEL4_OP_SUB:
            return (int32_t)((uint32_t)a - (uint32_t)b);
        case KMODEL4_OP_MUL:
            return wrapping_mul(a, b);
        case KMODEL4_OP_DIV:
            return divided(a, b);
        case KMODEL4_OP_MIN:
            return b < a ? b : a;
        default:
            return a < b ? b : a;
    }
}

void kmodel4_quantized_binary(const kmodel4_node_t *node) {
    const uint8_t *a = kmodel4_operand(node, 0), *b = kmodel4_operand(node, 4);
    uint8_t *out = kmodel4_result(node, 8);
    uint32_t op = kmodel_field(node->body, 12);
    kmodel4_shape_t sa = kmodel4_shape(node->body, 13), sb = kmodel4_shape(node->body, 17);
    kmodel4_shape_t so = kmodel4_shape(node->body, 21);
    int32_t a_table[TABLE_BYTES], b_table[TABLE_BYTES];
    fill_table(a_table, scaling(node, 25));
    fill_table(b_table, scaling(node, 28));
    scaling_t s = scaling(node, 31);
    uint32_t at[3];
    for (at[0] = 0; at[0] < so.d[0]; at[0]++) {
        for (at[1] = 0; at[1] < so.d[1]; at[1]++) {
            for (at[2] = 0; at[2] < so.d[2]; at[2]++) {
                const uint8_t *ra = a + kmodel4_row(&sa, at), *rb = b + kmodel4_row(&sb, at);
                for (uint32_t x = 0; x < so.d[3]; x++) {
                    int32_t va = a_table[ra[x < sa.d[3] ? x : 0]], vb = b_table[rb[x < sb.d[3] ? x : 0]];
                    *out++ = kmodel4_to_byte(kmodel4_mul_shift(combined(op, va, vb), s.mul, s.shift), s.offset);
                }
            }
        }
    }
}

void kmodel4_table_lookup1d(const kmodel4_node_t *node) {
    const uint8_t *in = kmodel4_operand(node, 0);
    uint8_t table[TABLE_BYTES];
    memcpy(table, kmodel4_operand(node, 4), sizeof(table));
    uint8_t *out = kmodel4_result(node, 8);
    for (uint32_t left = kmodel_field(node->body, 3); left; left--) {
        *out++ = table[*in++];
    }
}
