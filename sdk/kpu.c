// SPDX-License-Identifier: MIT
// The KPU by its registers: layers pushed ahead of it, the last result out by DMA, maps in and out of AI RAM.
#include "clint.h"
#include "csr.h"
#include "dmac.h"
#include "iomem.h"
#include "kpu.h"
#include "plic.h"
#include "regs/kpu.h"
#include "sysctl.h"

// How many layers are pushed ahead of the one that computes: with 1 there is an interrupt per layer.
#ifndef KPU_AHEAD
#define KPU_AHEAD KPU_FIFO_LAYERS
#endif
// So many layers are left when the interrupt to refill comes; the rest of the FIFO is free then.
#define LEFT_AT_REFILL (KPU_AHEAD > 2 ? 1 : 0)
#define ROOM_AT_REFILL (KPU_AHEAD - LEFT_AT_REFILL)
// In layers, as the vendor's driver has them. The interrupts of both stay masked: one that rises at a count of layers,
// between two pushes, does not say which layer is done.
#define ALMOST_FULL (10)
#define ALMOST_EMPTY (1)

#define RUN_LIMIT_US (2000000)
#define LAYER_LIMIT_US (50000) // twenty times the slowest layer of known models
#define AI_RAM_UNCACHED (IOMEM_UNCACHED + 0x600000)
#define COPY_WORDS_MIN (64) // shorter maps are copied before a DMA transfer is set up

#define WORD0_INT_EN (1ull << 0)
#define WORD11_SEND_DATA_OUT (1ull << 0)

static struct {
    const kpu_layer_t *next; // to be pushed
    size_t left;             // of them
    bool streams;            // the last one ends with a DMA transfer
    volatile bool computed;  // the last one has raised its interrupt; never, where it streams
    bool running;
    int result;
    uint64_t deadline;
} run;

static bool ready;

// -- the layer FIFO

// Pushes `count` layers, of which one says when it is done, so that an interrupt stands for a known layer whenever it
// comes: the one after which LEFT_AT_REFILL are left while there is more to push, else the last one, unless its end is
// that of a DMA transfer. The next such layer is pushed after that interrupt only.
static void push(size_t count) {
    bool ends = count == run.left;
    size_t left_at_done = ends ? 1 : 1 + LEFT_AT_REFILL;
    for (; count > 0; count--, run.next++, run.left--) {
        uint64_t int_en = count == left_at_done && !(ends && run.streams) ? WORD0_INT_EN : 0;
        uint64_t send = count == 1 && ends && run.streams ? WORD11_SEND_DATA_OUT : 0;
        const uint64_t *word = run.next->word;
        KPU->layer_argument_fifo = (word[0] & ~WORD0_INT_EN) | int_en;
        for (size_t i = 1; i < KPU_LAYER_WORDS - 1; i++) {
            KPU->layer_argument_fifo = word[i];
        }
        KPU->layer_argument_fifo = (word[11] & ~WORD11_SEND_DATA_OUT) | send;
    }
}

static int layers_interrupt(void *ctx) {
    (void)ctx;
    uint32_t status = KPU->interrupt_status;
    KPU->interrupt_clear = status; // before more is pushed, or the next one may be lost
    if (!(status & KPU_INT_CALC_DONE)) {
        return 0;
    }
    if (run.left > 0) {
        push(run.left < ROOM_AT_REFILL ? run.left : ROOM_AT_REFILL);
    } else {
        run.computed = true;
    }
    return 0;
}

// -- start and end

static void quiet(void) {
    KPU->interrupt_mask = KPU_INT_ALL;
    KPU->interrupt_clear = KPU_INT_ALL;
}

static void reset(void) {
    sysctl_reset(SYSCTL_RESET_AI);
    quiet();
    KPU->fifo_threshold = ALMOST_FULL << KPU_FIFO_THRESHOLD_FULL_SHIFT
        | ALMOST_EMPTY << KPU_FIFO_THRESHOLD_EMPTY_SHIFT;
}

int kpu_init(void) {
    if (ready) {
        return KPU_OK;
    }
    // AI RAM has this clock too, and is known to be unsteady at another rate than the CPU's.
    uint32_t cpu = sysctl_clock_get_freq(SYSCTL_CLOCK_CPU);
    if (sysctl_pll_get_freq(SYSCTL_PLL1) != cpu && sysctl_pll_set_freq(SYSCTL_PLL1, cpu) == 0) {
        return KPU_ERR_TIMEOUT;
    }
    sysctl_clock_set_threshold(SYSCTL_THRESHOLD_AI, 0);
    sysctl_clock_enable(SYSCTL_CLOCK_AI);
    reset();
    plic_set_priority(IRQN_AI_INTERRUPT, 2);
    plic_irq_register(IRQN_AI_INTERRUPT, layers_interrupt, NULL);
    plic_irq_enable(IRQN_AI_INTERRUPT);
    ready = true;
    return KPU_OK;
}

uint32_t kpu_bus_address(const void *p) {
    return (uintptr_t)iomem_uncached(p);
}

int kpu_start(const kpu_layer_t *layers, size_t count, bool eight_bit_weights, void *dst, size_t bytes) {
    if (run.running) {
        return KPU_BUSY;
    }
    if (!ready || layers == NULL || count == 0
        || (dst != NULL && (!iomem_is_uncached(dst) || (uintptr_t)dst % IOMEM_LINE_BYTES != 0 || bytes == 0))) {
        return KPU_ERR_ARG;
    }
    run.next = layers;
    run.left = count;
    run.streams = dst != NULL;
    run.computed = false;
    run.deadline = clint_time_after_us(RUN_LIMIT_US + (uint64_t)count * LAYER_LIMIT_US);
    quiet();
    if (run.streams) {
        sysctl_dma_select(SYSCTL_DMA_CHANNEL_5, SYSCTL_DMA_SELECT_AI_RX_REQ);
        // From here to the end of the run dst belongs to the DMA controller.
        if (dmac_set_single_mode(DMAC_CHANNEL_KPU, (const void *)&KPU->fifo_data_out, dst, DMAC_ADDR_NOCHANGE,
            DMAC_ADDR_INCREMENT, DMAC_MSIZE_8, DMAC_TRANS_WIDTH_64, (bytes + 7) / 8) != DMAC_OK) {
            return KPU_ERR_ARG;
        }
    }
    run.running = true;
    KPU->eight_bit_mode = eight_bit_weights;
    csr_fence();
    KPU->interrupt_mask = KPU_INT_ALL & ~KPU_INT_CALC_DONE;
    uintptr_t status = csr_interrupts_off();
    push(count < KPU_AHEAD ? count : KPU_AHEAD);
    csr_interrupts_restore(status);
    return KPU_OK;
}

static int finish(int result) {
    quiet();
    run.running = false;
    run.result = result;
    csr_fence();
    return result;
}

int kpu_poll(void) {
    if (!run.running) {
        return run.result;
    }
    if (run.streams) {
        int streamed = dmac_poll(DMAC_CHANNEL_KPU);
        if (streamed == DMAC_OK) {
            return finish(KPU_OK);
        }
        if (streamed != DMAC_BUSY) {
            kpu_abort();
            return run.result = KPU_ERR_DMA;
        }
    } else if (run.computed) {
        return finish(KPU_OK);
    }
    if (clint_get_time() >= run.deadline) {
        kpu_abort();
        return run.result = KPU_ERR_TIMEOUT;
    }
    return KPU_BUSY;
}

void kpu_abort(void) {
    if (!run.running) {
        return;
    }
    uintptr_t status = csr_interrupts_off();
    run.left = 0;
    if (run.streams) {
        dmac_abort(DMAC_CHANNEL_KPU);
    }
    reset();
    csr_interrupts_restore(status);
    finish(KPU_ERR_TIMEOUT);
}

// -- maps

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

int kpu_write_map(uint32_t row, const uint8_t *src, uint32_t w, uint32_t h, uint32_t channels) {
    layout_t map;
    if (run.running) {
        return KPU_BUSY;
    }
    if (!ready || layout(&map, row, w, h, channels) != KPU_OK) {
        return KPU_ERR_ARG;
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
    if (run.running) {
        return KPU_BUSY;
    }
    if (!ready || layout(&map, row, w, h, channels) != KPU_OK) {
        return KPU_ERR_ARG;
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
