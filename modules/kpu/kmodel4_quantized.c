// SPDX-License-Identifier: MIT
// Operators of V4 on bytes: sums of 32 bits that wrap, brought back to bytes by a product and a rounding shift.
#include <string.h>

#include "kmodel4_windows.h"
#include "kmodel_lanes.h"
#include "kmodel_poll.h"

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
                kmodel_worked((uint64_t)ins * v->filter * h->filter);
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
            kmodel_worked(inner);
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
static int32_t brought(scaling_t s, int32_t byte) {
    return kmodel4_mul_shift(wrapping_add(byte, s.offset), s.mul, s.shift);
}

static void fill_table(int32_t table[KMODEL_TABLE], scaling_t s) {
    for (int32_t i = 0; i < KMODEL_TABLE; i++) {
        table[i] = brought(s, i);
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

// -- sums: where nothing can wrap, the output's product, rounding and offset go into 64-bit tables as well

typedef struct {
    int64_t a[KMODEL_TABLE], b[KMODEL_TABLE];
    uint32_t shift;
} sums_t;

#define PORTION (4 * KMODEL_LANES)
#define MOST_OFFSET (1 << 30)
#define MOST_SUM ((uint64_t)1 << 61)

static uint64_t size_of(int64_t value) {
    return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

// No byte is brought beyond this; MOST_SUM where that is not known.
static uint64_t most_brought(scaling_t s) {
    if (s.offset < -MOST_OFFSET || s.offset > MOST_OFFSET) {
        return MOST_SUM;
    }
    uint64_t first = size_of((int64_t)s.offset * s.mul), last = size_of((s.offset + 255ll) * s.mul);
    return ((first > last ? first : last) >> s.shift) + 1;
}

// False: a sum or product could wrap, and would have to do so as the vendor's.
static bool fill_sums(sums_t *sums, scaling_t a, scaling_t b, scaling_t out, int sign) {
    uint64_t most = most_brought(a) + most_brought(b), mul = size_of(out.mul), offset = size_of(out.offset);
    if (most > INT32_MAX || most * mul >= MOST_SUM || offset > MOST_SUM >> out.shift
        || (most * mul >> out.shift) + 1 + offset > INT32_MAX) {
        return false;
    }
    int64_t rest = (int64_t)((uint64_t)(int64_t)out.offset << out.shift);
    rest += out.shift ? (int64_t)1 << (out.shift - 1) : 0;
    sums->shift = out.shift;
    for (int32_t i = 0; i < KMODEL_TABLE; i++) {
        sums->a[i] = (int64_t)brought(a, i) * out.mul + rest;
        sums->b[i] = (int64_t)brought(b, i) * out.mul * sign;
    }
    return true;
}

static inline __attribute__((always_inline)) void store(uint8_t *out, int64_t value) {
    if (__builtin_expect((uint64_t)value > 255, 0)) {
        value = value < 0 ? 0 : 255;
    }
    __asm__ ("" : "+r" (value)); // or the compiler cuts what a store of a byte cuts anyway
    *out = (uint8_t)value;
}

static inline __attribute__((always_inline)) int64_t entry(const int64_t *table, const kmodel_lanes_t *lanes, int i) {
    return *(const int64_t *)((const uint8_t *)table + kmodel_offset(lanes, i));
}

// Whether a portion's results may be stored after its operands were loaded, as if they were taken one by one.
static bool behind(const uint8_t *out, const uint8_t *in, size_t portion) {
    return out <= in || out >= in + portion;
}

static inline __attribute__((always_inline)) void sum_portion(uint8_t *out, const uint8_t *a, const uint8_t *b,
    const sums_t *sums, uint32_t shift) {
    kmodel_lanes_t la, lb;
    #pragma GCC unroll 32
    for (int i = 0; i < PORTION; i++) {
        if (i % KMODEL_LANES == 0) {
            kmodel_spread(&la, a + i, 3);
            kmodel_spread(&lb, b + i, 3);
        }
        int lane = i % KMODEL_LANES;
        store(out + i, (entry(sums->a, &la, lane) + entry(sums->b, &lb, lane)) >> shift);
    }
}

static void sum_row(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t count, const sums_t *sums) {
    const uint8_t *end = out + count;
    uint32_t shift = sums->shift;
    if (kmodel_eights(a) && kmodel_eights(b) && behind(out, a, PORTION) && behind(out, b, PORTION)) {
        for (const uint8_t *last = end - count % PORTION; out != last; out += PORTION, a += PORTION, b += PORTION) {
            sum_portion(out, a, b, sums, shift);
        }
    }
    for (; out != end; a++, b++) {
        store(out++, (sums->a[*a] + sums->b[*b]) >> shift);
    }
}

// The rest of the operators, and rows of which one operand is repeated.
typedef struct {
    uint32_t op;
    int32_t a[KMODEL_TABLE], b[KMODEL_TABLE];
    scaling_t out;
} pair_t;

static void pair_row(uint8_t *out, const uint8_t *a, uint32_t a_size, const uint8_t *b, uint32_t b_size, uint32_t count,
    const pair_t *p) {
    for (uint32_t x = 0; x < count; x++) {
        int32_t va = p->a[a[x < a_size ? x : 0]], vb = p->b[b[x < b_size ? x : 0]];
        *out++ = kmodel4_to_byte(kmodel4_mul_shift(combined(p->op, va, vb), p->out.mul, p->out.shift), p->out.offset);
    }
}

typedef struct {
    bool sums;
    union {
        sums_t sum;
        pair_t pair;
    };
} tables_t;

static void binary_row(uint8_t *out, const uint8_t *a, uint32_t a_size, const uint8_t *b, uint32_t b_size,
    uint32_t count, const tables_t *tables) {
    if (tables->sums) {
        sum_row(out, a, b, count, &tables->sum);
    } else {
        pair_row(out, a, a_size, b, b_size, count, &tables->pair);
    }
    kmodel_worked(count);
}

static void fill_tables(tables_t *tables, const kmodel4_node_t *node, bool whole_rows) {
    uint32_t op = kmodel_field(node->body, 12);
    scaling_t a = scaling(node, 25), b = scaling(node, 28), out = scaling(node, 31);
    bool sum = op == KMODEL4_OP_ADD || op == KMODEL4_OP_SUB;
    tables->sums = sum && whole_rows && fill_sums(&tables->sum, a, b, out, op == KMODEL4_OP_ADD ? 1 : -1);
    if (!tables->sums) {
        tables->pair.op = op;
        tables->pair.out = out;
        fill_table(tables->pair.a, a);
        fill_table(tables->pair.b, b);
    }
}

void kmodel4_quantized_binary(const kmodel4_node_t *node) {
    const uint8_t *a = kmodel4_operand(node, 0), *b = kmodel4_operand(node, 4);
    uint8_t *out = kmodel4_result(node, 8);
    kmodel4_shape_t sa = kmodel4_shape(node->body, 13), sb = kmodel4_shape(node->body, 17);
    kmodel4_shape_t so = kmodel4_shape(node->body, 21);
    tables_t tables;
    fill_tables(&tables, node, sa.d[3] == so.d[3] && sb.d[3] == so.d[3]);
    if (memcmp(&sa, &so, sizeof(so)) == 0 && memcmp(&sb, &so, sizeof(so)) == 0) {
        for (uint32_t left = (uint32_t)kmodel4_elements(&so), n; left; left -= n, out += n, a += n, b += n) {
            n = kmodel_portion(left);
            binary_row(out, a, n, b, n, n, &tables);
        }
        return;
    }
    uint32_t at[3];
    for (at[0] = 0; at[0] < so.d[0]; at[0]++) {
        for (at[1] = 0; at[1] < so.d[1]; at[1]++) {
            for (at[2] = 0; at[2] < so.d[2]; at[2]++, out += so.d[3]) {
                binary_row(out, a + kmodel4_row(&sa, at), sa.d[3], b + kmodel4_row(&sb, at), sb.d[3], so.d[3], &tables);
            }
        }
    }
}

void kmodel4_table_lookup1d(const kmodel4_node_t *node) {
    const uint8_t *in = kmodel4_operand(node, 0);
    uint8_t table[KMODEL_TABLE];
    memcpy(table, kmodel4_operand(node, 4), sizeof(table));
    uint8_t *out = kmodel4_result(node, 8);
    for (uint32_t left = kmodel_field(node->body, 3), n; left; left -= n) {
        n = kmodel_portion(left);
        for (uint8_t *end = out + n; out != end;) {
            *out++ = table[*in++];
        }
        kmodel_worked(n);
    }
}
