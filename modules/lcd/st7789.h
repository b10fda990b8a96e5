// SPDX-License-Identifier: MIT
// A display of the ST7789 family on SPI0, eight lines wide or one: commands, windows, and pixels in the order they are shown.
//
// Pixels go through two blocks of the caller's uncached memory: while DMA sends one, the CPU fills the other. No picture
// is kept.
#ifndef ST7789_H
#define ST7789_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// MADCTL: how the controller's memory lies behind the picture.
#define ST7789_FLIP_ROWS (0x80)
#define ST7789_FLIP_COLUMNS (0x40)
#define ST7789_SWAP_AXES (0x20)
#define ST7789_BGR (0x08)

#define ST7789_EIGHT_LINES (0xff) // for `data`: they have pins of their own

#define ST7789_MEMORY_BYTES (15360)

typedef struct {
    void *memory;            // ST7789_MEMORY_BYTES, uncached, until the display is off
    uint8_t cs, rst, dc, wr; // pads
    uint8_t data;            // that of a display on one line
    uint32_t hz;             // the fastest rate to write at
    bool invert;
    uint8_t madctl;
} st7789_setup_t;

// Errors are spi.h's. Pins, reset, wake up: a quarter of a second.
int st7789_init(const st7789_setup_t *setup);
// Display off, asleep.
int st7789_off(void);
// The fastest rate not above hz, which is returned.
uint32_t st7789_set_rate(uint32_t hz);
int st7789_command(uint8_t command, const uint8_t *data, size_t count);

// Begins to write w * h pixels into a window of the controller's memory, row by row; then pixels follow, as many as
// there are, and the end. An error ends nothing early and is told by the end.
void st7789_begin(uint32_t x, uint32_t y, uint32_t w, uint32_t h);
void st7789_put(const uint16_t *pixels, size_t count);
void st7789_put_gray(const uint8_t *pixels, size_t count);
void st7789_put_same(uint16_t pixel, size_t count);
int st7789_end(void);

#endif // ST7789_H
