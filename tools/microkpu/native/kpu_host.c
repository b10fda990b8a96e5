// SPDX-License-Identifier: MIT
// Keeps the contract of sdk/kpu.h on a PC: AI RAM is an array, a run is done when kpu_start returns.
#include "kpu_host.h"

#include <stdlib.h>
#include <string.h>

#include "kpu.h"
#include "kpu_layer.h"

#define FIRST_BUS_ADDRESS (0x40000000u)
#define BUS_ALIGN (256)
#define INT_EN ((uint64_t)1)
#define SEND_DATA_OUT ((uint64_t)1)

// Bus addresses have 32 bits, pointers have 64: each registered region has an address range, in ascending order.
typedef struct region {
    struct region *next;
    const uint8_t *memory;
    size_t bytes;
    uint64_t bus;
} region_t;

static region_t *regions;
static uint8_t ai_ram[KPU_LAYER_AI_RAM_BYTES];
static int last_result = KPU_OK;

bool kpu_host_map(const void *memory, size_t bytes) {
    uint64_t bus = FIRST_BUS_ADDRESS;
    region_t **link = &regions;
    while (*link && (*link)->bus - bus < bytes + BUS_ALIGN) {
        bus = ((*link)->bus + (*link)->bytes + BUS_ALIGN) / BUS_ALIGN * BUS_ALIGN;
        link = &(*link)->next;
    }
    region_t *region = bus + bytes <= UINT32_MAX ? malloc(sizeof(region_t)) : NULL;
    if (!region) {
        return false;
    }
    *region = (region_t) {*link, memory, bytes, bus};
    *link = region;
    return true;
}

void kpu_host_unmap(const void *memory) {
    for (region_t **link = &regions; *link; link = &(*link)->next) {
        if ((*link)->memory == memory) {
            region_t *region = *link;
            *link = region->next;
            free(region);
            return;
        }
    }
}

uint32_t kpu_bus_address(const void *p) {
    for (const region_t *r = regions; r; r = r->next) {
        if ((uintptr_t)p >= (uintptr_t)r->memory && (uintptr_t)p - (uintptr_t)r->memory < r->bytes) {
            return (uint32_t)(r->bus + ((uintptr_t)p - (uintptr_t)r->memory));
        }
    }
    return 0;
}

// The bytes at a bus address, NULL where not all of them are registered.
static const uint8_t *on_bus(uint32_t address, size_t bytes) {
    for (const region_t *r = regions; r; r = r->next) {
        if (address >= r->bus && address - r->bus + bytes <= r->bytes) {
            return r->memory + (address - r->bus);
        }
    }
    return NULL;
}

int kpu_init(void) {
    last_result = KPU_OK;
    return KPU_OK;
}

void kpu_prepare(kpu_layer_t *layers, size_t count, bool streams) {
    for (size_t i = 0; i < count; i++) {
        bool sends = streams && i == count - 1;
        layers[i].word[0] |= INT_EN;
        layers[i].word[11] = sends ? layers[i].word[11] | SEND_DATA_OUT : layers[i].word[11] & ~SEND_DATA_OUT;
    }
}

void kpu_on_end(void (*tell)(void)) {
    (void)tell;
}

static int run_layer(const kpu_layer_t *layer, bool eight_bit_weights, uint8_t *dst, size_t bytes) {
    const uint64_t *word = layer->word;
    bool sends = word[11] & SEND_DATA_OUT;
    kpu_layer_sizes_t sizes;
    if (kpu_layer_check(word, eight_bit_weights, &sizes) || sends != (dst != NULL) || (dst && bytes != sizes.output)) {
        return KPU_ERR_ARG;
    }
    const uint8_t *batch_norm = on_bus((uint32_t)(word[4] >> 32), sizes.batch_norm);
    const uint8_t *weights = on_bus((uint32_t)(word[5] >> 32), sizes.weights);
    const uint8_t *activation = on_bus((uint32_t)(word[7] >> 32), sizes.activation);
    if (!batch_norm || !weights || !activation) {
        return KPU_ERR_ARG;
    }
    int result = kpu_layer_run(word, eight_bit_weights, ai_ram, weights, batch_norm, activation, dst);
    return result == 0 ? KPU_OK : KPU_ERR_DMA;
}

int kpu_start(const kpu_layer_t *layers, size_t count, bool eight_bit_weights, void *dst, size_t bytes) {
    if (count == 0) {
        return KPU_ERR_ARG;
    }
    last_result = KPU_OK;
    for (size_t i = 0; i < count && last_result == KPU_OK; i++) {
        bool last = i == count - 1;
        last_result = run_layer(&layers[i], eight_bit_weights, last ? dst : NULL, bytes);
    }
    return last_result;
}

int kpu_poll(void) {
    return last_result;
}

void kpu_abort(void) {
}

static bool map_fits(uint32_t row, uint32_t w, uint32_t h, uint32_t channels) {
    return w && h && channels && w <= 1024 && h <= 512 && channels <= 1024
           && (size_t)row * KPU_ROW_BYTES + kpu_layer_map_bytes(w, h, channels) <= sizeof(ai_ram);
}

int kpu_write_map(uint32_t row, const uint8_t *src, uint32_t w, uint32_t h, uint32_t channels) {
    if (!map_fits(row, w, h, channels)) {
        return KPU_ERR_ARG;
    }
    for (uint32_t c = 0; c < channels; c++) {
        for (uint32_t y = 0; y < h; y++, src += w) {
            memcpy(ai_ram + (size_t)row * KPU_ROW_BYTES + kpu_layer_map_offset(w, h, c, y, 0), src, w);
        }
    }
    return KPU_OK;
}

int kpu_feed_map(uint32_t row, const uint8_t *src, uint32_t w, uint32_t h, uint32_t channels) {
    return kpu_write_map(row, src, w, h, channels);
}

bool kpu_feeding(void) {
    return false;
}

int kpu_read_map(uint8_t *dst, uint32_t row, uint32_t w, uint32_t h, uint32_t channels) {
    if (!map_fits(row, w, h, channels)) {
        return KPU_ERR_ARG;
    }
    for (uint32_t c = 0; c < channels; c++) {
        for (uint32_t y = 0; y < h; y++, dst += w) {
            memcpy(dst, ai_ram + (size_t)row * KPU_ROW_BYTES + kpu_layer_map_offset(w, h, c, y, 0), w);
        }
    }
    return KPU_OK;
}

volatile uint8_t *kpu_ai_ram(void) {
    return ai_ram;
}
