// SPDX-License-Identifier: MIT
// DMAC: six channels; a channel's request line is its own number, SYSCTL puts a device on it.
#ifndef REGS_DMAC_H
#define REGS_DMAC_H

#include <stddef.h>
#include <stdint.h>

#define DMAC_CHANNELS (6)

typedef struct {
    volatile uint64_t sar;            // 0x00 RW source address
    volatile uint64_t dar;            // 0x08 RW target address
    volatile uint64_t block_ts;       // 0x10 RW items minus one, 22 bits
    volatile uint64_t ctl;            // 0x18 RW widths, bursts, whether addresses move
    volatile uint64_t cfg;            // 0x20 RW kind of transfer, handshakes; before sar, dar and block_ts
    volatile uint64_t llp;            // 0x28 RW
    volatile uint64_t status;         // 0x30 RO
    volatile uint64_t swhssrc;        // 0x38 RW
    volatile uint64_t swhsdst;        // 0x40 RW
    volatile uint64_t blk_tfr;        // 0x48 WO
    volatile uint64_t axi_id;         // 0x50 RW
    volatile uint64_t axi_qos;        // 0x58 RW
    uint64_t reserved_60[4];
    volatile uint64_t intstatus_en;   // 0x80 RW which events intstatus notes
    volatile uint64_t intstatus;      // 0x88 RO
    volatile uint64_t intsignal_en;   // 0x90 RW which of them interrupt
    volatile uint64_t intclear;       // 0x98 WO
    uint64_t reserved_a0[12];
} dmac_channel_t;

typedef struct {
    volatile uint64_t id;                // 0x00 RO
    volatile uint64_t compver;           // 0x08 RO
    volatile uint64_t cfg;               // 0x10 RW
    volatile uint64_t chen;              // 0x18 RW enables; each bit counts only with its write-enable bit
    uint64_t reserved_20[2];
    volatile uint64_t intstatus;         // 0x30 RO a bit per channel, bit 16 the common registers
    volatile uint64_t com_intclear;      // 0x38 WO
    volatile uint64_t com_intstatus_en;  // 0x40 RW
    volatile uint64_t com_intsignal_en;  // 0x48 RW
    volatile uint64_t com_intstatus;     // 0x50 RO
    volatile uint64_t reset;             // 0x58 RW bit 0 resets, and reads 1 until done
    uint64_t reserved_60[20];
    dmac_channel_t channel[6];           // 0x100
} dmac_t;

_Static_assert(offsetof(dmac_channel_t, intstatus_en) == 0x80, "intstatus_en");
_Static_assert(sizeof(dmac_channel_t) == 0x100, "channel");
_Static_assert(offsetof(dmac_t, reset) == 0x58, "reset");
_Static_assert(offsetof(dmac_t, channel) == 0x100, "channel");

#define DMAC_CFG_ENABLE (1ull << 0)
#define DMAC_CFG_INT_ENABLE (1ull << 1)
#define DMAC_CHEN_ENABLE(channel) (0x101ull << (channel))
#define DMAC_CHEN_DISABLE(channel) (0x100ull << (channel))
#define DMAC_CHEN_ABORT(channel) (0x10100000000ull << (channel))
#define DMAC_CHEN_ENABLED(channel) (1ull << (channel))
#define DMAC_RESET (1ull << 0)
#define DMAC_BLOCK_ITEMS_MAX (1u << 22)
#define DMAC_CTL_SRC_MASTER2 (1ull << 0)
#define DMAC_CTL_DST_MASTER2 (1ull << 2)
#define DMAC_CTL_SRC_FIXED_SHIFT (4)
#define DMAC_CTL_DST_FIXED_SHIFT (6)
#define DMAC_CTL_SRC_WIDTH_SHIFT (8)
#define DMAC_CTL_DST_WIDTH_SHIFT (11)
#define DMAC_CTL_SRC_MSIZE_SHIFT (14)
#define DMAC_CTL_DST_MSIZE_SHIFT (18)
#define DMAC_CH_CFG_MEM_TO_MEM (0ull << 32)
#define DMAC_CH_CFG_MEM_TO_DEVICE (1ull << 32)
#define DMAC_CH_CFG_DEVICE_TO_MEM (2ull << 32)
#define DMAC_CH_CFG_SRC_SOFTWARE (1ull << 35)
#define DMAC_CH_CFG_DST_SOFTWARE (1ull << 36)
#define DMAC_CH_CFG_SRC_LINE_SHIFT (39)
#define DMAC_CH_CFG_DST_LINE_SHIFT (44)
#define DMAC_INT_BLOCK_DONE (1u << 0)
#define DMAC_INT_DONE (1u << 1)
// Decode and slave errors of source, target and lists, and wrong use of the registers.
#define DMAC_INT_ERRORS (0x003F7FE0u)
#define DMAC_INT_ALL (0xFFFFFFFFu)

#define DMAC ((dmac_t *)0x50000000)

#endif // REGS_DMAC_H
