// SPDX-License-Identifier: MIT
// Results as scripts know them: a tuple whose values also come from methods, such as blob.cx().
#ifndef IMAGE_RECORD_H
#define IMAGE_RECORD_H

#include "py/obj.h"

typedef struct {
    qstr_short_t name;
    uint8_t item;
} image_record_name_t;

// The first `length` names are the tuple's values, as they are printed; further names are other ways to these, or to
// the items behind them.
typedef struct {
    const image_record_name_t *names;
    uint8_t name_count, length, items;
} image_record_kind_t;

#define IMAGE_RECORD_KIND(names, length, items) { names, MP_ARRAY_SIZE(names), length, items }

mp_obj_t image_record(const image_record_kind_t *kind, const mp_obj_t *items);

#endif // IMAGE_RECORD_H
