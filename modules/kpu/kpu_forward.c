// SPDX-License-Identifier: MIT
// A run of a net from Python: start, wait with the core stopped, end; and what its outputs are said to look like.
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"

#include "modules/kpu/kpu_net.h"
#include "sdk/kpu.h"

// The KPU's interrupt ends a wait; so long at most until its driver's own time limit is looked at.
#define WAIT_MS (10)

static kpu_net_obj_t *running;

const kpu_net_obj_t *kpu_net_running(void) {
    return running;
}

static void stop(void *context) {
    kmodel_abort(running->model);
    running = NULL;
}

static NORETURN void raise_run_error(int result) {
    if (result == KMODEL_ERR_RUN && kpu_poll() == KPU_ERR_TIMEOUT) {
        kpu_raise_os_error(MP_ETIMEDOUT,
            "[MAIXPY]kpu: ERR_RUN_MODEL: the KPU did not finish a layer in time and was reset");
    }
    if (result == KMODEL_ERR_RUN) {
        kpu_raise_os_error(MP_EIO,
            "[MAIXPY]kpu: ERR_RUN_MODEL: the KPU or its DMA reported an error and was reset");
    }
    mp_raise_msg_varg(&mp_type_RuntimeError, MP_ERROR_TEXT("[MAIXPY]kpu: ERR_RUN_MODEL: the runtime said %d"), result);
}

void kpu_net_run(kpu_net_obj_t *net, mp_obj_t input_in) {
    if (running != NULL) {
        kpu_raise_os_error(MP_EBUSY,
            "[MAIXPY]kpu: forward() was called from a callback while another forward() waits");
    }
    kpu_input_t input = kpu_input(net, input_in);
    kpu_fmap_detach_all(net);
    running = net;
    net->has_run = false;
    nlr_jump_callback_node_t guard;
    nlr_push_jump_callback(&guard, stop);
    int result = kmodel_start(net->model, input.data, input.bytes);
    if (result == KMODEL_OK) {
        result = kmodel_step(net->model);
    }
    m_del(uint8_t, input.temporary, input.bytes);
    while (result == KMODEL_BUSY) {
        if (kpu_poll() == KPU_BUSY) {
            mp_event_wait_ms(WAIT_MS);
        } else {
            mp_event_handle_nowait(); // the next layer is the CPU's
        }
        result = kmodel_step(net->model);
    }
    nlr_pop_jump_callback(true);
    if (result != KMODEL_OK) {
        raise_run_error(result);
    }
    net->has_run = net->layers == 0;
}

// forward(kpu_net, img, out_index=0, dma=-1) -> fmap; dma is MaixPy's and not needed.
mp_obj_t kpu_forward(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_kpu_net, ARG_img, ARG_out_index, ARG_dma };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_kpu_net, MP_ARG_REQUIRED | MP_ARG_OBJ },
        { MP_QSTR_img, MP_ARG_REQUIRED | MP_ARG_OBJ },
        { MP_QSTR_out_index, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(0) } },
        { MP_QSTR_dma, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(-1) } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    kpu_net_obj_t *net = kpu_net_get(args[ARG_kpu_net].u_obj);
    uint32_t output = kpu_net_output_index(net, args[ARG_out_index].u_obj);
    kpu_net_run(net, args[ARG_img].u_obj);
    return net->layers == 0 ? kpu_fmap_new(net, output) : kpu_fmap_of_layer(net);
}

// get_output(kpu_net, idx) -> fmap of another output of the last run.
mp_obj_t kpu_get_output(mp_obj_t net_in, mp_obj_t index_in) {
    kpu_net_obj_t *net = kpu_net_get(net_in);
    uint32_t output = kpu_net_output_index(net, index_in);
    if (!net->has_run) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: get_output err: no run has ended yet: kpu.forward() first"));
    }
    return kpu_fmap_new(net, output);
}

// set_outputs(kpu_net, idx, w, h, ch) -> True, or False with a line printed where the size is another.
mp_obj_t kpu_set_outputs(size_t n_args, const mp_obj_t *args) {
    kpu_net_obj_t *net = kpu_net_get(args[0]);
    mp_int_t index = mp_obj_get_int(args[1]);
    mp_int_t w = mp_obj_get_int(args[2]);
    mp_int_t h = mp_obj_get_int(args[3]);
    mp_int_t channels = mp_obj_get_int(args[4]);
    mp_int_t count = kmodel_output_count(net->model);
    if (index < 0 || index >= count) {
        mp_printf(&mp_plat_print, "[MAIXPY]kpu: set_outputs arg value error: output %ld, but the model has 0 to %ld\n",
            (long)index, (long)count - 1);
        return mp_const_false;
    }
    kmodel_tensor_t *output = &net->outputs[index];
    mp_int_t elements = output->bytes / (output->type == KMODEL_F32 ? sizeof(float) : 1);
    bool positive = w > 0 && h > 0 && channels > 0;
    bool bounded = positive && w <= elements && h <= elements && channels <= elements;
    if (!bounded || w * h > elements || w * h * channels != elements) {
        mp_printf(&mp_plat_print, "w*h*ch!=%ld\n", (long)elements);
        mp_printf(&mp_plat_print, "[MAIXPY]kpu: set_outputs arg value error: w,c,ch size not match output size\n");
        return mp_const_false;
    }
    output->w = w;
    output->h = h;
    output->channels = channels;
    return mp_const_true;
}
