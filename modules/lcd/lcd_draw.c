// SPDX-License-Identifier: MIT
// Pictures, rectangles and text on the display.
#include "py/runtime.h"

#include "modules/image/image.h"
#include "modules/lcd/lcd.h"

static lcd_rect_t common(lcd_rect_t a, lcd_rect_t b) {
    int left = MAX(a.x, b.x);
    int top = MAX(a.y, b.y);
    int right = MIN(a.x + a.w, b.x + b.w);
    int bottom = MIN(a.y + a.h, b.y + b.h);
    return (lcd_rect_t) { left, top, MAX(right - left, 0), MAX(bottom - top, 0) };
}

static void begin(lcd_rect_t at) {
    lcd_offset_t offset = lcd_offset();
    st7789_begin(at.x + offset.x, at.y + offset.y, at.w, at.h);
}

void lcd_fill(lcd_rect_t at, uint16_t color) {
    if (at.w > 0 && at.h > 0) {
        begin(at);
        st7789_put_same(color, (size_t)at.w * at.h);
        lcd_check(st7789_end());
    }
}

uint16_t lcd_color(mp_obj_t color) {
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

static void put_rows(const image_obj_t *img, lcd_rect_t from) {
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
        { MP_QSTR_roi, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_oft, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
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
    lcd_rect_t whole = { 0, 0, img->w, img->h };
    lcd_rect_t from = whole;
    if (args[ARG_roi].u_obj != mp_const_none) {
        int v[4];
        ints_of(args[ARG_roi].u_obj, 4, v);
        from = common(whole, (lcd_rect_t) { v[0], v[1], v[2], v[3] });
        if (from.w == 0 || from.h == 0) {
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("roi (%d, %d, %d, %d) has no pixel of the %ux%u image"),
                v[0], v[1], v[2], v[3], img->w, img->h);
        }
    }
    if (!lcd_is_there()) {
        return mp_const_none;
    }
    lcd_rect_t all = lcd_screen();
    bool middle = args[ARG_oft].u_obj == mp_const_none;
    int at[2] = { (all.w - from.w) / 2, (all.h - from.h) / 2 };
    if (!middle) {
        ints_of(args[ARG_oft].u_obj, 2, at);
    }
    lcd_rect_t to = common(all, (lcd_rect_t) { at[0], at[1], from.w, from.h });
    if (middle) {
        lcd_fill((lcd_rect_t) { 0, 0, all.w, to.y }, 0);
        lcd_fill((lcd_rect_t) { 0, to.y, to.x, to.h }, 0);
        lcd_fill((lcd_rect_t) { to.x + to.w, to.y, all.w - to.x - to.w, to.h }, 0);
        lcd_fill((lcd_rect_t) { 0, to.y + to.h, all.w, all.h - to.y - to.h }, 0);
    }
    if (to.w > 0 && to.h > 0) {
        begin(to);
        put_rows(img, (lcd_rect_t) { from.x + to.x - at[0], from.y + to.y - at[1], to.w, to.h });
        lcd_check(st7789_end());
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(lcd_display_obj, 1, lcd_display);

// clear(color=BLACK), clear((r, g, b)), clear(r, g, b)
static mp_obj_t lcd_clear(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    mp_map_elem_t *named = mp_map_lookup(names, MP_OBJ_NEW_QSTR(MP_QSTR_color), MP_MAP_LOOKUP);
    if ((n_args != 0 && n_args != 1 && n_args != 3) || names->used != (named != NULL) || (named != NULL && n_args > 0)) {
        mp_raise_TypeError(MP_ERROR_TEXT("want clear(), clear(color), clear(color=...) or clear(r, g, b)"));
    }
    mp_obj_t given = n_args == 3 ? mp_obj_new_tuple(3, args) : n_args == 1 ? args[0] : named ? named->value : MP_OBJ_NULL;
    uint16_t color = given == MP_OBJ_NULL ? 0 : lcd_color(given);
    if (lcd_is_there()) {
        lcd_fill(lcd_screen(), color);
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(lcd_clear_obj, 0, lcd_clear);

// fill_rectangle(x, y, w, h, color=BLACK)
static mp_obj_t lcd_fill_rectangle(size_t n_args, const mp_obj_t *args) {
    int v[4];
    ints_of(mp_obj_new_tuple(4, args), 4, v);
    uint16_t color = n_args > 4 ? lcd_color(args[4]) : 0;
    if (lcd_is_there()) {
        lcd_fill(common(lcd_screen(), (lcd_rect_t) { v[0], v[1], v[2], v[3] }), color);
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lcd_fill_rectangle_obj, 4, 5, lcd_fill_rectangle);

// draw_string(x, y, text, fg=RED, bg=BLACK): one line, cut at the edges.
static mp_obj_t lcd_draw_string(size_t n_args, const mp_obj_t *args) {
    int place[2];
    ints_of(mp_obj_new_tuple(2, args), 2, place);
    size_t bytes;
    const char *text = mp_obj_str_get_data(args[2], &bytes);
    uint16_t colors[] = { n_args > 4 ? lcd_color(args[4]) : 0x0000, n_args > 3 ? lcd_color(args[3]) : 0xF800 };
    if (!lcd_is_there()) {
        return mp_const_none;
    }
    int count = MIN(bytes, INT16_MAX / IMAGE_FONT_W);
    lcd_rect_t at = common(lcd_screen(), (lcd_rect_t) { place[0], place[1], count * IMAGE_FONT_W, IMAGE_FONT_H });
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
        lcd_check(st7789_end());
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lcd_draw_string_obj, 3, 5, lcd_draw_string);
