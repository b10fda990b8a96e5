// SPDX-License-Identifier: MIT
// What the files of this module share about an image's memory and arguments; the rest of the firmware sees image.h.
#ifndef IMAGE_OBJ_H
#define IMAGE_OBJ_H

#include "py/runtime.h"

#include "canvas.h"
#include "image.h"
#include "pool.h"
#include "thresholds.h"
#include "warp.h"

// -- image_obj.c

// From the pool, after a garbage collection where it is full; NULL where that did not help.
void *image_take(size_t bytes, pool_kind_t kind);
// `what` is a format for w and h, such as "image %ux%u".
NORETURN void image_raise_memory(const char *what, uint32_t w, uint32_t h, size_t bytes);
// Scratch memory that is given back by image_scratch_free(), or where an exception passes; one at a time, and in the
// function that has the guard. Raises MemoryError.
typedef nlr_jump_callback_node_call_function_1_t image_scratch_t;
void *image_scratch(image_scratch_t *guard, size_t bytes, const char *what, uint32_t w, uint32_t h);
void image_scratch_free(void);
// An image without memory, which image_place() gives it; false where there is no room.
image_obj_t *image_new_empty(void);
bool image_place(image_obj_t *img, uint32_t w, uint32_t h, image_format_t format);
// Gives all memory back; also the finaliser.
void image_release(image_obj_t *img);
void image_drop_planes(image_obj_t *img);
// A method's own image; ValueError where its memory was freed.
image_obj_t *image_get_any(mp_obj_t self);
// And where it holds a JPEG, not pixels.
image_obj_t *image_get(mp_obj_t self);
// Another's image; TypeError where it is none.
image_obj_t *image_other(mp_obj_t obj);
// The pixels, for the kernels.
canvas_t image_canvas(const image_obj_t *img);
// Fills the pixels from the planes; nothing where there are none.
void image_ai_to_pix(image_obj_t *img);
// A new image with the same pixels; MemoryError.
image_obj_t *image_copy(const image_obj_t *img);

static inline size_t image_pixel_bytes(image_format_t format) {
    return format == IMAGE_GRAYSCALE ? 1 : 2;
}

static inline size_t image_pixel_count(const image_obj_t *img) {
    return (size_t)img->w * img->h;
}

// -- image_load.c

// A picture from a path, a stream or, always where `from_bytes`, an object with the buffer protocol.
image_obj_t *image_load(mp_obj_t source, bool from_bytes);

// -- image_file.c

// Opens; OSError with the path in it.
mp_obj_t image_open(mp_obj_t path, qstr mode);
// Closes; what that raised, or MP_OBJ_NULL.
mp_obj_t image_close(mp_obj_t file);
void image_remove(mp_obj_t path);
// Raises the exception, an OSError as "can't read /sd/a.jpg" where `what` is "read"; path may be NULL.
NORETURN void image_raise_file_error(mp_obj_t exception, const char *what, const char *path);

// -- image_args.c

// Names in calls are looked up, never required to be known: scripts pass names that older firmware ignored.
typedef struct {
    size_t count;         // positional arguments, the image itself first
    const mp_obj_t *args;
    mp_map_t *names;
} image_args_t;

#define IMAGE_ARGS(n_args, args, names) const image_args_t given = { n_args, args, names }

// Whether it is a tuple or a list.
bool image_is_sequence(mp_obj_t obj);
// The argument at a position or of a name; MP_OBJ_NULL where neither is given.
mp_obj_t image_arg(const image_args_t *args, size_t position, qstr name);
bool image_arg_bool(const image_args_t *args, size_t position, qstr name, bool otherwise);
mp_int_t image_arg_int(const image_args_t *args, size_t position, qstr name, mp_int_t otherwise);
mp_float_t image_arg_float(const image_args_t *args, size_t position, qstr name, mp_float_t otherwise);
mp_float_t image_arg_scale(const image_args_t *args, size_t position, qstr name);
// `wanted` arguments, flat from a position on or in one tuple or list there; the position after them.
size_t image_arg_items(const image_args_t *args, size_t position, size_t wanted, const mp_obj_t **items);
// The same from position 1 on, integers.
size_t image_arg_ints(const image_args_t *args, size_t wanted, mp_int_t *values);
// (x, y, w, h), cut to the image; all of it where absent. ValueError where nothing is left.
canvas_rect_t image_arg_roi(const image_args_t *args, size_t position, const image_obj_t *img);
// A pixel's value as the image stores it, from a number or (r, g, b); white where absent.
uint16_t image_arg_color(const image_args_t *args, size_t position, const image_obj_t *img);
uint16_t image_color(mp_obj_t color, const image_obj_t *img);
// 0 to 256.
uint32_t image_arg_alpha(const image_args_t *args, size_t position, uint32_t otherwise);
// The mask of that name, kept in `mask`; NULL where absent.
const canvas_t *image_arg_mask(const image_args_t *args, size_t position, canvas_t *mask);
// A width or height, 1 to 65535.
uint16_t image_side(mp_int_t value);
uint16_t image_scaled(uint32_t side, mp_float_t scale);

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

// -- image_draw.c

MP_DECLARE_CONST_FUN_OBJ_KW(image_draw_line_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_draw_cross_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_draw_arrow_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_draw_rectangle_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_draw_circle_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_draw_ellipse_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_draw_string_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_draw_font_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_draw_image_obj);

// -- image_save.c

MP_DECLARE_CONST_FUN_OBJ_KW(image_compress_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_compressed_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_save_obj);

// -- image_tones.c

MP_DECLARE_CONST_FUN_OBJ_KW(image_clear_obj);
MP_DECLARE_CONST_FUN_OBJ_1(image_invert_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_replace_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_blend_obj);
MP_DECLARE_CONST_FUN_OBJ_3(image_stretch_obj);
MP_DECLARE_CONST_FUN_OBJ_2(image_strech_char_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_to_rainbow_obj);

// -- image_warp.c

// (x, y)
warp_point_t image_point(mp_obj_t given);
MP_DECLARE_CONST_FUN_OBJ_2(image_get_affine_transform_obj);
MP_DECLARE_CONST_FUN_OBJ_3(image_warp_affine_ai_obj);

// -- image_conv3.c

MP_DECLARE_CONST_FUN_OBJ_KW(image_conv3_obj);

// What follows is not in every variant.

// -- image_thresholds.c

// A list of tuples; none where that is MP_OBJ_NULL or None.
void image_thresholds(thresholds_t *thresholds, mp_obj_t given, bool invert);
MP_DECLARE_CONST_FUN_OBJ_KW(image_binary_obj);

// -- image_find.c

MP_DECLARE_CONST_FUN_OBJ_KW(image_find_blobs_obj);

// -- image_histogram.c

MP_DECLARE_CONST_FUN_OBJ_KW(image_get_histogram_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(image_get_statistics_obj);

// -- image_rotation.c

MP_DECLARE_CONST_FUN_OBJ_KW(image_rotation_corr_obj);

// -- image_color.c

MP_DECLARE_CONST_FUN_OBJ_1(image_rgb_to_lab_obj);
MP_DECLARE_CONST_FUN_OBJ_1(image_lab_to_rgb_obj);
MP_DECLARE_CONST_FUN_OBJ_1(image_rgb_to_grayscale_obj);
MP_DECLARE_CONST_FUN_OBJ_1(image_grayscale_to_rgb_obj);

// -- image_absent.c, or image_left_out.c of a variant without what image_absent.c points to

// AttributeError with what to do instead, of methods that MaixPy has and an image here has not.
void image_check_absent(qstr name);
void image_module_attr(mp_obj_t self, qstr name, mp_obj_t *dest);

#endif // IMAGE_OBJ_H
