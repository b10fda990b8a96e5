// SPDX-License-Identifier: MIT
// sensor.reset(): pads, power, the search for a sensor, and its settings.
#include "py/runtime.h"

#include "genhdr/board.h"
#include "modules/sensor/sensor.h"
#include "sdk/fpioa.h"
#include "sdk/sysctl.h"

#define DEFAULT_XCLK_HZ (24000000)

static void pads(void) {
    static const struct {
        uint8_t pad, function;
    } wires[] = {
        { BOARD_CAMERA_XCLK, FUNC_CMOS_XCLK }, { BOARD_CAMERA_PCLK, FUNC_CMOS_PCLK },
        { BOARD_CAMERA_VSYNC, FUNC_CMOS_VSYNC }, { BOARD_CAMERA_HREF, FUNC_CMOS_HREF },
        { BOARD_CAMERA_RST, FUNC_CMOS_RST }, { BOARD_CAMERA_PWDN, FUNC_CMOS_PWDN },
        { BOARD_CAMERA_SCL, FUNC_SCCB_SCLK }, { BOARD_CAMERA_SDA, FUNC_SCCB_SDA },
    };
    for (size_t i = 0; i < MP_ARRAY_SIZE(wires); i++) {
        fpioa_set_function(wires[i].pad, (fpioa_function_t)wires[i].function);
    }
    sysctl_set_spi0_dvp_data(1); // the data lines have pins of their own
}

NORETURN static void raise_none(const chip_answer_t *answers) {
    vstr_t text;
    vstr_init(&text, 160);
    vstr_add_str(&text, "Reset Failed: no sensor:");
    for (size_t i = 0; i < CHIP_KINDS; i++) {
        if (answers[i].chip == NULL) {
            continue; // not of the maker that was asked for
        }
        vstr_printf(&text, " %s at 0x%02x would say %02x %02x, there is %02x %02x;", answers[i].chip->name,
            answers[i].chip->address >> 1, answers[i].chip->identity[0], answers[i].chip->identity[1],
            answers[i].found[0], answers[i].found[1]);
    }
    vstr_add_str(&text, " ff ff is nobody: check the camera's cable");
    nlr_raise(mp_obj_new_exception_arg1(&mp_type_OSError, mp_obj_new_str_from_vstr(&text)));
}

static mp_obj_t sensor_reset(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_freq, ARG_set_regs, ARG_dual_buff, ARG_choice };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_freq, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_set_regs, MP_ARG_KW_ONLY | MP_ARG_BOOL, { .u_bool = true } },
        { MP_QSTR_dual_buff, MP_ARG_KW_ONLY | MP_ARG_BOOL, { .u_bool = false } },
        { MP_QSTR_choice, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 0 } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_int_t choice = args[ARG_choice].u_int;
    if (choice < 0 || choice > 2) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("choice %d: want 0 (any sensor), 1 (OmniVision) or 2 (GalaxyCore)"), (int)choice);
    }
    sensor_drop_frames();
    sensor.chip = NULL;
    sensor.stopped = sensor.off = false;
    pads();
    dvp_init(8);
    mp_int_t hz = args[ARG_freq].u_int;
    chip_answer_t answers[CHIP_KINDS] = { 0 };
    const chip_t *chip = chip_detect(hz > 0 ? hz : DEFAULT_XCLK_HZ, choice != 2, choice != 1, answers);
    if (chip == NULL) {
        mp_printf(&mp_plat_print, "[MAIXPY]: no sensor\n");
        raise_none(answers);
    }
    mp_printf(&mp_plat_print, "[MAIXPY]: find %s\n", chip->name);
    if (hz <= 0) {
        dvp_set_xclk_rate(chip->xclk_hz);
    }
    if (args[ARG_set_regs].u_bool) {
        sensor_check(chip->load_defaults());
        if (sensor.has_format) {
            sensor_check(sensor_send_format(chip));
        }
        if (sensor.has_size) {
            sensor_check(chip->set_size(&sensor.size));
        }
    }
    sensor.chip = chip;
    sensor.buffers = args[ARG_dual_buff].u_bool ? 2 : 1;
    sensor.rate = SENSOR_DEFAULT_RATE;
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(sensor_reset_obj, 0, sensor_reset);

static mp_obj_t sensor_binocular_reset(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    (void)n_args;
    (void)pos_args;
    (void)kw_args;
    mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("Reset Failed: two sensors in turn are not driven: sensor.reset(),"
        " with choice=1 or 2 where two of different makers are on the cable"));
}
MP_DEFINE_CONST_FUN_OBJ_KW(sensor_binocular_reset_obj, 0, sensor_binocular_reset);
