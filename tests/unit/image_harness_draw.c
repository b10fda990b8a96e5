// SPDX-License-Identifier: MIT
// Commands of image_harness that draw: the data are sixteen words of numbers, the canvas's pixels, and what else a shape
// takes.
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "font.h"
#include "image_harness.h"
#include "paste.h"

#define NUMBERS (16)

static uint8_t *copy_of(const uint8_t *data, size_t bytes) {
    uint8_t *copy = malloc(bytes);
    memcpy(copy, data, bytes);
    return copy;
}

static draw_ellipse_t ellipse_of(const int32_t *n) {
    return (draw_ellipse_t) { n[0], n[1], n[2], n[3], n[4] / 1e6 };
}

static void paste(const canvas_t *canvas, const int32_t *n, const uint8_t *more) {
    paste_t paste = { .picture = { NULL, n[2], n[3], n[4] }, .w = n[5], .h = n[6], .alpha = n[7] };
    size_t bytes = canvas_pixel_bytes(&paste.picture) * n[2] * n[3];
    paste.picture.pixels = copy_of(more, bytes);
    canvas_t mask = { NULL, n[8], n[9], true };
    if (n[8] > 0) {
        mask.pixels = copy_of(more + bytes, (size_t)n[8] * n[9]);
        paste.mask = &mask;
    }
    paste_draw(canvas, n[0], n[1], &paste);
    free(paste.picture.pixels);
    free(mask.pixels);
}

static void turn(canvas_t *canvas, const int32_t *n, const uint8_t *more) {
    canvas_t picture = *canvas;
    picture.pixels = copy_of(canvas->pixels, canvas_pixel_bytes(canvas) * canvas->w * canvas->h);
    canvas_t mask = { NULL, n[3], n[4], true };
    if (n[3] > 0) {
        mask.pixels = copy_of(more, (size_t)n[3] * n[4]);
    }
    if (n[2]) {
        canvas->w = picture.h;
        canvas->h = picture.w;
    }
    paste_turn(canvas, &picture, (paste_turn_t) { n[0], n[1], n[2] }, mask.pixels != NULL ? &mask : NULL);
    free(picture.pixels);
    free(mask.pixels);
}

// args: the canvas's w and h, whether it is grey, the shape; the first number is the colour.
bool draw_command(const command_t *command) {
    if (command->what != 'd') {
        return false;
    }
    canvas_t canvas = { NULL, command->args[0], command->args[1], command->args[2] };
    int32_t numbers[NUMBERS];
    memcpy(numbers, command->data, sizeof(numbers));
    size_t bytes = canvas_pixel_bytes(&canvas) * canvas.w * canvas.h;
    canvas.pixels = copy_of(command->data + sizeof(numbers), bytes);
    const uint8_t *more = command->data + sizeof(numbers) + bytes;
    size_t more_bytes = command->bytes - sizeof(numbers) - bytes;
    uint16_t color = numbers[0];
    const int32_t *n = numbers + 1;
    draw_ellipse_t ellipse = ellipse_of(n);
    switch (command->args[3]) {
        case 'b':
            draw_box(&canvas, n[0], n[1], n[2], n[3], color);
            break;
        case 'r':
            draw_rectangle(&canvas, n[0], n[1], n[2], n[3], color, n[4]);
            break;
        case 'l':
            draw_line(&canvas, n[0], n[1], n[2], n[3], color, n[4]);
            break;
        case 'e':
            draw_ellipse(&canvas, &ellipse, color, n[5]);
            break;
        case 'f':
            draw_disc(&canvas, &ellipse, color);
            break;
        case 'm': {
            draw_bitmap_t bitmap = { copy_of(more, more_bytes), n[2], n[3], n[4] };
            draw_bitmap(&canvas, n[0], n[1], &bitmap, color);
            free((void *)bitmap.bits);
            break;
        }
        case 't': {
            const font_style_t style = { color, n[2], n[3], n[4], n[5] };
            char *text = (char *)copy_of(more, more_bytes);
            font_draw(&canvas, n[0], n[1], text, more_bytes, &style);
            free(text);
            break;
        }
        case 'p':
            paste(&canvas, n, more);
            break;
        case 'u':
            turn(&canvas, n, more);
            break;
        default:
            free(canvas.pixels);
            return false;
    }
    answer(0, canvas.w, canvas.h, canvas.pixels, bytes);
    free(canvas.pixels);
    return true;
}
