// SPDX-License-Identifier: MIT
// The changes of tones.h.
#include <math.h>

#include "tones.h"

#define MOST_GAIN (5)

static size_t pixel_count(const canvas_t *canvas) {
    return (size_t)canvas->w * canvas->h;
}

static int clamped(int64_t value) {
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

void tones_invert(const canvas_t *canvas) {
    uint8_t *bytes = canvas->pixels;
    for (size_t i = 0; i < pixel_count(canvas) * canvas_pixel_bytes(canvas); i++) {
        bytes[i] = ~bytes[i];
    }
}

// -- grey

typedef struct {
    int low, high;
    uint64_t sum;
} range_t;

static range_t range_of(const uint8_t *gray, size_t count) {
    range_t range = { 255, 0, 0 };
    for (size_t i = 0; i < count; i++) {
        range.low = gray[i] < range.low ? gray[i] : range.low;
        range.high = gray[i] > range.high ? gray[i] : range.high;
        range.sum += gray[i];
    }
    return range;
}

void tones_stretch(const canvas_t *canvas, int low, int high) {
    uint8_t *gray = canvas->pixels;
    range_t range = range_of(gray, pixel_count(canvas));
    int span = range.high - range.low;
    int gain = high - low > MOST_GAIN * span ? MOST_GAIN * span : high - low;
    uint8_t becomes[256] = { 0 };
    for (int i = range.low; i <= range.high && span > 0; i++) {
        becomes[i] = clamped(floor(low + (double)(i - range.low) * gain / span + 0.5));
    }
    for (size_t i = 0; i < pixel_count(canvas) && span > 0; i++) {
        gray[i] = becomes[gray[i]];
    }
}

void tones_stretch_above_mean(const canvas_t *canvas, bool fade) {
    uint8_t *gray = canvas->pixels;
    range_t range = range_of(gray, pixel_count(canvas));
    int mean = range.sum / pixel_count(canvas);
    int span = range.high > mean ? range.high - mean : 1;
    double area = (double)canvas->w * canvas->h;
    for (uint32_t y = 0; y < canvas->h; y++) {
        double down = y - canvas->h / 2.0;
        for (uint32_t x = 0; x < canvas->w; x++, gray++) {
            *gray = clamped((int64_t)(*gray - mean) * 255 / span);
            if (fade) {
                double across = x - canvas->w / 2.0;
                double far = (across * across + down * down) / area;
                *gray /= 1 + 32 * far * far;
            }
        }
    }
}

// -- colours

// The hue turns by 192 degrees; 255 steps are 60 degrees.
uint16_t tones_rainbow(unsigned gray) {
    unsigned hue = (255 - gray) * 16 / 5;
    unsigned part = hue % 255;
    switch (hue / 255) {
        case 0:
            return pixels_pack565(255, part, 0);
        case 1:
            return pixels_pack565(255 - part, 255, 0);
        case 2:
            return pixels_pack565(0, 255, part);
        default:
            return pixels_pack565(0, 255 - part, 255);
    }
}

void tones_to_rainbow(uint16_t *colors, const canvas_t *canvas) {
    for (size_t i = 0; i < pixel_count(canvas); i++) {
        colors[i] = tones_rainbow(canvas_gray_of(canvas, canvas_get(canvas, canvas->pixels, i)));
    }
}

// -- black and white

void tones_binary(const canvas_t *canvas, const tones_binary_t *binary, uint8_t *classes) {
    for (uint32_t y = 0; y < canvas->h; y++) {
        uint8_t *row = canvas_row(canvas, y);
        thresholds_classify(classes, binary->thresholds, canvas, row, 0, canvas->w);
        for (uint32_t x = 0; x < canvas->w; x++) {
            bool found = classes[x] != THRESHOLDS_NONE;
            if ((found || !binary->zero) && canvas_lets_through(binary->mask, x, y)) {
                canvas_set(canvas, row, x, found && !binary->zero ? 0xFFFF : 0);
            }
        }
    }
}
