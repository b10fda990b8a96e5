// SPDX-License-Identifier: MIT
// The fmap object, between the file that owns its memory and the one that reads its elements.
#ifndef KPU_FMAP_H
#define KPU_FMAP_H

#include "modules/kpu/kpu_net.h"

// What an fmap shows.
typedef struct {
    kmodel_tensor_t tensor;
    kmodel_raw_t raw; // bytes not yet made into elements: the KPU's, or in the GC heap; bytes NULL: `data` has elements
    void *data;       // in the net's working memory, or in the GC heap
    uint32_t index;   // of the layer
} kpu_fmap_view_t;

// The object, as small as can be: one is made by every run.
typedef struct {
    mp_obj_base_t base;
    union {
        kpu_net_obj_t *net;   // whose output it shows, and which it keeps alive
        kpu_fmap_view_t *own; // or what it has taken along; NULL once lost
    };
    uintptr_t next; // in the net's list, hidden; 0 ends it
    uint8_t output;
    bool alone;   // it has `own`
    uint8_t lost; // a kpu_lost_t
} kpu_fmap_obj_t;

static inline bool kpu_fmap_is_float(const kpu_fmap_view_t *view) {
    return view->tensor.type == KMODEL_F32;
}

// What the fmap behind an argument shows, once its run has ended; raises TypeError for anything else, ValueError for one
// whose memory is gone, OSError for one whose run failed.
kpu_fmap_view_t kpu_fmap_view(mp_obj_t fmap_in);

// The same with elements of its own, to be written or shown to others.
kpu_fmap_view_t *kpu_fmap_own(mp_obj_t fmap_in);

// One of the bytes, fetched by a word: what is uncached takes no other.
static inline uint8_t kpu_fmap_raw_byte(const kpu_fmap_view_t *view, size_t i) {
    const volatile uint64_t *words = (const volatile uint64_t *)view->raw.bytes;
    return words[i / 8] >> i % 8 * 8;
}

// -- kpu_fmap_items.c
mp_obj_t kpu_fmap_subscript(mp_obj_t self_in, mp_obj_t index_in, mp_obj_t value);
mp_obj_t kpu_fmap_unary(mp_unary_op_t op, mp_obj_t self_in);
mp_obj_t kpu_fmap_iterate(mp_obj_t self_in, mp_obj_iter_buf_t *buffer);

#endif // KPU_FMAP_H
