// SPDX-License-Identifier: MIT
// machine.UART for the port: what ends with a soft reset.
#ifndef MACHINE_UART_H
#define MACHINE_UART_H

// No port interrupts any more.
void machine_uart_deinit_all(void);

#endif // MACHINE_UART_H
