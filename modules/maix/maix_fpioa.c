// SPDX-License-Identifier: MIT
// Maix.FPIOA: puts functions on pads, and knows them by their names.
#include "py/runtime.h"

#include "modules/maix/maix.h"
#include "sdk/fpioa.h"
#include "sdk/regs/fpioa.h"

#define PADS (48)

static const mp_obj_base_t only_one = { &maix_fpioa_type };

static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    (void)args;
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    return MP_OBJ_FROM_PTR(&only_one);
}

// set_function(pin, func, set_sl, set_st, set_io_driving): -1 leaves the function's own setting.
static mp_obj_t set_function(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_pin, ARG_func, ARG_set_sl, ARG_set_st, ARG_set_io_driving };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_pin, MP_ARG_REQUIRED | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_func, MP_ARG_REQUIRED | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_set_sl, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_set_st, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_set_io_driving, MP_ARG_INT, { .u_int = -1 } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_int_t pin = args[ARG_pin].u_int;
    mp_int_t function = args[ARG_func].u_int;
    if (pin < 0 || pin >= PADS || function < 0 || function >= FUNC_MAX) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("pin %d, function %d: want 0 to 47, and one of FPIOA's names"), (int)pin, (int)function);
    }
    fpioa_set_function(pin, (fpioa_function_t)function);
    if (args[ARG_set_io_driving].u_int >= 0) {
        fpioa_set_io_driving(pin, (fpioa_driving_t)MIN(args[ARG_set_io_driving].u_int, FPIOA_DRIVING_7));
    }
    const struct {
        mp_int_t wanted;
        uint32_t bit;
    } switches[] = {
        { args[ARG_set_sl].u_int, FPIOA_IO_SLEW },
        { args[ARG_set_st].u_int, FPIOA_IO_SCHMITT },
    };
    for (size_t i = 0; i < MP_ARRAY_SIZE(switches); i++) {
        if (switches[i].wanted >= 0) {
            uint32_t others = FPIOA->io[pin] & ~switches[i].bit;
            FPIOA->io[pin] = others | (switches[i].wanted ? switches[i].bit : 0);
        }
    }
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(set_function_obj, 1, set_function);

// get_Pin_num(func) -> the pad that carries it, or None.
static mp_obj_t get_pin_num(mp_obj_t self, mp_obj_t function) {
    (void)self;
    int pad = fpioa_get_io_by_function((fpioa_function_t)mp_obj_get_int(function));
    return pad < 0 ? mp_const_none : MP_OBJ_NEW_SMALL_INT(pad);
}
static MP_DEFINE_CONST_FUN_OBJ_2(get_pin_num_obj, get_pin_num);

static mp_obj_t help(size_t n_args, const mp_obj_t *args);
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(help_obj, 1, 2, help);

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_set_function), MP_ROM_PTR(&set_function_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_Pin_num), MP_ROM_PTR(&get_pin_num_obj) },
    { MP_ROM_QSTR(MP_QSTR_help), MP_ROM_PTR(&help_obj) },

    { MP_ROM_QSTR(MP_QSTR_JTAG_TCLK), MP_ROM_INT(0) },
    { MP_ROM_QSTR(MP_QSTR_JTAG_TDI), MP_ROM_INT(1) },
    { MP_ROM_QSTR(MP_QSTR_JTAG_TMS), MP_ROM_INT(2) },
    { MP_ROM_QSTR(MP_QSTR_JTAG_TDO), MP_ROM_INT(3) },
    { MP_ROM_QSTR(MP_QSTR_SPI0_D0), MP_ROM_INT(4) },
    { MP_ROM_QSTR(MP_QSTR_SPI0_D1), MP_ROM_INT(5) },
    { MP_ROM_QSTR(MP_QSTR_SPI0_D2), MP_ROM_INT(6) },
    { MP_ROM_QSTR(MP_QSTR_SPI0_D3), MP_ROM_INT(7) },
    { MP_ROM_QSTR(MP_QSTR_SPI0_D4), MP_ROM_INT(8) },
    { MP_ROM_QSTR(MP_QSTR_SPI0_D5), MP_ROM_INT(9) },
    { MP_ROM_QSTR(MP_QSTR_SPI0_D6), MP_ROM_INT(10) },
    { MP_ROM_QSTR(MP_QSTR_SPI0_D7), MP_ROM_INT(11) },
    { MP_ROM_QSTR(MP_QSTR_SPI0_SS0), MP_ROM_INT(12) },
    { MP_ROM_QSTR(MP_QSTR_SPI0_SS1), MP_ROM_INT(13) },
    { MP_ROM_QSTR(MP_QSTR_SPI0_SS2), MP_ROM_INT(14) },
    { MP_ROM_QSTR(MP_QSTR_SPI0_SS3), MP_ROM_INT(15) },
    { MP_ROM_QSTR(MP_QSTR_SPI0_ARB), MP_ROM_INT(16) },
    { MP_ROM_QSTR(MP_QSTR_SPI0_SCLK), MP_ROM_INT(17) },
    { MP_ROM_QSTR(MP_QSTR_UARTHS_RX), MP_ROM_INT(18) },
    { MP_ROM_QSTR(MP_QSTR_UARTHS_TX), MP_ROM_INT(19) },
    { MP_ROM_QSTR(MP_QSTR_CLK_SPI1), MP_ROM_INT(22) },
    { MP_ROM_QSTR(MP_QSTR_CLK_I2C1), MP_ROM_INT(23) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS0), MP_ROM_INT(24) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS1), MP_ROM_INT(25) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS2), MP_ROM_INT(26) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS3), MP_ROM_INT(27) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS4), MP_ROM_INT(28) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS5), MP_ROM_INT(29) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS6), MP_ROM_INT(30) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS7), MP_ROM_INT(31) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS8), MP_ROM_INT(32) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS9), MP_ROM_INT(33) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS10), MP_ROM_INT(34) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS11), MP_ROM_INT(35) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS12), MP_ROM_INT(36) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS13), MP_ROM_INT(37) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS14), MP_ROM_INT(38) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS15), MP_ROM_INT(39) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS16), MP_ROM_INT(40) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS17), MP_ROM_INT(41) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS18), MP_ROM_INT(42) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS19), MP_ROM_INT(43) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS20), MP_ROM_INT(44) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS21), MP_ROM_INT(45) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS22), MP_ROM_INT(46) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS23), MP_ROM_INT(47) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS24), MP_ROM_INT(48) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS25), MP_ROM_INT(49) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS26), MP_ROM_INT(50) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS27), MP_ROM_INT(51) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS28), MP_ROM_INT(52) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS29), MP_ROM_INT(53) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS30), MP_ROM_INT(54) },
    { MP_ROM_QSTR(MP_QSTR_GPIOHS31), MP_ROM_INT(55) },
    { MP_ROM_QSTR(MP_QSTR_GPIO0), MP_ROM_INT(56) },
    { MP_ROM_QSTR(MP_QSTR_GPIO1), MP_ROM_INT(57) },
    { MP_ROM_QSTR(MP_QSTR_GPIO2), MP_ROM_INT(58) },
    { MP_ROM_QSTR(MP_QSTR_GPIO3), MP_ROM_INT(59) },
    { MP_ROM_QSTR(MP_QSTR_GPIO4), MP_ROM_INT(60) },
    { MP_ROM_QSTR(MP_QSTR_GPIO5), MP_ROM_INT(61) },
    { MP_ROM_QSTR(MP_QSTR_GPIO6), MP_ROM_INT(62) },
    { MP_ROM_QSTR(MP_QSTR_GPIO7), MP_ROM_INT(63) },
    { MP_ROM_QSTR(MP_QSTR_UART1_RX), MP_ROM_INT(64) },
    { MP_ROM_QSTR(MP_QSTR_UART1_TX), MP_ROM_INT(65) },
    { MP_ROM_QSTR(MP_QSTR_UART2_RX), MP_ROM_INT(66) },
    { MP_ROM_QSTR(MP_QSTR_UART2_TX), MP_ROM_INT(67) },
    { MP_ROM_QSTR(MP_QSTR_UART3_RX), MP_ROM_INT(68) },
    { MP_ROM_QSTR(MP_QSTR_UART3_TX), MP_ROM_INT(69) },
    { MP_ROM_QSTR(MP_QSTR_SPI1_D0), MP_ROM_INT(70) },
    { MP_ROM_QSTR(MP_QSTR_SPI1_D1), MP_ROM_INT(71) },
    { MP_ROM_QSTR(MP_QSTR_SPI1_D2), MP_ROM_INT(72) },
    { MP_ROM_QSTR(MP_QSTR_SPI1_D3), MP_ROM_INT(73) },
    { MP_ROM_QSTR(MP_QSTR_SPI1_D4), MP_ROM_INT(74) },
    { MP_ROM_QSTR(MP_QSTR_SPI1_D5), MP_ROM_INT(75) },
    { MP_ROM_QSTR(MP_QSTR_SPI1_D6), MP_ROM_INT(76) },
    { MP_ROM_QSTR(MP_QSTR_SPI1_D7), MP_ROM_INT(77) },
    { MP_ROM_QSTR(MP_QSTR_SPI1_SS0), MP_ROM_INT(78) },
    { MP_ROM_QSTR(MP_QSTR_SPI1_SS1), MP_ROM_INT(79) },
    { MP_ROM_QSTR(MP_QSTR_SPI1_SS2), MP_ROM_INT(80) },
    { MP_ROM_QSTR(MP_QSTR_SPI1_SS3), MP_ROM_INT(81) },
    { MP_ROM_QSTR(MP_QSTR_SPI1_ARB), MP_ROM_INT(82) },
    { MP_ROM_QSTR(MP_QSTR_SPI1_SCLK), MP_ROM_INT(83) },
    { MP_ROM_QSTR(MP_QSTR_SPI_SLAVE_D0), MP_ROM_INT(84) },
    { MP_ROM_QSTR(MP_QSTR_SPI_SLAVE_SS), MP_ROM_INT(85) },
    { MP_ROM_QSTR(MP_QSTR_SPI_SLAVE_SCLK), MP_ROM_INT(86) },
    { MP_ROM_QSTR(MP_QSTR_I2S0_MCLK), MP_ROM_INT(87) },
    { MP_ROM_QSTR(MP_QSTR_I2S0_SCLK), MP_ROM_INT(88) },
    { MP_ROM_QSTR(MP_QSTR_I2S0_WS), MP_ROM_INT(89) },
    { MP_ROM_QSTR(MP_QSTR_I2S0_IN_D0), MP_ROM_INT(90) },
    { MP_ROM_QSTR(MP_QSTR_I2S0_IN_D1), MP_ROM_INT(91) },
    { MP_ROM_QSTR(MP_QSTR_I2S0_IN_D2), MP_ROM_INT(92) },
    { MP_ROM_QSTR(MP_QSTR_I2S0_IN_D3), MP_ROM_INT(93) },
    { MP_ROM_QSTR(MP_QSTR_I2S0_OUT_D0), MP_ROM_INT(94) },
    { MP_ROM_QSTR(MP_QSTR_I2S0_OUT_D1), MP_ROM_INT(95) },
    { MP_ROM_QSTR(MP_QSTR_I2S0_OUT_D2), MP_ROM_INT(96) },
    { MP_ROM_QSTR(MP_QSTR_I2S0_OUT_D3), MP_ROM_INT(97) },
    { MP_ROM_QSTR(MP_QSTR_I2S1_MCLK), MP_ROM_INT(98) },
    { MP_ROM_QSTR(MP_QSTR_I2S1_SCLK), MP_ROM_INT(99) },
    { MP_ROM_QSTR(MP_QSTR_I2S1_WS), MP_ROM_INT(100) },
    { MP_ROM_QSTR(MP_QSTR_I2S1_IN_D0), MP_ROM_INT(101) },
    { MP_ROM_QSTR(MP_QSTR_I2S1_IN_D1), MP_ROM_INT(102) },
    { MP_ROM_QSTR(MP_QSTR_I2S1_IN_D2), MP_ROM_INT(103) },
    { MP_ROM_QSTR(MP_QSTR_I2S1_IN_D3), MP_ROM_INT(104) },
    { MP_ROM_QSTR(MP_QSTR_I2S1_OUT_D0), MP_ROM_INT(105) },
    { MP_ROM_QSTR(MP_QSTR_I2S1_OUT_D1), MP_ROM_INT(106) },
    { MP_ROM_QSTR(MP_QSTR_I2S1_OUT_D2), MP_ROM_INT(107) },
    { MP_ROM_QSTR(MP_QSTR_I2S1_OUT_D3), MP_ROM_INT(108) },
    { MP_ROM_QSTR(MP_QSTR_I2S2_MCLK), MP_ROM_INT(109) },
    { MP_ROM_QSTR(MP_QSTR_I2S2_SCLK), MP_ROM_INT(110) },
    { MP_ROM_QSTR(MP_QSTR_I2S2_WS), MP_ROM_INT(111) },
    { MP_ROM_QSTR(MP_QSTR_I2S2_IN_D0), MP_ROM_INT(112) },
    { MP_ROM_QSTR(MP_QSTR_I2S2_IN_D1), MP_ROM_INT(113) },
    { MP_ROM_QSTR(MP_QSTR_I2S2_IN_D2), MP_ROM_INT(114) },
    { MP_ROM_QSTR(MP_QSTR_I2S2_IN_D3), MP_ROM_INT(115) },
    { MP_ROM_QSTR(MP_QSTR_I2S2_OUT_D0), MP_ROM_INT(116) },
    { MP_ROM_QSTR(MP_QSTR_I2S2_OUT_D1), MP_ROM_INT(117) },
    { MP_ROM_QSTR(MP_QSTR_I2S2_OUT_D2), MP_ROM_INT(118) },
    { MP_ROM_QSTR(MP_QSTR_I2S2_OUT_D3), MP_ROM_INT(119) },
    { MP_ROM_QSTR(MP_QSTR_I2C0_SCLK), MP_ROM_INT(126) },
    { MP_ROM_QSTR(MP_QSTR_I2C0_SDA), MP_ROM_INT(127) },
    { MP_ROM_QSTR(MP_QSTR_I2C1_SCLK), MP_ROM_INT(128) },
    { MP_ROM_QSTR(MP_QSTR_I2C1_SDA), MP_ROM_INT(129) },
    { MP_ROM_QSTR(MP_QSTR_I2C2_SCLK), MP_ROM_INT(130) },
    { MP_ROM_QSTR(MP_QSTR_I2C2_SDA), MP_ROM_INT(131) },
    { MP_ROM_QSTR(MP_QSTR_CMOS_XCLK), MP_ROM_INT(132) },
    { MP_ROM_QSTR(MP_QSTR_CMOS_RST), MP_ROM_INT(133) },
    { MP_ROM_QSTR(MP_QSTR_CMOS_PWDN), MP_ROM_INT(134) },
    { MP_ROM_QSTR(MP_QSTR_CMOS_VSYNC), MP_ROM_INT(135) },
    { MP_ROM_QSTR(MP_QSTR_CMOS_HREF), MP_ROM_INT(136) },
    { MP_ROM_QSTR(MP_QSTR_CMOS_PCLK), MP_ROM_INT(137) },
    { MP_ROM_QSTR(MP_QSTR_CMOS_D0), MP_ROM_INT(138) },
    { MP_ROM_QSTR(MP_QSTR_CMOS_D1), MP_ROM_INT(139) },
    { MP_ROM_QSTR(MP_QSTR_CMOS_D2), MP_ROM_INT(140) },
    { MP_ROM_QSTR(MP_QSTR_CMOS_D3), MP_ROM_INT(141) },
    { MP_ROM_QSTR(MP_QSTR_CMOS_D4), MP_ROM_INT(142) },
    { MP_ROM_QSTR(MP_QSTR_CMOS_D5), MP_ROM_INT(143) },
    { MP_ROM_QSTR(MP_QSTR_CMOS_D6), MP_ROM_INT(144) },
    { MP_ROM_QSTR(MP_QSTR_CMOS_D7), MP_ROM_INT(145) },
    { MP_ROM_QSTR(MP_QSTR_SCCB_SCLK), MP_ROM_INT(146) },
    { MP_ROM_QSTR(MP_QSTR_SCCB_SDA), MP_ROM_INT(147) },
    { MP_ROM_QSTR(MP_QSTR_TIMER0_TOGGLE1), MP_ROM_INT(190) },
    { MP_ROM_QSTR(MP_QSTR_TIMER0_TOGGLE2), MP_ROM_INT(191) },
    { MP_ROM_QSTR(MP_QSTR_TIMER0_TOGGLE3), MP_ROM_INT(192) },
    { MP_ROM_QSTR(MP_QSTR_TIMER0_TOGGLE4), MP_ROM_INT(193) },
    { MP_ROM_QSTR(MP_QSTR_TIMER1_TOGGLE1), MP_ROM_INT(194) },
    { MP_ROM_QSTR(MP_QSTR_TIMER1_TOGGLE2), MP_ROM_INT(195) },
    { MP_ROM_QSTR(MP_QSTR_TIMER1_TOGGLE3), MP_ROM_INT(196) },
    { MP_ROM_QSTR(MP_QSTR_TIMER1_TOGGLE4), MP_ROM_INT(197) },
    { MP_ROM_QSTR(MP_QSTR_TIMER2_TOGGLE1), MP_ROM_INT(198) },
    { MP_ROM_QSTR(MP_QSTR_TIMER2_TOGGLE2), MP_ROM_INT(199) },
    { MP_ROM_QSTR(MP_QSTR_TIMER2_TOGGLE3), MP_ROM_INT(200) },
    { MP_ROM_QSTR(MP_QSTR_TIMER2_TOGGLE4), MP_ROM_INT(201) },
    { MP_ROM_QSTR(MP_QSTR_CLK_SPI2), MP_ROM_INT(202) },
    { MP_ROM_QSTR(MP_QSTR_CLK_I2C2), MP_ROM_INT(203) },
    { MP_ROM_QSTR(MP_QSTR_CONSTANT), MP_ROM_INT(222) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

// help([func]): prints the functions with their numbers, or one's name.
static mp_obj_t help(size_t n_args, const mp_obj_t *args) {
    for (size_t i = 0; i < MP_ARRAY_SIZE(locals_table); i++) {
        mp_const_obj_t value = locals_table[i].value;
        if (mp_obj_is_small_int(value) && (n_args == 1 || value == args[1])) {
            mp_printf(&mp_plat_print, "%3d %q\n", (int)MP_OBJ_SMALL_INT_VALUE(value),
                MP_OBJ_QSTR_VALUE(locals_table[i].key));
        }
    }
    return mp_const_none;
}

MP_DEFINE_CONST_OBJ_TYPE(
    maix_fpioa_type,
    MP_QSTR_FPIOA,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    locals_dict, &locals
    );
