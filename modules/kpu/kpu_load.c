// SPDX-License-Identifier: MIT
// From flash, a file or bytes into the pool: asks how long the model is, places it, has it checked, opens it.
#include <stdio.h>
#include <string.h>

#include "extmod/vfs.h"
#include "py/gc.h"
#include "py/mperrno.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "modules/kpu/kpu_net.h"
#include "pool.h"
#include "sdk/kpu.h"
#include "storage.h"

// First look at a file: more than the heads of most need, and a whole number of blocks for what follows.
#define HEAD_BYTES (4096)
// Ctrl-C is looked for between chunks: at most 20 ms apart even from the slowest flash.
#define CHUNK_BYTES (64 * 1024)
#define WORK_ALIGN (64)
// The boot ROM's header before the firmware: flags, length in four bytes; behind the firmware its SHA-256.
#define FIRMWARE_HEADER_BYTES (5)
#define FIRMWARE_DIGEST_BYTES (32)
#define FIRMWARE_MAX_BYTES (0x5f8000)

// Where a model's bytes come from, in order, from the first on.
typedef struct _source_t {
    size_t (*read)(struct _source_t *source, void *dst, size_t bytes); // fewer only at the end; raises OSError
    size_t left;         // what is there after what was read
    uint32_t address;    // flash
    mp_obj_t stream;     // a file; MP_OBJ_NULL where none is open
    const uint8_t *data; // bytes
} source_t;

// What an exception on the way must undo.
typedef struct {
    nlr_jump_callback_node_t node;
    source_t *source;
    kpu_net_obj_t *net;
} guard_t;

static void undo(void *context) {
    guard_t *guard = context;
    kpu_net_release(guard->net);
    if (guard->source->stream != MP_OBJ_NULL) {
        mp_obj_t stream = guard->source->stream;
        guard->source->stream = MP_OBJ_NULL;
        mp_stream_close(stream);
    }
}

// -- refusals; whoever calls them has a guard that releases

static NORETURN void raise_refusal(const kmodel_why_t *why) {
    char text[256];
    mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s"), kmodel_explain(why, text, sizeof(text)));
}

static NORETURN void raise_no_memory(kpu_net_obj_t *net, size_t needed) {
    kpu_net_release(net);
    mp_raise_msg_varg(&mp_type_MemoryError,
        MP_ERROR_TEXT("memory overflow: model needs %u KiB, %u KiB are free (largest block %u KiB): "
            "kpu.deinit() a loaded model, drop images, gc.collect(), or use a smaller model"),
        (unsigned)((needed + 1023) / 1024), (unsigned)(pool_free_bytes() / 1024), (unsigned)(pool_largest() / 1024));
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
} head_t;

static void grow_head(head_t *head, size_t bytes, source_t *source) {
    size_t room = round_up(bytes, HEAD_BYTES);
    head->bytes = m_renew(uint8_t, head->bytes, head->room, room);
    head->room = room;
    head->have += source->read(source, head->bytes + head->have, room - head->have);
}

// How long the model is by its own fields; the head grows until that is known.
static size_t probe(head_t *head, source_t *source) {
    size_t bytes = HEAD_BYTES;
    for (;;) {
        grow_head(head, bytes, source);
        kmodel_why_t why;
        int result = kmodel_probe(head->bytes, head->have, &bytes, &why);
        if (result == KMODEL_OK) {
            return bytes;
        }
        if (result != KMODEL_MORE) {
            raise_refusal(&why);
        }
        if (bytes <= head->have || source->left == 0) {
            mp_raise_msg_varg(&mp_type_ValueError,
                MP_ERROR_TEXT("[MAIXPY]kpu: the model is truncated: %u bytes are there, its head alone has %u"),
                (unsigned)head->have, (unsigned)bytes);
        }
    }
}

// The rest of the file behind its head, with Ctrl-C let through.
static void read_rest(source_t *source, uint8_t *file, size_t have, size_t bytes) {
    while (have < bytes) {
        mp_event_handle_nowait();
        size_t chunk = MIN(bytes - have, CHUNK_BYTES);
        size_t got = source->read(source, file + have, chunk);
        have += got;
        if (got < chunk) {
            char text[80];
            snprintf(text, sizeof(text), "[MAIXPY]kpu: ERR_READ_FILE: %u of %u bytes came",
                (unsigned)have, (unsigned)bytes);
            mp_raise_OSError_with_filename(MP_EIO, text);
        }
    }
}

static void place_file(kpu_net_obj_t *net, source_t *source) {
    head_t head = { NULL, 0, 0 };
    size_t declared = probe(&head, source);
    net->file_bytes = MIN(declared, head.have + source->left);
    net->file = take(net->file_bytes, POOL_MODEL);
    if (net->file == NULL) {
        raise_no_memory(net, net->file_bytes);
    }
    size_t have = MIN(head.have, net->file_bytes);
    memcpy(net->file, head.bytes, have);
    m_del(uint8_t, head.bytes, head.room);
    read_rest(source, net->file, have, net->file_bytes);
}

static void open_model(kpu_net_obj_t *net) {
    if (kpu_net_running() == NULL && kpu_init() != KPU_OK) {
        mp_raise_OSError_with_filename(MP_EIO, "[MAIXPY]kpu: the KPU did not start");
    }
    kmodel_needs_t needs;
    kmodel_why_t why;
    if (kmodel_measure(net->file, net->file_bytes, &needs, &why) != KMODEL_OK) {
        raise_refusal(&why);
    }
    size_t work_at = round_up(kmodel_struct_bytes(), WORK_ALIGN);
    size_t tape_at = work_at + round_up(needs.work, WORK_ALIGN);
    size_t work_bytes = tape_at + needs.tape;
    net->work = take(work_bytes, POOL_WORK);
    if (net->work != NULL && needs.device > 0) {
        net->device = take(needs.device, POOL_DEVICE);
    }
    if (net->work == NULL || (needs.device > 0 && net->device == NULL)) {
        raise_no_memory(net, net->file_bytes + work_bytes + needs.device);
    }
    uint8_t *work = net->work;
    kmodel_t *model = net->work;
    kmodel_open(model, net->file, net->file_bytes, work + work_at, net->device, work + tape_at);
    net->model = model;
    uint32_t outputs = kmodel_output_count(model);
    net->outputs = m_new(kmodel_tensor_t, outputs);
    for (uint32_t i = 0; i < outputs; i++) {
        net->outputs[i] = kmodel_output(model, i);
    }
}

static mp_obj_t load(source_t *source, mp_obj_t name) {
    kpu_net_obj_t *net = mp_obj_malloc_with_finaliser(kpu_net_obj_t, &kpu_net_type);
    memset((uint8_t *)net + sizeof(net->base), 0, sizeof(*net) - sizeof(net->base));
    net->source = name;
    guard_t guard = { .source = source, .net = net };
    nlr_push_jump_callback(&guard.node, undo);
    place_file(net, source);
    open_model(net);
    nlr_pop_jump_callback(false);
    if (source->stream != MP_OBJ_NULL) {
        mp_stream_close(source->stream);
    }
    return MP_OBJ_FROM_PTR(net);
}

// -- flash

static size_t read_flash(source_t *source, void *dst, size_t bytes) {
    bytes = MIN(bytes, source->left);
    int result = storage_read(source->address, dst, bytes);
    if (result != STORAGE_OK) {
        char text[80];
        snprintf(text, sizeof(text), "[MAIXPY]kpu: ERR_READ_FILE: the flash %s at 0x%x",
            result == STORAGE_ERR_BUSY ? "has another owner" : "did not answer", (unsigned)source->address);
        mp_raise_OSError_with_filename(result == STORAGE_ERR_BUSY ? MP_EBUSY : MP_EIO, text);
    }
    source->address += bytes;
    source->left -= bytes;
    return bytes;
}

// Where the firmware in flash ends by the boot ROM's header, or 0 where none is there.
static uint32_t firmware_end(void) {
    uint8_t header[FIRMWARE_HEADER_BYTES];
    if (storage_read(0, header, sizeof(header)) != STORAGE_OK) {
        return 0;
    }
    uint32_t bytes = header[1] | header[2] << 8 | header[3] << 16 | (uint32_t)header[4] << 24;
    return bytes <= FIRMWARE_MAX_BYTES ? FIRMWARE_HEADER_BYTES + bytes + FIRMWARE_DIGEST_BYTES : 0;
}

mp_obj_t kpu_load_flash(mp_int_t address) {
    if (address <= 0) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: model_addr must > 0 , not %ld: the byte offset in flash where the model "
                "was put, such as 0x300000"), (long)address);
    }
    if (storage_bytes() == 0) {
        mp_raise_OSError_with_filename(MP_ENODEV, "[MAIXPY]kpu: no flash chip answered at boot");
    }
    if (address >= (mp_int_t)storage_bytes()) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: model_addr 0x%lx is beyond the flash, which ends at 0x%x"),
            (long)address, (unsigned)storage_bytes());
    }
    if (address < (mp_int_t)firmware_end()) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: model_addr 0x%lx is inside the firmware, which ends at 0x%x: "
                "models lie from 0x300000 on"), (long)address, (unsigned)firmware_end());
    }
    source_t source = { .read = read_flash, .left = storage_bytes() - address, .address = address };
    return load(&source, MP_OBJ_NEW_SMALL_INT(address));
}

// -- a file

static size_t read_stream(source_t *source, void *dst, size_t bytes) {
    int error = 0;
    size_t got = mp_stream_read_exactly(source->stream, dst, MIN(bytes, source->left), &error);
    if (error != 0) {
        mp_raise_OSError(error);
    }
    source->left -= got;
    return got;
}

// The length of the file and the file, opened: stat and open, with the path in what they raise.
static mp_obj_t open_file(mp_obj_t path, size_t *bytes) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_obj_t *stat;
        mp_obj_get_array_fixed_n(mp_vfs_stat(path), 10, &stat);
        *bytes = mp_obj_get_int(stat[6]);
        mp_obj_t args[2] = { path, MP_OBJ_NEW_QSTR(MP_QSTR_rb) };
        mp_obj_t stream = mp_vfs_open(2, args, (mp_map_t *)&mp_const_empty_map);
        mp_get_stream_raise(stream, MP_STREAM_OP_READ);
        nlr_pop();
        return stream;
    }
    mp_obj_t error = MP_OBJ_FROM_PTR(nlr.ret_val);
    if (mp_obj_exception_match(error, MP_OBJ_FROM_PTR(&mp_type_OSError))) {
        mp_obj_t code = mp_obj_exception_get_value(error);
        if (mp_obj_is_small_int(code)) {
            mp_raise_OSError_with_filename(MP_OBJ_SMALL_INT_VALUE(code), mp_obj_str_get_str(path));
        }
    }
    nlr_jump(nlr.ret_val);
}

mp_obj_t kpu_load_path(mp_obj_t path) {
    source_t source = { .read = read_stream };
    source.stream = open_file(path, &source.left);
    return load(&source, path);
}

// -- bytes

static size_t read_data(source_t *source, void *dst, size_t bytes) {
    bytes = MIN(bytes, source->left);
    memcpy(dst, source->data, bytes);
    source->data += bytes;
    source->left -= bytes;
    return bytes;
}

mp_obj_t kpu_load_buffer(const void *bytes, size_t count) {
    source_t source = { .read = read_data, .left = count, .data = bytes };
    return load(&source, mp_const_none);
}
