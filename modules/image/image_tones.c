// SPDX-License-Identifier: MIT
// Every pixel of an image changed: clear, invert, replace, blend, stretch, to_rainbow.
#include <string.h>

#include "py/runtime.h"

#include "image_obj.h"
#include "paste.h"
#include "tones.h"

// clear() -> the image, black.
static mp_obj_t clear(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    (void)n_args;
    (void)names;
    image_obj_t *img = image_get(args[0]);
    memset(img->pix, 0, img->pix_bytes);
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_clear_obj, 1, clear);

// invert(), negate() -> the image.
static mp_obj_t invert(mp_obj_t self) {
    canvas_t canvas = image_canvas(image_get(self));
    tones_invert(&canvas);
    return self;
}
MP_DEFINE_CONST_FUN_OBJ_1(image_invert_obj, invert);

// -- other pixels

static void check_size(const image_obj_t *img, const image_obj_t *other) {
    if (img->w != other->w || img->h != other->h || img->format != other->format) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("the images are not alike: %ux%u and %ux%u, or grey and colour: img.draw_image() takes any"),
            img->w, img->h, other->w, other->h);
    }
}

// replace(image or color, hmirror=False, vflip=False, transpose=False, mask) -> the image; without an image its own
// pixels are turned.
static mp_obj_t replace(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    image_obj_t *img = image_get(args[0]);
    mp_obj_t with = image_arg(&given, 1, MP_QSTR_color);
    const paste_turn_t turn = {
        .mirror = image_arg_bool(&given, 2, MP_QSTR_hmirror, false),
        .flip = image_arg_bool(&given, 3, MP_QSTR_vflip, false),
        .transpose = image_arg_bool(&given, 4, MP_QSTR_transpose, false),
    };
    canvas_t mask_pixels;
    const canvas_t *mask = image_arg_mask(&given, 5, &mask_pixels);
    bool is_color = with != MP_OBJ_NULL && !mp_obj_is_type(with, &image_type);
    image_obj_t *other = with == MP_OBJ_NULL || is_color ? img : image_other(with);
    check_size(img, other);
    uint16_t color = is_color ? image_color(with, img) : 0;
    canvas_t from = image_canvas(other);
    image_scratch_t copy;
    from.pixels = memcpy(image_scratch(&copy, img->pix_bytes, "copy of image %ux%u", img->w, img->h), other->pix,
        img->pix_bytes);
    for (size_t i = 0; is_color && i < image_pixel_count(img); i++) {
        canvas_set(&from, from.pixels, i, color);
    }
    if (turn.transpose && img->w != img->h) {
        image_drop_planes(img);
        img->w = from.h;
        img->h = from.w;
    }
    canvas_t to = image_canvas(img);
    paste_turn(&to, &from, turn, mask);
    image_scratch_free();
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_replace_obj, 1, replace);

// blend(image, alpha=128, mask) -> the image: alpha of 256 parts of it and the rest of the other.
static mp_obj_t blend(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    const image_obj_t *img = image_get(args[0]);
    const image_obj_t *other = image_other(args[1]);
    check_size(img, other);
    canvas_t canvas = image_canvas(img);
    canvas_t mask;
    const paste_t paste = {
        .picture = image_canvas(other), .w = img->w, .h = img->h,
        .alpha = PASTE_OPAQUE - image_arg_alpha(&given, 2, PASTE_OPAQUE / 2), .mask = image_arg_mask(&given, 3, &mask),
    };
    paste_draw(&canvas, 0, 0, &paste);
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_blend_obj, 2, blend);

// -- grey

static canvas_t gray_canvas(mp_obj_t self, const char *what) {
    canvas_t canvas = image_canvas(image_get(self));
    if (!canvas.gray) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("%s() wants a grayscale image: img.to_grayscale() first"), what);
    }
    return canvas;
}

// stretch(min, max) -> None
static mp_obj_t stretch(mp_obj_t self, mp_obj_t low, mp_obj_t high) {
    canvas_t canvas = gray_canvas(self, "stretch");
    tones_stretch(&canvas, mp_obj_get_int(low), mp_obj_get_int(high));
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_3(image_stretch_obj, stretch);

// strech_char(de_dark) -> None; the name is MaixPy's.
static mp_obj_t strech_char(mp_obj_t self, mp_obj_t de_dark) {
    canvas_t canvas = gray_canvas(self, "strech_char");
    tones_stretch_above_mean(&canvas, mp_obj_is_true(de_dark));
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(image_strech_char_obj, strech_char);

// -- colours

// to_rainbow(copy=False) -> the image, of grey only a new one.
static mp_obj_t to_rainbow(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    image_obj_t *img = image_get(args[0]);
    bool copied = image_arg_bool(&given, 1, MP_QSTR_copy, false);
    if (img->format == IMAGE_GRAYSCALE && !copied) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("Can't convert to rainbow in place!: use copy=True"));
    }
    image_obj_t *result = copied ? image_new(img->w, img->h, IMAGE_RGB565) : img;
    canvas_t canvas = image_canvas(img);
    tones_to_rainbow((uint16_t *)result->pix, &canvas);
    return MP_OBJ_FROM_PTR(result);
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_to_rainbow_obj, 1, to_rainbow);
