// SPDX-License-Identifier: MIT
// machine.Timer: a channel that calls a function once or again and again, by upstream's arguments or MaixPy's.
#include "py/mphal.h"
#include "py/runtime.h"

#include "machine_timer.h"
#include "sdk/timer.h"

enum { MODE_ONE_SHOT, MODE_PERIODIC, MODE_PWM };
enum { UNIT_S, UNIT_MS, UNIT_US, UNIT_NS };
static const uint32_t units_per_second[] = { 1, 1000, 1000000, 1000000000 };

// Longer times are counted in rounds of this many ticks or fewer.
#define ROUND_TICKS_MAX (1u << 31)

typedef struct {
    mp_obj_base_t base;
    uint8_t channel; // over all timers
    uint8_t mode;
    uint8_t unit;
    bool running;
    mp_int_t period; // in units
    uint64_t ticks;
    uint32_t rounds; // that a period has
    uint32_t rounds_left;
    mp_obj_t callback;
    mp_obj_t arg;
} machine_timer_obj_t;

MP_REGISTER_ROOT_POINTER(struct _mp_obj_base_t *machine_timers[12]);

static uint16_t taken; // a bit per channel

// -- channels

static timer_device_number_t device_of(uint8_t channel) {
    return (timer_device_number_t)(channel / TIMER_CHANNEL_MAX);
}

static timer_channel_number_t number_of(uint8_t channel) {
    return (timer_channel_number_t)(channel % TIMER_CHANNEL_MAX);
}

uint8_t machine_timer_channel(mp_obj_t timer) {
    return ((machine_timer_obj_t *)MP_OBJ_TO_PTR(timer))->channel;
}

uint8_t machine_timer_free(void) {
    for (int channel = MACHINE_TIMER_CHANNELS - 1; channel >= 0; channel--) {
        if (!(taken >> channel & 1)) {
            return channel;
        }
    }
    mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("all 12 timer channels are in use: deinit() one"));
}

void machine_timer_take(uint8_t channel) {
    taken |= 1u << channel;
}

void machine_timer_give_back(uint8_t channel) {
    timer_stop(device_of(channel), number_of(channel));
    MP_STATE_PORT(machine_timers)[channel] = NULL;
    taken &= ~(1u << channel);
}

void machine_timer_deinit_all(void) {
    for (uint8_t channel = 0; channel < MACHINE_TIMER_CHANNELS; channel++) {
        if (taken >> channel & 1) {
            machine_timer_give_back(channel);
        }
    }
}

// -- counting

static void round_over(void *context) {
    machine_timer_obj_t *self = context;
    if (--self->rounds_left > 0) {
        return;
    }
    self->rounds_left = self->rounds;
    if (self->mode == MODE_ONE_SHOT) {
        timer_stop(device_of(self->channel), number_of(self->channel));
        self->running = false;
    }
    if (self->callback != mp_const_none) {
        mp_sched_schedule(self->callback, MP_OBJ_FROM_PTR(self));
    }
}

static void stop(machine_timer_obj_t *self) {
    timer_stop(device_of(self->channel), number_of(self->channel));
    self->running = false;
}

static void start(machine_timer_obj_t *self) {
    machine_timer_take(self->channel);
    MP_STATE_PORT(machine_timers)[self->channel] = &self->base;
    self->rounds = (self->ticks + ROUND_TICKS_MAX - 1) / ROUND_TICKS_MAX;
    self->rounds_left = self->rounds;
    self->running = true;
    timer_start(device_of(self->channel), number_of(self->channel), self->ticks / self->rounds, round_over, self);
}

static void set_period(machine_timer_obj_t *self, mp_int_t period, mp_int_t unit) {
    uint64_t rate = timer_init(device_of(self->channel));
    if (unit < UNIT_S || unit > UNIT_NS || period <= 0 || period > INT32_MAX) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("period %d of unit %d: want at least 1, Timer.UNIT_..."),
            (int)period, (int)unit);
    }
    self->period = period;
    self->unit = unit;
    self->ticks = (uint64_t)period * rate / units_per_second[unit];
    if (self->ticks == 0) {
        self->ticks = 1;
    }
}

// -- init

enum { ARG_channel, ARG_mode, ARG_period, ARG_unit, ARG_callback, ARG_arg, ARG_start, ARG_priority, ARG_div, ARG_freq,
       ARG_hard, ARG_COUNT };

static const mp_arg_t allowed[ARG_COUNT] = {
    { MP_QSTR_channel, MP_ARG_INT, { .u_int = 0 } },
    { MP_QSTR_mode, MP_ARG_INT, { .u_int = MODE_PERIODIC } },
    { MP_QSTR_period, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(-1) } },
    { MP_QSTR_unit, MP_ARG_INT, { .u_int = UNIT_MS } },
    { MP_QSTR_callback, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_arg, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_start, MP_ARG_BOOL, { .u_bool = true } },
    { MP_QSTR_priority, MP_ARG_INT, { .u_int = 1 } }, // MaixPy's; all interrupts here are of one
    { MP_QSTR_div, MP_ARG_INT, { .u_int = 0 } },      // MaixPy's; no rate needs it
    { MP_QSTR_freq, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_hard, MP_ARG_KW_ONLY | MP_ARG_BOOL, { .u_bool = false } },
};

static void init(machine_timer_obj_t *self, const mp_arg_val_t *args) {
    mp_int_t mode = args[ARG_mode].u_int;
    if (mode < MODE_ONE_SHOT || mode > MODE_PWM) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("mode %d: want Timer.ONE_SHOT, Timer.PERIODIC or Timer.MODE_PWM"), (int)mode);
    }
    if (args[ARG_hard].u_bool) {
        mp_raise_ValueError(MP_ERROR_TEXT("hard=True: interrupts of this chip save no floats; leave it away"));
    }
    mp_obj_t callback = args[ARG_callback].u_obj;
    if (callback != mp_const_none && !mp_obj_is_callable(callback)) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("callback is a %s: want a function of the timer"),
            mp_obj_get_type_str(callback));
    }
    stop(self);
    self->mode = mode;
    self->callback = callback;
    self->arg = args[ARG_arg].u_obj;
    if (args[ARG_freq].u_obj != mp_const_none) {
        mp_float_t hz = mp_obj_get_float(args[ARG_freq].u_obj);
        if (!(hz > 0.0)) {
            mp_raise_ValueError(MP_ERROR_TEXT("freq: want more than 0 Hz"));
        }
        set_period(self, 1, UNIT_S);
        self->ticks = (mp_float_t)self->ticks / hz;
        self->ticks += self->ticks == 0;
        self->period = (mp_int_t)(1000.0 / hz);
        self->unit = UNIT_MS;
    } else {
        mp_int_t period = mp_obj_get_int(args[ARG_period].u_obj);
        set_period(self, period == -1 ? 1000 : period, args[ARG_unit].u_int);
    }
    bool has_work = args[ARG_freq].u_obj != mp_const_none || mp_obj_get_int(args[ARG_period].u_obj) != -1
        || callback != mp_const_none;
    if (mode != MODE_PWM && args[ARG_start].u_bool && has_work) {
        start(self);
    }
}

// init(*, mode=PERIODIC, period=-1, freq=None, callback=None, ...)
static mp_obj_t timer_init_method(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    mp_arg_val_t args[ARG_COUNT];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, ARG_COUNT - 1, allowed + 1, args + 1);
    init(MP_OBJ_TO_PTR(pos_args[0]), args);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(timer_init_obj, 1, timer_init_method);

// Timer(id=-1, channel=0, mode=PERIODIC, period=1000, unit=UNIT_MS, callback=None, arg=None, start=True, ...): with -1 any
// channel that is free.
static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *all_args) {
    mp_int_t id = n_args > 0 ? mp_obj_get_int(all_args[0]) : -1;
    size_t skipped = n_args > 0;
    mp_arg_val_t args[ARG_COUNT];
    mp_map_t kw_args;
    mp_map_init_fixed_table(&kw_args, n_kw, all_args + n_args);
    mp_arg_parse_all(n_args - skipped, all_args + skipped, &kw_args, ARG_COUNT, allowed, args);
    mp_int_t number = args[ARG_channel].u_int;
    if (id < -1 || id >= TIMER_DEVICE_MAX || number < 0 || number >= TIMER_CHANNEL_MAX) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("timer %d, channel %d: want Timer.TIMER0 to 2 or -1, Timer.CHANNEL0 to 3"), (int)id,
            (int)number);
    }
    uint8_t channel = id < 0 ? machine_timer_free() : id * TIMER_CHANNEL_MAX + number;
    machine_timer_obj_t *self = (machine_timer_obj_t *)MP_STATE_PORT(machine_timers)[channel];
    if (self == NULL) {
        self = mp_obj_malloc(machine_timer_obj_t, type);
        self->channel = channel;
    }
    init(self, args);
    machine_timer_take(channel);
    MP_STATE_PORT(machine_timers)[channel] = &self->base;
    return MP_OBJ_FROM_PTR(self);
}

// -- methods

static mp_obj_t timer_deinit(mp_obj_t self_in) {
    machine_timer_obj_t *self = MP_OBJ_TO_PTR(self_in);
    stop(self);
    machine_timer_give_back(self->channel);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(timer_deinit_obj, timer_deinit);

static mp_obj_t timer_start_method(mp_obj_t self) {
    start(MP_OBJ_TO_PTR(self));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(timer_start_obj, timer_start_method);

static mp_obj_t timer_stop_method(mp_obj_t self) {
    stop(MP_OBJ_TO_PTR(self));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(timer_stop_obj, timer_stop_method);

static mp_obj_t callback(size_t n_args, const mp_obj_t *args) {
    machine_timer_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    if (n_args == 1) {
        return self->callback;
    }
    self->callback = args[1];
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(callback_obj, 1, 2, callback);

static mp_obj_t callback_arg(size_t n_args, const mp_obj_t *args) {
    machine_timer_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    if (n_args == 1) {
        return self->arg;
    }
    self->arg = args[1];
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(callback_arg_obj, 1, 2, callback_arg);

static mp_obj_t period(size_t n_args, const mp_obj_t *args) {
    machine_timer_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    if (n_args == 1) {
        return mp_obj_new_int(self->period);
    }
    set_period(self, mp_obj_get_int(args[1]), self->unit);
    if (self->running) {
        start(self);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(period_obj, 1, 2, period);

static void print(const mp_print_t *out, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    static const qstr modes[] = { MP_QSTR_ONE_SHOT, MP_QSTR_PERIODIC, MP_QSTR_MODE_PWM };
    static const char *const units[] = { "s", "ms", "us", "ns" };
    machine_timer_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(out, "Timer(%u, %u, mode=Timer.%q, period=%d %s)", self->channel / TIMER_CHANNEL_MAX,
        self->channel % TIMER_CHANNEL_MAX, modes[self->mode], (int)self->period, units[self->unit]);
}

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&timer_init_obj) },
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&timer_deinit_obj) },
    { MP_ROM_QSTR(MP_QSTR_start), MP_ROM_PTR(&timer_start_obj) },
    { MP_ROM_QSTR(MP_QSTR_restart), MP_ROM_PTR(&timer_start_obj) },
    { MP_ROM_QSTR(MP_QSTR_stop), MP_ROM_PTR(&timer_stop_obj) },
    { MP_ROM_QSTR(MP_QSTR_callback), MP_ROM_PTR(&callback_obj) },
    { MP_ROM_QSTR(MP_QSTR_callback_arg), MP_ROM_PTR(&callback_arg_obj) },
    { MP_ROM_QSTR(MP_QSTR_period), MP_ROM_PTR(&period_obj) },

    { MP_ROM_QSTR(MP_QSTR_ONE_SHOT), MP_ROM_INT(MODE_ONE_SHOT) },
    { MP_ROM_QSTR(MP_QSTR_PERIODIC), MP_ROM_INT(MODE_PERIODIC) },
    { MP_ROM_QSTR(MP_QSTR_MODE_ONE_SHOT), MP_ROM_INT(MODE_ONE_SHOT) },
    { MP_ROM_QSTR(MP_QSTR_MODE_PERIODIC), MP_ROM_INT(MODE_PERIODIC) },
    { MP_ROM_QSTR(MP_QSTR_MODE_PWM), MP_ROM_INT(MODE_PWM) },
    { MP_ROM_QSTR(MP_QSTR_UNIT_S), MP_ROM_INT(UNIT_S) },
    { MP_ROM_QSTR(MP_QSTR_UNIT_MS), MP_ROM_INT(UNIT_MS) },
    { MP_ROM_QSTR(MP_QSTR_UNIT_US), MP_ROM_INT(UNIT_US) },
    { MP_ROM_QSTR(MP_QSTR_UNIT_NS), MP_ROM_INT(UNIT_NS) },
    { MP_ROM_QSTR(MP_QSTR_TIMER0), MP_ROM_INT(0) },
    { MP_ROM_QSTR(MP_QSTR_TIMER1), MP_ROM_INT(1) },
    { MP_ROM_QSTR(MP_QSTR_TIMER2), MP_ROM_INT(2) },
    { MP_ROM_QSTR(MP_QSTR_CHANNEL0), MP_ROM_INT(0) },
    { MP_ROM_QSTR(MP_QSTR_CHANNEL1), MP_ROM_INT(1) },
    { MP_ROM_QSTR(MP_QSTR_CHANNEL2), MP_ROM_INT(2) },
    { MP_ROM_QSTR(MP_QSTR_CHANNEL3), MP_ROM_INT(3) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_timer_type,
    MP_QSTR_Timer,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    print, print,
    locals_dict, &locals
    );
