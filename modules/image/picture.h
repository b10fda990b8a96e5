// SPDX-License-Identifier: MIT
// Pictures out of and into a stream of bytes: JPEG and BMP, told apart by their first bytes. Pure C, the same on the
// chip and on a PC: memory, input, output and the place for the pixels are the caller's, and everything taken is given
// back before the return, whatever the file holds.
#ifndef PICTURE_H
#define PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "canvas.h"

enum {
    PICTURE_OK = 0,
    PICTURE_ERR_KIND = -1,        // neither JPEG nor BMP
    PICTURE_ERR_BROKEN = -2,      // truncated, or against its format's rules
    PICTURE_ERR_UNSUPPORTED = -3, // correct, but of a sort that is not read
    PICTURE_ERR_MEMORY = -4,      // take() or place() gave NULL
    PICTURE_ERR_WRITE = -5,       // write() gave false
};

// Why a picture was refused: a printf format for at most two longs.
typedef struct {
    const char *text;
    long a, b;
} picture_why_t;

typedef struct {
    void *context;
    // Bytes read: fewer than asked for only at the end of the input, or where the reader gives up.
    size_t (*read)(void *context, void *dst, size_t bytes);
    // Scratch memory while the picture is being read, aligned for any type; NULL where there is no room.
    void *(*take)(void *context, size_t bytes);
    void (*give_back)(void *context, void *block);
    // Where w * h pixels go, row by row from the top: uint16_t RGB565, or one byte of grey. Asked for once, and the caller
    // keeps the place whatever comes after. NULL where there is no room.
    void *(*place)(void *context, uint32_t w, uint32_t h, bool gray);
} picture_io_t;

// Reads the picture; 0 or an error, and then `why` is filled unless it is memory.
int picture_read(const picture_io_t *io, picture_why_t *why);

// The first bytes that picture_read() took, handed on to the reader that knows the rest.
#define PICTURE_HEAD_BYTES (12)

int jpeg_read(const picture_io_t *io, const uint8_t *head, size_t head_bytes, picture_why_t *why);
int bmp_read(const picture_io_t *io, const uint8_t *head, size_t head_bytes, picture_why_t *why);

typedef struct {
    void *context;
    // False where the bytes could not be written: then nothing more is.
    bool (*write)(void *context, const void *src, size_t bytes);
    // Scratch memory while the picture is being written, as for reading.
    void *(*take)(void *context, size_t bytes);
    void (*give_back)(void *context, void *block);
} picture_out_t;

// Write a part of a canvas; 0, or an error: memory, writing, or JPEG of more than 65500 pixels a side. quality is 1 to
// 100.
int jpeg_write(const picture_out_t *out, const canvas_t *canvas, canvas_rect_t part, int quality);
int bmp_write(const picture_out_t *out, const canvas_t *canvas, canvas_rect_t part);

#endif // PICTURE_H
