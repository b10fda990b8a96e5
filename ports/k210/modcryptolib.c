// SPDX-License-Identifier: MIT
// Module cryptolib: AES by the chip, with upstream's names.
#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"

#include "sdk/aes.h"

enum { MODE_ECB = 1, MODE_CBC = 2, MODE_CTR = 6 };
enum { DIRECTION_OPEN = 2 }; // the first call decides

typedef struct {
    mp_obj_base_t base;
    uint8_t mode;
    uint8_t direction;
    uint8_t key_len;
    uint8_t pad_left; // bytes of CTR's pad that were not used
    uint8_t key[32];
    uint8_t iv[AES_BLOCK_LEN]; // CTR: the counter
    uint8_t pad[AES_BLOCK_LEN];
} aes_obj_t;

// aes(key, mode[, IV])
static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 2, 3, false);
    mp_int_t mode = mp_obj_get_int(args[1]);
    if (mode != MODE_ECB && mode != MODE_CBC && mode != MODE_CTR) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("mode %d: want 1 (ECB), 2 (CBC) or 6 (CTR)"), (int)mode);
    }
    mp_buffer_info_t key, iv = { 0 };
    mp_get_buffer_raise(args[0], &key, MP_BUFFER_READ);
    if (key.len != AES_128 && key.len != AES_192 && key.len != AES_256) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("key of %d bytes: want 16, 24 or 32"), (int)key.len);
    }
    if (n_args > 2 && args[2] != mp_const_none) {
        mp_get_buffer_raise(args[2], &iv, MP_BUFFER_READ);
    }
    if (mode == MODE_ECB ? iv.len != 0 && iv.len != AES_BLOCK_LEN : iv.len != AES_BLOCK_LEN) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("IV of %d bytes: want 16"), (int)iv.len);
    }
    aes_obj_t *self = mp_obj_malloc(aes_obj_t, type);
    self->mode = mode;
    self->direction = DIRECTION_OPEN;
    self->key_len = key.len;
    self->pad_left = 0;
    memcpy(self->key, key.buf, key.len);
    memcpy(self->iv, iv.buf == NULL ? self->pad : iv.buf, AES_BLOCK_LEN);
    return MP_OBJ_FROM_PTR(self);
}

static void blocks(aes_obj_t *self, aes_encrypt_sel_t direction, const uint8_t *in, size_t len, uint8_t *out) {
    int result = aes_hard(self->mode == MODE_CBC ? AES_CBC : AES_ECB, direction, (aes_kmode_t)self->key_len, self->key,
        self->mode == MODE_CBC ? self->iv : NULL, NULL, 0, in, len, out, NULL);
    if (result != AES_OK) {
        mp_raise_OSError(MP_EIO);
    }
}

static void next_pad(aes_obj_t *self) {
    blocks(self, AES_HARD_ENCRYPTION, self->iv, AES_BLOCK_LEN, self->pad);
    self->pad_left = AES_BLOCK_LEN;
    for (int i = AES_BLOCK_LEN - 1; i >= 0 && ++self->iv[i] == 0; i--) {
    }
}

static void counter(aes_obj_t *self, const uint8_t *in, size_t len, uint8_t *out) {
    for (size_t i = 0; i < len; i++) {
        if (self->pad_left == 0) {
            next_pad(self);
        }
        out[i] = in[i] ^ self->pad[AES_BLOCK_LEN - self->pad_left--];
    }
}

// The next call goes on where this one ended: with the last block that went over the line.
static void chained(aes_obj_t *self, aes_encrypt_sel_t direction, const uint8_t *in, size_t len, uint8_t *out) {
    uint8_t last[AES_BLOCK_LEN];
    if (len == 0) {
        return;
    }
    memcpy(last, in + len - AES_BLOCK_LEN, AES_BLOCK_LEN);
    blocks(self, direction, in, len, out);
    memcpy(self->iv, direction == AES_HARD_ENCRYPTION ? out + len - AES_BLOCK_LEN : last, AES_BLOCK_LEN);
}

static mp_obj_t crypt(size_t n_args, const mp_obj_t *args, aes_encrypt_sel_t direction) {
    aes_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t in, out;
    mp_get_buffer_raise(args[1], &in, MP_BUFFER_READ);
    if (self->direction != DIRECTION_OPEN && self->direction != direction) {
        mp_raise_ValueError(MP_ERROR_TEXT("an aes object encrypts or decrypts: make one for each"));
    }
    if (self->mode != MODE_CTR && in.len % AES_BLOCK_LEN != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("text of %d bytes: want a multiple of 16"), (int)in.len);
    }
    vstr_t made = { 0 };
    if (n_args > 2) {
        mp_get_buffer_raise(args[2], &out, MP_BUFFER_WRITE);
        if (out.len < in.len) {
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("a buffer of %d bytes for %d: want as many"),
                (int)out.len, (int)in.len);
        }
    } else {
        vstr_init_len(&made, in.len);
        out.buf = made.buf;
    }
    self->direction = direction;
    if (self->mode == MODE_CTR) {
        counter(self, in.buf, in.len, out.buf);
    } else {
        chained(self, direction, in.buf, in.len, out.buf);
    }
    return n_args > 2 ? args[2] : mp_obj_new_bytes_from_vstr(&made);
}

static mp_obj_t encrypt(size_t n_args, const mp_obj_t *args) {
    return crypt(n_args, args, AES_HARD_ENCRYPTION);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(encrypt_obj, 2, 3, encrypt);

static mp_obj_t decrypt(size_t n_args, const mp_obj_t *args) {
    return crypt(n_args, args, AES_HARD_DECRYPTION);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(decrypt_obj, 2, 3, decrypt);

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_encrypt), MP_ROM_PTR(&encrypt_obj) },
    { MP_ROM_QSTR(MP_QSTR_decrypt), MP_ROM_PTR(&decrypt_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    aes_type,
    MP_QSTR_aes,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    locals_dict, &locals
    );

static const mp_rom_map_elem_t globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_cryptolib) },
    { MP_ROM_QSTR(MP_QSTR_aes), MP_ROM_PTR(&aes_type) },
    { MP_ROM_QSTR(MP_QSTR_MODE_ECB), MP_ROM_INT(MODE_ECB) },
    { MP_ROM_QSTR(MP_QSTR_MODE_CBC), MP_ROM_INT(MODE_CBC) },
    { MP_ROM_QSTR(MP_QSTR_MODE_CTR), MP_ROM_INT(MODE_CTR) },
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t cryptolib_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&globals,
};
MP_REGISTER_EXTENSIBLE_MODULE(MP_QSTR_cryptolib, cryptolib_module);
