// SPDX-License-Identifier: MIT
// machine.SPI: SPI0 and SPI1 as masters, by upstream's arguments or MaixPy's, and lent by LCD and card for each transfer.
#include <string.h>

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"

#include "machine_pin.h"
#include "machine_spi.h"
#include "sdk/fpioa.h"
#include "sdk/regs/fpioa.h"
#include "sdk/regs/spi.h"
#include "sdk/spi.h"

#define BAUDRATE_DEFAULT (500000)
#define CHUNK (31)    // bytes that the FIFOs take at once
#define NO_PAD (0xff)
#define SELECTS (4)

enum { SCK, MOSI, MISO, LINES };

typedef struct {
    mp_obj_base_t base;
    uint8_t bus;
    uint8_t mode;
    bool open;
    uint32_t baudrate; // as the chip makes it
    uint8_t pad[LINES];
    uint8_t select[SELECTS];
} machine_spi_obj_t;

#define NO_PADS { NO_PAD, NO_PAD, NO_PAD }
#define NO_SELECTS { NO_PAD, NO_PAD, NO_PAD, NO_PAD }
static machine_spi_obj_t buses[] = {
    { { &machine_spi_type }, 0, 0, false, BAUDRATE_DEFAULT, NO_PADS, NO_SELECTS },
    { { &machine_spi_type }, 1, 0, false, BAUDRATE_DEFAULT, NO_PADS, NO_SELECTS },
};
static spi_t *const registers[] = { SPI0, SPI1 };
static const uint8_t functions[][LINES] = {
    { FUNC_SPI0_SCLK, FUNC_SPI0_D0, FUNC_SPI0_D0 + 1 },
    { FUNC_SPI1_SCLK, FUNC_SPI1_D0, FUNC_SPI1_D0 + 1 },
};

// -- transfers

// What another driver of the same bus had, which gets it back.
typedef struct {
    int pad[LINES];
    uint32_t word[LINES];
    uint32_t baudr;
} lender_t;

static void borrow(const machine_spi_obj_t *self, lender_t *lender) {
    lender->baudr = registers[self->bus]->baudr;
    for (int line = 0; line < LINES; line++) {
        fpioa_function_t function = (fpioa_function_t)functions[self->bus][line];
        lender->pad[line] = fpioa_get_io_by_function(function);
        if (lender->pad[line] >= 0) {
            lender->word[line] = FPIOA->io[lender->pad[line]];
        }
        if (self->pad[line] != NO_PAD && lender->pad[line] != self->pad[line]) {
            fpioa_set_function(self->pad[line], function);
        }
    }
    spi_init((spi_device_num_t)self->bus, (spi_work_mode_t)self->mode, SPI_FF_STANDARD, 8, 0);
    spi_set_clk_rate((spi_device_num_t)self->bus, self->baudrate);
}

static void give_back(const machine_spi_obj_t *self, const lender_t *lender) {
    for (int line = 0; line < LINES; line++) {
        int pad = lender->pad[line];
        if (self->pad[line] != NO_PAD && pad >= 0 && pad != self->pad[line]) {
            FPIOA->io[self->pad[line]] = FUNC_RESV0;
            FPIOA->io[pad] = lender->word[line];
        }
    }
    registers[self->bus]->baudr = lender->baudr;
}

static void select(const machine_spi_obj_t *self, int which, bool on) {
    if (which >= 0 && self->select[which] != NO_PAD) {
        mp_hal_pin_write(machine_pin_gpiohs(self->select[which]), !on);
    }
}

// Without `src` ones go out, without `dest` nothing is kept.
static void exchange(machine_spi_obj_t *self, int which, size_t len, const uint8_t *src, uint8_t *dest) {
    if (!self->open) {
        mp_raise_ValueError(MP_ERROR_TEXT("this SPI was ended by deinit(): init() it first"));
    }
    if (which < -1 || which >= SELECTS || (which >= 0 && self->select[which] == NO_PAD)) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("cs=%d has no pin: SPI(..., cs0=) to cs3"), which);
    }
    which = which < 0 ? 0 : which; // as in MaixPy; where cs0 has no pin, the script selects by one of its own
    lender_t lender;
    uint8_t unwanted[CHUNK];
    int result = SPI_OK;
    borrow(self, &lender);
    select(self, which, true);
    for (size_t done = 0, part; done < len && result == SPI_OK; done += part) {
        part = len - done < CHUNK ? len - done : CHUNK;
        result = spi_exchange_data_standard((spi_device_num_t)self->bus, SPI_CHIP_SELECT_0,
            src == NULL ? NULL : src + done, dest == NULL ? unwanted : dest + done, part);
    }
    select(self, which, false);
    give_back(self, &lender);
    if (result != SPI_OK) {
        mp_raise_OSError(MP_ETIMEDOUT);
    }
}

// For upstream's drivers.
static void transfer(mp_obj_base_t *self, size_t len, const uint8_t *src, uint8_t *dest) {
    exchange((machine_spi_obj_t *)self, -1, len, src, dest);
}

// -- arguments

static void init(mp_obj_base_t *self_in, size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_baudrate, ARG_polarity, ARG_phase, ARG_bits, ARG_firstbit, ARG_sck, ARG_mosi, ARG_miso, ARG_mode, ARG_cs0,
           ARG_cs1, ARG_cs2, ARG_cs3 };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_baudrate, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_polarity, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_phase, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_bits, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 8 } },
        { MP_QSTR_firstbit, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = MICROPY_PY_MACHINE_SPI_MSB } },
        { MP_QSTR_sck, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_mosi, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_miso, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_mode, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_cs0, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_cs1, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_cs2, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_cs3, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    machine_spi_obj_t *self = (machine_spi_obj_t *)self_in;
    if (args[ARG_bits].u_int != 8 || args[ARG_firstbit].u_int != MICROPY_PY_MACHINE_SPI_MSB || args[ARG_mode].u_int != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("want bits=8, firstbit=SPI.MSB and mode=SPI.MODE_MASTER: others are not there"));
    }
    int polarity = args[ARG_polarity].u_int < 0 ? self->mode >> 1 : args[ARG_polarity].u_int;
    int phase = args[ARG_phase].u_int < 0 ? self->mode & 1 : args[ARG_phase].u_int;
    if (polarity > 1 || phase > 1 || args[ARG_baudrate].u_int == 0) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("baudrate %d, polarity %d, phase %d: want more than 0 Hz, 0 or 1, 0 or 1"),
            (int)args[ARG_baudrate].u_int, polarity, phase);
    }
    for (int line = 0; line < LINES; line++) {
        if (args[ARG_sck + line].u_obj != mp_const_none) {
            self->pad[line] = machine_pin_pad(args[ARG_sck + line].u_obj);
        }
    }
    if (self->pad[SCK] == NO_PAD) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("SPI%d is on no pins: sck=, mosi=, miso="), self->bus);
    }
    for (int i = 0; i < SELECTS; i++) {
        mp_obj_t pin = args[ARG_cs0 + i].u_obj;
        if (pin != mp_const_none) {
            self->select[i] = machine_pin_pad(pin);
            uint8_t gpiohs = machine_pin_gpiohs(self->select[i]);
            mp_hal_pin_write(gpiohs, true);
            mp_hal_pin_output(gpiohs);
        }
    }
    self->mode = polarity << 1 | phase;
    self->open = true;
    lender_t lender;
    uint32_t wanted = args[ARG_baudrate].u_int > 0 ? (uint32_t)args[ARG_baudrate].u_int : self->baudrate;
    self->baudrate = wanted;
    borrow(self, &lender);
    self->baudrate = spi_set_clk_rate((spi_device_num_t)self->bus, wanted);
    give_back(self, &lender);
}

static void deinit(mp_obj_base_t *self_in) {
    machine_spi_obj_t *self = (machine_spi_obj_t *)self_in;
    self->open = false;
    for (int line = 0; line < LINES; line++) {
        int pad = self->pad[line];
        if (pad != NO_PAD && (FPIOA->io[pad] & FPIOA_IO_FUNCTION_MASK) == functions[self->bus][line]) {
            FPIOA->io[pad] = FUNC_RESV0;
        }
        self->pad[line] = NO_PAD;
    }
    for (int i = 0; i < SELECTS; i++) {
        self->select[i] = NO_PAD;
    }
}

// SPI(id, baudrate, *, polarity, phase, bits, firstbit, sck, mosi, miso), with MaixPy's mode= and cs0= to cs3=.
static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_arg_check_num(n_args, n_kw, 1, MP_OBJ_FUN_ARGS_MAX, true);
    mp_int_t id = mp_obj_get_int(args[0]);
    if (id < 0 || id >= (mp_int_t)MP_ARRAY_SIZE(buses)) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("SPI %d: want SPI.SPI0 or SPI.SPI1, or SoftSPI"), (int)id);
    }
    mp_map_t kw_args;
    mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
    buses[id].mode = 0;
    buses[id].baudrate = BAUDRATE_DEFAULT;
    init(&buses[id].base, n_args - 1, args + 1, &kw_args);
    return MP_OBJ_FROM_PTR(&buses[id]);
}

void machine_spi_deinit_all(void) {
    for (size_t i = 0; i < MP_ARRAY_SIZE(buses); i++) {
        if (buses[i].open) {
            deinit(&buses[i].base);
        }
    }
}

// -- methods: upstream's, with MaixPy's cs=

static mp_obj_t init_method(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    init(MP_OBJ_TO_PTR(args[0]), n_args - 1, args + 1, kw_args);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(init_obj, 1, init_method);

static mp_obj_t deinit_method(mp_obj_t self) {
    deinit(MP_OBJ_TO_PTR(self));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(deinit_obj, deinit_method);

enum { ARG_first, ARG_write, ARG_cs };

// Of read and readinto: a number or a buffer, the byte to send meanwhile, the select.
static void parse_read(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args, mp_arg_val_t *args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_, MP_ARG_REQUIRED | MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
        { MP_QSTR_write, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_cs, MP_ARG_INT, { .u_int = -1 } },
    };
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
}

static mp_obj_t read(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    mp_arg_val_t args[3];
    parse_read(n_args, pos_args, kw_args, args);
    vstr_t bytes;
    vstr_init_len(&bytes, mp_obj_get_int(args[ARG_first].u_obj));
    memset(bytes.buf, args[ARG_write].u_int, bytes.len);
    exchange(MP_OBJ_TO_PTR(pos_args[0]), args[ARG_cs].u_int, bytes.len, (uint8_t *)bytes.buf, (uint8_t *)bytes.buf);
    return mp_obj_new_bytes_from_vstr(&bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(read_obj, 2, read);

static mp_obj_t readinto(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    mp_arg_val_t args[3];
    parse_read(n_args, pos_args, kw_args, args);
    mp_buffer_info_t into;
    mp_get_buffer_raise(args[ARG_first].u_obj, &into, MP_BUFFER_WRITE);
    memset(into.buf, args[ARG_write].u_int, into.len);
    exchange(MP_OBJ_TO_PTR(pos_args[0]), args[ARG_cs].u_int, into.len, into.buf, into.buf);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(readinto_obj, 2, readinto);

static mp_obj_t write(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_buf, ARG_select };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_, MP_ARG_REQUIRED | MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
        { MP_QSTR_cs, MP_ARG_INT, { .u_int = -1 } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_buffer_info_t from;
    mp_get_buffer_raise(args[ARG_buf].u_obj, &from, MP_BUFFER_READ);
    exchange(MP_OBJ_TO_PTR(pos_args[0]), args[ARG_select].u_int, from.len, from.buf, NULL);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(write_obj, 2, write);

static mp_obj_t write_readinto(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_from, ARG_into, ARG_select };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_, MP_ARG_REQUIRED | MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
        { MP_QSTR_, MP_ARG_REQUIRED | MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
        { MP_QSTR_cs, MP_ARG_INT, { .u_int = -1 } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_buffer_info_t from, into;
    mp_get_buffer_raise(args[ARG_from].u_obj, &from, MP_BUFFER_READ);
    mp_get_buffer_raise(args[ARG_into].u_obj, &into, MP_BUFFER_WRITE);
    if (from.len != into.len) {
        mp_raise_ValueError(MP_ERROR_TEXT("buffers must be the same length"));
    }
    exchange(MP_OBJ_TO_PTR(pos_args[0]), args[ARG_select].u_int, from.len, from.buf, into.buf);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(write_readinto_obj, 3, write_readinto);

static void print(const mp_print_t *out, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    const machine_spi_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(out, "SPI(%u, baudrate=%u, polarity=%u, phase=%u, bits=8)", self->bus, (unsigned)self->baudrate,
        self->mode >> 1, self->mode & 1);
}

static const mp_machine_spi_p_t spi_protocol = {
    .init = init,
    .deinit = deinit,
    .transfer = transfer,
};

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&init_obj) },
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&deinit_obj) },
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&read_obj) },
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&write_obj) },
    { MP_ROM_QSTR(MP_QSTR_write_readinto), MP_ROM_PTR(&write_readinto_obj) },

    { MP_ROM_QSTR(MP_QSTR_MSB), MP_ROM_INT(MICROPY_PY_MACHINE_SPI_MSB) },
    { MP_ROM_QSTR(MP_QSTR_LSB), MP_ROM_INT(MICROPY_PY_MACHINE_SPI_LSB) },
    { MP_ROM_QSTR(MP_QSTR_SPI0), MP_ROM_INT(0) },
    { MP_ROM_QSTR(MP_QSTR_SPI1), MP_ROM_INT(1) },
    { MP_ROM_QSTR(MP_QSTR_MODE_MASTER), MP_ROM_INT(0) },
    { MP_ROM_QSTR(MP_QSTR_CS0), MP_ROM_INT(0) },
    { MP_ROM_QSTR(MP_QSTR_CS1), MP_ROM_INT(1) },
    { MP_ROM_QSTR(MP_QSTR_CS2), MP_ROM_INT(2) },
    { MP_ROM_QSTR(MP_QSTR_CS3), MP_ROM_INT(3) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_spi_type,
    MP_QSTR_SPI,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    print, print,
    protocol, &spi_protocol,
    locals_dict, &locals
    );
