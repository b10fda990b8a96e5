// SPDX-License-Identifier: MIT
// The KPU by its registers: layers pushed ahead of it, the last result out by DMA.
#include "clint.h"
#include "csr.h"
#include "dmac.h"
#include "iomem.h"
#include "kpu.h"
#include "kpu_run.h"
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

int kpu_check_free(void) {
    return run.running ? KPU_BUSY : ready ? KPU_OK : KPU_ERR_ARG;
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
