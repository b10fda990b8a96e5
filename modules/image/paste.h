// SPDX-License-Identifier: MIT
// A picture put onto another, and a picture turned; pure C, the same on the chip and on a PC.
#ifndef PASTE_H
#define PASTE_H

#include "canvas.h"

#define PASTE_OPAQUE (256)

typedef struct {
    canvas_t picture;
    uint32_t w, h;        // as it is to appear: the nearest pixel towards the upper left where scaled
    uint32_t alpha;       // of 256: each field of a pixel is this part of the picture's and the rest of the old one's
    const canvas_t *mask; // of the picture's size; only pixels brighter than half in it are drawn; NULL: all
} paste_t;

// The picture's upper left corner comes to (x, y); RGB565 and grey become what the canvas is. The picture's memory must
// not be the canvas's.
void paste_draw(const canvas_t *canvas, int32_t x, int32_t y, const paste_t *paste);

typedef struct {
    bool mirror;    // left is right
    bool flip;      // up is down
    bool transpose; // then: rows are columns
} paste_turn_t;

// Writes the picture, which has the same format, turned; with `transpose` the canvas is as wide as the picture is high.
// Pixels that the mask, of the picture's size and seen before the turn, leaves out stay as they were.
void paste_turn(const canvas_t *canvas, const canvas_t *picture, paste_turn_t turn, const canvas_t *mask);

#endif // PASTE_H
