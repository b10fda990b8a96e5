// SPDX-License-Identifier: MIT
// Module hashlib: SHA-256 by the chip where the whole message is there, by upstream's software where it comes in pieces.
//
// The chip is told the message's length first and cannot be stopped half way. So the first piece is kept, if nobody can
// change it or it is short, until digest() makes it the message or update() only its beginning.
#include <string.h>

#include "py/runtime.h"

// It includes nothing that it needs.
#include "lib/crypto-algorithms/sha256.c"
#include "sdk/sha256.h"

// Of a message that somebody may change, so much is copied.
#define COPIED_MAX (1024)

typedef struct {
    mp_obj_base_t base;
    bool final;
    bool in_software;
    mp_obj_t first; // a bytes object, or MP_OBJ_NULL
    CRYAL_SHA256_CTX software;
} sha256_obj_t;

static void check_not_final(const sha256_obj_t *self) {
    if (self->final) {
        mp_raise_ValueError(MP_ERROR_TEXT("hash is final: hashlib.sha256() begins another"));
    }
}

static void add_in_software(sha256_obj_t *self, const void *data, size_t bytes) {
    if (!self->in_software) {
        self->in_software = true;
        sha256_init(&self->software);
        if (self->first != MP_OBJ_NULL) {
            mp_buffer_info_t first;
            mp_get_buffer_raise(self->first, &first, MP_BUFFER_READ);
            sha256_update(&self->software, first.buf, first.len);
            self->first = MP_OBJ_NULL;
        }
    }
    sha256_update(&self->software, data, bytes);
}

static mp_obj_t update(mp_obj_t self_in, mp_obj_t data_in) {
    sha256_obj_t *self = MP_OBJ_TO_PTR(self_in);
    check_not_final(self);
    mp_buffer_info_t data;
    mp_get_buffer_raise(data_in, &data, MP_BUFFER_READ);
    bool is_first = !self->in_software && self->first == MP_OBJ_NULL;
    if (is_first && mp_obj_is_type(data_in, &mp_type_bytes)) {
        self->first = data_in;
    } else if (is_first && data.len <= COPIED_MAX) {
        self->first = mp_obj_new_bytes(data.buf, data.len);
    } else {
        add_in_software(self, data.buf, data.len);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(update_obj, update);

static mp_obj_t digest(mp_obj_t self_in) {
    sha256_obj_t *self = MP_OBJ_TO_PTR(self_in);
    check_not_final(self);
    uint8_t out[SHA256_HASH_LEN];
    mp_buffer_info_t message = { 0 };
    if (self->first != MP_OBJ_NULL) {
        mp_get_buffer_raise(self->first, &message, MP_BUFFER_READ);
    }
    if (self->in_software || sha256_hard_calculate(message.buf, message.len, out) != SHA256_OK) {
        add_in_software(self, NULL, 0); // longer than 4 MiB, or the chip does not answer
        sha256_final(&self->software, out);
    }
    self->final = true;
    self->first = MP_OBJ_NULL;
    return mp_obj_new_bytes(out, sizeof(out));
}
static MP_DEFINE_CONST_FUN_OBJ_1(digest_obj, digest);

// sha256([data])
static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 1, false);
    sha256_obj_t *self = mp_obj_malloc(sha256_obj_t, type);
    self->final = false;
    self->in_software = false;
    self->first = MP_OBJ_NULL;
    if (n_args == 1) {
        update(MP_OBJ_FROM_PTR(self), args[0]);
    }
    return MP_OBJ_FROM_PTR(self);
}

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_update), MP_ROM_PTR(&update_obj) },
    { MP_ROM_QSTR(MP_QSTR_digest), MP_ROM_PTR(&digest_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    sha256_type,
    MP_QSTR_sha256,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    locals_dict, &locals
    );

static const mp_rom_map_elem_t globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_hashlib) },
    { MP_ROM_QSTR(MP_QSTR_sha256), MP_ROM_PTR(&sha256_type) },
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t mp_module_hashlib = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&globals,
};
MP_REGISTER_EXTENSIBLE_MODULE(MP_QSTR_hashlib, mp_module_hashlib);
