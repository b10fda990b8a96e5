// SPDX-License-Identifier: MIT
// Module image, class Image: what Python sees. Names, order and defaults of arguments are MaixPy's.
#include <string.h>

#include "py/runtime.h"

#include "image_obj.h"
#include "pixels.h"

#define DEFAULT_W (320)
#define DEFAULT_H (240)

// -- what it is

static mp_obj_t width(mp_obj_t self) {
    return MP_OBJ_NEW_SMALL_INT(image_get_any(self)->w);
}
static MP_DEFINE_CONST_FUN_OBJ_1(width_obj, width);

static mp_obj_t height(mp_obj_t self) {
    return MP_OBJ_NEW_SMALL_INT(image_get_any(self)->h);
}
static MP_DEFINE_CONST_FUN_OBJ_1(height_obj, height);

static mp_obj_t format(mp_obj_t self) {
    return MP_OBJ_NEW_SMALL_INT(image_get_any(self)->format);
}
static MP_DEFINE_CONST_FUN_OBJ_1(format_obj, format);

static mp_obj_t size(mp_obj_t self) {
    return MP_OBJ_NEW_SMALL_INT(image_get_any(self)->pix_bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_1(size_obj, size);

static void print(const mp_print_t *out, mp_obj_t self, mp_print_kind_t kind) {
    (void)kind;
    const image_obj_t *img = MP_OBJ_TO_PTR(self);
    const char *type = img->format == IMAGE_GRAYSCALE ? "grayscale" : img->format == IMAGE_JPEG ? "jpeg" : "rgb565";
    mp_printf(out, "{\"w\":%u, \"h\":%u, \"type\"=\"%s\", \"size\":%u}", img->w, img->h, type,
        (unsigned)img->pix_bytes);
}

// -- other formats

// to_grayscale(copy) -> the image, its planes as they were; or a new one.
static mp_obj_t to_grayscale(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    image_obj_t *img = image_get(args[0]);
    bool copied = image_arg_bool(&given, 1, MP_QSTR_copy, false);
    if (img->format == IMAGE_GRAYSCALE) {
        return copied ? MP_OBJ_FROM_PTR(image_copy(img)) : args[0];
    }
    image_obj_t *result = copied ? image_new(img->w, img->h, IMAGE_GRAYSCALE) : img;
    pixels_rgb565_to_gray(result->pix, (const uint16_t *)img->pix, image_pixel_count(img));
    result->format = IMAGE_GRAYSCALE;
    result->pix_bytes = image_pixel_count(img);
    return MP_OBJ_FROM_PTR(result);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(to_grayscale_obj, 1, to_grayscale);

// to_rgb565(copy) -> a new image; in place only where it is one already.
static mp_obj_t to_rgb565(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    const image_obj_t *img = image_get(args[0]);
    bool copied = image_arg_bool(&given, 1, MP_QSTR_copy, false);
    if (img->format == IMAGE_RGB565) {
        return copied ? MP_OBJ_FROM_PTR(image_copy(img)) : args[0];
    }
    if (!copied) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("Can't convert to rgb565 in place!: use copy=True"));
    }
    image_obj_t *result = image_new(img->w, img->h, IMAGE_RGB565);
    pixels_gray_to_rgb565((uint16_t *)result->pix, img->pix, image_pixel_count(img));
    return MP_OBJ_FROM_PTR(result);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(to_rgb565_obj, 1, to_rgb565);

// -- the other buffer

static mp_obj_t pix_to_ai(mp_obj_t self) {
    image_pix_to_ai(image_get(self));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(pix_to_ai_obj, pix_to_ai);

// ai_to_pix(): nothing where there is no AI buffer; a grey image takes the first plane.
static mp_obj_t ai_to_pix(mp_obj_t self) {
    image_ai_to_pix(image_get(self));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(ai_to_pix_obj, ai_to_pix);

static mp_obj_t del(mp_obj_t self) {
    image_release(MP_OBJ_TO_PTR(self));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(del_obj, del);

// -- the class

// Image(), Image(size=(w, h)): black RGB565. Image(source, copy_to_fb, from_bytes=False): a picture.
static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_map_t names;
    mp_map_init_fixed_table(&names, n_kw, args + n_args);
    IMAGE_ARGS(n_args, args, &names);
    if (n_args > 0) {
        return MP_OBJ_FROM_PTR(image_load(args[0], image_arg_bool(&given, n_args, MP_QSTR_from_bytes, false)));
    }
    mp_int_t w = DEFAULT_W;
    mp_int_t h = DEFAULT_H;
    mp_obj_t wanted = image_arg(&given, 0, MP_QSTR_size);
    if (wanted != MP_OBJ_NULL) {
        mp_obj_t *sides;
        mp_obj_get_array_fixed_n(wanted, 2, &sides);
        w = mp_obj_get_int(sides[0]);
        h = mp_obj_get_int(sides[1]);
    }
    image_obj_t *img = image_new(image_side(w), image_side(h), IMAGE_RGB565);
    memset(img->pix, 0, img->pix_bytes);
    return MP_OBJ_FROM_PTR(img);
}

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&del_obj) },
    { MP_ROM_QSTR(MP_QSTR_width), MP_ROM_PTR(&width_obj) },
    { MP_ROM_QSTR(MP_QSTR_height), MP_ROM_PTR(&height_obj) },
    { MP_ROM_QSTR(MP_QSTR_format), MP_ROM_PTR(&format_obj) },
    { MP_ROM_QSTR(MP_QSTR_size), MP_ROM_PTR(&size_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_pixel), MP_ROM_PTR(&image_get_pixel_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_pixel), MP_ROM_PTR(&image_set_pixel_obj) },
    { MP_ROM_QSTR(MP_QSTR_resize), MP_ROM_PTR(&image_resize_obj) },
    { MP_ROM_QSTR(MP_QSTR_cut), MP_ROM_PTR(&image_cut_obj) },
    { MP_ROM_QSTR(MP_QSTR_copy), MP_ROM_PTR(&image_copy_obj) },
    { MP_ROM_QSTR(MP_QSTR_crop), MP_ROM_PTR(&image_crop_obj) },
    { MP_ROM_QSTR(MP_QSTR_to_grayscale), MP_ROM_PTR(&to_grayscale_obj) },
    { MP_ROM_QSTR(MP_QSTR_to_rgb565), MP_ROM_PTR(&to_rgb565_obj) },
    { MP_ROM_QSTR(MP_QSTR_to_bytes), MP_ROM_PTR(&image_to_bytes_obj) },
    { MP_ROM_QSTR(MP_QSTR_save), MP_ROM_PTR(&image_save_obj) },
    { MP_ROM_QSTR(MP_QSTR_clear), MP_ROM_PTR(&image_clear_obj) },
    { MP_ROM_QSTR(MP_QSTR_invert), MP_ROM_PTR(&image_invert_obj) },
    { MP_ROM_QSTR(MP_QSTR_negate), MP_ROM_PTR(&image_invert_obj) },
    { MP_ROM_QSTR(MP_QSTR_replace), MP_ROM_PTR(&image_replace_obj) },
    { MP_ROM_QSTR(MP_QSTR_assign), MP_ROM_PTR(&image_replace_obj) },
    { MP_ROM_QSTR(MP_QSTR_set), MP_ROM_PTR(&image_replace_obj) },
    { MP_ROM_QSTR(MP_QSTR_blend), MP_ROM_PTR(&image_blend_obj) },
    { MP_ROM_QSTR(MP_QSTR_stretch), MP_ROM_PTR(&image_stretch_obj) },
    { MP_ROM_QSTR(MP_QSTR_strech_char), MP_ROM_PTR(&image_strech_char_obj) },
    { MP_ROM_QSTR(MP_QSTR_to_rainbow), MP_ROM_PTR(&image_to_rainbow_obj) },
    { MP_ROM_QSTR(MP_QSTR_conv3), MP_ROM_PTR(&image_conv3_obj) },
    { MP_ROM_QSTR(MP_QSTR_draw_line), MP_ROM_PTR(&image_draw_line_obj) },
    { MP_ROM_QSTR(MP_QSTR_draw_cross), MP_ROM_PTR(&image_draw_cross_obj) },
    { MP_ROM_QSTR(MP_QSTR_draw_arrow), MP_ROM_PTR(&image_draw_arrow_obj) },
    { MP_ROM_QSTR(MP_QSTR_draw_rectangle), MP_ROM_PTR(&image_draw_rectangle_obj) },
    { MP_ROM_QSTR(MP_QSTR_draw_circle), MP_ROM_PTR(&image_draw_circle_obj) },
    { MP_ROM_QSTR(MP_QSTR_draw_ellipse), MP_ROM_PTR(&image_draw_ellipse_obj) },
    { MP_ROM_QSTR(MP_QSTR_draw_string), MP_ROM_PTR(&image_draw_string_obj) },
    { MP_ROM_QSTR(MP_QSTR_draw_font), MP_ROM_PTR(&image_draw_font_obj) },
    { MP_ROM_QSTR(MP_QSTR_draw_image), MP_ROM_PTR(&image_draw_image_obj) },
    { MP_ROM_QSTR(MP_QSTR_pix_to_ai), MP_ROM_PTR(&pix_to_ai_obj) },
    { MP_ROM_QSTR(MP_QSTR_ai_to_pix), MP_ROM_PTR(&ai_to_pix_obj) },
    #if IMAGE_FULL
    { MP_ROM_QSTR(MP_QSTR_compress), MP_ROM_PTR(&image_compress_obj) },
    { MP_ROM_QSTR(MP_QSTR_compressed), MP_ROM_PTR(&image_compressed_obj) },
    { MP_ROM_QSTR(MP_QSTR_binary), MP_ROM_PTR(&image_binary_obj) },
    { MP_ROM_QSTR(MP_QSTR_find_blobs), MP_ROM_PTR(&image_find_blobs_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_hist), MP_ROM_PTR(&image_get_histogram_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_histogram), MP_ROM_PTR(&image_get_histogram_obj) },
    { MP_ROM_QSTR(MP_QSTR_histogram), MP_ROM_PTR(&image_get_histogram_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_stats), MP_ROM_PTR(&image_get_statistics_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_statistics), MP_ROM_PTR(&image_get_statistics_obj) },
    { MP_ROM_QSTR(MP_QSTR_statistics), MP_ROM_PTR(&image_get_statistics_obj) },
    { MP_ROM_QSTR(MP_QSTR_rotation_corr), MP_ROM_PTR(&image_rotation_corr_obj) },
    #endif
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

// Names that are not here but elsewhere say what to do instead.
static void attr(mp_obj_t self, qstr name, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL) {
        return; // nothing can be stored
    }
    mp_map_elem_t *found = mp_map_lookup((mp_map_t *)&locals.map, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP);
    if (found != NULL) {
        mp_convert_member_lookup(self, &image_type, found->value, dest);
    } else {
        image_check_absent(name);
    }
}

MP_DEFINE_CONST_OBJ_TYPE(
    image_type,
    MP_QSTR_Image,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    print, print,
    unary_op, image_unary_op,
    subscr, image_subscr,
    iter, image_getiter,
    buffer, image_get_buffer,
    attr, attr,
    locals_dict, &locals
    );

static const mp_rom_map_elem_t globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_image) },
    { MP_ROM_QSTR(MP_QSTR_Image), MP_ROM_PTR(&image_type) },
    { MP_ROM_QSTR(MP_QSTR_get_affine_transform), MP_ROM_PTR(&image_get_affine_transform_obj) },
    { MP_ROM_QSTR(MP_QSTR_warp_affine_ai), MP_ROM_PTR(&image_warp_affine_ai_obj) },
    #if IMAGE_FULL
    { MP_ROM_QSTR(MP_QSTR_rgb_to_lab), MP_ROM_PTR(&image_rgb_to_lab_obj) },
    { MP_ROM_QSTR(MP_QSTR_lab_to_rgb), MP_ROM_PTR(&image_lab_to_rgb_obj) },
    { MP_ROM_QSTR(MP_QSTR_rgb_to_grayscale), MP_ROM_PTR(&image_rgb_to_grayscale_obj) },
    { MP_ROM_QSTR(MP_QSTR_grayscale_to_rgb), MP_ROM_PTR(&image_grayscale_to_rgb_obj) },
    #endif
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t image_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&globals,
};

MP_REGISTER_MODULE(MP_QSTR_image, image_module);
MP_REGISTER_MODULE_DELEGATION(image_module, image_module_attr);
