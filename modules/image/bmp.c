// SPDX-License-Identifier: MIT
// Windows bitmaps: 24 and 32 bit, 16 bit (565 and 555), 8 bit with a palette; bottom-up and top-down, not compressed.
//
// The fields are little-endian and lie at any address: a file header of 14 bytes, an information header whose first word
// is its size (40, or more with fields that do not matter here), masks for 16 bit, the palette, then the rows, each
// padded to four bytes.
#include <string.h>

#include "picture.h"
#include "pixels.h"

#define FILE_HEADER_BYTES (14)
#define INFO_BYTES (40)
#define MASK_BYTES (12)
#define MAX_COLOURS (256)
#define MAX_SIDE (65535)
#define COMPRESSION_NONE (0)
#define COMPRESSION_MASKS (3)

// Offsets into both headers, seen as one.
#define PIXELS_AT (10)
#define INFO_SIZE_AT (14)
#define WIDTH_AT (18)
#define HEIGHT_AT (22)
#define BITS_AT (28)
#define COMPRESSION_AT (30)
#define COLOURS_AT (46)
#define MASKS_AT (54)

typedef struct {
    const picture_io_t *io;
    picture_why_t *why;
    uint32_t at; // bytes read so far
    uint32_t w, h;
    bool top_down;
    uint32_t bits;
    bool is_555;
    uint32_t colours;
    bool gray;
    uint16_t palette[MAX_COLOURS]; // as the pixels will be: RGB565 or grey
} bmp_t;

static uint32_t u16(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const uint8_t *p) {
    return u16(p) | u16(p + 2) << 16;
}

static int refuse(const bmp_t *bmp, int code, const char *text, long a, long b) {
    *bmp->why = (picture_why_t) { text, a, b };
    return code;
}

static int get(bmp_t *bmp, void *dst, uint32_t bytes) {
    uint32_t got = bmp->io->read(bmp->io->context, dst, bytes);
    bmp->at += got;
    return got == bytes ? PICTURE_OK
           : refuse(bmp, PICTURE_ERR_BROKEN, "bmp is truncated: it ends after %ld bytes", bmp->at, 0);
}

static int skip_to(bmp_t *bmp, uint32_t offset) {
    uint8_t unused[64];
    int result = PICTURE_OK;
    while (result == PICTURE_OK && bmp->at < offset) {
        uint32_t rest = offset - bmp->at;
        result = get(bmp, unused, rest < sizeof(unused) ? rest : sizeof(unused));
    }
    return result;
}

// Size, depth and kind from the headers; 0 where this is a bitmap that can be read.
static int check_header(bmp_t *bmp, const uint8_t *header) {
    int32_t w = (int32_t)u32(header + WIDTH_AT);
    int32_t h = (int32_t)u32(header + HEIGHT_AT);
    if (w < 1 || w > MAX_SIDE || h == 0 || h < -MAX_SIDE || h > MAX_SIDE) {
        return refuse(bmp, PICTURE_ERR_BROKEN, "bmp is broken: its size is %ldx%ld", w, h);
    }
    bmp->w = w;
    bmp->h = h < 0 ? -h : h;
    bmp->top_down = h < 0;
    bmp->bits = u16(header + BITS_AT);
    if (bmp->bits != 8 && bmp->bits != 16 && bmp->bits != 24 && bmp->bits != 32) {
        return refuse(bmp, PICTURE_ERR_UNSUPPORTED, "bmp has %ld bits per pixel, want 8, 16, 24 or 32", bmp->bits, 0);
    }
    uint32_t compression = u32(header + COMPRESSION_AT);
    bool has_masks = compression == COMPRESSION_MASKS && (bmp->bits == 16 || bmp->bits == 32);
    if (compression != COMPRESSION_NONE && !has_masks) {
        return refuse(bmp, PICTURE_ERR_UNSUPPORTED, "bmp is compressed (%ld): save it without", compression, 0);
    }
    bmp->is_555 = bmp->bits == 16 && !has_masks;
    bmp->colours = bmp->bits == 8 ? u32(header + COLOURS_AT) : 0;
    if (bmp->bits == 8 && bmp->colours == 0) {
        bmp->colours = MAX_COLOURS;
    }
    if (bmp->colours > MAX_COLOURS) {
        return refuse(bmp, PICTURE_ERR_BROKEN, "bmp is broken: %ld colours of 8 bits", bmp->colours, 0);
    }
    return PICTURE_OK;
}

static int read_masks(bmp_t *bmp, const uint8_t *masks) {
    static const struct {
        uint32_t bits, red, green, blue;
    } known[] = {
        { 16, 0xF800, 0x07E0, 0x001F },
        { 16, 0x7C00, 0x03E0, 0x001F },
        { 32, 0xFF0000, 0xFF00, 0xFF },
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (bmp->bits == known[i].bits && u32(masks) == known[i].red && u32(masks + 4) == known[i].green
            && u32(masks + 8) == known[i].blue) {
            bmp->is_555 = known[i].red == 0x7C00;
            return PICTURE_OK;
        }
    }
    return refuse(bmp, PICTURE_ERR_UNSUPPORTED, "bmp has unusual masks (red 0x%lx, green 0x%lx): save it with 24 bits",
        u32(masks), u32(masks + 4));
}

// A palette without colours makes a grey picture.
static int read_palette(bmp_t *bmp) {
    uint8_t entries[MAX_COLOURS * 4];
    int result = get(bmp, entries, bmp->colours * 4);
    if (result != PICTURE_OK) {
        return result;
    }
    bmp->gray = true;
    for (uint32_t i = 0; i < bmp->colours; i++) {
        const uint8_t *bgr = entries + i * 4;
        bmp->gray = bmp->gray && bgr[0] == bgr[1] && bgr[1] == bgr[2];
    }
    for (uint32_t i = 0; i < bmp->colours; i++) {
        const uint8_t *bgr = entries + i * 4;
        bmp->palette[i] = bmp->gray ? bgr[0] : pixels_pack565(bgr[2], bgr[1], bgr[0]);
    }
    return PICTURE_OK;
}

static void convert_row(const bmp_t *bmp, void *dst, const uint8_t *src) {
    uint8_t *gray = dst;
    uint16_t *pixels = dst;
    for (uint32_t x = 0; x < bmp->w; x++) {
        if (bmp->gray) {
            gray[x] = bmp->palette[src[x]];
        } else if (bmp->bits == 8) {
            pixels[x] = bmp->palette[src[x]];
        } else if (bmp->bits == 16) {
            uint32_t p = u16(src + 2 * x);
            // The lowest bit of green comes from its highest, as 5 bits become 6.
            pixels[x] = bmp->is_555 ? (p & 0x7FE0) << 1 | (p >> 4 & 0x20) | (p & 0x1F) : p;
        } else {
            const uint8_t *bgr = src + x * (bmp->bits / 8);
            pixels[x] = pixels_pack565(bgr[2], bgr[1], bgr[0]);
        }
    }
}

static int read_rows(bmp_t *bmp) {
    uint32_t row_bytes = (bmp->w * bmp->bits / 8 + 3) & ~3u;
    uint8_t *row = bmp->io->take(bmp->io->context, row_bytes);
    if (row == NULL) {
        return PICTURE_ERR_MEMORY;
    }
    int result = PICTURE_OK;
    uint8_t *pixels = bmp->io->place(bmp->io->context, bmp->w, bmp->h, bmp->gray);
    if (pixels == NULL) {
        result = PICTURE_ERR_MEMORY;
    }
    size_t pitch = bmp->w * (bmp->gray ? 1 : 2);
    for (uint32_t i = 0; result == PICTURE_OK && i < bmp->h; i++) {
        result = get(bmp, row, row_bytes);
        if (result == PICTURE_OK) {
            convert_row(bmp, pixels + pitch * (bmp->top_down ? i : bmp->h - 1 - i), row);
        }
    }
    bmp->io->give_back(bmp->io->context, row);
    return result;
}

int bmp_read(const picture_io_t *io, const uint8_t *head, size_t head_bytes, picture_why_t *why) {
    bmp_t bmp = { .io = io, .why = why, .at = head_bytes };
    uint8_t header[FILE_HEADER_BYTES + INFO_BYTES + MASK_BYTES];
    memcpy(header, head, head_bytes);
    int result = get(&bmp, header + head_bytes, MASKS_AT - head_bytes);
    if (result != PICTURE_OK) {
        return result;
    }
    uint32_t info_bytes = u32(header + INFO_SIZE_AT);
    if (info_bytes < INFO_BYTES) {
        return refuse(&bmp, PICTURE_ERR_UNSUPPORTED, "bmp has an old header of %ld bytes, want 40 or more", info_bytes, 0);
    }
    result = check_header(&bmp, header);
    if (result == PICTURE_OK && u32(header + COMPRESSION_AT) == COMPRESSION_MASKS) {
        // With a header of 40 bytes the masks follow it, in a longer one they lie at the same place.
        result = get(&bmp, header + MASKS_AT, MASK_BYTES);
        result = result == PICTURE_OK ? read_masks(&bmp, header + MASKS_AT) : result;
    }
    if (result == PICTURE_OK && bmp.colours > 0) {
        result = skip_to(&bmp, FILE_HEADER_BYTES + info_bytes);
        result = result == PICTURE_OK ? read_palette(&bmp) : result;
    }
    if (result == PICTURE_OK && u32(header + PIXELS_AT) < bmp.at) {
        result = refuse(&bmp, PICTURE_ERR_BROKEN, "bmp is broken: its pixels begin at byte %ld, inside its headers",
            u32(header + PIXELS_AT), 0);
    }
    result = result == PICTURE_OK ? skip_to(&bmp, u32(header + PIXELS_AT)) : result;
    return result == PICTURE_OK ? read_rows(&bmp) : result;
}
