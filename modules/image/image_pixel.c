// SPDX-License-Identifier: MIT
// Pixels of an image one by one and as a sequence, and its bytes for whoever asks for a buffer.
#include "py/runtime.h"

#include "image_obj.h"
#include "pixels.h"

// -- one pixel

static uint16_t *pixel565(const image_obj_t *img, size_t index) {
    return (uint16_t *)img->pix + index;
}

static mp_obj_t rgb_tuple(unsigned r, unsigned g, unsigned b) {
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(r), MP_OBJ_NEW_SMALL_INT(g), MP_OBJ_NEW_SMALL_INT(b) };
    return mp_obj_new_tuple(3, items);
}

// As (r, g, b) of 8 bits, or as the number that the image stores.
static mp_obj_t load_pixel(const image_obj_t *img, size_t index, bool as_tuple) {
    if (img->format == IMAGE_GRAYSCALE) {
        unsigned v = img->pix[index];
        return as_tuple ? rgb_tuple(v, v, v) : MP_OBJ_NEW_SMALL_INT(v);
    }
    uint16_t p = *pixel565(img, index);
    return as_tuple ? rgb_tuple(pixels_r8(p), pixels_g8(p), pixels_b8(p)) : MP_OBJ_NEW_SMALL_INT(p);
}

static void store_pixel(const image_obj_t *img, size_t index, uint16_t value) {
    if (img->format == IMAGE_GRAYSCALE) {
        img->pix[index] = value;
    } else {
        *pixel565(img, index) = value;
    }
}

static bool is_inside(const image_obj_t *img, const mp_int_t *xy) {
    return xy[0] >= 0 && xy[0] < img->w && xy[1] >= 0 && xy[1] < img->h;
}

// get_pixel(x, y, rgbtuple) -> (r, g, b), a number, or None outside; grey images give numbers unless asked.
static mp_obj_t get_pixel(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    const image_obj_t *img = image_get(args[0]);
    mp_int_t xy[2];
    size_t next = image_arg_ints(&given, 2, xy);
    bool as_tuple = image_arg_bool(&given, next, MP_QSTR_rgbtuple, img->format != IMAGE_GRAYSCALE);
    return is_inside(img, xy) ? load_pixel(img, xy[1] * img->w + xy[0], as_tuple) : mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_get_pixel_obj, 2, get_pixel);

// set_pixel(x, y, color) -> the image; outside nothing happens.
static mp_obj_t set_pixel(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    const image_obj_t *img = image_get(args[0]);
    mp_int_t xy[2];
    size_t next = image_arg_ints(&given, 2, xy);
    uint16_t color = image_arg_color(&given, next, img);
    if (is_inside(img, xy)) {
        store_pixel(img, xy[1] * img->w + xy[0], color);
    }
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_set_pixel_obj, 2, set_pixel);

// -- sequence of pixels: img[i], img[a:b], len(img), for p in img

// A list has a value for each pixel; a number or tuple is the colour of all.
static void store_slice(const image_obj_t *img, size_t start, size_t stop, mp_obj_t value) {
    if (!mp_obj_is_type(value, &mp_type_list)) {
        uint16_t color = image_color(value, img);
        for (size_t i = start; i < stop; i++) {
            store_pixel(img, i, color);
        }
        return;
    }
    mp_obj_t *items;
    size_t n;
    mp_obj_get_array(value, &n, &items);
    if (n != stop - start) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%u values for %u pixels"), (unsigned)n,
            (unsigned)(stop - start));
    }
    for (size_t i = 0; i < n; i++) {
        store_pixel(img, start + i, image_color(items[i], img));
    }
}

static mp_obj_t load_slice(const image_obj_t *img, size_t start, size_t stop) {
    mp_obj_tuple_t *result = MP_OBJ_TO_PTR(mp_obj_new_tuple(stop - start, NULL));
    for (size_t i = start; i < stop; i++) {
        result->items[i - start] = load_pixel(img, i, img->format != IMAGE_GRAYSCALE);
    }
    return MP_OBJ_FROM_PTR(result);
}

mp_obj_t image_subscr(mp_obj_t self, mp_obj_t index, mp_obj_t value) {
    const image_obj_t *img = image_get(self);
    size_t count = image_pixel_count(img);
    if (value == MP_OBJ_NULL) {
        return MP_OBJ_NULL; // pixels can't be deleted
    }
    if (mp_obj_is_type(index, &mp_type_slice)) {
        mp_bound_slice_t slice;
        if (!mp_seq_get_fast_slice_indexes(count, index, &slice)) {
            mp_raise_ValueError(MP_ERROR_TEXT("only slices with step=1 (aka None) are supported"));
        }
        if (value == MP_OBJ_SENTINEL) {
            return load_slice(img, slice.start, slice.stop);
        }
        store_slice(img, slice.start, slice.stop, value);
        return mp_const_none;
    }
    size_t i = mp_get_index(img->base.type, count, index, false);
    if (value == MP_OBJ_SENTINEL) {
        return load_pixel(img, i, img->format != IMAGE_GRAYSCALE);
    }
    store_pixel(img, i, image_color(value, img));
    return mp_const_none;
}

mp_obj_t image_unary_op(mp_unary_op_t op, mp_obj_t self) {
    const image_obj_t *img = MP_OBJ_TO_PTR(self);
    switch (op) {
        case MP_UNARY_OP_LEN:
            return MP_OBJ_NEW_SMALL_INT(img->format == IMAGE_JPEG ? img->pix_bytes : image_pixel_count(img));
        case MP_UNARY_OP_HASH:
            return MP_OBJ_NEW_SMALL_INT((mp_uint_t)self);
        default:
            return MP_OBJ_NULL;
    }
}

typedef struct {
    mp_obj_base_t base;
    mp_fun_1_t iternext;
    mp_obj_t img;
    size_t next;
} pixel_iter_t;

static mp_obj_t next_pixel(mp_obj_t self) {
    pixel_iter_t *iter = MP_OBJ_TO_PTR(self);
    const image_obj_t *img = image_get(iter->img);
    if (iter->next >= image_pixel_count(img)) {
        return MP_OBJ_STOP_ITERATION;
    }
    return load_pixel(img, iter->next++, img->format != IMAGE_GRAYSCALE);
}

mp_obj_t image_getiter(mp_obj_t self, mp_obj_iter_buf_t *buf) {
    MP_STATIC_ASSERT(sizeof(pixel_iter_t) <= sizeof(mp_obj_iter_buf_t));
    pixel_iter_t *iter = (pixel_iter_t *)buf;
    *iter = (pixel_iter_t) { { &mp_type_polymorph_iter }, next_pixel, self, 0 };
    return MP_OBJ_FROM_PTR(iter);
}

// -- bytes

mp_int_t image_get_buffer(mp_obj_t self, mp_buffer_info_t *info, mp_uint_t flags) {
    const image_obj_t *img = MP_OBJ_TO_PTR(self);
    if (flags & MP_BUFFER_WRITE) {
        return 1;
    }
    pool_lend(img->pix); // a memoryview does not keep the image
    info->buf = img->pix;
    info->len = img->pix_bytes;
    info->typecode = 'B';
    return 0;
}
