// SPDX-License-Identifier: MIT
// Channels of the DMAC, and the interrupt that notes their end.
#include <stdbool.h>

#include "clint.h"
#include "csr.h"
#include "dmac.h"
#include "iomem.h"
#include "regs/dmac.h"

#define DONE_LIMIT_US (1000000)
#define POLLS (100000)
#define EVENTS (DMAC_INT_DONE | DMAC_INT_ERRORS)

static struct {
    dmac_channel_t *regs;
    dmac_end_t end;
    volatile uint32_t noted; // what the interrupt found, until someone asks
} states[DMAC_CHANNEL_MAX];

static int channel_interrupt(void *ctx) {
    typeof(states[0]) * channel = ctx;
    uint64_t status = channel->regs->intstatus;
    channel->regs->intclear = status;
    channel->noted |= status;
    if (channel->end != NULL) {
        channel->end(!(status & DMAC_INT_ERRORS));
    }
    return 0;
}

void dmac_on_end(dmac_channel_number_t channel, dmac_end_t end) {
    if ((unsigned)channel < DMAC_CHANNEL_MAX) {
        states[channel].end = end;
    }
}

void dmac_init(void) {
    sysctl_clock_enable(SYSCTL_CLOCK_DMA);
    DMAC->reset = DMAC_RESET; // an earlier program's transfers must not go on in our memory
    for (int i = 0; i < POLLS && (DMAC->reset & DMAC_RESET); i++) {
    }
    DMAC->com_intclear = DMAC_INT_ALL;
    DMAC->chen = 0x3full << 8;
    DMAC->cfg = DMAC_CFG_ENABLE | DMAC_CFG_INT_ENABLE;
    for (unsigned channel = 0; channel < DMAC_CHANNEL_MAX; channel++) {
        dmac_channel_t *regs = &DMAC->channel[channel];
        states[channel].regs = regs;
        regs->intclear = DMAC_INT_ALL;
        regs->intstatus_en = EVENTS;
        regs->intsignal_en = EVENTS;
        plic_irq_t irq = (plic_irq_t)(IRQN_DMA0_INTERRUPT + channel);
        plic_set_priority(irq, 1);
        plic_irq_register(irq, channel_interrupt, &states[channel]);
        plic_irq_enable(irq);
    }
}

// The memory's side needs no handshake; a device's request comes on the channel's own line.
int dmac_prepare(dmac_transfer_t *transfer, dmac_channel_number_t channel, const void *src, const void *dest,
    dmac_address_increment_t src_inc, dmac_address_increment_t dest_inc, dmac_burst_trans_length_t burst,
    dmac_transfer_width_t width) {
    bool from_memory = iomem_is_uncached(src), to_memory = iomem_is_uncached(dest);
    if ((unsigned)channel >= DMAC_CHANNEL_MAX || (unsigned)width > DMAC_TRANS_WIDTH_64
        || (uintptr_t)src >= IOMEM_CACHED || (uintptr_t)dest >= IOMEM_CACHED || (!from_memory && !to_memory)) {
        return DMAC_ERR_ARG;
    }
    transfer->channel = channel;
    transfer->regs = &DMAC->channel[channel];
    transfer->noted = &states[channel].noted;
    transfer->odd = (1u << width) - 1;
    transfer->cfg = (from_memory ? DMAC_CH_CFG_SRC_SOFTWARE : DMAC_CH_CFG_DEVICE_TO_MEM)
        | (to_memory ? DMAC_CH_CFG_DST_SOFTWARE : DMAC_CH_CFG_MEM_TO_DEVICE)
        | (uint64_t)channel << DMAC_CH_CFG_SRC_LINE_SHIFT | (uint64_t)channel << DMAC_CH_CFG_DST_LINE_SHIFT;
    transfer->ctl = DMAC_CTL_DST_MASTER2
        | (uint64_t)src_inc << DMAC_CTL_SRC_FIXED_SHIFT | (uint64_t)dest_inc << DMAC_CTL_DST_FIXED_SHIFT
        | (uint64_t)width << DMAC_CTL_SRC_WIDTH_SHIFT | (uint64_t)width << DMAC_CTL_DST_WIDTH_SHIFT
        | (uint64_t)burst << DMAC_CTL_SRC_MSIZE_SHIFT | (uint64_t)burst << DMAC_CTL_DST_MSIZE_SHIFT;
    return DMAC_OK;
}

// Out of the way of nearly all starts, which find the channel idle.
static __attribute__((noinline)) int start_again(const dmac_transfer_t *transfer, const void *src, void *dest,
    size_t block_size) {
    dmac_abort(transfer->channel);
    return dmac_start(transfer, src, dest, block_size);
}

int dmac_start(const dmac_transfer_t *transfer, const void *src, void *dest, size_t block_size) {
    uintptr_t from = (uintptr_t)src, to = (uintptr_t)dest;
    if (block_size - 1 >= DMAC_BLOCK_ITEMS_MAX || ((from | to) & transfer->odd) != 0) {
        return DMAC_ERR_ARG;
    }
    dmac_channel_number_t channel = transfer->channel;
    dmac_channel_t *regs = transfer->regs;
    if (DMAC->chen & DMAC_CHEN_ENABLED(channel)) {
        return start_again(transfer, src, dest, block_size);
    }
    regs->intclear = DMAC_INT_ALL;
    *transfer->noted = 0;
    regs->cfg = transfer->cfg;
    regs->sar = from;
    regs->dar = to;
    regs->ctl = transfer->ctl;
    regs->block_ts = block_size - 1;
    csr_fence();
    DMAC->chen = DMAC_CHEN_ENABLE(channel);
    return DMAC_OK;
}

int dmac_set_single_mode(dmac_channel_number_t channel, const void *src, void *dest,
    dmac_address_increment_t src_inc, dmac_address_increment_t dest_inc, dmac_burst_trans_length_t burst,
    dmac_transfer_width_t width, size_t block_size) {
    dmac_transfer_t transfer;
    int result = dmac_prepare(&transfer, channel, src, dest, src_inc, dest_inc, burst, width);
    return result == DMAC_OK ? dmac_start(&transfer, src, dest, block_size) : result;
}

int dmac_poll(dmac_channel_number_t channel) {
    // The register first: what the interrupt takes out of it is noted before the next line reads.
    uint32_t events = DMAC->channel[channel].intstatus;
    events |= states[channel].noted;
    if (events & DMAC_INT_ERRORS) {
        dmac_abort(channel);
        return DMAC_ERR_BUS;
    }
    if (!(events & DMAC_INT_DONE)) {
        return DMAC_BUSY;
    }
    csr_fence();
    return DMAC_OK;
}

int dmac_wait_done(dmac_channel_number_t channel) {
    uint64_t end = clint_time_after_us(DONE_LIMIT_US);
    for (;;) {
        uintptr_t status = csr_interrupts_off();
        int result = dmac_poll(channel);
        bool late = clint_get_time() >= end;
        if (result == DMAC_BUSY && !late) {
            clint_sleep_until(end);
        }
        csr_interrupts_restore(status);
        if (result != DMAC_BUSY) {
            return result;
        }
        if (late) {
            dmac_abort(channel);
            return DMAC_ERR_TIMEOUT;
        }
    }
}

void dmac_abort(dmac_channel_number_t channel) {
    if (!(DMAC->chen & DMAC_CHEN_ENABLED(channel))) {
        return;
    }
    DMAC->chen = DMAC_CHEN_DISABLE(channel);
    for (int i = 0; i < POLLS && (DMAC->chen & DMAC_CHEN_ENABLED(channel)); i++) {
    }
    if (DMAC->chen & DMAC_CHEN_ENABLED(channel)) {
        DMAC->chen = DMAC_CHEN_ABORT(channel);
    }
}
