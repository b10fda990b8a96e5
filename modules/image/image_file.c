// SPDX-License-Identifier: MIT
// Files by their path, and the path in what goes wrong with them.
#include "extmod/vfs.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "image_obj.h"

void image_raise_file_error(mp_obj_t exception, const char *what, const char *path) {
    if (path != NULL && mp_obj_exception_match(exception, MP_OBJ_FROM_PTR(&mp_type_OSError))) {
        mp_obj_t code = mp_obj_exception_get_value(exception);
        if (mp_obj_is_small_int(code)) {
            vstr_t text;
            vstr_init(&text, 48);
            vstr_printf(&text, "can't %s %s", what, path);
            mp_obj_t args[] = { code, mp_obj_new_str_from_vstr(&text) };
            nlr_raise(mp_obj_exception_make_new(&mp_type_OSError, MP_ARRAY_SIZE(args), 0, args));
        }
    }
    nlr_raise(exception);
}

mp_obj_t image_open(mp_obj_t path, qstr mode) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_obj_t args[] = { path, MP_OBJ_NEW_QSTR(mode) };
        mp_obj_t file = mp_vfs_open(MP_ARRAY_SIZE(args), args, (mp_map_t *)&mp_const_empty_map);
        mp_get_stream_raise(file, MP_STREAM_OP_READ | MP_STREAM_OP_WRITE | MP_STREAM_OP_IOCTL);
        nlr_pop();
        return file;
    }
    image_raise_file_error(MP_OBJ_FROM_PTR(nlr.ret_val), "open", mp_obj_str_get_str(path));
}

mp_obj_t image_close(mp_obj_t file) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_stream_close(file);
        nlr_pop();
        return MP_OBJ_NULL;
    }
    return MP_OBJ_FROM_PTR(nlr.ret_val);
}

void image_remove(mp_obj_t path) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_vfs_remove(path);
        nlr_pop();
    }
}
