// SPDX-License-Identifier: MIT
// WDT0-1: watchdogs that reset the chip unless they are kicked; once enabled only a reset stops them.
#ifndef REGS_WDT_H
#define REGS_WDT_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    volatile uint32_t cr;            // 0x00 RW
    volatile uint32_t torr;          // 0x04 RW timeouts: 2^(16 + n) clocks
    volatile uint32_t ccvr;          // 0x08 RO clocks that are left
    volatile uint32_t crr;           // 0x0C WO WDT_CRR_KICK starts the timeout again
    volatile uint32_t stat;          // 0x10 RO bit 0: the interrupt is on
    volatile uint32_t eoi;           // 0x14 RC a read clears the interrupt
    uint32_t reserved_18[1];
    volatile uint32_t prot_level;    // 0x1C RW
    uint32_t reserved_20[49];
    volatile uint32_t comp_param_5;  // 0xE4 RO
    volatile uint32_t comp_param_4;  // 0xE8 RO
    volatile uint32_t comp_param_3;  // 0xEC RO
    volatile uint32_t comp_param_2;  // 0xF0 RO
    volatile uint32_t comp_param_1;  // 0xF4 RO
    volatile uint32_t comp_version;  // 0xF8 RO
    volatile uint32_t comp_type;     // 0xFC RO
} wdt_t;

_Static_assert(offsetof(wdt_t, prot_level) == 0x1C, "prot_level");
_Static_assert(offsetof(wdt_t, comp_param_5) == 0xE4, "comp_param_5");
_Static_assert(offsetof(wdt_t, comp_type) == 0xFC, "comp_type");

#define WDT_CR_ENABLE (1u << 0)
#define WDT_CR_INTERRUPT_FIRST (1u << 1) // the first timeout interrupts, the second resets
#define WDT_TORR_SHIFT (0)
#define WDT_TORR_FIRST_SHIFT (4) // the timeout that runs from the enabling
#define WDT_CRR_KICK (0x76u)

#define WDT0 ((wdt_t *)0x50400000)
#define WDT1 ((wdt_t *)0x50410000)

#endif // REGS_WDT_H
