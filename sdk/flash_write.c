// SPDX-License-Identifier: MIT
// Programming and erasing the flash.
#include <stdbool.h>
#include <string.h>

#include "flash.h"
#include "flash_command.h"

// The longest that a datasheet names for a page, and how often to ask.
#define PROGRAM_LIMIT_US (20000)
#define PROGRAM_STEP_US (200)

static uint32_t big_endian(uint32_t word) {
    return __builtin_bswap32(word);
}

// One page or a part of it. The words before and behind the bytes are filled with ones, which program nothing.
static int program_page(uint32_t address, const uint8_t *src, size_t bytes) {
    uint8_t page[4 + FLASH_PAGE_BYTES] __attribute__((aligned(4)));
    uint32_t start = address & ~3u;
    size_t lead = address - start;
    size_t words = 1 + (lead + bytes + 3) / 4;
    flash_with_address(page, FLASH_PROGRAM, start);
    memset(page + 4, 0xFF, (words - 1) * 4);
    memcpy(page + 4 + lead, src, bytes);
    volatile uint32_t *out = (volatile uint32_t *)flash_bounce();
    for (size_t i = 0; i < words; i++) {
        out[i] = big_endian(((const uint32_t *)page)[i]);
    }
    flash_one_line();
    if (flash_command(FLASH_WRITE_ENABLE) != FLASH_OK) {
        return FLASH_ERR_TIMEOUT;
    }
    spi_init(FLASH_BUS, SPI_WORK_MODE_0, SPI_FF_STANDARD, 32, 0);
    const uint32_t *from = (const uint32_t *)flash_bounce();
    int result = spi_send_words_dma(DMAC_CHANNEL_FLASH, FLASH_BUS, FLASH_SELECT, from, words);
    flash_one_line();
    return result == SPI_OK ? flash_wait_ready(PROGRAM_LIMIT_US, PROGRAM_STEP_US) : FLASH_ERR_TIMEOUT;
}

int flash_program(uint32_t address, const void *src, size_t bytes) {
    int result = flash_check(address, bytes);
    if (result != FLASH_OK) {
        return result;
    }
    const uint8_t *from = src;
    while (bytes > 0) {
        size_t room = FLASH_PAGE_BYTES - address % FLASH_PAGE_BYTES;
        size_t count = bytes < room ? bytes : room;
        result = program_page(address, from, count);
        if (result != FLASH_OK) {
            return result;
        }
        address += count;
        from += count;
        bytes -= count;
    }
    return FLASH_OK;
}

int flash_erase(uint32_t address, size_t bytes) {
    int result = flash_check(address, bytes);
    if (result == FLASH_OK && (address % FLASH_SECTOR_BYTES != 0 || bytes % FLASH_SECTOR_BYTES != 0)) {
        result = FLASH_ERR_ARG;
    }
    if (result != FLASH_OK) {
        return result;
    }
    flash_one_line();
    while (bytes > 0) {
        bool block = address % FLASH_BLOCK_BYTES == 0 && bytes >= FLASH_BLOCK_BYTES;
        size_t count = block ? FLASH_BLOCK_BYTES : FLASH_SECTOR_BYTES;
        uint8_t request[4];
        flash_with_address(request, block ? FLASH_ERASE_BLOCK : FLASH_ERASE_SECTOR, address);
        if (flash_command(FLASH_WRITE_ENABLE) != FLASH_OK || flash_send(request, sizeof(request)) != FLASH_OK) {
            return FLASH_ERR_TIMEOUT;
        }
        result = flash_wait_ready(FLASH_ERASE_LIMIT_US, FLASH_ERASE_STEP_US);
        if (result != FLASH_OK) {
            return result;
        }
        address += count;
        bytes -= count;
    }
    return FLASH_OK;
}
