// SPDX-License-Identifier: MIT
// Maix.GPIO: a pin of GPIOHS (ids 0 to 31) or GPIO (32 to 39), with edges of the former as interrupts.
#include "py/runtime.h"

#include "modules/maix/maix.h"
#include "sdk/fpioa.h"
#include "sdk/gpio.h"
#include "sdk/gpiohs.h"
#include "sdk/plic.h"

#define FAST_PINS (32)
#define PINS (40)

typedef struct {
    mp_obj_base_t base;
    uint8_t id;
} pin_obj_t;

// Handlers by pin; when the heap goes, its finaliser takes the interrupts away.
typedef struct {
    mp_obj_base_t base;
    mp_obj_t handler[FAST_PINS];
} handlers_obj_t;

MP_REGISTER_ROOT_POINTER(struct _mp_obj_base_t *maix_gpio_handlers);

static handlers_obj_t *handlers(void) {
    return (handlers_obj_t *)MP_STATE_PORT(maix_gpio_handlers);
}

static const pin_obj_t pins[PINS];

// -- interrupts

static int pin_interrupt(void *ctx) {
    unsigned id = (unsigned)(uintptr_t)ctx;
    gpiohs_clear_edges(id);
    mp_sched_schedule(handlers()->handler[id], MP_OBJ_FROM_PTR(&pins[id]));
    return 0;
}

static void stop(unsigned id) {
    plic_irq_disable((plic_irq_t)(IRQN_GPIOHS0_INTERRUPT + id));
    gpiohs_set_pin_edge(id, GPIO_PE_NONE);
}

static mp_obj_t handlers_del(mp_obj_t self) {
    (void)self;
    for (unsigned id = 0; id < FAST_PINS; id++) {
        stop(id);
    }
    MP_STATE_PORT(maix_gpio_handlers) = NULL;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(handlers_del_obj, handlers_del);

static const mp_rom_map_elem_t handlers_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&handlers_del_obj) },
};
static MP_DEFINE_CONST_DICT(handlers_locals, handlers_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    handlers_type,
    MP_QSTR_handlers,
    MP_TYPE_FLAG_NONE,
    locals_dict, &handlers_locals
    );

// irq(handler, trigger=IRQ_BOTH, wake, priority=7): the handler gets the pin.
static mp_obj_t irq(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_handler, ARG_trigger, ARG_wake, ARG_priority };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_handler, MP_ARG_REQUIRED | MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
        { MP_QSTR_trigger, MP_ARG_INT, { .u_int = GPIO_PE_BOTH } },
        { MP_QSTR_wake, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_priority, MP_ARG_INT, { .u_int = 7 } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    const pin_obj_t *pin = MP_OBJ_TO_PTR(pos_args[0]);
    mp_int_t trigger = args[ARG_trigger].u_int;
    mp_int_t priority = args[ARG_priority].u_int;
    if (pin->id >= FAST_PINS || trigger < GPIO_PE_NONE || trigger > GPIO_PE_BOTH || priority < 1 || priority > 7) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("irq of pin %d, trigger %d, priority %d: want a GPIOHS pin, GPIO.IRQ_..., 1 to 7"), pin->id,
            (int)trigger, (int)priority);
    }
    if (handlers() == NULL) {
        handlers_obj_t *made = mp_obj_malloc_with_finaliser(handlers_obj_t, &handlers_type);
        for (size_t i = 0; i < FAST_PINS; i++) {
            made->handler[i] = mp_const_none;
        }
        MP_STATE_PORT(maix_gpio_handlers) = (mp_obj_base_t *)made;
    }
    plic_irq_t line = (plic_irq_t)(IRQN_GPIOHS0_INTERRUPT + pin->id);
    stop(pin->id);
    handlers()->handler[pin->id] = args[ARG_handler].u_obj;
    if (trigger != GPIO_PE_NONE && args[ARG_handler].u_obj != mp_const_none) {
        plic_set_priority(line, priority);
        plic_irq_register(line, pin_interrupt, (void *)(uintptr_t)pin->id);
        gpiohs_set_pin_edge(pin->id, (gpio_pin_edge_t)trigger);
        plic_irq_enable(line);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(irq_obj, 1, irq);

static mp_obj_t disirq(mp_obj_t self) {
    const pin_obj_t *pin = MP_OBJ_TO_PTR(self);
    if (pin->id < FAST_PINS) {
        stop(pin->id);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(disirq_obj, disirq);

// -- levels

static void put(const pin_obj_t *pin, bool level) {
    if (pin->id < FAST_PINS) {
        gpiohs_set_pin(pin->id, level ? GPIO_PV_HIGH : GPIO_PV_LOW);
    } else {
        gpio_set_pin(pin->id - FAST_PINS, level ? GPIO_PV_HIGH : GPIO_PV_LOW);
    }
}

static mp_obj_t value_of(const pin_obj_t *pin) {
    return MP_OBJ_NEW_SMALL_INT(pin->id < FAST_PINS ? gpiohs_get_pin(pin->id) : gpio_get_pin(pin->id - FAST_PINS));
}

// A pull is a mode too: an input with it.
static void set_mode(const pin_obj_t *pin, mp_int_t mode) {
    if (mode < GPIO_DM_INPUT || mode > GPIO_DM_OUTPUT) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("mode %d: want GPIO.IN, GPIO.OUT or GPIO.PULL_..."),
            (int)mode);
    }
    int result = pin->id < FAST_PINS ? gpiohs_set_drive_mode(pin->id, (gpio_drive_mode_t)mode)
        : gpio_set_drive_mode(pin->id - FAST_PINS, (gpio_drive_mode_t)mode);
    if (result != GPIOHS_OK) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("%s%d is on no pad: fm.register(pin, fm.fpioa.%s%d) first"),
            pin->id < FAST_PINS ? "GPIOHS" : "GPIO", pin->id % FAST_PINS, pin->id < FAST_PINS ? "GPIOHS" : "GPIO",
            pin->id % FAST_PINS);
    }
}

static mp_obj_t value(size_t n_args, const mp_obj_t *args) {
    const pin_obj_t *pin = MP_OBJ_TO_PTR(args[0]);
    if (n_args > 1) {
        put(pin, mp_obj_is_true(args[1]));
        return mp_const_none;
    }
    return value_of(pin);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(value_obj, 1, 2, value);

static mp_obj_t call(mp_obj_t self, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 1, false);
    const mp_obj_t all[] = { self, n_args > 0 ? args[0] : MP_OBJ_NULL };
    return value(1 + n_args, all);
}

static mp_obj_t mode(mp_obj_t self, mp_obj_t mode_in) {
    set_mode(MP_OBJ_TO_PTR(self), mp_obj_get_int(mode_in));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(mode_obj, mode);

// GPIO(id, mode=None, pull=None, value=)
static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *all_args) {
    (void)type;
    enum { ARG_id, ARG_mode, ARG_pull, ARG_value };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_id, MP_ARG_REQUIRED | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_mode, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_pull, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_value, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all_kw_array(n_args, n_kw, all_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_int_t id = args[ARG_id].u_int;
    if (id < 0 || id >= PINS) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("pin %d: want GPIO.GPIOHS0 to 31 or GPIO.GPIO0 to 7"),
            (int)id);
    }
    const pin_obj_t *pin = &pins[id];
    gpio_init();
    if (args[ARG_value].u_obj != mp_const_none) {
        put(pin, mp_obj_is_true(args[ARG_value].u_obj)); // before it drives the pad
    }
    if (args[ARG_mode].u_obj != mp_const_none) {
        mp_int_t wanted = mp_obj_get_int(args[ARG_mode].u_obj);
        bool pulled = wanted == GPIO_DM_INPUT && args[ARG_pull].u_obj != mp_const_none;
        set_mode(pin, pulled ? mp_obj_get_int(args[ARG_pull].u_obj) : wanted);
    }
    return MP_OBJ_FROM_PTR(pin);
}

static void print(const mp_print_t *out, mp_obj_t self, mp_print_kind_t kind) {
    (void)kind;
    const pin_obj_t *pin = MP_OBJ_TO_PTR(self);
    mp_printf(out, "GPIO(GPIO.%s%d)", pin->id < FAST_PINS ? "GPIOHS" : "GPIO", pin->id % FAST_PINS);
}

static const pin_obj_t pins[PINS] = {
    { { &maix_gpio_type }, 0 },
    { { &maix_gpio_type }, 1 },
    { { &maix_gpio_type }, 2 },
    { { &maix_gpio_type }, 3 },
    { { &maix_gpio_type }, 4 },
    { { &maix_gpio_type }, 5 },
    { { &maix_gpio_type }, 6 },
    { { &maix_gpio_type }, 7 },
    { { &maix_gpio_type }, 8 },
    { { &maix_gpio_type }, 9 },
    { { &maix_gpio_type }, 10 },
    { { &maix_gpio_type }, 11 },
    { { &maix_gpio_type }, 12 },
    { { &maix_gpio_type }, 13 },
    { { &maix_gpio_type }, 14 },
    { { &maix_gpio_type }, 15 },
    { { &maix_gpio_type }, 16 },
    { { &maix_gpio_type }, 17 },
    { { &maix_gpio_type }, 18 },
    { { &maix_gpio_type }, 19 },
    { { &maix_gpio_type }, 20 },
    { { &maix_gpio_type }, 21 },
    { { &maix_gpio_type }, 22 },
    { { &maix_gpio_type }, 23 },
    { { &maix_gpio_type }, 24 },
    { { &maix_gpio_type }, 25 },
    { { &maix_gpio_type }, 26 },
    { { &maix_gpio_type }, 27 },
    { { &maix_gpio_type }, 28 },
    { { &maix_gpio_type }, 29 },
    { { &maix_gpio_type }, 30 },
    { { &maix_gpio_type }, 31 },
    { { &maix_gpio_type }, 32 },
    { { &maix_gpio_type }, 33 },
    { { &maix_gpio_type }, 34 },
    { { &maix_gpio_type }, 35 },
    { { &maix_gpio_type }, 36 },
    { { &maix_gpio_type }, 37 },
    { { &maix_gpio_type }, 38 },
    { { &maix_gpio_type }, 39 },
};

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_value), MP_ROM_PTR(&value_obj) },
    { MP_ROM_QSTR(MP_QSTR_mode), MP_ROM_PTR(&mode_obj) },
    { MP_ROM_QSTR(MP_QSTR_irq), MP_ROM_PTR(&irq_obj) },
    { MP_ROM_QSTR(MP_QSTR_disirq), MP_ROM_PTR(&disirq_obj) },

    { MP_ROM_QSTR(MP_QSTR_IN), MP_ROM_INT(GPIO_DM_INPUT) },
    { MP_ROM_QSTR(MP_QSTR_OUT), MP_ROM_INT(GPIO_DM_OUTPUT) },
    { MP_ROM_QSTR(MP_QSTR_PULL_NONE), MP_ROM_INT(GPIO_DM_INPUT) },
    { MP_ROM_QSTR(MP_QSTR_PULL_DOWN), MP_ROM_INT(GPIO_DM_INPUT_PULL_DOWN) },
    { MP_ROM_QSTR(MP_QSTR_PULL_UP), MP_ROM_INT(GPIO_DM_INPUT_PULL_UP) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_NONE), MP_ROM_INT(GPIO_PE_NONE) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_FALLING), MP_ROM_INT(GPIO_PE_FALLING) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_RISING), MP_ROM_INT(GPIO_PE_RISING) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_BOTH), MP_ROM_INT(GPIO_PE_BOTH) },
    { MP_ROM_QSTR(MP_QSTR_WAKEUP_NOT_SUPPORT), MP_ROM_INT(0) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS0), MP_ROM_INT(0) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS1), MP_ROM_INT(1) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS2), MP_ROM_INT(2) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS3), MP_ROM_INT(3) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS4), MP_ROM_INT(4) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS5), MP_ROM_INT(5) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS6), MP_ROM_INT(6) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS7), MP_ROM_INT(7) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS8), MP_ROM_INT(8) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS9), MP_ROM_INT(9) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS10), MP_ROM_INT(10) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS11), MP_ROM_INT(11) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS12), MP_ROM_INT(12) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS13), MP_ROM_INT(13) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS14), MP_ROM_INT(14) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS15), MP_ROM_INT(15) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS16), MP_ROM_INT(16) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS17), MP_ROM_INT(17) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS18), MP_ROM_INT(18) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS19), MP_ROM_INT(19) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS20), MP_ROM_INT(20) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS21), MP_ROM_INT(21) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS22), MP_ROM_INT(22) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS23), MP_ROM_INT(23) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS24), MP_ROM_INT(24) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS25), MP_ROM_INT(25) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS26), MP_ROM_INT(26) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS27), MP_ROM_INT(27) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS28), MP_ROM_INT(28) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS29), MP_ROM_INT(29) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS30), MP_ROM_INT(30) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS31), MP_ROM_INT(31) },
    { MP_ROM_QSTR(MP_QSTR_GPIO0), MP_ROM_INT(32) },
    { MP_ROM_QSTR(MP_QSTR_GPIO1), MP_ROM_INT(33) },
    { MP_ROM_QSTR(MP_QSTR_GPIO2), MP_ROM_INT(34) },
    { MP_ROM_QSTR(MP_QSTR_GPIO3), MP_ROM_INT(35) },
    { MP_ROM_QSTR(MP_QSTR_GPIO4), MP_ROM_INT(36) },
    { MP_ROM_QSTR(MP_QSTR_GPIO5), MP_ROM_INT(37) },
    { MP_ROM_QSTR(MP_QSTR_GPIO6), MP_ROM_INT(38) },
    { MP_ROM_QSTR(MP_QSTR_GPIO7), MP_ROM_INT(39) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    maix_gpio_type,
    MP_QSTR_GPIO,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    print, print,
    call, call,
    locals_dict, &locals
    );
