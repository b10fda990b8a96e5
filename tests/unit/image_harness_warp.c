// SPDX-License-Identifier: MIT
// Commands of image_harness that warp: the data are twenty doubles, and the pixels or planes.
#include <stdlib.h>
#include <string.h>

#include "image_harness.h"
#include "warp.h"

#define NUMBERS (20)

static void project(const command_t *command, const double *n, const uint8_t *data) {
    canvas_t from = { NULL, command->args[0], command->args[1], command->args[2] };
    size_t bytes = canvas_pixel_bytes(&from) * from.w * from.h;
    canvas_t to = from;
    from.pixels = malloc(bytes);
    to.pixels = malloc(bytes);
    memcpy(from.pixels, data, bytes);
    const warp_rotation_t rotation = { n[0], n[1], n[2], n[3], n[4], n[5], n[6] };
    double matrix[9];
    bool good = warp_rotation(matrix, from.w, from.h, &rotation);
    if (good && n[7] != 0) {
        const warp_point_t corners[] = { { n[8], n[9] }, { n[10], n[11] }, { n[12], n[13] }, { n[14], n[15] } };
        good = warp_corners(matrix, from.w, from.h, corners);
    }
    if (good) {
        warp_project(&to, &from, matrix, 0, to.h / 3);
        warp_project(&to, &from, matrix, to.h / 3, to.h);
    }
    answer(good, to.w, to.h, to.pixels, good ? bytes : 0);
    free(from.pixels);
    free(to.pixels);
}

static void similarity(const double *n) {
    size_t count = n[0];
    warp_point_t from[5], to[5];
    for (size_t i = 0; i < count; i++) {
        from[i] = (warp_point_t) { n[1 + 2 * i], n[2 + 2 * i] };
        to[i] = (warp_point_t) { n[1 + 2 * (count + i)], n[2 + 2 * (count + i)] };
    }
    double matrix[9] = { 0 };
    bool good = warp_similarity(matrix, from, to, count);
    answer(good, 0, 0, matrix, sizeof(matrix));
}

static size_t words_of(uint32_t w, uint32_t h, uint32_t planes) {
    return ((size_t)w * h * planes + 7) / 8;
}

static warp_planes_t planes_of(uint32_t w, uint32_t h, uint32_t planes, const uint8_t *data) {
    warp_planes_t result = { malloc(words_of(w, h, planes) * 8), w, h };
    if (data != NULL) {
        memcpy((void *)result.planes, data, words_of(w, h, planes) * 8);
    }
    return result;
}

static void answer_planes(const warp_planes_t *picture, uint32_t planes) {
    answer(0, picture->w, picture->h, (void *)picture->planes, words_of(picture->w, picture->h, planes) * 8);
    free((void *)picture->planes);
}

// args: w, h, planes (for pictures: whether grey), the command.
bool warp_command(const command_t *command) {
    if (command->what != 'W') {
        return false;
    }
    double n[NUMBERS];
    memcpy(n, command->data, sizeof(n));
    const uint8_t *data = command->data + sizeof(n);
    uint32_t w = command->args[0], h = command->args[1], planes = command->args[2];
    if (command->args[3] == 'p') {
        project(command, n, data);
    } else if (command->args[3] == 's') {
        similarity(n);
    } else if (command->args[3] == 'a') {
        warp_planes_t from = planes_of(w, h, planes, data);
        warp_planes_t to = planes_of(n[6], n[7], planes, NULL);
        uint32_t part = to.w % 8 == 0 ? to.h * planes * 2 / 5 : 0;
        warp_affine(&to, &from, n, 0, part);
        warp_affine(&to, &from, n, part, to.h * planes);
        answer_planes(&to, planes);
        free((void *)from.planes);
    } else {
        warp_planes_t picture = planes_of(w, h, planes, data);
        int32_t kernel[9];
        for (int i = 0; i < 9; i++) {
            kernel[i] = n[i];
        }
        uint8_t *rows = malloc(3 * ((size_t)w + 2));
        warp_convolve(&picture, planes, kernel, rows);
        free(rows);
        answer_planes(&picture, planes);
    }
    return true;
}
