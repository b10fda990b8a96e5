// SPDX-License-Identifier: MIT
// The AI buffer fitted to points.
#include "py/runtime.h"

#include "image_obj.h"
#include "sdk/core1.h"
#include "warp.h"

#define MOST_POINTS (10)

warp_point_t image_point(mp_obj_t given) {
    mp_obj_t *xy;
    mp_obj_get_array_fixed_n(given, 2, &xy);
    return (warp_point_t) { mp_obj_get_float(xy[0]), mp_obj_get_float(xy[1]) };
}

static warp_planes_t planes_of(image_obj_t *img) {
    if (img->planes == NULL) {
        image_pix_to_ai(img);
    }
    image_own_planes(img);
    return (warp_planes_t) { (uint64_t *)img->planes, img->w, img->h };
}

// get_affine_transform(src, dst) -> nine numbers that take points of dst to src, as warp_affine_ai() wants them.
static mp_obj_t get_affine_transform(mp_obj_t src, mp_obj_t dst) {
    size_t counts[2];
    mp_obj_t *items[2];
    mp_obj_get_array(src, &counts[0], &items[0]);
    mp_obj_get_array(dst, &counts[1], &items[1]);
    size_t count = counts[0];
    if (count != counts[1] || count < 2 || count > MOST_POINTS) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%u and %u points, want as many in both, 2 to 10"),
            (unsigned)count, (unsigned)counts[1]);
    }
    warp_point_t points[2][MOST_POINTS];
    for (size_t i = 0; i < count; i++) {
        points[0][i] = image_point(items[0][i]);
        points[1][i] = image_point(items[1][i]);
    }
    double matrix[9];
    if (!warp_similarity(matrix, points[0], points[1], count)) {
        mp_raise_ValueError(MP_ERROR_TEXT("all points of dst are the same"));
    }
    mp_obj_t numbers[9];
    for (int i = 0; i < 9; i++) {
        numbers[i] = mp_obj_new_float(matrix[i]);
    }
    return mp_obj_new_tuple(9, numbers);
}
MP_DEFINE_CONST_FUN_OBJ_2(image_get_affine_transform_obj, get_affine_transform);

typedef struct {
    const warp_planes_t *to, *from;
    const double *matrix;
} affine_t;

static void affine_rows(void *ctx, uint32_t first, uint32_t last) {
    const affine_t *affine = ctx;
    warp_affine(affine->to, affine->from, affine->matrix, first, last);
}

// warp_affine_ai(src_img, dst_img, matrix) -> None: dst_img's AI buffer from src_img's.
static mp_obj_t warp_affine_ai(mp_obj_t src, mp_obj_t dst, mp_obj_t matrix_in) {
    image_obj_t *from = image_other(src);
    image_obj_t *to = image_other(dst);
    mp_obj_t *numbers;
    mp_obj_get_array_fixed_n(matrix_in, 9, &numbers);
    double matrix[9];
    for (int i = 0; i < 9; i++) {
        matrix[i] = mp_obj_get_float(numbers[i]);
    }
    warp_planes_t from_planes = planes_of(from);
    warp_planes_t to_planes = planes_of(to);
    bool same = from->planes == to->planes; // of one image, or of a snapshot and get_fb()
    if (same || from->plane_count != to->plane_count) {
        mp_raise_ValueError(same ? MP_ERROR_TEXT("src_img and dst_img are the same image: want two")
            : MP_ERROR_TEXT("src_img->bpp != dst_img->bpp: one AI buffer is grey: img.pix_to_ai() makes it anew"));
    }
    affine_t affine = { &to_planes, &from_planes, matrix };
    uint32_t rows = (uint32_t)to->h * to->plane_count;
    if (to->w % 8 == 0) {
        core1_share(affine_rows, &affine, rows);
    } else { // rows share words
        affine_rows(&affine, 0, rows);
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_3(image_warp_affine_ai_obj, warp_affine_ai);
