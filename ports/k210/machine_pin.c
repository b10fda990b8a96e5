// SPDX-License-Identifier: MIT
// machine.Pin: a pad with a GPIOHS pin on it, which is found when the pad is first used.
#include <string.h>

#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/virtpin.h"
#include "shared/runtime/mpirq.h"

#include "genhdr/board.h"
#include "machine_pin.h"
#include "sdk/fpioa.h"
#include "sdk/gpiohs.h"
#include "sdk/plic.h"
#include "sdk/regs/fpioa.h"

enum { MODE_IN, MODE_OUT, MODE_OPEN_DRAIN };

typedef struct {
    mp_obj_base_t base;
    uint8_t pad;
} machine_pin_obj_t;

#define PIN(pad) { { &machine_pin_type }, pad }
#define PINS4(first) PIN(first), PIN(first + 1), PIN(first + 2), PIN(first + 3)
#define PINS16(first) PINS4(first), PINS4(first + 4), PINS4(first + 8), PINS4(first + 12)

static const machine_pin_obj_t pins[FPIOA_PADS] = { PINS16(0), PINS16(16), PINS16(32) };

// The board's names of pads.
static const struct {
    const char *name;
    uint8_t pad;
} names[] = {
    #ifdef BOARD_LEDS_RED
    { "LED_R", BOARD_LEDS_RED },
    #endif
    #ifdef BOARD_LEDS_GREEN
    { "LED_G", BOARD_LEDS_GREEN },
    #endif
    #ifdef BOARD_LEDS_BLUE
    { "LED_B", BOARD_LEDS_BLUE },
    #endif
    #ifdef BOARD_LEDS_WHITE
    { "LED_W", BOARD_LEDS_WHITE },
    #endif
    #ifdef BOARD_BUTTONS_BOOT
    { "BOOT_KEY", BOARD_BUTTONS_BOOT },
    #endif
    #ifdef BOARD_BUTTONS_A
    { "BUTTON_A", BOARD_BUTTONS_A },
    #endif
    #ifdef BOARD_BUTTONS_B
    { "BUTTON_B", BOARD_BUTTONS_B },
    #endif
};

// Pads whose Pin is an open drain.
static uint64_t open_drains;

// -- which pad, and what is on it

// IO14 or a name of the board's; FPIOA_PADS for neither.
static unsigned pad_of_name(const char *text) {
    for (size_t i = 0; i < MP_ARRAY_SIZE(names); i++) {
        if (strcmp(names[i].name, text) == 0) {
            return names[i].pad;
        }
    }
    unsigned pad = 0;
    if (strncmp(text, "IO", 2) != 0 || text[2] == '\0' || strlen(text) > 4) {
        return FPIOA_PADS;
    }
    for (const char *digit = text + 2; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9') {
            return FPIOA_PADS;
        }
        pad = pad * 10 + (*digit - '0');
    }
    return pad;
}

uint8_t machine_pin_pad(mp_obj_t pin) {
    if (mp_obj_is_type(pin, &machine_pin_type)) {
        return ((const machine_pin_obj_t *)MP_OBJ_TO_PTR(pin))->pad;
    }
    if (mp_obj_is_str(pin)) {
        unsigned pad = pad_of_name(mp_obj_str_get_str(pin));
        if (pad >= FPIOA_PADS) {
            mp_raise_msg_varg(&mp_type_ValueError,
                MP_ERROR_TEXT("this board has no pin '%s': want IO0 to IO47 or a name such as LED_R"),
                mp_obj_str_get_str(pin));
        }
        return pad;
    }
    mp_int_t pad = mp_obj_get_int(pin);
    if (pad < 0 || pad >= FPIOA_PADS) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("pin %d: want 0 to 47, the number after IO"), (int)pad);
    }
    return pad;
}

mp_obj_t machine_pin_of_pad(uint8_t pad) {
    return MP_OBJ_FROM_PTR(&pins[pad]);
}

static bool is_used(unsigned gpiohs) {
    return (GPIOHS->input_en | GPIOHS->output_en) >> gpiohs & 1;
}

// First one that is on no pad; then one that came to its pad at reset, where nobody has used it. From above, because
// scripts begin to number at 0; the highest are those of LCD and card.
static int free_gpiohs(void) {
    for (int takes_from_pad = 0; takes_from_pad < 2; takes_from_pad++) {
        for (int gpiohs = 27; gpiohs >= 0; gpiohs--) {
            bool on_pad = fpioa_get_io_by_function((fpioa_function_t)(FUNC_GPIOHS0 + gpiohs)) >= 0;
            if (!is_used(gpiohs) && (takes_from_pad || !on_pad)) {
                return gpiohs;
            }
        }
    }
    mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("all GPIOHS pins are in use: the chip has 32 for its 48 pads"));
}

uint8_t machine_pin_gpiohs(uint8_t pad) {
    unsigned function = FPIOA->io[pad] & FPIOA_IO_FUNCTION_MASK;
    if (function >= FUNC_GPIOHS0 && function < FUNC_GPIO0) {
        return function - FUNC_GPIOHS0;
    }
    int gpiohs = free_gpiohs();
    fpioa_set_function(pad, (fpioa_function_t)(FUNC_GPIOHS0 + gpiohs));
    return gpiohs;
}

// -- levels

uint8_t mp_hal_get_pin_obj(mp_obj_t pin) {
    return machine_pin_gpiohs(machine_pin_pad(pin));
}

unsigned mp_hal_pin_name(uint8_t gpiohs) {
    return fpioa_get_io_by_function((fpioa_function_t)(FUNC_GPIOHS0 + gpiohs));
}

// The pin is heard in every mode, so that value() is what is on the pad.
static void drive(uint8_t gpiohs, bool on) {
    machine_pin_put(&GPIOHS->input_en, gpiohs, true);
    machine_pin_put(&GPIOHS->output_en, gpiohs, on);
}

void mp_hal_pin_input(uint8_t gpiohs) {
    drive(gpiohs, false);
}

void mp_hal_pin_output(uint8_t gpiohs) {
    drive(gpiohs, true);
}

// Somebody must pull an open drain up: the pad does, however weakly.
void mp_hal_pin_open_drain(uint8_t gpiohs) {
    drive(gpiohs, false);
    machine_pin_put(&GPIOHS->output_val, gpiohs, false);
    fpioa_set_io_pull(mp_hal_pin_name(gpiohs), FPIOA_PULL_UP);
}

static void write(uint8_t pad, bool level) {
    uint8_t gpiohs = machine_pin_gpiohs(pad);
    if (open_drains >> pad & 1) {
        machine_pin_put(&GPIOHS->output_en, gpiohs, !level);
    } else {
        mp_hal_pin_write(gpiohs, level);
    }
}

static mp_obj_t value(size_t n_args, const mp_obj_t *args) {
    uint8_t pad = machine_pin_pad(args[0]);
    if (n_args == 1) {
        return MP_OBJ_NEW_SMALL_INT(mp_hal_pin_read(machine_pin_gpiohs(pad)));
    }
    write(pad, mp_obj_is_true(args[1]));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(value_obj, 1, 2, value);

static mp_obj_t call(mp_obj_t self, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 1, false);
    const mp_obj_t all[] = { self, n_args > 0 ? args[0] : MP_OBJ_NULL };
    return value(1 + n_args, all);
}

static mp_obj_t on(mp_obj_t self) {
    write(machine_pin_pad(self), true);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(on_obj, on);

static mp_obj_t off(mp_obj_t self) {
    write(machine_pin_pad(self), false);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(off_obj, off);

static mp_obj_t toggle(mp_obj_t self) {
    uint8_t pad = machine_pin_pad(self);
    uint8_t gpiohs = machine_pin_gpiohs(pad);
    bool high = open_drains >> pad & 1 ? !(GPIOHS->output_en >> gpiohs & 1) : GPIOHS->output_val >> gpiohs & 1;
    write(pad, !high);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(toggle_obj, toggle);

// -- modes

static void set_mode(uint8_t pad, uint8_t gpiohs, mp_int_t mode) {
    if (mode < MODE_IN || mode > MODE_OPEN_DRAIN) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("mode %d: want Pin.IN, Pin.OUT or Pin.OPEN_DRAIN"),
            (int)mode);
    }
    open_drains &= ~(1ull << pad);
    if (mode == MODE_OPEN_DRAIN) {
        mp_hal_pin_open_drain(gpiohs);
        open_drains |= 1ull << pad;
    } else {
        drive(gpiohs, mode == MODE_OUT);
    }
}

static void init(uint8_t pad, size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_mode, ARG_pull, ARG_value, ARG_drive };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_mode, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_pull, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(-1) } },
        { MP_QSTR_value, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_drive, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = -1 } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_t mode = args[ARG_mode].u_obj;
    mp_obj_t level = args[ARG_value].u_obj;
    mp_obj_t pull = args[ARG_pull].u_obj;
    uint8_t gpiohs = machine_pin_gpiohs(pad);
    bool drains = mode != mp_const_none && mp_obj_get_int(mode) == MODE_OPEN_DRAIN;
    if (level != mp_const_none && !drains) {
        mp_hal_pin_write(gpiohs, mp_obj_is_true(level)); // before it drives the pad
    }
    if (mode != mp_const_none) {
        set_mode(pad, gpiohs, mp_obj_get_int(mode));
    }
    if (level != mp_const_none && drains) {
        write(pad, mp_obj_is_true(level));
    }
    if (pull == mp_const_none) {
        fpioa_set_io_pull(pad, FPIOA_PULL_NONE);
    } else if (mp_obj_get_int(pull) >= 0 && fpioa_set_io_pull(pad, (fpioa_pull_t)mp_obj_get_int(pull)) != FPIOA_OK) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("pull %d: want None, Pin.PULL_UP or Pin.PULL_DOWN"),
            (int)mp_obj_get_int(pull));
    }
    if (args[ARG_drive].u_int >= 0
        && fpioa_set_io_driving(pad, (fpioa_driving_t)args[ARG_drive].u_int) != FPIOA_OK) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("drive %d: want Pin.DRIVE_0 to Pin.DRIVE_7"),
            (int)args[ARG_drive].u_int);
    }
}

static mp_obj_t pin_init(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    init(machine_pin_pad(args[0]), n_args - 1, args + 1, kw_args);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(pin_init_obj, 1, pin_init);

// Pin(id, mode=None, pull=-1, *, value=None, drive=-1)
static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_arg_check_num(n_args, n_kw, 1, MP_OBJ_FUN_ARGS_MAX, true);
    uint8_t pad = machine_pin_pad(args[0]);
    mp_map_t kw_args;
    mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
    init(pad, n_args - 1, args + 1, &kw_args);
    return machine_pin_of_pad(pad);
}

static void print(const mp_print_t *out, mp_obj_t self, mp_print_kind_t kind) {
    (void)kind;
    static const qstr modes[] = { MP_QSTR_IN, MP_QSTR_OUT, MP_QSTR_OPEN_DRAIN };
    uint8_t pad = machine_pin_pad(self);
    unsigned function = FPIOA->io[pad] & FPIOA_IO_FUNCTION_MASK;
    if (function < FUNC_GPIOHS0 || function >= FUNC_GPIO0) {
        mp_printf(out, "Pin(%u)", pad);
        return;
    }
    bool drives = GPIOHS->output_en >> (function - FUNC_GPIOHS0) & 1;
    mp_printf(out, "Pin(%u, mode=Pin.%q)", pad,
        modes[open_drains >> pad & 1 ? MODE_OPEN_DRAIN : drives ? MODE_OUT : MODE_IN]);
}

static mp_uint_t ioctl(mp_obj_t self, mp_uint_t request, uintptr_t arg, int *errcode) {
    (void)errcode;
    uint8_t pad = machine_pin_pad(self);
    switch (request) {
        case MP_PIN_READ:
            return mp_hal_pin_read(machine_pin_gpiohs(pad));
        case MP_PIN_WRITE:
            write(pad, arg);
            return 0;
    }
    return -1;
}
static const mp_pin_p_t pin_protocol = { .ioctl = ioctl };

// -- interrupts

// What Pin.irq() gave for each GPIOHS pin, and which edges came.
MP_REGISTER_ROOT_POINTER(struct _mp_irq_obj_t *machine_pin_irqs[32]);
static volatile uint8_t edges_wanted[GPIOHS_PINS];
static volatile uint8_t edges_seen[GPIOHS_PINS];

static int machine_pin_interrupt(void *context) {
    unsigned gpiohs = (unsigned)(uintptr_t)context;
    uint32_t risen = GPIOHS->rise_ip >> gpiohs & 1;
    uint32_t fallen = GPIOHS->fall_ip >> gpiohs & 1;
    gpiohs_clear_edges(gpiohs);
    edges_seen[gpiohs] = ((risen ? GPIO_PE_RISING : 0) | (fallen ? GPIO_PE_FALLING : 0)) & edges_wanted[gpiohs];
    mp_irq_obj_t *irq = MP_STATE_PORT(machine_pin_irqs)[gpiohs];
    if (irq != NULL && irq->handler != mp_const_none) {
        mp_sched_schedule(irq->handler, irq->parent);
    }
    return 0;
}

static void arm(uint8_t gpiohs, unsigned edges) {
    plic_irq_t line = (plic_irq_t)(IRQN_GPIOHS0_INTERRUPT + gpiohs);
    plic_irq_disable(line);
    edges_wanted[gpiohs] = edges;
    gpiohs_set_pin_edge(gpiohs, (gpio_pin_edge_t)edges);
    if (edges != GPIO_PE_NONE) {
        plic_set_priority(line, 1);
        plic_irq_register(line, machine_pin_interrupt, (void *)(uintptr_t)gpiohs);
        plic_irq_enable(line);
    }
}

static mp_uint_t irq_trigger(mp_obj_t self, mp_uint_t trigger) {
    arm(machine_pin_gpiohs(machine_pin_pad(self)), trigger & GPIO_PE_BOTH);
    return 0;
}

static mp_uint_t irq_info(mp_obj_t self, mp_uint_t what) {
    uint8_t gpiohs = machine_pin_gpiohs(machine_pin_pad(self));
    return what == MP_IRQ_INFO_FLAGS ? edges_seen[gpiohs] : edges_wanted[gpiohs];
}

static const mp_irq_methods_t irq_methods = { .trigger = irq_trigger, .info = irq_info };

// irq(handler=None, trigger=Pin.IRQ_FALLING | Pin.IRQ_RISING, *, hard=False)
static mp_obj_t irq(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_handler, ARG_trigger, ARG_hard };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_handler, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_trigger, MP_ARG_INT, { .u_int = GPIO_PE_BOTH } },
        { MP_QSTR_hard, MP_ARG_BOOL, { .u_bool = false } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    uint8_t gpiohs = machine_pin_gpiohs(machine_pin_pad(pos_args[0]));
    mp_irq_obj_t *made = MP_STATE_PORT(machine_pin_irqs)[gpiohs];
    if (n_args > 1 || kw_args->used != 0) {
        mp_int_t trigger = args[ARG_trigger].u_int;
        if (trigger < GPIO_PE_FALLING || trigger > GPIO_PE_BOTH) {
            mp_raise_msg_varg(&mp_type_ValueError,
                MP_ERROR_TEXT("trigger %d: want Pin.IRQ_FALLING, Pin.IRQ_RISING or both"), (int)trigger);
        }
        if (args[ARG_hard].u_bool) {
            mp_raise_ValueError(MP_ERROR_TEXT("hard=True: interrupts of this chip save no floats; leave it away"));
        }
        arm(gpiohs, GPIO_PE_NONE);
        made = mp_irq_new(&irq_methods, pos_args[0]);
        made->handler = args[ARG_handler].u_obj;
        MP_STATE_PORT(machine_pin_irqs)[gpiohs] = made;
        arm(gpiohs, made->handler == mp_const_none ? GPIO_PE_NONE : (unsigned)trigger);
    }
    return made == NULL ? mp_const_none : MP_OBJ_FROM_PTR(made);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(irq_obj, 1, irq);

void machine_pin_deinit(void) {
    for (unsigned gpiohs = 0; gpiohs < GPIOHS_PINS; gpiohs++) {
        if (MP_STATE_PORT(machine_pin_irqs)[gpiohs] != NULL) {
            arm(gpiohs, GPIO_PE_NONE);
            MP_STATE_PORT(machine_pin_irqs)[gpiohs] = NULL;
        }
    }
}

// -- names

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&pin_init_obj) },
    { MP_ROM_QSTR(MP_QSTR_value), MP_ROM_PTR(&value_obj) },
    { MP_ROM_QSTR(MP_QSTR_on), MP_ROM_PTR(&on_obj) },
    { MP_ROM_QSTR(MP_QSTR_off), MP_ROM_PTR(&off_obj) },
    { MP_ROM_QSTR(MP_QSTR_high), MP_ROM_PTR(&on_obj) },
    { MP_ROM_QSTR(MP_QSTR_low), MP_ROM_PTR(&off_obj) },
    { MP_ROM_QSTR(MP_QSTR_toggle), MP_ROM_PTR(&toggle_obj) },
    { MP_ROM_QSTR(MP_QSTR_irq), MP_ROM_PTR(&irq_obj) },

    { MP_ROM_QSTR(MP_QSTR_IN), MP_ROM_INT(MODE_IN) },
    { MP_ROM_QSTR(MP_QSTR_OUT), MP_ROM_INT(MODE_OUT) },
    { MP_ROM_QSTR(MP_QSTR_OPEN_DRAIN), MP_ROM_INT(MODE_OPEN_DRAIN) },
    { MP_ROM_QSTR(MP_QSTR_PULL_DOWN), MP_ROM_INT(FPIOA_PULL_DOWN) },
    { MP_ROM_QSTR(MP_QSTR_PULL_UP), MP_ROM_INT(FPIOA_PULL_UP) },
    { MP_ROM_QSTR(MP_QSTR_DRIVE_0), MP_ROM_INT(0) },
    { MP_ROM_QSTR(MP_QSTR_DRIVE_7), MP_ROM_INT(7) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_FALLING), MP_ROM_INT(GPIO_PE_FALLING) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_RISING), MP_ROM_INT(GPIO_PE_RISING) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_pin_type,
    MP_QSTR_Pin,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    print, print,
    call, call,
    protocol, &pin_protocol,
    locals_dict, &locals
    );
