// SPDX-License-Identifier: MIT
// The net object that kpu.load() returns: who it is, and how its memory goes back.
#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"

#include "modules/kpu/kpu_net.h"
#include "pool.h"

void kpu_raise_os_error(int code, const char *text) {
    mp_obj_t args[] = { MP_OBJ_NEW_SMALL_INT(code), mp_obj_new_str(text, strlen(text)) };
    nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, MP_ARRAY_SIZE(args), args));
}

void kpu_raise_run_error(bool timeout) {
    if (timeout) {
        kpu_raise_os_error(MP_ETIMEDOUT,
            "[MAIXPY]kpu: ERR_RUN_MODEL: the KPU did not finish a layer in time and was reset");
    }
    kpu_raise_os_error(MP_EIO, "[MAIXPY]kpu: ERR_RUN_MODEL: the KPU or its DMA reported an error and was reset");
}

kpu_net_obj_t *kpu_net_check(mp_obj_t net_in) {
    if (!mp_obj_is_type(net_in, &kpu_net_type)) {
        mp_raise_msg_varg(&mp_type_TypeError,
            MP_ERROR_TEXT("[MAIXPY]kpu: kpu_net type error: want what kpu.load() returned, not %s"),
            mp_obj_get_type_str(net_in));
    }
    kpu_net_obj_t *net = MP_OBJ_TO_PTR(net_in);
    if (net->model == NULL) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: this net was given back by kpu.deinit(): kpu.load() it again"));
    }
    return net;
}

void kpu_net_release(kpu_net_obj_t *net) {
    kpu_net_stop(net);
    kpu_fmap_drop_all(net, KPU_LOST_DEINIT);
    pool_free(net->device);
    pool_free(net->work);
    pool_free(net->file);
    pool_free(net->store);
    pool_free(net->buffers);
    net->model = NULL;
    net->file = net->work = net->device = net->store = net->buffers = NULL;
    net->has_run = false;
}

uint32_t kpu_net_output_index(const kpu_net_obj_t *net, mp_obj_t index_in) {
    mp_int_t index = mp_obj_get_int(index_in);
    uint32_t count = kmodel_output_count(net->model);
    if (index < 0 || index >= (mp_int_t)count) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: SIPEED_KPU_ERR_IDX_OUTRANGE: output %ld, but the model has 0 to %ld"),
            (long)index, (long)count - 1);
    }
    return index;
}

// -- what Python sees

static mp_obj_t address(mp_obj_t source) {
    return mp_obj_is_int(source) ? source : MP_OBJ_NEW_SMALL_INT(0);
}

static mp_obj_t path(mp_obj_t source) {
    return mp_obj_is_str(source) ? source : MP_OBJ_NEW_QSTR(MP_QSTR_);
}

static void print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const kpu_net_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "{\"model_addr\": %ld, \"model_size\": %lu, \"model_path\": \"%s\", \"net_args\": ",
        (long)mp_obj_get_int(address(self->source)), (unsigned long)self->file_bytes,
        mp_obj_str_get_str(path(self->source)));
    if (self->yolo == MP_OBJ_NULL) {
        mp_print_str(print, "{}");
    } else {
        mp_obj_print_helper(print, self->yolo, PRINT_REPR);
    }
    mp_print_str(print, "}");
}

static mp_obj_t net_model_addr(mp_obj_t self_in) {
    const kpu_net_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return address(self->source);
}
static MP_DEFINE_CONST_FUN_OBJ_1(net_model_addr_obj, net_model_addr);

static mp_obj_t net_model_size(mp_obj_t self_in) {
    const kpu_net_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_obj_new_int_from_uint(self->file_bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_1(net_model_size_obj, net_model_size);

static mp_obj_t net_model_path(mp_obj_t self_in) {
    const kpu_net_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return path(self->source);
}
static MP_DEFINE_CONST_FUN_OBJ_1(net_model_path_obj, net_model_path);

static mp_obj_t net_net_arg(mp_obj_t self_in) {
    const kpu_net_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return self->yolo == MP_OBJ_NULL ? mp_const_none : self->yolo;
}
static MP_DEFINE_CONST_FUN_OBJ_1(net_net_arg_obj, net_net_arg);

static mp_obj_t net_del(mp_obj_t self_in) {
    kpu_net_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self != kpu_net_running() || self->pending) { // else its forward() is below on the C stack
        kpu_net_release(self);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(net_del_obj, net_del);

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&net_del_obj) },
    { MP_ROM_QSTR(MP_QSTR_model_addr), MP_ROM_PTR(&net_model_addr_obj) },
    { MP_ROM_QSTR(MP_QSTR_model_size), MP_ROM_PTR(&net_model_size_obj) },
    { MP_ROM_QSTR(MP_QSTR_model_path), MP_ROM_PTR(&net_model_path_obj) },
    { MP_ROM_QSTR(MP_QSTR_net_arg), MP_ROM_PTR(&net_net_arg_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    kpu_net_type,
    MP_QSTR_kpu_net,
    MP_TYPE_FLAG_NONE,
    print, print,
    locals_dict, &locals
    );
