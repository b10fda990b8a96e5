// SPDX-License-Identifier: MIT
// Module KPU, under MaixPy's names: its table, and models loaded and given back.
#include "py/runtime.h"

#include "modules/kpu/kpu_net.h"

// load(flash offset | path | bytes) -> kpu_net
static mp_obj_t load(mp_obj_t where) {
    if (mp_obj_is_int(where)) {
        kpu_source_t flash = kpu_source_flash(mp_obj_get_int(where));
        return kpu_load(&flash, where, NULL);
    }
    if (mp_obj_is_str(where)) {
        kpu_source_t file = kpu_source_path(where);
        return kpu_load(&file, where, NULL);
    }
    mp_buffer_info_t buffer;
    if (!mp_get_buffer(where, &buffer, MP_BUFFER_READ)) {
        mp_raise_msg_varg(&mp_type_TypeError,
            MP_ERROR_TEXT("[MAIXPY]kpu: only accept int or string (a flash offset or a path) or bytes, not %s"),
            mp_obj_get_type_str(where));
    }
    kpu_source_t bytes = kpu_source_buffer(buffer.buf, buffer.len);
    return kpu_load(&bytes, mp_const_none, NULL);
}
static MP_DEFINE_CONST_FUN_OBJ_1(load_obj, load);

#define PIECE_MIN (0x4000)
#define PIECE_MAX (0x10000)
#define SPI_SPEED_MAX (80000000)

static void refuse_range(const char *name, mp_int_t given, const char *wanted) {
    mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]kpu: load_flash err: %s is %ld, but must be %s"), name,
        (long)given, wanted);
}

// What load_flash()'s last three arguments ask for; raises ValueError for others than MaixPy takes.
static kpu_stream_t stream_of(mp_int_t dual, mp_int_t piece, mp_int_t hz) {
    if (dual != 0 && dual != 1) {
        refuse_range("is_dual_buf", dual, "0 or 1");
    }
    if ((piece < PIECE_MIN || piece > PIECE_MAX) && !(piece == 0 && dual == 0)) {
        refuse_range("batch_size", piece, "0x4000 to 0x10000, or 0 with is_dual_buf 0");
    }
    if (hz <= 0 || hz > SPI_SPEED_MAX) {
        refuse_range("spi_speed", hz, "1 to 80000000");
    }
    return (kpu_stream_t) { .buffers = 1 + dual, .piece = piece != 0 ? piece : PIECE_MAX, .hz = hz };
}

// load_flash(flash offset, is_dual_buf, batch_size, spi_speed) -> kpu_net that keeps no weights in memory; a V4 is loaded
// as load() does it.
static mp_obj_t load_flash(size_t n_args, const mp_obj_t *args) {
    bool ints = n_args == 4;
    for (size_t i = 0; i < n_args; i++) {
        ints = ints && mp_obj_is_int(args[i]);
    }
    if (!ints) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: load_flash arg format error: "
            "task=kpu.load_flash(flash_addr, is_dual_buf, batch_size, spi_speed)"));
    }
    kpu_source_t flash = kpu_source_flash(mp_obj_get_int(args[0]));
    kpu_stream_t stream = stream_of(mp_obj_get_int(args[1]), mp_obj_get_int(args[2]), mp_obj_get_int(args[3]));
    return kpu_load(&flash, args[0], &stream);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(load_flash_obj, 0, MP_OBJ_FUN_ARGS_MAX, load_flash);

// deinit(kpu_net) -> True; twice is harmless. A run that goes on is ended, and its result lost.
static mp_obj_t deinit(mp_obj_t net_in) {
    if (!mp_obj_is_type(net_in, &kpu_net_type)) {
        kpu_net_get(net_in);
    }
    kpu_net_obj_t *net = MP_OBJ_TO_PTR(net_in);
    kpu_net_refuse_within(net, "deinit()");
    if (!net->pending) {
        kpu_fmap_detach_all(net);
    }
    kpu_net_release(net);
    return mp_const_true;
}
static MP_DEFINE_CONST_FUN_OBJ_1(deinit_obj, deinit);

static MP_DEFINE_CONST_FUN_OBJ_KW(forward_obj, 0, kpu_forward);
static MP_DEFINE_CONST_FUN_OBJ_2(get_output_obj, kpu_get_output);
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(set_outputs_obj, 5, 5, kpu_set_outputs);
static MP_DEFINE_CONST_FUN_OBJ_KW(init_yolo2_obj, 0, kpu_init_yolo2);
static MP_DEFINE_CONST_FUN_OBJ_2(set_layers_obj, kpu_set_layers);
static MP_DEFINE_CONST_FUN_OBJ_1(face_encode_obj, kpu_face_encode);
static MP_DEFINE_CONST_FUN_OBJ_2(face_compare_obj, kpu_face_compare);
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(run_yolo2_obj, 1, 2, kpu_run_yolo2);
static MP_DEFINE_CONST_FUN_OBJ_2(fmap_obj, kpu_fmap_image);
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_free_obj, kpu_fmap_free);
static MP_DEFINE_CONST_FUN_OBJ_1(netinfo_obj, kpu_netinfo);
static MP_DEFINE_CONST_FUN_OBJ_0(memtest_obj, kpu_memtest);

static const mp_rom_map_elem_t globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_KPU) },
    { MP_ROM_QSTR(MP_QSTR_load), MP_ROM_PTR(&load_obj) },
    { MP_ROM_QSTR(MP_QSTR_load_flash), MP_ROM_PTR(&load_flash_obj) },
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&deinit_obj) },
    { MP_ROM_QSTR(MP_QSTR_forward), MP_ROM_PTR(&forward_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_output), MP_ROM_PTR(&get_output_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_outputs), MP_ROM_PTR(&set_outputs_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_layers), MP_ROM_PTR(&set_layers_obj) },
    { MP_ROM_QSTR(MP_QSTR_init_yolo2), MP_ROM_PTR(&init_yolo2_obj) },
    { MP_ROM_QSTR(MP_QSTR_run_yolo2), MP_ROM_PTR(&run_yolo2_obj) },
    { MP_ROM_QSTR(MP_QSTR_fmap), MP_ROM_PTR(&fmap_obj) },
    { MP_ROM_QSTR(MP_QSTR_fmap_free), MP_ROM_PTR(&fmap_free_obj) },
    { MP_ROM_QSTR(MP_QSTR_face_encode), MP_ROM_PTR(&face_encode_obj) },
    { MP_ROM_QSTR(MP_QSTR_face_compare), MP_ROM_PTR(&face_compare_obj) },
    { MP_ROM_QSTR(MP_QSTR_netinfo), MP_ROM_PTR(&netinfo_obj) },
    { MP_ROM_QSTR(MP_QSTR_memtest), MP_ROM_PTR(&memtest_obj) },
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t kpu_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&globals,
};

MP_REGISTER_MODULE(MP_QSTR_KPU, kpu_module);

// KPU.classifier is a class of frozen Python, imported when it is asked for.
void kpu_module_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    if (attr == MP_QSTR_classifier && dest[0] == MP_OBJ_NULL) {
        mp_obj_t module = mp_import_name(MP_QSTR_kpu_classifier, mp_const_none, MP_OBJ_NEW_SMALL_INT(0));
        dest[0] = mp_load_attr(module, attr);
    }
}

MP_REGISTER_MODULE_DELEGATION(kpu_module, kpu_module_attr);
