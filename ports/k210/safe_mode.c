// SPDX-License-Identifier: MIT
// Safe mode: no start locks people and their tools out for longer than two resets, a key or Ctrl-C and Ctrl-A.
//
// Tools ask for the raw prompt with Ctrl-C and Ctrl-A. A program that swallows the first never reads the second as a
// prompt would, so a second later Python is ended and begun anew without boot.py and main.py.
#include "py/mphal.h"
#include "py/mpstate.h"
#include "py/runtime.h"

#include "genhdr/board.h"
#include "safe_mode.h"
#include "sdk/clint.h"
#include "sdk/fpioa.h"
#include "sdk/gpiohs.h"
#include "sdk/regs/fpioa.h"
#include "starts.h"

#define FAILED_STARTS (2)
#define LIVED_US (2000000)
#define SWALLOWED_US (1000000)
#define KEY_PIN (BOARD_SAFE_KEY - 16) // of GPIOHS: the one that the pad carries after a reset
#define KEY_SETTLES_US (20)

static const char *reason;
static bool key_counts; // until scripts have had their pads
static uint64_t lived_at = CLINT_NEVER;
static uint64_t end_at = CLINT_NEVER;
static const char *end_reason;
static volatile bool ctrl_c_came;
static mp_sched_node_t lived_node;

// -- why

static bool key_is_held(void) {
    #ifdef BOARD_SAFE_KEY
    uint32_t pad = FPIOA->io[BOARD_SAFE_KEY];
    fpioa_set_function(BOARD_SAFE_KEY, (fpioa_function_t)(FUNC_GPIOHS0 + KEY_PIN));
    gpiohs_set_drive_mode(KEY_PIN, GPIO_DM_INPUT_PULL_UP);
    clint_wait_us(KEY_SETTLES_US);
    bool held = gpiohs_get_pin(KEY_PIN) == GPIO_PV_LOW;
    FPIOA->io[BOARD_SAFE_KEY] = pad;
    return held;
    #else
    return false;
    #endif
}

void safe_mode_begin(void) {
    key_counts = true;
    if (starts_begin() >= FAILED_STARTS) {
        reason = "the last two starts ended before a prompt and within 2 s";
    }
}

bool safe_mode_is_on(void) {
    if (reason == NULL && key_counts && key_is_held()) {
        reason = "the key is held";
    }
    return reason != NULL;
}

const char *safe_mode_reason(void) {
    return reason;
}

// -- the watch

static void alarm(void);

static void set_alarm(void) {
    clint_set_alarm(lived_at < end_at ? lived_at : end_at, alarm);
}

static void lived(mp_sched_node_t *node) {
    (void)node;
    starts_went_well();
}

// By interrupt: the flash may be in use, so what writes to it is left to the interpreter.
static void alarm(void) {
    uint64_t now = clint_get_time();
    if (now >= lived_at) {
        lived_at = CLINT_NEVER;
        mp_sched_schedule_node(&lived_node, lived);
    }
    if (now >= end_at) {
        end_at = CLINT_NEVER;
        mp_sched_vm_abort();
    }
    set_alarm();
}

static void end_after(uint64_t us, const char *why) {
    uintptr_t status = csr_interrupts_off();
    end_at = us == 0 ? CLINT_NEVER : clint_time_after_us(us);
    end_reason = why;
    set_alarm();
    csr_interrupts_restore(status);
}

void safe_mode_watch_start(void) {
    lived_at = clint_time_after_us(LIVED_US);
    set_alarm();
}

void safe_mode_prompt_reached(void) {
    lived_at = CLINT_NEVER;
    end_after(0, NULL);
    starts_went_well();
}

void safe_mode_scripts_begin(uint32_t limit_ms) {
    key_counts = false;
    end_after(1000ull * limit_ms, "boot.py did not end while a tool waited for its prompt");
}

void safe_mode_limit_ends(void) {
    end_after(0, NULL);
}

void safe_mode_ended(void) {
    ctrl_c_came = false;
    reason = end_reason;
}

// -- the console

void safe_mode_interrupted(void) {
    ctrl_c_came = true;
}

void safe_mode_raw_wanted(void) {
    if (ctrl_c_came && end_at == CLINT_NEVER) {
        end_after(SWALLOWED_US, "a program did not end at Ctrl-C when a tool asked for its prompt");
    }
}

void safe_mode_prompt_reads(void) {
    if (ctrl_c_came) {
        ctrl_c_came = false;
        end_after(0, NULL);
    }
}
