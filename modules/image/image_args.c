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

mp_int_t image_arg_int(const image_args_t *args, size_t position, qstr name, mp_int_t otherwise) {
    mp_obj_t given = image_arg(args, position, name);
    return given == MP_OBJ_NULL ? otherwise : mp_obj_get_int(given);
}

mp_float_t image_arg_float(const image_args_t *args, size_t position, qstr name, mp_float_t otherwise) {
    mp_obj_t given = image_arg(args, position, name);
    return given == MP_OBJ_NULL ? otherwise : mp_obj_get_float(given);
}

bool image_is_sequence(mp_obj_t obj) {
    return mp_obj_is_type(obj, &mp_type_tuple) || mp_obj_is_type(obj, &mp_type_list);
}

static void get_ints(mp_obj_t sequence, size_t wanted, mp_int_t *values) {
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(sequence, wanted, &items);
    for (size_t i = 0; i < wanted; i++) {
        values[i] = mp_obj_get_int(items[i]);
    }
}

size_t image_arg_items(const image_args_t *args, size_t position, size_t wanted, const mp_obj_t **items) {
    if (args->count > position && image_is_sequence(args->args[position])) {
        mp_obj_get_array_fixed_n(args->args[position], wanted, (mp_obj_t **)items);
        return position + 1;
    }
    size_t given = args->count - MIN(position, args->count);
    if (given < wanted) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("%u numbers given, want %u: flat or in one tuple"),
            (unsigned)given, (unsigned)wanted);
    }
    *items = args->args + position;
    return position + wanted;
}

size_t image_arg_ints(const image_args_t *args, size_t wanted, mp_int_t *values) {
    const mp_obj_t *items;
    size_t next = image_arg_items(args, 1, wanted, &items);
    for (size_t i = 0; i < wanted; i++) {
        if (!mp_obj_get_int_maybe(items[i], &values[i])) {
            mp_raise_msg_varg(&mp_type_TypeError,
                MP_ERROR_TEXT("%s given, want whole numbers, flat or in one tuple or list"), mp_obj_get_type_str(items[i]));
        }
    }
    return next;
}

canvas_rect_t image_arg_roi(const image_args_t *args, size_t position, const image_obj_t *img) {
    mp_obj_t given = image_arg(args, position, MP_QSTR_roi);
    if (given == MP_OBJ_NULL || given == mp_const_none) {
        return (canvas_rect_t) { 0, 0, img->w, img->h };
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
    return (canvas_rect_t) { left, top, right - left, bottom - top };
}

uint16_t image_color(mp_obj_t color, const image_obj_t *img) {
    bool gray = img->format == IMAGE_GRAYSCALE;
    if (!image_is_sequence(color)) {
        mp_int_t value = mp_obj_get_int_truncated(color);
        return gray ? value & 0xFF : value & 0xFFFF;
    }
    mp_int_t rgb[3];
    get_ints(color, 3, rgb);
    unsigned r = MAX(MIN(rgb[0], 255), 0);
    unsigned g = MAX(MIN(rgb[1], 255), 0);
    unsigned b = MAX(MIN(rgb[2], 255), 0);
    return gray ? pixels_luma(r, g, b) : pixels_pack565(r, g, b);
}

uint16_t image_arg_color(const image_args_t *args, size_t position, const image_obj_t *img) {
    mp_obj_t given = image_arg(args, position, MP_QSTR_color);
    return given == MP_OBJ_NULL ? 0xFFFF : image_color(given, img);
}

uint32_t image_arg_alpha(const image_args_t *args, size_t position, uint32_t otherwise) {
    mp_int_t alpha = image_arg_int(args, position, MP_QSTR_alpha, otherwise);
    if (alpha < 0 || alpha > 256) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("alpha is %ld, want 0 to 256"), (long)alpha);
    }
    return alpha;
}

const canvas_t *image_arg_mask(const image_args_t *args, size_t position, canvas_t *mask) {
    mp_obj_t given = image_arg(args, position, MP_QSTR_mask);
    if (given == MP_OBJ_NULL || given == mp_const_none) {
        return NULL;
    }
    *mask = image_canvas(image_other(given));
    return mask;
}

uint16_t image_side(mp_int_t value) {
    if (value < 1 || value > UINT16_MAX) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%ld pixels wide or high, want 1 to 65535"), (long)value);
    }
    return value;
}

uint16_t image_scaled(uint32_t side, mp_float_t scale) {
    mp_float_t goal = side * scale;
    return image_side(goal > UINT16_MAX ? UINT16_MAX + 1 : (mp_int_t)goal);
}
