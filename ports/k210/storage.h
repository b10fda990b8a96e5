// SPDX-License-Identifier: MIT
// The SPI flash as the whole firmware sees it: one owner of SPI3 at a time, addresses in bytes from the chip's start.
#ifndef STORAGE_H
#define STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORAGE_SECTOR_BYTES (4096)

enum {
    STORAGE_OK = 0,
    STORAGE_ERR_RANGE = -1,   // beyond the chip
    STORAGE_ERR_BUSY = -2,    // another owner has SPI3
    STORAGE_ERR_TIMEOUT = -3, // the chip or the DMA did not answer in time
    STORAGE_ERR_NO_CHIP = -4, // no flash answered at boot
};

int storage_init(void);
uint32_t storage_bytes(void);    // size of the chip, 0 where none answered
uint32_t storage_jedec_id(void); // maker << 16 | type << 8 | capacity

// dst through either alias, any alignment and length: the fast path is quad DMA into uncached 8-aligned memory.
int storage_read(uint32_t address, void *dst, size_t bytes);
// A read that goes on meanwhile, as flash_start_read() has it; STORAGE_ERR_BUSY from the poll while it does. Whoever else
// wants the flash then waits for its end, a few milliseconds, and the poll still says how it was.
int storage_start_read(uint32_t address, void *dst, size_t bytes, uint32_t hz, bool reversed);
int storage_poll_read(void);
void storage_stop_read(void);
// Erases whole sectors; programs any range (split into pages). Interrupts stay on while the chip is busy.
int storage_erase(uint32_t address, size_t bytes);
int storage_program(uint32_t address, const void *src, size_t bytes);

#endif // STORAGE_H
