// SPDX-License-Identifier: MIT
// The fmap object, between the file that owns its memory and the one that reads its elements.
#ifndef KPU_FMAP_H
#define KPU_FMAP_H

#include "modules/kpu/kpu_net.h"

typedef struct {
    mp_obj_base_t base;
    void *data;         // in the net's working memory, or in the GC heap; NULL once lost
    kpu_net_obj_t *net; // keeps the memory alive; NULL when data is the fmap's own
    uintptr_t next;     // in the net's list, hidden; 0 ends it
    kmodel_tensor_t tensor;
    uint32_t index;
} kpu_fmap_obj_t;

static inline bool kpu_fmap_is_float(const kpu_fmap_obj_t *fmap) {
    return fmap->tensor.type == KMODEL_F32;
}

// The fmap behind an argument; raises TypeError for anything else, ValueError for one whose memory is gone.
kpu_fmap_obj_t *kpu_fmap_get(mp_obj_t fmap_in);

// -- kpu_fmap_items.c
mp_obj_t kpu_fmap_subscript(mp_obj_t self_in, mp_obj_t index_in, mp_obj_t value);
mp_obj_t kpu_fmap_unary(mp_unary_op_t op, mp_obj_t self_in);
mp_obj_t kpu_fmap_iterate(mp_obj_t self_in, mp_obj_iter_buf_t *buffer);

#endif // KPU_FMAP_H
