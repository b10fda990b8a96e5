// SPDX-License-Identifier: MIT
// Rate and stop bits of UARTHS; bytes are moved by whoever owns the console.
#include "uarths.h"
#include "regs/uarths.h"
#include "sysctl.h"

int uarths_config(uint32_t baud_rate, uarths_stopbit_t stopbit) {
    uint32_t hz = sysctl_clock_get_freq(SYSCTL_CLOCK_CPU);
    if (baud_rate == 0 || baud_rate > hz) {
        return UARTHS_ERR_ARG;
    }
    uint32_t divisor = (hz + baud_rate / 2) / baud_rate - 1;
    if (divisor > UARTHS_DIV_MAX) {
        return UARTHS_ERR_ARG;
    }
    UARTHS->div = divisor;
    uint32_t others = UARTHS->txctrl & ~UARTHS_TXCTRL_NSTOP;
    UARTHS->txctrl = others | (stopbit == UARTHS_STOP_2 ? UARTHS_TXCTRL_NSTOP : 0);
    return UARTHS_OK;
}
