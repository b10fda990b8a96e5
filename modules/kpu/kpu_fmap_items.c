// SPDX-License-Identifier: MIT
// The elements of an fmap: by index, by slice, one after another.
#include "py/objlist.h"
#include "py/runtime.h"

#include "modules/kpu/kpu_fmap.h"

typedef struct {
    mp_obj_base_t base;
    mp_fun_1_t iternext;
    mp_obj_t fmap;
    size_t at;
} fmap_iterator_t;

static size_t count(const kpu_fmap_view_t *view) {
    return kpu_fmap_is_float(view) ? view->tensor.bytes / sizeof(float) : view->tensor.bytes;
}

static mp_obj_t element(const kpu_fmap_view_t *view, size_t i) {
    if (view->raw.bytes != NULL) {
        uint8_t byte = kpu_fmap_raw_byte(view, i);
        return view->raw.is_float ? mp_obj_new_float_from_f(kmodel_raw_value(&view->raw, byte))
            : MP_OBJ_NEW_SMALL_INT(byte);
    }
    if (kpu_fmap_is_float(view)) {
        return mp_obj_new_float_from_f(((const float *)view->data)[i]);
    }
    return MP_OBJ_NEW_SMALL_INT(((const uint8_t *)view->data)[i]);
}

static void set_element(const kpu_fmap_view_t *own, size_t i, mp_obj_t value_in) {
    if (kpu_fmap_is_float(own)) {
        ((float *)own->data)[i] = mp_obj_get_float_to_f(value_in);
        return;
    }
    mp_int_t value = mp_obj_get_int(value_in);
    if (value < 0 || value > 255) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]kpu: %ld does not fit an fmap of 0 to 255"),
            (long)value);
    }
    ((uint8_t *)own->data)[i] = value;
}

static size_t slice_count(const mp_bound_slice_t *slice) {
    mp_int_t span = slice->step > 0 ? slice->stop - slice->start : slice->start - slice->stop;
    mp_int_t step = slice->step > 0 ? slice->step : -slice->step;
    return span > 0 ? (span + step - 1) / step : 0;
}

// Floats that come of bytes are no more than 256 different ones, so a list of them shares its objects.
static mp_obj_t raw_value(const kpu_fmap_view_t *view, mp_obj_t *values, uint8_t byte) {
    if (values[byte] == MP_OBJ_NULL) {
        values[byte] = mp_obj_new_float_from_f(kmodel_raw_value(&view->raw, byte));
    }
    return values[byte];
}

static void get_raw_floats(const kpu_fmap_view_t *view, size_t start, mp_obj_t *items, size_t length) {
    mp_obj_t values[256] = { MP_OBJ_NULL };
    size_t i = 0;
    for (; i < length && (start + i) % 8 != 0; i++) {
        items[i] = raw_value(view, values, kpu_fmap_raw_byte(view, start + i));
    }
    const volatile uint64_t *words = (const volatile uint64_t *)view->raw.bytes + (start + i) / 8;
    for (; length - i >= 8; i += 8) {
        uint64_t word = *words++;
        #pragma GCC unroll 8
        for (int k = 0; k < 8; k++) {
            uint8_t byte = word >> 8 * k;
            mp_obj_t value = values[byte];
            items[i + k] = value != MP_OBJ_NULL ? value : raw_value(view, values, byte);
        }
    }
    for (; i < length; i++) {
        items[i] = raw_value(view, values, kpu_fmap_raw_byte(view, start + i));
    }
}

static mp_obj_t get_slice(const kpu_fmap_view_t *view, const mp_bound_slice_t *slice) {
    size_t length = slice_count(slice);
    mp_obj_list_t *list = MP_OBJ_TO_PTR(mp_obj_new_list(length, NULL));
    if (slice->step == 1 && view->raw.bytes != NULL && view->raw.is_float) {
        get_raw_floats(view, slice->start, list->items, length);
        return MP_OBJ_FROM_PTR(list);
    }
    for (size_t i = 0; i < length; i++) {
        list->items[i] = element(view, slice->start + i * slice->step);
    }
    return MP_OBJ_FROM_PTR(list);
}

// A list or tuple of as many values, or one value for all.
static void set_slice(const kpu_fmap_view_t *own, const mp_bound_slice_t *slice, mp_obj_t values_in) {
    size_t length = slice_count(slice);
    size_t values = length;
    mp_obj_t *items = NULL;
    if (mp_obj_is_type(values_in, &mp_type_list) || mp_obj_is_type(values_in, &mp_type_tuple)) {
        mp_obj_get_array(values_in, &values, &items);
    }
    if (values != length) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: cannot grow or shrink an fmap: %u values for %u elements"),
            (unsigned)values, (unsigned)length);
    }
    for (size_t i = 0; i < length; i++) {
        set_element(own, slice->start + i * slice->step, items == NULL ? values_in : items[i]);
    }
}

mp_obj_t kpu_fmap_subscript(mp_obj_t self_in, mp_obj_t index_in, mp_obj_t value) {
    if (value == MP_OBJ_NULL) {
        return MP_OBJ_NULL; // del is not supported
    }
    bool load = value == MP_OBJ_SENTINEL;
    kpu_fmap_view_t view = load ? kpu_fmap_view(self_in) : *kpu_fmap_own(self_in);
    if (mp_obj_is_type(index_in, &mp_type_slice)) {
        mp_bound_slice_t slice;
        mp_obj_slice_indices(index_in, count(&view), &slice);
        if (load) {
            return get_slice(&view, &slice);
        }
        set_slice(&view, &slice, value);
        return mp_const_none;
    }
    size_t i = mp_get_index(&kpu_fmap_type, count(&view), index_in, false);
    if (load) {
        return element(&view, i);
    }
    set_element(&view, i, value);
    return mp_const_none;
}

static mp_obj_t length_of(mp_obj_t self_in) {
    kpu_fmap_view_t view = kpu_fmap_view(self_in);
    return mp_obj_new_int_from_uint(count(&view));
}

mp_obj_t kpu_fmap_unary(mp_unary_op_t op, mp_obj_t self_in) {
    switch (op) {
        case MP_UNARY_OP_BOOL:
            return mp_const_true;
        case MP_UNARY_OP_LEN:
            return length_of(self_in);
        default:
            return MP_OBJ_NULL;
    }
}

static mp_obj_t iterator_next(mp_obj_t self_in) {
    fmap_iterator_t *self = MP_OBJ_TO_PTR(self_in);
    kpu_fmap_view_t view = kpu_fmap_view(self->fmap);
    return self->at < count(&view) ? element(&view, self->at++) : MP_OBJ_STOP_ITERATION;
}

mp_obj_t kpu_fmap_iterate(mp_obj_t self_in, mp_obj_iter_buf_t *buffer) {
    MP_STATIC_ASSERT(sizeof(fmap_iterator_t) <= sizeof(mp_obj_iter_buf_t));
    fmap_iterator_t *iterator = (fmap_iterator_t *)buffer;
    *iterator = (fmap_iterator_t) { { &mp_type_polymorph_iter }, iterator_next, self_in, 0 };
    return MP_OBJ_FROM_PTR(iterator);
}
