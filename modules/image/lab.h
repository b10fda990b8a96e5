// SPDX-License-Identifier: MIT
// CIE L*a*b* (D65) of sRGB colours in whole numbers: L 0 to 100, a and b -128 to 127; pure C, the same on the chip and
// on a PC.
#ifndef LAB_H
#define LAB_H

#include <stdint.h>

typedef struct {
    int16_t l, a, b;
} lab_t;

typedef struct {
    uint8_t r, g, b;
} rgb_t;

// Within one of the exact value, by tables that the first call makes.
lab_t lab_of(rgb_t rgb);
// The nearest colour that sRGB has.
rgb_t lab_to_rgb(lab_t lab);

#endif // LAB_H
