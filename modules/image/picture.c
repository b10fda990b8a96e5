// SPDX-License-Identifier: MIT
// Tells what a stream of bytes begins with, and has it read.
#include <string.h>

#include "picture.h"

typedef struct {
    uint8_t at, bytes;
    char magic[8];
    const char *found;
} magic_t;

#define THIS_IS(what) "format not supported: this is " what ", want JPEG or BMP"

// What else people try to load.
static const magic_t others[] = {
    { 0, 4, "\x89PNG", THIS_IS("PNG") },
    { 0, 4, "GIF8", THIS_IS("GIF") },
    { 8, 4, "WEBP", THIS_IS("WebP") },
    { 4, 4, "ftyp", THIS_IS("HEIF or a film") },
    { 0, 4, "II*", THIS_IS("TIFF") },
    { 0, 4, "MM\0*", THIS_IS("TIFF") },
    { 0, 4, "PK\3\4", THIS_IS("a ZIP archive or a .kfpkg") },
    { 0, 4, "\3\0\0", THIS_IS("a kmodel") },
    { 0, 4, "LDMK", THIS_IS("a kmodel") },
};

static int refuse(picture_why_t *why, const char *text, long a, long b) {
    *why = (picture_why_t) { text, a, b };
    return PICTURE_ERR_KIND;
}

int picture_read(const picture_io_t *io, picture_why_t *why) {
    uint8_t head[PICTURE_HEAD_BYTES] = { 0 };
    size_t bytes = io->read(io->context, head, sizeof(head));
    if (bytes >= 2 && head[0] == 0xFF && head[1] == 0xD8) {
        return jpeg_read(io, head, bytes, why);
    }
    if (bytes >= 2 && memcmp(head, "BM", 2) == 0) {
        return bmp_read(io, head, bytes, why);
    }
    if (bytes == 0) {
        return refuse(why, THIS_IS("empty"), 0, 0);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (memcmp(head + others[i].at, others[i].magic, others[i].bytes) == 0) {
            return refuse(why, others[i].found, 0, 0);
        }
    }
    return refuse(why, "format not supported: this begins with 0x%02x 0x%02x, want JPEG or BMP", head[0], head[1]);
}
