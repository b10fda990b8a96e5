// SPDX-License-Identifier: MIT
// Colours that are looked for, as scripts give them; and binary(), which shows where they are.
#include "py/runtime.h"

#include "image_obj.h"
#include "tones.h"

static void parse_threshold(threshold_t *threshold, mp_obj_t given) {
    static const int16_t ranges[3][2] = { { 0, 255 }, { -128, 127 }, { -128, 127 } };
    size_t count;
    mp_obj_t *items;
    mp_obj_get_array(given, &count, &items);
    for (size_t i = 0; i < 3; i++) {
        mp_int_t low = 2 * i < count ? mp_obj_get_int(items[2 * i]) : ranges[i][0];
        mp_int_t high = 2 * i + 1 < count ? mp_obj_get_int(items[2 * i + 1]) : ranges[i][1];
        threshold->low[i] = MAX(MIN(MIN(low, high), INT16_MAX), INT16_MIN);
        threshold->high[i] = MAX(MIN(MAX(low, high), INT16_MAX), INT16_MIN);
    }
}

void image_thresholds(thresholds_t *thresholds, mp_obj_t given, bool invert) {
    thresholds->count = 0;
    thresholds->invert = invert;
    if (given == MP_OBJ_NULL || given == mp_const_none) {
        return;
    }
    size_t count;
    mp_obj_t *items;
    mp_obj_get_array(given, &count, &items);
    if (count > 0 && mp_obj_is_int(items[0])) {
        mp_raise_TypeError(MP_ERROR_TEXT("thresholds are a list of tuples: "
            "[(l_low, l_high, a_low, a_high, b_low, b_high)], [(low, high)] of grey"));
    }
    if (count > THRESHOLDS_MOST) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%u thresholds, want at most 32"), (unsigned)count);
    }
    for (size_t i = 0; i < count; i++) {
        parse_threshold(&thresholds->items[i], items[i]);
    }
    thresholds->count = count;
}

// binary(thresholds, invert=False, zero=False, mask, to_bitmap, copy=False) -> the image or a new one; there are no
// bitmaps, the format stays.
static mp_obj_t binary(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    image_obj_t *img = image_get(args[0]);
    thresholds_t thresholds;
    image_thresholds(&thresholds, args[1], image_arg_bool(&given, 2, MP_QSTR_invert, false));
    canvas_t mask;
    const tones_binary_t how = {
        .thresholds = &thresholds,
        .zero = image_arg_bool(&given, 3, MP_QSTR_zero, false),
        .mask = image_arg_mask(&given, 4, &mask),
    };
    image_obj_t *result = image_arg_bool(&given, 6, MP_QSTR_copy, false) ? image_copy(img) : img;
    canvas_t canvas = image_canvas(result);
    uint8_t *classes = m_new(uint8_t, canvas.w);
    tones_binary(&canvas, &how, classes);
    m_del(uint8_t, classes, canvas.w);
    return MP_OBJ_FROM_PTR(result);
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_binary_obj, 2, binary);
