// SPDX-License-Identifier: MIT
// A model from its source into the pool: asks how long it is, places it, has it checked, opens it.
#include <stdio.h>
#include <string.h>

#include "py/gc.h"
#include "py/mperrno.h"
#include "py/runtime.h"

#include "modules/kpu/kmodel4.h"
#include "modules/kpu/kmodel_poll.h"
#include "modules/kpu/kmodel_why.h"
#include "modules/kpu/kpu_net.h"
#include "pool.h"
#include "sdk/kpu.h"

// First look at a file: more than the heads of most need, and a whole number of blocks for what follows.
#define HEAD_BYTES (4096)
// Ctrl-C is looked for between chunks: at most 20 ms apart even from the slowest flash.
#define CHUNK_BYTES (64 * 1024)
#define WORK_ALIGN (64)

// What an exception on the way must undo.
typedef struct {
    nlr_jump_callback_node_t node;
    kpu_source_t *source;
    kpu_net_obj_t *net;
} guard_t;

static void undo(void *context) {
    guard_t *guard = context;
    kpu_net_release(guard->net);
    kpu_source_close(guard->source);
}

// -- refusals; whoever calls them has a guard that releases

// Ends with where the model was looked for.
NORETURN void kpu_net_raise_refusal(const kpu_net_obj_t *net, const kmodel_why_t *why) {
    char text[256];
    kmodel_explain(why, text, sizeof(text));
    if (mp_obj_is_int(net->source)) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s (flash 0x%x)"), text,
            (unsigned)mp_obj_get_int(net->source));
    } else if (mp_obj_is_str(net->source)) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s (%s)"), text, mp_obj_str_get_str(net->source));
    }
    mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s"), text);
}

NORETURN void kpu_net_raise_no_memory(kpu_net_obj_t *net, size_t needed) {
    kpu_net_release(net);
    mp_raise_msg_varg(&mp_type_MemoryError,
        MP_ERROR_TEXT("memory overflow: model needs %u KiB, %u KiB are free (largest block %u KiB): "
            "kpu.deinit() a loaded model, drop images, gc.collect(), or use a smaller model%s"),
        (unsigned)((needed + 1023) / 1024), (unsigned)(pool_free_bytes() / 1024), (unsigned)(pool_largest() / 1024),
        mp_obj_is_int(net->source) ? "" : "; a model at a flash offset is streamed where it does not fit: kpu.load(0x300000)");
}

// A block, if need be after the collector has given back what dead nets and images held.
static void *take(size_t bytes, pool_kind_t kind) {
    void *block = pool_alloc(bytes, kind);
    if (block == NULL) {
        gc_collect();
        block = pool_alloc(bytes, kind);
    }
    return block;
}

// -- the steps, in their order

static size_t round_up(size_t bytes, size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

typedef struct {
    uint8_t *bytes;
    size_t room;
    size_t have;
    size_t left_out; // of a V4's constants, which would be most of it: they come later, to their own place
} head_t;

static void grow_head(kpu_net_obj_t *net, head_t *head, size_t bytes, kpu_source_t *source) {
    size_t room = round_up(bytes, HEAD_BYTES);
    uint8_t *grown = m_renew_maybe(uint8_t, head->bytes, head->room, room, true);
    if (grown == NULL) {
        kpu_net_raise_no_memory(net, bytes);
    }
    head->bytes = grown;
    head->room = room;
    head->have += kpu_source_read(source, head->bytes + head->have, room - head->have);
}

// Goes on behind a V4's constants. Its tables before them fit into what has been read.
static void leave_constants_out(head_t *head, kpu_source_t *source) {
    kmodel4_header_t header = kmodel4_header(head->bytes);
    header.apart = true;
    ((uint32_t *)head->bytes)[1] |= KMODEL4_APART;
    head->have = (size_t)kmodel4_tables(&header).constants;
    head->left_out = kmodel4_left_out(&header);
    kpu_source_seek(source, head->have + head->left_out);
}

// How long the model is by its own fields, without what was left out; the head grows until that is known.
static size_t probe(kpu_net_obj_t *net, head_t *head, kpu_source_t *source) {
    size_t bytes = HEAD_BYTES;
    grow_head(net, head, bytes, source);
    for (;;) {
        kmodel_why_t why;
        int result = KMODEL_V4 && head->left_out ? kmodel4_probe(head->bytes, head->have, &bytes, &why)
            : kmodel_probe(head->bytes, head->have, &bytes, &why);
        if (result == KMODEL_OK) {
            return bytes;
        }
        if (result != KMODEL_MORE && why.reason == WHY_REVERSED && !source->reversed) {
            head->have = kpu_source_reverse(source, head->bytes, head->have);
            continue;
        }
        size_t there = head->have + kpu_source_left(source);
        if (result == KMODEL_MORE && there < bytes) {
            result = kmodel_refuse(&why, KMODEL_ERR_FORMAT, WHY_SHORT, NULL, there, bytes);
        }
        if (result != KMODEL_MORE) {
            kpu_net_raise_refusal(net, &why);
        }
        if (KMODEL_V4 && head->have == HEAD_BYTES && kmodel_is_v4(head->bytes)
            && kmodel4_header(head->bytes).constants >= KMODEL_ALIGN && kpu_source_can_seek(source)) {
            leave_constants_out(head, source);
        }
        grow_head(net, head, MIN(bytes, bytes - head->left_out), source);
    }
}

// The rest of the file behind its head, with Ctrl-C let through; not where a callback could move what is read.
static void read_rest(kpu_source_t *source, uint8_t *file, size_t have, size_t bytes) {
    while (have < bytes) {
        if (source->data == NULL) {
            mp_event_handle_nowait();
        }
        size_t chunk = MIN(bytes - have, CHUNK_BYTES);
        size_t got = kpu_source_read(source, file + have, chunk);
        have += got;
        if (got < chunk) {
            char text[80];
            snprintf(text, sizeof(text), "[MAIXPY]kpu: ERR_READ_FILE: %u of %u bytes came",
                (unsigned)have, (unsigned)bytes);
            kpu_raise_os_error(MP_EIO, text);
        }
    }
}

// What load() does with a model that does not fit: two buffers, the flash's usual rate, and what has room stays.
static const kpu_stream_t fallback = { .keeps = true, .buffers = 2, .piece = 64 * 1024, .hz = 50000000 };

// Lets Ctrl-C, and nothing else that could touch a net, into an operator that computes.
static void let_ctrl_c_through(void) {
    if (MP_STATE_THREAD(mp_pending_exception) != MP_OBJ_NULL) {
        mp_handle_pending(true);
    }
}

static void start_kpu(void) {
    kmodel_set_poll(let_ctrl_c_through);
    if (kpu_net_running() == NULL && kpu_init() != KPU_OK) {
        kpu_raise_os_error(MP_EIO, "[MAIXPY]kpu: the KPU did not start");
    }
}

static int measure(const kpu_net_obj_t *net, kmodel_needs_t *needs, kmodel_why_t *why) {
    if (KMODEL_V4 && kmodel_is_v4(net->file) && kmodel4_header(net->file).apart) {
        return kmodel4_measure_apart(net->file, net->file_bytes, needs, why);
    }
    return kmodel_measure(net->file, net->file_bytes, needs, why);
}

// The constants of a V4 that lies in memory without them.
static void read_constants(const kpu_net_obj_t *net, kpu_source_t *source, uint8_t *work) {
    kmodel4_header_t header = kmodel4_header(net->file);
    if (header.apart) {
        kpu_source_seek(source, (size_t)kmodel4_tables(&header).constants);
        read_rest(source, kmodel4_constants(&header, work), 0, header.constants);
    }
}

// Opens the file in its place; 0, or how many bytes are needed where memory does not do.
static size_t open_model(kpu_net_obj_t *net, kpu_source_t *source) {
    kmodel_needs_t needs;
    kmodel_why_t why;
    if (measure(net, &needs, &why) != KMODEL_OK) {
        kpu_net_raise_refusal(net, &why);
    }
    size_t work_at = round_up(kmodel_struct_bytes(), WORK_ALIGN);
    size_t tape_at = work_at + round_up(needs.work, WORK_ALIGN);
    size_t work_bytes = tape_at + needs.tape;
    net->work = take(work_bytes, POOL_WORK);
    if (net->work != NULL && needs.device > 0) {
        net->device = take(needs.device, POOL_DEVICE);
    }
    if (net->work == NULL || (needs.device > 0 && net->device == NULL)) {
        return net->file_bytes + work_bytes + needs.device;
    }
    uint8_t *work = net->work;
    kmodel_t *model = net->work;
    if (kmodel_is_v4(net->file)) {
        read_constants(net, source, work + work_at);
    }
    kmodel_open(model, net->file, net->file_bytes, work + work_at, net->device, work + tape_at);
    net->model = model;
    return 0;
}

// The same from its head on; `room`: what of it takes memory.
static size_t load_whole(kpu_net_obj_t *net, kpu_source_t *source, const head_t *head, size_t room) {
    net->file = take(room, POOL_MODEL);
    if (net->file == NULL) {
        return net->file_bytes + kmodel_header(head->bytes).main_mem_usage;
    }
    size_t have = MIN(head->have, room);
    memcpy(net->file, head->bytes, have);
    read_rest(source, net->file, have, room);
    size_t needed = open_model(net, source);
    if (needed) {
        kpu_net_release(net);
    }
    return needed;
}

static void load(kpu_net_obj_t *net, kpu_source_t *source, const kpu_stream_t *stream) {
    head_t head = { NULL };
    size_t bytes = probe(net, &head, source);
    size_t there = head.have + kpu_source_left(source);
    net->file_bytes = MIN(bytes, there) + head.left_out;
    bool can_stream = mp_obj_is_int(net->source);
    if (stream == NULL || !can_stream) { // words are read whole where they are reversed
        size_t needed = load_whole(net, source, &head, MIN(round_up(bytes, sizeof(uint32_t)), there));
        if (needed && !can_stream) {
            kpu_net_raise_no_memory(net, needed);
        }
    }
    if (net->model == NULL) {
        kpu_stream_t how = stream != NULL ? *stream : fallback;
        how.address = mp_obj_get_int(net->source);
        how.reversed = source->reversed;
        kpu_flow_load(net, head.bytes, &how);
    }
    m_del(uint8_t, head.bytes, head.room);
}

static void note_tensors(kpu_net_obj_t *net) {
    const kmodel_t *model = net->model;
    uint32_t outputs = kmodel_output_count(model);
    net->input = kmodel_input(model);
    net->outputs = m_new(kmodel_tensor_t, outputs);
    for (uint32_t i = 0; i < outputs; i++) {
        net->outputs[i] = kmodel_output(model, i);
    }
}

mp_obj_t kpu_load(kpu_source_t *source, mp_obj_t name, const kpu_stream_t *stream) {
    kpu_net_obj_t *net = mp_obj_malloc_with_finaliser(kpu_net_obj_t, &kpu_net_type);
    memset((uint8_t *)net + sizeof(net->base), 0, sizeof(*net) - sizeof(net->base));
    net->source = name;
    guard_t guard = { .source = source, .net = net };
    nlr_push_jump_callback(&guard.node, undo);
    start_kpu();
    load(net, source, stream);
    note_tensors(net);
    nlr_pop_jump_callback(false);
    kpu_source_close(source);
    return MP_OBJ_FROM_PTR(net);
}
