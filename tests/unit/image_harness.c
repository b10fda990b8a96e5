// SPDX-License-Identifier: MIT
// Runs the pure C of modules/image on a PC, one command after the other from stdin, for image_harness.py.
//
// A command is six words (what, four arguments, length) and that many bytes; an answer is four words (code, w, h, length)
// and that many bytes. Every buffer is exactly as large as its contract says, so that the sanitizers see a byte too many.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_harness.h"
#include "picture.h"
#include "pixels.h"
#include "resize.h"

typedef struct {
    const uint8_t *file;
    size_t bytes, at;
    size_t budget;       // memory left
    int blocks;          // taken and not given back
    uint8_t *pixels;
    uint32_t w, h;
    bool gray;
} input_t;

void answer(int32_t code, uint32_t w, uint32_t h, const void *data, uint32_t bytes) {
    uint32_t head[4] = { (uint32_t)code, w, h, bytes };
    fwrite(head, sizeof(head), 1, stdout);
    if (bytes > 0) {
        fwrite(data, 1, bytes, stdout);
    }
    fflush(stdout);
}

static size_t read_some(void *context, void *dst, size_t bytes) {
    input_t *in = context;
    size_t rest = in->bytes - in->at;
    size_t n = bytes < rest ? bytes : rest;
    memcpy(dst, in->file + in->at, n);
    in->at += n;
    return n;
}

static void *take(void *context, size_t bytes) {
    input_t *in = context;
    if (bytes > in->budget) {
        return NULL;
    }
    in->budget -= bytes;
    in->blocks++;
    return malloc(bytes);
}

static void give_back(void *context, void *block) {
    ((input_t *)context)->blocks -= block != NULL;
    free(block);
}

static void *place(void *context, uint32_t w, uint32_t h, bool gray) {
    input_t *in = context;
    size_t bytes = (size_t)w * h * (gray ? 1 : 2);
    if (bytes > in->budget || in->pixels != NULL) {
        return NULL;
    }
    in->budget -= bytes;
    in->w = w;
    in->h = h;
    in->gray = gray;
    return in->pixels = malloc(bytes);
}

// Code 0 with the pixels, 1 for a grey picture, or the error with its text.
static void picture(const uint8_t *file, size_t bytes, size_t budget) {
    input_t in = { .file = file, .bytes = bytes, .budget = budget };
    picture_io_t io = { &in, read_some, take, give_back, place };
    picture_why_t why = { "", 0, 0 };
    int code = picture_read(&io, &why);
    if (in.blocks != 0) {
        fprintf(stderr, "%d blocks were not given back\n", in.blocks);
        abort();
    }
    if (code == PICTURE_OK) {
        answer(in.gray, in.w, in.h, in.pixels, in.w * in.h * (in.gray ? 1 : 2));
    } else {
        char text[200] = "";
        if (why.text != NULL) {
            snprintf(text, sizeof(text), why.text, why.a, why.b);
        }
        answer(code, 0, 0, text, strlen(text));
    }
    free(in.pixels);
}

int main(void) {
    uint32_t head[6];
    while (fread(head, sizeof(head), 1, stdin) == 1) {
        uint32_t a = head[1], b = head[2], c = head[3], d = head[4], bytes = head[5];
        uint8_t *data = malloc(bytes);
        if (fread(data, 1, bytes, stdin) != bytes) {
            return 1;
        }
        size_t out_bytes = 0;
        uint8_t *out = NULL;
        switch (head[0]) {
            case 'p': // pixels -> planes; a: how many
                out = malloc(out_bytes = ((size_t)a * 3 + 7) / 8 * 8);
                pixels_rgb565_to_planes((uint64_t *)out, (uint16_t *)data, a);
                break;
            case 'P':
                out = malloc(out_bytes = (size_t)a * 2);
                pixels_planes_to_rgb565((uint16_t *)out, (uint64_t *)data, a);
                break;
            case 'g':
                out = malloc(out_bytes = ((size_t)a + 7) / 8 * 8);
                pixels_gray_to_plane((uint64_t *)out, data, a);
                break;
            case 'G':
                out = malloc(out_bytes = a);
                pixels_plane_to_gray(out, (uint64_t *)data, a);
                break;
            case 'y': // in place, as Python's to_grayscale()
                out = malloc(out_bytes = bytes);
                memcpy(out, data, bytes);
                pixels_rgb565_to_gray(out, (uint16_t *)out, a);
                break;
            case 'c':
                out = malloc(out_bytes = (size_t)a * 2);
                pixels_gray_to_rgb565((uint16_t *)out, data, a);
                break;
            case 'r': // bilinear; a x b -> c x d
            case 'R': {
                uint32_t *columns = malloc(c * sizeof(uint32_t));
                resize_positions(columns, a, c);
                if (head[0] == 'r') {
                    out = malloc(out_bytes = (size_t)c * d * 2);
                    resize_rgb565((uint16_t *)out, c, d, (uint16_t *)data, a, b, columns);
                } else {
                    out = malloc(out_bytes = (size_t)c * d);
                    resize_gray(out, c, d, data, a, b, columns);
                }
                free(columns);
                break;
            }
            case 'n': // nearest, two bytes a pixel
            case 'N': {
                size_t pixel_bytes = head[0] == 'n' ? 2 : 1;
                out = malloc(out_bytes = (size_t)c * d * pixel_bytes);
                resize_nearest(out, c, d, data, a, a, b, pixel_bytes);
                break;
            }
            case 'i': // a picture file; a: memory that may be taken
                picture(data, bytes, a);
                free(data);
                continue;
            default: {
                const command_t command = { head[0], { a, b, c, d }, bytes, data };
                if (!draw_command(&command) && !write_command(&command) && !find_command(&command)
                    && !warp_command(&command)) {
                    return 1;
                }
                free(data);
                continue;
            }
        }
        answer(0, 0, 0, out, out_bytes);
        free(out);
        free(data);
    }
    return 0;
}
