// SPDX-License-Identifier: MIT
// I2S0-2: DW APB I2S, four stereo channels each way.
#ifndef REGS_I2S_H
#define REGS_I2S_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    volatile uint32_t left_rxtx;  // 0x00 RW left sample received, or to send
    volatile uint32_t right_rxtx; // 0x04 RW right sample; the pair moves with it
    volatile uint32_t rer;        // 0x08 RW bit 0: the channel receives
    volatile uint32_t ter;        // 0x0C RW bit 0: the channel sends
    volatile uint32_t rcr;        // 0x10 RW bits of a received sample
    volatile uint32_t tcr;        // 0x14 RW bits of a sent sample
    volatile uint32_t isr;        // 0x18 RO
    volatile uint32_t imr;        // 0x1C RW 1: no interrupt, bits as in isr
    volatile uint32_t ror;        // 0x20 RC a read clears the receive overrun
    volatile uint32_t tor;        // 0x24 RC a read clears the transmit overrun
    volatile uint32_t rfcr;       // 0x28 RW receive trigger, minus one
    volatile uint32_t tfcr;       // 0x2C RW transmit trigger
    volatile uint32_t rff;        // 0x30 WO flushes the receive FIFO
    volatile uint32_t tff;        // 0x34 WO flushes the transmit FIFO
    uint32_t reserved_38[2];
} i2s_channel_t;

typedef struct {
    volatile uint32_t ier;        // 0x000 RW bit 0: the block is on
    volatile uint32_t irer;       // 0x004 RW bit 0: it receives
    volatile uint32_t iter;       // 0x008 RW bit 0: it sends
    volatile uint32_t cer;        // 0x00C RW bit 0: the clocks run
    volatile uint32_t ccr;        // 0x010 RW frame and DMA
    volatile uint32_t rxffr;      // 0x014 WO flushes every receive FIFO
    volatile uint32_t txffr;      // 0x018 WO flushes every transmit FIFO
    uint32_t reserved_1c;
    i2s_channel_t channel[4];     // 0x020
    uint32_t reserved_120[40];
    volatile uint32_t rxdma;      // 0x1C0 RO samples of all channels in turn, left first
    volatile uint32_t rrxdma;     // 0x1C4 WO begins with the first channel again
    volatile uint32_t txdma;      // 0x1C8 WO
    volatile uint32_t rtxdma;     // 0x1CC WO begins with the first channel again
} i2s_t;

_Static_assert(sizeof(i2s_channel_t) == 0x40, "channel");
_Static_assert(offsetof(i2s_t, channel) == 0x20, "channels");
_Static_assert(offsetof(i2s_t, rxdma) == 0x1C0, "rxdma");

#define I2S_CCR_WORD_SHIFT (3) // SCLK cycles of a sample: 16, 24 or 32
#define I2S_CCR_ALIGN_SHIFT (5) // 1: standard, 2: right, 4: left
#define I2S_CCR_DMA_TX (1u << 8)
#define I2S_CCR_DMA_RX (1u << 9)
#define I2S_CCR_DMA_PAIRS (1u << 10)  // a DMA word holds left and right, 16 bits each
#define I2S_CCR_SIGN_EXPAND (1u << 11)
#define I2S_ISR_RX (1u << 0)
#define I2S_ISR_RX_OVERRUN (1u << 1)
#define I2S_ISR_TX (1u << 4)
#define I2S_ISR_TX_OVERRUN (1u << 5)

#define I2S0 ((i2s_t *)0x50250000)
#define I2S1 ((i2s_t *)0x50260000)
#define I2S2 ((i2s_t *)0x50270000)

#endif // REGS_I2S_H
