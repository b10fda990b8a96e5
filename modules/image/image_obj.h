// SPDX-License-Identifier: MIT
// What the files of this module share about an image's memory and arguments; the rest of the firmware sees image.h.
#ifndef IMAGE_OBJ_H
#define IMAGE_OBJ_H

#include "image.h"
#include "pool.h"

typedef struct {
    uint32_t x, y, w, h;
} image_rect_t;

// -- image_obj.c

// From the pool, after a garbage collection where it is full; NULL where that did not help.
void *image_take(size_t bytes, pool_kind_t kind);
// `what` is a format for w and h, such as "image %ux%u".
NORETURN void image_raise_memory(const char *what, uint32_t w, uint32_t h, size_t bytes);
// An image without memory, which image_place() gives it; false where there is no room.
image_obj_t *image_new_empty(void);
bool image_place(image_obj_t *img, uint32_t w, uint32_t h, image_format_t format);
// Gives all memory back; also the finaliser.
void image_release(image_obj_t *img);
void image_drop_planes(image_obj_t *img);
// A method's own image; ValueError where its memory was freed.
image_obj_t *image_get(mp_obj_t self);

static inline size_t image_pixel_bytes(image_format_t format) {
    return format == IMAGE_GRAYSCALE ? 1 : 2;
}

static inline size_t image_pixel_count(const image_obj_t *img) {
    return (size_t)img->w * img->h;
}

// -- image_load.c

// A picture from a path, a stream or, always where `from_bytes`, an object with the buffer protocol.
image_obj_t *image_load(mp_obj_t source, bool from_bytes);

// -- image_args.c

// Names in calls are looked up, never required to be known: scripts pass names that older firmware ignored.
typedef struct {
    size_t count;         // positional arguments, the image itself first
    const mp_obj_t *args;
    mp_map_t *names;
} image_args_t;

#define IMAGE_ARGS(n_args, args, names) const image_args_t given = { n_args, args, names }

// The argument at a position or of a name; MP_OBJ_NULL where neither is given.
mp_obj_t image_arg(const image_args_t *args, size_t position, qstr name);
bool image_arg_bool(const image_args_t *args, size_t position, qstr name, bool otherwise);
mp_float_t image_arg_scale(const image_args_t *args, size_t position, qstr name);
// `wanted` integers, flat from position 1 on or in one tuple or list there; the position after them.
size_t image_arg_ints(const image_args_t *args, size_t wanted, mp_int_t *values);
// (x, y, w, h), cut to the image; all of it where absent. ValueError where nothing is left.
image_rect_t image_arg_roi(const image_args_t *args, size_t position, const image_obj_t *img);
// A pixel's value as the image stores it, from a number or (r, g, b); white where absent.
uint16_t image_arg_color(const image_args_t *args, size_t position, const image_obj_t *img);
uint16_t image_color(mp_obj_t color, const image_obj_t *img);
// A width or height, 1 to 65535.
uint16_t image_side(mp_int_t value);

// -- image_pixel.c

mp_obj_t image_subscr(mp_obj_t self, mp_obj_t index, mp_obj_t value);
mp_obj_t image_unary_op(mp_unary_op_t op, mp_obj_t self);
mp_obj_t image_getiter(mp_obj_t self, mp_obj_iter_buf_t *buf);
mp_int_t image_get_buffer(mp_obj_t self, mp_buffer_info_t *info, mp_uint_t flags);
MP_DECLARE_CONST_FUN_OBJ_KW(image_get_pixel_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_set_pixel_obj);

// -- image_view.c

MP_DECLARE_CONST_FUN_OBJ_1(image_to_bytes_obj);

// -- image_size.c

MP_DECLARE_CONST_FUN_OBJ_KW(image_resize_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_cut_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_copy_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_crop_obj);

#endif // IMAGE_OBJ_H
