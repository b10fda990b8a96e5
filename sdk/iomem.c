// SPDX-License-Identifier: MIT
// Emptying the data cache, and copies out of uncached memory.
#include "iomem.h"

// The cache holds 32 KiB in lines of 64 bytes. Cores of its family choose the line to drop at random, so twice that
// size would leave some old lines alone; after eight times one line in thousands may be left.
#define EVICT_BYTES (256 * 1024)

void iomem_evict(void) {
    // The start of the image: mostly code, whose lines are never dirty.
    for (uintptr_t address = IOMEM_CACHED; address < IOMEM_CACHED + EVICT_BYTES; address += IOMEM_LINE_BYTES) {
        (void)*(const volatile uint64_t *)address;
    }
}

void iomem_copy_out(void *dst, const void *uncached, size_t bytes) {
    const volatile uint64_t *src = uncached;
    uint8_t *to = dst;
    if ((uintptr_t)to % 8 == 0) {
        for (; bytes >= 8; bytes -= 8, to += 8) {
            *(uint64_t *)to = *src++;
        }
    }
    while (bytes > 0) {
        uint64_t word = *src++;
        size_t count = bytes < 8 ? bytes : 8;
        for (size_t i = 0; i < count; i++, word >>= 8) {
            to[i] = word;
        }
        to += count;
        bytes -= count;
    }
}
