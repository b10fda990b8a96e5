// SPDX-License-Identifier: MIT
// UART1-3: serial ports with a FIFO of 16 bytes each way.
#ifndef UART_H
#define UART_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    UART_DEVICE_1,
    UART_DEVICE_2,
    UART_DEVICE_3,
    UART_DEVICE_MAX,
} uart_device_number_t;

typedef enum {
    UART_STOP_1,
    UART_STOP_1_5, // with 5 bits; two stop bits with more
    UART_STOP_2,
} uart_stopbit_t;

typedef enum {
    UART_PARITY_NONE,
    UART_PARITY_ODD,
    UART_PARITY_EVEN,
} uart_parity_t;

enum {
    UART_OK = 0,
    UART_ERR_ARG = -1, // no such port or frame, or a rate that the divisor does not reach
};

// What makes the port interrupt.
#define UART_ON_RECEIVE (1u << 0) // some bytes, or fewer and then a pause of four
#define UART_ON_SENT (1u << 1)    // nothing waits to be sent

// Clock on, FIFOs empty, no interrupts. The pads must carry UARTn_RX and UARTn_TX.
int uart_configure(uart_device_number_t channel, uint32_t baud_rate, uint32_t data_width, uart_stopbit_t stopbit,
    uart_parity_t parity);
void uart_interrupts(uart_device_number_t channel, uint32_t causes);
// A byte, or -1 where none is there or can go.
int uart_get(uart_device_number_t channel);
int uart_put(uart_device_number_t channel, uint8_t byte);
// Whether the last bit of the last byte has gone.
bool uart_is_sent(uart_device_number_t channel);
void uart_break(uart_device_number_t channel, bool on);
// Why the port interrupts: UART_ON_..., with the pause alone as UART_ON_PAUSE; 0 for no reason of these.
#define UART_ON_PAUSE (1u << 2)
uint32_t uart_interrupt_cause(uart_device_number_t channel);

#endif // UART_H
