// SPDX-License-Identifier: MIT
// Pictures turned in space, moved and fitted to points; pure C, the same on the chip and on a PC.
//
// A matrix of nine takes (x, y, 1) of the result to (x, y, 1) of the source, times anything above 0; row by row.
#ifndef WARP_H
#define WARP_H

#include "canvas.h"

typedef struct {
    double x, y;
} warp_point_t;

typedef struct {
    double x_turn, y_turn, z_turn; // radians; about the axis to the right, down, and away from the eye (clockwise)
    double x_move, y_move;         // pixels
    double zoom;
    double view;                   // the angle that the picture's diagonal is seen under
} warp_rotation_t;

// For a picture of w x h, turned about its middle; false where it is seen from the edge.
bool warp_rotation(double *matrix, uint32_t w, uint32_t h, const warp_rotation_t *rotation);

// Followed by: what lies between four points (upper left, upper right, lower right, lower left) fills the picture.
// False where three of them lie on one line.
bool warp_corners(double *matrix, uint32_t w, uint32_t h, const warp_point_t *corners);

// Rows `first` to before `last` of the result, of the nearest pixels; black outside of the source, which must be other
// memory.
void warp_project(const canvas_t *to, const canvas_t *from, const double *matrix, uint32_t first, uint32_t last);

// The turn, uniform scale and move that brings `to` nearest to `from`, by least squares; false where all of `to` are
// one point.
bool warp_similarity(double *matrix, const warp_point_t *from, const warp_point_t *to, size_t count);

typedef struct {
    volatile uint64_t *planes;
    uint32_t w, h;
} warp_planes_t;

// Bilinear, with weights in 1/256, by the first six of the matrix; black outside of the source. Rows `first` to before
// `last`, counted over all planes; `first` of them end with a word.
void warp_affine(const warp_planes_t *to, const warp_planes_t *from, const double *matrix, uint32_t first, uint32_t last);

// Every byte becomes the sum of its neighbourhood times the kernel, rounded and cut to 0 to 255; outside there is 0.
// The kernel is in 1/65536; `rows` has room for three of w + 2 bytes.
void warp_convolve(const warp_planes_t *picture, int planes, const int32_t *kernel, uint8_t *rows);

#endif // WARP_H
