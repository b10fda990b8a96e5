// SPDX-License-Identifier: MIT
// Operators on planes of bytes or floats in main memory: pooling, resizing, and from planes to pixels.
#include "kmodel_layers.h"
#include "kmodel_poll.h"

// -- pooling: 3-5 input w, h, c, 6-8 output w, h, c, 9-10 kernel, 11-12 stride, 13-14 padding

typedef struct {
    uint32_t in_w, in_h, out_w, out_h, channels;
    uint32_t kernel_w, kernel_h, stride_w, stride_h, padding_w, padding_h;
} pool_t;

// The part of a window that lies in the plane.
typedef struct {
    uint32_t x, y, x_end, y_end;
} window_t;

static pool_t pool_of(const uint8_t *body) {
    pool_t pool = {
        kmodel_field(body, 3), kmodel_field(body, 4), kmodel_field(body, 6), kmodel_field(body, 7),
        kmodel_field(body, 8), kmodel_field(body, 9), kmodel_field(body, 10), kmodel_field(body, 11),
        kmodel_field(body, 12), kmodel_field(body, 13), kmodel_field(body, 14),
    };
    return pool;
}

static uint32_t within(int64_t position, uint32_t size) {
    return position < 0 ? 0 : position > size ? size : (uint32_t)position;
}

static window_t window_at(const pool_t *p, uint32_t x, uint32_t y) {
    int64_t left = (int64_t)x * p->stride_w - p->padding_w, top = (int64_t)y * p->stride_h - p->padding_h;
    window_t window = {
        within(left, p->in_w), within(top, p->in_h),
        within(left + p->kernel_w, p->in_w), within(top + p->kernel_h, p->in_h),
    };
    return window;
}

static uint8_t most_in(const uint8_t *plane, uint32_t pitch, window_t window) {
    uint8_t most = 0;
    for (uint32_t y = window.y; y < window.y_end; y++) {
        for (uint32_t x = window.x; x < window.x_end; x++) {
            most = plane[y * pitch + x] > most ? plane[y * pitch + x] : most;
        }
    }
    return most;
}

static float mean_in(const float *plane, uint32_t pitch, window_t window) {
    float sum = 0, count = 0;
    for (uint32_t y = window.y; y < window.y_end; y++) {
        for (uint32_t x = window.x; x < window.x_end; x++) {
            sum += plane[y * pitch + x];
            count++;
        }
    }
    return sum / count;
}

void kmodel_quantized_max_pool2d(const uint8_t *body, uint8_t *work) {
    pool_t p = pool_of(body);
    const uint8_t *plane = work + kmodel_field(body, 1);
    uint8_t *out = work + kmodel_field(body, 2);
    for (uint32_t c = 0; c < p.channels; c++, plane += p.in_w * p.in_h) {
        for (uint32_t y = 0; y < p.out_h; y++) {
            for (uint32_t x = 0; x < p.out_w; x++) {
                *out++ = most_in(plane, p.in_w, window_at(&p, x, y));
                kmodel_worked(p.kernel_w * (uint64_t)p.kernel_h);
            }
        }
    }
}

void kmodel_average_pool2d(const uint8_t *body, uint8_t *work) {
    pool_t p = pool_of(body);
    const float *plane = (const float *)(work + kmodel_field(body, 1));
    float *out = (float *)(work + kmodel_field(body, 2));
    for (uint32_t c = 0; c < p.channels; c++, plane += p.in_w * p.in_h) {
        for (uint32_t y = 0; y < p.out_h; y++) {
            for (uint32_t x = 0; x < p.out_w; x++) {
                *out++ = mean_in(plane, p.in_w, window_at(&p, x, y));
                kmodel_worked(p.kernel_w * (uint64_t)p.kernel_h);
            }
        }
    }
}

// -- nearest neighbour: 3-5 input w, h, c, 6 out_w, 7 out_h

typedef struct {
    uint32_t in_w, in_h, channels, out_w, out_h;
    float scale_w, scale_h;
} resize_t;

static resize_t resize_of(const uint8_t *body) {
    resize_t r = {kmodel_field(body, 3), kmodel_field(body, 4), kmodel_field(body, 5), kmodel_field(body, 6),
                  kmodel_field(body, 7), 0, 0};
    r.scale_w = (float)r.in_w / (float)r.out_w;
    r.scale_h = (float)r.in_h / (float)r.out_h;
    return r;
}

static uint32_t source_of(uint32_t position, float scale, uint32_t size) {
    uint32_t source = (uint32_t)((float)position * scale);
    return source < size ? source : size - 1;
}

void kmodel_resize_nearest_neighbor(const uint8_t *body, uint8_t *work) {
    resize_t r = resize_of(body);
    const float *plane = (const float *)(work + kmodel_field(body, 1));
    float *out = (float *)(work + kmodel_field(body, 2));
    for (uint32_t c = 0; c < r.channels; c++, plane += r.in_w * r.in_h) {
        for (uint32_t y = 0; y < r.out_h; y++) {
            const float *row = plane + source_of(y, r.scale_h, r.in_h) * r.in_w;
            kmodel_worked(r.out_w);
            for (uint32_t x = 0; x < r.out_w; x++) {
                *out++ = row[source_of(x, r.scale_w, r.in_w)];
            }
        }
    }
}

void kmodel_quantized_resize_nearest_neighbor(const uint8_t *body, uint8_t *work) {
    resize_t r = resize_of(body);
    const uint8_t *plane = work + kmodel_field(body, 1);
    uint8_t *out = work + kmodel_field(body, 2);
    for (uint32_t c = 0; c < r.channels; c++, plane += r.in_w * r.in_h) {
        for (uint32_t y = 0; y < r.out_h; y++) {
            const uint8_t *row = plane + source_of(y, r.scale_h, r.in_h) * r.in_w;
            kmodel_worked(r.out_w);
            for (uint32_t x = 0; x < r.out_w; x++) {
                *out++ = row[source_of(x, r.scale_w, r.in_w)];
            }
        }
    }
}

// Planes to pixels: 3-5 w, h, c
void kmodel_tensorflow_flatten(const uint8_t *body, uint8_t *work) {
    const float *in = (const float *)(work + kmodel_field(body, 1));
    float *out = (float *)(work + kmodel_field(body, 2));
    uint32_t pixels = kmodel_field(body, 3) * kmodel_field(body, 4), channels = kmodel_field(body, 5);
    for (uint32_t i = 0; i < pixels; i++) {
        for (uint32_t c = 0; c < channels; c++) {
            *out++ = in[c * pixels + i];
        }
        kmodel_worked(channels);
    }
}
