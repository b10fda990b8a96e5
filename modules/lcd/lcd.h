// SPDX-License-Identifier: MIT
// What the files of module lcd share: the state of the display, and where a picture lies on it.
#ifndef LCD_H
#define LCD_H

#include "py/obj.h"

#include "modules/lcd/st7789.h"

// MaixPy numbers displays; that of an M5StickV is the board's where there is one.
enum { TYPE_NONE, TYPE_BOARD, TYPE_CUBE, TYPE_M5STICK };

#define SIDE_MAX (480)

typedef struct {
    int x, y, w, h;
} lcd_rect_t;

typedef struct {
    bool ready;
    mp_int_t type;
    uint32_t hz;
    uint16_t width, height;  // as the board holds the glass
    int16_t offset[2][2];    // where the picture begins: {x, y} with the axes as they are, and swapped; -1: the board's
    uint8_t direction;       // MADCTL for rotation 0
    uint8_t rotation;        // quarters, clockwise
    bool mirrored, bgr;
    mp_int_t backlight;
} lcd_t;

typedef struct {
    int x, y;
} lcd_offset_t;

extern lcd_t lcd;

// -- modlcd.c

// The whole display as the picture lies now.
lcd_rect_t lcd_screen(void);
// MADCTL for that.
uint8_t lcd_madctl(void);
// Where the picture begins as it lies now.
lcd_offset_t lcd_offset(void);
// Whether there is a display to write to; RuntimeError before lcd.init().
bool lcd_is_there(void);
// What st7789.h gave: OSError where it is an error.
void lcd_check(int result);

// -- lcd_memory.c

// ST7789_MEMORY_BYTES for the display, the same ones until they are given back; MemoryError where there is no room.
void *lcd_memory_take(void);
void lcd_memory_give(void);

// -- lcd_draw.c

// A number in RGB565, or (r, g, b) of eight bits each.
uint16_t lcd_color(mp_obj_t color);
void lcd_fill(lcd_rect_t at, uint16_t color);

MP_DECLARE_CONST_FUN_OBJ_KW(lcd_display_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(lcd_clear_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(lcd_fill_rectangle_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(lcd_draw_string_obj);

#endif // LCD_H
