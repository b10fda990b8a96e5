// SPDX-License-Identifier: MIT
// Images as files: compress(), compressed() and save().
//
// The encoders are called between MicroPython and MicroPython: what the file or Ctrl-C raises is caught in the writer,
// kept, and raised when the encoder has given its memory back.
#include <string.h>
#include <strings.h>

#include "py/gc.h"
#include "py/mperrno.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "image_obj.h"
#include "picture.h"

#define QUALITY (50)
#define FIRST_ROOM (4096)

typedef enum {
    FILE_JPEG,
    FILE_BMP,
} file_kind_t;

typedef struct {
    mp_obj_t file;     // MP_OBJ_NULL: into a block that grows
    const char *path;  // of the file
    uint8_t *block;
    size_t used, room;
    mp_obj_t raised;   // by the file, or by Ctrl-C
    size_t refused;    // bytes for which there was no room
} sink_t;

// -- where bytes go

static void write_file(sink_t *sink, const void *src, size_t bytes) {
    int error = 0;
    size_t written = mp_stream_rw(sink->file, (void *)src, bytes, &error, MP_STREAM_RW_WRITE);
    if (error != 0 || written < bytes) {
        mp_raise_OSError(error != 0 ? error : MP_ENOSPC);
    }
}

static bool write_block(sink_t *sink, const void *src, size_t bytes) {
    if (sink->used + bytes > sink->room) {
        size_t room = MAX(sink->room + sink->room / 2, sink->used + bytes);
        uint8_t *larger = pool_realloc(sink->block, room, POOL_FRAME);
        if (larger == NULL && !gc_is_locked()) {
            gc_collect();
            larger = pool_realloc(sink->block, room, POOL_FRAME);
        }
        if (larger == NULL) {
            sink->refused = room;
            return false;
        }
        sink->block = larger;
        sink->room = room;
    }
    memcpy(sink->block + sink->used, src, bytes);
    sink->used += bytes;
    return true;
}

static bool write_caught(void *context, const void *src, size_t bytes) {
    sink_t *sink = context;
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_handle_pending(true);
        bool written = true;
        if (sink->file == MP_OBJ_NULL) {
            written = write_block(sink, src, bytes);
        } else {
            write_file(sink, src, bytes);
        }
        nlr_pop();
        return written;
    }
    sink->raised = MP_OBJ_FROM_PTR(nlr.ret_val);
    return false;
}

static void *take_scratch(void *context, size_t bytes) {
    sink_t *sink = context;
    void *block = image_take(bytes, POOL_SCRATCH);
    if (block == NULL) {
        sink->refused = bytes;
    }
    return block;
}

static void give_back(void *context, void *block) {
    (void)context;
    pool_free(block);
}

static int encode(sink_t *sink, const image_obj_t *img, canvas_rect_t roi, file_kind_t kind, int quality) {
    const picture_out_t out = { sink, write_caught, take_scratch, give_back };
    canvas_t canvas = image_canvas(img);
    return kind == FILE_BMP || !IMAGE_FULL ? bmp_write(&out, &canvas, roi) : jpeg_write(&out, &canvas, roi, quality);
}

static int arg_quality(const image_args_t *given, size_t position) {
    mp_int_t quality = image_arg_int(given, position, MP_QSTR_quality, QUALITY);
    if (quality < 1 || quality > 100) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("quality is %ld, want 1 to 100"), (long)quality);
    }
    return quality;
}

// Raises what an encoder's code stands for, after everything was given back.
static void check(int code, const sink_t *sink, canvas_rect_t roi) {
    if (sink->raised != MP_OBJ_NULL) {
        image_raise_file_error(sink->raised, "write", sink->path);
    }
    if (code == PICTURE_ERR_UNSUPPORTED) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%ux%u is too large for JPEG: 65500 pixels a side"),
            (unsigned)roi.w, (unsigned)roi.h);
    }
    if (code != PICTURE_OK) {
        image_raise_memory("encoding of image %ux%u", roi.w, roi.h, sink->refused);
    }
}

// -- in memory

static sink_t compress_whole(const image_obj_t *img, int quality) {
    sink_t sink = { .file = MP_OBJ_NULL, .raised = MP_OBJ_NULL, .room = FIRST_ROOM, .refused = FIRST_ROOM };
    canvas_rect_t all = { 0, 0, img->w, img->h };
    sink.block = image_take(sink.room, POOL_FRAME);
    int code = sink.block == NULL ? PICTURE_ERR_MEMORY : encode(&sink, img, all, FILE_JPEG, quality);
    if (code != PICTURE_OK) {
        pool_free(sink.block);
    }
    check(code, &sink, all);
    return sink;
}

// compress(quality=50) -> the image, now JPEG, in the memory of its pixels.
static mp_obj_t compress(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    image_obj_t *img = image_get(args[0]);
    sink_t sink = compress_whole(img, arg_quality(&given, 1));
    bool fits = sink.used <= img->pix_bytes;
    if (fits) {
        memcpy(img->pix, sink.block, sink.used);
        img->format = IMAGE_JPEG;
        img->pix_bytes = sink.used;
    }
    pool_free(sink.block);
    if (!fits) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("JPEG of %u bytes, image of %u: take a lower quality, or img.compressed()"),
            (unsigned)sink.used, (unsigned)img->pix_bytes);
    }
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_compress_obj, 1, compress);

// compressed(quality=50) -> a new image that is JPEG.
static mp_obj_t compressed(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    const image_obj_t *img = image_get(args[0]);
    int quality = arg_quality(&given, 1);
    image_obj_t *result = image_new_empty();
    sink_t sink = compress_whole(img, quality);
    uint8_t *smaller = pool_realloc(sink.block, sink.used, POOL_FRAME);
    result->pix = smaller != NULL ? smaller : sink.block;
    result->pix_bytes = sink.used;
    result->format = IMAGE_JPEG;
    result->w = img->w;
    result->h = img->h;
    return MP_OBJ_FROM_PTR(result);
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_compressed_obj, 1, compressed);

// -- as files

static file_kind_t kind_of(const char *path) {
    static const struct {
        const char *ending;
        file_kind_t kind;
    } kinds[] = { { ".jpg", FILE_JPEG }, { ".jpeg", FILE_JPEG }, { ".bmp", FILE_BMP } };
    size_t length = strlen(path);
    for (size_t i = 0; i < MP_ARRAY_SIZE(kinds); i++) {
        size_t bytes = strlen(kinds[i].ending);
        if (length >= bytes && strcasecmp(path + length - bytes, kinds[i].ending) == 0) {
            return kinds[i].kind;
        }
    }
    mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("can't tell the kind of picture from %s: want .jpg or .bmp"),
        path);
}

static int write_picture(sink_t *sink, const image_obj_t *img, canvas_rect_t roi, file_kind_t kind, int quality) {
    if (img->format == IMAGE_JPEG) {
        return write_caught(sink, img->pix, img->pix_bytes) ? PICTURE_OK : PICTURE_ERR_WRITE;
    }
    return encode(sink, img, roi, kind, quality);
}

// save(path, roi, quality=50) -> the image; a file that could not be finished is removed.
static mp_obj_t save(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    const image_obj_t *img = image_get_any(args[0]);
    const char *path = mp_obj_str_get_str(args[1]);
    file_kind_t kind = kind_of(path);
    if (img->format == IMAGE_JPEG && kind != FILE_JPEG) {
        image_get(args[0]);
    }
    if (!IMAGE_FULL && img->format != IMAGE_JPEG && kind == FILE_JPEG) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("%s: the " VARIANT_NAME " variant writes no JPEG: save as .bmp, or flash the full one"), path);
    }
    canvas_rect_t roi = image_arg_roi(&given, 2, img);
    int quality = arg_quality(&given, 3);
    sink_t sink = { .file = image_open(args[1], MP_QSTR_wb), .path = path, .raised = MP_OBJ_NULL };
    int code = write_picture(&sink, img, roi, kind, quality);
    mp_obj_t closing = image_close(sink.file);
    if (code == PICTURE_OK) {
        sink.raised = closing;
    }
    if (code != PICTURE_OK || closing != MP_OBJ_NULL) {
        image_remove(args[1]);
    }
    check(code, &sink, roi);
    return args[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_save_obj, 2, save);
