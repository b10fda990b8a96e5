// SPDX-License-Identifier: MIT
// A NOR flash of 1 to 16 MiB: found by its id, read by the command that all makers share, and on four lines where the
// maker's bit is known.
#include <stdbool.h>
#include <string.h>

#include "clint.h"
#include "flash.h"
#include "flash_command.h"
#include "iomem.h"
#include "regs/sysctl.h"
#include "spi.h"

#define QUAD_HZ (50000000) // no board is known to need a sample delay up to here
#define STREAM_HZ_MAX (100000000) // what the bus is rated for
#define STREAM_LIMIT_US (200000)
#define READ_MAX_BYTES (65536)
#define DMA_UNIT_BYTES (16) // spi_receive_words_dma's burst
#define BYTE_READ_BYTES (28)
#define TRIAL_BYTES (64) // of the firmware itself, so no two words are alike
#define CHIP_BYTES_MAX (16u << 20) // what three bytes of address reach

// The longest that a datasheet names for writing a status, and how often to ask.
#define STATUS_LIMIT_US (100000)
#define STATUS_STEP_US (500)
#define RESET_US (100)

#define STATUS2_QUAD (0x02)

// Makers whose second status register has the bit for four lines: Winbond, GigaDevice, Puya.
static const uint8_t quad_makers[] = { 0xEF, 0xC8, 0x85 };

static uint32_t jedec_id;
static uint32_t chip_bytes;
static bool quad;

// -- start

// An earlier program may have left the chip reading for ever, asleep, or erasing: it is not reset with the K210.
static void wake(void) {
    static const uint8_t ones[] = { 0xFF, 0xFF };
    flash_send(ones, sizeof(ones));
    flash_command(FLASH_RELEASE_POWER_DOWN);
    clint_wait_us(RESET_US);
    if (flash_wait_ready(FLASH_ERASE_LIMIT_US, FLASH_ERASE_STEP_US) == FLASH_OK) {
        flash_command(FLASH_RESET_ENABLE);
        flash_command(FLASH_RESET);
        clint_wait_us(RESET_US);
    }
}

static bool quad_enabled(void) {
    uint8_t value;
    return flash_status(FLASH_READ_STATUS2, &value) == FLASH_OK && value & STATUS2_QUAD;
}

// The bit is non-volatile and wears: it is read first. Newer chips write the second register alone, older ones both.
static bool enable_quad(void) {
    if (memchr(quad_makers, jedec_id >> 16, sizeof(quad_makers)) == NULL) {
        return false;
    }
    for (int way = 0; way < 2 && !quad_enabled(); way++) {
        uint8_t first, second;
        if (flash_status(FLASH_READ_STATUS1, &first) != FLASH_OK
            || flash_status(FLASH_READ_STATUS2, &second) != FLASH_OK) {
            return false;
        }
        second |= STATUS2_QUAD;
        const uint8_t alone[] = { FLASH_WRITE_STATUS2, second }, both[] = { FLASH_WRITE_STATUS1, first, second };
        flash_command(FLASH_WRITE_ENABLE);
        flash_send(way == 0 ? alone : both, way == 0 ? sizeof(alone) : sizeof(both));
        flash_wait_ready(STATUS_LIMIT_US, STATUS_STEP_US);
    }
    return quad_enabled();
}

// -- reading

static int read_bytes(uint32_t address, uint8_t *dst, size_t bytes) {
    flash_one_line();
    while (bytes > 0) {
        uint8_t request[4], answer[BYTE_READ_BYTES];
        size_t count = bytes < sizeof(answer) ? bytes : sizeof(answer);
        flash_with_address(request, FLASH_READ, address);
        int result = flash_ask(request, sizeof(request), answer, count);
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
static void four_lines(uint32_t hz, bool reversed) {
    spi_init(FLASH_BUS, SPI_WORK_MODE_0, SPI_FF_QUAD, 32, !reversed);
    // Behind the address a mode byte of zeros: the chip must not go on reading after the select has risen.
    spi_init_non_standard(FLASH_BUS, 8, 32, 4, SPI_AITM_ADDR_STANDARD);
    spi_set_clk_rate(FLASH_BUS, hz);
}

static int read_quad(uint32_t address, void *dst, size_t bytes) {
    four_lines(QUAD_HZ, false);
    int result = spi_receive_words_dma(DMAC_CHANNEL_FLASH, FLASH_BUS, FLASH_SELECT, FLASH_READ_QUAD, address << 8, dst,
            bytes / 4);
    return result == SPI_OK ? FLASH_OK : FLASH_ERR_TIMEOUT;
}

static int read_bounced(uint32_t address, uint8_t *dst, size_t bytes) {
    while (bytes > 0) {
        size_t count = bytes < FLASH_BOUNCE_BYTES ? bytes : FLASH_BOUNCE_BYTES;
        size_t units = (count + DMA_UNIT_BYTES - 1) / DMA_UNIT_BYTES * DMA_UNIT_BYTES;
        int result = read_quad(address, flash_bounce(), units);
        if (result != FLASH_OK) {
            return result;
        }
        iomem_copy_out(dst, flash_bounce(), count);
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

int flash_check(uint32_t address, size_t bytes) {
    if (chip_bytes == 0) {
        return FLASH_ERR_NO_CHIP;
    }
    return address > chip_bytes || bytes > chip_bytes - address ? FLASH_ERR_ARG : FLASH_OK;
}

int flash_read(uint32_t address, void *dst, size_t bytes) {
    int result = flash_check(address, bytes);
    if (result != FLASH_OK) {
        return result;
    }
    if (!quad) {
        return read_bytes(address, dst, bytes);
    }
    if (!iomem_is_uncached(dst)) {
        return read_bounced(address, dst, bytes);
    }
    size_t head = -(uintptr_t)dst % 8;
    head = head < bytes ? head : bytes;
    result = read_bounced(address, dst, head);
    return result != FLASH_OK ? result : read_straight(address + head, (uint8_t *)dst + head, bytes - head);
}

// -- reading behind the caller's back

static struct {
    bool going;
    int result;
    uint64_t limit;
} stream;

// Without four lines there is no such read: the bytes are there at once.
static int read_now(uint32_t address, void *dst, size_t bytes, bool reversed) {
    int result = read_bytes(address, dst, bytes);
    volatile uint32_t *words = dst;
    for (size_t i = 0; reversed && i < (bytes + 3) / 4; i++) {
        words[i] = __builtin_bswap32(words[i]);
    }
    return result;
}

int flash_start_read(uint32_t address, void *dst, size_t bytes, uint32_t hz, bool reversed) {
    int result = flash_check(address, bytes);
    if (result != FLASH_OK || bytes == 0 || bytes > FLASH_STREAM_BYTES || !iomem_is_uncached(dst)
        || (uintptr_t)dst % 8 != 0 || hz == 0 || stream.going) {
        return result != FLASH_OK ? result : FLASH_ERR_ARG;
    }
    if (!quad) {
        return stream.result = read_now(address, dst, bytes, reversed);
    }
    four_lines(hz < STREAM_HZ_MAX ? hz : STREAM_HZ_MAX, reversed);
    size_t units = (bytes + FLASH_STREAM_UNIT - 1) / FLASH_STREAM_UNIT;
    if (spi_start_receiving_words_dma(DMAC_CHANNEL_FLASH, FLASH_BUS, FLASH_SELECT, FLASH_READ_QUAD, address << 8, dst,
            units * (FLASH_STREAM_UNIT / 4)) != SPI_OK) {
        return FLASH_ERR_ARG;
    }
    stream.going = true;
    // Two clocks a byte; then as long as any transfer may take.
    stream.limit = clint_time_after_us((uint64_t)bytes * 2 * 1000000 / hz + STREAM_LIMIT_US);
    return FLASH_OK;
}

int flash_wait_read(void) {
    if (stream.going) {
        stream.going = false;
        int result = spi_finish_words_dma(DMAC_CHANNEL_FLASH, FLASH_BUS);
        stream.result = result == SPI_OK ? FLASH_OK : FLASH_ERR_TIMEOUT;
    }
    return stream.result;
}

int flash_poll_read(void) {
    if (stream.going && dmac_poll(DMAC_CHANNEL_FLASH) == DMAC_BUSY) {
        if (clint_get_time() < stream.limit) {
            return FLASH_BUSY;
        }
        flash_stop_read();
        return stream.result = FLASH_ERR_TIMEOUT;
    }
    return flash_wait_read();
}

void flash_stop_read(void) {
    if (stream.going) {
        stream.going = false;
        spi_stop_words_dma(DMAC_CHANNEL_FLASH, FLASH_BUS);
    }
}

// Four lines must give what one gives, or wiring, clock or chip is not as thought.
static bool quad_agrees(void) {
    uint8_t one[TRIAL_BYTES], four[TRIAL_BYTES];
    return read_bytes(0, one, sizeof(one)) == FLASH_OK && read_bounced(0, four, sizeof(four)) == FLASH_OK
           && memcmp(one, four, sizeof(one)) == 0;
}

int flash_init(void) {
    const uint8_t request = FLASH_READ_ID;
    uint8_t id[3] = { 0 };
    jedec_id = chip_bytes = 0;
    iomem_evict(); // the bounce buffer's lines are no longer in the cache
    SYSCTL->peri &= ~SYSCTL_PERI_SPI3_XIP; // an earlier program may have mapped the chip into memory
    sysctl_clock_set_clock_select(SYSCTL_CLOCK_SELECT_SPI3, 1);
    sysctl_clock_set_threshold(SYSCTL_THRESHOLD_SPI3, 0);
    flash_one_line();
    wake();
    if (flash_ask(&request, 1, id, sizeof(id)) != FLASH_OK || id[0] == 0x00 || id[0] == 0xFF || id[2] < 16
        || id[2] > 31) {
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
    static const uint8_t request[5] = { FLASH_READ_UNIQUE_ID }; // and four bytes of waiting
    flash_one_line();
    return flash_ask(request, sizeof(request), id, FLASH_UNIQUE_ID_BYTES);
}
