// SPDX-License-Identifier: MIT
// DMAC: one block at a time on each of six channels, between memory and devices.
//
// Memory is given by uncached addresses only (0x4..., SRAM and AI RAM): the controller does not see the cache. Between
// the start of a transfer and its end the controller owns both buffers.
#ifndef DMAC_H
#define DMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plic.h"
#include "sysctl.h"

// Who has which channel.
typedef enum {
    DMAC_CHANNEL0, // flash
    DMAC_CHANNEL1, // display
    DMAC_CHANNEL2, // SD card
    DMAC_CHANNEL3,
    DMAC_CHANNEL4, // copies into AI RAM
    DMAC_CHANNEL5, // the KPU's result
    DMAC_CHANNEL_MAX
} dmac_channel_number_t;

#define DMAC_CHANNEL_FLASH DMAC_CHANNEL0
#define DMAC_CHANNEL_LCD DMAC_CHANNEL1
#define DMAC_CHANNEL_SD DMAC_CHANNEL2
#define DMAC_CHANNEL_COPY DMAC_CHANNEL4
#define DMAC_CHANNEL_KPU DMAC_CHANNEL5

typedef enum {
    DMAC_ADDR_INCREMENT,
    DMAC_ADDR_NOCHANGE
} dmac_address_increment_t;

typedef enum {
    DMAC_MSIZE_1,
    DMAC_MSIZE_4,
    DMAC_MSIZE_8,
    DMAC_MSIZE_16,
} dmac_burst_trans_length_t;

typedef enum {
    DMAC_TRANS_WIDTH_8,
    DMAC_TRANS_WIDTH_16,
    DMAC_TRANS_WIDTH_32,
    DMAC_TRANS_WIDTH_64,
} dmac_transfer_width_t;

enum {
    DMAC_OK = 0,
    DMAC_BUSY = -1,        // the transfer is going on
    DMAC_ERR_ARG = -2,     // a channel, address, alignment or count that the controller cannot have
    DMAC_ERR_TIMEOUT = -3, // not done in time; the channel has been stopped
    DMAC_ERR_BUS = -4,     // the controller reported an error; the channel has been stopped
};

// Clock, reset, interrupts. Call it after plic_init().
void dmac_init(void);

// Starts a transfer of block_size items of the given width. A side outside of memory is a device's register, whose
// request must have been put on the channel by sysctl_dma_select().
int dmac_set_single_mode(dmac_channel_number_t channel, const void *src, void *dest,
    dmac_address_increment_t src_inc, dmac_address_increment_t dest_inc, dmac_burst_trans_length_t burst,
    dmac_transfer_width_t width, size_t block_size);

// The same in two steps, for transfers that come again: what does not change is worked out once. Other addresses than
// those of dmac_prepare() must be of the same kind, memory or the same device.
typedef struct {
    void *regs;               // the channel's
    volatile uint32_t *noted; // what its interrupt found
    uint64_t cfg, ctl;
    uintptr_t odd; // bits that no address has
    dmac_channel_number_t channel;
} dmac_transfer_t;

int dmac_prepare(dmac_transfer_t *transfer, dmac_channel_number_t channel, const void *src, const void *dest,
    dmac_address_increment_t src_inc, dmac_address_increment_t dest_inc, dmac_burst_trans_length_t burst,
    dmac_transfer_width_t width);
int dmac_start(const dmac_transfer_t *transfer, const void *src, void *dest, size_t block_size);

// Called in the interrupt at the end of every transfer of the channel, with whether it was good; NULL: nobody.
typedef void (*dmac_end_t)(bool good);
void dmac_on_end(dmac_channel_number_t channel, dmac_end_t end);

// DMAC_BUSY, or how the transfer ended. Its end is an interrupt, which wakes a wfi.
int dmac_poll(dmac_channel_number_t channel);
// Sleeps until the end, a second at most.
int dmac_wait_done(dmac_channel_number_t channel);
// Stops a transfer where it is.
void dmac_abort(dmac_channel_number_t channel);

#endif // DMAC_H
