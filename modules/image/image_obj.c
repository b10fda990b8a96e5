// SPDX-License-Identifier: MIT
// The memory of images: pixels and planes from the pool, given back when the image is collected.
//
// An image's pixels never move and stay as long as the image, so that a view of them stays good while the image lives.
#include <string.h>

#include "py/gc.h"
#include "py/runtime.h"

#include "image_obj.h"
#include "pixels.h"
#include "sdk/iomem.h"
#include "sdk/kpu.h"

void *image_take(size_t bytes, pool_kind_t kind) {
    void *block = pool_alloc(bytes, kind);
    if (block == NULL && !gc_is_locked()) {
        gc_collect(); // images that nobody holds any more give their memory back
        block = pool_alloc(bytes, kind);
    }
    return block;
}

void image_raise_memory(const char *what, uint32_t w, uint32_t h, size_t bytes) {
    vstr_t text;
    vstr_init(&text, 160);
    vstr_add_str(&text, "memory overflow: ");
    vstr_printf(&text, what, (unsigned)w, (unsigned)h);
    vstr_printf(&text, " needs %u KiB, %u KiB are free: take a smaller picture, or del images and kpu.deinit() models",
        (unsigned)((bytes + 1023) / 1024), (unsigned)(pool_largest() / 1024));
    nlr_raise(mp_obj_new_exception_arg1(&mp_type_MemoryError, mp_obj_new_str_from_vstr(&text)));
}

void *image_scratch(image_scratch_t *guard, size_t bytes, const char *what, uint32_t w, uint32_t h) {
    void *block = image_take(bytes, POOL_SCRATCH);
    if (block == NULL) {
        image_raise_memory(what, w, h, bytes);
    }
    guard->func = pool_free;
    guard->arg = block;
    nlr_push_jump_callback(&guard->callback, mp_call_function_1_from_nlr_jump_callback);
    return block;
}

void image_scratch_free(void) {
    nlr_pop_jump_callback(true);
}

image_obj_t *image_new_empty(void) {
    image_obj_t *img = mp_obj_malloc_with_finaliser(image_obj_t, &image_type);
    mp_obj_base_t base = img->base;
    *img = (image_obj_t) { .base = base, .owner = mp_const_none };
    return img;
}

bool image_place(image_obj_t *img, uint32_t w, uint32_t h, image_format_t format) {
    size_t bytes = (size_t)w * h * image_pixel_bytes(format);
    img->pix = image_take(bytes, POOL_FRAME);
    if (img->pix == NULL) {
        return false;
    }
    img->w = w;
    img->h = h;
    img->format = format;
    img->pix_bytes = bytes;
    return true;
}

image_obj_t *image_new(uint16_t w, uint16_t h, image_format_t format) {
    image_obj_t *img = image_new_empty();
    if (!image_place(img, w, h, format)) {
        image_raise_memory("image %ux%u", w, h, (size_t)w * h * image_pixel_bytes(format));
    }
    return img;
}

void image_drop_planes(image_obj_t *img) {
    if (!img->planes_borrowed) {
        pool_free(img->planes);
    }
    img->planes = NULL;
    img->planes_of_use = NULL;
    img->planes_borrowed = false;
}

void image_release(image_obj_t *img) {
    image_drop_planes(img);
    if (!img->pix_borrowed) {
        pool_free(img->pix);
    }
    img->pix = NULL;
    img->pix_bytes = 0;
    img->owner = mp_const_none;
}

image_obj_t *image_get_any(mp_obj_t self) {
    image_obj_t *img = MP_OBJ_TO_PTR(self);
    if (img->pix == NULL) {
        mp_raise_ValueError(MP_ERROR_TEXT("image has no pixels: its memory was freed"));
    }
    return img;
}

image_obj_t *image_get(mp_obj_t self) {
    image_obj_t *img = image_get_any(self);
    if (img->format == IMAGE_JPEG) {
        mp_raise_ValueError(MP_ERROR_TEXT("image has no pixels: it is JPEG, image.Image(img.to_bytes()) gives them"));
    }
    return img;
}

image_obj_t *image_other(mp_obj_t obj) {
    if (!mp_obj_is_type(obj, &image_type)) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("%s given, want an image"), mp_obj_get_type_str(obj));
    }
    return image_get(obj);
}

canvas_t image_canvas(const image_obj_t *img) {
    return (canvas_t) { img->pix, img->w, img->h, img->format == IMAGE_GRAYSCALE };
}

image_obj_t *image_copy(const image_obj_t *img) {
    image_obj_t *result = image_new(img->w, img->h, img->format);
    memcpy(result->pix, img->pix, img->pix_bytes);
    return result;
}

static uint8_t *take_planes(const image_obj_t *img, uint8_t count) {
    size_t bytes = (image_pixel_count(img) * count + 7) & ~(size_t)7;
    uint8_t *planes = image_take(bytes, POOL_PLANES);
    if (planes == NULL) {
        image_raise_memory("AI buffer of image %ux%u", img->w, img->h, bytes);
    }
    return planes;
}

void image_check_planes(const image_obj_t *img) {
    if (img->planes_of_use != NULL && *img->planes_of_use != kpu_ai_ram_uses()) {
        mp_raise_ValueError(MP_ERROR_TEXT("the image's AI buffer was in AI RAM, where a run has been since:"
            " img.pix_to_ai() makes one of the pixels, sensor.planes_for(None) has frames keep theirs"));
    }
}

void image_own_planes(image_obj_t *img) {
    if (img->planes_of_use == NULL) {
        return;
    }
    image_check_planes(img);
    uint8_t *planes = take_planes(img, img->plane_count);
    iomem_copy_out(planes, img->planes, image_pixel_count(img) * img->plane_count);
    image_drop_planes(img);
    img->planes = planes;
}

void image_pix_to_ai(image_obj_t *img) {
    image_get(MP_OBJ_FROM_PTR(img));
    uint8_t planes = img->format == IMAGE_GRAYSCALE ? 1 : 3;
    size_t pixels = image_pixel_count(img);
    if (img->planes_of_use != NULL || (img->planes != NULL && img->plane_count < planes)) {
        image_drop_planes(img);
    }
    if (img->planes == NULL) {
        img->planes = take_planes(img, planes);
    }
    img->plane_count = planes;
    if (planes == 1) {
        pixels_gray_to_plane((uint64_t *)img->planes, img->pix, pixels);
    } else {
        pixels_rgb565_to_planes((uint64_t *)img->planes, (const uint16_t *)img->pix, pixels);
    }
}

void image_ai_to_pix(image_obj_t *img) {
    image_check_planes(img);
    const uint64_t *planes = (const uint64_t *)img->planes;
    size_t pixels = image_pixel_count(img);
    if (planes != NULL && img->format == IMAGE_GRAYSCALE) {
        pixels_plane_to_gray(img->pix, planes, pixels); // of three the first
    } else if (planes != NULL && img->plane_count == 3) {
        pixels_planes_to_rgb565((uint16_t *)img->pix, planes, pixels);
    }
}
