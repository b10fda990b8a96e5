// SPDX-License-Identifier: MIT
// Pixel conversions between RGB565, grey and planes; pure C, the same on the chip and on a PC.
//
// Eight bits become five or six by dropping the low ones, as the camera and MaixPy do; five and six become eight as
// round(v * 255 / 31) and round(v * 255 / 63). So 565 -> planes -> 565 changes nothing, and since the wide steps are
// spread over the whole range, a picture that went through 565 is neither darker nor brighter on average.
//
// Planes are dense: R, G, B of `count` bytes each, one behind the other. They lie in uncached memory, so they are only
// read and written as whole 64-bit words, and the last word may reach up to seven bytes beyond the last plane.
#ifndef PIXELS_H
#define PIXELS_H

#include <stddef.h>
#include <stdint.h>

static inline uint16_t pixels_pack565(unsigned r, unsigned g, unsigned b) {
    return (r & 0xF8) << 8 | (g & 0xFC) << 3 | b >> 3;
}

static inline unsigned pixels_expand5(unsigned v) {
    return (v * 527 + 23) >> 6;
}

static inline unsigned pixels_expand6(unsigned v) {
    return (v * 259 + 33) >> 6;
}

static inline unsigned pixels_r8(uint16_t pixel) {
    return pixels_expand5(pixel >> 11);
}

static inline unsigned pixels_g8(uint16_t pixel) {
    return pixels_expand6(pixel >> 5 & 63);
}

static inline unsigned pixels_b8(uint16_t pixel) {
    return pixels_expand5(pixel & 31);
}

// Luma of ITU-R BT.601 with the 16-bit weights that most PC libraries use.
static inline unsigned pixels_luma(unsigned r, unsigned g, unsigned b) {
    return (r * 19595 + g * 38470 + b * 7471 + 32768) >> 16;
}

void pixels_rgb565_to_planes(volatile uint64_t *planes, const uint16_t *pixels, size_t count);
void pixels_planes_to_rgb565(uint16_t *pixels, const volatile uint64_t *planes, size_t count);
void pixels_gray_to_plane(volatile uint64_t *plane, const uint8_t *pixels, size_t count);
void pixels_plane_to_gray(uint8_t *pixels, const volatile uint64_t *plane, size_t count);
// `gray` may be the memory of `pixels`.
void pixels_rgb565_to_gray(uint8_t *gray, const uint16_t *pixels, size_t count);
void pixels_gray_to_rgb565(uint16_t *pixels, const uint8_t *gray, size_t count);

#endif // PIXELS_H
