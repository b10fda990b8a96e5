// SPDX-License-Identifier: MIT
// The KPU by its registers: layers pushed ahead of it, the last result out by DMA.
#include "clint.h"
#include "csr.h"
#include "dmac.h"
#include "iomem.h"
#include "kpu.h"
#include "kpu_run.h"
#include "plic.h"
#include "regs/clint.h"
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

#define RUN_LIMIT_MS (2000)
#define FEED_MIN_BYTES (512) // shorter maps are copied before a DMA transfer is set up
#define LAYER_LIMIT_MS (50) // twenty times the slowest layer of known models

#define WORD0_INT_EN (1ull << 0)
#define WORD11_SEND_DATA_OUT (1ull << 0)

static struct {
    const kpu_layer_t *next, *end; // to be pushed
    uint64_t deadline;
    volatile bool ended;   // by the last layer's interrupt, or that of its transfer; a transfer may have failed
    volatile bool feeding; // the input is on its way: the layers are pushed when it is there
    volatile bool fault;   // a transfer failed
    bool streams;          // the last layer ends with a DMA transfer
    bool running;
    int result;
    void (*tell)(void);
} run;

static bool ready;
static dmac_transfer_t out;  // from the KPU's FIFO
static dmac_transfer_t feed; // into AI RAM
static uint64_t ticks_per_ms; // of mtime

// -- the layer FIFO

// One of the layers that are pushed together says when it is done, so that an interrupt stands for a known layer whenever
// it comes: the one after which LEFT_AT_REFILL are left while there is more to push, else the last one, unless its end is
// that of a DMA transfer. The next such layer is pushed after that interrupt only.
void kpu_prepare(kpu_layer_t *layers, size_t count, bool streams) {
    size_t room = KPU_AHEAD;
    for (size_t left = count; left > 0; room = ROOM_AT_REFILL) {
        size_t pushed = left < room ? left : room;
        size_t silent = left <= room ? pushed - 1 : pushed - 1 - LEFT_AT_REFILL;
        for (size_t i = 0; i < pushed; i++, layers++, left--) {
            bool last = left == 1;
            bool says = i == silent && !(last && streams);
            layers->word[0] = (layers->word[0] & ~WORD0_INT_EN) | (says ? WORD0_INT_EN : 0);
            layers->word[11] = (layers->word[11] & ~WORD11_SEND_DATA_OUT)
                | (last && streams ? WORD11_SEND_DATA_OUT : 0);
        }
    }
}

// The words as they are, in the order of the FIFO: two instructions each. At least one layer is left.
static inline void push(size_t room) {
    const uint64_t *word = run.next->word;
    const kpu_layer_t *stop = run.next + room;
    stop = stop < run.end ? stop : run.end;
    run.next = stop;
    #pragma GCC unroll 2
    for (; word != stop->word; word += KPU_LAYER_WORDS) {
        #pragma GCC unroll 12
        for (size_t i = 0; i < KPU_LAYER_WORDS; i++) {
            KPU->layer_argument_fifo = word[i];
        }
    }
}

static void end_run(bool good) {
    run.fault = !good;
    run.ended = true;
    if (run.tell != NULL) {
        run.tell();
    }
}

static int layers_interrupt(void *ctx) {
    (void)ctx;
    uint32_t status = KPU->interrupt_status;
    KPU->interrupt_clear = status; // before more is pushed, or the next one may be lost
    if (status & KPU_INT_CALC_DONE) {
        if (run.next != run.end) {
            push(ROOM_AT_REFILL);
        } else {
            end_run(true);
        }
    }
    return 0;
}

// The input's transfer has ended; a run that waits for it begins.
static void fed(bool good) {
    if (!run.feeding) {
        return; // another copy's
    }
    run.feeding = false;
    run.fault = !good;
    if (run.running && good) {
        push(KPU_AHEAD);
    } else if (run.running) {
        end_run(false);
    }
}

bool kpu_feeding(void) {
    return run.feeding;
}

void kpu_on_end(void (*tell)(void)) {
    run.tell = tell;
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
    ticks_per_ms = clint_get_rate() / 1000;
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
    sysctl_dma_select(SYSCTL_DMA_CHANNEL_5, SYSCTL_DMA_SELECT_AI_RX_REQ);
    dmac_prepare(&out, DMAC_CHANNEL_KPU, (const void *)&KPU->fifo_data_out, (const void *)IOMEM_UNCACHED,
        DMAC_ADDR_NOCHANGE, DMAC_ADDR_INCREMENT, DMAC_MSIZE_8, DMAC_TRANS_WIDTH_64);
    dmac_prepare(&feed, DMAC_CHANNEL_COPY, (const void *)IOMEM_UNCACHED, (const void *)IOMEM_UNCACHED,
        DMAC_ADDR_INCREMENT, DMAC_ADDR_INCREMENT, DMAC_MSIZE_16, DMAC_TRANS_WIDTH_64);
    dmac_on_end(DMAC_CHANNEL_KPU, end_run);
    dmac_on_end(DMAC_CHANNEL_COPY, fed);
    plic_set_priority(IRQN_AI_INTERRUPT, 2);
    plic_irq_register(IRQN_AI_INTERRUPT, layers_interrupt, NULL);
    plic_irq_enable(IRQN_AI_INTERRUPT);
    ready = true;
    return KPU_OK;
}

int kpu_check_free(void) {
    return run.running || run.feeding ? KPU_BUSY : ready ? KPU_OK : KPU_ERR_ARG;
}

uint32_t kpu_bus_address(const void *p) {
    return (uintptr_t)iomem_uncached(p);
}

int kpu_feed_map(uint32_t row, const uint8_t *src, uint32_t w, uint32_t h, uint32_t channels) {
    int64_t bytes = (int64_t)(int32_t)w * (int32_t)h * (int32_t)channels; // below 0 where one is out of all bounds
    uintptr_t start = KPU_AI_RAM + (uintptr_t)row * KPU_ROW_BYTES;
    // Lines of whole rows lie dense, so one transfer brings the map; all else is a copy like others.
    if (w % KPU_ROW_BYTES != 0 || (uintptr_t)src % 8 != 0 || !iomem_is_uncached(src) || bytes < FEED_MIN_BYTES
        || start + bytes > KPU_AI_RAM + KPU_ROWS * KPU_ROW_BYTES || (uintptr_t)src == start || !ready
        || run.running || run.feeding) {
        return kpu_write_map(row, src, w, h, channels);
    }
    kpu_uses++;
    run.fault = false;
    run.feeding = true;
    return dmac_start(&feed, src, (void *)start, bytes / 8);
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
    run.end = layers + count;
    run.streams = dst != NULL;
    run.ended = false;
    run.deadline = CLINT->mtime + (RUN_LIMIT_MS + (uint64_t)count * LAYER_LIMIT_MS) * ticks_per_ms;
    KPU->interrupt_clear = KPU_INT_ALL;
    KPU->eight_bit_mode = eight_bit_weights;
    // From here to the end of the run dst belongs to the DMA controller.
    if (run.streams && dmac_start(&out, (const void *)&KPU->fifo_data_out, dst, (bytes + 7) / 8) != DMAC_OK) {
        return KPU_ERR_ARG;
    }
    kpu_uses++;
    csr_fence();
    KPU->interrupt_mask = KPU_INT_ALL & ~KPU_INT_CALC_DONE;
    uintptr_t status = csr_interrupts_off();
    run.running = true;
    if (run.fault) {
        run.ended = true;
    } else if (!run.feeding) {
        push(KPU_AHEAD);
    }
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
    if (run.ended) {
        if (!run.fault) {
            return finish(KPU_OK);
        }
        kpu_abort();
        return run.result = KPU_ERR_DMA;
    }
    if (clint_get_time() >= run.deadline) {
        kpu_abort();
        return run.result = KPU_ERR_TIMEOUT;
    }
    return KPU_BUSY;
}

void kpu_abort(void) {
    if (!run.running && !run.feeding) {
        return;
    }
    uintptr_t status = csr_interrupts_off();
    run.next = run.end;
    if (run.feeding) {
        run.feeding = false;
        dmac_abort(DMAC_CHANNEL_COPY);
    }
    if (run.running) {
        if (run.streams) {
            dmac_abort(DMAC_CHANNEL_KPU);
        }
        reset();
        finish(KPU_ERR_TIMEOUT);
    }
    run.fault = false;
    csr_interrupts_restore(status);
}
