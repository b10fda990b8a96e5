// SPDX-License-Identifier: MIT
// Images of other sizes: resize, cut, copy and crop.
#include <string.h>

#include "py/runtime.h"

#include "image_obj.h"
#include "resize.h"

// resize(w, h) -> a new image, bilinear, without an AI buffer.
static mp_obj_t resize(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    const image_obj_t *img = image_get(args[0]);
    mp_int_t wh[2];
    image_arg_ints(&given, 2, wh);
    uint16_t w = image_side(wh[0]);
    uint16_t h = image_side(wh[1]);
    image_obj_t *result = image_new(w, h, img->format);
    uint32_t *columns = m_new(uint32_t, w);
    resize_positions(columns, img->w, w);
    if (img->format == IMAGE_GRAYSCALE) {
        resize_gray(result->pix, w, h, img->pix, img->w, img->h, columns);
    } else {
        resize_rgb565((uint16_t *)result->pix, w, h, (const uint16_t *)img->pix, img->w, img->h, columns);
    }
    m_del(uint32_t, columns, w);
    return MP_OBJ_FROM_PTR(result);
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_resize_obj, 2, resize);

// Columns from..to of a row of `goal` that lie inside of `limit` when it starts at `at`.
static void overlap(mp_int_t at, mp_int_t goal, mp_int_t limit, mp_int_t *from, mp_int_t *to) {
    *from = MIN(MAX(-at, 0), goal);
    *to = MAX(MIN(limit - at, goal), *from);
}

// cut(x, y, w, h) -> a new image of that size; what lies outside of this one is black.
static mp_obj_t cut(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    const image_obj_t *img = image_get(args[0]);
    mp_int_t v[4];
    image_arg_ints(&given, 4, v);
    image_obj_t *result = image_new(image_side(v[2]), image_side(v[3]), img->format);
    memset(result->pix, 0, result->pix_bytes);
    mp_int_t left, right, top, bottom;
    overlap(v[0], result->w, img->w, &left, &right);
    overlap(v[1], result->h, img->h, &top, &bottom);
    size_t bytes = image_pixel_bytes(img->format);
    for (mp_int_t y = top; y < bottom && left < right; y++) {
        memcpy(result->pix + (y * result->w + left) * bytes,
            img->pix + ((v[1] + y) * img->w + v[0] + left) * bytes, (right - left) * bytes);
    }
    return MP_OBJ_FROM_PTR(result);
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_cut_obj, 2, cut);

static void scale_into(void *pix, uint16_t w, uint16_t h, const image_obj_t *img, canvas_rect_t roi) {
    size_t bytes = image_pixel_bytes(img->format);
    const uint8_t *from = img->pix + ((size_t)roi.y * img->w + roi.x) * bytes;
    resize_nearest(pix, w, h, from, img->w, roi.w, roi.h, bytes);
}

static mp_obj_t copy_scaled(const image_args_t *given, const image_obj_t *img) {
    canvas_rect_t roi = image_arg_roi(given, 1, img);
    uint16_t w = image_scaled(roi.w, image_arg_scale(given, 2, MP_QSTR_x_scale));
    uint16_t h = image_scaled(roi.h, image_arg_scale(given, 3, MP_QSTR_y_scale));
    image_obj_t *result = image_new(w, h, img->format);
    scale_into(result->pix, w, h, img, roi);
    return MP_OBJ_FROM_PTR(result);
}

// copy(roi, x_scale, y_scale, copy_to_fb) -> a new image.
static mp_obj_t copy(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    return copy_scaled(&given, image_get(args[0]));
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_copy_obj, 1, copy);

// crop(roi, x_scale, y_scale, copy) -> the image, now smaller and without an AI buffer; or a new one.
static mp_obj_t crop(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    image_obj_t *img = image_get(args[0]);
    if (image_arg_bool(&given, 4, MP_QSTR_copy, false)) {
        return copy_scaled(&given, img);
    }
    canvas_rect_t roi = image_arg_roi(&given, 1, img);
    uint16_t w = image_scaled(roi.w, image_arg_scale(&given, 2, MP_QSTR_x_scale));
    uint16_t h = image_scaled(roi.h, image_arg_scale(&given, 3, MP_QSTR_y_scale));
    if (w > roi.w || h > roi.h) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("can't crop %ux%u to %ux%u in place: use copy=True"),
            (unsigned)roi.w, (unsigned)roi.h, w, h);
    }
    scale_into(img->pix, w, h, img, roi);
    image_drop_planes(img);
    img->w = w;
    img->h = h;
    img->pix_bytes = image_pixel_count(img) * image_pixel_bytes(img->format);
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_crop_obj, 1, crop);
