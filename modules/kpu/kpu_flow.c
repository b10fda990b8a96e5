// SPDX-License-Identifier: MIT
// A net whose weights come from raw flash in every run: opened beside a skeleton of its file, fetched by DMA behind the KPU.
#include "py/gc.h"
#include "py/mperrno.h"
#include "py/runtime.h"

#include "modules/kpu/kmodel_why.h"
#include "modules/kpu/kpu_net.h"
#include "pool.h"
#include "storage.h"

// What is left for pictures and the heap when as much as has room stays in memory.
#define LEAVE_BYTES (192 * 1024)
#define WORK_ALIGN (64)
#define WORD_BYTES (sizeof(uint32_t))

// -- the flash as the runtime's source

static int read_part(void *context, uint32_t offset, void *to, size_t bytes) {
    const kpu_stream_t *stream = context;
    size_t whole = stream->reversed ? (bytes + WORD_BYTES - 1) / WORD_BYTES * WORD_BYTES : bytes;
    int result = storage_read(stream->address + offset, to, whole);
    if (result != STORAGE_OK) {
        kpu_raise_os_error(result == STORAGE_ERR_BUSY ? MP_EBUSY : MP_EIO,
            "[MAIXPY]kpu: ERR_READ_FILE: the flash did not answer");
    }
    volatile uint32_t *words = to;
    for (size_t i = 0; stream->reversed && i < whole / WORD_BYTES; i++) {
        words[i] = __builtin_bswap32(words[i]);
    }
    return KMODEL_OK;
}

static int start_part(void *context, uint32_t offset, void *to, size_t bytes) {
    const kpu_stream_t *stream = context;
    int result = storage_start_read(stream->address + offset, to, bytes, stream->hz, stream->reversed);
    return result == STORAGE_OK ? KMODEL_OK : KMODEL_ERR_RUN;
}

static int poll_part(void *context) {
    int result = storage_poll_read();
    return result == STORAGE_OK ? KMODEL_OK : result == STORAGE_ERR_BUSY ? KMODEL_BUSY : KMODEL_ERR_RUN;
}

static void stop_part(void *context) {
    storage_stop_read();
}

// -- loading

static void *take(kpu_net_obj_t *net, size_t bytes, pool_kind_t kind, size_t needed) {
    void *block = pool_alloc(bytes, kind);
    if (block == NULL) {
        gc_collect();
        block = pool_alloc(bytes, kind);
    }
    if (block == NULL) {
        kpu_net_raise_no_memory(net, needed);
    }
    return block;
}

static void check(kpu_net_obj_t *net, int result, const kmodel_why_t *why) {
    if (result == KMODEL_OK) {
        return;
    }
    if (why->reason == WHY_BELOW && why->layer < 0) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: load_flash err: batch_size %u is too small for this model: at least 0x%x"),
            (unsigned)why->given, (unsigned)why->wanted);
    }
    kpu_net_raise_refusal(net, why);
}

static size_t round_up(size_t bytes, size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

void kpu_flow_load(kpu_net_obj_t *net, const void *head, const kpu_stream_t *stream) {
    net->stream = *stream;
    kmodel_flow_memory_t memory = {
        .source = { read_part, start_part, poll_part, stop_part, &net->stream, stream->hz / 2000 },
        .file_bytes = net->file_bytes,
        .buffer_count = stream->buffers,
    };
    kmodel_flow_needs_t flow;
    kmodel_needs_t needs;
    kmodel_why_t why;
    check(net, kmodel_flow_measure(head, net->file_bytes, &memory.source, stream->piece, &flow, &why), &why);
    net->file = memory.skeleton = take(net, flow.skeleton, POOL_MODEL, flow.skeleton);
    memory.skeleton_bytes = flow.skeleton;
    check(net, kmodel_flow_fill(head, &memory, &flow, &needs, &why), &why);
    size_t work_at = round_up(kmodel_struct_bytes(), WORK_ALIGN);
    size_t tape_at = work_at + round_up(needs.work, WORK_ALIGN);
    size_t buffers = flow.piece * stream->buffers;
    size_t least = flow.skeleton + tape_at + needs.tape + needs.device + buffers + flow.fixed;
    net->work = take(net, tape_at + needs.tape, POOL_WORK, least);
    net->device = needs.device > 0 ? take(net, needs.device, POOL_DEVICE, least) : NULL;
    net->buffers = memory.buffers = take(net, buffers > 0 ? buffers : 1, POOL_DEVICE, least);
    memory.piece = flow.piece;
    memory.store_bytes = flow.fixed;
    if (stream->keeps) {
        gc_collect();
        size_t room = pool_largest();
        room = room > LEAVE_BYTES ? room - LEAVE_BYTES : 0;
        size_t all = flow.fixed + round_up(flow.weights, 8) + flow.layers * 8;
        memory.store_bytes = room > all ? all : room > flow.fixed ? room : flow.fixed;
    }
    net->store = memory.store = take(net, memory.store_bytes + WORD_BYTES, POOL_MODEL, least);
    uint8_t *work = net->work;
    if (kmodel_flow_open(net->work, &memory, &flow, work + work_at, net->device, work + tape_at) != KMODEL_OK) {
        kpu_raise_os_error(MP_EIO, "[MAIXPY]kpu: ERR_READ_FILE: the weights could not be fetched");
    }
    net->model = net->work;
}
