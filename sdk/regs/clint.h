// SPDX-License-Identifier: MIT
// CLINT: software interrupts between the harts, the time, a compare register per hart.
#ifndef REGS_CLINT_H
#define REGS_CLINT_H

#include <stddef.h>
#include <stdint.h>

#define CLINT_HARTS (2)

typedef struct {
    volatile uint32_t msip[2];      // 0x0000 RW bit 0: software interrupt of the hart
    uint32_t reserved_0008[4094];
    volatile uint64_t mtimecmp[2];  // 0x4000 RW timer interrupt of the hart while mtime is not below this
    uint32_t reserved_4010[8186];
    volatile uint64_t mtime;        // 0xBFF8 RW counts ACLK / 50
} clint_t;

_Static_assert(offsetof(clint_t, mtimecmp) == 0x4000, "mtimecmp");
_Static_assert(offsetof(clint_t, mtime) == 0xBFF8, "mtime");

#define CLINT ((clint_t *)0x02000000)

#endif // REGS_CLINT_H
