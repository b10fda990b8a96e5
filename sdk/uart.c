// SPDX-License-Identifier: MIT
// Rate, frame, bytes and interrupts of UART1-3.
#include <stddef.h>

#include "regs/uart.h"
#include "sysctl.h"
#include "uart.h"

#define RX_TRIGGER_QUARTER (1u << UART_FCR_RX_TRIGGER_SHIFT)
#define FIFOS_EMPTY (UART_FCR_ENABLE | UART_FCR_RX_RESET | UART_FCR_TX_RESET | RX_TRIGGER_QUARTER)

static uart_t *const ports[UART_DEVICE_MAX] = { UART1, UART2, UART3 };

int uart_configure(uart_device_number_t channel, uint32_t baud_rate, uint32_t data_width, uart_stopbit_t stopbit,
    uart_parity_t parity) {
    if ((unsigned)channel >= UART_DEVICE_MAX || baud_rate == 0 || data_width < 5 || data_width > 8
        || (unsigned)stopbit > UART_STOP_2 || (unsigned)parity > UART_PARITY_EVEN) {
        return UART_ERR_ARG;
    }
    // The divisor in sixteenths of sixteenths: 16 bits before the point, 4 behind.
    uint32_t hz = sysctl_clock_get_freq((sysctl_clock_t)(SYSCTL_CLOCK_UART1 + channel));
    uint32_t divisor = (hz + baud_rate / 2) / baud_rate;
    if (divisor < 16 || divisor > 0xfffff) {
        return UART_ERR_ARG;
    }
    sysctl_clock_enable((sysctl_clock_t)(SYSCTL_CLOCK_UART1 + channel));
    sysctl_reset((sysctl_reset_t)(SYSCTL_RESET_UART1 + channel)); // a busy port ignores what is written to lcr
    uart_t *regs = ports[channel];
    uint32_t lcr = (data_width - 5) << UART_LCR_BITS_SHIFT;
    lcr |= stopbit != UART_STOP_1 ? UART_LCR_STOP_2 : 0;
    lcr |= parity != UART_PARITY_NONE ? UART_LCR_PARITY : 0;
    lcr |= parity == UART_PARITY_EVEN ? UART_LCR_PARITY_EVEN : 0;
    regs->lcr = lcr | UART_LCR_DIVISOR;
    regs->ier_dlh = divisor >> 12;
    regs->rbr_thr_dll = divisor >> 4 & 0xff;
    regs->dlf = divisor & 15;
    regs->lcr = lcr;
    regs->mcr = 0;
    regs->ier_dlh = UART_IER_PTIME; // lsr bit 5 then says that the FIFO is full
    regs->iir_fcr = FIFOS_EMPTY;
    return UART_OK;
}

void uart_interrupts(uart_device_number_t channel, uint32_t causes) {
    ports[channel]->ier_dlh = UART_IER_PTIME | (causes & UART_ON_RECEIVE ? UART_IER_RX : 0)
        | (causes & UART_ON_SENT ? UART_IER_TX : 0);
}

int uart_get(uart_device_number_t channel) {
    uart_t *regs = ports[channel];
    return regs->lsr & UART_LSR_RX_READY ? (int)(regs->rbr_thr_dll & 0xff) : -1;
}

int uart_put(uart_device_number_t channel, uint8_t byte) {
    uart_t *regs = ports[channel];
    if (!(regs->usr & UART_USR_TX_NOT_FULL)) {
        return -1;
    }
    regs->rbr_thr_dll = byte;
    return byte;
}

bool uart_is_sent(uart_device_number_t channel) {
    return ports[channel]->lsr & UART_LSR_TX_DONE;
}

void uart_break(uart_device_number_t channel, bool on) {
    uint32_t others = ports[channel]->lcr & ~UART_LCR_BREAK;
    ports[channel]->lcr = others | (on ? UART_LCR_BREAK : 0);
}

uint32_t uart_interrupt_cause(uart_device_number_t channel) {
    uart_t *regs = ports[channel];
    switch (regs->iir_fcr & UART_IIR_CAUSE_MASK) {
        case UART_IIR_RX:
            return UART_ON_RECEIVE;
        case UART_IIR_TIMEOUT:
            return UART_ON_RECEIVE | UART_ON_PAUSE;
        case UART_IIR_TX:
            return UART_ON_SENT;
        case UART_IIR_LINE:
            (void)regs->lsr;
            return 0;
        case UART_IIR_BUSY:
            (void)regs->usr;
            return 0;
        default:
            return 0;
    }
}
