// SPDX-License-Identifier: MIT
// Commands of image_harness about colours and what has them: the data are sixteen words of numbers, the thresholds' six
// words each, and the canvas's pixels.
#include <stdlib.h>
#include <string.h>

#include "blobs.h"
#include "histogram.h"
#include "image_harness.h"
#include "tones.h"

#define NUMBERS (16)

typedef struct {
    canvas_t canvas;
    size_t bytes;
    int32_t n[NUMBERS]; // how many thresholds, whether inverted, then the command's own
    thresholds_t thresholds;
    uint8_t *classes;
} input_t;

static input_t input_of(const command_t *command) {
    input_t in = { .canvas = { NULL, command->args[0], command->args[1], command->args[2] } };
    const uint8_t *data = command->data;
    memcpy(in.n, data, sizeof(in.n));
    data += sizeof(in.n);
    in.thresholds.count = in.n[0];
    in.thresholds.invert = in.n[1];
    for (uint32_t i = 0; i < in.thresholds.count; i++, data += 24) {
        int32_t words[6];
        memcpy(words, data, sizeof(words));
        for (int k = 0; k < 3; k++) {
            in.thresholds.items[i].low[k] = words[2 * k];
            in.thresholds.items[i].high[k] = words[2 * k + 1];
        }
    }
    in.bytes = canvas_pixel_bytes(&in.canvas) * in.canvas.w * in.canvas.h;
    in.canvas.pixels = malloc(in.bytes);
    memcpy(in.canvas.pixels, data, in.bytes);
    in.classes = malloc(in.canvas.w);
    return in;
}

static void answer_canvas(const input_t *in) {
    answer(0, in->canvas.w, in->canvas.h, in->canvas.pixels, in->bytes);
}

// -- colours

static void lab(const command_t *command, bool back) {
    size_t count = command->bytes / (back ? 6 : 3);
    uint8_t *out = malloc(count * 6);
    for (size_t i = 0; i < count; i++) {
        if (back) {
            lab_t from;
            memcpy(&from, command->data + i * 6, 6);
            rgb_t to = lab_to_rgb(from);
            memcpy(out + i * 3, &to, 3);
        } else {
            rgb_t from;
            memcpy(&from, command->data + i * 3, 3);
            lab_t to = lab_of(from);
            memcpy(out + i * 6, &to, 6);
        }
    }
    answer(0, 0, 0, out, count * (back ? 3 : 6));
    free(out);
}

static void rainbow(input_t *in) {
    size_t count = (size_t)in->canvas.w * in->canvas.h;
    uint16_t *out = in->canvas.gray ? malloc(count * 2) : in->canvas.pixels;
    tones_to_rainbow(out, &in->canvas);
    answer(0, in->canvas.w, in->canvas.h, out, count * 2);
    if (in->canvas.gray) {
        free(out);
    }
}

// The mask is grey, of half the canvas's sides, and lets all through where the columns' sum is even.
static void binary(input_t *in) {
    canvas_t mask = { NULL, in->canvas.w / 2, in->canvas.h / 2, true };
    size_t bytes = (size_t)mask.w * mask.h;
    uint8_t *pixels = malloc(bytes + 1);
    for (size_t i = 0; i < bytes; i++) {
        pixels[i] = (i % mask.w + i / mask.w) % 2 ? 127 : 128;
    }
    mask.pixels = pixels;
    const tones_binary_t how = { &in->thresholds, in->n[2], in->n[3] ? &mask : NULL };
    tones_binary(&in->canvas, &how, in->classes);
    answer_canvas(in);
    free(pixels);
}

// -- histograms

static void histogram(const input_t *in) {
    histogram_t histogram = histogram_channels(in->canvas.gray);
    canvas_rect_t part = { in->n[2], in->n[3], in->n[4], in->n[5] };
    uint32_t results[3 * (256 + HISTOGRAM_STATISTICS + 2)];
    uint32_t *next = results;
    for (int i = 0; i < histogram.channel_count; i++) {
        histogram_channel_t *channel = &histogram.channels[i];
        channel->bins = in->n[6] > 0 ? (uint32_t)in->n[6] : channel->bins;
        channel->count = malloc(channel->bins * sizeof(uint32_t));
    }
    histogram_fill(&histogram, &in->canvas, part, in->thresholds.count ? &in->thresholds : NULL, in->classes);
    for (int i = 0; i < histogram.channel_count; i++) {
        histogram_channel_t *channel = &histogram.channels[i];
        memcpy(next, channel->count, channel->bins * sizeof(uint32_t));
        next += channel->bins;
        histogram_statistics((int *)next, channel);
        next += HISTOGRAM_STATISTICS;
        *next++ = histogram_percentile(channel, in->n[7] / 100.0);
        *next++ = histogram_otsu(channel);
        free(channel->count);
    }
    answer(0, 0, 0, results, (next - results) * sizeof(uint32_t));
}

// -- blobs

typedef struct {
    blob_t *blobs;
    size_t count;
} list_t;

static void found(void *context, const blob_t *blob) {
    list_t *list = context;
    list->blobs = realloc(list->blobs, (list->count + 1) * sizeof(blob_t));
    list->blobs[list->count++] = *blob;
}

// x, y, w, h, code, count, first x, a hole, then six sums and the rotation.
static void answer_blobs(const list_t *list) {
    size_t bytes = 32 + 6 * 8 + 8;
    uint8_t *out = malloc(list->count * bytes + 1);
    for (size_t i = 0; i < list->count; i++) {
        const blob_t *b = &list->blobs[i];
        const uint32_t words[] = {
            b->left, b->top, b->right - b->left + 1, b->bottom - b->top + 1, b->code, b->count, b->first_x, 0,
        };
        const uint64_t sums[] = { b->pixels, b->x, b->y, b->xx, b->xy, b->yy };
        double rotation = blobs_rotation(b);
        memcpy(out + i * bytes, words, 32);
        memcpy(out + i * bytes + 32, sums, 48);
        memcpy(out + i * bytes + 80, &rotation, 8);
    }
    answer(list->count, 0, 0, out, list->count * bytes);
    free(out);
}

static void blobs(const input_t *in) {
    const int32_t *n = in->n + 2;
    const blobs_search_t search = {
        &in->thresholds, { n[0], n[1], n[2], n[3] }, n[4], n[5], n[6], n[7],
    };
    list_t list = { NULL, 0 };
    void *workspace = malloc(blobs_workspace_bytes(n[2], in->thresholds.count));
    blobs_find(&in->canvas, &search, workspace, found, &list);
    free(workspace);
    blobs_sort(list.blobs, list.count);
    if (n[8]) {
        list.count = blobs_merge(list.blobs, list.count, n[9], NULL, NULL);
    }
    answer_blobs(&list);
    free(list.blobs);
}

// args: the canvas's w and h, whether it is grey, the command.
bool find_command(const command_t *command) {
    if (command->what == 'L' || command->what == 'B') {
        lab(command, command->what == 'B');
        return true;
    }
    if (command->what != 'f') {
        return false;
    }
    input_t in = input_of(command);
    switch (command->args[3]) {
        case 'i':
            tones_invert(&in.canvas);
            answer_canvas(&in);
            break;
        case 's':
            tones_stretch(&in.canvas, in.n[2], in.n[3]);
            answer_canvas(&in);
            break;
        case 'm':
            tones_stretch_above_mean(&in.canvas, in.n[2]);
            answer_canvas(&in);
            break;
        case 'r':
            rainbow(&in);
            break;
        case 'b':
            binary(&in);
            break;
        case 'h':
            histogram(&in);
            break;
        case 'o':
            blobs(&in);
            break;
    }
    free(in.canvas.pixels);
    free(in.classes);
    return true;
}
