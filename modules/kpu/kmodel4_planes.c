// SPDX-License-Identifier: MIT
// Operators of V4 that move elements of one byte or four: concat, pad, transpose, slice, resize; and reduce.
#include <math.h>
#include <string.h>

#include "kmodel4_nodes.h"
#include "kmodel_poll.h"

// 4 inner (bytes), 5 outer, 6 n, then n ranges, then n dims
void kmodel4_concat(const kmodel4_node_t *node) {
    uint32_t inner = kmodel_field(node->body, 4), outer = kmodel_field(node->body, 5), n = kmodel_field(node->body, 6);
    uint8_t *out = kmodel4_result(node, 0);
    for (uint32_t o = 0; o < outer; o++) {
        for (uint32_t i = 0; i < n; i++) {
            size_t bytes = (size_t)inner * kmodel_field(node->body, 7 + 4 * n + i);
            memmove(out, kmodel4_operand(node, 7 + 4 * i) + o * bytes, bytes);
            out += bytes;
            kmodel_worked(bytes / 8);
        }
    }
}

// -- elements picked from a tensor: output (i, j, k, l) is the input's element `origin` + i * steps[0] + ...

typedef struct {
    uint32_t size[4];
    int64_t steps[4];
    int64_t origin;
} pick_t;

static void pick_row(uint8_t *out, const uint8_t *in, uint32_t count, int64_t step, uint32_t element) {
    if (step == 1) {
        memcpy(out, in, (size_t)count * element);
    } else if (element == 4) {
        const uint32_t *from = (const uint32_t *)in;
        uint32_t *to = (uint32_t *)out;
        for (uint32_t *end = to + count; to < end; to++, from += step) {
            *to = *from;
        }
    } else {
        for (uint8_t *end = out + count; out < end; out++, in += step) {
            *out = *in;
        }
    }
}

static void pick(uint8_t *out, const uint8_t *in, const pick_t *p, uint32_t element) {
    for (uint32_t n = 0; n < p->size[0]; n++) {
        for (uint32_t c = 0; c < p->size[1]; c++) {
            for (uint32_t y = 0; y < p->size[2]; y++) {
                int64_t at = p->origin + n * p->steps[0] + c * p->steps[1] + y * p->steps[2];
                pick_row(out, in + at * element, p->size[3], p->steps[3], element);
                out += (size_t)p->size[3] * element;
                kmodel_worked(p->size[3]);
            }
        }
    }
}

static void strides_of(const kmodel4_shape_t *shape, int64_t strides[4]) {
    strides[3] = 1;
    for (int i = 2; i >= 0; i--) {
        strides[i] = strides[i + 1] * shape->d[i + 1];
    }
}

static uint32_t element_bytes(const kmodel4_node_t *node) {
    return kmodel4_element_bytes(kmodel_field(node->body, 1));
}

// 8 shape in, 12 perm
void kmodel4_transpose(const kmodel4_node_t *node) {
    kmodel4_shape_t shape = kmodel4_shape(node->body, 8), perm = kmodel4_shape(node->body, 12);
    int64_t strides[4];
    strides_of(&shape, strides);
    pick_t p = {.origin = 0};
    for (int i = 0; i < 4; i++) {
        p.size[i] = shape.d[perm.d[i]];
        p.steps[i] = strides[perm.d[i]];
    }
    pick(kmodel4_result(node, 4), kmodel4_operand(node, 0), &p, element_bytes(node));
}

// 8 shape in, 12 begin, 16 end, 20 strides
void kmodel4_strided_slice(const kmodel4_node_t *node) {
    kmodel4_shape_t shape = kmodel4_shape(node->body, 8);
    int64_t strides[4];
    strides_of(&shape, strides);
    pick_t p = {.origin = 0};
    for (int i = 0; i < 4; i++) {
        int64_t begin = (int32_t)kmodel_field(node->body, 12 + i), end = (int32_t)kmodel_field(node->body, 16 + i);
        int64_t stride = (int32_t)kmodel_field(node->body, 20 + i);
        int64_t beyond = stride > 0 ? stride - 1 : stride + 1;
        p.size[i] = (uint32_t)((end - begin + beyond) / stride);
        p.steps[i] = stride * strides[i];
        p.origin += begin * strides[i];
    }
    pick(kmodel4_result(node, 4), kmodel4_operand(node, 0), &p, element_bytes(node));
}

// -- pad: 8 shape in, 12-19 before and after for each dimension, 20 the value's type, 21 its bytes

static uint8_t *fill(uint8_t *out, size_t count, uint32_t element, uint32_t value) {
    if (element == 1) {
        memset(out, (int)(value & 0xff), count);
    } else {
        for (size_t i = 0; i < count; i++) {
            ((uint32_t *)out)[i] = value;
        }
    }
    return out + count * element;
}

void kmodel4_pad(const kmodel4_node_t *node) {
    kmodel4_shape_t in = kmodel4_shape(node->body, 8);
    uint32_t element = element_bytes(node), value = kmodel_field(node->body, 21), size[4];
    int32_t before[4];
    for (uint32_t i = 0; i < 4; i++) {
        before[i] = (int32_t)kmodel_field(node->body, 12 + 2 * i);
        size[i] = in.d[i] + (uint32_t)before[i] + kmodel_field(node->body, 13 + 2 * i);
    }
    // The part of a row that comes from the input: behind `left` values of padding, `kept` elements.
    uint32_t left = before[3] > 0 ? (uint32_t)before[3] : 0, skipped = before[3] < 0 ? -(uint32_t)before[3] : 0;
    left = left < size[3] ? left : size[3];
    uint32_t kept = skipped < in.d[3] ? in.d[3] - skipped : 0;
    kept = kept < size[3] - left ? kept : size[3] - left;
    const uint8_t *from = kmodel4_operand(node, 0);
    uint8_t *out = kmodel4_result(node, 4);
    for (uint32_t n = 0; n < size[0]; n++) {
        for (uint32_t c = 0; c < size[1]; c++) {
            for (uint32_t y = 0; y < size[2]; y++) {
                const int64_t at[3] = {(int64_t)n - before[0], (int64_t)c - before[1], (int64_t)y - before[2]};
                kmodel_worked(size[3]);
                bool inside = at[0] >= 0 && at[0] < in.d[0] && at[1] >= 0 && at[1] < in.d[1] && at[2] >= 0
                    && at[2] < in.d[2];
                if (!inside || kept == 0) {
                    out = fill(out, size[3], element, value);
                    continue;
                }
                size_t row = (size_t)((at[0] * in.d[1] + at[1]) * in.d[2] + at[2]) * in.d[3] + skipped;
                out = fill(out, left, element, value);
                memcpy(out, from + row * element, (size_t)kept * element);
                out = fill(out + (size_t)kept * element, size[3] - left - kept, element, value);
            }
        }
    }
}

// -- resize: 8 shape in, 12 out_h, 13 out_w, 14 mode, 15 align_corners

typedef struct {
    uint32_t in, out;
    float scale;
} axis_t;

static axis_t axis_of(uint32_t in, uint32_t out, bool align_corners) {
    bool aligned = align_corners && out > 1;
    axis_t axis = {in, out, aligned ? (float)(in - 1) / (float)(out - 1) : (float)in / (float)out};
    return axis;
}

// The input left of or at an output, and how far behind it that is.
static uint32_t source_of(const axis_t *axis, uint32_t position, float *fraction) {
    float at = (float)position * axis->scale;
    uint32_t whole = (uint32_t)floorf(at);
    whole = whole < axis->in ? whole : axis->in - 1;
    *fraction = at - (float)whole;
    return whole;
}

static float value_at(const uint8_t *row, uint32_t x, uint32_t element) {
    return element == 4 ? ((const float *)row)[x] : row[x];
}

static void store(uint8_t *out, uint32_t element, float value) {
    if (element == 4) {
        memcpy(__builtin_assume_aligned(out, 4), &value, sizeof(value));
    } else {
        *out = (uint8_t)(int32_t)value;
    }
}

static void resize_row(uint8_t *out, const uint8_t *upper, const uint8_t *lower, float fy, const axis_t *h,
    uint32_t element) {
    for (uint32_t x = 0; x < h->out; x++, out += element) {
        float fx;
        uint32_t left = source_of(h, x, &fx), right = left + 1 < h->in ? left + 1 : left;
        float value = value_at(upper, left, element) * ((1 - fy) * (1 - fx))
            + value_at(lower, left, element) * (fy * (1 - fx))
            + value_at(upper, right, element) * ((1 - fy) * fx) + value_at(lower, right, element) * (fy * fx);
        store(out, element, value);
    }
}

static void pick_nearest(uint8_t *out, const uint8_t *row, const axis_t *h, uint32_t element) {
    for (uint32_t x = 0; x < h->out; x++, out += element) {
        float unused;
        memcpy(out, row + (size_t)source_of(h, x, &unused) * element, element);
    }
}

void kmodel4_resize(const kmodel4_node_t *node) {
    kmodel4_shape_t in = kmodel4_shape(node->body, 8);
    bool nearest = kmodel_field(node->body, 14) == KMODEL4_NEAREST;
    bool aligned = !nearest && (kmodel_field(node->body, 15) & 0xff);
    axis_t v = axis_of(in.d[2], kmodel_field(node->body, 12), aligned);
    axis_t h = axis_of(in.d[3], kmodel_field(node->body, 13), aligned);
    uint32_t element = element_bytes(node);
    size_t row_bytes = (size_t)in.d[3] * element;
    const uint8_t *plane = kmodel4_operand(node, 0);
    uint8_t *out = kmodel4_result(node, 4);
    for (uint64_t left = (uint64_t)in.d[0] * in.d[1]; left; left--, plane += in.d[2] * row_bytes) {
        for (uint32_t y = 0; y < v.out; y++, out += (size_t)h.out * element) {
            float fy;
            kmodel_worked(h.out);
            uint32_t top = source_of(&v, y, &fy), bottom = top + 1 < v.in ? top + 1 : top;
            if (nearest) {
                pick_nearest(out, plane + top * row_bytes, &h, element);
            } else {
                resize_row(out, plane + top * row_bytes, plane + bottom * row_bytes, fy, &h, element);
            }
        }
    }
}

// -- reduce: 8 op, 9 shape in, 13 shape out, 17 init; an output's index is the input's, or 0 beyond its size

static void reduce_into(uint32_t op, float *out, float value) {
    switch (op) {
        case KMODEL4_REDUCE_MIN:
            *out = value < *out ? value : *out;
            break;
        case KMODEL4_REDUCE_MAX:
            *out = *out < value ? value : *out;
            break;
        default:
            *out += value;
    }
}

void kmodel4_reduce(const kmodel4_node_t *node) {
    uint32_t op = kmodel_field(node->body, 8);
    kmodel4_shape_t si = kmodel4_shape(node->body, 9), so = kmodel4_shape(node->body, 13);
    float init = kmodel_float(node->body, 17);
    const float *in = kmodel4_floats(node, 0);
    float *out = (float *)kmodel4_result(node, 4);
    size_t ins = (size_t)kmodel4_elements(&si), outs = (size_t)kmodel4_elements(&so);
    for (size_t i = 0; i < outs; i++) {
        out[i] = init;
    }
    for (uint32_t n = 0; n < si.d[0]; n++) {
        for (uint32_t c = 0; c < si.d[1]; c++) {
            for (uint32_t y = 0; y < si.d[2]; y++) {
                size_t row = n < so.d[0] ? n : 0;
                row = row * so.d[1] + (c < so.d[1] ? c : 0);
                row = row * so.d[2] + (y < so.d[2] ? y : 0);
                float *to = out + row * so.d[3];
                kmodel_worked(si.d[3]);
                for (uint32_t x = 0; x < si.d[3]; x++) {
                    reduce_into(op, to + (x < so.d[3] ? x : 0), *in++);
                }
            }
        }
    }
    if (op == KMODEL4_REDUCE_MEAN) {
        float share = (float)outs / (float)ins;
        for (size_t i = 0; i < outs; i++) {
            out[i] *= share;
        }
    }
}
