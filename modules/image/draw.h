// SPDX-License-Identifier: MIT
// Shapes on a canvas, cut at its edges; pure C, the same on the chip and on a PC.
//
// A thickness of t means t pixels across: t / 2 before the ideal line (above, to the left, outside) and (t - 1) / 2
// behind it, as MaixPy has it; below 1 nothing is drawn. Coordinates may lie anywhere within DRAW_LIMIT.
#ifndef DRAW_H
#define DRAW_H

#include "canvas.h"

#define DRAW_LIMIT (1 << 24)

// Pixels left to right, both drawn; nothing where right is less than left.
void draw_span(const canvas_t *canvas, int64_t left, int64_t right, int64_t y, uint16_t color);

void draw_box(const canvas_t *canvas, int32_t x, int32_t y, int32_t w, int32_t h, uint16_t color);
void draw_rectangle(const canvas_t *canvas, int32_t x, int32_t y, int32_t w, int32_t h, uint16_t color,
    int32_t thickness);

// In each column of a flat line (each row of a steep one) the pixel nearest to it, the lower (right) one of two; thick
// ones are those pixels widened to discs.
void draw_line(const canvas_t *canvas, int32_t x0, int32_t y0, int32_t x1, int32_t y1, uint16_t color,
    int32_t thickness);

typedef struct {
    int32_t x, y;   // the middle
    int32_t rx, ry; // a radius of r reaches to pixel r, that is to r + 0.5
    double radians; // clockwise as one sees it
} draw_ellipse_t;

void draw_disc(const canvas_t *canvas, const draw_ellipse_t *ellipse, uint16_t color);
void draw_ellipse(const canvas_t *canvas, const draw_ellipse_t *ellipse, uint16_t color, int32_t thickness);

// A bitmap: the upper left corner of it, eight columns of all rows, then the next eight; the highest bit is left. Pixel
// (x, y) of the result shows the bit under its middle.
typedef struct {
    const uint8_t *bits;
    uint32_t w, h;  // w is a multiple of eight
    uint32_t scale; // in 1/65536
} draw_bitmap_t;

void draw_bitmap(const canvas_t *canvas, int64_t x, int64_t y, const draw_bitmap_t *bitmap, uint16_t color);
// A length in pixels of the bitmap, as it is drawn.
int64_t draw_scaled(int64_t length, uint32_t scale);

#endif // DRAW_H
