// SPDX-License-Identifier: MIT
// k210.Flash(start, len): a range of the SPI flash as a block device of 4096 byte blocks, for littlefs or FAT.
#include "extmod/vfs.h"
#include "extmod/vfs_lfs.h"
#include "lib/littlefs/lfs2.h"
#include "py/mperrno.h"
#include "py/runtime.h"

#include "firmware/flash_map.h"
#include "flash_bdev.h"
#include "storage.h"

#define BLOCK_BYTES STORAGE_SECTOR_BYTES
#define NO_BLOCK ((lfs2_block_t)-1) // LFS2_BLOCK_NULL of lfs2.c

typedef struct {
    mp_obj_base_t base;
    uint32_t start;
    uint32_t bytes;
} flash_bdev_t;

static int error_number(int result) {
    switch (result) {
        case STORAGE_OK:
            return 0;
        case STORAGE_ERR_RANGE:
            return MP_EINVAL;
        case STORAGE_ERR_BUSY:
            return MP_EBUSY;
        case STORAGE_ERR_NO_CHIP:
            return MP_ENODEV;
        default:
            return MP_EIO;
    }
}

static void check(int result) {
    if (result != STORAGE_OK) {
        mp_raise_OSError(error_number(result));
    }
}

// What a file system is told: an exception would leave littlefs in the middle of what it does, its lists with it.
static mp_obj_t told(int result) {
    return MP_OBJ_NEW_SMALL_INT(-error_number(result));
}

// -- what littlefs keeps of a read that failed

// The object of extmod/vfs_lfs.c, whose type is private there.
typedef struct {
    mp_obj_base_t base;
    mp_vfs_blockdev_t blockdev;
    bool enable_mtime;
    vstr_t cur_dir;
    struct lfs2_config config;
    lfs2_t lfs;
} vfs_lfs2_t;

// littlefs notes in its cache which block it is about to read, and takes it as read when that failed. The next use would
// find another block's bytes there, such as an older state of a folder: the note is taken back.
static void forget_failed_read(const void *into) {
    for (mp_vfs_mount_t *mount = MP_STATE_VM(vfs_mount_table); mount != NULL; mount = mount->next) {
        vfs_lfs2_t *files = MP_OBJ_TO_PTR(mount->obj);
        if (mp_obj_is_type(mount->obj, &mp_type_vfs_lfs2) && files->config.context == &files->blockdev
            && files->lfs.cfg == &files->config && files->lfs.rcache.buffer == into) {
            files->lfs.rcache.block = NO_BLOCK;
        }
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

// readblocks(block, buffer[, offset]) -> 0 or a negative errno: straight into the buffer.
static mp_obj_t readblocks(size_t n_args, const mp_obj_t *args) {
    const flash_bdev_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_WRITE);
    mp_int_t offset = n_args == 4 ? mp_obj_get_int(args[3]) : 0;
    int result = storage_read(address(self, args[1], offset, buffer.len), buffer.buf, buffer.len);
    if (result != STORAGE_OK) {
        forget_failed_read(buffer.buf);
    }
    return told(result);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(readblocks_obj, 3, 4, readblocks);

// writeblocks(block, buffer) erases first; writeblocks(block, buffer, offset) only programs. 0 or a negative errno.
static mp_obj_t writeblocks(size_t n_args, const mp_obj_t *args) {
    const flash_bdev_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_READ);
    mp_int_t offset = n_args == 4 ? mp_obj_get_int(args[3]) : 0;
    uint32_t at = address(self, args[1], offset, buffer.len);
    int result = n_args == 3 ? storage_erase(at, buffer.len) : STORAGE_OK;
    return told(result == STORAGE_OK ? storage_program(at, buffer.buf, buffer.len) : result);
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
            return told(storage_erase(address(self, argument_in, 0, BLOCK_BYTES), BLOCK_BYTES));
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
