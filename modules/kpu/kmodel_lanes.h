// SPDX-License-Identifier: MIT
// Bytes eight at a time as offsets into a table: fewer instructions than one load and one shift for each.
#ifndef KMODEL_LANES_H
#define KMODEL_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KMODEL_TABLE (256) // entries, one for each value of a byte
#define KMODEL_LANES (8)

// Through memory on purpose: taking the offsets out of a register costs an instruction more for each.
typedef union {
    volatile uint64_t words[2];
    volatile uint16_t offsets[KMODEL_LANES]; // of bytes 0, 2, 4, 6, then of 1, 3, 5, 7
} kmodel_lanes_t;

static inline bool kmodel_eights(const void *p) {
    return (uintptr_t)p % KMODEL_LANES == 0;
}

// Each of eight bytes times 2^shift, the size of a table's entry: 2 or 3.
static inline void kmodel_spread(kmodel_lanes_t *lanes, const uint8_t *bytes, int shift) {
    const uint64_t mask = 0x00ff00ff00ff00ffull;
    uint64_t word = *(const uint64_t *)__builtin_assume_aligned(bytes, KMODEL_LANES);
    lanes->words[0] = (word & mask) << shift;
    lanes->words[1] = word >> (8 - shift) & mask << shift;
}

// The offset of byte i.
static inline size_t kmodel_offset(const kmodel_lanes_t *lanes, int i) {
    return lanes->offsets[i / 2 + i % 2 * (KMODEL_LANES / 2)];
}

#endif // KMODEL_LANES_H
