// SPDX-License-Identifier: MIT
// machine.SPI for the port.
#ifndef MACHINE_SPI_H
#define MACHINE_SPI_H

// Nothing is on a pad any more.
void machine_spi_deinit_all(void);

#endif // MACHINE_SPI_H
