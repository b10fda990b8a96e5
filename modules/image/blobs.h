// SPDX-License-Identifier: MIT
// Areas of one colour: what is connected, side by side or one below the other; pure C, as on the chip so on a PC.
//
// A pixel belongs to the first threshold that it fits. The picture is read once, row by row; only what the last two
// rows touch is kept.
#ifndef BLOBS_H
#define BLOBS_H

#include "thresholds.h"

typedef struct {
    uint32_t left, top, right, bottom; // pixels, all inside
    uint32_t first_x;                  // the leftmost in the top row
    uint32_t code;                     // a bit for each threshold
    uint32_t count;                    // blobs of which this one was merged
    uint64_t pixels, x, y, xx, xy, yy; // sums over all pixels
} blob_t;

typedef struct {
    const thresholds_t *thresholds;
    canvas_rect_t part;
    uint32_t x_stride, y_stride; // a blob without a pixel on this grid is not seen
    uint32_t least_area;         // of width times height
    uint32_t least_pixels;
} blobs_search_t;

// Memory that blobs_find() needs, for a width and a count of thresholds.
size_t blobs_workspace_bytes(uint32_t w, uint32_t thresholds);

// Calls `found` for every blob as soon as it is complete; `workspace` is aligned for any type.
void blobs_find(const canvas_t *canvas, const blobs_search_t *search, void *workspace,
    void (*found)(void *context, const blob_t *blob), void *context);

// By threshold, then row, then column.
void blobs_sort(blob_t *blobs, size_t count);

// Merges those whose rectangles, made larger by the margin on all sides, overlap, until none do; asks `may` for each
// two where that is not NULL. How many are left.
size_t blobs_merge(blob_t *blobs, size_t count, int32_t margin,
    bool (*may)(void *context, const blob_t *a, const blob_t *b), void *context);

// The direction of the longer axis, clockwise from the x axis, in -pi/2 to pi/2.
double blobs_rotation(const blob_t *blob);

#endif // BLOBS_H
