// SPDX-License-Identifier: MIT
// Shapes, text and pictures drawn on an image.
#include <math.h>

#include "py/runtime.h"

#include "draw.h"
#include "font.h"
#include "image_obj.h"
#include "paste.h"

// What every shape needs: where to draw, its numbers, and the position after them.
typedef struct {
    image_obj_t *img;
    canvas_t canvas;
    int32_t at[5];
    size_t next;
} shape_t;

static int32_t within_limit(mp_int_t value) {
    return MAX(MIN(value, DRAW_LIMIT), -DRAW_LIMIT);
}

static shape_t shape_args(const image_args_t *given, size_t wanted) {
    shape_t shape = { .img = image_get(given->args[0]) };
    shape.canvas = image_canvas(shape.img);
    mp_int_t values[5];
    shape.next = image_arg_ints(given, wanted, values);
    for (size_t i = 0; i < wanted; i++) {
        shape.at[i] = within_limit(values[i]);
    }
    return shape;
}

// Thickness, radii and the like: what is far more than any picture is cut, so that drawing ends soon.
static int32_t arg_size(const shape_t *shape, const image_args_t *given, size_t position, qstr name,
    int32_t otherwise) {
    int32_t most = 4 * MAX(shape->canvas.w, shape->canvas.h);
    return MAX(MIN(image_arg_int(given, position, name, otherwise), most), -most);
}

static int32_t arg_thickness(const shape_t *shape, const image_args_t *given, size_t position) {
    return arg_size(shape, given, position, MP_QSTR_thickness, 1);
}

// In 1/65536; ValueError unless above 0.
static uint32_t arg_scale(const image_args_t *given, size_t position) {
    return MIN(round(image_arg_scale(given, position, MP_QSTR_scale) * 65536), UINT32_MAX);
}

// -- lines

// draw_line(x0, y0, x1, y1, color, thickness=1)
static mp_obj_t line(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    shape_t shape = shape_args(&given, 4);
    uint16_t color = image_arg_color(&given, shape.next, shape.img);
    draw_line(&shape.canvas, shape.at[0], shape.at[1], shape.at[2], shape.at[3], color,
        arg_thickness(&shape, &given, shape.next + 1));
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_draw_line_obj, 2, line);

// draw_cross(x, y, color, size=5, thickness=1): size pixels to each side of the middle.
static mp_obj_t cross(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    shape_t shape = shape_args(&given, 2);
    int32_t x = shape.at[0];
    int32_t y = shape.at[1];
    uint16_t color = image_arg_color(&given, shape.next, shape.img);
    int32_t size = arg_size(&shape, &given, shape.next + 1, MP_QSTR_size, 5);
    int32_t thickness = arg_thickness(&shape, &given, shape.next + 2);
    draw_line(&shape.canvas, x - size, y, x + size, y, color, thickness);
    draw_line(&shape.canvas, x, y - size, x, y + size, color, thickness);
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_draw_cross_obj, 2, cross);

// draw_arrow(x0, y0, x1, y1, color, size=10, thickness=1): a head of that length and width at (x1, y1).
static mp_obj_t arrow(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    shape_t shape = shape_args(&given, 4);
    const int32_t *at = shape.at;
    uint16_t color = image_arg_color(&given, shape.next, shape.img);
    int32_t size = arg_size(&shape, &given, shape.next + 1, MP_QSTR_size, 10);
    int32_t thickness = arg_thickness(&shape, &given, shape.next + 2);
    mp_float_t x = at[2] - at[0];
    mp_float_t y = at[3] - at[1];
    mp_float_t length = MAX(sqrt(x * x + y * y), 1);
    x *= size / length;
    y *= size / length;
    draw_line(&shape.canvas, at[0], at[1], at[2], at[3], color, thickness);
    draw_line(&shape.canvas, at[2], at[3], round(at[2] - x - y / 2), round(at[3] - y + x / 2), color, thickness);
    draw_line(&shape.canvas, at[2], at[3], round(at[2] - x + y / 2), round(at[3] - y - x / 2), color, thickness);
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_draw_arrow_obj, 2, arrow);

// -- areas

// draw_rectangle(x, y, w, h, color, thickness=1, fill=False)
static mp_obj_t rectangle(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    shape_t shape = shape_args(&given, 4);
    const int32_t *at = shape.at;
    uint16_t color = image_arg_color(&given, shape.next, shape.img);
    int32_t thickness = arg_thickness(&shape, &given, shape.next + 1);
    if (image_arg_bool(&given, shape.next + 2, MP_QSTR_fill, false)) {
        draw_box(&shape.canvas, at[0], at[1], at[2], at[3], color);
    } else {
        draw_rectangle(&shape.canvas, at[0], at[1], at[2], at[3], color, thickness);
    }
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_draw_rectangle_obj, 2, rectangle);

// color, thickness=1, fill=False from a position on
static void draw_round(const shape_t *shape, const draw_ellipse_t *ellipse, const image_args_t *given,
    size_t position) {
    uint16_t color = image_arg_color(given, position, shape->img);
    int32_t thickness = arg_thickness(shape, given, position + 1);
    if (image_arg_bool(given, position + 2, MP_QSTR_fill, false)) {
        draw_disc(&shape->canvas, ellipse, color);
    } else {
        draw_ellipse(&shape->canvas, ellipse, color, thickness);
    }
}

// draw_circle(x, y, radius, color, thickness=1, fill=False)
static mp_obj_t circle(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    shape_t shape = shape_args(&given, 3);
    const draw_ellipse_t ellipse = { shape.at[0], shape.at[1], shape.at[2], shape.at[2], 0 };
    draw_round(&shape, &ellipse, &given, shape.next);
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_draw_circle_obj, 2, circle);

// draw_ellipse(cx, cy, rx, ry, rotation=0, color, thickness=1, fill=False)
static mp_obj_t ellipse(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    bool in_tuple = image_is_sequence(args[1]) && mp_obj_get_int(mp_obj_len(args[1])) == 5;
    shape_t shape = shape_args(&given, in_tuple ? 5 : 4);
    mp_float_t degrees = in_tuple ? shape.at[4] : image_arg_float(&given, shape.next, MP_QSTR_rotation, 0);
    double radians = degrees * (M_PI / 180);
    const draw_ellipse_t ellipse = { shape.at[0], shape.at[1], shape.at[2], shape.at[3], radians };
    draw_round(&shape, &ellipse, &given, shape.next + !in_tuple);
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_draw_ellipse_obj, 2, ellipse);

// -- text

_Static_assert(IMAGE_FONT_W == FONT_W && IMAGE_FONT_H == FONT_ROWS, "what image.h says of the font");

const uint8_t *image_font_rows(unsigned character) {
    return font_rows(character);
}

// draw_string(x, y, text, color, scale=1, x_spacing=0, y_spacing=2, mono_space=False)
static mp_obj_t string(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    image_obj_t *img = image_get(args[0]);
    const mp_obj_t *items;
    size_t next = image_arg_items(&given, 1, 3, &items);
    int32_t x = within_limit(mp_obj_get_int(items[0]));
    int32_t y = within_limit(mp_obj_get_int(items[1]));
    if (!mp_obj_is_str(items[2]) && !mp_obj_is_type(items[2], &mp_type_bytes)) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("text is %s, want str: str(value)"),
            mp_obj_get_type_str(items[2]));
    }
    size_t bytes;
    const char *text = mp_obj_str_get_data(items[2], &bytes);
    const font_style_t style = {
        .color = image_arg_color(&given, next, img),
        .scale = arg_scale(&given, next + 1),
        .x_spacing = within_limit(image_arg_int(&given, next + 2, MP_QSTR_x_spacing, 0)),
        .y_spacing = within_limit(image_arg_int(&given, next + 3, MP_QSTR_y_spacing, 2)),
        .mono_space = image_arg_bool(&given, next + 4, MP_QSTR_mono_space, false),
    };
    canvas_t canvas = image_canvas(img);
    font_draw(&canvas, x, y, text, bytes, &style);
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_draw_string_obj, 2, string);

// draw_font(x, y, w, h, bits, color, scale=1): one glyph, eight columns of all rows, then the next eight.
static mp_obj_t glyph(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    image_obj_t *img = image_get(args[0]);
    const mp_obj_t *items;
    size_t next = image_arg_items(&given, 1, 5, &items);
    int32_t x = within_limit(mp_obj_get_int(items[0]));
    int32_t y = within_limit(mp_obj_get_int(items[1]));
    mp_int_t w = mp_obj_get_int(items[2]);
    mp_int_t h = mp_obj_get_int(items[3]);
    mp_buffer_info_t bits;
    mp_get_buffer_raise(items[4], &bits, MP_BUFFER_READ);
    if (w < 8 || w % 8 != 0 || h < 1 || w > UINT16_MAX || h > UINT16_MAX || bits.len != (size_t)(w / 8 * h)) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("glyph of %ldx%ld in %u bytes: want a width of 8, 16, 24 ... and width / 8 * height bytes"),
            (long)w, (long)h, (unsigned)bits.len);
    }
    const draw_bitmap_t bitmap = { bits.buf, w, h, arg_scale(&given, next + 1) };
    canvas_t canvas = image_canvas(img);
    draw_bitmap(&canvas, x, y, &bitmap, image_arg_color(&given, next, img));
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_draw_font_obj, 2, glyph);

// -- pictures

// draw_image(img, x, y, x_scale=1, y_scale=1, alpha=256, mask)
static mp_obj_t picture(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    canvas_t canvas = image_canvas(image_get(args[0]));
    image_obj_t *other = image_other(args[1]);
    const mp_obj_t *items;
    size_t next = image_arg_items(&given, 2, 2, &items);
    int32_t x = within_limit(mp_obj_get_int(items[0]));
    int32_t y = within_limit(mp_obj_get_int(items[1]));
    canvas_t mask;
    paste_t paste = {
        .w = image_scaled(other->w, image_arg_scale(&given, next, MP_QSTR_x_scale)),
        .h = image_scaled(other->h, image_arg_scale(&given, next + 1, MP_QSTR_y_scale)),
        .alpha = image_arg_alpha(&given, next + 2, PASTE_OPAQUE),
        .mask = image_arg_mask(&given, next + 3, &mask),
    };
    bool same = other->pix == canvas.pixels;
    if (same) {
        other = image_copy(other);
    }
    paste.picture = image_canvas(other);
    paste_draw(&canvas, x, y, &paste);
    if (same) {
        image_release(other);
    }
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_draw_image_obj, 3, picture);
