// SPDX-License-Identifier: MIT
// An SD card in SPI mode on SPI1, its chip select a GPIOHS pin: blocks of 512 bytes, every one with its checksum.
#ifndef SDCARD_H
#define SDCARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SDCARD_BLOCK_BYTES (512)

enum {
    SDCARD_OK = 0,
    SDCARD_ERR_NONE = -1,     // nobody answers: no card, or it was pulled out
    SDCARD_ERR_VOLTAGE = -2,  // the card does not work at 3.3 V
    SDCARD_ERR_KIND = -3,     // it answers, but it is no SD memory card
    SDCARD_ERR_START = -4,    // it did not get ready within a second
    SDCARD_ERR_CHECKSUM = -5, // what arrived, on either side, is not what was sent, three times over
    SDCARD_ERR_COMMAND = -6,  // the card refused a command
    SDCARD_ERR_TIMEOUT = -7,  // the card stayed busy, or a block did not come
    SDCARD_ERR_RANGE = -8,    // beyond the card's end
    SDCARD_ERR_WRITE = -9,    // the card could not write: locked, or worn out
};

typedef struct {
    uint8_t sclk, mosi, miso, cs; // pads
} sdcard_pads_t;

// Finds out what card there is, and makes it ready.
int sdcard_init(const sdcard_pads_t *pads);
uint32_t sdcard_blocks(void);   // 0 where none is ready
bool sdcard_is_block_addressed(void); // SDHC and SDXC

// Any memory. What was read or written before an error stays.
int sdcard_read(uint32_t block, void *dst, size_t count);
int sdcard_write(uint32_t block, const void *src, size_t count);

#endif // SDCARD_H
