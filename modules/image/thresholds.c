// SPDX-License-Identifier: MIT
// The comparisons of thresholds.h.
#include "thresholds.h"

static bool fits(const threshold_t *threshold, const int16_t *value, int count) {
    for (int i = 0; i < count; i++) {
        if (value[i] < threshold->low[i] || value[i] > threshold->high[i]) {
            return false;
        }
    }
    return true;
}

static uint8_t class_of(const thresholds_t *thresholds, bool gray, unsigned pixel) {
    int16_t value[3] = { pixel };
    if (!gray) {
        lab_t lab = thresholds_lab(pixel);
        value[0] = lab.l;
        value[1] = lab.a;
        value[2] = lab.b;
    }
    for (uint32_t i = 0; i < thresholds->count; i++) {
        if (fits(&thresholds->items[i], value, gray ? 1 : 3) != thresholds->invert) {
            return i;
        }
    }
    return THRESHOLDS_NONE;
}

void thresholds_classify(uint8_t *classes, const thresholds_t *thresholds, const canvas_t *canvas, const void *row,
    uint32_t x, uint32_t count) {
    // Neighbours are often the same.
    unsigned last = canvas_get(canvas, row, x);
    uint8_t class = class_of(thresholds, canvas->gray, last);
    for (uint32_t i = 0; i < count; i++) {
        unsigned pixel = canvas_get(canvas, row, x + i);
        if (pixel != last) {
            last = pixel;
            class = class_of(thresholds, canvas->gray, pixel);
        }
        classes[i] = class;
    }
}
