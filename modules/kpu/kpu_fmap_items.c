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

static size_t count(const kpu_fmap_obj_t *fmap) {
    return kpu_fmap_is_float(fmap) ? fmap->tensor.bytes / sizeof(float) : fmap->tensor.bytes;
}

static mp_obj_t element(const kpu_fmap_obj_t *fmap, size_t i) {
    if (kpu_fmap_is_float(fmap)) {
        return mp_obj_new_float_from_f(((const float *)fmap->data)[i]);
    }
    return MP_OBJ_NEW_SMALL_INT(((const uint8_t *)fmap->data)[i]);
}

static void set_element(kpu_fmap_obj_t *fmap, size_t i, mp_obj_t value_in) {
    if (kpu_fmap_is_float(fmap)) {
        ((float *)fmap->data)[i] = mp_obj_get_float_to_f(value_in);
        return;
    }
    mp_int_t value = mp_obj_get_int(value_in);
    if (value < 0 || value > 255) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]kpu: %ld does not fit an fmap of 0 to 255"),
            (long)value);
    }
    ((uint8_t *)fmap->data)[i] = value;
}

static size_t slice_count(const mp_bound_slice_t *slice) {
    mp_int_t span = slice->step > 0 ? slice->stop - slice->start : slice->start - slice->stop;
    mp_int_t step = slice->step > 0 ? slice->step : -slice->step;
    return span > 0 ? (span + step - 1) / step : 0;
}

static mp_obj_t get_slice(const kpu_fmap_obj_t *fmap, const mp_bound_slice_t *slice) {
    size_t length = slice_count(slice);
    mp_obj_list_t *list = MP_OBJ_TO_PTR(mp_obj_new_list(length, NULL));
    for (size_t i = 0; i < length; i++) {
        list->items[i] = element(fmap, slice->start + i * slice->step);
    }
    return MP_OBJ_FROM_PTR(list);
}

// A list or tuple of as many values, or one value for all.
static void set_slice(kpu_fmap_obj_t *fmap, const mp_bound_slice_t *slice, mp_obj_t values_in) {
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
        set_element(fmap, slice->start + i * slice->step, items == NULL ? values_in : items[i]);
    }
}

mp_obj_t kpu_fmap_subscript(mp_obj_t self_in, mp_obj_t index_in, mp_obj_t value) {
    if (value == MP_OBJ_NULL) {
        return MP_OBJ_NULL; // del is not supported
    }
    kpu_fmap_obj_t *self = kpu_fmap_get(self_in);
    bool load = value == MP_OBJ_SENTINEL;
    if (mp_obj_is_type(index_in, &mp_type_slice)) {
        mp_bound_slice_t slice;
        mp_obj_slice_indices(index_in, count(self), &slice);
        if (load) {
            return get_slice(self, &slice);
        }
        set_slice(self, &slice, value);
        return mp_const_none;
    }
    size_t i = mp_get_index(&kpu_fmap_type, count(self), index_in, false);
    if (load) {
        return element(self, i);
    }
    set_element(self, i, value);
    return mp_const_none;
}

mp_obj_t kpu_fmap_unary(mp_unary_op_t op, mp_obj_t self_in) {
    switch (op) {
        case MP_UNARY_OP_BOOL:
            return mp_const_true;
        case MP_UNARY_OP_LEN:
            return mp_obj_new_int_from_uint(count(kpu_fmap_get(self_in)));
        default:
            return MP_OBJ_NULL;
    }
}

static mp_obj_t iterator_next(mp_obj_t self_in) {
    fmap_iterator_t *self = MP_OBJ_TO_PTR(self_in);
    const kpu_fmap_obj_t *fmap = kpu_fmap_get(self->fmap);
    return self->at < count(fmap) ? element(fmap, self->at++) : MP_OBJ_STOP_ITERATION;
}

mp_obj_t kpu_fmap_iterate(mp_obj_t self_in, mp_obj_iter_buf_t *buffer) {
    MP_STATIC_ASSERT(sizeof(fmap_iterator_t) <= sizeof(mp_obj_iter_buf_t));
    fmap_iterator_t *iterator = (fmap_iterator_t *)buffer;
    *iterator = (fmap_iterator_t) { { &mp_type_polymorph_iter }, iterator_next, self_in, 0 };
    return MP_OBJ_FROM_PTR(iterator);
}
