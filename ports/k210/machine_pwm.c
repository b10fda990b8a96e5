// SPDX-License-Identifier: MIT
// machine.PWM: a timer's channel on a pad, by upstream's arguments or MaixPy's.
#include <string.h>

#include "py/mphal.h"
#include "py/runtime.h"

#include "machine_pin.h"
#include "machine_pwm.h"
#include "machine_timer.h"
#include "sdk/fpioa.h"
#include "sdk/regs/fpioa.h"
#include "sdk/timer.h"

#define FULL (65535) // duty_u16 of a pin that stays high
#define FREQ_MAX (10000000)

typedef struct {
    mp_obj_base_t base;
    uint8_t channel; // over all timers
    uint8_t pad;
    bool open;
    bool enabled;
    bool inverted;
    bool by_ns;      // the duty was given as a time, and stays so when the frequency changes
    uint32_t freq;
    uint32_t duty_u16;
    uint32_t duty_ns;
} machine_pwm_obj_t;

static timer_device_number_t device_of(const machine_pwm_obj_t *self) {
    return (timer_device_number_t)(self->channel / TIMER_CHANNEL_MAX);
}

static timer_channel_number_t number_of(const machine_pwm_obj_t *self) {
    return (timer_channel_number_t)(self->channel % TIMER_CHANNEL_MAX);
}

// A wave cannot be all high or all low: then the channel stands, and the pad inverts its low output or does not.
static void invert_pad(const machine_pwm_obj_t *self, bool inverted) {
    uint32_t others = FPIOA->io[self->pad] & ~FPIOA_IO_DO_INV;
    FPIOA->io[self->pad] = others | (inverted ? FPIOA_IO_DO_INV : 0);
}

static void apply(machine_pwm_obj_t *self) {
    uint64_t rate = timer_init(device_of(self));
    uint64_t ticks = (rate + self->freq / 2) / self->freq;
    uint64_t high = self->by_ns ? (rate * self->duty_ns + 500000000) / 1000000000
        : (ticks * self->duty_u16 + FULL / 2) / FULL;
    if (!self->enabled || high == 0 || high >= ticks) {
        timer_stop(device_of(self), number_of(self));
        invert_pad(self, self->inverted != (self->enabled && high > 0));
        return;
    }
    invert_pad(self, self->inverted);
    timer_start_wave(device_of(self), number_of(self), ticks - high, high);
}

static void check_open(const machine_pwm_obj_t *self) {
    if (!self->open) {
        mp_raise_ValueError(MP_ERROR_TEXT("this PWM was ended by deinit(): make a new one"));
    }
}

static void check_freq(mp_int_t freq) {
    if (freq < 1 || freq > FREQ_MAX) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("freq %d: want 1 to %d Hz"), (int)freq, FREQ_MAX);
    }
}

static void set_freq(machine_pwm_obj_t *self, mp_int_t freq) {
    check_open(self);
    check_freq(freq);
    self->freq = freq;
    apply(self);
}

static uint32_t duty_u16_of(const machine_pwm_obj_t *self) {
    uint64_t duty = self->by_ns ? (uint64_t)self->duty_ns * self->freq * FULL / 1000000000 : self->duty_u16;
    return duty > FULL ? FULL : duty;
}

static void set_duty_u16(machine_pwm_obj_t *self, mp_int_t duty) {
    check_open(self);
    if (duty < 0 || duty > FULL) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("duty_u16 %d: want 0 to 65535"), (int)duty);
    }
    self->duty_u16 = duty;
    self->by_ns = false;
    apply(self);
}

static uint64_t duty_ns_of(const machine_pwm_obj_t *self) {
    return self->by_ns ? self->duty_ns : (uint64_t)self->duty_u16 * 1000000000 / FULL / self->freq;
}

static void set_duty_ns(machine_pwm_obj_t *self, mp_int_t ns) {
    check_open(self);
    if (ns < 0 || ns > 1000000000) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("duty_ns %d: want 0 to 1000000000"), (int)ns);
    }
    self->duty_ns = ns;
    self->by_ns = true;
    apply(self);
}

// MaixPy's: percent.
static void set_percent(machine_pwm_obj_t *self, mp_float_t percent) {
    if (!(percent >= 0 && percent <= 100)) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("duty %d: want 0 to 100 percent"), (int)percent);
    }
    set_duty_u16(self, (mp_int_t)(percent * FULL / 100 + MICROPY_FLOAT_CONST(0.5)));
}

// -- arguments

// init(*, freq, duty, duty_u16, duty_ns, invert, enable)
static mp_obj_t init(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_freq, ARG_duty, ARG_enable, ARG_duty_u16, ARG_duty_ns, ARG_invert };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_freq, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_duty, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_enable, MP_ARG_BOOL, { .u_bool = true } },
        { MP_QSTR_duty_u16, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_duty_ns, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_invert, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = -1 } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    machine_pwm_obj_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    check_open(self);
    if (args[ARG_freq].u_int != -1) {
        check_freq(args[ARG_freq].u_int);
        self->freq = args[ARG_freq].u_int;
    }
    if (args[ARG_invert].u_int != -1) {
        self->inverted = args[ARG_invert].u_int;
    }
    self->enabled = args[ARG_enable].u_bool;
    if (args[ARG_duty].u_obj != mp_const_none) {
        set_percent(self, mp_obj_get_float(args[ARG_duty].u_obj));
    } else if (args[ARG_duty_u16].u_int != -1) {
        set_duty_u16(self, args[ARG_duty_u16].u_int);
    } else if (args[ARG_duty_ns].u_int != -1) {
        set_duty_ns(self, args[ARG_duty_ns].u_int);
    } else {
        apply(self);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(init_obj, 1, init);

// The one that the pad has from an earlier PWM, or a free one.
static uint8_t channel_for(uint8_t pad) {
    unsigned channel = (FPIOA->io[pad] & FPIOA_IO_FUNCTION_MASK) - FUNC_TIMER0_TOGGLE1;
    return channel < MACHINE_TIMER_CHANNELS ? channel : machine_timer_free();
}

// Where the wave comes from and goes to: PWM(pin, ...), or PWM(timer, freq, duty, pin, enable) as MaixPy has it.
static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *all_args) {
    mp_arg_check_num(n_args, n_kw, 1, MP_OBJ_FUN_ARGS_MAX, true);
    mp_map_t kw_args;
    mp_map_init(&kw_args, n_kw);
    mp_obj_t pin = all_args[0];
    bool by_timer = mp_obj_is_type(pin, &machine_timer_type);
    for (size_t i = 0; i < n_kw; i++) {
        const mp_obj_t *pair = all_args + n_args + 2 * i;
        if (by_timer && pair[0] == MP_OBJ_NEW_QSTR(MP_QSTR_pin)) {
            pin = pair[1];
        } else {
            mp_map_lookup(&kw_args, pair[0], MP_MAP_LOOKUP_ADD_IF_NOT_FOUND)->value = pair[1];
        }
    }
    mp_obj_t args[5] = { MP_OBJ_NULL }; // self, freq, duty, enable
    mp_arg_check_num(n_args, 0, 1, by_timer ? 5 : 4, false);
    memcpy(args, all_args, n_args * sizeof(mp_obj_t));
    if (by_timer && n_args > 3) {
        pin = args[3];
        args[3] = args[4];
        n_args--;
    }
    if (by_timer && pin == all_args[0]) {
        mp_raise_TypeError(MP_ERROR_TEXT("pin is missing: PWM(timer, freq=1000, duty=50, pin=14)"));
    }
    machine_pwm_obj_t *self = mp_obj_malloc(machine_pwm_obj_t, type);
    self->pad = machine_pin_pad(pin);
    self->channel = by_timer ? machine_timer_channel(all_args[0]) : channel_for(self->pad);
    timer_init(device_of(self));
    machine_timer_take(self->channel);
    self->open = true;
    self->inverted = false;
    self->by_ns = false;
    self->freq = 1000;
    self->duty_u16 = 0;
    fpioa_set_function(self->pad, (fpioa_function_t)(FUNC_TIMER0_TOGGLE1 + self->channel));
    args[0] = MP_OBJ_FROM_PTR(self);
    init(n_args, args, &kw_args);
    return MP_OBJ_FROM_PTR(self);
}

// The pad carries nothing then.
static mp_obj_t deinit(mp_obj_t self_in) {
    machine_pwm_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->open) {
        self->open = false;
        machine_timer_give_back(self->channel);
        fpioa_set_function(self->pad, FUNC_RESV0);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(deinit_obj, deinit);

// -- methods

static mp_obj_t freq(size_t n_args, const mp_obj_t *args) {
    machine_pwm_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    if (n_args == 1) {
        return mp_obj_new_int(self->freq);
    }
    set_freq(self, mp_obj_get_int(args[1]));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(freq_obj, 1, 2, freq);

static mp_obj_t duty(size_t n_args, const mp_obj_t *args) {
    machine_pwm_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    if (n_args == 1) {
        return mp_obj_new_float((mp_float_t)duty_u16_of(self) * 100 / FULL);
    }
    set_percent(self, mp_obj_get_float(args[1]));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(duty_obj, 1, 2, duty);

static mp_obj_t duty_u16(size_t n_args, const mp_obj_t *args) {
    machine_pwm_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    if (n_args == 1) {
        return MP_OBJ_NEW_SMALL_INT(duty_u16_of(self));
    }
    set_duty_u16(self, mp_obj_get_int(args[1]));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(duty_u16_obj, 1, 2, duty_u16);

static mp_obj_t duty_ns(size_t n_args, const mp_obj_t *args) {
    machine_pwm_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    if (n_args == 1) {
        return mp_obj_new_int(duty_ns_of(self));
    }
    set_duty_ns(self, mp_obj_get_int(args[1]));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(duty_ns_obj, 1, 2, duty_ns);

static mp_obj_t switch_to(mp_obj_t self_in, bool on) {
    machine_pwm_obj_t *self = MP_OBJ_TO_PTR(self_in);
    check_open(self);
    self->enabled = on;
    apply(self);
    return mp_const_none;
}

static mp_obj_t enable(mp_obj_t self) {
    return switch_to(self, true);
}
static MP_DEFINE_CONST_FUN_OBJ_1(enable_obj, enable);

static mp_obj_t disable(mp_obj_t self) {
    return switch_to(self, false);
}
static MP_DEFINE_CONST_FUN_OBJ_1(disable_obj, disable);

static void print(const mp_print_t *out, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    const machine_pwm_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(out, "PWM(%u, freq=%u, duty_u16=%u)", self->pad, (unsigned)self->freq, (unsigned)duty_u16_of(self));
}

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&init_obj) },
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&deinit_obj) },
    { MP_ROM_QSTR(MP_QSTR_freq), MP_ROM_PTR(&freq_obj) },
    { MP_ROM_QSTR(MP_QSTR_duty), MP_ROM_PTR(&duty_obj) },
    { MP_ROM_QSTR(MP_QSTR_duty_u16), MP_ROM_PTR(&duty_u16_obj) },
    { MP_ROM_QSTR(MP_QSTR_duty_ns), MP_ROM_PTR(&duty_ns_obj) },
    { MP_ROM_QSTR(MP_QSTR_enable), MP_ROM_PTR(&enable_obj) },
    { MP_ROM_QSTR(MP_QSTR_disable), MP_ROM_PTR(&disable_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_pwm_type,
    MP_QSTR_PWM,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    print, print,
    locals_dict, &locals
    );
