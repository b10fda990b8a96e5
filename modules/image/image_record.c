// SPDX-License-Identifier: MIT
// The results of image_record.h: MicroPython's tuple with its kind and further items behind the last value.
#include "py/objtuple.h"
#include "py/runtime.h"

#include "image_record.h"

static const image_record_kind_t *kind_of(const mp_obj_tuple_t *record) {
    return MP_OBJ_TO_PTR(record->items[record->len]);
}

static mp_obj_t item(const mp_obj_tuple_t *record, uint8_t index) {
    return record->items[index < record->len ? index : index + 1u];
}

static void print(const mp_print_t *out, mp_obj_t self, mp_print_kind_t how) {
    (void)how;
    const mp_obj_tuple_t *record = MP_OBJ_TO_PTR(self);
    const image_record_name_t *names = kind_of(record)->names;
    for (size_t i = 0; i < record->len; i++) {
        mp_printf(out, "%s\"%q\":", i == 0 ? "{" : ", ", (qstr)names[i].name);
        mp_obj_print_helper(out, record->items[i], PRINT_REPR);
    }
    mp_print_str(out, "}");
}

// A method without arguments that gives its own self.
static void attr(mp_obj_t self, qstr name, mp_obj_t *dest) {
    const mp_obj_tuple_t *record = MP_OBJ_TO_PTR(self);
    const image_record_kind_t *kind = kind_of(record);
    for (size_t i = 0; i < kind->name_count && dest[0] == MP_OBJ_NULL; i++) {
        if (kind->names[i].name == name) {
            dest[0] = MP_OBJ_FROM_PTR(&mp_identity_obj);
            dest[1] = item(record, kind->names[i].item);
        }
    }
}

static MP_DEFINE_CONST_OBJ_TYPE(
    record_type,
    MP_QSTR_result,
    MP_TYPE_FLAG_NONE,
    print, print,
    attr, attr,
    unary_op, mp_obj_tuple_unary_op,
    binary_op, mp_obj_tuple_binary_op,
    subscr, mp_obj_tuple_subscr,
    iter, mp_obj_tuple_getiter,
    parent, &mp_type_tuple
    );

mp_obj_t image_record(const image_record_kind_t *kind, const mp_obj_t *items) {
    mp_obj_tuple_t *record = mp_obj_malloc_var(mp_obj_tuple_t, items, mp_obj_t, kind->items + 1u, &record_type);
    record->len = kind->length;
    for (size_t i = 0; i < kind->items; i++) {
        record->items[i < kind->length ? i : i + 1] = items[i];
    }
    record->items[kind->length] = MP_OBJ_FROM_PTR(kind);
    return MP_OBJ_FROM_PTR(record);
}
