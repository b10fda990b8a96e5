// SPDX-License-Identifier: MIT
// The camera port of dvp.h. At the start of a frame the interrupt begins to take it if memory is queued, at its end it
// hands it over; in between nothing is touched, for addresses that change during a frame give half frames.
#include <stddef.h>

#include "clint.h"
#include "csr.h"
#include "dvp.h"
#include "iomem.h"
#include "plic.h"
#include "regs/dvp.h"
#include "sysctl.h"

#define SCCB_LIMIT_US (10000)
#define STOP_LIMIT_US (500000)
// The slowest that the block can: at APB1's 195 MHz 382 kHz, and sensors take 400.
#define SCCB_CLOCKS (255u << DVP_SCCB_CFG_LOW_SHIFT | 255u << DVP_SCCB_CFG_HIGH_SHIFT)
#define FRAME_INTERRUPTS (DVP_CFG_START_INT | DVP_CFG_FINISH_INT)
#define ADDRESS_ALIGNMENT (8)
#define QUEUE (2)

static uint32_t sccb_bytes; // of a write with the device's address, minus one
static uint32_t config;     // dvp_cfg without outputs and interrupts
static dvp_frame_t *volatile queue[QUEUE];
static volatile bool taking; // into the first of them

// -- frames

static uint32_t bus_address(const void *p) {
    return (uint32_t)(uintptr_t)p;
}

// Points the outputs at the frame that comes next, if there is one. Never during a frame.
static void aim(void) {
    const dvp_frame_t *frame = queue[0];
    if (frame == NULL) {
        DVP->dvp_cfg = config;
        return;
    }
    DVP->rgb_addr = bus_address(frame->rgb565);
    DVP->r_addr = bus_address(frame->r);
    DVP->g_addr = bus_address(frame->g);
    DVP->b_addr = bus_address(frame->b);
    DVP->dvp_cfg = config | FRAME_INTERRUPTS | (frame->rgb565 == NULL ? 0 : DVP_CFG_RGB565)
        | (frame->r == NULL ? 0 : DVP_CFG_PLANES);
}

static int frame_interrupt(void *ctx) {
    (void)ctx;
    // Flags are cleared by plain stores: reading and writing back could clear the other one.
    uint32_t sts = DVP->sts;
    if (sts & DVP_STS_FINISH) { // first, as both may be there
        DVP->sts = DVP_STS_WRITE(DVP_STS_FINISH);
        if (taking) {
            queue[0]->state = DVP_FRAME_DONE;
            queue[0] = queue[1];
            queue[1] = NULL;
            taking = false;
            aim();
        }
    }
    if (sts & DVP_STS_START) {
        bool begin = queue[0] != NULL && !taking;
        DVP->sts = DVP_STS_WRITE(DVP_STS_START) | (begin ? DVP_STS_WRITE(DVP_STS_EN) : 0);
        taking |= begin;
    }
    return 0;
}

static bool is_writable(const void *p) {
    return iomem_is_uncached(p) && (uintptr_t)p % ADDRESS_ALIGNMENT == 0;
}

int dvp_set_image(dvp_format_t format, uint32_t width, uint32_t height) {
    static const uint32_t formats[] = {
        [DVP_FORMAT_RGB565] = DVP_CFG_FORMAT_RGB565,
        [DVP_FORMAT_YUV422] = DVP_CFG_FORMAT_YUV422,
        [DVP_FORMAT_Y] = DVP_CFG_FORMAT_Y,
    };
    if ((unsigned)format > DVP_FORMAT_Y || width == 0 || width % 8 != 0 || width > DVP_WIDTH_MAX || height == 0
        || height > DVP_HEIGHT_MAX || queue[0] != NULL) {
        return DVP_ERR_ARG;
    }
    config = formats[format] | width / 8 << DVP_CFG_HREF_BURST_SHIFT | height << DVP_CFG_LINES_SHIFT;
    DVP->axi = 0; // no bursts: a width need not be a multiple of 32
    DVP->dvp_cfg = config;
    return DVP_OK;
}

int dvp_queue(dvp_frame_t *frame) {
    bool planes = frame->r != NULL;
    if (config == 0 || (frame->rgb565 == NULL && !planes) || (frame->rgb565 != NULL && !is_writable(frame->rgb565))
        || (planes && (!is_writable(frame->r) || !is_writable(frame->g) || !is_writable(frame->b)))) {
        return DVP_ERR_ARG;
    }
    uintptr_t status = csr_interrupts_off();
    int result = queue[1] == NULL ? DVP_OK : DVP_ERR_ARG;
    if (result == DVP_OK) {
        frame->state = DVP_FRAME_QUEUED;
        queue[queue[0] != NULL] = frame;
        if (queue[1] == NULL) {
            DVP->sts = DVP_STS_WRITE(DVP_STS_START) | DVP_STS_WRITE(DVP_STS_FINISH); // of frames gone by
            csr_fence();
            aim();
        }
    }
    csr_interrupts_restore(status);
    return result;
}

// Whether the frame that is being written ended in time.
static bool settled(void) {
    uint64_t limit = clint_time_after_us(STOP_LIMIT_US);
    for (;;) {
        uintptr_t status = csr_interrupts_off();
        bool done = !taking;
        bool late = clint_get_time() >= limit;
        if (!done && !late) {
            clint_sleep_until(limit);
        }
        csr_interrupts_restore(status);
        if (done || late) {
            return done;
        }
    }
}

int dvp_stop(void) {
    uintptr_t status = csr_interrupts_off();
    queue[1] = NULL;
    if (!taking) {
        queue[0] = NULL;
    }
    csr_interrupts_restore(status);
    bool ended = settled();
    queue[0] = NULL;
    taking = false;
    if (!ended) {
        sysctl_reset(SYSCTL_RESET_DVP);
        return DVP_ERR_TIMEOUT;
    }
    if (config != 0) {
        aim();
    }
    return DVP_OK;
}

// -- the sensor's pins and clock

void dvp_init(uint8_t reg_len) {
    sysctl_clock_enable(SYSCTL_CLOCK_DVP);
    plic_irq_disable(IRQN_DVP_INTERRUPT);
    sysctl_reset(SYSCTL_RESET_DVP);
    queue[0] = queue[1] = NULL;
    taking = false;
    config = 0;
    DVP->dvp_cfg = 0;
    DVP->cmos_cfg = 0;
    DVP->sts = DVP_STS_WRITE(DVP_STS_START) | DVP_STS_WRITE(DVP_STS_FINISH);
    dvp_set_reg_len(reg_len);
    plic_set_priority(IRQN_DVP_INTERRUPT, 1);
    plic_irq_register(IRQN_DVP_INTERRUPT, frame_interrupt, NULL);
    plic_irq_enable(IRQN_DVP_INTERRUPT);
}

uint32_t dvp_set_xclk_rate(uint32_t hz) {
    uint32_t source = sysctl_clock_get_freq(SYSCTL_CLOCK_APB1) / 2;
    uint32_t divider = hz == 0 ? DVP_CMOS_CLOCK_DIV_MASK + 1 : (source + hz / 2) / hz;
    divider = divider < 1 ? 1 : divider > DVP_CMOS_CLOCK_DIV_MASK + 1 ? DVP_CMOS_CLOCK_DIV_MASK + 1 : divider;
    uint32_t others = DVP->cmos_cfg & ~DVP_CMOS_CLOCK_DIV_MASK;
    DVP->cmos_cfg = others | DVP_CMOS_CLOCK_EN | (divider - 1);
    return source / divider;
}

void dvp_set_pins(bool reset, bool power_down) {
    uint32_t others = DVP->cmos_cfg & ~(DVP_CMOS_RESET | DVP_CMOS_POWER_DOWN);
    DVP->cmos_cfg = others | (reset ? DVP_CMOS_RESET : 0) | (power_down ? DVP_CMOS_POWER_DOWN : 0);
}

// -- the control bus

void dvp_set_reg_len(uint8_t reg_len) {
    sccb_bytes = reg_len == 16 ? 3 : 2;
}

static int transact(uint32_t bytes, uint32_t control) {
    DVP->sccb_cfg = SCCB_CLOCKS | bytes << DVP_SCCB_CFG_BYTES_SHIFT;
    DVP->sccb_ctl = control;
    DVP->sts = DVP_STS_WRITE(DVP_STS_SCCB);
    uint64_t limit = clint_time_after_us(SCCB_LIMIT_US);
    while (DVP->sts & DVP_STS_SCCB) {
        if (clint_get_time() >= limit) {
            return DVP_ERR_TIMEOUT;
        }
    }
    return DVP_OK;
}

// The device's address and the register's number, for a write of so many bytes more.
static uint32_t head(uint8_t dev_addr, uint16_t reg_addr) {
    uint32_t number = sccb_bytes == 3 ? reg_addr >> 8 | (reg_addr & 0xFFu) << 8 : reg_addr & 0xFFu;
    return DVP_SCCB_CTL_WRITE | dev_addr | number << DVP_SCCB_CTL_BYTE1_SHIFT;
}

int dvp_sccb_send_data(uint8_t dev_addr, uint16_t reg_addr, uint8_t reg_data) {
    uint32_t place = sccb_bytes == 3 ? DVP_SCCB_CTL_BYTE3_SHIFT : DVP_SCCB_CTL_BYTE2_SHIFT;
    return transact(sccb_bytes, head(dev_addr, reg_addr) | (uint32_t)reg_data << place);
}

int dvp_sccb_receive_data(uint8_t dev_addr, uint16_t reg_addr) {
    int result = transact(sccb_bytes - 1, head(dev_addr, reg_addr));
    if (result == DVP_OK) {
        result = transact(sccb_bytes - 1, dev_addr);
    }
    return result == DVP_OK ? (int)(DVP->sccb_cfg >> DVP_SCCB_CFG_READ_SHIFT) : result;
}
