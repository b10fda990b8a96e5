// SPDX-License-Identifier: MIT
// Module k210: the flash as a block device, and where the RAM outside the heap has gone.
#include <string.h>

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"

#include "flash_bdev.h"
#include "pool.h"
#include "safe_mode.h"
#include "settings.h"
#include "storage.h"

static void store(mp_obj_t dict, const char *name, size_t value) {
    mp_obj_dict_store(dict, mp_obj_new_str(name, strlen(name)), mp_obj_new_int_from_uint(value));
}

// pool() -> dict of bytes: total, free, largest, then what each kind of block uses.
static mp_obj_t k210_pool(void) {
    mp_obj_t dict = mp_obj_new_dict(3 + POOL_KINDS);
    store(dict, "total", pool_total());
    store(dict, "free", pool_free_bytes());
    store(dict, "largest", pool_largest());
    for (pool_kind_t kind = 0; kind < POOL_KINDS; kind++) {
        store(dict, pool_kind_name(kind), pool_used(kind));
    }
    return dict;
}
static MP_DEFINE_CONST_FUN_OBJ_0(k210_pool_obj, k210_pool);

// flash_id() -> maker << 16 | type << 8 | capacity; 0 where no chip answered.
static mp_obj_t k210_flash_id(void) {
    return MP_OBJ_NEW_SMALL_INT(storage_jedec_id());
}
static MP_DEFINE_CONST_FUN_OBJ_0(k210_flash_id_obj, k210_flash_id);

// console_lost() -> bytes that came faster than they were read.
static mp_obj_t k210_console_lost(void) {
    return MP_OBJ_NEW_SMALL_INT(mp_hal_console_lost());
}
static MP_DEFINE_CONST_FUN_OBJ_0(k210_console_lost_obj, k210_console_lost);

// safe_mode() -> the reason, or None.
static mp_obj_t k210_safe_mode(void) {
    const char *reason = safe_mode_reason();
    return reason == NULL ? mp_const_none : mp_obj_new_str(reason, strlen(reason));
}
static MP_DEFINE_CONST_FUN_OBJ_0(k210_safe_mode_obj, k210_safe_mode);

// settings() -> [cpu_hz, gc_heap, text], 0 where the firmware's own value holds.
// settings(list) keeps others from the next start on.
static mp_obj_t k210_settings(size_t n_args, const mp_obj_t *args) {
    settings_t settings;
    if (n_args == 0) {
        settings_load(&settings);
        vstr_t text;
        vstr_init_len(&text, SETTINGS_TEXT_MAX);
        text.len = settings_text(text.buf);
        const mp_obj_t items[] = {
            mp_obj_new_int_from_uint(settings.cpu_hz),
            mp_obj_new_int_from_uint(settings.gc_heap),
            mp_obj_new_str_from_vstr(&text),
        };
        return mp_obj_new_list(MP_ARRAY_SIZE(items), (mp_obj_t *)items);
    }
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(args[0], 3, &items);
    settings.cpu_hz = mp_obj_get_int(items[0]);
    settings.gc_heap = mp_obj_get_int(items[1]);
    size_t bytes;
    const char *text = mp_obj_str_get_data(items[2], &bytes);
    switch (settings_save(&settings, text, bytes)) {
        case SETTINGS_OK:
            return mp_const_none;
        case SETTINGS_ERR_LONG:
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("settings of %d bytes: at most %d fit"),
                (int)bytes, SETTINGS_TEXT_MAX);
        case SETTINGS_ERR_FOREIGN:
            mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("the flash from 0xcfc000 to 0xcfffff holds something of others,"
                " so no settings are kept: erase it and reset"));
        default:
            mp_raise_OSError(MP_EIO);
    }
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(k210_settings_obj, 0, 1, k210_settings);

static const mp_rom_map_elem_t globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_k210) },
    { MP_ROM_QSTR(MP_QSTR_Flash), MP_ROM_PTR(&flash_bdev_type) },
    { MP_ROM_QSTR(MP_QSTR_pool), MP_ROM_PTR(&k210_pool_obj) },
    { MP_ROM_QSTR(MP_QSTR_flash_id), MP_ROM_PTR(&k210_flash_id_obj) },
    { MP_ROM_QSTR(MP_QSTR_safe_mode), MP_ROM_PTR(&k210_safe_mode_obj) },
    { MP_ROM_QSTR(MP_QSTR_settings), MP_ROM_PTR(&k210_settings_obj) },
    { MP_ROM_QSTR(MP_QSTR_console_lost), MP_ROM_PTR(&k210_console_lost_obj) },
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t k210_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&globals,
};

MP_REGISTER_MODULE(MP_QSTR_k210, k210_module);
