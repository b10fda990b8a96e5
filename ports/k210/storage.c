// SPDX-License-Identifier: MIT
// The SPI flash of storage.h on the sdk's driver, with one owner at a time.
#include <stdbool.h>

#include "sdk/flash.h"
#include "storage.h"

static uint32_t chip_bytes;
static bool owned;

static int enter(uint32_t address, size_t bytes) {
    if (chip_bytes == 0) {
        return STORAGE_ERR_NO_CHIP;
    }
    if (address > chip_bytes || bytes > chip_bytes - address) {
        return STORAGE_ERR_RANGE;
    }
    if (owned) {
        return STORAGE_ERR_BUSY;
    }
    flash_wait_read(); // of storage_start_read()
    owned = true;
    return STORAGE_OK;
}

static int leave(int result) {
    owned = false;
    return result == 0 ? STORAGE_OK : STORAGE_ERR_TIMEOUT;
}

int storage_init(void) {
    chip_bytes = flash_init() == 0 ? flash_bytes() : 0;
    return chip_bytes == 0 ? STORAGE_ERR_NO_CHIP : STORAGE_OK;
}

uint32_t storage_bytes(void) {
    return chip_bytes;
}

uint32_t storage_jedec_id(void) {
    return flash_jedec_id();
}

int storage_read(uint32_t address, void *dst, size_t bytes) {
    int refused = enter(address, bytes);
    return refused ? refused : leave(flash_read(address, dst, bytes));
}

int storage_start_read(uint32_t address, void *dst, size_t bytes, uint32_t hz, bool reversed) {
    int refused = enter(address, bytes);
    return refused ? refused : leave(flash_start_read(address, dst, bytes, hz, reversed));
}

int storage_poll_read(void) {
    int result = flash_poll_read();
    return result == FLASH_BUSY ? STORAGE_ERR_BUSY : result == FLASH_OK ? STORAGE_OK : STORAGE_ERR_TIMEOUT;
}

void storage_stop_read(void) {
    flash_stop_read();
}

int storage_erase(uint32_t address, size_t bytes) {
    if (address % STORAGE_SECTOR_BYTES != 0 || bytes % STORAGE_SECTOR_BYTES != 0) {
        return STORAGE_ERR_RANGE;
    }
    int refused = enter(address, bytes);
    return refused ? refused : leave(flash_erase(address, bytes));
}

int storage_program(uint32_t address, const void *src, size_t bytes) {
    int refused = enter(address, bytes);
    return refused ? refused : leave(flash_program(address, src, bytes));
}
