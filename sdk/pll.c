// SPDX-License-Identifier: MIT
// Search of the PLL settings, which are few: 51 multipliers by 16 dividers.
#include "pll.h"

#define F_COUNT (64)
#define OD_COUNT (16)
#define TOLERANCE (50) // a fiftieth

uint32_t pll_hz(uint32_t in, pll_ratio_t ratio) {
    return (uint64_t)in * (ratio.f + 1u) / ((ratio.r + 1u) * (ratio.od + 1u));
}

int pll_search(uint32_t hz, pll_ratio_t *ratio) {
    uint32_t nearest = UINT32_MAX;
    for (uint32_t f = F_COUNT; f-- > 0;) {
        uint64_t vco = (uint64_t)PLL_IN0_HZ * (f + 1);
        if (vco < PLL_VCO_MIN_HZ || vco > PLL_VCO_MAX_HZ) {
            continue;
        }
        for (uint32_t od = 0; od < OD_COUNT; od++) {
            uint32_t got = vco / (od + 1);
            uint32_t error = got > hz ? got - hz : hz - got;
            if (error < nearest) {
                nearest = error;
                *ratio = (pll_ratio_t) { 0, f, od };
            }
        }
    }
    return nearest <= hz / TOLERANCE ? PLL_OK : PLL_ERR_ARG;
}
