// SPDX-License-Identifier: MIT
// Which pixels have a colour that is looked for; pure C, the same on the chip and on a PC.
#ifndef THRESHOLDS_H
#define THRESHOLDS_H

#include "canvas.h"
#include "lab.h"

#define THRESHOLDS_MOST (32)
#define THRESHOLDS_NONE (255)

// L, a and b from low to high, both included; of a grey pixel the first alone.
typedef struct {
    int16_t low[3], high[3];
} threshold_t;

typedef struct {
    threshold_t items[THRESHOLDS_MOST];
    uint32_t count;
    bool invert; // each threshold means what it leaves out
} thresholds_t;

static inline lab_t thresholds_lab(unsigned rgb565) {
    return lab_of((rgb_t) { pixels_r8(rgb565), pixels_g8(rgb565), pixels_b8(rgb565) });
}

// The first threshold that each of the row's `count` pixels from x on fits, or THRESHOLDS_NONE.
void thresholds_classify(uint8_t *classes, const thresholds_t *thresholds, const canvas_t *canvas, const void *row,
    uint32_t x, uint32_t count);

#endif // THRESHOLDS_H
