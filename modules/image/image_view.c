// SPDX-License-Identifier: MIT
// What to_bytes() gives: a bytearray over an image's pixels that keeps the image and its own length.
//
// The pixels lie where the collector does not look and where nothing may be reallocated, so MicroPython's own bytearray
// would lose them or, in append(), ask the collector for memory that it never gave. Everything else is left to it.
#include "py/binary.h"
#include "py/objarray.h"
#include "py/runtime.h"

#include "gc_views.h"
#include "image_obj.h"

#define BYTEARRAY(slot) MP_OBJ_TYPE_GET_SLOT(&mp_type_bytearray, slot)

typedef struct {
    mp_obj_array_t array; // first, as MicroPython's functions get it
    image_obj_t *img;
} view_t;

// An image that was freed by hand has no bytes any more.
static view_t *view_of(mp_obj_t self) {
    view_t *view = MP_OBJ_TO_PTR(self);
    if (view->img->pix == NULL) {
        view->array.len = 0;
    }
    return view;
}

static void print(const mp_print_t *out, mp_obj_t self, mp_print_kind_t kind) {
    BYTEARRAY(print)(out, view_of(self), kind);
}

static mp_obj_t unary_op(mp_unary_op_t op, mp_obj_t self) {
    return BYTEARRAY(unary_op)(op, view_of(self));
}

// Without an answer for `view += x` MicroPython makes a new bytearray of view + x.
static mp_obj_t binary_op(mp_binary_op_t op, mp_obj_t self, mp_obj_t other) {
    if (op == MP_BINARY_OP_INPLACE_ADD) {
        return MP_OBJ_NULL;
    }
    // What is inside is looked for in the very type only.
    mp_obj_array_t array = view_of(self)->array;
    array.base.type = &mp_type_bytearray;
    return BYTEARRAY(binary_op)(op, MP_OBJ_FROM_PTR(&array), other);
}

static mp_obj_t subscr(mp_obj_t self, mp_obj_t index, mp_obj_t value) {
    const view_t *view = view_of(self);
    mp_bound_slice_t slice;
    bool stores = value != MP_OBJ_NULL && value != MP_OBJ_SENTINEL;
    if (stores && mp_obj_is_type(index, &mp_type_slice)
        && mp_seq_get_fast_slice_indexes(view->array.len, index, &slice)) {
        mp_buffer_info_t given;
        mp_get_buffer_raise(value, &given, MP_BUFFER_READ);
        size_t room = slice.stop - slice.start;
        if (room != given.len) {
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%u bytes for %u: an image can't change its size"),
                (unsigned)given.len, (unsigned)room);
        }
    }
    return BYTEARRAY(subscr)(self, index, value);
}

static mp_obj_t getiter(mp_obj_t self, mp_obj_iter_buf_t *buf) {
    return ((mp_getiter_fun_t)BYTEARRAY(iter))(view_of(self), buf);
}

static mp_int_t get_buffer(mp_obj_t self, mp_buffer_info_t *info, mp_uint_t flags) {
    const view_t *view = view_of(self);
    pool_lend(view->img->pix); // a memoryview does not keep the image
    return BYTEARRAY(buffer)(self, info, flags);
}

static MP_DEFINE_CONST_OBJ_TYPE(
    image_view_type,
    MP_QSTR_bytearray,
    MP_TYPE_FLAG_EQ_CHECKS_OTHER_TYPE,
    print, print,
    iter, getiter,
    unary_op, unary_op,
    binary_op, binary_op,
    subscr, subscr,
    buffer, get_buffer,
    parent, &mp_type_bytearray
    );

static mp_obj_t to_bytes(mp_obj_t self) {
    image_obj_t *img = image_get_any(self);
    gc_views_type = &image_view_type;
    view_t *view = mp_obj_malloc(view_t, &image_view_type);
    view->array.typecode = BYTEARRAY_TYPECODE;
    view->array.free = 0;
    view->array.len = img->pix_bytes;
    view->array.items = img->pix;
    view->img = img;
    return MP_OBJ_FROM_PTR(view);
}
MP_DEFINE_CONST_FUN_OBJ_1(image_to_bytes_obj, to_bytes);
