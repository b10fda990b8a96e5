// SPDX-License-Identifier: MIT
// The memory that frames come into, and images of it.
//
// The DVP writes into uncached memory: the planes are what the KPU reads, as they are; RGB565 is copied once, pixel
// pairs turned round, into the cached pixels that Python draws on. So no buffer ever changes its alias, and no frame is
// written into while a script works on it: a frame is taken only inside of snapshot(), or with two buffers into the one
// that the last image does not use.
//
// One frame's planes may come into AI RAM, at the place where a net reads them. They are there until the next run: then
// what frames and images remember of kpu_ai_ram_uses() is not what it is any more, and using them is refused. A run and
// a frame never meet there: a frame waits for the end of a run, and a run has a frame that comes in stopped.
#ifndef SENSOR_FRAMES_H
#define SENSOR_FRAMES_H

#include "modules/image/image.h"
#include "sdk/dvp.h"

#define FRAMES_MAX (2)

typedef struct {
    mp_obj_base_t base;
    uint16_t w, h;
    bool gray;
    uint8_t count;          // of buffers: 1, or 2 to take a frame while Python works on the other
    uint8_t turn;           // the one that comes next
    bool taken;             // an image was made
    bool in_ai_ram;         // the planes
    uint32_t use;           // kpu_ai_ram_uses() as long as the planes hold the last frame; of the one that comes in:
    uint32_t use_at_start;
    bool ended;             // others may come next: the DVP is no longer theirs
    uint8_t *pix;           // cached
    dvp_frame_t frame[FRAMES_MAX];
} frames_obj_t;

// Memory for frames of a size; planes in AI RAM or NULL. Raises MemoryError.
frames_obj_t *frames_new(uint16_t w, uint16_t h, bool gray, uint8_t count, uint8_t *planes);
// Waits for a frame; false where none came in time, or where they were ended meanwhile. Lets Ctrl-C through.
bool frames_wait(frames_obj_t *frames, uint32_t timeout_ms);
// The frame that was waited for, as an image; it is good until the next one is waited for.
mp_obj_t frames_image(frames_obj_t *frames);
// The same frame again, as it is by now.
mp_obj_t frames_last(frames_obj_t *frames);
// No more frames come into this memory, which goes as soon as no image uses it.
int frames_end(frames_obj_t *frames);

#endif // SENSOR_FRAMES_H
