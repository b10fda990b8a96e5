// SPDX-License-Identifier: MIT
// DVP: takes a camera's frames into memory as RGB565 and as R, G, B planes, and talks to the sensor by SCCB.
#ifndef REGS_DVP_H
#define REGS_DVP_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    volatile uint32_t dvp_cfg;   // 0x00 RW outputs, format, size, interrupt enables
    volatile uint32_t r_addr;    // 0x04 RW plane for the KPU
    volatile uint32_t g_addr;    // 0x08 RW
    volatile uint32_t b_addr;    // 0x0C RW
    volatile uint32_t cmos_cfg;  // 0x10 RW clock, reset and power-down pins of the sensor
    volatile uint32_t sccb_cfg;  // 0x14 RW bytes and clock of a transaction; the byte that was read
    volatile uint32_t sccb_ctl;  // 0x18 RW direction, device address and bytes of a transaction
    volatile uint32_t axi;       // 0x1C RW
    volatile uint32_t sts;       // 0x20 RW each bit is written together with its write-enable bit, one up
    volatile uint32_t reverse;   // 0x24 RW
    volatile uint32_t rgb_addr;  // 0x28 RW RGB565, two pixels a word, the first one in the high half
} dvp_t;

_Static_assert(offsetof(dvp_t, sts) == 0x20, "sts");
_Static_assert(offsetof(dvp_t, rgb_addr) == 0x28, "rgb_addr");

#define DVP_CFG_START_INT (1u << 0)
#define DVP_CFG_FINISH_INT (1u << 1)
#define DVP_CFG_PLANES (1u << 2)
#define DVP_CFG_RGB565 (1u << 3)
#define DVP_CFG_AUTO (1u << 4) // takes every frame
#define DVP_CFG_BURST (1u << 8) // with DVP_AXI_BURST
#define DVP_CFG_FORMAT_MASK (3u << 9)
#define DVP_CFG_FORMAT_RGB565 (0u << 9)
#define DVP_CFG_FORMAT_YUV422 (1u << 9)
#define DVP_CFG_FORMAT_Y (3u << 9)
#define DVP_CFG_HREF_BURST_SHIFT (12) // width / 8, with DVP_CFG_BURST width / 32
#define DVP_CFG_HREF_BURST_MASK (0xFFu)
#define DVP_CFG_LINES_SHIFT (20)
#define DVP_CFG_LINES_MASK (0x3FFu)
#define DVP_CMOS_CLOCK_DIV_MASK (0xFFu) // APB1 / (2 * (n + 1))
#define DVP_CMOS_CLOCK_EN (1u << 8)
#define DVP_CMOS_RESET (1u << 16) // level of the reset pin: 0 holds the sensor in reset
#define DVP_CMOS_POWER_DOWN (1u << 24)
#define DVP_SCCB_CFG_BYTES_SHIFT (0) // bytes of a transaction with the device address, minus one
#define DVP_SCCB_CFG_BYTES_MASK (3u)
#define DVP_SCCB_CFG_LOW_SHIFT (8) // APB1 clocks
#define DVP_SCCB_CFG_HIGH_SHIFT (16)
#define DVP_SCCB_CFG_READ_SHIFT (24)
#define DVP_SCCB_CTL_WRITE (1u << 0)
#define DVP_SCCB_CTL_DEVICE_SHIFT (0) // address with room for the direction bit
#define DVP_SCCB_CTL_BYTE1_SHIFT (8)
#define DVP_SCCB_CTL_BYTE2_SHIFT (16)
#define DVP_SCCB_CTL_BYTE3_SHIFT (24)
#define DVP_AXI_BURST (3u)
// Written with its write-enable bit: start and finish clear, enable and SCCB start.
#define DVP_STS_START (1u << 0)
#define DVP_STS_FINISH (1u << 8)
#define DVP_STS_EN (1u << 16)
#define DVP_STS_SCCB (1u << 24)
#define DVP_STS_WRITE(bits) ((bits) | (bits) << 1)
#define DVP_WIDTH_MAX (640)
#define DVP_HEIGHT_MAX (480)

#define DVP ((dvp_t *)0x50430000)

#endif // REGS_DVP_H
