// SPDX-License-Identifier: MIT
// Feature maps in and out of AI RAM, in the layout that their width asks for.
#include "csr.h"
#include "dmac.h"
#include "iomem.h"
#include "kpu.h"
#include "kpu_run.h"

#define AI_RAM_UNCACHED (IOMEM_UNCACHED + 0x600000)
#define COPY_WORDS_MIN (64) // shorter maps are copied before a DMA transfer is set up

volatile uint8_t *kpu_ai_ram(void) {
    return (volatile uint8_t *)AI_RAM_UNCACHED;
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
    map->start = AI_RAM_UNCACHED + (uintptr_t)row * KPU_ROW_BYTES;
    map->line_bytes = rows_per_line * KPU_ROW_BYTES;
    map->channel_bytes = h * map->line_bytes;
    return KPU_OK;
}

static uintptr_t line_address(const layout_t *map, uint32_t channel, uint32_t y) {
    return map->start + (uintptr_t)(channel / map->groups) * map->channel_bytes
           + channel % map->groups * (KPU_ROW_BYTES / map->groups) + (uintptr_t)y * map->line_bytes;
}

// Lines begin on 16 bytes in AI RAM, so whole words of it can be moved, whatever the other side's alignment is.
static void write_line(uintptr_t to, const uint8_t *src, uint32_t bytes) {
    volatile uint64_t *words = (volatile uint64_t *)to;
    if ((uintptr_t)src % 8 == 0) {
        for (; bytes >= 8; bytes -= 8, src += 8) {
            *words++ = *(const uint64_t *)src;
        }
    } else {
        for (; bytes >= 8; bytes -= 8, src += 8) {
            uint64_t word = 0;
            for (int i = 7; i >= 0; i--) {
                word = word << 8 | src[i];
            }
            *words++ = word;
        }
    }
    volatile uint8_t *rest = (volatile uint8_t *)words;
    for (; bytes > 0; bytes--) {
        *rest++ = *src++;
    }
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
    if (can_copy_by_dma(src, w, bytes)) {
        return copy_by_dma(src, (void *)map.start, bytes);
    }
    for (uint32_t channel = 0; channel < channels; channel++) {
        for (uint32_t y = 0; y < h; y++, src += w) {
            write_line(line_address(&map, channel, y), src, w);
        }
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
    for (uint32_t channel = 0; channel < channels; channel++) {
        for (uint32_t y = 0; y < h; y++, dst += w) {
            iomem_copy_out(dst, (const void *)line_address(&map, channel, y), w);
        }
    }
    return KPU_OK;
}
