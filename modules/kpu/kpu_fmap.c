// SPDX-License-Identifier: MIT
// The fmap object: an output of a net, and whose memory that is.
//
// While it shows the last run it has no copy: it reads the net's memory, the bytes that the KPU streamed where it can.
// Before that memory is run over or given back, each living fmap takes its bytes into the GC heap: bytes still, floats are
// made of them when they are read. The net must know its fmaps for that without keeping them alive, so its list is of
// pointers that the collector does not recognise.
#include <string.h>

#include "py/gc.h"
#include "py/mperrno.h"
#include "py/runtime.h"

#include "modules/image/image.h"
#include "modules/kpu/kpu_fmap.h"
#include "sdk/iomem.h"

// -- the net's list

static uintptr_t hide(kpu_fmap_obj_t *fmap) {
    return ~(uintptr_t)fmap;
}

static kpu_fmap_obj_t *reveal(uintptr_t hidden) {
    return (kpu_fmap_obj_t *)~hidden;
}

static void leave_list(kpu_fmap_obj_t *fmap) {
    if (fmap->alone) {
        return;
    }
    uintptr_t *link = &fmap->net->fmaps;
    while (*link != hide(fmap)) {
        link = &reveal(*link)->next;
    }
    *link = fmap->next;
    fmap->alone = true;
    fmap->own = NULL;
}

static void drop(kpu_fmap_obj_t *fmap, kpu_lost_t why) {
    leave_list(fmap);
    fmap->own = NULL;
    fmap->lost = why;
}

void kpu_fmap_drop_all(kpu_net_obj_t *net, kpu_lost_t why) {
    while (net->fmaps != 0) {
        drop(reveal(net->fmaps), why);
    }
}

static kpu_fmap_view_t view_of(const kpu_net_obj_t *net, uint32_t output) {
    kpu_fmap_view_t view = { .tensor = net->outputs[output], .index = kmodel_layer_count(net->model) - 1 };
    const kmodel_raw_t *raw = kmodel_output_raw(net->model, output);
    if (raw != NULL) {
        view.raw = *raw;
    } else {
        view.data = kmodel_output_data(net->model, output);
    }
    return view;
}

// Room for whole words.
static uint8_t *copy_raw(const kmodel_raw_t *raw) {
    size_t words = (raw->count + 7) / 8;
    uint64_t *own = m_new(uint64_t, words);
    iomem_copy_out(own, raw->bytes, words * 8);
    return (uint8_t *)own;
}

static void detach(kpu_fmap_obj_t *fmap) {
    if (fmap->alone) {
        return;
    }
    kpu_fmap_view_t *own = m_new_obj(kpu_fmap_view_t);
    *own = view_of(fmap->net, fmap->output);
    if (own->raw.bytes != NULL) {
        own->raw.bytes = copy_raw(&own->raw);
    } else {
        own->data = memcpy(m_new(uint8_t, own->tensor.bytes), own->data, own->tensor.bytes);
    }
    leave_list(fmap);
    fmap->own = own;
}

void kpu_fmap_detach_all(kpu_net_obj_t *net) {
    while (net->fmaps != 0) {
        detach(reveal(net->fmaps));
    }
}

static kpu_fmap_obj_t *new(void) {
    kpu_fmap_obj_t *fmap = gc_alloc(sizeof(*fmap), GC_ALLOC_FLAG_HAS_FINALISER);
    if (fmap == NULL) {
        m_malloc_fail(sizeof(*fmap));
    }
    fmap->base.type = &kpu_fmap_type;
    return fmap;
}

mp_obj_t kpu_fmap_new(kpu_net_obj_t *net, uint32_t output) {
    kpu_fmap_obj_t *fmap = new();
    fmap->net = net;
    fmap->next = net->fmaps;
    fmap->output = output;
    fmap->alone = false;
    net->fmaps = hide(fmap);
    return MP_OBJ_FROM_PTR(fmap);
}

mp_obj_t kpu_fmap_of_layer(kpu_net_obj_t *net) {
    kpu_fmap_obj_t *fmap = new();
    fmap->alone = true;
    fmap->lost = KPU_LOST_FREED;
    fmap->own = NULL;
    kpu_fmap_view_t *own = m_new0(kpu_fmap_view_t, 1);
    own->index = net->layers - 1;
    kmodel_layer_result(net->model, own->index, &own->tensor);
    own->data = m_new(uint8_t, own->tensor.bytes);
    if (kmodel_read_result(net->model, own->index, own->data) != KMODEL_OK) {
        kpu_raise_os_error(MP_EIO, "[MAIXPY]kpu: get_output err: the layer's planes could not be read");
    }
    fmap->own = own;
    return MP_OBJ_FROM_PTR(fmap);
}

static NORETURN void raise_lost(kpu_lost_t why) {
    if (why == KPU_LOST_TIMEOUT || why == KPU_LOST_FAULT) {
        kpu_raise_run_error(why == KPU_LOST_TIMEOUT);
    }
    mp_raise_ValueError(why == KPU_LOST_INTERRUPTED
        ? MP_ERROR_TEXT("[MAIXPY]kpu: the run of this fmap was interrupted: kpu.forward() again")
        : why == KPU_LOST_DEINIT
        ? MP_ERROR_TEXT("[MAIXPY]kpu: the net of this fmap was given back during its run: kpu.load() it again")
        : MP_ERROR_TEXT("[MAIXPY]kpu: this fmap was freed: kpu.forward() makes a new one"));
}

// The fmap behind an argument, whether or not it still has its memory.
static kpu_fmap_obj_t *checked(mp_obj_t fmap_in) {
    if (!mp_obj_is_type(fmap_in, &kpu_fmap_type)) {
        mp_raise_msg_varg(&mp_type_TypeError,
            MP_ERROR_TEXT("[MAIXPY]kpu: fmap type error: want what kpu.forward() returned, not %s"),
            mp_obj_get_type_str(fmap_in));
    }
    return MP_OBJ_TO_PTR(fmap_in);
}

static kpu_fmap_obj_t *get(mp_obj_t fmap_in) {
    kpu_fmap_obj_t *fmap = checked(fmap_in);
    if (!fmap->alone && fmap->net->pending) {
        kpu_net_settle(fmap->net);
    }
    if (fmap->alone && fmap->own == NULL) {
        raise_lost(fmap->lost);
    }
    return fmap;
}

kpu_fmap_view_t kpu_fmap_view(mp_obj_t fmap_in) {
    const kpu_fmap_obj_t *fmap = get(fmap_in);
    return fmap->alone ? *fmap->own : view_of(fmap->net, fmap->output);
}

kpu_fmap_view_t *kpu_fmap_own(mp_obj_t fmap_in) {
    kpu_fmap_obj_t *fmap = get(fmap_in);
    detach(fmap);
    kpu_fmap_view_t *own = fmap->own;
    if (own->raw.bytes == NULL) {
        return own;
    }
    own->data = (void *)own->raw.bytes;
    if (own->raw.is_float) {
        float *floats = m_new(float, own->raw.count);
        for (size_t i = 0; i < own->raw.count; i++) {
            floats[i] = kmodel_raw_value(&own->raw, own->raw.bytes[i]);
        }
        own->data = floats;
    }
    own->raw.bytes = NULL;
    return own;
}

// -- what it says of itself

// A view outlives what it is of, so it is given the fmap's own copy and never the net's memory.
static mp_int_t get_buffer(mp_obj_t self_in, mp_buffer_info_t *info, mp_uint_t flags) {
    const kpu_fmap_view_t *own = kpu_fmap_own(self_in);
    info->buf = own->data;
    info->len = own->tensor.bytes;
    info->typecode = kpu_fmap_is_float(own) ? 'f' : 'B';
    return 0;
}

static void print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const kpu_fmap_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->alone ? self->own == NULL : self->net->pending) {
        mp_printf(print, "{\"fmap\": %s}", self->alone ? "freed" : "running");
        return;
    }
    kpu_fmap_view_t view = kpu_fmap_view(self_in);
    mp_printf(print, "{\"fmap\": \"data\"=0x%lx, \"size\"=%u, \"index\": %u, \"w\": %u, \"h\": %u, \"ch\": %u, "
        "\"typecode\": %c}", (unsigned long)(uintptr_t)(view.data ? view.data : view.raw.bytes),
        (unsigned)view.tensor.bytes, (unsigned)view.index, (unsigned)view.tensor.w, (unsigned)view.tensor.h,
        (unsigned)view.tensor.channels, kpu_fmap_is_float(&view) ? 'f' : 'B');
}

// MaixPy's fields are methods: one small function each.
#define FIELD(name, expression) \
    static mp_obj_t fmap_##name(mp_obj_t self_in) { \
        kpu_fmap_view_t view = kpu_fmap_view(self_in); \
        return expression; \
    } \
    static MP_DEFINE_CONST_FUN_OBJ_1(fmap_##name##_obj, fmap_##name);

FIELD(size, mp_obj_new_int_from_uint(view.tensor.bytes))
FIELD(index, MP_OBJ_NEW_SMALL_INT(view.index))
FIELD(w, mp_obj_new_int_from_uint(view.tensor.w))
FIELD(h, mp_obj_new_int_from_uint(view.tensor.h))
FIELD(ch, mp_obj_new_int_from_uint(view.tensor.channels))
FIELD(typecode, kpu_fmap_is_float(&view) ? MP_OBJ_NEW_QSTR(MP_QSTR_f) : MP_OBJ_NEW_QSTR(MP_QSTR_B))

static mp_obj_t fmap_del(mp_obj_t self_in) {
    drop(MP_OBJ_TO_PTR(self_in), KPU_LOST_FREED);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_del_obj, fmap_del);

// ready() -> whether the run has ended; of a failed one, what is asked of the fmap next raises why.
static mp_obj_t fmap_ready(mp_obj_t self_in) {
    const kpu_fmap_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_obj_new_bool(self->alone || kpu_net_ready(self->net));
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_ready_obj, fmap_ready);

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&fmap_del_obj) },
    { MP_ROM_QSTR(MP_QSTR_ready), MP_ROM_PTR(&fmap_ready_obj) },
    { MP_ROM_QSTR(MP_QSTR_size), MP_ROM_PTR(&fmap_size_obj) },
    { MP_ROM_QSTR(MP_QSTR_index), MP_ROM_PTR(&fmap_index_obj) },
    { MP_ROM_QSTR(MP_QSTR_w), MP_ROM_PTR(&fmap_w_obj) },
    { MP_ROM_QSTR(MP_QSTR_h), MP_ROM_PTR(&fmap_h_obj) },
    { MP_ROM_QSTR(MP_QSTR_ch), MP_ROM_PTR(&fmap_ch_obj) },
    { MP_ROM_QSTR(MP_QSTR_typecode), MP_ROM_PTR(&fmap_typecode_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    kpu_fmap_type,
    MP_QSTR_kpu_fmap,
    MP_TYPE_FLAG_ITER_IS_GETITER,
    print, print,
    unary_op, kpu_fmap_unary,
    subscr, kpu_fmap_subscript,
    iter, kpu_fmap_iterate,
    buffer, get_buffer,
    locals_dict, &locals
    );

// -- functions of the module

// fmap(fmap, ch) -> a grayscale image with a copy of that channel.
mp_obj_t kpu_fmap_image(mp_obj_t fmap_in, mp_obj_t channel_in) {
    kpu_fmap_view_t view = kpu_fmap_view(fmap_in);
    const kmodel_tensor_t *tensor = &view.tensor;
    mp_int_t channel = mp_obj_get_int(channel_in);
    if (kpu_fmap_is_float(&view)) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: can't convet float fmap yet: only one of typecode B"));
    }
    if (channel < 0 || channel >= (mp_int_t)tensor->channels) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]kpu: ch err,input 0~%u, not %ld"),
            (unsigned)tensor->channels - 1, (long)channel);
    }
    if (tensor->w > UINT16_MAX || tensor->h > UINT16_MAX) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("fmap is %ux%u but an image is at most 65535x65535: kpu.set_outputs() gives it another shape"),
            (unsigned)tensor->w, (unsigned)tensor->h);
    }
    size_t plane = (size_t)tensor->w * tensor->h;
    image_obj_t *img = image_new(tensor->w, tensor->h, IMAGE_GRAYSCALE);
    if (view.raw.bytes == NULL) {
        memcpy(img->pix, (const uint8_t *)view.data + channel * plane, plane);
    }
    for (size_t i = 0; view.raw.bytes != NULL && i < plane; i++) {
        img->pix[i] = kpu_fmap_raw_byte(&view, channel * plane + i);
    }
    return MP_OBJ_FROM_PTR(img);
}

// fmap_free(fmap) lets its memory go at once; without it the collector does so later.
mp_obj_t kpu_fmap_free(mp_obj_t fmap_in) {
    drop(checked(fmap_in), KPU_LOST_FREED);
    return mp_const_none;
}
