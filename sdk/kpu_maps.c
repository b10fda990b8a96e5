// SPDX-License-Identifier: MIT
// Feature maps in and out of AI RAM, in the layout that their width asks for.
#include "csr.h"
#include "dmac.h"
#include "iomem.h"
#include "kpu.h"
#include "kpu_run.h"

#define COPY_WORDS_MIN (64) // shorter maps are copied before a DMA transfer is set up

volatile uint8_t *kpu_ai_ram(void) {
    return (volatile uint8_t *)KPU_AI_RAM;
}

uint32_t kpu_uses;

uint32_t kpu_ai_ram_uses(void) {
    return kpu_uses;
}

// Where a map of this width lies from a row on.
typedef struct {
    uintptr_t start;
    uint32_t groups;        // channels that share a row of AI RAM
    uint32_t line_bytes;    // from one line of a channel to the next
    uint32_t channel_bytes; // from one group of channels to the next
} layout_t;

static int layout(layout_t *map, uint32_t row, uint32_t w, uint32_t h, uint32_t channels) {
    if (w == 0 || h == 0 || channels == 0 || w > 1024 || h > 512 || channels > 1024 || row >= KPU_ROWS) {
        return KPU_ERR_ARG;
    }
    map->groups = w <= 16 ? 4 : w <= 32 ? 2 : 1;
    uint32_t rows_per_line = map->groups > 1 ? 1 : (w + KPU_ROW_BYTES - 1) / KPU_ROW_BYTES;
    uint32_t rows = (channels + map->groups - 1) / map->groups * h * rows_per_line;
    if (rows > KPU_ROWS - row) {
        return KPU_ERR_ARG;
    }
    map->start = KPU_AI_RAM + (uintptr_t)row * KPU_ROW_BYTES;
    map->line_bytes = rows_per_line * KPU_ROW_BYTES;
    map->channel_bytes = h * map->line_bytes;
    return KPU_OK;
}

// Lines begin on 16 bytes in AI RAM, so whole words of it can be moved.
static void *channel_start(const layout_t *map, uint32_t channel) {
    return (void *)(map->start + (uintptr_t)(channel / map->groups) * map->channel_bytes
        + channel % map->groups * (KPU_ROW_BYTES / map->groups));
}

static bool can_copy_by_dma(const void *plain, uint32_t w, size_t bytes) {
    return w % KPU_ROW_BYTES == 0 && iomem_is_uncached(plain) && (uintptr_t)plain % 8 == 0
           && bytes / 8 >= COPY_WORDS_MIN;
}

static int copy_by_dma(const void *src, void *dst, size_t bytes) {
    int result = dmac_set_single_mode(DMAC_CHANNEL_COPY, src, dst, DMAC_ADDR_INCREMENT, DMAC_ADDR_INCREMENT,
        DMAC_MSIZE_16, DMAC_TRANS_WIDTH_64, bytes / 8);
    if (result == DMAC_OK) {
        result = dmac_wait_done(DMAC_CHANNEL_COPY);
    }
    return result == DMAC_OK ? KPU_OK : KPU_ERR_DMA;
}

// Whether the KPU lets go of AI RAM now, and where the map lies in it.
static int open_map(layout_t *map, uint32_t row, uint32_t w, uint32_t h, uint32_t channels) {
    int result = kpu_check_free();
    return result == KPU_OK ? layout(map, row, w, h, channels) : result;
}

int kpu_write_map(uint32_t row, const uint8_t *src, uint32_t w, uint32_t h, uint32_t channels) {
    layout_t map;
    int result = open_map(&map, row, w, h, channels);
    if (result != KPU_OK) {
        return result;
    }
    size_t bytes = (size_t)w * h * channels;
    if (w % KPU_ROW_BYTES == 0 && (uintptr_t)src == map.start) {
        return KPU_OK; // whoever filled the planes has put them into place
    }
    kpu_uses++;
    if (can_copy_by_dma(src, w, bytes)) {
        return copy_by_dma(src, (void *)map.start, bytes);
    }
    if (w % KPU_ROW_BYTES == 0) {
        iomem_write_lines((void *)map.start, 0, src, bytes, 1); // dense there, too
        channels = 0;
    }
    for (uint32_t channel = 0; channel < channels; channel++, src += (size_t)w * h) {
        iomem_write_lines(channel_start(&map, channel), map.line_bytes, src, w, h);
    }
    csr_fence();
    return KPU_OK;
}

int kpu_read_map(uint8_t *dst, uint32_t row, uint32_t w, uint32_t h, uint32_t channels) {
    layout_t map;
    int result = open_map(&map, row, w, h, channels);
    if (result != KPU_OK) {
        return result;
    }
    size_t bytes = (size_t)w * h * channels;
    if (can_copy_by_dma(dst, w, bytes)) {
        return copy_by_dma((const void *)map.start, dst, bytes);
    }
    if (w % KPU_ROW_BYTES == 0) {
        iomem_copy_out(dst, (const void *)map.start, bytes);
        return KPU_OK;
    }
    for (uint32_t channel = 0; channel < channels; channel++, dst += (size_t)w * h) {
        iomem_read_lines(dst, channel_start(&map, channel), map.line_bytes, w, h);
    }
    return KPU_OK;
}
