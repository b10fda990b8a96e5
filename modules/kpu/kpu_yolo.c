// SPDX-License-Identifier: MIT
// init_yolo2 and run_yolo2: a run of the net, its first output decoded, what was found as a list.
#include "py/runtime.h"

#include "modules/kpu/kpu_net.h"
#include "modules/kpu/kpu_yolo2.h"

typedef struct _kpu_yolo_obj_t {
    mp_obj_base_t base;
    float threshold, nms;
    uint32_t anchor_count;
    float anchors[]; // width and height of each
} yolo_obj_t;

typedef struct {
    mp_obj_base_t base;
    kpu_yolo2_find_t box;
    uint32_t index;
    uint32_t count;
} find_obj_t;

// -- a box that was found

static void find_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const find_obj_t *self = MP_OBJ_TO_PTR(self_in);
    const kpu_yolo2_find_t *box = &self->box;
    mp_printf(print, "{\"x\":%d, \"y\":%d, \"w\":%d, \"h\":%d, \"value\":%f, ",
        (int)box->x, (int)box->y, (int)box->w, (int)box->h, (double)box->value);
    mp_printf(print, "\"classid\":%u, \"index\":%u, \"objnum\":%u}",
        (unsigned)box->class_id, (unsigned)self->index, (unsigned)self->count);
}

// MaixPy's fields are methods: one small function each.
#define FIELD(name, expression) \
    static mp_obj_t find_##name(mp_obj_t self_in) { \
        const find_obj_t *self = MP_OBJ_TO_PTR(self_in); \
        return expression; \
    } \
    static MP_DEFINE_CONST_FUN_OBJ_1(find_##name##_obj, find_##name);

FIELD(x, MP_OBJ_NEW_SMALL_INT(self->box.x))
FIELD(y, MP_OBJ_NEW_SMALL_INT(self->box.y))
FIELD(w, MP_OBJ_NEW_SMALL_INT(self->box.w))
FIELD(h, MP_OBJ_NEW_SMALL_INT(self->box.h))
FIELD(classid, MP_OBJ_NEW_SMALL_INT(self->box.class_id))
FIELD(index, MP_OBJ_NEW_SMALL_INT(self->index))
FIELD(value, mp_obj_new_float_from_f(self->box.value))
FIELD(objnum, MP_OBJ_NEW_SMALL_INT(self->count))

static mp_obj_t find_rect(mp_obj_t self_in) {
    const kpu_yolo2_find_t *box = &((find_obj_t *)MP_OBJ_TO_PTR(self_in))->box;
    mp_obj_t rect[] = {
        MP_OBJ_NEW_SMALL_INT(box->x), MP_OBJ_NEW_SMALL_INT(box->y),
        MP_OBJ_NEW_SMALL_INT(box->w), MP_OBJ_NEW_SMALL_INT(box->h),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(rect), rect);
}
static MP_DEFINE_CONST_FUN_OBJ_1(find_rect_obj, find_rect);

static const mp_rom_map_elem_t find_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_x), MP_ROM_PTR(&find_x_obj) },
    { MP_ROM_QSTR(MP_QSTR_y), MP_ROM_PTR(&find_y_obj) },
    { MP_ROM_QSTR(MP_QSTR_w), MP_ROM_PTR(&find_w_obj) },
    { MP_ROM_QSTR(MP_QSTR_h), MP_ROM_PTR(&find_h_obj) },
    { MP_ROM_QSTR(MP_QSTR_rect), MP_ROM_PTR(&find_rect_obj) },
    { MP_ROM_QSTR(MP_QSTR_classid), MP_ROM_PTR(&find_classid_obj) },
    { MP_ROM_QSTR(MP_QSTR_index), MP_ROM_PTR(&find_index_obj) },
    { MP_ROM_QSTR(MP_QSTR_value), MP_ROM_PTR(&find_value_obj) },
    { MP_ROM_QSTR(MP_QSTR_objnum), MP_ROM_PTR(&find_objnum_obj) },
};
static MP_DEFINE_CONST_DICT(find_locals, find_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    find_type,
    MP_QSTR_kpu_yolo2_find,
    MP_TYPE_FLAG_NONE,
    print, find_print,
    locals_dict, &find_locals
    );

// -- what init_yolo2() was told, as net.net_arg()

static mp_obj_t yolo_threshold(mp_obj_t self_in) {
    return mp_obj_new_float_from_f(((yolo_obj_t *)MP_OBJ_TO_PTR(self_in))->threshold);
}
static MP_DEFINE_CONST_FUN_OBJ_1(yolo_threshold_obj, yolo_threshold);

static mp_obj_t yolo_nms_value(mp_obj_t self_in) {
    return mp_obj_new_float_from_f(((yolo_obj_t *)MP_OBJ_TO_PTR(self_in))->nms);
}
static MP_DEFINE_CONST_FUN_OBJ_1(yolo_nms_value_obj, yolo_nms_value);

static mp_obj_t yolo_anchor_number(mp_obj_t self_in) {
    return MP_OBJ_NEW_SMALL_INT(((yolo_obj_t *)MP_OBJ_TO_PTR(self_in))->anchor_count);
}
static MP_DEFINE_CONST_FUN_OBJ_1(yolo_anchor_number_obj, yolo_anchor_number);

static mp_obj_t yolo_anchor(mp_obj_t self_in) {
    const yolo_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_obj_tuple_t *anchors = MP_OBJ_TO_PTR(mp_obj_new_tuple(2 * self->anchor_count, NULL));
    for (size_t i = 0; i < anchors->len; i++) {
        anchors->items[i] = mp_obj_new_float_from_f(self->anchors[i]);
    }
    return MP_OBJ_FROM_PTR(anchors);
}
static MP_DEFINE_CONST_FUN_OBJ_1(yolo_anchor_obj, yolo_anchor);

static void yolo_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const yolo_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "{\"threshold\": %f, \"nms_value\": %f, \"anchor_number\": %u, \"anchor\": ",
        (double)self->threshold, (double)self->nms, (unsigned)self->anchor_count);
    mp_obj_print_helper(print, yolo_anchor(self_in), PRINT_REPR);
    mp_print_str(print, "}");
}

static const mp_rom_map_elem_t yolo_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_threshold), MP_ROM_PTR(&yolo_threshold_obj) },
    { MP_ROM_QSTR(MP_QSTR_nms_value), MP_ROM_PTR(&yolo_nms_value_obj) },
    { MP_ROM_QSTR(MP_QSTR_anchor_number), MP_ROM_PTR(&yolo_anchor_number_obj) },
    { MP_ROM_QSTR(MP_QSTR_anchor), MP_ROM_PTR(&yolo_anchor_obj) },
};
static MP_DEFINE_CONST_DICT(yolo_locals, yolo_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    yolo_type,
    MP_QSTR_kpu_yolo2,
    MP_TYPE_FLAG_NONE,
    print, yolo_print,
    locals_dict, &yolo_locals
    );

// -- init_yolo2

static float share(mp_obj_t value_in, const char *name) {
    float value = mp_obj_get_float_to_f(value_in);
    if (!(value >= 0 && value <= 1)) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]kpu: %s only support 0 to 1, not %f"),
            name, (double)value);
    }
    return value;
}

// The classes that the net's first output has planes for; raises ValueError where it cannot be of such a net.
static uint32_t classes_of(const kpu_net_obj_t *net, uint32_t anchors) {
    const kmodel_tensor_t *output = &net->outputs[0];
    if (output->type != KMODEL_F32) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: region_layer_init err!: output 0 is of bytes, "
            "YOLOv2 wants floats: a model that ends in Dequantize"));
    }
    uint32_t planes = output->channels / anchors;
    if (planes * anchors != output->channels || planes <= KPU_YOLO2_BOX_PLANES) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: region_layer_init err!: output 0 has %u channels, but %u anchors want "
                "%u * (5 + classes)"), (unsigned)output->channels, (unsigned)anchors, (unsigned)anchors);
    }
    return planes - KPU_YOLO2_BOX_PLANES;
}

// init_yolo2(kpu_net, threshold, nms_value, anchor_number, anchor, dma=-1) -> True
mp_obj_t kpu_init_yolo2(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_kpu_net, ARG_threshold, ARG_nms_value, ARG_anchor_number, ARG_anchor, ARG_dma };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_kpu_net, MP_ARG_REQUIRED | MP_ARG_OBJ },
        { MP_QSTR_threshold, MP_ARG_REQUIRED | MP_ARG_OBJ },
        { MP_QSTR_nms_value, MP_ARG_REQUIRED | MP_ARG_OBJ },
        { MP_QSTR_anchor_number, MP_ARG_REQUIRED | MP_ARG_INT },
        { MP_QSTR_anchor, MP_ARG_REQUIRED | MP_ARG_OBJ },
        { MP_QSTR_dma, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(-1) } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    kpu_net_obj_t *net = kpu_net_get(args[ARG_kpu_net].u_obj);
    float threshold = share(args[ARG_threshold].u_obj, "threshold");
    float nms = share(args[ARG_nms_value].u_obj, "nms_value");
    mp_int_t anchors = args[ARG_anchor_number].u_int;
    if (anchors <= 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]kpu: anchor_number should > 0, not %ld"),
            (long)anchors);
    }
    size_t count;
    mp_obj_t *items;
    mp_obj_get_array(args[ARG_anchor].u_obj, &count, &items);
    if (count != 2 * (size_t)anchors) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: anchor has %u numbers but %ld anchors want %ld: width and height of each"),
            (unsigned)count, (long)anchors, 2 * (long)anchors);
    }
    classes_of(net, anchors);
    yolo_obj_t *yolo = mp_obj_malloc_var(yolo_obj_t, anchors, float, count, &yolo_type);
    yolo->threshold = threshold;
    yolo->nms = nms;
    yolo->anchor_count = anchors;
    for (size_t i = 0; i < count; i++) {
        yolo->anchors[i] = mp_obj_get_float_to_f(items[i]);
    }
    net->yolo = MP_OBJ_FROM_PTR(yolo);
    return mp_const_true;
}

// -- run_yolo2

static mp_obj_t list_of(const kpu_yolo2_find_t *found, size_t count) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (size_t i = 0; i < count; i++) {
        find_obj_t *find = mp_obj_malloc(find_obj_t, &find_type);
        find->box = found[i];
        find->index = i;
        find->count = count;
        mp_obj_list_append(list, MP_OBJ_FROM_PTR(find));
    }
    return list;
}

// run_yolo2(kpu_net, img) -> a list of boxes, or None where there is none
mp_obj_t kpu_run_yolo2(size_t n_args, const mp_obj_t *args_in) {
    kpu_net_obj_t *net = kpu_net_get(args_in[0]);
    if (net->yolo == MP_OBJ_NULL) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: run_yolo2() before kpu.init_yolo2() of this net"));
    }
    if (net->layers != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: run_yolo2() needs all layers: kpu.set_layers(net, 0) first"));
    }
    const yolo_obj_t *args = MP_OBJ_TO_PTR(net->yolo);
    uint32_t classes = classes_of(net, args->anchor_count); // set_outputs() may have changed them
    if (n_args > 1) {
        kpu_net_run(net, args_in[1]);
    }
    kpu_net_settle(net);
    kpu_net_get(args_in[0]); // another thread may have given it back meanwhile
    if (!net->has_run) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: run_yolo2(net) of no run: give it an image"));
    }
    kmodel_tensor_t image = kmodel_input(net->model);
    kpu_yolo2_t yolo = {
        .output = kmodel_output_data(net->model, 0),
        .w = net->outputs[0].w,
        .h = net->outputs[0].h,
        .classes = classes,
        .anchor_count = args->anchor_count,
        .anchors = args->anchors,
        .threshold = args->threshold,
        .nms = args->nms,
        .image_w = image.w,
        .image_h = image.h,
    };
    size_t candidates = kpu_yolo2_candidates(&yolo);
    size_t work_bytes = kpu_yolo2_work_bytes(&yolo, candidates);
    uint8_t *work = m_new(uint8_t, work_bytes);
    kpu_yolo2_find_t *found = m_new(kpu_yolo2_find_t, candidates);
    size_t count = kpu_yolo2_find(&yolo, candidates, work, found);
    m_del(uint8_t, work, work_bytes);
    mp_obj_t list = count == 0 ? mp_const_none : list_of(found, count);
    m_del(kpu_yolo2_find_t, found, candidates);
    return list;
}
