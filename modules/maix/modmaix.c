// SPDX-License-Identifier: MIT
// Module _maix: classes and figures of the chip and the board for the frozen modules Maix and board.
#include "py/runtime.h"

#include "genhdr/board.h"
#include "modules/maix/maix.h"
#include "sdk/sysctl.h"

static mp_obj_t maix_kpu_hz(void) {
    return mp_obj_new_int_from_uint(sysctl_clock_get_freq(SYSCTL_CLOCK_AI));
}
static MP_DEFINE_CONST_FUN_OBJ_0(maix_kpu_hz_obj, maix_kpu_hz);

// Pads of the board's lights and keys, by name.
#define PAD(name, pad) { MP_ROM_QSTR(MP_QSTR_##name), MP_ROM_INT(pad) },
static const mp_rom_map_elem_t pads_table[] = {
    BOARD_PADS(PAD)
};
static MP_DEFINE_CONST_DICT(pads_dict, pads_table);

static const mp_rom_map_elem_t globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__maix) },
    { MP_ROM_QSTR(MP_QSTR_FPIOA), MP_ROM_PTR(&maix_fpioa_type) },
    { MP_ROM_QSTR(MP_QSTR_GPIO), MP_ROM_PTR(&maix_gpio_type) },
    { MP_ROM_QSTR(MP_QSTR_fft), MP_ROM_PTR(&maix_fft_obj) },
    { MP_ROM_QSTR(MP_QSTR_kpu_hz), MP_ROM_PTR(&maix_kpu_hz_obj) },
    { MP_ROM_QSTR(MP_QSTR_pads), MP_ROM_PTR(&pads_dict) },
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t maix_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&globals,
};
MP_REGISTER_MODULE(MP_QSTR__maix, maix_module);
