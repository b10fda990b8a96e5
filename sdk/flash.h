// SPDX-License-Identifier: MIT
// The SPI flash on SPI3: found by its id, read on four lines by DMA where it can, programmed and erased.
#ifndef FLASH_H
#define FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLASH_SECTOR_BYTES (4096)
#define FLASH_BLOCK_BYTES (65536)
#define FLASH_PAGE_BYTES (256)
#define FLASH_UNIQUE_ID_BYTES (8)

enum {
    FLASH_OK = 0,
    FLASH_ERR_NO_CHIP = -1, // nothing answered to the id
    FLASH_ERR_ARG = -2,     // beyond the chip, or an erase that is not whole sectors
    FLASH_ERR_TIMEOUT = -3, // the chip stayed busy, or the transfer did not end
    FLASH_BUSY = 1,         // a read goes on
};

// Wakes the chip from whatever an earlier program left it in, reads its id, and tries four lines against one.
int flash_init(void);
uint32_t flash_jedec_id(void); // maker << 16 | type << 8 | capacity; 0 where none answered
uint32_t flash_bytes(void);
// 1 or 4.
int flash_read_lines(void);
int flash_unique_id(uint8_t id[FLASH_UNIQUE_ID_BYTES]);

// dst of any alignment and length, through either alias. Into uncached, 8-aligned memory the chip's bytes come by DMA
// straight; all else is copied out of a small buffer.
int flash_read(uint32_t address, void *dst, size_t bytes);
// A read that goes on while the CPU does something else: at most FLASH_STREAM_BYTES into uncached memory, 8-aligned, with
// room for whole units of FLASH_STREAM_UNIT; `hz` on the clock line at most; `reversed` turns each word's bytes round. The
// chip is the reader's alone until flash_poll_read() no longer says FLASH_BUSY, or a wait or stop.
#define FLASH_STREAM_BYTES (65536)
#define FLASH_STREAM_UNIT (16)
int flash_start_read(uint32_t address, void *dst, size_t bytes, uint32_t hz, bool reversed);
int flash_poll_read(void);
int flash_wait_read(void);
void flash_stop_read(void);
// Clears bits; src of any alignment, through either alias.
int flash_program(uint32_t address, const void *src, size_t bytes);
// Whole sectors; whole blocks inside of them go at once. Interrupts stay on while the chip is busy.
int flash_erase(uint32_t address, size_t bytes);

#endif // FLASH_H
