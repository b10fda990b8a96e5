// SPDX-License-Identifier: MIT
// Float operators with weights: a weight is fetched from the file once, as an integer, and used for a whole plane.
//
// Outputs are added up in place. For each the order is the vendor's: bias, then input channels, then rows, then columns
// of the filter.
#include "kmodel4_windows.h"
#include "kmodel_poll.h"

static void fill(float *out, size_t count, float value) {
    for (size_t i = 0; i < count; i++) {
        out[i] = value;
    }
}

static void clamp(float *out, size_t count, float low, float high) {
    for (size_t i = 0; i < count; i++) {
        out[i] = kmodel4_clamp(out[i], low, high);
    }
}

// Adds one tap of the filter to a plane of outputs.
static void add_tap(float *out, const float *in, const kmodel4_window_t *w, uint32_t ky, uint32_t kx, float weight) {
    kmodel4_span_t v = kmodel4_span(&w->axes[0], ky), h = kmodel4_span(&w->axes[1], kx);
    uint32_t stride = w->axes[1].stride, count = h.end - h.first;
    for (uint32_t y = v.first; y < v.end; y++) {
        float *to = out + (size_t)y * w->axes[1].out + h.first;
        const float *from = in + (size_t)(v.in + (y - v.first) * w->axes[0].stride) * w->axes[1].in + h.in;
        for (uint32_t i = 0; i < count; i++, from += stride) {
            to[i] += *from * weight;
        }
        kmodel_worked(count);
    }
}

// 12 groups, 13 out_ch, 24-25 act, 26 weights[out_ch][in_ch / groups][filter_h][filter_w], then bias
void kmodel4_conv2d(const kmodel4_node_t *node) {
    kmodel4_window_t w = kmodel4_window(node->body, 8, 14, 18);
    w.axes[0].out = kmodel4_axis_out(&w.axes[0]);
    w.axes[1].out = kmodel4_axis_out(&w.axes[1]);
    uint32_t groups = kmodel_field(node->body, 12), outs = kmodel_field(node->body, 13);
    uint32_t ins = w.channels / groups;
    uint32_t taps = w.axes[0].filter * w.axes[1].filter;
    size_t in_plane = (size_t)w.axes[0].in * w.axes[1].in, out_plane = (size_t)w.axes[0].out * w.axes[1].out;
    float low = kmodel_float(node->body, 24), high = kmodel_float(node->body, 25);
    uint32_t bias = 26 + outs * ins * taps;
    const float *in = kmodel4_floats(node, 0);
    float *out = (float *)kmodel4_result(node, 4);
    for (uint32_t n = 0; n < w.n; n++, in += w.channels * in_plane) {
        uint32_t field = 26;
        for (uint32_t o = 0; o < outs; o++, out += out_plane) {
            const float *plane = in + (size_t)(o / (outs / groups)) * ins * in_plane;
            fill(out, out_plane, kmodel_float(node->body, bias + o));
            for (uint32_t i = 0; i < ins; i++, plane += in_plane) {
                for (uint32_t tap = 0; tap < taps; tap++) {
                    add_tap(out, plane, &w, tap / w.axes[1].filter, tap % w.axes[1].filter,
                        kmodel_float(node->body, field++));
                }
            }
            clamp(out, out_plane, low, high);
        }
    }
}

// The reverse: spreads a plane of inputs through one tap over a plane of outputs, of which `w` says the size as `in`.
static void spread_tap(float *out, const float *in, const kmodel4_window_t *w, uint32_t ky, uint32_t kx,
    float weight) {
    kmodel4_span_t v = kmodel4_span(&w->axes[0], ky), h = kmodel4_span(&w->axes[1], kx);
    uint32_t stride = w->axes[1].stride, count = h.end - h.first;
    for (uint32_t y = v.first; y < v.end; y++) {
        const float *from = in + (size_t)y * w->axes[1].out + h.first;
        float *to = out + (size_t)(v.in + (y - v.first) * w->axes[0].stride) * w->axes[1].in + h.in;
        for (uint32_t i = 0; i < count; i++, to += stride) {
            *to += from[i] * weight;
        }
        kmodel_worked(count);
    }
}

// 8 shape in, 12 shape out, 16 groups, 17 pads, 21 filter, 27-28 act, 29 weights, then bias, which no runtime adds
void kmodel4_conv2d_transpose(const kmodel4_node_t *node) {
    kmodel4_window_t w = kmodel4_window(node->body, 8, 17, 21);
    kmodel4_shape_t shape = kmodel4_shape(node->body, 12);
    for (int i = 0; i < 2; i++) {
        w.axes[i].out = w.axes[i].in;
        w.axes[i].in = shape.d[2 + i];
    }
    uint32_t groups = kmodel_field(node->body, 16), outs = shape.d[1], ins = w.channels / groups;
    uint32_t taps = w.axes[0].filter * w.axes[1].filter;
    size_t out_plane = (size_t)shape.d[2] * shape.d[3], in_plane = (size_t)w.axes[0].out * w.axes[1].out;
    float low = kmodel_float(node->body, 27), high = kmodel_float(node->body, 28);
    const float *in = kmodel4_floats(node, 0);
    float *out = (float *)kmodel4_result(node, 4);
    for (uint32_t n = 0; n < w.n; n++, in += w.channels * in_plane) {
        for (uint32_t o = 0; o < outs; o++, out += out_plane) {
            const float *plane = in + (size_t)(o / (outs / groups)) * ins * in_plane;
            fill(out, out_plane, 0);
            for (uint32_t i = 0; i < ins; i++, plane += in_plane) {
                // From the last tap on, so that an output is reached by its inputs in their order.
                uint32_t field = 29 + (o * ins + i) * taps;
                for (uint32_t tap = taps; tap-- > 0;) {
                    spread_tap(out, plane, &w, tap / w.axes[1].filter, tap % w.axes[1].filter,
                        kmodel_float(node->body, field + tap));
                }
            }
            clamp(out, out_plane, low, high);
        }
    }
}

// 12 a_rows, 13 a_cols, 14 b_cols, 15-16 act, 17 bias
void kmodel4_matmul(const kmodel4_node_t *node) {
    uint32_t rows = kmodel_field(node->body, 12), inner = kmodel_field(node->body, 13);
    uint32_t cols = kmodel_field(node->body, 14);
    float low = kmodel_float(node->body, 15), high = kmodel_float(node->body, 16);
    const float *a = kmodel4_floats(node, 0), *all_b = kmodel4_floats(node, 4);
    float *out = (float *)kmodel4_result(node, 8);
    for (uint32_t row = 0; row < rows; row++, out += cols) {
        for (uint32_t col = 0; col < cols; col++) {
            out[col] = kmodel_float(node->body, 17 + col);
        }
        const float *b = all_b;
        for (uint32_t i = 0; i < inner; i++, b += cols) {
            float factor = *a++;
            for (uint32_t col = 0; col < cols; col++) {
                out[col] += factor * b[col];
            }
            kmodel_worked(cols);
        }
        clamp(out, cols, low, high);
    }
}
