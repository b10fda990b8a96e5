// SPDX-License-Identifier: MIT
// The ratio of a PLL: which legal setting comes nearest to a frequency.
#ifndef PLL_H
#define PLL_H

#include <stdint.h>

#define PLL_IN0_HZ (26000000u)
#define PLL_VCO_MIN_HZ (350000000u)
#define PLL_VCO_MAX_HZ (1750000000u)

enum {
    PLL_OK = 0,
    PLL_ERR_ARG = -1, // no legal setting is within 2 % of the frequency
};

// The fields of a PLL's register, each its value minus one.
typedef struct {
    uint8_t r;
    uint8_t f;
    uint8_t od;
} pll_ratio_t;

// From the 26 MHz crystal, which allows only r = 0; of equally near settings the one with the fastest VCO.
int pll_search(uint32_t hz, pll_ratio_t *ratio);

// in * (f + 1) / ((r + 1) * (od + 1))
uint32_t pll_hz(uint32_t in, pll_ratio_t ratio);

#endif // PLL_H
