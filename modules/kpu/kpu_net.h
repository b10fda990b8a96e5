// SPDX-License-Identifier: MIT
// A loaded model as Python holds it, and what the files of this module ask of each other.
#ifndef KPU_NET_H
#define KPU_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "modules/kpu/kmodel.h"
#include "modules/kpu/kmodel_flow.h"
#include "modules/kpu/kpu_source.h"
#include "py/obj.h"

// How weights are streamed.
typedef struct {
    uint32_t address; // of the model in flash
    bool reversed;    // the bytes of its words are
    bool keeps;       // as much as has room stays in memory
    uint32_t buffers; // 1 or 2
    uint32_t piece;   // bytes at a time
    uint32_t hz;
} kpu_stream_t;

// Every block outside the GC heap is the net's own and goes with kpu_net_release().
typedef struct {
    mp_obj_base_t base;
    mp_obj_t source;          // the flash address or the path as given, None for bytes
    kmodel_t *model;          // at the start of `work`; NULL once released
    void *file;               // POOL_MODEL: the file, or its skeleton where weights are streamed
    void *store, *buffers;    // POOL_MODEL and POOL_DEVICE, only then: weights that stay, and what is fetched
    kpu_stream_t stream;
    size_t file_bytes;        // of it that hold the model
    void *work;               // POOL_WORK: the model's struct, its working memory, its tape
    void *device;             // POOL_DEVICE; NULL where nothing is streamed
    kmodel_tensor_t input;
    kmodel_tensor_t *outputs; // as reported: set_outputs() changes shapes, never sizes
    mp_obj_t yolo;            // what init_yolo2() was told, or MP_OBJ_NULL
    uintptr_t fmaps;          // the fmaps that show the net's memory; see kpu_fmap.c
    bool has_run;             // the outputs are of a whole run
    bool pending;             // they will be, of one that forward() did not wait for
    uint32_t layers;          // how many a run goes through; 0: all
} kpu_net_obj_t;

extern const mp_obj_type_t kpu_net_type;
extern const mp_obj_type_t kpu_fmap_type;

// -- kpu_net.c
// OSError with a code and a sentence of ours.
NORETURN void kpu_raise_os_error(int code, const char *text);
// The one that a failed run ends with.
NORETURN void kpu_raise_run_error(bool timeout);
// The net behind a first argument; raises TypeError for anything else, ValueError for one that was given back.
kpu_net_obj_t *kpu_net_check(mp_obj_t net_in);
static inline kpu_net_obj_t *kpu_net_get(mp_obj_t net_in) {
    if (mp_obj_is_obj(net_in)) {
        kpu_net_obj_t *net = MP_OBJ_TO_PTR(net_in);
        if (net->base.type == &kpu_net_type && net->model != NULL) {
            return net;
        }
    }
    return kpu_net_check(net_in);
}
// Gives every block back. Allocates nothing, so a finaliser may call it; harmless when repeated.
void kpu_net_release(kpu_net_obj_t *net);
// Raises ValueError unless 0 <= index < outputs.
uint32_t kpu_net_output_index(const kpu_net_obj_t *net, mp_obj_t index_in);

// -- kpu_load.c
// A net of what the source gives; `name` is its address, its path or None. With `stream`, a model in flash is streamed,
// else where it does not fit.
mp_obj_t kpu_load(kpu_source_t *source, mp_obj_t name, const kpu_stream_t *stream);
// What a refusal ends with; whoever calls them has a guard that releases.
NORETURN void kpu_net_raise_refusal(const kpu_net_obj_t *net, const kmodel_why_t *why);
NORETURN void kpu_net_raise_no_memory(kpu_net_obj_t *net, size_t needed);

// -- kpu_flow.c
// Opens the model streamed; its head is in memory, address and order of its bytes are in `stream`.
void kpu_flow_load(kpu_net_obj_t *net, const void *head, const kpu_stream_t *stream);
static inline bool kpu_net_is_streamed(const kpu_net_obj_t *net) {
    return net->buffers != NULL;
}

// -- kpu_input.c
// What forward() was given, as the runtime reads it. `temporary` is m_del()'s after the first step, or NULL.
typedef struct {
    const void *data;
    void *temporary;
} kpu_input_t;
kpu_input_t kpu_input(const kpu_net_obj_t *net, mp_obj_t input);
// Where in AI RAM a colour image's planes would need no copy; NULL where there is no such place.
uint8_t *kpu_input_place(const kpu_net_obj_t *net);

// -- kpu_forward.c
// Runs the net to its end: waits with the core stopped and lets Ctrl-C through.
void kpu_net_run(kpu_net_obj_t *net, mp_obj_t input);
// The net whose run goes on, or NULL.
const kpu_net_obj_t *kpu_net_running(void);
// Refuses, with the caller's name, to touch a net whose own forward() waits for it below.
void kpu_net_refuse_within(const kpu_net_obj_t *net, const char *what);
// Whether the run that nobody waited for has come to its end, good or bad; helps it on.
bool kpu_net_ready(const kpu_net_obj_t *net);
// Waits for its end. Its fmaps know whether it was good.
void kpu_net_settle(const kpu_net_obj_t *net);
// Ends it at once. Allocates nothing.
void kpu_net_stop(kpu_net_obj_t *net);
mp_obj_t kpu_forward(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args);
mp_obj_t kpu_get_output(mp_obj_t net_in, mp_obj_t index_in);
mp_obj_t kpu_set_outputs(size_t n_args, const mp_obj_t *args);

// -- kpu_part.c
mp_obj_t kpu_set_layers(mp_obj_t net_in, mp_obj_t count_in);

// -- kpu_face.c
mp_obj_t kpu_face_encode(mp_obj_t features_in);
mp_obj_t kpu_face_compare(mp_obj_t a_in, mp_obj_t b_in);

// -- kpu_fmap.c
// An fmap of an output of the last run.
mp_obj_t kpu_fmap_new(kpu_net_obj_t *net, uint32_t output);
// An fmap of what the last layer of a run left that set_layers() made end there.
mp_obj_t kpu_fmap_of_layer(kpu_net_obj_t *net);
// The fmaps that show the net's memory take their bytes with them; raises MemoryError with nothing lost.
void kpu_fmap_detach_all(kpu_net_obj_t *net);
// They lose their bytes instead, for this reason: for where nothing may be allocated.
typedef enum {
    KPU_LOST_FREED,
    KPU_LOST_TIMEOUT,
    KPU_LOST_FAULT,
    KPU_LOST_INTERRUPTED,
    KPU_LOST_DEINIT,
} kpu_lost_t;
void kpu_fmap_drop_all(kpu_net_obj_t *net, kpu_lost_t why);
mp_obj_t kpu_fmap_image(mp_obj_t fmap_in, mp_obj_t channel_in);
mp_obj_t kpu_fmap_free(mp_obj_t fmap_in);

// -- kpu_yolo.c
mp_obj_t kpu_init_yolo2(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args);
mp_obj_t kpu_run_yolo2(size_t n_args, const mp_obj_t *args);

// -- kpu_info.c
mp_obj_t kpu_netinfo(mp_obj_t net_in);
mp_obj_t kpu_memtest(void);

#endif // KPU_NET_H
