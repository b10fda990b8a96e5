// SPDX-License-Identifier: MIT
// PLIC: 65 interrupt sources with seven priorities, and a machine and a supervisor context per hart.
#ifndef REGS_PLIC_H
#define REGS_PLIC_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    volatile uint32_t threshold;  // 0x000 RW sources of this priority and below stay quiet
    volatile uint32_t claim;      // 0x004 RW read takes a source, write of its number completes it
    uint32_t reserved_008[1022];
} plic_context_t;

typedef struct {
    volatile uint32_t priority[66];    // 0x000000 RW 0 never, 7 highest
    uint32_t reserved_000108[958];
    volatile uint32_t pending[3];      // 0x001000 RO a bit per source
    uint32_t reserved_00100c[1021];
    volatile uint32_t enable_m0[32];   // 0x002000 RW a bit per source, machine mode of hart 0
    volatile uint32_t enable_s0[32];   // 0x002080 RW supervisor mode of hart 0
    volatile uint32_t enable_m1[32];   // 0x002100 RW machine mode of hart 1
    volatile uint32_t enable_s1[32];   // 0x002180 RW supervisor mode of hart 1
    uint32_t reserved_002200[522112];
    plic_context_t context[4];         // 0x200000 machine and supervisor of hart 0, then of hart 1
} plic_t;

_Static_assert(offsetof(plic_t, pending) == 0x1000, "pending");
_Static_assert(offsetof(plic_t, enable_m0) == 0x2000, "enable_m0");
_Static_assert(offsetof(plic_t, context) == 0x200000, "context");
_Static_assert(sizeof(plic_context_t) == 0x1000, "context");

#define PLIC_PRIORITY_MAX (7)
#define PLIC_ENABLE_WORDS (3)

#define PLIC ((plic_t *)0x0C000000)

#endif // REGS_PLIC_H
