// SPDX-License-Identifier: MIT
// Where libjpeg-turbo's memory manager gets its memory: from the picture_io_t that client_data points to.
#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"
#include "jmemsys.h"

#include "../picture.h"

static void *take(j_common_ptr jpeg, size_t bytes) {
    const picture_io_t *io = jpeg->client_data;
    return io->take(io->context, bytes);
}

static void give_back(j_common_ptr jpeg, void *block) {
    const picture_io_t *io = jpeg->client_data;
    io->give_back(io->context, block);
}

void *jpeg_get_small(j_common_ptr jpeg, size_t bytes) {
    return take(jpeg, bytes);
}

void jpeg_free_small(j_common_ptr jpeg, void *block, size_t bytes) {
    (void)bytes;
    give_back(jpeg, block);
}

void *jpeg_get_large(j_common_ptr jpeg, size_t bytes) {
    return take(jpeg, bytes);
}

void jpeg_free_large(j_common_ptr jpeg, void *block, size_t bytes) {
    (void)bytes;
    give_back(jpeg, block);
}

// Everything at once: there is no disk to fall back to, so too little memory must show where it is taken.
size_t jpeg_mem_available(j_common_ptr jpeg, size_t least, size_t most, size_t taken) {
    (void)jpeg;
    (void)least;
    (void)taken;
    return most;
}

void jpeg_open_backing_store(j_common_ptr jpeg, backing_store_ptr store, long bytes) {
    (void)store;
    (void)bytes;
    ERREXIT(jpeg, JERR_NO_BACKING_STORE);
}

long jpeg_mem_init(j_common_ptr jpeg) {
    (void)jpeg;
    return 0;
}

void jpeg_mem_term(j_common_ptr jpeg) {
    (void)jpeg;
}
