// SPDX-License-Identifier: MIT
// What Python can ask about a net's layers and about memory.
#include "py/gc.h"
#include "py/objlist.h"
#include "py/runtime.h"

#include "modules/kpu/kpu_net.h"
#include "pool.h"

typedef struct {
    mp_obj_base_t base;
    uint32_t index;
    kmodel_layer_t layer;
} layer_obj_t;

static void layer_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const layer_obj_t *self = MP_OBJ_TO_PTR(self_in);
    const kmodel_layer_t *layer = &self->layer;
    mp_printf(print, "{\"index\": %u, \"type\": %u, \"name\": \"%s\", ", (unsigned)self->index, (unsigned)layer->type,
        layer->name);
    mp_printf(print, "\"wi\": %u, \"hi\": %u, \"wo\": %u, \"ho\": %u, \"chi\": %u, \"cho\": %u, ",
        (unsigned)layer->w_in, (unsigned)layer->h_in, (unsigned)layer->w_out, (unsigned)layer->h_out,
        (unsigned)layer->ch_in, (unsigned)layer->ch_out);
    mp_printf(print, "\"dw\": %u, \"kernel_type\": %u, \"pool_type\": %u, \"para_size\": %u, "
        "\"streamed\": %u}", layer->depthwise, layer->kernel == 3, (unsigned)layer->pool,
        (unsigned)layer->parameter_bytes, (unsigned)layer->streamed_bytes);
}

// MaixPy's fields are methods: one small function each.
#define FIELD(name, expression) \
    static mp_obj_t layer_##name(mp_obj_t self_in) { \
        const layer_obj_t *self = MP_OBJ_TO_PTR(self_in); \
        return mp_obj_new_int_from_uint(expression); \
    } \
    static MP_DEFINE_CONST_FUN_OBJ_1(layer_##name##_obj, layer_##name);

FIELD(index, self->index)
FIELD(type, self->layer.type)
FIELD(wi, self->layer.w_in)
FIELD(hi, self->layer.h_in)
FIELD(wo, self->layer.w_out)
FIELD(ho, self->layer.h_out)
FIELD(chi, self->layer.ch_in)
FIELD(cho, self->layer.ch_out)
FIELD(dw, self->layer.depthwise)
FIELD(kernel_type, self->layer.kernel == 3)
FIELD(pool_type, self->layer.pool)
FIELD(para_size, self->layer.kpu ? self->layer.parameter_bytes : self->layer.body_bytes)
// Ours: how many of its bytes each run fetches from flash; 0: all of them stay in memory.
FIELD(streamed, self->layer.streamed_bytes)

static const mp_rom_map_elem_t layer_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_index), MP_ROM_PTR(&layer_index_obj) },
    { MP_ROM_QSTR(MP_QSTR_type), MP_ROM_PTR(&layer_type_obj) },
    { MP_ROM_QSTR(MP_QSTR_wi), MP_ROM_PTR(&layer_wi_obj) },
    { MP_ROM_QSTR(MP_QSTR_hi), MP_ROM_PTR(&layer_hi_obj) },
    { MP_ROM_QSTR(MP_QSTR_wo), MP_ROM_PTR(&layer_wo_obj) },
    { MP_ROM_QSTR(MP_QSTR_ho), MP_ROM_PTR(&layer_ho_obj) },
    { MP_ROM_QSTR(MP_QSTR_chi), MP_ROM_PTR(&layer_chi_obj) },
    { MP_ROM_QSTR(MP_QSTR_cho), MP_ROM_PTR(&layer_cho_obj) },
    { MP_ROM_QSTR(MP_QSTR_dw), MP_ROM_PTR(&layer_dw_obj) },
    { MP_ROM_QSTR(MP_QSTR_kernel_type), MP_ROM_PTR(&layer_kernel_type_obj) },
    { MP_ROM_QSTR(MP_QSTR_pool_type), MP_ROM_PTR(&layer_pool_type_obj) },
    { MP_ROM_QSTR(MP_QSTR_para_size), MP_ROM_PTR(&layer_para_size_obj) },
    { MP_ROM_QSTR(MP_QSTR_streamed), MP_ROM_PTR(&layer_streamed_obj) },
};
static MP_DEFINE_CONST_DICT(layer_locals, layer_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    layer_type_obj_type,
    MP_QSTR_kpu_netinfo,
    MP_TYPE_FLAG_NONE,
    print, layer_print,
    locals_dict, &layer_locals
    );

// netinfo(kpu_net) -> a list with an object for each layer.
mp_obj_t kpu_netinfo(mp_obj_t net_in) {
    const kpu_net_obj_t *net = kpu_net_get(net_in);
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (uint32_t i = 0; i < kmodel_layer_count(net->model); i++) {
        layer_obj_t *layer = mp_obj_malloc(layer_obj_t, &layer_type_obj_type);
        layer->index = i;
        kmodel_layer(net->model, i, &layer->layer);
        mp_obj_list_append(list, MP_OBJ_FROM_PTR(layer));
    }
    return list;
}

// memtest() prints MaixPy's two lines, then what of the pool is whose.
mp_obj_t kpu_memtest(void) {
    gc_info_t heap;
    gc_info(&heap);
    mp_printf(&mp_plat_print, "###free gc heap memory : %u KB\n", (unsigned)(heap.free / 1024));
    mp_printf(&mp_plat_print, "###free sys heap memory: %u KB\n", (unsigned)(pool_free_bytes() / 1024));
    mp_printf(&mp_plat_print, "total %u KB, largest block %u KB, used:", (unsigned)(pool_total() / 1024),
        (unsigned)(pool_largest() / 1024));
    for (pool_kind_t kind = 0; kind < POOL_KINDS; kind++) {
        mp_printf(&mp_plat_print, " %s %u", pool_kind_name(kind), (unsigned)(pool_used(kind) / 1024));
    }
    mp_printf(&mp_plat_print, " KB\n");
    return mp_const_none;
}
