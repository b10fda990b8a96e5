// SPDX-License-Identifier: MIT
// The modules, and the classes and functions of machine, that a small variant leaves out.
#include <string.h>

#include "py/builtin.h"
#include "py/runtime.h"

#include "absent.h"

#define INSTEAD " is not in the " VARIANT_NAME " variant: flash the full one"

static const char modules[] =
    "_asyncio\0" "_onewire\0" "_thread\0" "asyncio\0" "cmath\0" "cryptolib\0" "deflate\0" "dht\0" "ds18x20\0" "framebuf\0"
    "heapq\0" "neopixel\0" "onewire\0" "platform\0" "re\0" "select\0" "uctypes\0";
static const char classes[] = "PinBase\0" "SPI\0" "SoftSPI\0" "bitstream\0" "dht_readinto\0";

static bool is_one_of(const char *names, const char *name) {
    for (; *names != '\0'; names += strlen(names) + 1) {
        if (strcmp(names, name) == 0) {
            return true;
        }
    }
    return false;
}

void absent_check(qstr owner, const char *names, qstr name) {
    if (is_one_of(names, qstr_str(name))) {
        mp_raise_msg_varg(&mp_type_AttributeError, MP_ERROR_TEXT("%q.%q" INSTEAD), owner, name);
    }
}

// A file of the name, or upstream's older one with a u before it, is taken first.
mp_obj_t absent_import(size_t n_args, const mp_obj_t *args) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_obj_t module = mp_builtin___import___default(n_args, args);
        nlr_pop();
        return module;
    }
    const char *name = mp_obj_is_str(args[0]) ? mp_obj_str_get_str(args[0]) : "";
    name += name[0] == 'u' && is_one_of(modules, name + 1);
    if (mp_obj_exception_match(MP_OBJ_FROM_PTR(nlr.ret_val), MP_OBJ_FROM_PTR(&mp_type_ImportError))
        && is_one_of(modules, name)) {
        mp_raise_msg_varg(&mp_type_ImportError, MP_ERROR_TEXT("%s" INSTEAD), name);
    }
    nlr_jump(nlr.ret_val);
}

void absent_machine_attr(mp_obj_t self, qstr name, mp_obj_t *dest) {
    if (dest[0] == MP_OBJ_NULL) {
        absent_check(MP_QSTR_machine, classes, name);
    }
}
MP_REGISTER_MODULE_DELEGATION(mp_module_machine, absent_machine_attr);
