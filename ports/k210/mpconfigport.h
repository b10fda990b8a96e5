// SPDX-License-Identifier: MIT
// MicroPython's features on the K210; what a variant's mpconfigvariant.h says of one of them or of upstream's counts.
#ifndef MPCONFIGPORT_H
#define MPCONFIGPORT_H

#include <alloca.h>
#include <limits.h>
#include <stdint.h>

#include "genhdr/board.h"
#include "mpconfigvariant.h"

// Types: 64-bit words, so object representation A with doubles on the heap.
typedef intptr_t mp_int_t;
typedef uintptr_t mp_uint_t;
typedef long mp_off_t;
#define MP_SSIZE_MAX LONG_MAX
#define UINT_FMT "%lu"
#define INT_FMT "%ld"

#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

#ifndef MICROPY_OPT_COMPUTED_GOTO
#define MICROPY_OPT_COMPUTED_GOTO (1)
#endif

// Memory: a small first heap that grows from the pool; the pool owns the rest of RAM.
#define MICROPY_ENABLE_GC (1)
#define MICROPY_ENABLE_FINALISER (1)
#define MICROPY_GC_SPLIT_HEAP (1)
#define MICROPY_GC_SPLIT_HEAP_AUTO (1)
#define MICROPY_STACK_CHECK (1)
#define MICROPY_STACK_CHECK_MARGIN (2048)
#define MICROPY_ALLOC_PATH_MAX (256)
#define MICROPY_ENABLE_EMERGENCY_EXCEPTION_BUF (1)
#define MICROPY_EMERGENCY_EXCEPTION_BUF_SIZE (512)
#ifndef MICROPY_GC_INITIAL_HEAP_BYTES
#define MICROPY_GC_INITIAL_HEAP_BYTES (128 * 1024)
#endif

// Language and numbers.
#define MICROPY_LONGINT_IMPL (MICROPY_LONGINT_IMPL_MPZ)
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_DOUBLE)
#define MICROPY_PERSISTENT_CODE_LOAD (1)
#define MICROPY_ENABLE_SOURCE_LINE (1)
#define MICROPY_WARNINGS (1)
#ifndef MICROPY_PY_BUILTINS_HELP
#define MICROPY_PY_BUILTINS_HELP (1)
#endif
#define MICROPY_PY_BUILTINS_HELP_MODULES (MICROPY_PY_BUILTINS_HELP)

// REPL and events.
#define MICROPY_KBD_EXCEPTION (1)
#define MICROPY_HELPER_REPL (1)
#define MICROPY_REPL_AUTO_INDENT (1)
#define MICROPY_REPL_EMACS_KEYS (1)
#define MICROPY_ENABLE_SCHEDULER (1)
#define MICROPY_SCHEDULER_DEPTH (8)
#define MICROPY_SCHEDULER_STATIC_NODES (1)
#ifndef MICROPY_PY_THREAD
#define MICROPY_PY_THREAD (1) // ports/k210/thread.c
#endif
#define MICROPY_ENABLE_VM_ABORT (1) // ports/k210/safe_mode.c ends programs that nothing else does
#define MICROPY_USE_INTERNAL_PRINTF (1) // several KiB less than the C library's
#define MICROPY_USE_INTERNAL_ERRNO (1) // the numbers of all ports, not those of this C library

// Files.
#define MICROPY_VFS (1)
#define MICROPY_READER_VFS (1)
#define MICROPY_FATFS_ENABLE_LFN (2)
#define MICROPY_FATFS_LFN_CODE_PAGE 437
#define MICROPY_FATFS_RPATH (2)
#define MICROPY_FATFS_MAX_SS (4096)

// Modules.
#define MICROPY_PY_SYS_PLATFORM "k210"
#define MICROPY_HW_BOARD_NAME BOARD_NAME
#define MICROPY_HW_MCU_NAME "kendryte-k210"
#define MICROPY_PY_OS_INCLUDEFILE "ports/k210/modos.c"
#define MICROPY_PY_OS_UNAME (1)
#define MICROPY_PY_OS_SYNC (1)
#define MICROPY_PY_OS_URANDOM (1)
#define MICROPY_PY_TIME_INCLUDEFILE "ports/k210/modtime.c"
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (1)
#define MICROPY_PY_TIME_TIME_TIME_NS (1)
#define MICROPY_PY_RANDOM_SEED_INIT_FUNC (mp_hal_random_seed())
#define MICROPY_PY_HASHLIB (0) // ports/k210/modhashlib.c
#define MICROPY_PY_MACHINE (1)
#ifndef MICROPY_PY_MACHINE_PIN_BASE
#define MICROPY_PY_MACHINE_PIN_BASE (1)
#endif
#define MICROPY_PY_MACHINE_INCLUDEFILE "ports/k210/modmachine.c"
#define MICROPY_PY_MACHINE_RESET (1)
#define MICROPY_PY_MACHINE_BARE_METAL_FUNCS (1)
#define MICROPY_PY_MACHINE_DISABLE_IRQ_ENABLE_IRQ (1)
#define MICROPY_PY_MACHINE_SIGNAL (1)
#define MICROPY_PY_MACHINE_PULSE (1)
#ifndef MICROPY_PY_MACHINE_BITSTREAM
#define MICROPY_PY_MACHINE_BITSTREAM (1)
#endif
#define MICROPY_PY_MACHINE_I2C (1)
#define MICROPY_PY_MACHINE_I2C_TRANSFER_WRITE1 (1)
#define MICROPY_PY_MACHINE_SOFTI2C (1)
#ifndef MICROPY_PY_MACHINE_SPI
#define MICROPY_PY_MACHINE_SPI (1)
#endif
#define MICROPY_PY_MACHINE_SOFTSPI (MICROPY_PY_MACHINE_SPI)
#define MICROPY_PY_MACHINE_UART (1)
#define MICROPY_PY_MACHINE_UART_INCLUDEFILE "ports/k210/machine_uart.c"
#define MICROPY_PY_MACHINE_UART_SENDBREAK (1)
#define MICROPY_PY_MACHINE_UART_READCHAR_WRITECHAR (1)
#define MICROPY_PY_MACHINE_UART_IRQ (1)
#ifndef MICROPY_PY_MACHINE_DHT_READINTO
#define MICROPY_PY_MACHINE_DHT_READINTO (1)
#endif
#ifndef MICROPY_PY_ONEWIRE
#define MICROPY_PY_ONEWIRE (1)
#endif
#ifndef MICROPY_PY_ASYNCIO
#define MICROPY_PY_ASYNCIO (1)
#endif

// Waiting: the core stops until an interrupt; ports/k210/mphalport.c.
#define MICROPY_INTERNAL_WFE(TIMEOUT_MS) mp_hal_wait_for_interrupt(TIMEOUT_MS)

#define MP_STATE_PORT MP_STATE_VM

// The heap grows and shrinks by whole areas.
#define MP_PLAT_ALLOC_HEAP(bytes) gc_area_alloc(bytes)
#define MP_PLAT_FREE_HEAP(area) gc_area_free(area)
void *gc_area_alloc(unsigned long bytes);
void gc_area_free(void *area);

unsigned long mp_hal_random_seed(void);

#endif // MPCONFIGPORT_H
