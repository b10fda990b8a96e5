// SPDX-License-Identifier: MIT
// Every pixel by its own value: inverted, stretched, coloured, black or white; pure C, as on the chip so on a PC.
#ifndef TONES_H
#define TONES_H

#include "thresholds.h"

void tones_invert(const canvas_t *canvas);

// Grey only: the darkest becomes `low`, the brightest `high`, but nothing more than five times as far apart as it was.
void tones_stretch(const canvas_t *canvas, int low, int high);

// Grey only: the mean and darker becomes 0, the brightest 255; `fade` darkens the corners after that.
void tones_stretch_above_mean(const canvas_t *canvas, bool fade);

// From light blue (0) over green and yellow to red (255).
uint16_t tones_rainbow(unsigned gray);
// `colors` may be the canvas's memory where it is RGB565.
void tones_to_rainbow(uint16_t *colors, const canvas_t *canvas);

// What fits a threshold becomes white and the rest black, or with `zero` black and the rest stays; outside of the mask
// (NULL: none) everything stays.
typedef struct {
    const thresholds_t *thresholds;
    bool zero;
    const canvas_t *mask;
} tones_binary_t;

// `classes` has room for a row's pixels.
void tones_binary(const canvas_t *canvas, const tones_binary_t *binary, uint8_t *classes);

#endif // TONES_H
