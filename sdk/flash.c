// SPDX-License-Identifier: MIT
// A NOR flash of 1 to 16 MiB with the commands that all makers share, and four lines where the maker's bit is known.
#include <stdbool.h>
#include <string.h>

#include "clint.h"
#include "flash.h"
#include "iomem.h"
#include "regs/sysctl.h"
#include "spi.h"

#define BUS SPI_DEVICE_3
#define SELECT SPI_CHIP_SELECT_0
#define ONE_LINE_HZ (25000000)
#define QUAD_HZ (50000000) // no board is known to need a sample delay up to here
#define READ_MAX_BYTES (65536)
#define DMA_UNIT_BYTES (16) // spi_receive_words_dma's burst
#define BYTE_READ_BYTES (28)
#define TRIAL_BYTES (64) // of the firmware itself, so no two words are alike
#define CHIP_BYTES_MAX (16u << 20) // what three bytes of address reach

// Waits: the longest that a datasheet names, and how often to ask.
#define PROGRAM_LIMIT_US (20000)
#define PROGRAM_STEP_US (200)
#define ERASE_LIMIT_US (4000000)
#define ERASE_STEP_US (2000)
#define STATUS_LIMIT_US (100000)
#define STATUS_STEP_US (500)
#define RESET_US (100)

enum {
    WRITE_STATUS1 = 0x01,
    PROGRAM = 0x02,
    READ = 0x03,
    READ_STATUS1 = 0x05,
    WRITE_ENABLE = 0x06,
    ERASE_SECTOR = 0x20,
    WRITE_STATUS2 = 0x31,
    READ_STATUS2 = 0x35,
    READ_UNIQUE_ID = 0x4B,
    RESET_ENABLE = 0x66,
    RESET = 0x99,
    READ_ID = 0x9F,
    RELEASE_POWER_DOWN = 0xAB,
    ERASE_BLOCK = 0xD8,
    READ_QUAD = 0xEB,
};

#define STATUS1_BUSY (0x01)
#define STATUS2_QUAD (0x02)

// Makers whose second status register has the bit for four lines: Winbond, GigaDevice, Puya.
static const uint8_t quad_makers[] = { 0xEF, 0xC8, 0x85 };

static uint32_t jedec_id;
static uint32_t chip_bytes;
static bool quad;

// What DMA fills or sends where the caller's memory will not do; used by its uncached address only.
static uint64_t bounce_memory[4096 / 8] IOMEM_UNCACHED_ONLY;

static uint8_t *bounce(void) {
    return iomem_uncached(bounce_memory);
}

// -- commands of a few bytes on one line

static int send(const uint8_t *bytes, size_t count) {
    return spi_send_data_standard(BUS, SELECT, bytes, count, NULL, 0) == SPI_OK ? FLASH_OK : FLASH_ERR_TIMEOUT;
}

static int command(uint8_t opcode) {
    return send(&opcode, 1);
}

static int ask(const uint8_t *bytes, size_t count, uint8_t *answer, size_t answer_bytes) {
    int result = spi_receive_data_standard(BUS, SELECT, bytes, count, answer, answer_bytes);
    return result == SPI_OK ? FLASH_OK : FLASH_ERR_TIMEOUT;
}

static int status(uint8_t opcode, uint8_t *value) {
    return ask(&opcode, 1, value, 1);
}

static void one_line(void) {
    spi_init(BUS, SPI_WORK_MODE_0, SPI_FF_STANDARD, 8, 0);
    spi_set_clk_rate(BUS, ONE_LINE_HZ);
}

static void with_address(uint8_t bytes[4], uint8_t opcode, uint32_t address) {
    bytes[0] = opcode;
    bytes[1] = address >> 16;
    bytes[2] = address >> 8;
    bytes[3] = address;
}

static int wait_ready(uint64_t limit_us, uint64_t step_us) {
    uint64_t limit = clint_time_after_us(limit_us);
    for (;;) {
        uint8_t value;
        int result = status(READ_STATUS1, &value);
        if (result != FLASH_OK || !(value & STATUS1_BUSY)) {
            return result;
        }
        if (clint_get_time() >= limit) {
            return FLASH_ERR_TIMEOUT;
        }
        clint_wait_us(step_us);
    }
}

// -- start

// An earlier program may have left the chip reading for ever, asleep, or erasing: it is not reset with the K210.
static void wake(void) {
    static const uint8_t ones[] = { 0xFF, 0xFF };
    send(ones, sizeof(ones));
    command(RELEASE_POWER_DOWN);
    clint_wait_us(RESET_US);
    if (wait_ready(ERASE_LIMIT_US, ERASE_STEP_US) == FLASH_OK) {
        command(RESET_ENABLE);
        command(RESET);
        clint_wait_us(RESET_US);
    }
}

static bool quad_enabled(void) {
    uint8_t value;
    return status(READ_STATUS2, &value) == FLASH_OK && value & STATUS2_QUAD;
}

// The bit is non-volatile and wears: it is read first. Newer chips write the second register alone, older ones both.
static bool enable_quad(void) {
    if (memchr(quad_makers, jedec_id >> 16, sizeof(quad_makers)) == NULL) {
        return false;
    }
    for (int way = 0; way < 2 && !quad_enabled(); way++) {
        uint8_t first, second;
        if (status(READ_STATUS1, &first) != FLASH_OK || status(READ_STATUS2, &second) != FLASH_OK) {
            return false;
        }
        second |= STATUS2_QUAD;
        const uint8_t alone[] = { WRITE_STATUS2, second }, both[] = { WRITE_STATUS1, first, second };
        command(WRITE_ENABLE);
        send(way == 0 ? alone : both, way == 0 ? sizeof(alone) : sizeof(both));
        wait_ready(STATUS_LIMIT_US, STATUS_STEP_US);
    }
    return quad_enabled();
}

// -- reading

static int read_bytes(uint32_t address, uint8_t *dst, size_t bytes) {
    one_line();
    while (bytes > 0) {
        uint8_t request[4], answer[BYTE_READ_BYTES];
        size_t count = bytes < sizeof(answer) ? bytes : sizeof(answer);
        with_address(request, READ, address);
        int result = ask(request, sizeof(request), answer, count);
        if (result != FLASH_OK) {
            return result;
        }
        for (size_t i = 0; i < count; i++) {
            dst[i] = answer[i];
        }
        address += count;
        dst += count;
        bytes -= count;
    }
    return FLASH_OK;
}

// dst uncached and 8-aligned, bytes a multiple of DMA_UNIT_BYTES and at most READ_MAX_BYTES.
static int read_quad(uint32_t address, void *dst, size_t bytes) {
    spi_init(BUS, SPI_WORK_MODE_0, SPI_FF_QUAD, 32, 1);
    // Behind the address a mode byte of zeros: the chip must not go on reading after the select has risen.
    spi_init_non_standard(BUS, 8, 32, 4, SPI_AITM_ADDR_STANDARD);
    spi_set_clk_rate(BUS, QUAD_HZ);
    int result = spi_receive_words_dma(DMAC_CHANNEL_FLASH, BUS, SELECT, READ_QUAD, address << 8, dst, bytes / 4);
    return result == SPI_OK ? FLASH_OK : FLASH_ERR_TIMEOUT;
}

static int read_bounced(uint32_t address, uint8_t *dst, size_t bytes) {
    while (bytes > 0) {
        size_t count = bytes < sizeof(bounce_memory) ? bytes : sizeof(bounce_memory);
        size_t units = (count + DMA_UNIT_BYTES - 1) / DMA_UNIT_BYTES * DMA_UNIT_BYTES;
        int result = read_quad(address, bounce(), units);
        if (result != FLASH_OK) {
            return result;
        }
        iomem_copy_out(dst, bounce(), count);
        address += count;
        dst += count;
        bytes -= count;
    }
    return FLASH_OK;
}

static int read_straight(uint32_t address, uint8_t *dst, size_t bytes) {
    while (bytes >= DMA_UNIT_BYTES) {
        size_t count = bytes < READ_MAX_BYTES ? bytes / DMA_UNIT_BYTES * DMA_UNIT_BYTES : READ_MAX_BYTES;
        int result = read_quad(address, dst, count);
        if (result != FLASH_OK) {
            return result;
        }
        address += count;
        dst += count;
        bytes -= count;
    }
    return read_bounced(address, dst, bytes);
}

static bool is_outside(uint32_t address, size_t bytes) {
    return address > chip_bytes || bytes > chip_bytes - address;
}

int flash_read(uint32_t address, void *dst, size_t bytes) {
    if (chip_bytes == 0) {
        return FLASH_ERR_NO_CHIP;
    }
    if (is_outside(address, bytes)) {
        return FLASH_ERR_ARG;
    }
    if (!quad) {
        return read_bytes(address, dst, bytes);
    }
    if (!iomem_is_uncached(dst)) {
        return read_bounced(address, dst, bytes);
    }
    size_t head = -(uintptr_t)dst % 8;
    head = head < bytes ? head : bytes;
    int result = read_bounced(address, dst, head);
    return result != FLASH_OK ? result : read_straight(address + head, (uint8_t *)dst + head, bytes - head);
}

// Four lines must give what one gives, or wiring, clock or chip is not as thought.
static bool quad_agrees(void) {
    uint8_t one[TRIAL_BYTES], four[TRIAL_BYTES];
    return read_bytes(0, one, sizeof(one)) == FLASH_OK && read_bounced(0, four, sizeof(four)) == FLASH_OK
           && memcmp(one, four, sizeof(one)) == 0;
}

int flash_init(void) {
    const uint8_t request = READ_ID;
    uint8_t id[3] = { 0 };
    jedec_id = chip_bytes = 0;
    iomem_evict(); // the bounce buffer's lines are no longer in the cache
    SYSCTL->peri &= ~SYSCTL_PERI_SPI3_XIP; // an earlier program may have mapped the chip into memory
    sysctl_clock_set_clock_select(SYSCTL_CLOCK_SELECT_SPI3, 1);
    sysctl_clock_set_threshold(SYSCTL_THRESHOLD_SPI3, 0);
    one_line();
    wake();
    if (ask(&request, 1, id, sizeof(id)) != FLASH_OK || id[0] == 0x00 || id[0] == 0xFF || id[2] < 16 || id[2] > 31) {
        return FLASH_ERR_NO_CHIP;
    }
    jedec_id = (uint32_t)id[0] << 16 | id[1] << 8 | id[2];
    chip_bytes = 1u << id[2] < CHIP_BYTES_MAX ? 1u << id[2] : CHIP_BYTES_MAX;
    quad = enable_quad() && quad_agrees();
    return FLASH_OK;
}

uint32_t flash_jedec_id(void) {
    return jedec_id;
}

uint32_t flash_bytes(void) {
    return chip_bytes;
}

int flash_read_lines(void) {
    return quad ? 4 : 1;
}

int flash_unique_id(uint8_t id[FLASH_UNIQUE_ID_BYTES]) {
    if (chip_bytes == 0) {
        return FLASH_ERR_NO_CHIP;
    }
    static const uint8_t request[5] = { READ_UNIQUE_ID }; // and four bytes of waiting
    one_line();
    return ask(request, sizeof(request), id, FLASH_UNIQUE_ID_BYTES);
}

// -- changing

static uint32_t big_endian(uint32_t word) {
    return __builtin_bswap32(word);
}

// One page or a part of it. The words before and behind the bytes are filled with ones, which program nothing.
static int program_page(uint32_t address, const uint8_t *src, size_t bytes) {
    uint8_t page[4 + FLASH_PAGE_BYTES] __attribute__((aligned(4)));
    uint32_t start = address & ~3u;
    size_t lead = address - start;
    size_t words = 1 + (lead + bytes + 3) / 4;
    with_address(page, PROGRAM, start);
    memset(page + 4, 0xFF, (words - 1) * 4);
    memcpy(page + 4 + lead, src, bytes);
    volatile uint32_t *out = (volatile uint32_t *)bounce();
    for (size_t i = 0; i < words; i++) {
        out[i] = big_endian(((const uint32_t *)page)[i]);
    }
    one_line();
    if (command(WRITE_ENABLE) != FLASH_OK) {
        return FLASH_ERR_TIMEOUT;
    }
    spi_init(BUS, SPI_WORK_MODE_0, SPI_FF_STANDARD, 32, 0);
    int result = spi_send_words_dma(DMAC_CHANNEL_FLASH, BUS, SELECT, (const uint32_t *)bounce(), words);
    one_line();
    return result == SPI_OK ? wait_ready(PROGRAM_LIMIT_US, PROGRAM_STEP_US) : FLASH_ERR_TIMEOUT;
}

int flash_program(uint32_t address, const void *src, size_t bytes) {
    if (chip_bytes == 0) {
        return FLASH_ERR_NO_CHIP;
    }
    if (is_outside(address, bytes)) {
        return FLASH_ERR_ARG;
    }
    const uint8_t *from = src;
    while (bytes > 0) {
        size_t room = FLASH_PAGE_BYTES - address % FLASH_PAGE_BYTES;
        size_t count = bytes < room ? bytes : room;
        int result = program_page(address, from, count);
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
    if (chip_bytes == 0) {
        return FLASH_ERR_NO_CHIP;
    }
    if (is_outside(address, bytes) || address % FLASH_SECTOR_BYTES != 0 || bytes % FLASH_SECTOR_BYTES != 0) {
        return FLASH_ERR_ARG;
    }
    one_line();
    while (bytes > 0) {
        bool block = address % FLASH_BLOCK_BYTES == 0 && bytes >= FLASH_BLOCK_BYTES;
        size_t count = block ? FLASH_BLOCK_BYTES : FLASH_SECTOR_BYTES;
        uint8_t request[4];
        with_address(request, block ? ERASE_BLOCK : ERASE_SECTOR, address);
        if (command(WRITE_ENABLE) != FLASH_OK || send(request, sizeof(request)) != FLASH_OK) {
            return FLASH_ERR_TIMEOUT;
        }
        int result = wait_ready(ERASE_LIMIT_US, ERASE_STEP_US);
        if (result != FLASH_OK) {
            return result;
        }
        address += count;
        bytes -= count;
    }
    return FLASH_OK;
}
