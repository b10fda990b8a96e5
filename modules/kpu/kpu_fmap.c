// SPDX-License-Identifier: MIT
// The fmap object: an output of a net, and whose memory that is.
//
// While it shows the last run it has no copy: it reads the net's working memory. Before that memory is run over or
// given back, each living fmap takes its bytes into the GC heap. The net must know its fmaps for that without keeping
// them alive, so its list is of pointers that the collector does not recognise.
#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"

#include "modules/image/image.h"
#include "modules/kpu/kpu_fmap.h"

// -- the net's list

static uintptr_t hide(kpu_fmap_obj_t *fmap) {
    return ~(uintptr_t)fmap;
}

static kpu_fmap_obj_t *reveal(uintptr_t hidden) {
    return (kpu_fmap_obj_t *)~hidden;
}

static void leave_list(kpu_fmap_obj_t *fmap) {
    if (fmap->net == NULL) {
        return;
    }
    uintptr_t *link = &fmap->net->fmaps;
    while (*link != hide(fmap)) {
        link = &reveal(*link)->next;
    }
    *link = fmap->next;
    fmap->net = NULL;
}

static void detach(kpu_fmap_obj_t *fmap) {
    if (fmap->net != NULL) {
        void *own = m_new(uint8_t, fmap->tensor.bytes);
        memcpy(own, fmap->data, fmap->tensor.bytes);
        fmap->data = own;
        leave_list(fmap);
    }
}

void kpu_fmap_detach_all(kpu_net_obj_t *net) {
    while (net->fmaps != 0) {
        detach(reveal(net->fmaps));
    }
}

mp_obj_t kpu_fmap_new(kpu_net_obj_t *net, uint32_t output) {
    kpu_fmap_obj_t *fmap = mp_obj_malloc_with_finaliser(kpu_fmap_obj_t, &kpu_fmap_type);
    fmap->data = kmodel_output_data(net->model, output);
    fmap->tensor = net->outputs[output];
    fmap->index = kmodel_layer_count(net->model) - 1;
    fmap->net = net;
    fmap->next = net->fmaps;
    net->fmaps = hide(fmap);
    return MP_OBJ_FROM_PTR(fmap);
}

mp_obj_t kpu_fmap_of_layer(kpu_net_obj_t *net) {
    kpu_fmap_obj_t *fmap = mp_obj_malloc_with_finaliser(kpu_fmap_obj_t, &kpu_fmap_type);
    fmap->data = NULL;
    fmap->net = NULL;
    fmap->index = net->layers - 1;
    kmodel_layer_result(net->model, fmap->index, &fmap->tensor);
    void *own = m_new(uint8_t, fmap->tensor.bytes);
    if (kmodel_read_result(net->model, fmap->index, own) != KMODEL_OK) {
        kpu_raise_os_error(MP_EIO, "[MAIXPY]kpu: get_output err: the layer's planes could not be read");
    }
    fmap->data = own;
    return MP_OBJ_FROM_PTR(fmap);
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

kpu_fmap_obj_t *kpu_fmap_get(mp_obj_t fmap_in) {
    kpu_fmap_obj_t *fmap = checked(fmap_in);
    if (fmap->data == NULL) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: this fmap was freed: kpu.forward() makes a new one"));
    }
    return fmap;
}

static void drop(kpu_fmap_obj_t *fmap) {
    fmap->data = NULL;
    leave_list(fmap);
}

void kpu_fmap_drop_all(kpu_net_obj_t *net) {
    while (net->fmaps != 0) {
        drop(reveal(net->fmaps));
    }
}

// -- what it says of itself

// A view outlives what it is of, so it is given the fmap's own copy and never the net's memory.
static mp_int_t get_buffer(mp_obj_t self_in, mp_buffer_info_t *info, mp_uint_t flags) {
    kpu_fmap_obj_t *self = kpu_fmap_get(self_in);
    detach(self);
    info->buf = self->data;
    info->len = self->tensor.bytes;
    info->typecode = kpu_fmap_is_float(self) ? 'f' : 'B';
    return 0;
}

static void print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const kpu_fmap_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "{\"fmap\": \"data\"=0x%lx, \"size\"=%u, \"index\": %u, \"w\": %u, \"h\": %u, \"ch\": %u, "
        "\"typecode\": %c}", (unsigned long)(uintptr_t)self->data, (unsigned)self->tensor.bytes, (unsigned)self->index,
        (unsigned)self->tensor.w, (unsigned)self->tensor.h, (unsigned)self->tensor.channels,
        kpu_fmap_is_float(self) ? 'f' : 'B');
}

static mp_obj_t fmap_size(mp_obj_t self_in) {
    return mp_obj_new_int_from_uint(kpu_fmap_get(self_in)->tensor.bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_size_obj, fmap_size);

static mp_obj_t fmap_index(mp_obj_t self_in) {
    return MP_OBJ_NEW_SMALL_INT(kpu_fmap_get(self_in)->index);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_index_obj, fmap_index);

static mp_obj_t fmap_w(mp_obj_t self_in) {
    return mp_obj_new_int_from_uint(kpu_fmap_get(self_in)->tensor.w);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_w_obj, fmap_w);

static mp_obj_t fmap_h(mp_obj_t self_in) {
    return mp_obj_new_int_from_uint(kpu_fmap_get(self_in)->tensor.h);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_h_obj, fmap_h);

static mp_obj_t fmap_ch(mp_obj_t self_in) {
    return mp_obj_new_int_from_uint(kpu_fmap_get(self_in)->tensor.channels);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_ch_obj, fmap_ch);

static mp_obj_t fmap_typecode(mp_obj_t self_in) {
    return kpu_fmap_is_float(kpu_fmap_get(self_in)) ? MP_OBJ_NEW_QSTR(MP_QSTR_f) : MP_OBJ_NEW_QSTR(MP_QSTR_B);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_typecode_obj, fmap_typecode);

static mp_obj_t fmap_del(mp_obj_t self_in) {
    drop(MP_OBJ_TO_PTR(self_in));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_del_obj, fmap_del);

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&fmap_del_obj) },
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
    const kpu_fmap_obj_t *fmap = kpu_fmap_get(fmap_in);
    const kmodel_tensor_t *tensor = &fmap->tensor;
    mp_int_t channel = mp_obj_get_int(channel_in);
    if (kpu_fmap_is_float(fmap)) {
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
    memcpy(img->pix, (const uint8_t *)fmap->data + channel * plane, plane);
    return MP_OBJ_FROM_PTR(img);
}

// fmap_free(fmap) lets its memory go at once; without it the collector does so later.
mp_obj_t kpu_fmap_free(mp_obj_t fmap_in) {
    drop(checked(fmap_in));
    return mp_const_none;
}
