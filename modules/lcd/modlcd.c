// SPDX-License-Identifier: MIT
// Module lcd: MaixPy's calls on the board's display. Nothing of the picture is kept here, the display has it.
#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"

#include "genhdr/board.h"
#include "modules/lcd/lcd.h"

#define COMMAND_BYTES_MAX (31)
#define TYPE_LAST (BOARD_LCD_DATA == ST7789_EIGHT_LINES ? TYPE_CUBE : TYPE_M5STICK)

lcd_t lcd;

// -- where things are

uint8_t lcd_madctl(void) {
    uint8_t value = lcd.direction;
    for (unsigned i = 0; i < lcd.rotation; i++) {
        value ^= ST7789_SWAP_AXES | (value & ST7789_SWAP_AXES ? ST7789_FLIP_ROWS : ST7789_FLIP_COLUMNS);
    }
    if (lcd.mirrored) {
        value ^= value & ST7789_SWAP_AXES ? ST7789_FLIP_ROWS : ST7789_FLIP_COLUMNS;
    }
    return value ^ (lcd.bgr ? ST7789_BGR : 0);
}

static bool is_turned(void) {
    return (lcd_madctl() ^ BOARD_LCD_MADCTL) & ST7789_SWAP_AXES;
}

lcd_rect_t lcd_screen(void) {
    bool turned = is_turned();
    return (lcd_rect_t) { 0, 0, turned ? lcd.height : lcd.width, turned ? lcd.width : lcd.height };
}

void lcd_check(int result) {
    if (result != 0) {
        static const char why[] = "the display's bus did not finish: lcd.init() again";
        const mp_obj_t args[] = { MP_OBJ_NEW_SMALL_INT(MP_EIO), mp_obj_new_str(why, sizeof(why) - 1) };
        nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, MP_ARRAY_SIZE(args), args));
    }
}

static void lcd_need_init(void) {
    if (!lcd.ready) {
        mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("the display is not on: lcd.init() first"));
    }
}

bool lcd_is_there(void) {
    lcd_need_init();
    return lcd.type != TYPE_NONE;
}

static void set_madctl(void) {
    uint8_t value = lcd_madctl();
    lcd_check(st7789_command(0x36, &value, 1));
}

lcd_offset_t lcd_offset(void) {
    // Where the glass begins in the controller's memory, from whichever end its addresses run.
    uint8_t madctl = lcd_madctl();
    bool swapped = madctl & ST7789_SWAP_AXES;
    int column = madctl & ST7789_FLIP_COLUMNS ? BOARD_LCD_LAST_COLUMN : BOARD_LCD_FIRST_COLUMN;
    int row = madctl & ST7789_FLIP_ROWS ? BOARD_LCD_LAST_ROW : BOARD_LCD_FIRST_ROW;
    const int16_t *given = lcd.offset[swapped];
    int x = swapped ? row : column, y = swapped ? column : row;
    return (lcd_offset_t) { given[0] < 0 ? x : given[0], given[1] < 0 ? y : given[1] };
}

// -- on and off

// Puts what the settings say of "lcd" in the place of defaults; gives the direction.
static mp_int_t with_settings(mp_arg_t *args, size_t count) {
    mp_obj_t config = mp_load_attr(mp_import_name(MP_QSTR_Maix, mp_const_none, MP_OBJ_NEW_SMALL_INT(0)), MP_QSTR_config);
    mp_obj_t kept = mp_call_function_2(mp_load_attr(config, MP_QSTR_get_value), MP_OBJ_NEW_QSTR(MP_QSTR_lcd),
        mp_const_none);
    if (!mp_obj_is_dict_or_ordereddict(kept)) {
        return BOARD_LCD_MADCTL;
    }
    mp_map_t *map = mp_obj_dict_get_map(kept);
    for (size_t i = 0; i < count; i++) {
        mp_map_elem_t *value = mp_map_lookup(map, MP_OBJ_NEW_QSTR(args[i].qst), MP_MAP_LOOKUP);
        if (value != NULL && (args[i].flags & MP_ARG_KIND_MASK) == MP_ARG_INT) {
            args[i].defval.u_int = mp_obj_get_int(value->value);
        }
    }
    mp_map_elem_t *direction = mp_map_lookup(map, MP_OBJ_NEW_QSTR(MP_QSTR_dir), MP_MAP_LOOKUP);
    return direction == NULL ? BOARD_LCD_MADCTL : mp_obj_get_int(direction->value);
}

static mp_obj_t lcd_init(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_type, ARG_freq, ARG_color, ARG_width, ARG_height, ARG_invert, ARG_offset_w0, ARG_offset_h0,
           ARG_offset_w1, ARG_offset_h1, ARG_rst, ARG_dcx, ARG_ss, ARG_clk, ARG_lcd_type };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_type, MP_ARG_INT, { .u_int = TYPE_BOARD } },
        { MP_QSTR_freq, MP_ARG_INT, { .u_int = BOARD_LCD_HZ } },
        { MP_QSTR_color, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(0) } },
        { MP_QSTR_width, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_height, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_invert, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_offset_w0, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_offset_h0, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_offset_w1, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_offset_h1, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_rst, MP_ARG_INT, { .u_int = BOARD_LCD_RST } },
        { MP_QSTR_dcx, MP_ARG_INT, { .u_int = BOARD_LCD_DC } },
        { MP_QSTR_ss, MP_ARG_INT, { .u_int = BOARD_LCD_CS } },
        { MP_QSTR_clk, MP_ARG_INT, { .u_int = BOARD_LCD_WR } },
        { MP_QSTR_lcd_type, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 0 } },
    };
    mp_arg_t kept[MP_ARRAY_SIZE(allowed)];
    memcpy(kept, allowed, sizeof(kept));
    mp_int_t direction = with_settings(kept, MP_ARRAY_SIZE(kept));
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(kept), kept, args);
    mp_int_t type = args[ARG_type].u_int;
    if (type < TYPE_NONE || type > TYPE_LAST || args[ARG_lcd_type].u_int != 0) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("type error: type %d, lcd_type %d: want type 0 (none), 1 (this board's) or 2 (240x240 of a"
                " Maix Cube), lcd_type 0 (ST7789)"), (int)type, (int)args[ARG_lcd_type].u_int);
    }
    bool cube = type == TYPE_CUBE;
    mp_int_t width = args[ARG_width].u_int < 0 ? (cube ? 240 : BOARD_LCD_WIDTH) : args[ARG_width].u_int;
    mp_int_t height = args[ARG_height].u_int < 0 ? (cube ? 240 : BOARD_LCD_HEIGHT) : args[ARG_height].u_int;
    if (width < 1 || width > SIDE_MAX || height < 1 || height > SIDE_MAX || args[ARG_freq].u_int < 1) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("a display of %dx%d at %d Hz: want 1x1 to 480x480 and a rate above 0"), (int)width,
            (int)height, (int)args[ARG_freq].u_int);
    }
    uint16_t color = lcd_color(args[ARG_color].u_obj);
    void *memory = NULL;
    if (type == TYPE_NONE) {
        lcd_memory_give();
    } else {
        memory = lcd_memory_take();
    }
    lcd.type = type;
    lcd.width = width;
    lcd.height = height;
    for (size_t i = 0; i < 4; i++) {
        lcd.offset[i / 2][i % 2] = args[ARG_offset_w0 + i].u_int;
    }
    if (cube && lcd.offset[1][0] < 0) {
        lcd.offset[1][0] = 80;
    }
    lcd.direction = direction;
    lcd.rotation = 0;
    lcd.mirrored = lcd.bgr = false;
    lcd.backlight = 100;
    lcd.ready = true;
    if (type != TYPE_NONE) {
        const st7789_setup_t setup = {
            memory, args[ARG_ss].u_int, args[ARG_rst].u_int, args[ARG_dcx].u_int, args[ARG_clk].u_int, BOARD_LCD_DATA,
            args[ARG_freq].u_int, args[ARG_invert].u_int < 0 ? cube || BOARD_LCD_INVERT : args[ARG_invert].u_int != 0,
            lcd_madctl(),
        };
        lcd_check(st7789_init(&setup));
        lcd.hz = st7789_set_rate(args[ARG_freq].u_int);
        lcd_fill(lcd_screen(), color);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(lcd_init_obj, 0, lcd_init);

static mp_obj_t lcd_deinit(void) {
    bool was_on = lcd.ready && lcd.type != TYPE_NONE;
    lcd.ready = false;
    lcd_memory_give();
    if (was_on) {
        lcd_check(st7789_off());
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(lcd_deinit_obj, lcd_deinit);

// The first import after a start: no script has called init() yet.
static mp_obj_t lcd___init__(void) {
    lcd.ready = false;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(lcd___init___obj, lcd___init__);

// -- how it lies

static mp_obj_t lcd_rotation(size_t n_args, const mp_obj_t *args) {
    lcd_need_init();
    if (n_args > 0) {
        mp_int_t rotation = mp_obj_get_int(args[0]);
        if (rotation < 0 || rotation > 3) {
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("value:[0,3]: rotation %d, want quarters clockwise"),
                (int)rotation);
        }
        lcd.rotation = rotation;
        if (lcd_is_there()) {
            set_madctl();
        }
    }
    return MP_OBJ_NEW_SMALL_INT(lcd.rotation);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lcd_rotation_obj, 0, 1, lcd_rotation);

static mp_obj_t lcd_mirror(size_t n_args, const mp_obj_t *args) {
    lcd_need_init();
    if (n_args > 0) {
        lcd.mirrored = mp_obj_is_true(args[0]);
        if (lcd_is_there()) {
            set_madctl();
        }
    }
    return MP_OBJ_NEW_SMALL_INT(lcd.mirrored);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lcd_mirror_obj, 0, 1, lcd_mirror);

static mp_obj_t lcd_direction(mp_obj_t direction) {
    lcd_need_init();
    lcd.direction = mp_obj_get_int(direction) & (ST7789_FLIP_ROWS | ST7789_FLIP_COLUMNS | ST7789_SWAP_AXES);
    lcd.rotation = 0;
    lcd.mirrored = false;
    if (lcd_is_there()) {
        set_madctl();
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(lcd_direction_obj, lcd_direction);

static mp_obj_t lcd_bgr_to_rgb(mp_obj_t on) {
    lcd_need_init();
    lcd.bgr = mp_obj_is_true(on);
    if (lcd_is_there()) {
        set_madctl();
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(lcd_bgr_to_rgb_obj, lcd_bgr_to_rgb);

static mp_obj_t lcd_width(void) {
    return lcd.ready ? MP_OBJ_NEW_SMALL_INT(lcd_screen().w) : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(lcd_width_obj, lcd_width);

static mp_obj_t lcd_height(void) {
    return lcd.ready ? MP_OBJ_NEW_SMALL_INT(lcd_screen().h) : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(lcd_height_obj, lcd_height);

static mp_obj_t lcd_type(void) {
    return lcd.ready ? MP_OBJ_NEW_SMALL_INT(lcd.type) : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(lcd_type_obj, lcd_type);

// freq([hz]): the rate that pixels are written at, which may be lower than what was asked for.
static mp_obj_t lcd_freq(size_t n_args, const mp_obj_t *args) {
    lcd_need_init();
    if (n_args > 0) {
        mp_int_t hz = mp_obj_get_int(args[0]);
        if (hz < 1) {
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("freq %d Hz: want more than 0"), (int)hz);
        }
        lcd.hz = st7789_set_rate(hz);
    }
    return mp_obj_new_int(lcd.hz);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lcd_freq_obj, 0, 1, lcd_freq);

// register(command, value or list of values)
static mp_obj_t lcd_register(mp_obj_t command, mp_obj_t data) {
    uint8_t bytes[COMMAND_BYTES_MAX];
    size_t count = 1;
    mp_obj_t *items = &data;
    if (!mp_obj_is_int(data)) {
        mp_obj_get_array(data, &count, &items);
    }
    if (count > sizeof(bytes)) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%u values for a register: want at most %u"),
            (unsigned)count, (unsigned)sizeof(bytes));
    }
    for (size_t i = 0; i < count; i++) {
        bytes[i] = mp_obj_get_int(items[i]);
    }
    if (lcd_is_there()) {
        lcd_check(st7789_command(mp_obj_get_int(command), bytes, count));
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(lcd_register_obj, lcd_register);

// The light of this board's display is always on; the number is only kept.
static mp_obj_t lcd_set_backlight(mp_obj_t level) {
    lcd.backlight = mp_obj_get_int(level);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(lcd_set_backlight_obj, lcd_set_backlight);

static mp_obj_t lcd_get_backlight(void) {
    return MP_OBJ_NEW_SMALL_INT(lcd.backlight);
}
static MP_DEFINE_CONST_FUN_OBJ_0(lcd_get_backlight_obj, lcd_get_backlight);

// -- the module

static const mp_rom_map_elem_t globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_lcd) },
    { MP_ROM_QSTR(MP_QSTR___init__), MP_ROM_PTR(&lcd___init___obj) },
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&lcd_init_obj) },
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&lcd_deinit_obj) },
    { MP_ROM_QSTR(MP_QSTR_display), MP_ROM_PTR(&lcd_display_obj) },
    { MP_ROM_QSTR(MP_QSTR_clear), MP_ROM_PTR(&lcd_clear_obj) },
    { MP_ROM_QSTR(MP_QSTR_draw_string), MP_ROM_PTR(&lcd_draw_string_obj) },
    { MP_ROM_QSTR(MP_QSTR_fill_rectangle), MP_ROM_PTR(&lcd_fill_rectangle_obj) },
    { MP_ROM_QSTR(MP_QSTR_rotation), MP_ROM_PTR(&lcd_rotation_obj) },
    { MP_ROM_QSTR(MP_QSTR_mirror), MP_ROM_PTR(&lcd_mirror_obj) },
    { MP_ROM_QSTR(MP_QSTR_direction), MP_ROM_PTR(&lcd_direction_obj) },
    { MP_ROM_QSTR(MP_QSTR_bgr_to_rgb), MP_ROM_PTR(&lcd_bgr_to_rgb_obj) },
    { MP_ROM_QSTR(MP_QSTR_width), MP_ROM_PTR(&lcd_width_obj) },
    { MP_ROM_QSTR(MP_QSTR_height), MP_ROM_PTR(&lcd_height_obj) },
    { MP_ROM_QSTR(MP_QSTR_type), MP_ROM_PTR(&lcd_type_obj) },
    { MP_ROM_QSTR(MP_QSTR_freq), MP_ROM_PTR(&lcd_freq_obj) },
    { MP_ROM_QSTR(MP_QSTR_register), MP_ROM_PTR(&lcd_register_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_backlight), MP_ROM_PTR(&lcd_set_backlight_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_backlight), MP_ROM_PTR(&lcd_get_backlight_obj) },

    { MP_ROM_QSTR(MP_QSTR_BLACK), MP_ROM_INT(0x0000) },
    { MP_ROM_QSTR(MP_QSTR_NAVY), MP_ROM_INT(0x000F) },
    { MP_ROM_QSTR(MP_QSTR_DARKGREEN), MP_ROM_INT(0x03E0) },
    { MP_ROM_QSTR(MP_QSTR_DARKCYAN), MP_ROM_INT(0x03EF) },
    { MP_ROM_QSTR(MP_QSTR_MAROON), MP_ROM_INT(0x7800) },
    { MP_ROM_QSTR(MP_QSTR_PURPLE), MP_ROM_INT(0x780F) },
    { MP_ROM_QSTR(MP_QSTR_OLIVE), MP_ROM_INT(0x7BE0) },
    { MP_ROM_QSTR(MP_QSTR_LIGHTGREY), MP_ROM_INT(0xC618) },
    { MP_ROM_QSTR(MP_QSTR_DARKGREY), MP_ROM_INT(0x7BEF) },
    { MP_ROM_QSTR(MP_QSTR_BLUE), MP_ROM_INT(0x001F) },
    { MP_ROM_QSTR(MP_QSTR_GREEN), MP_ROM_INT(0x07E0) },
    { MP_ROM_QSTR(MP_QSTR_CYAN), MP_ROM_INT(0x07FF) },
    { MP_ROM_QSTR(MP_QSTR_RED), MP_ROM_INT(0xF800) },
    { MP_ROM_QSTR(MP_QSTR_MAGENTA), MP_ROM_INT(0xF81F) },
    { MP_ROM_QSTR(MP_QSTR_YELLOW), MP_ROM_INT(0xFFE0) },
    { MP_ROM_QSTR(MP_QSTR_WHITE), MP_ROM_INT(0xFFFF) },
    { MP_ROM_QSTR(MP_QSTR_ORANGE), MP_ROM_INT(0xFD20) },
    { MP_ROM_QSTR(MP_QSTR_GREENYELLOW), MP_ROM_INT(0xAFE5) },
    { MP_ROM_QSTR(MP_QSTR_PINK), MP_ROM_INT(0xF81F) },

    { MP_ROM_QSTR(MP_QSTR_XY_RLUD), MP_ROM_INT(0x00) },
    { MP_ROM_QSTR(MP_QSTR_YX_RLUD), MP_ROM_INT(0x20) },
    { MP_ROM_QSTR(MP_QSTR_XY_LRUD), MP_ROM_INT(0x40) },
    { MP_ROM_QSTR(MP_QSTR_YX_LRUD), MP_ROM_INT(0x60) },
    { MP_ROM_QSTR(MP_QSTR_XY_RLDU), MP_ROM_INT(0x80) },
    { MP_ROM_QSTR(MP_QSTR_YX_RLDU), MP_ROM_INT(0xA0) },
    { MP_ROM_QSTR(MP_QSTR_XY_LRDU), MP_ROM_INT(0xC0) },
    { MP_ROM_QSTR(MP_QSTR_YX_LRDU), MP_ROM_INT(0xE0) },
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t lcd_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&globals,
};
MP_REGISTER_MODULE(MP_QSTR_lcd, lcd_module);
