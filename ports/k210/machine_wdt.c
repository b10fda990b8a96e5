// SPDX-License-Identifier: MIT
// machine.WDT: a reset when feed() is not called in time, and before it, as in MaixPy, a callback.
#include "py/runtime.h"

#include "machine_clocks.h"
#include "sdk/wdt.h"

typedef struct {
    mp_obj_base_t base;
    uint8_t id;
    uint32_t timeout_ms;
    mp_obj_t callback;
    mp_obj_t context;
} machine_wdt_obj_t;

MP_REGISTER_ROOT_POINTER(struct _mp_obj_base_t *machine_wdts[2]);

static void expired(void *context) {
    machine_wdt_obj_t *self = context;
    mp_sched_schedule(self->callback, MP_OBJ_FROM_PTR(self));
}

// WDT(id=0, timeout=5000, *, callback=None, context=None)
static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *all_args) {
    enum { ARG_id, ARG_timeout, ARG_callback, ARG_context };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_id, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_timeout, MP_ARG_INT, { .u_int = 5000 } },
        { MP_QSTR_callback, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_context, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all_kw_array(n_args, n_kw, all_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_int_t id = args[ARG_id].u_int;
    mp_int_t timeout = args[ARG_timeout].u_int;
    if (id < 0 || id >= WDT_DEVICE_MAX || timeout < 1 || timeout > WDT_TIMEOUT_MS_MAX) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("watchdog %d, timeout %d: want 0 or 1, 1 to %d ms"), (int)id,
            (int)timeout, (int)WDT_TIMEOUT_MS_MAX);
    }
    machine_wdt_obj_t *self = mp_obj_malloc(machine_wdt_obj_t, type);
    self->id = id;
    self->timeout_ms = timeout;
    self->callback = args[ARG_callback].u_obj;
    self->context = args[ARG_context].u_obj;
    MP_STATE_PORT(machine_wdts)[id] = &self->base;
    bool calls = self->callback != mp_const_none;
    wdt_start((wdt_device_number_t)id, timeout, calls ? expired : NULL, self);
    return MP_OBJ_FROM_PTR(self);
}

void machine_wdt_deinit_all(void) {
    for (int id = 0; id < WDT_DEVICE_MAX; id++) {
        wdt_forget_callback((wdt_device_number_t)id);
        MP_STATE_PORT(machine_wdts)[id] = NULL;
    }
}

static mp_obj_t feed(mp_obj_t self_in) {
    machine_wdt_obj_t *self = MP_OBJ_TO_PTR(self_in);
    wdt_feed((wdt_device_number_t)self->id);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(feed_obj, feed);

static mp_obj_t context(mp_obj_t self_in) {
    machine_wdt_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return self->context;
}
static MP_DEFINE_CONST_FUN_OBJ_1(context_obj, context);

static void print(const mp_print_t *out, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    const machine_wdt_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(out, "WDT(%u, timeout=%u)", self->id, (unsigned)self->timeout_ms);
}

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_feed), MP_ROM_PTR(&feed_obj) },
    { MP_ROM_QSTR(MP_QSTR_context), MP_ROM_PTR(&context_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_wdt_type,
    MP_QSTR_WDT,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    print, print,
    locals_dict, &locals
    );
