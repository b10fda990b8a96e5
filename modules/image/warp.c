// SPDX-License-Identifier: MIT
// The geometry of warp.h.
#include <math.h>
#include <string.h>

#include "planes.h"
#include "warp.h"

// -- matrices

static void multiply(double *result, const double *a, const double *b) {
    double product[9];
    for (int i = 0; i < 9; i++) {
        const double *row = a + i / 3 * 3;
        const double *column = b + i % 3;
        product[i] = row[0] * column[0] + row[1] * column[3] + row[2] * column[6];
    }
    memcpy(result, product, sizeof(product));
}

static bool invert(double *m) {
    double inverse[9];
    for (int i = 0; i < 9; i++) {
        // The cofactor of the transposed place.
        const double *a = m + (i % 3 + 1) % 3 * 3;
        const double *b = m + (i % 3 + 2) % 3 * 3;
        int k = (i / 3 + 1) % 3;
        int n = (i / 3 + 2) % 3;
        inverse[i] = a[k] * b[n] - a[n] * b[k];
    }
    double determinant = m[0] * inverse[0] + m[1] * inverse[3] + m[2] * inverse[6];
    double size = 0;
    for (int i = 0; i < 9; i++) {
        size = fmax(size, fabs(m[i]));
    }
    for (int i = 0; i < 9; i++) {
        m[i] = inverse[i] / determinant;
    }
    return fabs(determinant) > 1e-9 * size;
}

bool warp_rotation(double *matrix, uint32_t w, uint32_t h, const warp_rotation_t *rotation) {
    double cx = cos(rotation->x_turn), sx = sin(rotation->x_turn);
    double cy = cos(rotation->y_turn), sy = sin(rotation->y_turn);
    double cz = cos(rotation->z_turn), sz = sin(rotation->z_turn);
    const double about_x[] = { 1, 0, 0, 0, cx, -sx, 0, sx, cx };
    const double about_y[] = { cy, 0, -sy, 0, 1, 0, sy, 0, cy };
    const double about_z[] = { cz, -sz, 0, sz, cz, 0, 0, 0, 1 };
    double x = (w - 1) / 2.0;
    double y = (h - 1) / 2.0;
    double away = sqrt((double)w * w + (double)h * h) / 2 / tan(rotation->view / 2);
    double seen = away * rotation->zoom;
    const double to_middle[] = { 1, 0, -x, 0, 1, -y, 0, 0, 1 };
    const double from_middle[] = { seen, 0, x, 0, seen, y, 0, 0, 1 };
    double turned[9];
    multiply(turned, about_x, about_y);
    multiply(turned, turned, about_z);
    // The picture has no depth: the third column, of depth, makes room for the move.
    turned[2] = rotation->x_move;
    turned[5] = rotation->y_move;
    turned[8] = away;
    multiply(turned, from_middle, turned);
    multiply(matrix, turned, to_middle);
    return invert(matrix);
}

bool warp_corners(double *matrix, uint32_t w, uint32_t h, const warp_point_t *corners) {
    const warp_point_t *p = corners;
    double x1 = p[1].x - p[2].x, y1 = p[1].y - p[2].y;
    double x2 = p[3].x - p[2].x, y2 = p[3].y - p[2].y;
    double x = p[0].x - p[1].x + p[2].x - p[3].x;
    double y = p[0].y - p[1].y + p[2].y - p[3].y;
    double area = x1 * y2 - x2 * y1;
    if (fabs(area) < 1e-6) {
        return false;
    }
    double g = (x * y2 - x2 * y) / area;
    double k = (x1 * y - x * y1) / area;
    double across = w > 1 ? w - 1 : 1;
    double down = h > 1 ? h - 1 : 1;
    const double to_corners[] = {
        (p[1].x - p[0].x + g * p[1].x) / across, (p[3].x - p[0].x + k * p[3].x) / down, p[0].x,
        (p[1].y - p[0].y + g * p[1].y) / across, (p[3].y - p[0].y + k * p[3].y) / down, p[0].y,
        g / across, k / down, 1,
    };
    multiply(matrix, to_corners, matrix);
    return true;
}

void warp_project(const canvas_t *to, const canvas_t *from, const double *m, uint32_t first, uint32_t last) {
    for (uint32_t y = first; y < last; y++) {
        uint8_t *row = canvas_row(to, y);
        for (uint32_t x = 0; x < to->w; x++) {
            double depth = m[6] * x + m[7] * y + m[8];
            double scale = 1 / depth;
            double from_x = (m[0] * x + m[1] * y + m[2]) * scale + 0.5;
            double from_y = (m[3] * x + m[4] * y + m[5]) * scale + 0.5;
            bool inside = depth > 0 && from_x >= 0 && from_x < from->w && from_y >= 0 && from_y < from->h;
            canvas_set(to, row, x, inside ? canvas_get(from, canvas_row(from, from_y), (uint32_t)from_x) : 0);
        }
    }
}

// -- points

static warp_point_t mean(const warp_point_t *points, size_t count) {
    warp_point_t sum = { 0, 0 };
    for (size_t i = 0; i < count; i++) {
        sum.x += points[i].x;
        sum.y += points[i].y;
    }
    return (warp_point_t) { sum.x / count, sum.y / count };
}

// With points as complex numbers the best factor is the sum of conj(a) b over the sum of |a|^2.
bool warp_similarity(double *matrix, const warp_point_t *from, const warp_point_t *to, size_t count) {
    warp_point_t middle_from = mean(from, count);
    warp_point_t middle_to = mean(to, count);
    double real = 0;
    double imaginary = 0;
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        warp_point_t a = { to[i].x - middle_to.x, to[i].y - middle_to.y };
        warp_point_t b = { from[i].x - middle_from.x, from[i].y - middle_from.y };
        real += a.x * b.x + a.y * b.y;
        imaginary += a.x * b.y - a.y * b.x;
        squares += a.x * a.x + a.y * a.y;
    }
    if (squares == 0) {
        return false;
    }
    real /= squares;
    imaginary /= squares;
    const double m[] = {
        real, -imaginary, middle_from.x - real * middle_to.x + imaginary * middle_to.y,
        imaginary, real, middle_from.y - imaginary * middle_to.x - real * middle_to.y,
        0, 0, 1,
    };
    memcpy(matrix, m, sizeof(m));
    return true;
}

// -- planes

// Between four neighbours in the plane that begins at `plane`; beyond the last column and row they repeat.
static inline unsigned sample(const warp_planes_t *from, size_t plane, double x, double y) {
    if (!(x >= 0 && x < from->w && y >= 0 && y < from->h)) {
        return 0;
    }
    uint32_t across = x * 256;
    uint32_t down = y * 256;
    uint32_t right = across & 255;
    uint32_t below = down & 255;
    uint32_t column = across >> 8;
    uint32_t row = down >> 8;
    size_t at = plane + (size_t)row * from->w + column;
    size_t next_column = column + 1 < from->w;
    size_t next_row = row + 1 < from->h ? from->w : 0;
    unsigned upper = planes_get(from->planes, at) * (256 - right) + planes_get(from->planes, at + next_column) * right;
    at += next_row;
    unsigned lower = planes_get(from->planes, at) * (256 - right) + planes_get(from->planes, at + next_column) * right;
    return (upper * (256 - below) + lower * below) >> 16;
}

void warp_affine(const warp_planes_t *to, const warp_planes_t *from, const double *m, uint32_t first, uint32_t last) {
    planes_writer_t writer = { to->planes + (size_t)first * to->w / 8, 0, 0 };
    for (uint32_t row = first; row < last; row++) {
        size_t start = (size_t)(row / to->h) * from->w * from->h;
        uint32_t y = row % to->h;
        for (uint32_t x = 0; x < to->w; x++) {
            planes_put(&writer, sample(from, start, m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]));
        }
    }
    planes_put_rest(&writer);
}

// A row of a plane with a zero on each side; all zeros outside of the picture.
static void load_row(uint8_t *row, const warp_planes_t *picture, size_t plane, int64_t y) {
    memset(row, 0, picture->w + 2);
    if (y >= 0 && y < picture->h) {
        planes_copy_out(row + 1, picture->planes, plane + (size_t)y * picture->w, picture->w);
    }
}

// The kernel slides along: what it has of three rows moves one to the left, and three bytes come in.
static void convolve_row(planes_writer_t *to, const uint8_t *above, const uint8_t *row, const uint8_t *below, uint32_t w,
    const int32_t *kernel) {
    const int64_t k[] = {
        kernel[0], kernel[1], kernel[2], kernel[3], kernel[4], kernel[5], kernel[6], kernel[7], kernel[8],
    };
    int64_t a0 = above[0], a1 = above[1];
    int64_t b0 = row[0], b1 = row[1];
    int64_t c0 = below[0], c1 = below[1];
    for (uint32_t x = 2; x < w + 2; x++) {
        int64_t a2 = above[x], b2 = row[x], c2 = below[x];
        int64_t sum = k[0] * a0 + k[1] * a1 + k[2] * a2 + k[3] * b0 + k[4] * b1 + k[5] * b2 + k[6] * c0 + k[7] * c1
            + k[8] * c2;
        sum = (sum + 32768) >> 16;
        planes_put(to, sum < 0 ? 0 : sum > 255 ? 255 : sum);
        a0 = a1;
        a1 = a2;
        b0 = b1;
        b1 = b2;
        c0 = c1;
        c1 = c2;
    }
}

// In place: a row is read before the one above it is written, and the writer holds back words that are not full.
void warp_convolve(const warp_planes_t *picture, int planes, const int32_t *kernel, uint8_t *rows) {
    size_t pitch = picture->w + 2;
    planes_writer_t writer = { picture->planes, 0, 0 };
    for (int plane = 0; plane < planes; plane++) {
        size_t start = (size_t)plane * picture->w * picture->h;
        uint8_t *above = rows;
        uint8_t *row = rows + pitch;
        uint8_t *below = rows + 2 * pitch;
        load_row(above, picture, start, -1);
        load_row(row, picture, start, 0);
        for (uint32_t y = 0; y < picture->h; y++) {
            load_row(below, picture, start, (int64_t)y + 1);
            convolve_row(&writer, above, row, below, picture->w, kernel);
            uint8_t *free = above;
            above = row;
            row = below;
            below = free;
        }
    }
    planes_put_rest(&writer);
}
