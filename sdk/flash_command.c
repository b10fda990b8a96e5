// SPDX-License-Identifier: MIT
// The flash chip's commands of a few bytes on one line, and waiting until it is ready.
#include "clint.h"
#include "flash.h"
#include "flash_command.h"
#include "iomem.h"

#define ONE_LINE_HZ (25000000)
#define STATUS1_BUSY (0x01)

static uint64_t bounce_memory[FLASH_BOUNCE_BYTES / 8] IOMEM_UNCACHED_ONLY;

uint8_t *flash_bounce(void) {
    return iomem_uncached(bounce_memory);
}

int flash_send(const uint8_t *bytes, size_t count) {
    int result = spi_send_data_standard(FLASH_BUS, FLASH_SELECT, bytes, count, NULL, 0);
    return result == SPI_OK ? FLASH_OK : FLASH_ERR_TIMEOUT;
}

int flash_command(uint8_t opcode) {
    return flash_send(&opcode, 1);
}

int flash_ask(const uint8_t *bytes, size_t count, uint8_t *answer, size_t answer_bytes) {
    int result = spi_receive_data_standard(FLASH_BUS, FLASH_SELECT, bytes, count, answer, answer_bytes);
    return result == SPI_OK ? FLASH_OK : FLASH_ERR_TIMEOUT;
}

int flash_status(uint8_t opcode, uint8_t *value) {
    return flash_ask(&opcode, 1, value, 1);
}

void flash_one_line(void) {
    spi_init(FLASH_BUS, SPI_WORK_MODE_0, SPI_FF_STANDARD, 8, 0);
    spi_set_clk_rate(FLASH_BUS, ONE_LINE_HZ);
}

void flash_with_address(uint8_t bytes[4], uint8_t opcode, uint32_t address) {
    bytes[0] = opcode;
    bytes[1] = address >> 16;
    bytes[2] = address >> 8;
    bytes[3] = address;
}

int flash_wait_ready(uint64_t limit_us, uint64_t step_us) {
    uint64_t limit = clint_time_after_us(limit_us);
    for (;;) {
        uint8_t value;
        int result = flash_status(FLASH_READ_STATUS1, &value);
        if (result != FLASH_OK || !(value & STATUS1_BUSY)) {
            return result;
        }
        if (clint_get_time() >= limit) {
            return FLASH_ERR_TIMEOUT;
        }
        clint_wait_us(step_us);
    }
}
