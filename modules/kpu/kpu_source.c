// SPDX-License-Identifier: MIT
// Where a model's bytes come from: the flash, a file, or bytes that Python holds.
#include <stdio.h>
#include <string.h>

#include "extmod/vfs.h"
#include "py/mperrno.h"
#include "py/objtype.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "modules/kpu/kpu_net.h"
#include "storage.h"

// The boot ROM's header before the firmware: flags, length in four bytes; behind the firmware its SHA-256.
#define FIRMWARE_HEADER_BYTES (5)
#define FIRMWARE_DIGEST_BYTES (32)
#define FIRMWARE_MAX_BYTES (0x5f8000)

// -- flash

static size_t read_flash(kpu_source_t *source, void *dst, size_t bytes) {
    bytes = MIN(bytes, source->left);
    int result = storage_read(source->address, dst, bytes);
    if (result != STORAGE_OK) {
        char text[80];
        snprintf(text, sizeof(text), "[MAIXPY]kpu: ERR_READ_FILE: the flash %s at 0x%x",
            result == STORAGE_ERR_BUSY ? "has another owner" : "did not answer", (unsigned)source->address);
        kpu_raise_os_error(result == STORAGE_ERR_BUSY ? MP_EBUSY : MP_EIO, text);
    }
    source->address += bytes;
    source->left -= bytes;
    return bytes;
}

// Where the firmware in flash ends by the boot ROM's header, or 0 where none is there.
static uint32_t firmware_end(void) {
    uint8_t header[FIRMWARE_HEADER_BYTES];
    if (storage_read(0, header, sizeof(header)) != STORAGE_OK) {
        return 0;
    }
    uint32_t bytes = header[1] | header[2] << 8 | header[3] << 16 | (uint32_t)header[4] << 24;
    return bytes <= FIRMWARE_MAX_BYTES ? FIRMWARE_HEADER_BYTES + bytes + FIRMWARE_DIGEST_BYTES : 0;
}

kpu_source_t kpu_source_flash(mp_int_t address) {
    if (address <= 0) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: model_addr must > 0 , not %ld: the byte offset in flash where the model "
                "was put, such as 0x300000"), (long)address);
    }
    if (storage_bytes() == 0) {
        kpu_raise_os_error(MP_ENODEV, "[MAIXPY]kpu: no flash chip answered at boot");
    }
    if (address >= (mp_int_t)storage_bytes()) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: model_addr 0x%lx is beyond the flash, which ends at 0x%x"),
            (long)address, (unsigned)storage_bytes());
    }
    if (address < (mp_int_t)firmware_end()) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: model_addr 0x%lx is inside the firmware, which ends at 0x%x: "
                "models lie from 0x300000 on"), (long)address, (unsigned)firmware_end());
    }
    return (kpu_source_t) { .read = read_flash, .left = storage_bytes() - address, .address = address };
}

// -- a file

static size_t read_stream(kpu_source_t *source, void *dst, size_t bytes) {
    int error = 0;
    size_t got = mp_stream_read_exactly(source->stream, dst, MIN(bytes, source->left), &error);
    if (error != 0) {
        mp_raise_OSError(error);
    }
    source->left -= got;
    return got;
}

// The length of the file and the file, opened: stat and open, with the path in what they raise.
static mp_obj_t open_file(mp_obj_t path, size_t *bytes) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_obj_t *stat;
        mp_obj_get_array_fixed_n(mp_vfs_stat(path), 10, &stat);
        *bytes = mp_obj_get_int(stat[6]);
        mp_obj_t args[2] = { path, MP_OBJ_NEW_QSTR(MP_QSTR_rb) };
        mp_obj_t stream = mp_vfs_open(2, args, (mp_map_t *)&mp_const_empty_map);
        mp_get_stream_raise(stream, MP_STREAM_OP_READ);
        nlr_pop();
        return stream;
    }
    mp_obj_t error = MP_OBJ_FROM_PTR(nlr.ret_val);
    if (mp_obj_exception_match(error, MP_OBJ_FROM_PTR(&mp_type_OSError))) {
        mp_obj_t code = mp_obj_exception_get_value(error);
        if (mp_obj_is_small_int(code)) {
            mp_raise_OSError_with_filename(MP_OBJ_SMALL_INT_VALUE(code), mp_obj_str_get_str(path));
        }
    }
    nlr_jump(nlr.ret_val);
}

// A flash address in quotes is the commonest mistake, and the file system's answer would not name it.
static void refuse_address(mp_obj_t path) {
    const char *text = mp_obj_str_get_str(path);
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("[MAIXPY]kpu: '%s' is a path: for the flash address give the number, %s without quotes"),
            text, text);
    }
}

kpu_source_t kpu_source_path(mp_obj_t path) {
    refuse_address(path);
    kpu_source_t source = { .read = read_stream };
    source.stream = open_file(path, &source.left);
    return source;
}

// -- bytes

static size_t read_data(kpu_source_t *source, void *dst, size_t bytes) {
    bytes = MIN(bytes, source->left);
    memcpy(dst, source->data, bytes);
    source->data += bytes;
    source->left -= bytes;
    return bytes;
}

kpu_source_t kpu_source_buffer(const void *bytes, size_t count) {
    return (kpu_source_t) { .read = read_data, .left = count, .data = bytes };
}

// -- either order of bytes

#define WORD_BYTES (sizeof(uint32_t))

// The buffer has room for whole words. Returns the bytes there then are.
static size_t reverse_words(void *bytes, size_t count) {
    size_t words = (count + WORD_BYTES - 1) / WORD_BYTES;
    memset((uint8_t *)bytes + count, 0, words * WORD_BYTES - count);
    uint32_t *word = bytes;
    for (size_t i = 0; i < words; i++) {
        word[i] = __builtin_bswap32(word[i]);
    }
    return words * WORD_BYTES;
}

size_t kpu_source_reverse(kpu_source_t *source, void *head, size_t bytes) {
    source->reversed = true;
    return reverse_words(head, bytes);
}

size_t kpu_source_read(kpu_source_t *source, void *dst, size_t bytes) {
    size_t got = source->read(source, dst, bytes);
    source->at += got;
    return source->reversed ? reverse_words(dst, got) : got;
}

bool kpu_source_can_seek(const kpu_source_t *source) {
    if (source->stream == MP_OBJ_NULL) {
        return true;
    }
    // What a file of a Python class says to a seek is not known: many answer 0 to whatever they are asked.
    int error;
    return !mp_obj_is_instance_type(mp_obj_get_type(source->stream)) && mp_get_stream(source->stream)->ioctl != NULL
           && mp_stream_seek(source->stream, source->at, MP_SEEK_SET, &error) != (mp_off_t)-1;
}

void kpu_source_seek(kpu_source_t *source, size_t at) {
    ptrdiff_t further = at - source->at;
    int error;
    if (source->stream != MP_OBJ_NULL && mp_stream_seek(source->stream, at, MP_SEEK_SET, &error) == (mp_off_t)-1) {
        mp_raise_OSError(error);
    }
    source->address += further;
    source->data += source->data != NULL ? further : 0;
    source->left -= further;
    source->at = at;
}

size_t kpu_source_left(const kpu_source_t *source) {
    return source->reversed ? (source->left + WORD_BYTES - 1) / WORD_BYTES * WORD_BYTES : source->left;
}

void kpu_source_close(kpu_source_t *source) {
    if (source->stream != MP_OBJ_NULL) {
        mp_obj_t stream = source->stream;
        source->stream = MP_OBJ_NULL;
        mp_stream_close(stream);
    }
}
