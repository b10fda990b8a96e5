// SPDX-License-Identifier: MIT
// From reset to the prompt: chip, pool, heap, files, boot.py, main.py, REPL, and round again at a soft reset.
#include "py/builtin.h"
#include "py/compile.h"
#include "py/cstack.h"
#include "py/gc.h"
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "lib/oofatfs/ff.h"
#include "shared/readline/readline.h"
#include "shared/runtime/gchelper.h"
#include "shared/runtime/pyexec.h"
#include "shared/timeutils/timeutils.h"

#include "genhdr/board.h"
#include "board_power.h"
#include "gc_areas.h"
#include "gc_views.h"
#include "machine.h"
#include "pool.h"
#include "safe_mode.h"
#include "sdk/core1.h"
#include "sdk/dmac.h"
#include "sdk/fpioa.h"
#include "sdk/plic.h"
#include "sdk/sysctl.h"
#include "settings.h"
#include "storage.h"
#include "thread.h"
#include "trap_exception.h"

// Tools give up after five seconds, some after ten, without their prompt.
#define TOOL_WAITS_MS (4000)

extern uint8_t __stack_top, __stack_bottom, __pool_start, __pool_end;

// -- the heap

void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    thread_collect();
    gc_areas_before_sweep();
    gc_collect_end();
    gc_areas_after_sweep();
    pool_reclaim(gc_views_show);
}

// -- life

// None in safe mode: they may be what is wrong.
static settings_t settings_now(void) {
    settings_t settings = { 0 };
    if (!safe_mode_is_on()) {
        settings_load(&settings);
    }
    return settings;
}

// What no script changes: clocks, pads' voltages, interrupts, console, flash.
static void chip_init(void) {
    sysctl_clock_init(BOARD_CPU_HZ);
    fpioa_init();
    for (int bank = 0; bank < 8; bank++) {
        sysctl_set_power_mode(bank, BOARD_BANKS_1V8 >> bank & 1 ? SYSCTL_POWER_V18 : SYSCTL_POWER_V33);
    }
    plic_init();
    sysctl_enable_irq();
    dmac_init();
    storage_init();
    safe_mode_begin(); // before anything that settings or scripts could spoil
    settings_t settings = settings_now();
    if (settings.cpu_hz != 0) {
        sysctl_cpu_set_freq(settings.cpu_hz);
        storage_init(); // its rates follow
    }
    mp_hal_console_init(); // at the clock that stays
    if (board_power_init() != 0) {
        static const char why[] = "the power chip does not answer: display and camera may stay dark\r\n";
        mp_hal_stdout_tx_strn(why, sizeof(why) - 1);
    }
}

// The heap that the settings want, or what there is room for.
static void heap_init(void) {
    settings_t settings = settings_now();
    size_t bytes = settings.gc_heap != 0 ? settings.gc_heap : MICROPY_GC_INITIAL_HEAP_BYTES;
    uint8_t *heap = pool_alloc(bytes, POOL_GC);
    if (heap == NULL) {
        bytes = MICROPY_GC_INITIAL_HEAP_BYTES;
        heap = pool_alloc(bytes, POOL_GC);
    }
    gc_init(heap, heap + bytes);
}

static void python_init(void) {
    heap_init();
    mp_init();
    readline_init0();
}

// boot.py, then main.py where a person is at the prompt; whether neither asked for a soft reset.
static bool scripts_run(void) {
    bool tool_waits = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL;
    safe_mode_scripts_begin(tool_waits ? TOOL_WAITS_MS : 0);
    int ended = pyexec_file_if_exists("boot.py");
    safe_mode_limit_ends();
    if (ended & PYEXEC_FORCED_EXIT) {
        return false;
    }
    return tool_waits || ended == 0 || !(pyexec_file_if_exists("main.py") & PYEXEC_FORCED_EXIT);
}

// Returns when a soft reset is asked for.
static void python_run(void) {
    pyexec_frozen_module("_boot.py", false);
    if (safe_mode_is_on()) {
        mp_printf(&mp_plat_print, "safe mode: %s. boot.py, main.py and settings were left alone; reset the chip to try"
            " them again.\n", safe_mode_reason());
    } else if (!scripts_run()) {
        return;
    }
    safe_mode_prompt_reached();
    for (;;) {
        int left = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl();
        if (left != 0) {
            return;
        }
    }
}

// Finalisers give back what scripts held outside the heap; what is left then was leaked, and is said.
static void python_deinit(void) {
    mp_printf(MP_PYTHON_PRINTER, "MPY: soft reboot\n");
    thread_end_all();
    machine_deinit();
    gc_areas_before_sweep();
    gc_sweep_all();
    pool_reclaim(NULL);
    mp_deinit();
    for (pool_kind_t kind = 0; kind < POOL_KINDS; kind++) {
        if (kind != POOL_GC && pool_used(kind) > 0) {
            mp_printf(&mp_plat_print, "pool: %u bytes of %s were not given back\n",
                (unsigned)pool_used(kind), pool_kind_name(kind));
        }
        pool_free_all(kind);
    }
}

// Runs Python until it ends, or until the watch of safe_mode.h ends it: then a tool waits for the raw prompt.
static void python_watched(void) {
    nlr_buf_t nlr;
    nlr_set_abort(&nlr);
    if (nlr_push(&nlr) == 0) {
        python_run();
        nlr_pop();
        return;
    }
    mp_hal_set_interrupt_char(-1);
    mp_hal_console_forget();
    safe_mode_ended();
    pyexec_mode_kind = PYEXEC_MODE_RAW_REPL;
}

int main(void) {
    thread_init();
    chip_init();
    core1_wait_parked(); // until then the top of SRAM is still the boot ROM's
    pool_init(&__pool_start, &__pool_end);
    mp_cstack_init_with_top(&__stack_top, &__stack_top - &__stack_bottom);
    safe_mode_watch_start();
    for (;;) {
        python_init();
        python_watched();
        python_deinit();
    }
}

// -- what MicroPython wants of every port

void nlr_jump_fail(void *value) {
    trap_exception_fatal("exception outside of any handler", value);
}

#if MICROPY_VFS_FAT
DWORD get_fattime(void) {
    timeutils_struct_time_t tm;
    timeutils_seconds_since_epoch_to_struct_time(mp_hal_epoch_seconds(), &tm);
    return (DWORD)(tm.tm_year - 1980) << 25 | tm.tm_mon << 21 | tm.tm_mday << 16
           | tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec >> 1;
}
#endif
