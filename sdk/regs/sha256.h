// SPDX-License-Identifier: MIT
// SHA256: digests of blocks that software has padded.
#ifndef REGS_SHA256_H
#define REGS_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    volatile uint32_t result[8];  // 0x00 RO the digest's words, the last one first
    volatile uint32_t data_in;    // 0x20 WO
    uint32_t reserved_24;
    volatile uint32_t num;        // 0x28 RW blocks to come; blocks done
    volatile uint32_t function_0; // 0x2C RW
    uint32_t reserved_30;
    volatile uint32_t function_1; // 0x34 RW
} sha256_t;

_Static_assert(offsetof(sha256_t, data_in) == 0x20, "data_in");
_Static_assert(offsetof(sha256_t, num) == 0x28, "num");
_Static_assert(offsetof(sha256_t, function_1) == 0x34, "function_1");

#define SHA256_NUM_COUNT_MASK (0xFFFFu)
#define SHA256_NUM_DONE_SHIFT (16)
#define SHA256_FUNCTION_0_ENABLE (1u << 0)   // reads 1 once the digest is there
#define SHA256_FUNCTION_0_OVERFLOW (1u << 8)
#define SHA256_FUNCTION_0_BYTES (1u << 16)   // words are four bytes, the first one lowest
#define SHA256_FUNCTION_1_DMA (1u << 0)
#define SHA256_FUNCTION_1_FULL (1u << 8)     // no room for another word

#define SHA256 ((sha256_t *)0x502C0000)

#endif // REGS_SHA256_H
