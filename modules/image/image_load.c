// SPDX-License-Identifier: MIT
// Pictures for image.Image(): from a path, a stream or bytes in memory to an image object.
//
// The decoders are called between MicroPython and MicroPython: what the stream raises is caught in the reader, kept, and
// raised when the decoder has given its memory back.
#include <string.h>

#include "py/runtime.h"
#include "py/stream.h"

#include "image_obj.h"
#include "picture.h"

typedef struct {
    image_obj_t *img;
    mp_obj_t stream; // MP_OBJ_NULL: bytes in memory
    const uint8_t *bytes;
    size_t bytes_left;
    mp_obj_t raised; // by the stream, or by Ctrl-C
    bool placed;     // the picture's size is known
    uint32_t w, h;
    size_t refused;  // bytes for which there was no room
    bool collected;
} load_t;

static size_t read_input(load_t *load, void *dst, size_t bytes) {
    mp_handle_pending(true);
    if (load->stream == MP_OBJ_NULL) {
        size_t n = MIN(bytes, load->bytes_left);
        memcpy(dst, load->bytes, n);
        load->bytes += n;
        load->bytes_left -= n;
        return n;
    }
    int error = 0;
    size_t n = mp_stream_rw(load->stream, dst, bytes, &error, MP_STREAM_RW_READ);
    if (error != 0) {
        mp_raise_OSError(error);
    }
    return n;
}

static size_t read_caught(void *context, void *dst, size_t bytes) {
    load_t *load = context;
    if (load->raised != MP_OBJ_NULL) {
        return 0;
    }
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        size_t n = read_input(load, dst, bytes);
        nlr_pop();
        return n;
    }
    load->raised = MP_OBJ_FROM_PTR(nlr.ret_val);
    return 0;
}

static void *take_scratch(void *context, size_t bytes) {
    load_t *load = context;
    // The decoder asks again for less where it can; one collection is enough.
    void *block = load->collected ? pool_alloc(bytes, POOL_SCRATCH) : image_take(bytes, POOL_SCRATCH);
    if (block == NULL) {
        load->collected = true;
        load->refused = bytes;
    }
    return block;
}

static void give_back(void *context, void *block) {
    (void)context;
    pool_free(block);
}

static void *place_pixels(void *context, uint32_t w, uint32_t h, bool gray) {
    load_t *load = context;
    image_format_t format = gray ? IMAGE_GRAYSCALE : IMAGE_RGB565;
    load->placed = image_place(load->img, w, h, format);
    load->w = w;
    load->h = h;
    load->refused = (size_t)w * h * image_pixel_bytes(format);
    return load->img->pix;
}

NORETURN static void raise_refusal(const picture_why_t *why, const char *path) {
    vstr_t text;
    vstr_init(&text, 96);
    if (path != NULL) {
        vstr_printf(&text, "%s: ", path);
    }
    vstr_printf(&text, why->text, why->a, why->b);
    nlr_raise(mp_obj_new_exception_arg1(&mp_type_ValueError, mp_obj_new_str_from_vstr(&text)));
}

static image_obj_t *load_picture(load_t *load, mp_obj_t file, const char *path) {
    load->img = image_new_empty();
    picture_io_t io = { load, read_caught, take_scratch, give_back, place_pixels };
    picture_why_t why;
    int code = picture_read(&io, &why);
    if (load->raised != MP_OBJ_NULL || code != PICTURE_OK) {
        image_release(load->img);
    }
    if (file != MP_OBJ_NULL) {
        image_close(file);
    }
    if (load->raised != MP_OBJ_NULL) {
        image_raise_file_error(load->raised, "read", path);
    }
    if (code == PICTURE_ERR_MEMORY) {
        const char *what = load->placed ? "decoding of image %ux%u" : load->w == 0 ? "the decoder" : "image %ux%u";
        image_raise_memory(what, load->w, load->h, load->refused);
    }
    if (code != PICTURE_OK) {
        raise_refusal(&why, path);
    }
    return load->img;
}

static bool is_stream(mp_obj_t obj) {
    const mp_obj_type_t *type = mp_obj_get_type(obj);
    return MP_OBJ_TYPE_HAS_SLOT(type, protocol) && ((mp_stream_p_t *)MP_OBJ_TYPE_GET_SLOT(type, protocol))->read != NULL;
}

image_obj_t *image_load(mp_obj_t source, bool from_bytes) {
    load_t load = { .stream = MP_OBJ_NULL, .raised = MP_OBJ_NULL };
    mp_buffer_info_t buffer;
    if (!from_bytes && mp_obj_is_str(source)) {
        load.stream = image_open(source, MP_QSTR_rb);
        return load_picture(&load, load.stream, mp_obj_str_get_str(source));
    }
    if (!from_bytes && is_stream(source)) {
        load.stream = source;
        return load_picture(&load, MP_OBJ_NULL, NULL);
    }
    if (mp_get_buffer(source, &buffer, MP_BUFFER_READ)) {
        load.bytes = buffer.buf;
        load.bytes_left = buffer.len;
        return load_picture(&load, MP_OBJ_NULL, NULL);
    }
    mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("can't load a picture from %s: want %s"),
        mp_obj_get_type_str(source), from_bytes ? "bytes" : "a path, an open file or bytes");
}
