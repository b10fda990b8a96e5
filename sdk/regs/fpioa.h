// SPDX-License-Identifier: MIT
// FPIOA: which of 256 functions is on which of the 48 pads, and the pads' drive, pulls and inversions.
#ifndef REGS_FPIOA_H
#define REGS_FPIOA_H

#include <stddef.h>
#include <stdint.h>

#define FPIOA_PADS (48)

typedef struct {
    volatile uint32_t io[48];      // 0x00 RW function and configuration of a pad
    volatile uint32_t tie_en[8];   // 0xC0 RW a bit per function: its input comes from tie_val
    volatile uint32_t tie_val[8];  // 0xE0 RW a bit per function
} fpioa_t;

_Static_assert(offsetof(fpioa_t, tie_en) == 0xC0, "tie_en");
_Static_assert(offsetof(fpioa_t, tie_val) == 0xE0, "tie_val");

#define FPIOA_IO_FUNCTION_MASK (0xFFu)
#define FPIOA_IO_DRIVE_SHIFT (8)
#define FPIOA_IO_DRIVE_MASK (0xFu)
#define FPIOA_IO_OE_EN (1u << 12)
#define FPIOA_IO_OE_INV (1u << 13)
#define FPIOA_IO_DO_SEL (1u << 14)
#define FPIOA_IO_DO_INV (1u << 15)
#define FPIOA_IO_PULL_UP (1u << 16)
#define FPIOA_IO_PULL_DOWN (1u << 17)
#define FPIOA_IO_SLEW (1u << 19)
#define FPIOA_IO_IE_EN (1u << 20)
#define FPIOA_IO_IE_INV (1u << 21)
#define FPIOA_IO_DI_INV (1u << 22)
#define FPIOA_IO_SCHMITT (1u << 23)
#define FPIOA_IO_PAD_DI (1u << 31)

#define FPIOA ((fpioa_t *)0x502B0000)

#endif // REGS_FPIOA_H
