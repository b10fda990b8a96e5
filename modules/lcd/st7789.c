// SPDX-License-Identifier: MIT
// The display of st7789.h: D/C and reset by GPIOHS, bytes by the CPU, pixels two to a frame of 32 bits by DMA.
#include "modules/lcd/st7789.h"
#include "sdk/clint.h"
#include "sdk/fpioa.h"
#include "sdk/gpiohs.h"
#include "sdk/spi.h"
#include "sdk/sysctl.h"

#define BUS SPI_DEVICE_0
#define SELECT SPI_CHIP_SELECT_3
#define DC_PIN (31) // of GPIOHS
#define RST_PIN (30)
#define DATA_MAX (31) // bytes that the FIFO takes with their command

#define BLOCK_PIXELS (ST7789_MEMORY_BYTES / 4)
#define BLOCK_WORDS (BLOCK_PIXELS / 4)

enum {
    SWRESET = 0x01,
    SLPIN = 0x10,
    SLPOUT = 0x11,
    NORON = 0x13,
    INVOFF = 0x20,
    INVON = 0x21,
    DISPOFF = 0x28,
    DISPON = 0x29,
    CASET = 0x2A,
    RASET = 0x2B,
    RAMWR = 0x2C,
    MADCTL = 0x36,
    COLMOD = 0x3A,
};

typedef uint64_t __attribute__((may_alias)) load64_t;

static volatile uint64_t *blocks; // two of BLOCK_WORDS

static spi_frame_format_t format = SPI_FF_OCTAL;

static struct {
    uint64_t word;   // pixels that do not fill a word of the block yet
    uint32_t filled; // pixels in the block
    uint8_t block;   // the one that is being filled
    bool sending;    // a block has gone to the bus, and the bus is not finished
    int result;
} stream;

// -- bytes

static void bytes_mode(void) {
    spi_init(BUS, SPI_WORK_MODE_0, format, 8, 0);
    spi_init_non_standard(BUS, 8, 0, 0, SPI_AITM_AS_FRAME_FORMAT);
}

// A transfer has ended before the next function is called, so D/C never changes under a byte.
static int send(bool data, const uint8_t *bytes, size_t count) {
    gpiohs_set_pin(DC_PIN, data ? GPIO_PV_HIGH : GPIO_PV_LOW);
    return spi_send_data_standard(BUS, SELECT, bytes, count, NULL, 0);
}

int st7789_command(uint8_t command, const uint8_t *data, size_t count) {
    if (count > DATA_MAX) {
        return SPI_ERR_ARG;
    }
    bytes_mode();
    int result = send(false, &command, 1);
    return result == SPI_OK && count > 0 ? send(true, data, count) : result;
}

// -- life

static void pins(const st7789_setup_t *setup) {
    format = setup->data == ST7789_EIGHT_LINES ? SPI_FF_OCTAL : SPI_FF_STANDARD;
    if (format == SPI_FF_OCTAL) {
        sysctl_set_spi0_dvp_data(1); // the data lines have pins of their own
    } else {
        fpioa_set_function(setup->data, FUNC_SPI0_D0);
    }
    fpioa_set_function(setup->cs, FUNC_SPI0_SS3);
    fpioa_set_function(setup->wr, FUNC_SPI0_SCLK);
    fpioa_set_function(setup->dc, (fpioa_function_t)(FUNC_GPIOHS0 + DC_PIN));
    fpioa_set_function(setup->rst, (fpioa_function_t)(FUNC_GPIOHS0 + RST_PIN));
    gpiohs_set_pin(DC_PIN, GPIO_PV_HIGH);
    gpiohs_set_pin(RST_PIN, GPIO_PV_HIGH);
    gpiohs_set_drive_mode(DC_PIN, GPIO_DM_OUTPUT);
    gpiohs_set_drive_mode(RST_PIN, GPIO_DM_OUTPUT);
}

int st7789_init(const st7789_setup_t *setup) {
    const struct {
        uint8_t command, data;
        bool has_data;
        uint8_t wait_ms;
    } steps[] = {
        { SWRESET, 0, false, 120 }, // as long as a display that was awake takes
        { SLPOUT, 0, false, 120 },
        { COLMOD, 0x55, true, 0 },  // RGB565, the high byte first
        { MADCTL, setup->madctl, true, 0 },
        { setup->invert ? INVON : INVOFF, 0, false, 0 },
        { NORON, 0, false, 0 },
        { DISPON, 0, false, 0 },
    };
    blocks = setup->memory;
    pins(setup);
    bytes_mode();
    st7789_set_rate(setup->hz);
    gpiohs_set_pin(RST_PIN, GPIO_PV_LOW);
    clint_wait_us(10000);
    gpiohs_set_pin(RST_PIN, GPIO_PV_HIGH);
    clint_wait_us(50000);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        int result = st7789_command(steps[i].command, &steps[i].data, steps[i].has_data);
        if (result != SPI_OK) {
            return result;
        }
        clint_wait_us(1000ull * steps[i].wait_ms);
    }
    return SPI_OK;
}

int st7789_off(void) {
    int result = st7789_command(DISPOFF, NULL, 0);
    return result == SPI_OK ? st7789_command(SLPIN, NULL, 0) : result;
}

uint32_t st7789_set_rate(uint32_t hz) {
    return spi_set_clk_rate(BUS, hz);
}

// -- pixels

static inline volatile uint64_t *block_words(void) {
    return blocks + stream.block * BLOCK_WORDS;
}

static void note(int result) {
    if (stream.result == SPI_OK) {
        stream.result = result;
    }
}

// Hands the block to the controller as soon as it has taken the other one, which is filled next.
static void send_block(size_t words) {
    if (stream.result == SPI_OK && words > 0) {
        const uint32_t *from = (const uint32_t *)block_words();
        note(stream.sending ? spi_next_words_dma(DMAC_CHANNEL_LCD, BUS, from, words)
            : spi_start_words_dma(DMAC_CHANNEL_LCD, BUS, SELECT, from, words));
        stream.sending |= stream.result == SPI_OK;
        stream.block ^= 1;
    }
    stream.filled = 0;
}

static void window(uint8_t command, uint32_t first, uint32_t count) {
    uint32_t last = first + count - 1;
    const uint8_t data[] = { first >> 8, first, last >> 8, last };
    note(st7789_command(command, data, sizeof(data)));
}

void st7789_begin(uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
    stream.word = 0;
    stream.filled = 0;
    stream.result = SPI_OK;
    window(CASET, x, w);
    window(RASET, y, h);
    note(st7789_command(RAMWR, NULL, 0));
    spi_init(BUS, SPI_WORK_MODE_0, format, 32, 0);
    spi_init_non_standard(BUS, 0, 32, 0, SPI_AITM_AS_FRAME_FORMAT);
    gpiohs_set_pin(DC_PIN, GPIO_PV_HIGH);
}

// A frame of 32 bits shows its high half first.
static inline uint64_t swap_pairs(uint64_t four) {
    return (four & 0x0000FFFF0000FFFFull) << 16 | (four >> 16 & 0x0000FFFF0000FFFFull);
}

// Where the next word of the block goes, and how many words there is room for, at most those of `count` pixels.
static inline size_t words_now(size_t count, volatile uint64_t **to) {
    size_t room = (BLOCK_PIXELS - stream.filled) / 4;
    *to = block_words() + stream.filled / 4;
    return count / 4 < room ? count / 4 : room;
}

static inline void advance(size_t pixels) {
    stream.filled += pixels;
    if (stream.filled == BLOCK_PIXELS) {
        send_block(BLOCK_PIXELS / 2);
    }
}

static void put_one(uint16_t pixel) {
    unsigned lane = stream.filled % 4 ^ 1;
    stream.word |= (uint64_t)pixel << lane * 16;
    if (stream.filled % 4 == 3) {
        block_words()[stream.filled / 4] = stream.word;
        stream.word = 0;
    }
    advance(1);
}

void st7789_put(const uint16_t *pixels, size_t count) {
    while (count > 0) {
        if (stream.filled % 4 != 0 || count < 4) {
            put_one(*pixels++);
            count--;
            continue;
        }
        volatile uint64_t *to;
        size_t words = words_now(count, &to);
        if (((uintptr_t)pixels & 7) == 0) {
            const load64_t *from = (const load64_t *)pixels;
            #pragma GCC unroll 32
            for (size_t i = 0; i < words; i++) {
                to[i] = swap_pairs(from[i]);
            }
        } else {
            for (size_t i = 0; i < words; i++) {
                const uint16_t *p = pixels + 4 * i;
                to[i] = p[1] | (uint64_t)p[0] << 16 | (uint64_t)p[3] << 32 | (uint64_t)p[2] << 48;
            }
        }
        pixels += 4 * words;
        count -= 4 * words;
        advance(4 * words);
    }
}

// Four bytes of grey, each in a lane of 16 bits, as RGB565.
static inline uint64_t gray565(uint64_t levels) {
    return (levels & 0x00F800F800F800F8ull) << 8 | (levels & 0x00FC00FC00FC00FCull) << 3
           | (levels >> 3 & 0x001F001F001F001Full);
}

void st7789_put_gray(const uint8_t *pixels, size_t count) {
    while (count > 0) {
        if (stream.filled % 4 != 0 || count < 4) {
            put_one(gray565(*pixels++));
            count--;
            continue;
        }
        volatile uint64_t *to;
        size_t words = words_now(count, &to);
        for (size_t i = 0; i < words; i++, pixels += 4) {
            uint64_t pairs = pixels[1] | (uint64_t)pixels[0] << 16 | (uint64_t)pixels[3] << 32 | (uint64_t)pixels[2] << 48;
            to[i] = gray565(pairs);
        }
        count -= 4 * words;
        advance(4 * words);
    }
}

void st7789_put_same(uint16_t pixel, size_t count) {
    uint64_t four = pixel * 0x0001000100010001ull;
    while (count > 0) {
        if (stream.filled % 4 != 0 || count < 4) {
            put_one(pixel);
            count--;
            continue;
        }
        volatile uint64_t *to;
        size_t words = words_now(count, &to);
        for (size_t i = 0; i < words; i++) {
            to[i] = four;
        }
        count -= 4 * words;
        advance(4 * words);
    }
}

int st7789_end(void) {
    uint32_t rest = stream.filled;
    uint64_t word = stream.word;
    if (rest % 4 != 0) {
        block_words()[rest / 4] = word;
    }
    send_block(rest / 2);
    if (stream.sending) {
        stream.sending = false;
        note(spi_finish_words_dma(DMAC_CHANNEL_LCD, BUS));
    }
    if (rest % 2 == 1 && stream.result == SPI_OK) {
        // A frame holds two pixels, and one too many would go to the start of the window.
        uint16_t last = word >> (rest % 4 == 1 ? 16 : 48);
        const uint8_t bytes[] = { last >> 8, last };
        bytes_mode();
        note(send(true, bytes, sizeof(bytes)));
    }
    return stream.result;
}
