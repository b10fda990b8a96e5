// SPDX-License-Identifier: MIT
// A window that moves over planes: filter, stride, dilation and padding along each axis.
#ifndef KMODEL4_WINDOWS_H
#define KMODEL4_WINDOWS_H

#include "kmodel4_nodes.h"

// Largest filter, stride and dilation; with it no product of positions overflows.
#define KMODEL4_MOST_WINDOW (65536)

typedef struct {
    uint32_t in, out; // elements
    int32_t before, after;
    uint32_t filter, stride, dilation;
} kmodel4_axis_t;

typedef struct {
    uint32_t n, channels;
    kmodel4_axis_t axes[2]; // vertical, horizontal
} kmodel4_window_t;

// From a body, by the fields where the input's shape, the pads, and the filter's size begin. `out` stays 0.
kmodel4_window_t kmodel4_window(const uint8_t *body, uint32_t shape, uint32_t pads, uint32_t filter);

static inline uint32_t kmodel4_axis_out(const kmodel4_axis_t *a) {
    return (uint32_t)kmodel4_window_size(a->in, a->before, a->after, a->filter, a->stride, a->dilation);
}

// The outputs for which one tap of the filter lies in the plane, and the input of the first of them.
typedef struct {
    uint32_t first, end, in;
} kmodel4_span_t;

kmodel4_span_t kmodel4_span(const kmodel4_axis_t *axis, uint32_t tap);

#endif // KMODEL4_WINDOWS_H
