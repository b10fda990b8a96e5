// SPDX-License-Identifier: MIT
// Features of faces as few bytes, and how alike two of them are.
#include <math.h>

#include "py/binary.h"
#include "py/objarray.h"
#include "py/runtime.h"

#include "modules/kpu/kpu_net.h"

#define MOST_FEATURES (512)

static NORETURN void raise_dimension(size_t count) {
    mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]kpu: feature dim <=%u, and not 0: %u given"),
        MOST_FEATURES, (unsigned)count);
}

// Reads the numbers of a list, a tuple or a buffer; returns how many.
static size_t read_features(mp_obj_t features_in, float *features) {
    mp_buffer_info_t buffer;
    mp_obj_t *items = NULL;
    size_t count;
    if (mp_obj_is_type(features_in, &mp_type_list) || mp_obj_is_type(features_in, &mp_type_tuple)) {
        mp_obj_get_array(features_in, &count, &items);
    } else {
        mp_get_buffer_raise(features_in, &buffer, MP_BUFFER_READ);
        count = buffer.len / mp_binary_get_size('@', buffer.typecode, NULL);
    }
    if (count == 0 || count > MOST_FEATURES) {
        raise_dimension(count);
    }
    for (size_t i = 0; i < count; i++) {
        features[i] = mp_obj_get_float_to_f(items ? items[i] : mp_binary_get_val_array(buffer.typecode, buffer.buf, i));
    }
    return count;
}

// face_encode(features) -> bytearray: a signed byte each, the largest 127. What is compared is directions.
mp_obj_t kpu_face_encode(mp_obj_t features_in) {
    float features[MOST_FEATURES];
    int8_t bytes[MOST_FEATURES];
    size_t count = read_features(features_in, features);
    float largest = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(features[i])) {
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]kpu: feature %u is %f: no number to encode"),
                (unsigned)i, (double)features[i]);
        }
        largest = fmaxf(largest, fabsf(features[i]));
    }
    for (size_t i = 0; i < count; i++) {
        bytes[i] = largest > 0 ? (int8_t)lrintf(features[i] / largest * 127) : 0;
    }
    return mp_obj_new_bytearray(count, bytes);
}

// face_compare(a, b) -> 0 to 100: 50 where the features have nothing in common, 100 where their directions are one.
mp_obj_t kpu_face_compare(mp_obj_t a_in, mp_obj_t b_in) {
    mp_buffer_info_t a, b;
    mp_get_buffer_raise(a_in, &a, MP_BUFFER_READ);
    mp_get_buffer_raise(b_in, &b, MP_BUFFER_READ);
    if (a.len != b.len || a.len == 0) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: compare feature must in same dim!: %u and %u bytes"),
            (unsigned)a.len, (unsigned)b.len);
    }
    const int8_t *p = a.buf, *q = b.buf;
    int64_t pp = 0, qq = 0, pq = 0;
    for (size_t i = 0; i < a.len; i++) {
        pp += p[i] * p[i];
        qq += q[i] * q[i];
        pq += p[i] * q[i];
    }
    double lengths = sqrt((double)pp) * sqrt((double)qq);
    double cosine = lengths > 0 ? (double)pq / lengths : 0;
    return mp_obj_new_float(fmin(100, (0.5 + 0.5 * cosine) * 100));
}
