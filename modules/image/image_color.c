// SPDX-License-Identifier: MIT
// Single colours from one form into another.
#include "py/runtime.h"

#include "image_obj.h"
#include "lab.h"
#include "pixels.h"

static uint8_t level(mp_obj_t value) {
    return MAX(MIN(mp_obj_get_int(value), 255), 0);
}

static rgb_t rgb_of(mp_obj_t given) {
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(given, 3, &items);
    return (rgb_t) { level(items[0]), level(items[1]), level(items[2]) };
}

static mp_obj_t three(mp_int_t a, mp_int_t b, mp_int_t c) {
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(a), MP_OBJ_NEW_SMALL_INT(b), MP_OBJ_NEW_SMALL_INT(c) };
    return mp_obj_new_tuple(3, items);
}

static mp_obj_t rgb_to_lab(mp_obj_t rgb) {
    lab_t lab = lab_of(rgb_of(rgb));
    return three(lab.l, lab.a, lab.b);
}
MP_DEFINE_CONST_FUN_OBJ_1(image_rgb_to_lab_obj, rgb_to_lab);

static int16_t within_lab(mp_obj_t value) {
    return MAX(MIN(mp_obj_get_int(value), 1000), -1000);
}

static mp_obj_t rgb_of_lab(mp_obj_t lab) {
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(lab, 3, &items);
    rgb_t rgb = lab_to_rgb((lab_t) { within_lab(items[0]), within_lab(items[1]), within_lab(items[2]) });
    return three(rgb.r, rgb.g, rgb.b);
}
MP_DEFINE_CONST_FUN_OBJ_1(image_lab_to_rgb_obj, rgb_of_lab);

static mp_obj_t rgb_to_grayscale(mp_obj_t given) {
    rgb_t rgb = rgb_of(given);
    return MP_OBJ_NEW_SMALL_INT(pixels_luma(rgb.r, rgb.g, rgb.b));
}
MP_DEFINE_CONST_FUN_OBJ_1(image_rgb_to_grayscale_obj, rgb_to_grayscale);

static mp_obj_t grayscale_to_rgb(mp_obj_t gray) {
    uint8_t v = level(gray);
    return three(v, v, v);
}
MP_DEFINE_CONST_FUN_OBJ_1(image_grayscale_to_rgb_obj, grayscale_to_rgb);
