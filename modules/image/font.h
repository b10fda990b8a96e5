// SPDX-License-Identifier: MIT
// Text on a canvas in the built-in font: 8x12 pixels, ASCII; pure C, the same on the chip and on a PC.
#ifndef FONT_H
#define FONT_H

#include "draw.h"

#define FONT_W (8)
#define FONT_ROWS (12)

// A character's rows from the top, the highest bit left; a box for what the font does not have.
const uint8_t *font_rows(unsigned character);

typedef struct {
    uint16_t color;
    uint32_t scale; // in 1/65536
    int32_t x_spacing, y_spacing;
    bool mono_space; // every character as wide as the cell, else as its pixels and one column
} font_style_t;

// UTF-8 with its upper left corner at (x, y); a line ends with \n, \r or both. A character that is not ASCII is a box.
void font_draw(const canvas_t *canvas, int32_t x, int32_t y, const char *text, size_t bytes,
    const font_style_t *style);

#endif // FONT_H
