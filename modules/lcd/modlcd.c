// SPDX-License-Identifier: MIT
// Module lcd: MaixPy's calls on the board's display. Nothing of the picture is kept here, the display has it.
#include "py/mperrno.h"
#include "py/runtime.h"

#include "genhdr/board.h"
#include "modules/image/image.h"
#include "modules/lcd/st7789.h"

enum { TYPE_NONE, TYPE_BOARD, TYPE_CUBE };

#define SIDE_MAX (480)
#define COMMAND_BYTES_MAX (31)

typedef struct {
    int x, y, w, h;
} rect_t;

static struct {
    bool ready;
    mp_int_t type;
    uint32_t hz;
    uint16_t width, height;  // as the board holds the glass
    uint16_t offset[2][2];   // where the picture begins: {x, y} with the axes as they are, and swapped
    uint8_t direction;       // MADCTL for rotation 0
    uint8_t rotation;        // quarters, clockwise
    bool mirrored, bgr;
    mp_int_t backlight;
} lcd;

// -- where things are

static uint8_t madctl(void) {
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
    return (madctl() ^ BOARD_LCD_MADCTL) & ST7789_SWAP_AXES;
}

static rect_t screen(void) {
    bool turned = is_turned();
    return (rect_t) { 0, 0, turned ? lcd.height : lcd.width, turned ? lcd.width : lcd.height };
}

static rect_t common(rect_t a, rect_t b) {
    int left = MAX(a.x, b.x);
    int top = MAX(a.y, b.y);
    int right = MIN(a.x + a.w, b.x + b.w);
    int bottom = MIN(a.y + a.h, b.y + b.h);
    return (rect_t) { left, top, MAX(right - left, 0), MAX(bottom - top, 0) };
}

static void check(int result) {
    if (result != 0) {
        static const char why[] = "the display's bus did not finish: lcd.init() again";
        const mp_obj_t args[] = { MP_OBJ_NEW_SMALL_INT(MP_EIO), mp_obj_new_str(why, sizeof(why) - 1) };
        nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, MP_ARRAY_SIZE(args), args));
    }
}

static void need_init(void) {
    if (!lcd.ready) {
        mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("the display is not on: lcd.init() first"));
    }
}

// Whether there is a display to write to.
static bool is_there(void) {
    need_init();
    return lcd.type != TYPE_NONE;
}

static void begin(rect_t at) {
    const uint16_t *offset = lcd.offset[(madctl() & ST7789_SWAP_AXES) != 0];
    st7789_begin(at.x + offset[0], at.y + offset[1], at.w, at.h);
}

static void fill(rect_t at, uint16_t color) {
    if (at.w > 0 && at.h > 0) {
        begin(at);
        st7789_put_same(color, (size_t)at.w * at.h);
        check(st7789_end());
    }
}

static void set_madctl(void) {
    uint8_t value = madctl();
    check(st7789_command(0x36, &value, 1));
}

// -- arguments

// A number in RGB565, or (r, g, b) of eight bits each.
static uint16_t color_of(mp_obj_t color) {
    if (!mp_obj_is_type(color, &mp_type_tuple) && !mp_obj_is_type(color, &mp_type_list)) {
        return mp_obj_get_int_truncated(color);
    }
    mp_obj_t *rgb;
    mp_obj_get_array_fixed_n(color, 3, &rgb);
    return (mp_obj_get_int(rgb[0]) & 0xF8) << 8 | (mp_obj_get_int(rgb[1]) & 0xFC) << 3
           | (mp_obj_get_int(rgb[2]) & 0xFF) >> 3;
}

static void ints_of(mp_obj_t sequence, size_t wanted, int *values) {
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(sequence, wanted, &items);
    for (size_t i = 0; i < wanted; i++) {
        values[i] = MIN(MAX(mp_obj_get_int(items[i]), INT16_MIN), INT16_MAX);
    }
}

// -- on and off

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
        { MP_QSTR_offset_w0, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_offset_h0, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_offset_w1, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_offset_h1, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_rst, MP_ARG_INT, { .u_int = BOARD_LCD_RST } },
        { MP_QSTR_dcx, MP_ARG_INT, { .u_int = BOARD_LCD_DC } },
        { MP_QSTR_ss, MP_ARG_INT, { .u_int = BOARD_LCD_CS } },
        { MP_QSTR_clk, MP_ARG_INT, { .u_int = BOARD_LCD_WR } },
        { MP_QSTR_lcd_type, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 0 } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_int_t type = args[ARG_type].u_int;
    if (type < TYPE_NONE || type > TYPE_CUBE || args[ARG_lcd_type].u_int != 0) {
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
    uint16_t color = color_of(args[ARG_color].u_obj);
    lcd.type = type;
    lcd.width = width;
    lcd.height = height;
    lcd.offset[0][0] = args[ARG_offset_w0].u_int;
    lcd.offset[0][1] = args[ARG_offset_h0].u_int;
    lcd.offset[1][0] = args[ARG_offset_w1].u_int < 0 ? (cube ? 80 : 0) : args[ARG_offset_w1].u_int;
    lcd.offset[1][1] = args[ARG_offset_h1].u_int;
    lcd.direction = BOARD_LCD_MADCTL;
    lcd.rotation = 0;
    lcd.mirrored = lcd.bgr = false;
    lcd.backlight = 100;
    lcd.ready = true;
    if (type != TYPE_NONE) {
        const st7789_setup_t setup = {
            args[ARG_ss].u_int, args[ARG_rst].u_int, args[ARG_dcx].u_int, args[ARG_clk].u_int, args[ARG_freq].u_int,
            args[ARG_invert].u_int < 0 ? cube : args[ARG_invert].u_int != 0, madctl(),
        };
        check(st7789_init(&setup));
        lcd.hz = st7789_set_rate(args[ARG_freq].u_int);
        fill(screen(), color);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(lcd_init_obj, 0, lcd_init);

static mp_obj_t lcd_deinit(void) {
    if (lcd.ready && lcd.type != TYPE_NONE) {
        check(st7789_off());
    }
    lcd.ready = false;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(lcd_deinit_obj, lcd_deinit);

// The first import after a start: no script has called init() yet.
static mp_obj_t lcd___init__(void) {
    lcd.ready = false;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(lcd___init___obj, lcd___init__);

// -- pictures

static void put_rows(const image_obj_t *img, rect_t from) {
    bool gray = img->format == IMAGE_GRAYSCALE;
    size_t bytes = gray ? 1 : 2;
    const uint8_t *row = img->pix + ((size_t)from.y * img->w + from.x) * bytes;
    bool whole = from.w == img->w; // then the rows follow each other
    size_t count = whole ? (size_t)from.w * from.h : (size_t)from.w;
    for (int i = 0; i < (whole ? 1 : from.h); i++, row += img->w * bytes) {
        if (gray) {
            st7789_put_gray(row, count);
        } else {
            st7789_put((const uint16_t *)row, count);
        }
    }
}

// display(img, roi=(x, y, w, h), oft=(x, y)): without oft in the middle, black around it.
static mp_obj_t lcd_display(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_image, ARG_roi, ARG_oft };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_image, MP_ARG_REQUIRED | MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
        { MP_QSTR_roi, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_oft, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    if (!mp_obj_is_type(args[ARG_image].u_obj, &image_type)) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("want an image, not %s"),
            mp_obj_get_type_str(args[ARG_image].u_obj));
    }
    const image_obj_t *img = MP_OBJ_TO_PTR(args[ARG_image].u_obj);
    if (img->pix == NULL || img->format == IMAGE_JPEG) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("image has no pixels: %s"),
            img->pix == NULL ? "its memory was freed" : "it is JPEG, load it with image.Image() first");
    }
    rect_t whole = { 0, 0, img->w, img->h };
    rect_t from = whole;
    if (args[ARG_roi].u_obj != mp_const_none) {
        int v[4];
        ints_of(args[ARG_roi].u_obj, 4, v);
        from = common(whole, (rect_t) { v[0], v[1], v[2], v[3] });
        if (from.w == 0 || from.h == 0) {
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("roi (%d, %d, %d, %d) has no pixel of the %ux%u image"),
                v[0], v[1], v[2], v[3], img->w, img->h);
        }
    }
    if (!is_there()) {
        return mp_const_none;
    }
    rect_t all = screen();
    bool middle = args[ARG_oft].u_obj == mp_const_none;
    int at[2] = { (all.w - from.w) / 2, (all.h - from.h) / 2 };
    if (!middle) {
        ints_of(args[ARG_oft].u_obj, 2, at);
    }
    rect_t to = common(all, (rect_t) { at[0], at[1], from.w, from.h });
    if (middle) {
        fill((rect_t) { 0, 0, all.w, to.y }, 0);
        fill((rect_t) { 0, to.y, to.x, to.h }, 0);
        fill((rect_t) { to.x + to.w, to.y, all.w - to.x - to.w, to.h }, 0);
        fill((rect_t) { 0, to.y + to.h, all.w, all.h - to.y - to.h }, 0);
    }
    if (to.w > 0 && to.h > 0) {
        begin(to);
        put_rows(img, (rect_t) { from.x + to.x - at[0], from.y + to.y - at[1], to.w, to.h });
        check(st7789_end());
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(lcd_display_obj, 1, lcd_display);

// clear(color=BLACK), clear((r, g, b)), clear(r, g, b)
static mp_obj_t lcd_clear(size_t n_args, const mp_obj_t *args) {
    uint16_t color = n_args == 0 ? 0 : color_of(n_args == 3 ? mp_obj_new_tuple(3, args) : args[0]);
    if (is_there()) {
        fill(screen(), color);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lcd_clear_obj, 0, 3, lcd_clear);

// fill_rectangle(x, y, w, h, color=BLACK)
static mp_obj_t lcd_fill_rectangle(size_t n_args, const mp_obj_t *args) {
    int v[4];
    ints_of(mp_obj_new_tuple(4, args), 4, v);
    uint16_t color = n_args > 4 ? color_of(args[4]) : 0;
    if (is_there()) {
        fill(common(screen(), (rect_t) { v[0], v[1], v[2], v[3] }), color);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lcd_fill_rectangle_obj, 4, 5, lcd_fill_rectangle);

// draw_string(x, y, text, fg=RED, bg=BLACK): one line, cut at the edges.
static mp_obj_t lcd_draw_string(size_t n_args, const mp_obj_t *args) {
    int place[2];
    ints_of(mp_obj_new_tuple(2, args), 2, place);
    size_t bytes;
    const char *text = mp_obj_str_get_data(args[2], &bytes);
    uint16_t colors[] = { n_args > 4 ? color_of(args[4]) : 0x0000, n_args > 3 ? color_of(args[3]) : 0xF800 };
    if (!is_there()) {
        return mp_const_none;
    }
    int count = MIN(bytes, INT16_MAX / IMAGE_FONT_W);
    rect_t at = common(screen(), (rect_t) { place[0], place[1], count * IMAGE_FONT_W, IMAGE_FONT_H });
    if (at.w > 0 && at.h > 0) {
        uint16_t row[SIDE_MAX];
        begin(at);
        for (int y = at.y - place[1]; y < at.y - place[1] + at.h; y++) {
            for (int i = 0; i < at.w; i++) {
                int x = at.x - place[0] + i;
                uint8_t bits = image_font_rows((uint8_t)text[x / IMAGE_FONT_W])[y];
                row[i] = colors[bits >> (IMAGE_FONT_W - 1 - x % IMAGE_FONT_W) & 1];
            }
            st7789_put(row, at.w);
        }
        check(st7789_end());
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lcd_draw_string_obj, 3, 5, lcd_draw_string);

// -- how it lies

static mp_obj_t lcd_rotation(size_t n_args, const mp_obj_t *args) {
    need_init();
    if (n_args > 0) {
        mp_int_t rotation = mp_obj_get_int(args[0]);
        if (rotation < 0 || rotation > 3) {
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("value:[0,3]: rotation %d, want quarters clockwise"),
                (int)rotation);
        }
        lcd.rotation = rotation;
        if (is_there()) {
            set_madctl();
        }
    }
    return MP_OBJ_NEW_SMALL_INT(lcd.rotation);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lcd_rotation_obj, 0, 1, lcd_rotation);

static mp_obj_t lcd_mirror(size_t n_args, const mp_obj_t *args) {
    need_init();
    if (n_args > 0) {
        lcd.mirrored = mp_obj_is_true(args[0]);
        if (is_there()) {
            set_madctl();
        }
    }
    return MP_OBJ_NEW_SMALL_INT(lcd.mirrored);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lcd_mirror_obj, 0, 1, lcd_mirror);

static mp_obj_t lcd_direction(mp_obj_t direction) {
    need_init();
    lcd.direction = mp_obj_get_int(direction) & (ST7789_FLIP_ROWS | ST7789_FLIP_COLUMNS | ST7789_SWAP_AXES);
    lcd.rotation = 0;
    lcd.mirrored = false;
    if (is_there()) {
        set_madctl();
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(lcd_direction_obj, lcd_direction);

static mp_obj_t lcd_bgr_to_rgb(mp_obj_t on) {
    need_init();
    lcd.bgr = mp_obj_is_true(on);
    if (is_there()) {
        set_madctl();
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(lcd_bgr_to_rgb_obj, lcd_bgr_to_rgb);

static mp_obj_t lcd_width(void) {
    need_init();
    return MP_OBJ_NEW_SMALL_INT(screen().w);
}
static MP_DEFINE_CONST_FUN_OBJ_0(lcd_width_obj, lcd_width);

static mp_obj_t lcd_height(void) {
    need_init();
    return MP_OBJ_NEW_SMALL_INT(screen().h);
}
static MP_DEFINE_CONST_FUN_OBJ_0(lcd_height_obj, lcd_height);

static mp_obj_t lcd_type(void) {
    return lcd.ready ? MP_OBJ_NEW_SMALL_INT(lcd.type) : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(lcd_type_obj, lcd_type);

// freq([hz]): the rate that pixels are written at, which may be lower than what was asked for.
static mp_obj_t lcd_freq(size_t n_args, const mp_obj_t *args) {
    need_init();
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
    if (is_there()) {
        check(st7789_command(mp_obj_get_int(command), bytes, count));
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
