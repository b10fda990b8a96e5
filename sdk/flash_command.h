// SPDX-License-Identifier: MIT
// What flash.c and flash_write.c share: the chip's commands, on one line, and where its bytes come by for DMA.
#ifndef FLASH_COMMAND_H
#define FLASH_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "spi.h"

#define FLASH_BUS SPI_DEVICE_3
#define FLASH_SELECT SPI_CHIP_SELECT_0
#define FLASH_BOUNCE_BYTES (1024)

// Waits: the longest that a datasheet names for an erase, and how often to ask.
#define FLASH_ERASE_LIMIT_US (4000000)
#define FLASH_ERASE_STEP_US (2000)

enum {
    FLASH_WRITE_STATUS1 = 0x01,
    FLASH_PROGRAM = 0x02,
    FLASH_READ = 0x03,
    FLASH_READ_STATUS1 = 0x05,
    FLASH_WRITE_ENABLE = 0x06,
    FLASH_ERASE_SECTOR = 0x20,
    FLASH_WRITE_STATUS2 = 0x31,
    FLASH_READ_STATUS2 = 0x35,
    FLASH_READ_UNIQUE_ID = 0x4B,
    FLASH_RESET_ENABLE = 0x66,
    FLASH_RESET = 0x99,
    FLASH_READ_ID = 0x9F,
    FLASH_RELEASE_POWER_DOWN = 0xAB,
    FLASH_ERASE_BLOCK = 0xD8,
    FLASH_READ_QUAD = 0xEB,
};

// The bus as commands want it: one line, frames of a byte.
void flash_one_line(void);

int flash_send(const uint8_t *bytes, size_t count);
int flash_command(uint8_t opcode);
int flash_ask(const uint8_t *bytes, size_t count, uint8_t *answer, size_t answer_bytes);
int flash_status(uint8_t opcode, uint8_t *value);
void flash_with_address(uint8_t bytes[4], uint8_t opcode, uint32_t address);
int flash_wait_ready(uint64_t limit_us, uint64_t step_us);

// What DMA fills or sends where the caller's memory will not do; used by its uncached address only.
uint8_t *flash_bounce(void);

// FLASH_OK where the chip is there and has all these bytes.
int flash_check(uint32_t address, size_t bytes);

#endif // FLASH_COMMAND_H
