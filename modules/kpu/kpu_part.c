// SPDX-License-Identifier: MIT
// set_layers(): runs that end after a net's first layers.
#include "py/runtime.h"

#include "modules/kpu/kpu_net.h"

static NORETURN void refuse_layer(const kpu_net_obj_t *net, uint32_t index) {
    kmodel_layer_t layer;
    kmodel_layer(net->model, index, &layer);
    mp_raise_msg_varg(&mp_type_ValueError,
        MP_ERROR_TEXT("[MAIXPY]kpu: set_layers(%u): layer %u (%s) leaves no result of its own: end at another layer"),
        (unsigned)index + 1, (unsigned)index, layer.name);
}

// set_layers(kpu_net, n) -> True; n <= 0: all. False with a line printed where the model has fewer.
mp_obj_t kpu_set_layers(mp_obj_t net_in, mp_obj_t count_in) {
    kpu_net_obj_t *net = kpu_net_get(net_in);
    mp_int_t count = mp_obj_get_int(count_in);
    mp_int_t most = kmodel_layer_count(net->model);
    kpu_net_refuse_within(net, "set_layers()");
    kpu_net_settle(net);
    kpu_net_get(net_in); // another thread may have given it back meanwhile
    if (count > most) {
        mp_printf(&mp_plat_print, "err: set layers_length to %ld, but max %ld\n", (long)count, (long)most);
        return mp_const_false;
    }
    bool all = count <= 0 || count == most;
    if (!all && kpu_net_is_streamed(net)) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: set_layers() is for a model whose weights are all in memory, "
            "those of this one are streamed"));
    }
    kmodel_tensor_t result;
    int known = all ? KMODEL_OK : kmodel_layer_result(net->model, count - 1, &result);
    if (known == KMODEL_ERR_VERSION) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: set_layers() is for kmodel v3, this model is v4"));
    }
    if (known != KMODEL_OK) {
        refuse_layer(net, count - 1);
    }
    kpu_fmap_detach_all(net);
    kmodel_set_layers(net->model, all ? most : count);
    net->layers = all ? 0 : count;
    net->has_run = false;
    return mp_const_true;
}
