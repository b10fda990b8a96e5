// SPDX-License-Identifier: MIT
// k210.Flash(start, len): a range of the SPI flash as a block device of 4096 byte blocks, for littlefs or FAT.
#include "extmod/vfs.h"
#include "py/mperrno.h"
#include "py/runtime.h"

#include "firmware/flash_map.h"
#include "flash_bdev.h"
#include "storage.h"

#define BLOCK_BYTES STORAGE_SECTOR_BYTES

typedef struct {
    mp_obj_base_t base;
    uint32_t start;
    uint32_t bytes;
} flash_bdev_t;

static void check(int result) {
    if (result == STORAGE_ERR_RANGE) {
        mp_raise_OSError(MP_EINVAL);
    } else if (result == STORAGE_ERR_BUSY) {
        mp_raise_OSError(MP_EBUSY);
    } else if (result == STORAGE_ERR_NO_CHIP) {
        mp_raise_OSError(MP_ENODEV);
    } else if (result != STORAGE_OK) {
        mp_raise_OSError(MP_EIO);
    }
}

static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *all_args) {
    enum { ARG_start, ARG_len };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_start, MP_ARG_INT, { .u_int = FLASH_MAP_FILES } },
        { MP_QSTR_len, MP_ARG_INT, { .u_int = FLASH_MAP_FILES_BYTES } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all_kw_array(n_args, n_kw, all_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_int_t start = args[ARG_start].u_int;
    mp_int_t bytes = args[ARG_len].u_int;
    if (storage_bytes() == 0) {
        mp_raise_OSError(MP_ENODEV);
    }
    if (start < 0 || bytes <= 0 || start % BLOCK_BYTES != 0 || bytes % BLOCK_BYTES != 0
        || start + bytes > (mp_int_t)storage_bytes()) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("flash range 0x%x + 0x%x: want multiples of %d inside 0x%x bytes"),
            (unsigned)start, (unsigned)bytes, BLOCK_BYTES, (unsigned)storage_bytes());
    }
    flash_bdev_t *self = mp_obj_malloc(flash_bdev_t, type);
    self->start = start;
    self->bytes = bytes;
    return MP_OBJ_FROM_PTR(self);
}

// The flash address of block and offset, when `bytes` from there stay inside the device.
static uint32_t address(const flash_bdev_t *self, mp_obj_t block_in, mp_int_t offset, size_t bytes) {
    mp_int_t at = mp_obj_get_int(block_in) * BLOCK_BYTES + offset;
    if (at < 0 || at > (mp_int_t)self->bytes || bytes > (size_t)(self->bytes - at)) {
        mp_raise_OSError(MP_EINVAL);
    }
    return self->start + at;
}

// readblocks(block, buffer[, offset]): straight into the buffer.
static mp_obj_t readblocks(size_t n_args, const mp_obj_t *args) {
    const flash_bdev_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_WRITE);
    mp_int_t offset = n_args == 4 ? mp_obj_get_int(args[3]) : 0;
    check(storage_read(address(self, args[1], offset, buffer.len), buffer.buf, buffer.len));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(readblocks_obj, 3, 4, readblocks);

// writeblocks(block, buffer) erases first; writeblocks(block, buffer, offset) only programs.
static mp_obj_t writeblocks(size_t n_args, const mp_obj_t *args) {
    const flash_bdev_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_READ);
    mp_int_t offset = n_args == 4 ? mp_obj_get_int(args[3]) : 0;
    uint32_t at = address(self, args[1], offset, buffer.len);
    if (n_args == 3) {
        check(storage_erase(at, buffer.len));
    }
    check(storage_program(at, buffer.buf, buffer.len));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(writeblocks_obj, 3, 4, writeblocks);

static mp_obj_t ioctl(mp_obj_t self_in, mp_obj_t command_in, mp_obj_t argument_in) {
    const flash_bdev_t *self = MP_OBJ_TO_PTR(self_in);
    switch (mp_obj_get_int(command_in)) {
        case MP_BLOCKDEV_IOCTL_INIT:
        case MP_BLOCKDEV_IOCTL_DEINIT:
        case MP_BLOCKDEV_IOCTL_SYNC:
            return MP_OBJ_NEW_SMALL_INT(0);
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT(self->bytes / BLOCK_BYTES);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(BLOCK_BYTES);
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE:
            check(storage_erase(address(self, argument_in, 0, BLOCK_BYTES), BLOCK_BYTES));
            return MP_OBJ_NEW_SMALL_INT(0);
        default:
            return mp_const_none;
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(ioctl_obj, ioctl);

// blank(): True where every byte is erased.
static mp_obj_t blank(mp_obj_t self_in) {
    const flash_bdev_t *self = MP_OBJ_TO_PTR(self_in);
    uint64_t *words = m_new(uint64_t, BLOCK_BYTES / 8);
    bool erased = true;
    for (uint32_t at = 0; erased && at < self->bytes; at += BLOCK_BYTES) {
        check(storage_read(self->start + at, words, BLOCK_BYTES));
        for (size_t i = 0; erased && i < BLOCK_BYTES / 8; i++) {
            erased = words[i] == UINT64_MAX;
        }
    }
    m_del(uint64_t, words, BLOCK_BYTES / 8);
    return mp_obj_new_bool(erased);
}
static MP_DEFINE_CONST_FUN_OBJ_1(blank_obj, blank);

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&ioctl_obj) },
    { MP_ROM_QSTR(MP_QSTR_blank), MP_ROM_PTR(&blank_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    flash_bdev_type,
    MP_QSTR_Flash,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    locals_dict, &locals
    );
