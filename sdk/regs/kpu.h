// SPDX-License-Identifier: MIT
// KPU: layers go into an argument FIFO as twelve words each; a result can be read from the data FIFO.
#ifndef REGS_KPU_H
#define REGS_KPU_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    volatile uint64_t layer_argument_fifo;  // 0x00 WO twelve writes are a layer
    volatile uint64_t interrupt_status;     // 0x08 RO raw and not masked
    volatile uint64_t interrupt_raw;        // 0x10 RO
    volatile uint64_t interrupt_mask;       // 0x18 RW 1 keeps an interrupt quiet
    volatile uint64_t interrupt_clear;      // 0x20 WO
    volatile uint64_t fifo_threshold;       // 0x28 RW in layers: almost full, almost empty
    volatile uint64_t fifo_data_out;        // 0x30 RO the streamed result, eight bytes at a time, for the DMAC
    volatile uint64_t fifo_ctrl;            // 0x38 RW
    volatile uint64_t eight_bit_mode;       // 0x40 RW 1: weights of 8 bits, 0: of 16
} kpu_t;

_Static_assert(offsetof(kpu_t, eight_bit_mode) == 0x40, "eight_bit_mode");

#define KPU_INT_CALC_DONE (1u << 0)
#define KPU_INT_ALMOST_EMPTY (1u << 1)
#define KPU_INT_ALMOST_FULL (1u << 2)
#define KPU_INT_ALL (7u)
#define KPU_FIFO_THRESHOLD_FULL_SHIFT (0)
#define KPU_FIFO_THRESHOLD_EMPTY_SHIFT (4)

#define KPU ((kpu_t *)0x40800000)

#endif // REGS_KPU_H
