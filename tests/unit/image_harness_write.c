// SPDX-License-Identifier: MIT
// Commands of image_harness that write files: the data are six words (the part of the canvas, the memory there is, the
// most bytes that the file takes) and the canvas's pixels.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_harness.h"
#include "picture.h"

typedef struct {
    uint8_t *file;
    size_t bytes, most;
    size_t budget; // memory left
    int blocks;    // taken and not given back
} output_t;

static bool write_some(void *context, const void *src, size_t bytes) {
    output_t *out = context;
    if (bytes > out->most - out->bytes) {
        return false;
    }
    out->file = realloc(out->file, out->bytes + bytes + 1);
    memcpy(out->file + out->bytes, src, bytes);
    out->bytes += bytes;
    return true;
}

static void *take(void *context, size_t bytes) {
    output_t *out = context;
    if (bytes > out->budget) {
        return NULL;
    }
    out->budget -= bytes;
    out->blocks++;
    return malloc(bytes);
}

static void give_back(void *context, void *block) {
    ((output_t *)context)->blocks -= block != NULL;
    free(block);
}

// args: the canvas's w and h, whether it is grey, the quality or 0 for BMP.
bool write_command(const command_t *command) {
    if (command->what != 'w') {
        return false;
    }
    canvas_t canvas = { NULL, command->args[0], command->args[1], command->args[2] };
    uint32_t n[6];
    memcpy(n, command->data, sizeof(n));
    size_t bytes = command->bytes - sizeof(n);
    canvas.pixels = malloc(bytes);
    memcpy(canvas.pixels, command->data + sizeof(n), bytes);
    output_t output = { .budget = n[4], .most = n[5] };
    const picture_out_t out = { &output, write_some, take, give_back };
    canvas_rect_t part = { n[0], n[1], n[2], n[3] };
    int quality = command->args[3];
    int code = quality == 0 ? bmp_write(&out, &canvas, part) : jpeg_write(&out, &canvas, part, quality);
    if (output.blocks != 0) {
        fprintf(stderr, "%d blocks were not given back\n", output.blocks);
        abort();
    }
    answer(code, 0, 0, output.file, output.bytes);
    free(output.file);
    free(canvas.pixels);
    return true;
}
