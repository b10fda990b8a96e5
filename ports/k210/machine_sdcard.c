// SPDX-License-Identifier: MIT
// machine.SDCard of machine_sdcard.h: there is one slot, so there is one object. Making it again finds out what card is
// in the slot now.
#include <string.h>

#include "extmod/vfs.h"
#include "py/mperrno.h"
#include "py/runtime.h"

#include "genhdr/board.h"
#include "machine_sdcard.h"
#include "sdk/sdcard.h"

static const mp_obj_base_t only_one = { &machine_sdcard_type };

// The number that MicroPython knows, and why.
NORETURN static void raise_refused(int result) {
    static const struct {
        int number;
        const char *why;
    } reasons[] = {
        [-SDCARD_ERR_NONE] = { MP_ENODEV, "no card answers in the slot: push it in, then machine.SDCard() again" },
        [-SDCARD_ERR_VOLTAGE] = { MP_EIO, "the card does not work at 3.3 V" },
        [-SDCARD_ERR_KIND] = { MP_EIO, "what is in the slot is no SD memory card" },
        [-SDCARD_ERR_START] = { MP_ETIMEDOUT, "the card did not get ready within a second" },
        [-SDCARD_ERR_CHECKSUM] = { MP_EIO, "checksums of the card's data are wrong: clean its contacts" },
        [-SDCARD_ERR_COMMAND] = { MP_EIO, "the card refused a command" },
        [-SDCARD_ERR_TIMEOUT] = { MP_EIO, "the card did not answer in time: was it pulled out?" },
        [-SDCARD_ERR_RANGE] = { MP_EINVAL, "a block beyond the card's end" },
        [-SDCARD_ERR_WRITE] = { MP_EIO, "the card could not write: it is locked or worn out" },
    };
    const char *why = reasons[-result].why;
    const mp_obj_t args[] = { MP_OBJ_NEW_SMALL_INT(reasons[-result].number), mp_obj_new_str(why, strlen(why)) };
    nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, MP_ARRAY_SIZE(args), args));
}

static void check(int result) {
    if (result != SDCARD_OK) {
        raise_refused(result);
    }
}

static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    static const sdcard_pads_t pads = { BOARD_SD_SCLK, BOARD_SD_MOSI, BOARD_SD_MISO, BOARD_SD_CS };
    check(sdcard_init(&pads));
    return MP_OBJ_FROM_PTR(&only_one);
}

static void print(const mp_print_t *out, mp_obj_t self, mp_print_kind_t kind) {
    (void)self;
    (void)kind;
    mp_printf(out, "SDCard(%u MiB, %s)", (unsigned)(sdcard_blocks() / (1024 * 1024 / SDCARD_BLOCK_BYTES)),
        sdcard_is_block_addressed() ? "SDHC" : "SDSC");
}

// info() -> (bytes, bytes of a block)
static mp_obj_t info(mp_obj_t self) {
    (void)self;
    mp_obj_t items[] = {
        mp_obj_new_int_from_ull((uint64_t)sdcard_blocks() * SDCARD_BLOCK_BYTES),
        MP_OBJ_NEW_SMALL_INT(SDCARD_BLOCK_BYTES),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
static MP_DEFINE_CONST_FUN_OBJ_1(info_obj, info);

static size_t whole_blocks(const mp_buffer_info_t *buffer) {
    if (buffer->len % SDCARD_BLOCK_BYTES != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("a buffer of %u bytes: want whole blocks of %u"),
            (unsigned)buffer->len, SDCARD_BLOCK_BYTES);
    }
    return buffer->len / SDCARD_BLOCK_BYTES;
}

static mp_obj_t readblocks(mp_obj_t self, mp_obj_t block, mp_obj_t data) {
    (void)self;
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(data, &buffer, MP_BUFFER_WRITE);
    check(sdcard_read(mp_obj_get_int(block), buffer.buf, whole_blocks(&buffer)));
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_3(readblocks_obj, readblocks);

static mp_obj_t writeblocks(mp_obj_t self, mp_obj_t block, mp_obj_t data) {
    (void)self;
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(data, &buffer, MP_BUFFER_READ);
    check(sdcard_write(mp_obj_get_int(block), buffer.buf, whole_blocks(&buffer)));
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_3(writeblocks_obj, writeblocks);

static mp_obj_t ioctl(mp_obj_t self, mp_obj_t what, mp_obj_t arg) {
    (void)self;
    (void)arg;
    switch (mp_obj_get_int(what)) {
        case MP_BLOCKDEV_IOCTL_INIT:
        case MP_BLOCKDEV_IOCTL_DEINIT:
        case MP_BLOCKDEV_IOCTL_SYNC:
            return MP_OBJ_NEW_SMALL_INT(0);
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return mp_obj_new_int_from_uint(sdcard_blocks());
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(SDCARD_BLOCK_BYTES);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(ioctl_obj, ioctl);

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_info), MP_ROM_PTR(&info_obj) },
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_sdcard_type,
    MP_QSTR_SDCard,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    print, print,
    locals_dict, &locals
    );
