// SPDX-License-Identifier: MIT
// machine.I2C: the chip's three masters, by upstream's arguments or MaixPy's.
#include <string.h>

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"

#include "machine_pin.h"
#include "sdk/fpioa.h"
#include "sdk/i2c.h"

#define FREQ_DEFAULT (400000)

typedef struct {
    mp_obj_base_t base;
    i2c_device_number_t bus;
    uint32_t freq;
} machine_i2c_obj_t;

static machine_i2c_obj_t buses[I2C_MAX_NUM] = {
    { { &machine_i2c_type }, I2C_DEVICE_0, 0 },
    { { &machine_i2c_type }, I2C_DEVICE_1, 0 },
    { { &machine_i2c_type }, I2C_DEVICE_2, 0 },
};

static int pad_of(const machine_i2c_obj_t *self, unsigned line) {
    return fpioa_get_io_by_function((fpioa_function_t)(FUNC_I2C0_SCLK + 2 * self->bus + line));
}

static void print(const mp_print_t *out, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    const machine_i2c_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(out, "I2C(%u, scl=%d, sda=%d, freq=%u)", self->bus, pad_of(self, 0), pad_of(self, 1),
        (unsigned)self->freq);
}

// init(*, scl, sda, freq=400000, mode, timeout, addr, addr_size, gscl, gsda); the last ones are MaixPy's.
static void init(mp_obj_base_t *self_in, size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_mode, ARG_scl, ARG_sda, ARG_gscl, ARG_gsda, ARG_freq, ARG_timeout, ARG_addr, ARG_addr_size };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_mode, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_scl, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_sda, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_gscl, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_gsda, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_freq, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_timeout, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_addr, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_addr_size, MP_ARG_INT, { .u_int = 7 } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    machine_i2c_obj_t *self = (machine_i2c_obj_t *)self_in;
    if (args[ARG_mode].u_int != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("mode: want I2C.MODE_MASTER, a slave is not there"));
    }
    if (args[ARG_addr_size].u_int != 7) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("addr_size %d: want 7"), (int)args[ARG_addr_size].u_int);
    }
    for (int line = 0; line < 2; line++) {
        mp_obj_t pin = args[ARG_scl + line].u_obj != mp_const_none ? args[ARG_scl + line].u_obj
            : args[ARG_gscl + line].u_obj;
        if (pin != mp_const_none) {
            fpioa_set_function(machine_pin_pad(pin), (fpioa_function_t)(FUNC_I2C0_SCLK + 2 * self->bus + line));
        }
    }
    if (pad_of(self, 0) < 0 || pad_of(self, 1) < 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("I2C%d is on no pins: scl=, sda="), self->bus);
    }
    mp_int_t freq = args[ARG_freq].u_int > 0 ? args[ARG_freq].u_int : FREQ_DEFAULT;
    if (i2c_init(self->bus, 0, 7, freq) != I2C_OK) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("freq %d: want 1000 to %d Hz"), (int)freq, I2C_CLK_MAX);
    }
    self->freq = freq;
}

// I2C(id, ...)
static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_arg_check_num(n_args, n_kw, 1, MP_OBJ_FUN_ARGS_MAX, true);
    mp_int_t id = mp_obj_get_int(args[0]);
    if (id < 0 || id >= I2C_MAX_NUM) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("I2C %d: want I2C.I2C0 to I2C.I2C2"), (int)id);
    }
    mp_map_t kw_args;
    mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
    init(&buses[id].base, n_args - 1, args + 1, &kw_args);
    return MP_OBJ_FROM_PTR(&buses[id]);
}

static int errno_of(int result) {
    switch (result) {
        case I2C_ERR_NACK:
            return -MP_ENODEV;
        case I2C_ERR_TIMEOUT:
            return -MP_ETIMEDOUT;
        default:
            return -MP_EIO;
    }
}

// The chip sends a stop whenever it has nothing more to do: what belongs together must come together.
static int transfer(mp_obj_base_t *self_in, uint16_t addr, size_t n, mp_machine_i2c_buf_t *bufs, unsigned int flags) {
    machine_i2c_obj_t *self = (machine_i2c_obj_t *)self_in;
    if (!(flags & MP_MACHINE_I2C_FLAG_STOP)) {
        mp_raise_ValueError(MP_ERROR_TEXT("stop=False: this chip always sends a stop; take readfrom_mem() or SoftI2C"));
    }
    if (i2c_set_address(self->bus, addr) != I2C_OK) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("address %d: want 0 to 127"), addr);
    }
    size_t written = flags & MP_MACHINE_I2C_FLAG_WRITE1 ? 1 : flags & MP_MACHINE_I2C_FLAG_READ ? 0 : n;
    size_t send_len = 0, receive_len = 0;
    for (size_t i = 0; i < n; i++) {
        *(i < written ? &send_len : &receive_len) += bufs[i].len;
    }
    uint8_t probe;
    if (send_len + receive_len == 0) { // is somebody there? Nothing but a byte can ask
        return i2c_recv_data(self->bus, NULL, 0, &probe, 1) == I2C_OK ? 0 : -MP_ENODEV;
    }
    uint8_t *bytes = n == 1 ? bufs[0].buf : m_new(uint8_t, send_len + receive_len);
    uint8_t *end = bytes;
    for (size_t i = 0; n > 1 && i < written; end += bufs[i++].len) {
        memcpy(end, bufs[i].buf, bufs[i].len);
    }
    int result = receive_len > 0
        ? i2c_recv_data(self->bus, bytes, send_len, bytes + send_len, receive_len)
        : i2c_send_data(self->bus, bytes, send_len);
    end = bytes + send_len;
    for (size_t i = written; n > 1 && i < n; end += bufs[i++].len) {
        memcpy(bufs[i].buf, end, bufs[i].len);
    }
    if (n > 1) {
        m_del(uint8_t, bytes, send_len + receive_len);
    }
    return result == I2C_OK ? (int)(receive_len > 0 ? 0 : send_len) : errno_of(result);
}

static const mp_machine_i2c_p_t i2c_protocol = {
    .init = init,
    .transfer_supports_write1 = true,
    .transfer = transfer,
};

// MaixPy's names are found in the class above: upstream's dictionary of methods is a constant.
static const mp_rom_map_elem_t constants_table[] = {
    { MP_ROM_QSTR(MP_QSTR_I2C0), MP_ROM_INT(I2C_DEVICE_0) },
    { MP_ROM_QSTR(MP_QSTR_I2C1), MP_ROM_INT(I2C_DEVICE_1) },
    { MP_ROM_QSTR(MP_QSTR_I2C2), MP_ROM_INT(I2C_DEVICE_2) },
    { MP_ROM_QSTR(MP_QSTR_MODE_MASTER), MP_ROM_INT(0) },
};
static MP_DEFINE_CONST_DICT(constants, constants_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    constants_type,
    MP_QSTR_I2C,
    MP_TYPE_FLAG_NONE,
    locals_dict, &constants
    );

MP_DEFINE_CONST_OBJ_TYPE(
    machine_i2c_type,
    MP_QSTR_I2C,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    print, print,
    parent, &constants_type,
    protocol, &i2c_protocol,
    locals_dict, &mp_machine_i2c_locals_dict
    );
