// SPDX-License-Identifier: MIT
// Pixels and their size, as every kernel that draws on, changes or looks at a picture takes them; pure C.
#ifndef CANVAS_H
#define CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pixels.h"

typedef struct {
    void *pixels; // row by row: uint16_t RGB565, or one byte of grey
    uint32_t w, h;
    bool gray;
} canvas_t;

// Part of a canvas, inside it.
typedef struct {
    uint32_t x, y, w, h;
} canvas_rect_t;

static inline size_t canvas_pixel_bytes(const canvas_t *canvas) {
    return canvas->gray ? 1 : 2;
}

static inline uint8_t *canvas_row(const canvas_t *canvas, uint32_t y) {
    return (uint8_t *)canvas->pixels + (size_t)y * canvas->w * canvas_pixel_bytes(canvas);
}

static inline unsigned canvas_get(const canvas_t *canvas, const void *row, uint32_t x) {
    return canvas->gray ? ((const uint8_t *)row)[x] : ((const uint16_t *)row)[x];
}

static inline void canvas_set(const canvas_t *canvas, void *row, uint32_t x, unsigned value) {
    if (canvas->gray) {
        ((uint8_t *)row)[x] = value;
    } else {
        ((uint16_t *)row)[x] = value;
    }
}

static inline unsigned canvas_gray_of(const canvas_t *canvas, unsigned value) {
    return canvas->gray ? value : pixels_luma(pixels_r8(value), pixels_g8(value), pixels_b8(value));
}

// Whether a mask lets a pixel through: it is brighter than half there, or there is no mask.
static inline bool canvas_lets_through(const canvas_t *mask, uint32_t x, uint32_t y) {
    if (mask == NULL) {
        return true;
    }
    return x < mask->w && y < mask->h && canvas_gray_of(mask, canvas_get(mask, canvas_row(mask, y), x)) > 127;
}

#endif // CANVAS_H
