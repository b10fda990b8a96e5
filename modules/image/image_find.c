// SPDX-License-Identifier: MIT
// Areas of a colour in an image: find_blobs().
#include "py/runtime.h"

#include "blobs.h"
#include "image_obj.h"
#include "image_record.h"

enum { BLOB_VALUES = 10, BLOB_ITEMS = 13 };

static const image_record_name_t blob_names[] = {
    { MP_QSTR_x, 0 }, { MP_QSTR_y, 1 }, { MP_QSTR_w, 2 }, { MP_QSTR_h, 3 }, { MP_QSTR_pixels, 4 }, { MP_QSTR_cx, 5 },
    { MP_QSTR_cy, 6 }, { MP_QSTR_rotation, 7 }, { MP_QSTR_code, 8 }, { MP_QSTR_count, 9 }, { MP_QSTR_rect, 10 },
    { MP_QSTR_area, 11 }, { MP_QSTR_density, 12 },
};
static const image_record_kind_t blob_kind = IMAGE_RECORD_KIND(blob_names, BLOB_VALUES, BLOB_ITEMS);

static mp_obj_t blob_record(const blob_t *blob) {
    size_t w = blob->right - blob->left + 1;
    size_t h = blob->bottom - blob->top + 1;
    mp_obj_t items[BLOB_ITEMS] = {
        MP_OBJ_NEW_SMALL_INT(blob->left), MP_OBJ_NEW_SMALL_INT(blob->top), MP_OBJ_NEW_SMALL_INT(w),
        MP_OBJ_NEW_SMALL_INT(h), MP_OBJ_NEW_SMALL_INT(blob->pixels), MP_OBJ_NEW_SMALL_INT(blob->x / blob->pixels),
        MP_OBJ_NEW_SMALL_INT(blob->y / blob->pixels), mp_obj_new_float(blobs_rotation(blob)),
        MP_OBJ_NEW_SMALL_INT(blob->code), MP_OBJ_NEW_SMALL_INT(blob->count),
    };
    items[BLOB_VALUES] = mp_obj_new_tuple(4, items);
    items[BLOB_VALUES + 1] = MP_OBJ_NEW_SMALL_INT(w * h);
    items[BLOB_VALUES + 2] = mp_obj_new_float((mp_float_t)blob->pixels / (w * h));
    return image_record(&blob_kind, items);
}

// Blobs in an array that grows; memory of the collector, so that nothing is lost where a callback raises.
typedef struct {
    blob_t *blobs;
    size_t count, room;
    mp_obj_t wanted; // Python's answer whether a blob is one, or MP_OBJ_NULL
} found_t;

static void add_blob(void *context, const blob_t *blob) {
    found_t *found = context;
    if (found->wanted != MP_OBJ_NULL && !mp_obj_is_true(mp_call_function_1(found->wanted, blob_record(blob)))) {
        return;
    }
    if (found->count == found->room) {
        found->blobs = m_renew(blob_t, found->blobs, found->room, found->room + 32);
        found->room += 32;
    }
    found->blobs[found->count++] = *blob;
}

static bool may_merge(void *context, const blob_t *a, const blob_t *b) {
    return mp_obj_is_true(mp_call_function_2(context, blob_record(a), blob_record(b)));
}

static mp_obj_t arg_callback(const image_args_t *given, size_t position, qstr name) {
    mp_obj_t callback = image_arg(given, position, name);
    return callback == mp_const_none ? MP_OBJ_NULL : callback;
}

static uint32_t arg_stride(const image_args_t *given, size_t position, qstr name, mp_int_t otherwise) {
    mp_int_t stride = image_arg_int(given, position, name, otherwise);
    if (stride < 1) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%q is %ld, want 1 or more"), name, (long)stride);
    }
    return MIN(stride, UINT16_MAX);
}

static uint32_t arg_least(const image_args_t *given, size_t position, qstr name) {
    return MAX(MIN(image_arg_int(given, position, name, 10), UINT32_MAX), 0);
}

// find_blobs(thresholds, invert=False, roi, x_stride=2, y_stride=1, area_threshold=10, pixels_threshold=10,
// merge=False, margin=0, threshold_cb, merge_cb) -> a list of blobs
static mp_obj_t find_blobs(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    const image_obj_t *img = image_get(args[0]);
    thresholds_t thresholds;
    image_thresholds(&thresholds, args[1], image_arg_bool(&given, 2, MP_QSTR_invert, false));
    const blobs_search_t search = {
        .thresholds = &thresholds,
        .part = image_arg_roi(&given, 3, img),
        .x_stride = arg_stride(&given, 4, MP_QSTR_x_stride, 2),
        .y_stride = arg_stride(&given, 5, MP_QSTR_y_stride, 1),
        .least_area = arg_least(&given, 6, MP_QSTR_area_threshold),
        .least_pixels = arg_least(&given, 7, MP_QSTR_pixels_threshold),
    };
    bool merge = image_arg_bool(&given, 8, MP_QSTR_merge, false);
    int32_t margin = MAX(MIN(image_arg_int(&given, 9, MP_QSTR_margin, 0), UINT16_MAX), -UINT16_MAX);
    mp_obj_t may = arg_callback(&given, 11, MP_QSTR_merge_cb);
    found_t found = { .wanted = arg_callback(&given, 10, MP_QSTR_threshold_cb) };
    canvas_t canvas = image_canvas(img);
    size_t bytes = blobs_workspace_bytes(search.part.w, thresholds.count);
    image_scratch_t workspace;
    void *memory = image_scratch(&workspace, bytes, "finding blobs in image %ux%u", img->w, img->h);
    blobs_find(&canvas, &search, memory, add_blob, &found);
    image_scratch_free();
    blobs_sort(found.blobs, found.count);
    if (merge) {
        found.count = blobs_merge(found.blobs, found.count, margin, may != MP_OBJ_NULL ? may_merge : NULL, may);
    }
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (size_t i = 0; i < found.count; i++) {
        mp_obj_list_append(list, blob_record(&found.blobs[i]));
    }
    return list;
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_find_blobs_obj, 2, find_blobs);
