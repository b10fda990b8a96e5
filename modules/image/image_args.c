// SPDX-License-Identifier: MIT
// Arguments as MaixPy takes them: by position or name, coordinates flat or in one tuple, unknown names ignored.
#include "py/runtime.h"

#include "image_obj.h"
#include "pixels.h"

mp_obj_t image_arg(const image_args_t *args, size_t position, qstr name) {
    if (position < args->count) {
        return args->args[position];
    }
    mp_map_elem_t *named = mp_map_lookup(args->names, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP);
    return named == NULL ? MP_OBJ_NULL : named->value;
}

bool image_arg_bool(const image_args_t *args, size_t position, qstr name, bool otherwise) {
    mp_obj_t given = image_arg(args, position, name);
    return given == MP_OBJ_NULL ? otherwise : mp_obj_is_true(given);
}

mp_float_t image_arg_scale(const image_args_t *args, size_t position, qstr name) {
    mp_obj_t given = image_arg(args, position, name);
    mp_float_t scale = given == MP_OBJ_NULL ? 1 : mp_obj_get_float(given);
    if (!(scale > 0 && scale <= UINT16_MAX)) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%q must be above 0"), name);
    }
    return scale;
}

static bool is_sequence(mp_obj_t obj) {
    return mp_obj_is_type(obj, &mp_type_tuple) || mp_obj_is_type(obj, &mp_type_list);
}

static void get_ints(mp_obj_t sequence, size_t wanted, mp_int_t *values) {
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(sequence, wanted, &items);
    for (size_t i = 0; i < wanted; i++) {
        values[i] = mp_obj_get_int(items[i]);
    }
}

size_t image_arg_ints(const image_args_t *args, size_t wanted, mp_int_t *values) {
    if (args->count > 1 && is_sequence(args->args[1])) {
        get_ints(args->args[1], wanted, values);
        return 2;
    }
    if (args->count < 1 + wanted) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("%u numbers given, want %u: flat or in one tuple"),
            (unsigned)args->count - 1, (unsigned)wanted);
    }
    for (size_t i = 0; i < wanted; i++) {
        values[i] = mp_obj_get_int(args->args[1 + i]);
    }
    return 1 + wanted;
}

image_rect_t image_arg_roi(const image_args_t *args, size_t position, const image_obj_t *img) {
    mp_obj_t given = image_arg(args, position, MP_QSTR_roi);
    if (given == MP_OBJ_NULL || given == mp_const_none) {
        return (image_rect_t) { 0, 0, img->w, img->h };
    }
    mp_int_t v[4];
    get_ints(given, 4, v);
    mp_int_t left = MAX(v[0], 0);
    mp_int_t top = MAX(v[1], 0);
    // Cut before adding, so that no sum is too large.
    mp_int_t right = MIN(v[0] > img->w ? img->w : v[0] + MIN(v[2], UINT16_MAX), img->w);
    mp_int_t bottom = MIN(v[1] > img->h ? img->h : v[1] + MIN(v[3], UINT16_MAX), img->h);
    if (right <= left || bottom <= top) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("roi (%ld, %ld, %ld, %ld) has no pixel of the %ux%u image"),
            (long)v[0], (long)v[1], (long)v[2], (long)v[3], img->w, img->h);
    }
    return (image_rect_t) { left, top, right - left, bottom - top };
}

uint16_t image_color(mp_obj_t color, const image_obj_t *img) {
    bool gray = img->format == IMAGE_GRAYSCALE;
    if (!is_sequence(color)) {
        mp_int_t value = mp_obj_get_int_truncated(color);
        return gray ? value & 0xFF : value & 0xFFFF;
    }
    mp_int_t rgb[3];
    get_ints(color, 3, rgb);
    unsigned r = rgb[0] & 0xFF;
    unsigned g = rgb[1] & 0xFF;
    unsigned b = rgb[2] & 0xFF;
    return gray ? pixels_luma(r, g, b) : pixels_pack565(r, g, b);
}

uint16_t image_arg_color(const image_args_t *args, size_t position, const image_obj_t *img) {
    mp_obj_t given = image_arg(args, position, MP_QSTR_color);
    return given == MP_OBJ_NULL ? 0xFFFF : image_color(given, img);
}

uint16_t image_side(mp_int_t value) {
    if (value < 1 || value > UINT16_MAX) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%ld pixels wide or high, want 1 to 65535"), (long)value);
    }
    return value;
}
