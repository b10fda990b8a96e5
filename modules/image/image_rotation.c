// SPDX-License-Identifier: MIT
// Images turned in space: rotation_corr().
#include <math.h>
#include <string.h>

#include "py/runtime.h"

#include "image_obj.h"
#include "sdk/core1.h"
#include "warp.h"

static mp_float_t arg_radians(const image_args_t *given, size_t position, qstr name, mp_float_t otherwise) {
    return image_arg_float(given, position, name, otherwise) * (M_PI / 180);
}

static void turn_to_corners(double *matrix, const image_obj_t *img, mp_obj_t given) {
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(given, 4, &items);
    warp_point_t corners[4];
    for (int i = 0; i < 4; i++) {
        corners[i] = image_point(items[i]);
    }
    if (!warp_corners(matrix, img->w, img->h, corners)) {
        mp_raise_ValueError(
            MP_ERROR_TEXT("corners on one line: want upper left, upper right, lower right, lower left"));
    }
}

typedef struct {
    const canvas_t *to, *from;
    const double *matrix;
} project_t;

static void project_rows(void *ctx, uint32_t first, uint32_t last) {
    const project_t *project = ctx;
    warp_project(project->to, project->from, project->matrix, first, last);
}

// rotation_corr(x_rotation=0, y_rotation=0, z_rotation=0, x_translation=0, y_translation=0, zoom=1, fov=60, corners)
// -> the image
static mp_obj_t rotation_corr(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    const image_obj_t *img = image_get(args[0]);
    const warp_rotation_t rotation = {
        arg_radians(&given, 1, MP_QSTR_x_rotation, 0), arg_radians(&given, 2, MP_QSTR_y_rotation, 0),
        arg_radians(&given, 3, MP_QSTR_z_rotation, 0), image_arg_float(&given, 4, MP_QSTR_x_translation, 0),
        image_arg_float(&given, 5, MP_QSTR_y_translation, 0), image_arg_float(&given, 6, MP_QSTR_zoom, 1),
        arg_radians(&given, 7, MP_QSTR_fov, 60),
    };
    if (!(rotation.zoom > 0 && rotation.view > 0 && rotation.view < M_PI)) {
        mp_raise_ValueError(MP_ERROR_TEXT("zoom must be above 0, and fov above 0 and below 180 degrees"));
    }
    double matrix[9];
    bool is_seen = warp_rotation(matrix, img->w, img->h, &rotation);
    mp_obj_t corners = image_arg(&given, 8, MP_QSTR_corners);
    if (corners != MP_OBJ_NULL && corners != mp_const_none) {
        turn_to_corners(matrix, img, corners);
    }
    if (!is_seen) {
        memset(img->pix, 0, img->pix_bytes);
        return args[0];
    }
    canvas_t to = image_canvas(img);
    canvas_t from = to;
    image_scratch_t copy;
    from.pixels = memcpy(image_scratch(&copy, img->pix_bytes, "copy of image %ux%u", img->w, img->h), img->pix,
        img->pix_bytes);
    project_t project = { &to, &from, matrix };
    core1_share(project_rows, &project, to.h);
    image_scratch_free();
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_rotation_corr_obj, 1, rotation_corr);
