// SPDX-License-Identifier: MIT
// FFT: transforms of 64 to 512 complex points of 16 bits.
#ifndef REGS_FFT_H
#define REGS_FFT_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    volatile uint64_t input_fifo;  // 0x00 WO two points: imaginary part lowest, then the real one
    volatile uint64_t ctrl;        // 0x08 RW
    volatile uint64_t fifo_ctrl;   // 0x10 RW 0 in a bit flushes a FIFO
    volatile uint64_t intr_mask;   // 0x18 RW 1: no interrupt at the end
    volatile uint64_t intr_clear;  // 0x20 RW
    volatile uint64_t status;      // 0x28 RO bit 0: done, where not masked
    volatile uint64_t status_raw;  // 0x30 RO
    volatile uint64_t output_fifo; // 0x38 RO two points, as they came in
} fft_t;

_Static_assert(offsetof(fft_t, ctrl) == 0x08, "ctrl");
_Static_assert(offsetof(fft_t, output_fifo) == 0x38, "output_fifo");

#define FFT_CTRL_POINTS_MASK (0x7u)   // 0: 512, 1: 256, 2: 128, 3: 64
#define FFT_CTRL_FORWARD (1u << 3)
#define FFT_CTRL_SHIFT_SHIFT (4)      // a bit for each of the nine layers: it halves its result
#define FFT_CTRL_ENABLE (1u << 13)
#define FFT_CTRL_DMA (1u << 14)
#define FFT_CTRL_INPUT_SHIFT (15)     // 0: real and imaginary in turn, 1: real only, 2: all real, then all imaginary
#define FFT_CTRL_DATA_32 (1u << 17)   // words of the FIFO have 32 bits of use
#define FFT_STATUS_DONE (1u << 0)
#define FFT_STATUS_WORKING (1u << 1)

#define FFT ((fft_t *)0x42000000)

#endif // REGS_FFT_H
