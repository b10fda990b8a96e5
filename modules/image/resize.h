// SPDX-License-Identifier: MIT
// Scaling of RGB565 and grey pictures; pure C, the same on the chip and on a PC.
//
// Bilinear means at pixel centres: output i looks at x = (i + 0.5) * from / to - 0.5, clamped to the picture; between two
// neighbours a and b it is a + ((b - a) * w >> 5) with w = floor(frac(x) * 32), on the 5, 6 and 5 bit fields (8 bit for
// grey), horizontally on both rows and then vertically.
#ifndef RESIZE_H
#define RESIZE_H

#include <stddef.h>
#include <stdint.h>

// Where the outputs of one direction look, `to` entries; what the functions below take as `columns`.
void resize_positions(uint32_t *positions, uint32_t from, uint32_t to);

void resize_rgb565(uint16_t *dst, uint32_t dst_w, uint32_t dst_h,
    const uint16_t *src, uint32_t src_w, uint32_t src_h, const uint32_t *columns);
void resize_gray(uint8_t *dst, uint32_t dst_w, uint32_t dst_h,
    const uint8_t *src, uint32_t src_w, uint32_t src_h, const uint32_t *columns);

// The nearest pixel towards the upper left, for pixels of 1 or 2 bytes; a source row has `pitch` pixels. dst may be src's
// memory where dst_w <= src_w and dst_h <= src_h.
void resize_nearest(void *dst, uint32_t dst_w, uint32_t dst_h,
    const void *src, uint32_t pitch, uint32_t src_w, uint32_t src_h, size_t pixel_bytes);

#endif // RESIZE_H
