// SPDX-License-Identifier: MIT
// Convolutions and pooling on floats: each output is added up in the vendor's order, so that host and board agree.
#include "kmodel4_windows.h"
#include "kmodel_poll.h"

int64_t kmodel4_window_size(int64_t in, int64_t before, int64_t after, int64_t filter, int64_t stride,
    int64_t dilation) {
    int64_t room = in + before + after - ((filter - 1) * dilation + 1);
    return room < 0 ? 0 : room / stride + 1;
}

kmodel4_window_t kmodel4_window(const uint8_t *body, uint32_t shape, uint32_t pads, uint32_t filter) {
    kmodel4_shape_t in = kmodel4_shape(body, shape);
    kmodel4_window_t w = {.n = in.d[0], .channels = in.d[1]};
    for (uint32_t i = 0; i < 2; i++) {
        w.axes[i] = (kmodel4_axis_t) {
            .in = in.d[2 + i],
            .before = (int32_t)kmodel_field(body, pads + 2 * i),
            .after = (int32_t)kmodel_field(body, pads + 2 * i + 1),
            .filter = kmodel_field(body, filter + i),
            .stride = kmodel_field(body, filter + 2 + i),
            .dilation = kmodel_field(body, filter + 4 + i),
        };
    }
    return w;
}

// -- what they ask for

// Filters and so on whose products with any position stay far from overflow; outputs follow from the inputs.
static int check_window(kmodel4_window_t *w, kmodel_why_t *why) {
    for (int i = 0; i < 2; i++) {
        kmodel4_axis_t *a = &w->axes[i];
        const struct {
            const char *name;
            int64_t value;
        } limited[] = {
            {"the filter's size", a->filter}, {"the stride", a->stride}, {"the dilation", a->dilation},
        };
        for (size_t j = 0; j < sizeof(limited) / sizeof(limited[0]); j++) {
            if (limited[j].value < 1 || limited[j].value > KMODEL4_MOST_WINDOW) {
                bool low = limited[j].value < 1;
                return kmodel_refuse(why, KMODEL_ERR_FORMAT, low ? WHY_BELOW : WHY_ABOVE, limited[j].name,
                    limited[j].value, low ? 1 : KMODEL4_MOST_WINDOW);
            }
        }
        int64_t size = kmodel4_window_size(a->in, a->before, a->after, a->filter, a->stride, a->dilation);
        if (size < 1 || size > INT32_MAX) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BELOW, "the output's size", size < 1 ? size : 0, 1);
        }
        a->out = (uint32_t)size;
    }
    return KMODEL_OK;
}

static int check_groups(const kmodel4_window_t *w, uint32_t groups, uint32_t out_ch, kmodel_why_t *why) {
    if (groups == 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ZERO, "groups", 0, 1);
    }
    const uint32_t channels[] = {w->channels, out_ch};
    for (int i = 0; i < 2; i++) {
        if (channels[i] % groups != 0) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT_MULTIPLE,
                i ? "the number of output channels" : "the number of input channels", channels[i], groups);
        }
    }
    return KMODEL_OK;
}

// Taps of all outputs together, and of all weights.
static void count_taps(const kmodel4_window_t *w, uint32_t ins, uint32_t outs, uint64_t positions,
    kmodel4_extent_t *extent, uint64_t *weights) {
    kmodel4_shape_t all = {{ins, outs, w->axes[0].filter, w->axes[1].filter}};
    *weights = kmodel4_elements(&all);
    bool countable = *weights <= UINT32_MAX && positions <= UINT32_MAX;
    extent->work = countable ? *weights * positions : UINT64_MAX;
}

// 8 shape in, 12 groups, 13 out_ch, 14-17 pads, 18-23 filter, stride, dilation
static int conv2d(const kmodel4_node_t *node, kmodel4_extent_t *extent, uint64_t *weights, kmodel_why_t *why) {
    kmodel4_window_t w = kmodel4_window(node->body, 8, 14, 18);
    uint32_t groups = kmodel_field(node->body, 12), out_ch = kmodel_field(node->body, 13);
    int result = check_groups(&w, groups, out_ch, why);
    if (result == KMODEL_OK) {
        result = check_window(&w, why);
    }
    if (result != KMODEL_OK) {
        return result;
    }
    kmodel4_shape_t in = kmodel4_shape(node->body, 8);
    kmodel4_shape_t positions = {{1, w.n, w.axes[0].out, w.axes[1].out}};
    extent->in[0] = kmodel4_elements(&in);
    extent->shape = (kmodel4_shape_t) {{w.n, out_ch, w.axes[0].out, w.axes[1].out}};
    extent->shaped = true;
    extent->out = kmodel4_elements(&extent->shape);
    count_taps(&w, w.channels / groups, out_ch, kmodel4_elements(&positions), extent, weights);
    return KMODEL_OK;
}

int kmodel4_extent_conv2d(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    uint64_t weights = 0;
    int result = conv2d(node, extent, &weights, why);
    extent->tail = weights > UINT32_MAX ? UINT64_MAX : 4 * (weights + kmodel_field(node->body, 13));
    return result;
}

int kmodel4_extent_quantized_conv2d(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    uint64_t weights = 0;
    int result = conv2d(node, extent, &weights, why);
    extent->tail = weights > UINT32_MAX ? UINT64_MAX : weights + 4ull * kmodel_field(node->body, 13);
    uint32_t shift = kmodel_field(node->body, 27);
    if (result == KMODEL_OK && shift > 63) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, "a shift", shift, 63);
    }
    return result;
}

// 8 shape in, 12 shape out, 16 groups, 17-20 pads, 21-26 filter, stride, dilation
int kmodel4_extent_conv2d_transpose(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    kmodel4_window_t w = kmodel4_window(node->body, 8, 17, 21);
    kmodel4_shape_t in = kmodel4_shape(node->body, 8), out = kmodel4_shape(node->body, 12);
    uint32_t groups = kmodel_field(node->body, 16);
    int result = check_groups(&w, groups, out.d[1], why);
    if (result == KMODEL_OK && out.d[0] != in.d[0]) {
        result = kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT, "the output's n", out.d[0], in.d[0]);
    }
    // Seen from the output it is a window that moves over it; how many fit need not be what the input has.
    for (int i = 0; i < 2; i++) {
        w.axes[i].in = out.d[2 + i];
        w.axes[i].before = w.axes[i].after = KMODEL4_MOST_WINDOW;
    }
    if (result == KMODEL_OK) {
        result = check_window(&w, why);
    }
    if (result != KMODEL_OK) {
        return result;
    }
    kmodel4_shape_t positions = {{1, in.d[0], in.d[2], in.d[3]}};
    uint64_t weights;
    extent->in[0] = kmodel4_elements(&in);
    extent->shape = out;
    extent->shaped = true;
    extent->out = kmodel4_elements(&out);
    count_taps(&w, w.channels / groups, out.d[1], kmodel4_elements(&positions), extent, &weights);
    extent->tail = weights > UINT32_MAX ? UINT64_MAX : 4 * (weights + out.d[1]);
    return KMODEL_OK;
}

// 8 op, 9 shape in, 13-16 pads, 17-22 filter, stride, dilation, 23 init, 24-25 act
int kmodel4_extent_reduce_window2d(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    kmodel4_window_t w = kmodel4_window(node->body, 9, 13, 17);
    uint32_t op = kmodel_field(node->body, 8);
    if (op > KMODEL4_REDUCE_SUM) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, "op", op, KMODEL4_REDUCE_SUM);
    }
    int result = check_window(&w, why);
    if (result != KMODEL_OK) {
        return result;
    }
    kmodel4_shape_t in = kmodel4_shape(node->body, 9);
    uint64_t unused;
    extent->in[0] = kmodel4_elements(&in);
    extent->shape = (kmodel4_shape_t) {{w.n, w.channels, w.axes[0].out, w.axes[1].out}};
    extent->shaped = true;
    extent->out = kmodel4_elements(&extent->shape);
    count_taps(&w, 1, 1, extent->out, extent, &unused);
    return KMODEL_OK;
}

// -- positions

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

kmodel4_span_t kmodel4_span(const kmodel4_axis_t *axis, uint32_t tap) {
    // in = out * stride + offset must lie in 0 ... in - 1.
    int64_t offset = (int64_t)tap * axis->dilation - axis->before;
    int64_t first = offset < 0 ? (-offset + axis->stride - 1) / axis->stride : 0;
    int64_t last = (int64_t)axis->in - 1 - offset;
    int64_t end = last < 0 ? 0 : smaller(last / axis->stride + 1, axis->out);
    kmodel4_span_t span = {0, 0, 0};
    if (first < end) {
        span = (kmodel4_span_t) {(uint32_t)first, (uint32_t)end, (uint32_t)(first * axis->stride + offset)};
    }
    return span;
}

// -- pooling

static float reduced(uint32_t op, float a, float b) {
    return op == KMODEL4_REDUCE_MIN ? (b < a ? b : a) : op == KMODEL4_REDUCE_MAX ? (a < b ? b : a) : a + b;
}

// The taps of a window that lie in the plane: the first and one behind the last.
static void taps_within(const kmodel4_axis_t *axis, int64_t origin, uint32_t *first, uint32_t *end) {
    int64_t dilation = axis->dilation;
    *first = (uint32_t)smaller(larger(0, (-origin + dilation - 1) / dilation), axis->filter);
    *end = (uint32_t)smaller(larger(0, ((int64_t)axis->in - origin + dilation - 1) / dilation), axis->filter);
}

void kmodel4_reduce_window2d(const kmodel4_node_t *node) {
    kmodel4_window_t w = kmodel4_window(node->body, 9, 13, 17);
    uint32_t op = kmodel_field(node->body, 8);
    float init = kmodel_float(node->body, 23), low = kmodel_float(node->body, 24), high = kmodel_float(node->body, 25);
    const kmodel4_axis_t *v = &w.axes[0], *h = &w.axes[1];
    uint32_t out_h = kmodel4_axis_out(v), out_w = kmodel4_axis_out(h);
    const float *plane = kmodel4_floats(node, 0);
    float *out = (float *)kmodel4_result(node, 4);
    for (uint64_t left = (uint64_t)w.n * w.channels; left; left--, plane += (size_t)v->in * h->in) {
        for (uint32_t y = 0; y < out_h; y++) {
            int64_t top = (int64_t)y * v->stride - v->before;
            uint32_t ky0, ky1;
            taps_within(v, top, &ky0, &ky1);
            for (uint32_t x = 0; x < out_w; x++) {
                int64_t side = (int64_t)x * h->stride - h->before;
                uint32_t kx0, kx1;
                taps_within(h, side, &kx0, &kx1);
                float value = init;
                uint32_t count = 0;
                for (uint32_t ky = ky0; ky < ky1; ky++) {
                    const float *row = plane + (top + (int64_t)ky * v->dilation) * h->in;
                    for (uint32_t kx = kx0; kx < kx1; kx++, count++) {
                        value = reduced(op, value, row[side + (int64_t)kx * h->dilation]);
                    }
                }
                value = op == KMODEL4_REDUCE_MEAN ? value / (float)count : value;
                *out++ = kmodel4_clamp(value, low, high);
                kmodel_worked(count + 1);
            }
        }
    }
}
