// SPDX-License-Identifier: MIT
// UARTHS: the fast serial port of the console, with eight bytes of FIFO each way.
#ifndef REGS_UARTHS_H
#define REGS_UARTHS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    volatile uint32_t txdata;  // 0x00 RW data to send; bit 31 reads 1 while the FIFO is full
    volatile uint32_t rxdata;  // 0x04 RO takes a byte out; bit 31 reads 1 when there was none
    volatile uint32_t txctrl;  // 0x08 RW
    volatile uint32_t rxctrl;  // 0x0C RW
    volatile uint32_t ie;      // 0x10 RW
    volatile uint32_t ip;      // 0x14 RO
    volatile uint32_t div;     // 0x18 RW baud = CPU clock / (div + 1), 16 bits
} uarths_t;

_Static_assert(offsetof(uarths_t, div) == 0x18, "div");

#define UARTHS_TXDATA_FULL (1u << 31)
#define UARTHS_RXDATA_EMPTY (1u << 31)
#define UARTHS_TXCTRL_EN (1u << 0)
#define UARTHS_TXCTRL_NSTOP (1u << 1)
#define UARTHS_TXCTRL_CNT_SHIFT (16) // interrupt while fewer bytes than this wait
#define UARTHS_RXCTRL_EN (1u << 0)
#define UARTHS_RXCTRL_CNT_SHIFT (16) // interrupt while more bytes than this wait
#define UARTHS_IE_TX (1u << 0)
#define UARTHS_IE_RX (1u << 1)
#define UARTHS_IP_TX (1u << 0)
#define UARTHS_IP_RX (1u << 1)
#define UARTHS_DIV_MAX (0xFFFFu)

#define UARTHS ((uarths_t *)0x38000000)

#endif // REGS_UARTHS_H
