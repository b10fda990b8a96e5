// SPDX-License-Identifier: MIT
// What a net may be given: an image's planes, anything with the buffer protocol, a list or tuple of numbers.
#include <string.h>

#include "py/binary.h"
#include "py/runtime.h"

#include "modules/image/image.h"
#include "modules/kpu/kpu_net.h"
#include "sdk/kpu.h"

#define REFUSED "[MAIXPY]kpu: check img format err!: "

static bool is_float(const kmodel_tensor_t *wants) {
    return wants->type == KMODEL_F32;
}

static size_t element_bytes(const kmodel_tensor_t *wants) {
    return is_float(wants) ? sizeof(float) : 1;
}

// -- images

static void check_image(const kmodel_tensor_t *wants, const image_obj_t *img) {
    if (is_float(wants) || (wants->channels != 1 && wants->channels != 3)) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT(REFUSED "no image fits this model, it wants %u %s (%ux%ux%u): give it a buffer or a list"),
            (unsigned)(wants->bytes / element_bytes(wants)), is_float(wants) ? "floats" : "bytes",
            (unsigned)wants->w, (unsigned)wants->h, (unsigned)wants->channels);
    }
    if (img->w != wants->w || img->h != wants->h) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT(REFUSED "image is %ux%u but the model wants %ux%u: img.resize(%u, %u) first"),
            img->w, img->h, (unsigned)wants->w, (unsigned)wants->h, (unsigned)wants->w, (unsigned)wants->h);
    }
    if (img->planes == NULL && (img->pix == NULL || img->format == IMAGE_JPEG)) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT(REFUSED "image has no pixels: %s"),
            img->format == IMAGE_JPEG ? "it is JPEG, load it with image.Image() first" : "its memory was freed");
    }
}

static void check_planes(const kmodel_tensor_t *wants, uint32_t planes, const char *remedy) {
    if (planes != wants->channels) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT(REFUSED "image has %u %s but the model wants %u: %s first"), (unsigned)planes,
            planes == 1 ? "channel" : "channels", (unsigned)wants->channels, remedy);
    }
}

static MP_NOINLINE kpu_input_t image_input(const kpu_net_obj_t *net, image_obj_t *img) {
    const kmodel_tensor_t *wants = &net->input;
    check_image(wants, img);
    uint32_t coloured = img->format == IMAGE_GRAYSCALE ? 1 : 3;
    if (img->planes == NULL) {
        check_planes(wants, coloured, coloured == 1 ? "img = img.to_rgb565(copy=True)" : "img.to_grayscale()");
        image_pix_to_ai(img);
    }
    bool stale = img->plane_count != coloured && coloured == wants->channels;
    check_planes(wants, img->plane_count, stale ? "img.pix_to_ai()"
        : coloured == 1 ? "img = img.to_rgb565(copy=True)" : "img.to_grayscale() and img.pix_to_ai()");
    image_check_planes(img);
    if (img->planes_of_use != NULL && img->planes != kpu_input_place(net)) {
        image_own_planes(img); // in AI RAM, but where another net reads
    }
    return (kpu_input_t) { img->planes, NULL };
}

// -- buffers

static void check_buffer(const kmodel_tensor_t *wants, const mp_buffer_info_t *buffer) {
    bool fits = is_float(wants) ? buffer->typecode == 'f' : buffer->typecode == 'b';
    if (!fits && buffer->typecode != 'B' && buffer->typecode != BYTEARRAY_TYPECODE) {
        mp_raise_msg_varg(&mp_type_TypeError,
            MP_ERROR_TEXT("[MAIXPY]kpu: input not support: a buffer of '%c' but the model wants '%c'"),
            buffer->typecode, is_float(wants) ? 'f' : 'B');
    }
    if (buffer->len != wants->bytes) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: input is %u bytes but the model wants %u: %ux%u, %u %s of %s"),
            (unsigned)buffer->len, (unsigned)wants->bytes, (unsigned)wants->w, (unsigned)wants->h,
            (unsigned)wants->channels, wants->channels == 1 ? "plane" : "planes", is_float(wants) ? "floats" : "bytes");
    }
}

// -- numbers

static void store_byte(uint8_t *bytes, size_t i, mp_obj_t value_in) {
    mp_int_t value = mp_obj_get_int(value_in);
    if (value < 0 || value > 255) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: input[%u] is %ld but the model wants 0 to 255"), (unsigned)i, (long)value);
    }
    bytes[i] = value;
}

static kpu_input_t numbers(const kmodel_tensor_t *wants, mp_obj_t list) {
    size_t count;
    mp_obj_t *items;
    mp_obj_get_array(list, &count, &items);
    if (count != wants->bytes / element_bytes(wants)) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: input is %u numbers but the model wants %u (%ux%ux%u)"), (unsigned)count,
            (unsigned)(wants->bytes / element_bytes(wants)), (unsigned)wants->w, (unsigned)wants->h,
            (unsigned)wants->channels);
    }
    uint8_t *data = m_new(uint8_t, wants->bytes);
    for (size_t i = 0; i < count; i++) {
        if (is_float(wants)) {
            ((float *)data)[i] = mp_obj_get_float_to_f(items[i]);
        } else {
            store_byte(data, i, items[i]);
        }
    }
    return (kpu_input_t) { data, data };
}

static MP_NOINLINE kpu_input_t other_input(const kmodel_tensor_t *wants, mp_obj_t input) {
    if (mp_obj_is_type(input, &mp_type_list) || mp_obj_is_type(input, &mp_type_tuple)) {
        return numbers(wants, input);
    }
    mp_buffer_info_t buffer;
    if (mp_obj_is_str(input) || !mp_get_buffer(input, &buffer, MP_BUFFER_READ)) {
        mp_raise_msg_varg(&mp_type_TypeError,
            MP_ERROR_TEXT("[MAIXPY]kpu: input not support: want an image, bytes, a list or a tuple, not %s"),
            mp_obj_get_type_str(input));
    }
    check_buffer(wants, &buffer);
    if ((uintptr_t)buffer.buf % element_bytes(wants) == 0) {
        return (kpu_input_t) { buffer.buf, NULL };
    }
    // The middle of a bytes object: floats are read only from where they are aligned.
    void *aligned = m_new(uint8_t, buffer.len);
    memcpy(aligned, buffer.buf, buffer.len);
    return (kpu_input_t) { aligned, aligned };
}

uint8_t *kpu_input_place(const kpu_net_obj_t *net) {
    int32_t row = kmodel_input_row(net->model);
    bool dense = row >= 0 && net->input.w % KPU_ROW_BYTES == 0 && net->input.type == KMODEL_U8
        && net->input.channels == 3;
    return dense ? (uint8_t *)kpu_ai_ram() + (size_t)row * KPU_ROW_BYTES : NULL;
}

kpu_input_t kpu_input(const kpu_net_obj_t *net, mp_obj_t input) {
    const kmodel_tensor_t *wants = &net->input;
    if (!mp_obj_is_type(input, &image_type)) {
        return other_input(wants, input);
    }
    image_obj_t *img = MP_OBJ_TO_PTR(input);
    if (img->planes != NULL && img->w == wants->w && img->h == wants->h && img->plane_count == wants->channels
        && wants->type == KMODEL_U8 && img->planes_of_use == NULL) {
        return (kpu_input_t) { img->planes, NULL };
    }
    return image_input(net, img);
}
