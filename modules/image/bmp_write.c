// SPDX-License-Identifier: MIT
// Windows bitmaps as everything reads them: 24 bit, or 8 bit with a palette of greys; bottom-up, not compressed.
#include <string.h>

#include "picture.h"

#define HEADER_BYTES (54)
#define INFO_BYTES (40)
#define GRAYS (256)
#define PIXELS_PER_METRE (2835) // 72 dpi

static void put16(uint8_t *at, uint32_t value) {
    at[0] = value;
    at[1] = value >> 8;
}

static void put32(uint8_t *at, uint32_t value) {
    put16(at, value);
    put16(at + 2, value >> 16);
}

static bool write_header(const picture_out_t *out, bool gray, uint32_t w, uint32_t h, uint32_t row_bytes) {
    uint32_t palette_bytes = gray ? GRAYS * 4 : 0;
    uint8_t header[HEADER_BYTES] = { 'B', 'M' };
    put32(header + 2, HEADER_BYTES + palette_bytes + row_bytes * h);
    put32(header + 10, HEADER_BYTES + palette_bytes);
    put32(header + 14, INFO_BYTES);
    put32(header + 18, w);
    put32(header + 22, h);
    put16(header + 26, 1); // planes
    put16(header + 28, gray ? 8 : 24);
    put32(header + 34, row_bytes * h);
    put32(header + 38, PIXELS_PER_METRE);
    put32(header + 42, PIXELS_PER_METRE);
    put32(header + 46, gray ? GRAYS : 0);
    if (!out->write(out->context, header, sizeof(header))) {
        return false;
    }
    uint8_t palette[GRAYS * 4];
    for (uint32_t i = 0; i < GRAYS; i++) {
        put32(palette + i * 4, i * 0x010101);
    }
    return !gray || out->write(out->context, palette, sizeof(palette));
}

// Red, green and blue of five and six bits become eight as for the KPU, so that reading drops what writing added.
static void convert_row(uint8_t *to, const canvas_t *canvas, const uint8_t *row, uint32_t x, uint32_t w) {
    if (canvas->gray) {
        memcpy(to, row + x, w);
        return;
    }
    const uint16_t *pixels = (const uint16_t *)row + x;
    for (uint32_t i = 0; i < w; i++) {
        to[i * 3] = pixels_b8(pixels[i]);
        to[i * 3 + 1] = pixels_g8(pixels[i]);
        to[i * 3 + 2] = pixels_r8(pixels[i]);
    }
}

int bmp_write(const picture_out_t *out, const canvas_t *canvas, canvas_rect_t part) {
    uint32_t row_bytes = (part.w * (canvas->gray ? 1 : 3) + 3) & ~3u;
    uint8_t *row = out->take(out->context, row_bytes);
    if (row == NULL) {
        return PICTURE_ERR_MEMORY;
    }
    memset(row, 0, row_bytes);
    bool written = write_header(out, canvas->gray, part.w, part.h, row_bytes);
    for (uint32_t y = part.h; written && y-- > 0;) {
        convert_row(row, canvas, canvas_row(canvas, part.y + y), part.x, part.w);
        written = out->write(out->context, row, row_bytes);
    }
    out->give_back(out->context, row);
    return written ? PICTURE_OK : PICTURE_ERR_WRITE;
}
