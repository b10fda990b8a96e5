// SPDX-License-Identifier: MIT
// Turns a CPU exception into RuntimeError when the interpreter can go on, and into a report and a reset when not.
#include "py/mphal.h"
#include "py/mpstate.h"
#include "py/runtime.h"

#include "sdk/regs/uarths.h"
#include "sdk/sysctl.h"
#include "sdk/trap.h"
#include "trap_exception.h"

#define MSTATUS_MPIE (1UL << 7)
// About 50 ms: a stuck transmitter must not keep the chip from its reset.
#define PUT_LIMIT (1000000)

static const char *const causes[] = {
    "instruction address misaligned",
    "instruction access fault",
    "illegal instruction",
    "breakpoint",
    "load address misaligned",
    "load access fault",
    "store address misaligned",
    "store access fault",
};

static const char *cause_text(uintptr_t cause) {
    return cause < MP_ARRAY_SIZE(causes) ? causes[cause] : "exception";
}

// -- the way back into Python

// Runs in the interrupted code's place, with its stack, after the trap has returned.
static NORETURN void raise_in_python(uintptr_t cause, uintptr_t address, uintptr_t pc) {
    mp_raise_msg_varg(&mp_type_RuntimeError, MP_ERROR_TEXT("%s: address 0x%x, pc 0x%x"),
        cause_text(cause), (unsigned)address, (unsigned)pc);
}

// Interrupt handlers and atomic sections run with interrupts off, the collector must not be left half way, and the
// stack must still be the interpreter's.
static bool python_can_go_on(const trap_frame_t *frame) {
    uintptr_t sp = frame->x[2];
    uintptr_t top = (uintptr_t)MP_STATE_THREAD(stack_top);
    return (csr_read(mstatus) & MSTATUS_MPIE)
           && MP_STATE_THREAD(nlr_top) != NULL
           && MP_STATE_THREAD(gc_lock_depth) == 0
           && sp <= top && top - sp < MP_STATE_THREAD(stack_limit) + MICROPY_STACK_CHECK_MARGIN - 1024;
}

// -- the report, which needs nothing to work but the UART

static void put(char c) {
    for (int i = 0; i < PUT_LIMIT && (UARTHS->txdata & UARTHS_TXDATA_FULL); i++) {
    }
    UARTHS->txdata = (uint8_t)c;
}

static void put_text(const char *text) {
    while (*text != 0) {
        put(*text++);
    }
}

static void put_hex(const char *name, uintptr_t value) {
    put_text(name);
    put_text("=0x");
    for (int shift = 60; shift >= 0; shift -= 4) {
        put("0123456789abcdef"[value >> shift & 15]);
    }
}

static NORETURN void reset(void) {
    put_text("\r\nresetting\r\n");
    for (volatile int i = 0; i < PUT_LIMIT / 4; i++) { // the FIFO's last bytes
    }
    for (;;) {
        sysctl_reset(SYSCTL_RESET_SOC);
    }
}

static void report_begin(const char *why) {
    static volatile bool reporting;
    csr_interrupts_off();
    if (reporting) {
        reset(); // the report itself failed
    }
    reporting = true;
    UARTHS->ie = 0;
    put_text("\r\nfatal: ");
    put_text(why);
}

void trap_exception_fatal(const char *why, const void *value) {
    report_begin(why);
    put_hex(" value", (uintptr_t)value);
    reset();
}

void trap_exception(trap_frame_t *frame) {
    if (python_can_go_on(frame)) {
        frame->x[10] = frame->mcause;
        frame->x[11] = frame->mtval;
        frame->x[12] = frame->mepc;
        frame->x[2] &= ~(uintptr_t)15;
        frame->mepc = (uintptr_t)raise_in_python;
        return;
    }
    report_begin(cause_text(frame->mcause));
    put_hex(" mcause", frame->mcause);
    put_hex(" mtval", frame->mtval);
    put_hex(" mepc", frame->mepc);
    for (int i = 1; i < 32; i++) {
        char name[] = " x00";
        name[2] = '0' + i / 10;
        name[3] = '0' + i % 10;
        put_text(i % 4 == 1 ? "\r\n" : "");
        put_hex(name, frame->x[i]);
    }
    reset();
}
