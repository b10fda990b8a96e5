// SPDX-License-Identifier: MIT
// The fmap object: an output of a net, as numbers.
//
// While it shows the last run it has no copy: it reads the net's working memory. Before that memory is run over or given
// back, each living fmap takes its bytes into the GC heap. The net must know its fmaps for that without keeping them
// alive, so its list is of pointers that the collector does not recognise.
#include <string.h>

#include "py/objlist.h"
#include "py/runtime.h"

#include "modules/image/image.h"
#include "modules/kpu/kpu_net.h"

typedef struct {
    mp_obj_base_t base;
    void *data;         // in the net's working memory, or in the GC heap; NULL once lost
    kpu_net_obj_t *net; // keeps the memory alive; NULL when data is the fmap's own
    uintptr_t next;     // in the net's list, hidden; 0 ends it
    kmodel_tensor_t tensor;
    uint32_t index;
} fmap_obj_t;

typedef struct {
    mp_obj_base_t base;
    mp_fun_1_t iternext;
    mp_obj_t fmap;
    size_t at;
} fmap_iterator_t;

// -- the net's list

static uintptr_t hide(fmap_obj_t *fmap) {
    return ~(uintptr_t)fmap;
}

static fmap_obj_t *reveal(uintptr_t hidden) {
    return (fmap_obj_t *)~hidden;
}

static void leave_list(fmap_obj_t *fmap) {
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

static void detach(fmap_obj_t *fmap) {
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

void kpu_fmap_drop_all(kpu_net_obj_t *net) {
    while (net->fmaps != 0) {
        fmap_obj_t *fmap = reveal(net->fmaps);
        fmap->data = NULL;
        leave_list(fmap);
    }
}

mp_obj_t kpu_fmap_new(kpu_net_obj_t *net, uint32_t output) {
    fmap_obj_t *fmap = mp_obj_malloc_with_finaliser(fmap_obj_t, &kpu_fmap_type);
    fmap->data = kmodel_output_data(net->model, output);
    fmap->tensor = net->outputs[output];
    fmap->index = kmodel_layer_count(net->model) - 1;
    fmap->net = net;
    fmap->next = net->fmaps;
    net->fmaps = hide(fmap);
    return MP_OBJ_FROM_PTR(fmap);
}

static fmap_obj_t *get(mp_obj_t fmap_in) {
    if (!mp_obj_is_type(fmap_in, &kpu_fmap_type)) {
        mp_raise_msg_varg(&mp_type_TypeError,
            MP_ERROR_TEXT("[MAIXPY]kpu: fmap type error: want what kpu.forward() returned, not %s"),
            mp_obj_get_type_str(fmap_in));
    }
    fmap_obj_t *fmap = MP_OBJ_TO_PTR(fmap_in);
    if (fmap->data == NULL) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: the memory of this fmap went with its net"));
    }
    return fmap;
}

// -- elements

static bool is_float(const fmap_obj_t *fmap) {
    return fmap->tensor.type == KMODEL_F32;
}

static size_t count(const fmap_obj_t *fmap) {
    return is_float(fmap) ? fmap->tensor.bytes / sizeof(float) : fmap->tensor.bytes;
}

static mp_obj_t element(const fmap_obj_t *fmap, size_t i) {
    if (is_float(fmap)) {
        return mp_obj_new_float_from_f(((const float *)fmap->data)[i]);
    }
    return MP_OBJ_NEW_SMALL_INT(((const uint8_t *)fmap->data)[i]);
}

static void set_element(fmap_obj_t *fmap, size_t i, mp_obj_t value_in) {
    if (is_float(fmap)) {
        ((float *)fmap->data)[i] = mp_obj_get_float_to_f(value_in);
        return;
    }
    mp_int_t value = mp_obj_get_int(value_in);
    if (value < 0 || value > 255) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]kpu: %ld does not fit an fmap of 0 to 255"),
            (long)value);
    }
    ((uint8_t *)fmap->data)[i] = value;
}

static size_t slice_count(const mp_bound_slice_t *slice) {
    mp_int_t span = slice->step > 0 ? slice->stop - slice->start : slice->start - slice->stop;
    mp_int_t step = slice->step > 0 ? slice->step : -slice->step;
    return span > 0 ? (span + step - 1) / step : 0;
}

static mp_obj_t get_slice(const fmap_obj_t *fmap, const mp_bound_slice_t *slice) {
    size_t length = slice_count(slice);
    mp_obj_list_t *list = MP_OBJ_TO_PTR(mp_obj_new_list(length, NULL));
    for (size_t i = 0; i < length; i++) {
        list->items[i] = element(fmap, slice->start + i * slice->step);
    }
    return MP_OBJ_FROM_PTR(list);
}

// A list or tuple of as many values, or one value for all.
static void set_slice(fmap_obj_t *fmap, const mp_bound_slice_t *slice, mp_obj_t values_in) {
    size_t length = slice_count(slice);
    size_t values = length;
    mp_obj_t *items = NULL;
    if (mp_obj_is_type(values_in, &mp_type_list) || mp_obj_is_type(values_in, &mp_type_tuple)) {
        mp_obj_get_array(values_in, &values, &items);
    }
    if (values != length) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: cannot grow or shrink an fmap: %u values for %u elements"),
            (unsigned)values, (unsigned)length);
    }
    for (size_t i = 0; i < length; i++) {
        set_element(fmap, slice->start + i * slice->step, items == NULL ? values_in : items[i]);
    }
}

static mp_obj_t subscript(mp_obj_t self_in, mp_obj_t index_in, mp_obj_t value) {
    if (value == MP_OBJ_NULL) {
        return MP_OBJ_NULL; // del is not supported
    }
    fmap_obj_t *self = get(self_in);
    bool load = value == MP_OBJ_SENTINEL;
    if (mp_obj_is_type(index_in, &mp_type_slice)) {
        mp_bound_slice_t slice;
        mp_obj_slice_indices(index_in, count(self), &slice);
        if (load) {
            return get_slice(self, &slice);
        }
        set_slice(self, &slice, value);
        return mp_const_none;
    }
    size_t i = mp_get_index(&kpu_fmap_type, count(self), index_in, false);
    if (load) {
        return element(self, i);
    }
    set_element(self, i, value);
    return mp_const_none;
}

static mp_obj_t unary(mp_unary_op_t op, mp_obj_t self_in) {
    switch (op) {
        case MP_UNARY_OP_BOOL:
            return mp_const_true;
        case MP_UNARY_OP_LEN:
            return mp_obj_new_int_from_uint(count(get(self_in)));
        default:
            return MP_OBJ_NULL;
    }
}

static mp_obj_t iterator_next(mp_obj_t self_in) {
    fmap_iterator_t *self = MP_OBJ_TO_PTR(self_in);
    const fmap_obj_t *fmap = get(self->fmap);
    return self->at < count(fmap) ? element(fmap, self->at++) : MP_OBJ_STOP_ITERATION;
}

static mp_obj_t iterate(mp_obj_t self_in, mp_obj_iter_buf_t *buffer) {
    MP_STATIC_ASSERT(sizeof(fmap_iterator_t) <= sizeof(mp_obj_iter_buf_t));
    fmap_iterator_t *iterator = (fmap_iterator_t *)buffer;
    *iterator = (fmap_iterator_t) { { &mp_type_polymorph_iter }, iterator_next, self_in, 0 };
    return MP_OBJ_FROM_PTR(iterator);
}

// A view outlives what it is of, so it is given the fmap's own copy and never the net's memory.
static mp_int_t get_buffer(mp_obj_t self_in, mp_buffer_info_t *info, mp_uint_t flags) {
    fmap_obj_t *self = get(self_in);
    detach(self);
    info->buf = self->data;
    info->len = self->tensor.bytes;
    info->typecode = is_float(self) ? 'f' : 'B';
    return 0;
}

// -- what it says of itself

static void print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const fmap_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "{\"fmap\": \"data\"=0x%lx, \"size\"=%u, \"index\": %u, \"w\": %u, \"h\": %u, \"ch\": %u, "
        "\"typecode\": %c}", (unsigned long)(uintptr_t)self->data, (unsigned)self->tensor.bytes, (unsigned)self->index,
        (unsigned)self->tensor.w, (unsigned)self->tensor.h, (unsigned)self->tensor.channels,
        is_float(self) ? 'f' : 'B');
}

static mp_obj_t fmap_size(mp_obj_t self_in) {
    return mp_obj_new_int_from_uint(get(self_in)->tensor.bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_size_obj, fmap_size);

static mp_obj_t fmap_index(mp_obj_t self_in) {
    return MP_OBJ_NEW_SMALL_INT(get(self_in)->index);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_index_obj, fmap_index);

static mp_obj_t fmap_w(mp_obj_t self_in) {
    return mp_obj_new_int_from_uint(get(self_in)->tensor.w);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_w_obj, fmap_w);

static mp_obj_t fmap_h(mp_obj_t self_in) {
    return mp_obj_new_int_from_uint(get(self_in)->tensor.h);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_h_obj, fmap_h);

static mp_obj_t fmap_ch(mp_obj_t self_in) {
    return mp_obj_new_int_from_uint(get(self_in)->tensor.channels);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_ch_obj, fmap_ch);

static mp_obj_t fmap_typecode(mp_obj_t self_in) {
    return is_float(get(self_in)) ? MP_OBJ_NEW_QSTR(MP_QSTR_f) : MP_OBJ_NEW_QSTR(MP_QSTR_B);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_typecode_obj, fmap_typecode);

static mp_obj_t fmap_del(mp_obj_t self_in) {
    fmap_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->net != NULL) {
        self->data = NULL;
        leave_list(self);
    }
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
    unary_op, unary,
    subscr, subscript,
    iter, iterate,
    buffer, get_buffer,
    locals_dict, &locals
    );

// -- functions of the module

// fmap(fmap, ch) -> a grayscale image with a copy of that channel.
mp_obj_t kpu_fmap_image(mp_obj_t fmap_in, mp_obj_t channel_in) {
    const fmap_obj_t *fmap = get(fmap_in);
    const kmodel_tensor_t *tensor = &fmap->tensor;
    mp_int_t channel = mp_obj_get_int(channel_in);
    if (is_float(fmap)) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: can't convet float fmap yet: only one of typecode B"));
    }
    if (channel < 0 || channel >= (mp_int_t)tensor->channels) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]kpu: ch err,input 0~%u, not %ld"),
            (unsigned)tensor->channels - 1, (long)channel);
    }
    size_t plane = (size_t)tensor->w * tensor->h;
    image_obj_t *img = image_new(tensor->w, tensor->h, IMAGE_GRAYSCALE);
    memcpy(img->pix, (const uint8_t *)fmap->data + channel * plane, plane);
    return MP_OBJ_FROM_PTR(img);
}

// fmap_free(fmap) gives an fmap's hold on its net back at once; nothing else needs it.
mp_obj_t kpu_fmap_free(mp_obj_t fmap_in) {
    if (mp_obj_is_type(fmap_in, &kpu_fmap_type)) {
        fmap_obj_t *fmap = MP_OBJ_TO_PTR(fmap_in);
        fmap->data = NULL;
        leave_list(fmap);
    } else {
        get(fmap_in);
    }
    return mp_const_none;
}
