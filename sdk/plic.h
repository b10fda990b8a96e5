// SPDX-License-Identifier: MIT
// PLIC: external interrupts, all of them on hart 0, one at a time.
#ifndef PLIC_H
#define PLIC_H

#include <stdint.h>

typedef enum {
    IRQN_NO_INTERRUPT = 0,
    IRQN_SPI0_INTERRUPT,
    IRQN_SPI1_INTERRUPT,
    IRQN_SPI_SLAVE_INTERRUPT,
    IRQN_SPI3_INTERRUPT,
    IRQN_I2S0_INTERRUPT,
    IRQN_I2S1_INTERRUPT,
    IRQN_I2S2_INTERRUPT,
    IRQN_I2C0_INTERRUPT,
    IRQN_I2C1_INTERRUPT,
    IRQN_I2C2_INTERRUPT,
    IRQN_UART1_INTERRUPT,
    IRQN_UART2_INTERRUPT,
    IRQN_UART3_INTERRUPT,
    IRQN_TIMER0A_INTERRUPT,
    IRQN_TIMER0B_INTERRUPT,
    IRQN_TIMER1A_INTERRUPT,
    IRQN_TIMER1B_INTERRUPT,
    IRQN_TIMER2A_INTERRUPT,
    IRQN_TIMER2B_INTERRUPT,
    IRQN_RTC_INTERRUPT,
    IRQN_WDT0_INTERRUPT,
    IRQN_WDT1_INTERRUPT,
    IRQN_APB_GPIO_INTERRUPT,
    IRQN_DVP_INTERRUPT,
    IRQN_AI_INTERRUPT,
    IRQN_FFT_INTERRUPT,
    IRQN_DMA0_INTERRUPT, // to DMA5: 32
    IRQN_UARTHS_INTERRUPT = 33,
    IRQN_GPIOHS0_INTERRUPT, // to GPIOHS31: 65
    IRQN_MAX = 66
} plic_irq_t;

// A handler is named ..._interrupt, copies, clears and signals, and uses no floating point: nobody saves those
// registers, and a test reads the image's code to keep it so.
typedef int (*plic_irq_callback_t)(void *ctx);

enum {
    PLIC_OK = 0,
    PLIC_ERR_ARG = -1, // no such source or priority
};

// Nothing enabled, and what an earlier program claimed and never completed is let go.
void plic_init(void);
int plic_set_priority(plic_irq_t irq, uint32_t priority); // 0 never, 7 first
int plic_irq_enable(plic_irq_t irq);
int plic_irq_disable(plic_irq_t irq);
int plic_irq_register(plic_irq_t irq, plic_irq_callback_t callback, void *ctx);

// Takes one pending source and calls its handler; a source without one is switched off, or it would never end.
void plic_dispatch(void);

#endif // PLIC_H
