// SPDX-License-Identifier: MIT
// os.urandom: bytes that are not cryptographic, for the chip has no random source.
#include "py/runtime.h"

static mp_obj_t mp_os_urandom(mp_obj_t count_in) {
    mp_int_t count = mp_obj_get_int(count_in);
    if (count < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("number of random bytes is negative"));
    }
    vstr_t bytes;
    vstr_init_len(&bytes, count);
    for (mp_int_t i = 0; i < count; i++) {
        bytes.buf[i] = mp_hal_random_seed() >> 24;
    }
    return mp_obj_new_bytes_from_vstr(&bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);
