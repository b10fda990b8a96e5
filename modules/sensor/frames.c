// SPDX-License-Identifier: MIT
// The frames of frames.h: buffers from the pool, in the hands of the DVP or of an image, never of both.
#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"

#include "modules/kpu/kpu_shared.h"
#include "modules/sensor/frames.h"
#include "pool.h"
#include "sdk/iomem.h"
#include "sdk/kpu.h"

#define LOOK_MS (5)

typedef uint64_t __attribute__((may_alias)) store64_t;

extern const mp_obj_type_t frames_type;

static frames_obj_t *in_ai_ram; // whose frame was last queued to come there

// -- memory

static void *take(size_t bytes, pool_kind_t kind) {
    void *block = pool_alloc(bytes, kind);
    if (block == NULL) {
        gc_collect(); // images that nobody holds any more give their memory back
        block = pool_alloc(bytes, kind);
    }
    return block;
}

static void release(frames_obj_t *frames) {
    for (size_t i = 0; i < FRAMES_MAX; i++) {
        pool_free(frames->frame[i].rgb565);
        pool_free(frames->in_ai_ram ? NULL : frames->frame[i].r);
        frames->frame[i] = (dvp_frame_t) { 0 };
    }
    pool_free(frames->pix);
    frames->pix = NULL;
    in_ai_ram = in_ai_ram == frames ? NULL : in_ai_ram;
}

static bool fill(frames_obj_t *frames, uint8_t *planes) {
    size_t pixels = (size_t)frames->w * frames->h;
    frames->pix = take(frames->gray ? pixels : 2 * pixels, POOL_FRAME);
    bool there = frames->pix != NULL;
    for (size_t i = 0; there && i < frames->count; i++) {
        dvp_frame_t *frame = &frames->frame[i];
        frame->rgb565 = frames->gray ? NULL : take(2 * pixels, POOL_DEVICE);
        frame->r = planes != NULL ? planes : take(3 * pixels, POOL_PLANES);
        frame->g = frame->r + pixels;
        frame->b = frame->g + pixels;
        there = frame->r != NULL && (frames->gray || frame->rgb565 != NULL);
    }
    return there;
}

frames_obj_t *frames_new(uint16_t w, uint16_t h, bool gray, uint8_t count, uint8_t *planes) {
    frames_obj_t *frames = mp_obj_malloc_with_finaliser(frames_obj_t, &frames_type);
    mp_obj_base_t base = frames->base;
    *frames = (frames_obj_t) { .base = base, .w = w, .h = h, .gray = gray, .count = count, .in_ai_ram = planes != NULL };
    if (!fill(frames, planes)) {
        release(frames);
        size_t pixels = (size_t)w * h;
        mp_raise_msg_varg(&mp_type_MemoryError,
            MP_ERROR_TEXT("memory overflow: %u camera frame(s) of %ux%u need %u KiB, %u KiB are free:"
                " take a smaller frame, or del images and kpu.deinit() models"),
            (unsigned)count, (unsigned)w, (unsigned)h,
            (unsigned)((pixels * (gray ? 1 + 3 * count : 2 + 5 * count) + 1023) / 1024),
            (unsigned)(pool_free_bytes() / 1024));
    }
    return frames;
}

int frames_end(frames_obj_t *frames) {
    int result = dvp_stop();
    for (size_t i = 0; i < frames->count; i++) {
        frames->frame[i].state = DVP_FRAME_FREE;
    }
    return result;
}

static mp_obj_t del(mp_obj_t self) {
    frames_obj_t *frames = MP_OBJ_TO_PTR(self);
    for (size_t i = 0; i < frames->count; i++) {
        if (frames->frame[i].state == DVP_FRAME_QUEUED) {
            dvp_stop(); // only the present frames are ever queued, so this takes nobody else's
        }
    }
    release(frames);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(del_obj, del);

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&del_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    frames_type,
    MP_QSTR_frames,
    MP_TYPE_FLAG_NONE,
    locals_dict, &locals
    );

// -- taking

// Who is about to use AI RAM calls this.
static void leave_ai_ram(void) {
    if (in_ai_ram != NULL && in_ai_ram->frame[0].state == DVP_FRAME_QUEUED) {
        frames_end(in_ai_ram);
    }
}

// A frame into AI RAM waits for the end of a run.
static void queue_free(frames_obj_t *frames) {
    if (frames->in_ai_ram && frames->frame[0].state == DVP_FRAME_FREE) {
        kpu_wait_for_run();
        in_ai_ram = frames;
        kpu_guest_comes(leave_ai_ram);
        frames->use_at_start = kpu_ai_ram_uses();
        frames->use = frames->use_at_start - 1; // never true: what is there is neither frame
    }
    // In turn: the one that is wanted next goes first.
    for (size_t i = 0; i < frames->count; i++) {
        dvp_frame_t *frame = &frames->frame[frames->turn ^ i];
        if (frame->state == DVP_FRAME_FREE) {
            dvp_queue(frame);
        }
    }
}

// Whether the frame that comes next is there, and has not been run over by now.
static bool is_there(frames_obj_t *frames) {
    dvp_frame_t *frame = &frames->frame[frames->turn];
    if (frame->state == DVP_FRAME_DONE && frames->in_ai_ram && frames->use_at_start != kpu_ai_ram_uses()) {
        frame->state = DVP_FRAME_FREE;
    }
    return frame->state == DVP_FRAME_DONE;
}

bool frames_wait(frames_obj_t *frames, uint32_t timeout_ms) {
    // With one buffer, what was taken before Ctrl-C ended the last wait is old by now.
    if (frames->count == 1 && frames->frame[0].state == DVP_FRAME_DONE) {
        frames->frame[0].state = DVP_FRAME_FREE;
    }
    queue_free(frames);
    mp_uint_t start = mp_hal_ticks_ms();
    while (!is_there(frames)) {
        mp_uint_t passed = mp_hal_ticks_ms() - start;
        if (passed >= timeout_ms) {
            return false;
        }
        // A callback or another thread may have taken the frame that this one waited for.
        queue_free(frames);
        // A run within the wait stops the frame, and then nothing else would end the wait.
        mp_event_wait_ms(frames->in_ai_ram ? MIN(timeout_ms - passed, LOOK_MS) : timeout_ms - passed);
        if (frames->ended) {
            return false;
        }
    }
    frames->use = frames->use_at_start;
    frames->frame[frames->turn].state = DVP_FRAME_FREE;
    if (frames->count > 1) {
        frames->turn ^= 1;
    }
    return true;
}

// The DVP puts the first pixel of two into the high half of a word.
static void copy_pixels(uint16_t *pixels, const volatile uint64_t *frame, size_t count) {
    store64_t *to = (store64_t *)pixels;
    #pragma GCC unroll 8
    for (size_t i = 0; i < count / 4; i++) {
        uint64_t four = frame[i];
        to[i] = (four & 0x0000FFFF0000FFFFull) << 16 | (four >> 16 & 0x0000FFFF0000FFFFull);
    }
}

static const dvp_frame_t *last(const frames_obj_t *frames) {
    return &frames->frame[frames->count > 1 ? frames->turn ^ 1 : 0];
}

mp_obj_t frames_image(frames_obj_t *frames) {
    const dvp_frame_t *frame = last(frames);
    size_t pixels = (size_t)frames->w * frames->h;
    if (frames->gray) {
        iomem_copy_out(frames->pix, frame->r, pixels);
    } else {
        copy_pixels((uint16_t *)frames->pix, frame->rgb565, pixels);
    }
    frames->taken = true;
    return frames_last(frames);
}

mp_obj_t frames_last(frames_obj_t *frames) {
    size_t pixels = (size_t)frames->w * frames->h;
    image_obj_t *img = mp_obj_malloc_with_finaliser(image_obj_t, &image_type);
    mp_obj_base_t base = img->base;
    *img = (image_obj_t) {
        .base = base,
        .w = frames->w,
        .h = frames->h,
        .format = frames->gray ? IMAGE_GRAYSCALE : IMAGE_RGB565,
        .pix = frames->pix,
        .planes = last(frames)->r,
        .plane_count = frames->gray ? 1 : 3,
        .pix_bytes = frames->gray ? pixels : 2 * pixels,
        .pix_borrowed = true,
        .planes_borrowed = true,
        .planes_of_use = frames->in_ai_ram ? &frames->use : NULL,
        .owner = MP_OBJ_FROM_PTR(frames),
    };
    return MP_OBJ_FROM_PTR(img);
}
