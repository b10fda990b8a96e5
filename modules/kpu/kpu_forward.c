// SPDX-License-Identifier: MIT
// A run of a net from Python: start, wait with the core stopped or go on meanwhile, end; and what its outputs look like.
//
// One run goes on at a time. Whoever wants the KPU next, or the result, waits for a run that nobody waited for; Ctrl-C
// during any wait, and the driver's time limit, end it. Between waits the KPU's interrupt has the scheduler take it on.
#include <stdio.h>

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/mpthread.h"
#include "py/runtime.h"

#include "modules/kpu/kpu_net.h"
#include "modules/kpu/kpu_shared.h"
#include "sdk/dmac.h"
#include "sdk/kpu.h"

// The KPU's interrupt ends a wait; so long at most until its driver's own time limit is looked at.
#define WAIT_MS (10)

// The net whose run goes on is not collected.
MP_REGISTER_ROOT_POINTER(void *kpu_running);
static bool waiting; // someone below on a C stack waits for it
#if MICROPY_PY_THREAD
static mp_uint_t waiter; // the thread that this is
#endif
static mp_sched_node_t node;

static kpu_net_obj_t *running(void) {
    return MP_STATE_VM(kpu_running);
}

const kpu_net_obj_t *kpu_net_running(void) {
    return running();
}

// Waits for a wait of another thread; whether one of this thread's own is left.
static bool waits_below(void) {
    #if MICROPY_PY_THREAD
    while (waiting && waiter != mp_thread_get_id()) {
        mp_event_wait_ms(1);
    }
    #endif
    return waiting;
}

static void wait_begins(void) {
    waiting = true;
    #if MICROPY_PY_THREAD
    waiter = mp_thread_get_id();
    #endif
}

void kpu_net_refuse_within(const kpu_net_obj_t *net, const char *what) {
    if (net == running() && waits_below() && net == running()) {
        char text[80];
        snprintf(text, sizeof(text), "[MAIXPY]kpu: %s of a net from a callback of its own forward()", what);
        kpu_raise_os_error(MP_EBUSY, text);
    }
}

// -- the end of a run

static void tell_nobody(void) {
    kpu_on_end(NULL);
    dmac_on_end(DMAC_CHANNEL_FLASH, NULL);
}

static void conclude(kpu_net_obj_t *net, int result) {
    MP_STATE_VM(kpu_running) = NULL;
    net->has_run = result == KMODEL_OK && net->layers == 0;
}

// The same of a run that nobody waited for: its fmaps are there already.
static void conclude_pending(kpu_net_obj_t *net, int result) {
    conclude(net, result);
    net->pending = false;
    tell_nobody();
    if (result != KMODEL_OK) {
        kpu_fmap_drop_all(net, kpu_poll() == KPU_ERR_TIMEOUT ? KPU_LOST_TIMEOUT : KPU_LOST_FAULT);
    }
}

void kpu_net_stop(kpu_net_obj_t *net) {
    if (net == running()) {
        kmodel_abort(net->model);
        tell_nobody();
        MP_STATE_VM(kpu_running) = NULL;
        net->pending = false;
        waiting = false;
    }
}

static void interrupted(void *context) {
    kpu_net_obj_t *net = running();
    kpu_net_stop(net);
    kpu_fmap_drop_all(net, KPU_LOST_INTERRUPTED);
}

// Sleeps while only the KPU can go on, and lets Ctrl-C through. What is spent in here counts as waiting.
void kpu_net_sleep(void);
MP_NOINLINE void kpu_net_sleep(void) {
    mp_event_handle_nowait();
    const kpu_net_obj_t *net = running();
    if (kpu_net_is_streamed(net) && kmodel_waits(net->model)) {
        mp_event_wait_ms(WAIT_MS); // the KPU or the flash: either lets the run go on
        return;
    }
    while (kpu_poll() == KPU_BUSY) {
        mp_event_wait_ms(WAIT_MS);
    }
}

static int wait_for_end(kpu_net_obj_t *net, int result) {
    while (result == KMODEL_BUSY) {
        kpu_net_sleep();
        result = kmodel_step(net->model);
    }
    return result;
}

void kpu_net_settle(const kpu_net_obj_t *net_in) {
    bool below = net_in == running() && waits_below();
    kpu_net_obj_t *net = running();
    if (net == NULL || net != net_in) {
        return;
    }
    if (below) {
        kpu_raise_os_error(MP_EBUSY, "[MAIXPY]kpu: a callback asked for a result while another wait for it goes on");
    }
    nlr_jump_callback_node_t guard;
    nlr_push_jump_callback(&guard, interrupted);
    wait_begins();
    int result = wait_for_end(net, KMODEL_BUSY);
    waiting = false;
    nlr_pop_jump_callback(false);
    conclude_pending(net, result);
}

// -- a run that nobody waits for

// Takes it as far as the CPU can now, in the scheduler's time between two of Python's steps.
static void go_on(mp_sched_node_t *self) {
    kpu_net_obj_t *net = running();
    if (net == NULL || !net->pending || waiting) {
        return;
    }
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        int result;
        do {
            result = kmodel_step(net->model);
        } while (result == KMODEL_BUSY && !kmodel_waits(net->model));
        nlr_pop();
        if (result != KMODEL_BUSY) {
            conclude_pending(net, result);
        }
    } else { // Ctrl-C during a layer of the CPU's
        interrupted(NULL);
        mp_sched_exception(MP_OBJ_FROM_PTR(nlr.ret_val));
    }
}

static void tell_scheduler(void) {
    mp_sched_schedule_node(&node, go_on);
}

static void tell_of_flash(bool good) {
    tell_scheduler();
}

bool kpu_net_ready(const kpu_net_obj_t *net) {
    go_on(&node);
    return !net->pending;
}

// -- starting

// Whose turn it is next, when the runs before have ended.
static void wait_for_kpu(kpu_net_obj_t *net) {
    while (running() != NULL) {
        if (waits_below()) {
            kpu_raise_os_error(MP_EBUSY,
                "[MAIXPY]kpu: forward() was called from a callback while another forward() waits");
        }
        kpu_net_settle(running());
    }
    kpu_net_get(MP_OBJ_FROM_PTR(net)); // another thread may have given it back meanwhile
}

static void start(kpu_net_obj_t *net, mp_obj_t input_in, bool wait) {
    wait_for_kpu(net);
    kpu_input_t input = kpu_input(net, input_in);
    kpu_guest_leaves();
    if (net->fmaps != 0) {
        kpu_fmap_detach_all(net);
    }
    MP_STATE_VM(kpu_running) = net;
    net->has_run = false;
    nlr_jump_callback_node_t guard;
    nlr_push_jump_callback(&guard, interrupted);
    wait_begins();
    if (!wait) {
        kpu_on_end(tell_scheduler);
        if (kpu_net_is_streamed(net)) {
            dmac_on_end(DMAC_CHANNEL_FLASH, tell_of_flash);
        }
    }
    int result = kmodel_start(net->model, input.data, net->input.bytes);
    if (result == KMODEL_OK) {
        result = kmodel_step(net->model);
    }
    if (input.temporary != NULL) {
        m_del(uint8_t, input.temporary, net->input.bytes);
    }
    if (result == KMODEL_BUSY && wait) {
        result = wait_for_end(net, result);
    }
    while (result == KMODEL_BUSY && kpu_feeding() && kpu_poll() == KPU_BUSY) {
        mp_event_wait_ms(WAIT_MS); // the planes are the caller's again when this returns
    }
    waiting = false;
    nlr_pop_jump_callback(false);
    net->pending = result == KMODEL_BUSY;
    if (net->pending) {
        return;
    }
    conclude(net, result);
    if (result != KMODEL_OK) {
        kpu_raise_run_error(kpu_poll() == KPU_ERR_TIMEOUT);
    }
}

void kpu_net_run(kpu_net_obj_t *net, mp_obj_t input) {
    start(net, input, true);
}

static mp_obj_t result_of(kpu_net_obj_t *net, uint32_t output) {
    return net->layers == 0 ? kpu_fmap_new(net, output) : kpu_fmap_of_layer(net);
}

// forward(kpu_net, img, out_index=0, dma=-1, wait=True) -> fmap; dma is MaixPy's and not needed.
mp_obj_t kpu_forward(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_kpu_net, ARG_img, ARG_out_index, ARG_dma, ARG_wait };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_kpu_net, MP_ARG_REQUIRED | MP_ARG_OBJ },
        { MP_QSTR_img, MP_ARG_REQUIRED | MP_ARG_OBJ },
        { MP_QSTR_out_index, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(0) } },
        { MP_QSTR_dma, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(-1) } },
        { MP_QSTR_wait, MP_ARG_KW_ONLY | MP_ARG_BOOL, { .u_bool = true } },
    };
    if (n_args == 2 && kw_args->used == 0) { // as nearly always
        kpu_net_obj_t *net = kpu_net_get(pos_args[0]);
        kpu_net_run(net, pos_args[1]);
        return result_of(net, 0);
    }
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    kpu_net_obj_t *net = kpu_net_get(args[ARG_kpu_net].u_obj);
    uint32_t output = kpu_net_output_index(net, args[ARG_out_index].u_obj);
    bool wait = args[ARG_wait].u_bool;
    if (!wait && net->layers != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: forward(wait=False) runs all layers: kpu.set_layers(net, 0) first"));
    }
    start(net, args[ARG_img].u_obj, wait);
    return result_of(net, output);
}

// get_output(kpu_net, idx) -> fmap of another output of the last run.
mp_obj_t kpu_get_output(mp_obj_t net_in, mp_obj_t index_in) {
    kpu_net_obj_t *net = kpu_net_get(net_in);
    uint32_t output = kpu_net_output_index(net, index_in);
    if (!net->has_run && !net->pending) {
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
    kpu_net_settle(net);
    kpu_net_get(args[0]); // another thread may have given it back meanwhile
    kpu_fmap_detach_all(net); // what is there keeps its shape
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
