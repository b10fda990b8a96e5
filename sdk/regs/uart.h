// SPDX-License-Identifier: MIT
// UART1-3: DW 16550 serial ports with 16 bytes of FIFO each way and a fractional divider.
#ifndef REGS_UART_H
#define REGS_UART_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    volatile uint32_t rbr_thr_dll;    // 0x00 RW received byte, byte to send, or divisor bits 7:0 (lcr bit 7)
    volatile uint32_t ier_dlh;        // 0x04 RW interrupt enables, or divisor bits 15:8 (lcr bit 7)
    volatile uint32_t iir_fcr;        // 0x08 RW read: cause of the interrupt; write: FIFO control
    volatile uint32_t lcr;            // 0x0C RW frame format and bit 7, which shows the divisor; ignored while busy
    volatile uint32_t mcr;            // 0x10 RW
    volatile uint32_t lsr;            // 0x14 RO line status; a read clears the overrun bit
    volatile uint32_t msr;            // 0x18 RO
    volatile uint32_t scr;            // 0x1C RW free for software
    volatile uint32_t lpdll;          // 0x20 RW
    volatile uint32_t lpdlh;          // 0x24 RW
    uint32_t reserved_28[2];
    volatile uint32_t srbr_sthr[16];  // 0x30 RW the data port again, for bursts
    volatile uint32_t far;            // 0x70 RW
    volatile uint32_t tfr;            // 0x74 RO
    volatile uint32_t rfw;            // 0x78 WO
    volatile uint32_t usr;            // 0x7C RO busy and FIFO states; a read clears the busy-detect interrupt
    volatile uint32_t tfl;            // 0x80 RO bytes that wait to be sent
    volatile uint32_t rfl;            // 0x84 RO bytes that were received
    volatile uint32_t srr;            // 0x88 WO bit 0 resets the port, 1 the receive FIFO, 2 the transmit FIFO
    volatile uint32_t srts;           // 0x8C RW
    volatile uint32_t sbcr;           // 0x90 RW
    volatile uint32_t sdmam;          // 0x94 RW
    volatile uint32_t sfe;            // 0x98 RW FIFO enable, as in fcr
    volatile uint32_t srt;            // 0x9C RW receive trigger, as in fcr
    volatile uint32_t stet;           // 0xA0 RW transmit trigger, as in fcr
    volatile uint32_t htx;            // 0xA4 RW
    volatile uint32_t dmasa;          // 0xA8 WO
    volatile uint32_t tcr;            // 0xAC RW RS-485
    volatile uint32_t de_en;          // 0xB0 RW RS-485
    volatile uint32_t re_en;          // 0xB4 RW RS-485
    volatile uint32_t det;            // 0xB8 RW RS-485
    volatile uint32_t tat;            // 0xBC RW RS-485
    volatile uint32_t dlf;            // 0xC0 RW sixteenths of the divisor
    volatile uint32_t rar;            // 0xC4 RW nine-bit addresses
    volatile uint32_t tar;            // 0xC8 RW nine-bit addresses
    volatile uint32_t lcr_ext;        // 0xCC RW nine-bit addresses
    uint32_t reserved_d0[9];
    volatile uint32_t cpr;            // 0xF4 RO
    volatile uint32_t ucv;            // 0xF8 RO
    volatile uint32_t ctr;            // 0xFC RO
} uart_t;

_Static_assert(offsetof(uart_t, srbr_sthr) == 0x30, "srbr_sthr");
_Static_assert(offsetof(uart_t, usr) == 0x7C, "usr");
_Static_assert(offsetof(uart_t, dlf) == 0xC0, "dlf");
_Static_assert(offsetof(uart_t, ctr) == 0xFC, "ctr");

#define UART_IER_RX (1u << 0)
#define UART_IER_TX (1u << 1)
#define UART_IER_LINE (1u << 2)
#define UART_IER_PTIME (1u << 7) // lsr bit 5 then says "transmit FIFO full", and the TX interrupt has a trigger
#define UART_IIR_CAUSE_MASK (0xFu)
#define UART_IIR_NONE (1u)
#define UART_IIR_TX (2u)
#define UART_IIR_RX (4u)
#define UART_IIR_LINE (6u)
#define UART_IIR_BUSY (7u) // lcr was written while busy
#define UART_IIR_TIMEOUT (12u)
#define UART_FCR_ENABLE (1u << 0)
#define UART_FCR_RX_RESET (1u << 1)
#define UART_FCR_TX_RESET (1u << 2)
#define UART_FCR_DMA (1u << 3)
#define UART_FCR_TX_TRIGGER_SHIFT (4) // 0: empty, 1: 2 bytes, 2: a quarter, 3: half
#define UART_FCR_RX_TRIGGER_SHIFT (6) // 0: 1 byte, 1: a quarter, 2: half, 3: all but two
#define UART_LCR_BITS_SHIFT (0) // data bits minus 5
#define UART_LCR_STOP_2 (1u << 2)
#define UART_LCR_PARITY (1u << 3)
#define UART_LCR_PARITY_EVEN (1u << 4)
#define UART_LCR_BREAK (1u << 6)
#define UART_LCR_DIVISOR (1u << 7)
#define UART_MCR_LOOP (1u << 4)
#define UART_LSR_RX_READY (1u << 0)
#define UART_LSR_OVERRUN (1u << 1)
#define UART_LSR_PARITY (1u << 2)
#define UART_LSR_FRAMING (1u << 3)
#define UART_LSR_BREAK (1u << 4)
#define UART_LSR_TX_READY (1u << 5) // with UART_IER_PTIME: the transmit FIFO is full
#define UART_LSR_TX_DONE (1u << 6)
#define UART_USR_BUSY (1u << 0)
#define UART_USR_TX_NOT_FULL (1u << 1)
#define UART_USR_TX_EMPTY (1u << 2)
#define UART_USR_RX_NOT_EMPTY (1u << 3)
#define UART_USR_RX_FULL (1u << 4)
#define UART_FIFO_BYTES (16)

#define UART1 ((uart_t *)0x50210000)
#define UART2 ((uart_t *)0x50220000)
#define UART3 ((uart_t *)0x50230000)

#endif // REGS_UART_H
