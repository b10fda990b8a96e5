// SPDX-License-Identifier: MIT
// The pasting of paste.h.
#include <string.h>

#include "paste.h"

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

static unsigned converted(const canvas_t *canvas, const canvas_t *picture, unsigned value) {
    if (canvas->gray) {
        return canvas_gray_of(picture, value);
    }
    return picture->gray ? pixels_pack565(value, value, value) : value;
}

static unsigned mix(unsigned over, unsigned under, unsigned alpha) {
    return (over * alpha + under * (PASTE_OPAQUE - alpha) + PASTE_OPAQUE / 2) / PASTE_OPAQUE;
}

static unsigned mixed(const canvas_t *canvas, unsigned over, unsigned under, unsigned alpha) {
    if (canvas->gray) {
        return mix(over, under, alpha);
    }
    return mix(over >> 11, under >> 11, alpha) << 11 | mix(over >> 5 & 63, under >> 5 & 63, alpha) << 5
           | mix(over & 31, under & 31, alpha);
}

void paste_draw(const canvas_t *canvas, int32_t x, int32_t y, const paste_t *paste) {
    const canvas_t *picture = &paste->picture;
    int64_t left = MAX(-(int64_t)x, 0);
    int64_t right = MIN(paste->w, (int64_t)canvas->w - x);
    int64_t bottom = MIN(paste->h, (int64_t)canvas->h - y);
    bool as_it_is = picture->gray == canvas->gray && paste->w == picture->w && paste->alpha == PASTE_OPAQUE
        && paste->mask == NULL;
    for (int64_t down = MAX(-(int64_t)y, 0); down < bottom && left < right; down++) {
        uint32_t from_y = (uint64_t)down * picture->h / paste->h;
        const uint8_t *from = canvas_row(picture, from_y);
        uint8_t *to = canvas_row(canvas, y + down);
        if (as_it_is) {
            size_t bytes = canvas_pixel_bytes(canvas);
            memcpy(to + (x + left) * bytes, from + left * bytes, (right - left) * bytes);
            continue;
        }
        for (int64_t along = left; along < right; along++) {
            uint32_t from_x = (uint64_t)along * picture->w / paste->w;
            if (canvas_lets_through(paste->mask, from_x, from_y)) {
                unsigned over = converted(canvas, picture, canvas_get(picture, from, from_x));
                unsigned under = canvas_get(canvas, to, x + along);
                canvas_set(canvas, to, x + along, mixed(canvas, over, under, paste->alpha));
            }
        }
    }
}

void paste_turn(const canvas_t *canvas, const canvas_t *picture, paste_turn_t turn, const canvas_t *mask) {
    for (uint32_t y = 0; y < picture->h; y++) {
        const uint8_t *from = canvas_row(picture, y);
        uint32_t to_y = turn.flip ? picture->h - 1 - y : y;
        for (uint32_t x = 0; x < picture->w; x++) {
            uint32_t to_x = turn.mirror ? picture->w - 1 - x : x;
            if (canvas_lets_through(mask, x, y)) {
                uint8_t *to = canvas_row(canvas, turn.transpose ? to_x : to_y);
                canvas_set(canvas, to, turn.transpose ? to_y : to_x, canvas_get(picture, from, x));
            }
        }
    }
}
