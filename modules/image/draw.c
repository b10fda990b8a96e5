// SPDX-License-Identifier: MIT
// The shapes of draw.h: everything becomes spans of a row.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

void draw_span(const canvas_t *canvas, int64_t left, int64_t right, int64_t y, uint16_t color) {
    left = MAX(left, 0);
    right = MIN(right, (int64_t)canvas->w - 1);
    if (y < 0 || y >= canvas->h || left > right) {
        return;
    }
    uint8_t *row = canvas_row(canvas, y);
    if (canvas->gray) {
        memset(row + left, color, right - left + 1);
        return;
    }
    for (int64_t x = left; x <= right; x++) {
        ((uint16_t *)row)[x] = color;
    }
}

// -- rectangles

// Columns left to right of rows top to bottom.
static void fill(const canvas_t *canvas, int64_t left, int64_t top, int64_t right, int64_t bottom, uint16_t color) {
    bottom = MIN(bottom, (int64_t)canvas->h - 1);
    for (int64_t y = MAX(top, 0); y <= bottom; y++) {
        draw_span(canvas, left, right, y, color);
    }
}

void draw_box(const canvas_t *canvas, int32_t x, int32_t y, int32_t w, int32_t h, uint16_t color) {
    fill(canvas, x, y, (int64_t)x + w - 1, (int64_t)y + h - 1, color);
}

void draw_rectangle(const canvas_t *canvas, int32_t x, int32_t y, int32_t w, int32_t h, uint16_t color,
    int32_t thickness) {
    if (w < 1 || h < 1 || thickness < 1) {
        return;
    }
    int32_t before = thickness / 2;
    int32_t behind = (thickness - 1) / 2;
    int64_t right = (int64_t)x + w - 1;
    int64_t bottom = (int64_t)y + h - 1;
    fill(canvas, x - before, y - before, right + behind, y + behind, color);
    fill(canvas, x - before, bottom - before, right + behind, bottom + behind, color);
    fill(canvas, x - before, y - before, x + behind, bottom + behind, color);
    fill(canvas, right - before, y - before, right + behind, bottom + behind, color);
}

// -- lines

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

// The points of a line in order of their longer side.
typedef struct {
    int64_t at, end; // along that side, both drawn
    int64_t across;  // where the line is at `at`
    int64_t rest, step, whole;
} walk_t;

// From (a0, b0) to (a1, b1) with |a1 - a0| >= |b1 - b0|, but only where low <= a <= high.
static walk_t walk_from(int64_t a0, int64_t b0, int64_t a1, int64_t b1, int64_t low, int64_t high) {
    if (a0 > a1) {
        return walk_from(a1, b1, a0, b0, low, high);
    }
    walk_t walk = { MAX(a0, low), MIN(a1, high), b0, 0, 2 * (b1 - b0), MAX(2 * (a1 - a0), 1) };
    int64_t way = (walk.at - a0) * walk.step + walk.whole / 2;
    int64_t passed = floor_div(way, walk.whole);
    walk.across += passed;
    walk.rest = way - passed * walk.whole;
    return walk;
}

static void walk_on(walk_t *walk) {
    walk->at++;
    walk->rest += walk->step;
    if (walk->rest >= walk->whole) {
        walk->rest -= walk->whole;
        walk->across++;
    } else if (walk->rest < 0) {
        walk->rest += walk->whole;
        walk->across--;
    }
}

// A thin line whose every pixel is widened to those from `left` to `right` of it.
static void stroke(const canvas_t *canvas, const int64_t *from, const int64_t *to, int64_t left, int64_t right,
    uint16_t color) {
    if (llabs(to[0] - from[0]) >= llabs(to[1] - from[1])) {
        walk_t walk = walk_from(from[0], from[1], to[0], to[1], -right, (int64_t)canvas->w - 1 - left);
        for (; walk.at <= walk.end; walk_on(&walk)) {
            draw_span(canvas, walk.at + left, walk.at + right, walk.across, color);
        }
        return;
    }
    walk_t walk = walk_from(from[1], from[0], to[1], to[0], 0, (int64_t)canvas->h - 1);
    for (; walk.at <= walk.end; walk_on(&walk)) {
        draw_span(canvas, walk.across + left, walk.across + right, walk.at, color);
    }
}

void draw_line(const canvas_t *canvas, int32_t x0, int32_t y0, int32_t x1, int32_t y1, uint16_t color,
    int32_t thickness) {
    if (thickness < 1) {
        return;
    }
    // The disc of an even thickness has its middle between pixels: everything in halves of a pixel.
    int64_t even = thickness % 2 == 0;
    for (int32_t down = -(thickness / 2); down <= (thickness - 1) / 2; down++) {
        int64_t y = 2 * (int64_t)down + even;
        int64_t half = floor(sqrt((double)((int64_t)thickness * thickness - y * y)));
        const int64_t from[] = { x0, (int64_t)y0 + down };
        const int64_t to[] = { x1, (int64_t)y1 + down };
        stroke(canvas, from, to, -((half + even) / 2), (half - even) / 2, color);
    }
}

// -- ellipses

// An ellipse's chord in a row: x = slope * y +- sqrt(reach - y^2) * stretch from its middle; none where reach is below 0.
typedef struct {
    double reach, slope, stretch;
} chords_t;

static chords_t chords(const draw_ellipse_t *ellipse, double wider) {
    double a = ellipse->rx + wider;
    double b = ellipse->ry + wider;
    double c = cos(ellipse->radians);
    double s = sin(ellipse->radians);
    if (ellipse->rx == ellipse->ry) { // a circle is one whatever its turn, without rounding
        c = 1;
        s = 0;
    }
    if (a <= 0 || b <= 0) {
        return (chords_t) { -1, 0, 0 };
    }
    double reach = a * a * s * s + b * b * c * c;
    double area = a * b;
    return (chords_t) { reach, (a * a - b * b) * s * c / reach, area / reach };
}

static void ring(const canvas_t *canvas, const draw_ellipse_t *ellipse, chords_t outer, chords_t inner,
    uint16_t color) {
    int64_t height = outer.reach < 0 ? -1 : floor(sqrt(outer.reach));
    int64_t last = MIN(height, (int64_t)canvas->h - 1 - ellipse->y);
    for (int64_t y = MAX(-height, -(int64_t)ellipse->y); y <= last; y++) {
        double half = sqrt(outer.reach - (double)y * y) * outer.stretch;
        int64_t left = ceil(outer.slope * y - half);
        int64_t right = floor(outer.slope * y + half);
        int64_t hole_left = right + 1;
        int64_t hole_right = right;
        if ((double)y * y <= inner.reach) {
            half = sqrt(inner.reach - (double)y * y) * inner.stretch;
            hole_left = ceil(inner.slope * y - half);
            hole_right = floor(inner.slope * y + half);
        }
        draw_span(canvas, ellipse->x + left, ellipse->x + hole_left - 1, ellipse->y + y, color);
        draw_span(canvas, ellipse->x + hole_right + 1, ellipse->x + right, ellipse->y + y, color);
    }
}

void draw_disc(const canvas_t *canvas, const draw_ellipse_t *ellipse, uint16_t color) {
    ring(canvas, ellipse, chords(ellipse, 0.5), (chords_t) { -1, 0, 0 }, color);
}

void draw_ellipse(const canvas_t *canvas, const draw_ellipse_t *ellipse, uint16_t color, int32_t thickness) {
    if (thickness < 1) {
        return;
    }
    ring(canvas, ellipse, chords(ellipse, thickness / 2 + 0.5), chords(ellipse, -((thickness - 1) / 2 + 0.5)), color);
}

// -- bitmaps

int64_t draw_scaled(int64_t length, uint32_t scale) {
    return (length * scale + 0x8000) >> 16;
}

// The first pixel whose middle shows this column of the bitmap, or one behind it.
static int64_t first_of(const draw_bitmap_t *bitmap, uint32_t column) {
    int64_t half = column < bitmap->w ? 0x7FFF : 0x8000; // after the last column there is none to begin
    return ((int64_t)column * bitmap->scale + half) >> 16;
}

static bool is_set(const draw_bitmap_t *bitmap, const uint8_t *row, uint32_t column) {
    return row[(size_t)(column / 8) * bitmap->h] & 0x80 >> column % 8;
}

void draw_bitmap(const canvas_t *canvas, int64_t x, int64_t y, const draw_bitmap_t *bitmap, uint16_t color) {
    int64_t bottom = MIN(draw_scaled(bitmap->h, bitmap->scale), (int64_t)canvas->h - y);
    for (int64_t down = MAX(-y, 0); down < bottom; down++) {
        uint64_t under = ((2 * (uint64_t)down + 1) << 15) / bitmap->scale;
        const uint8_t *row = bitmap->bits + MIN(under, bitmap->h - 1);
        for (uint32_t column = 0; column < bitmap->w;) {
            uint32_t end = column;
            while (end < bitmap->w && is_set(bitmap, row, end)) {
                end++;
            }
            draw_span(canvas, x + first_of(bitmap, column), x + first_of(bitmap, end) - 1, y + down, color);
            column = end + 1;
        }
    }
}
