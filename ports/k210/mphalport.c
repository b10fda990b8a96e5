// SPDX-License-Identifier: MIT
// The console by interrupt, time from mtime, and waiting with the core stopped.
#include "py/mphal.h"
#include "py/mpstate.h"
#include "py/ringbuf.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "shared/readline/readline.h"
#include "shared/timeutils/timeutils.h"

#include "safe_mode.h"
#include "sdk/clint.h"
#include "sdk/fpioa.h"
#include "sdk/plic.h"
#include "sdk/regs/uarths.h"
#include "sdk/trap.h"
#include "sdk/uarths.h"
#include "thread.h"

// The chip's FIFO holds 0.7 ms at 115200: an interrupt moves it into this ring, which holds a paste of 1000 bytes.
#define RX_BYTES (1024)
#define TX_BYTES (512)
// No byte takes longer at any speed that UARTHS has; after that its receiver is taken for dead and the byte dropped.
#define TX_BYTE_LIMIT_MS (20)

static uint8_t rx_bytes[RX_BYTES];
static ringbuf_t rx_ring = { rx_bytes, sizeof(rx_bytes), 0, 0 };
static uint8_t tx_bytes[TX_BYTES];
static ringbuf_t tx_ring = { tx_bytes, sizeof(tx_bytes), 0, 0 };
static uint32_t rx_lost;
static uint32_t interrupts_seen;
static uint64_t epoch_base;

static void wait_ms(int ms);

// -- console

static int console_interrupt(void *context) {
    (void)context;
    for (;;) {
        uint32_t data = UARTHS->rxdata; // this read takes the byte out, so it must be the only one
        if (data & UARTHS_RXDATA_EMPTY) {
            break;
        }
        int byte = data & 0xff;
        if (byte == mp_interrupt_char) {
            mp_sched_keyboard_interrupt();
            safe_mode_interrupted();
            continue;
        }
        if (byte == CHAR_CTRL_A) {
            safe_mode_raw_wanted();
        }
        if (ringbuf_put(&rx_ring, byte) < 0) {
            rx_lost++;
        }
    }
    while (ringbuf_peek(&tx_ring) >= 0 && !(UARTHS->txdata & UARTHS_TXDATA_FULL)) {
        UARTHS->txdata = ringbuf_get(&tx_ring);
    }
    if (ringbuf_peek(&tx_ring) < 0) {
        UARTHS->ie = UARTHS_IE_RX;
    }
    return 0;
}

void mp_hal_console_init(void) {
    fpioa_set_function(BOARD_CONSOLE_RX, FUNC_UARTHS_RX);
    fpioa_set_io_pull(BOARD_CONSOLE_RX, FPIOA_PULL_UP); // an open line must not look like a break
    fpioa_set_function(BOARD_CONSOLE_TX, FUNC_UARTHS_TX);
    uarths_config(BOARD_BAUD, UARTHS_STOP_1);
    UARTHS->rxctrl = UARTHS_RXCTRL_EN; // interrupt at the first byte
    UARTHS->txctrl = UARTHS_TXCTRL_EN | (4u << UARTHS_TXCTRL_CNT_SHIFT); // interrupt with fewer than four to go
    UARTHS->ie = UARTHS_IE_RX;
    plic_set_priority(IRQN_UARTHS_INTERRUPT, 1);
    plic_irq_register(IRQN_UARTHS_INTERRUPT, console_interrupt, NULL);
    plic_irq_enable(IRQN_UARTHS_INTERRUPT);
}

uint32_t mp_hal_console_lost(void) {
    return rx_lost;
}

static bool interrupts_are_on(void) {
    return csr_read(mstatus) & CSR_MSTATUS_MIE;
}

// With interrupts off the ring goes out by polling, with an end.
static void tx_poll(void) {
    uint64_t end = mp_hal_ticks_us64() + TX_BYTE_LIMIT_MS * 1000;
    while (ringbuf_peek(&tx_ring) >= 0) {
        if (!(UARTHS->txdata & UARTHS_TXDATA_FULL)) {
            UARTHS->txdata = ringbuf_get(&tx_ring);
            end = mp_hal_ticks_us64() + TX_BYTE_LIMIT_MS * 1000;
        } else if (mp_hal_ticks_us64() > end) {
            ringbuf_get(&tx_ring);
        }
    }
}

static void tx_start(void) {
    uintptr_t status = csr_interrupts_off();
    UARTHS->ie = UARTHS_IE_RX | UARTHS_IE_TX;
    csr_interrupts_restore(status);
}

mp_uint_t mp_hal_stdout_tx_strn(const char *text, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        uint64_t end = 0;
        while (ringbuf_free(&tx_ring) == 0) {
            if (!interrupts_are_on()) {
                tx_poll();
                break;
            }
            tx_start();
            if (end == 0) {
                end = mp_hal_ticks_us64() + TX_BYTE_LIMIT_MS * 1000;
            } else if (mp_hal_ticks_us64() > end) {
                return i;
            }
            wait_ms(TX_BYTE_LIMIT_MS); // no other thread's turn: a text comes out in one piece
        }
        ringbuf_put(&tx_ring, text[i]);
    }
    if (interrupts_are_on()) {
        tx_start();
    } else {
        tx_poll();
    }
    return bytes;
}

void mp_hal_console_drain(void) {
    uintptr_t status = csr_interrupts_off();
    tx_poll();
    UARTHS->ie = UARTHS_IE_RX;
    csr_interrupts_restore(status);
    // Eight bytes may be in the FIFO and one on the pin, ten bits each.
    mp_hal_delay_us(9 * 10 * 1000000 / BOARD_BAUD + 100);
}

void mp_hal_console_forget(void) {
    uintptr_t status = csr_interrupts_off();
    rx_ring.iget = rx_ring.iput;
    csr_interrupts_restore(status);
}

int mp_hal_stdin_rx_chr(void) {
    if (mp_interrupt_char == -1) {
        safe_mode_prompt_reads();
    }
    for (;;) {
        int byte = ringbuf_get(&rx_ring);
        if (byte >= 0) {
            return byte;
        }
        mp_event_wait_indefinite();
    }
}

uintptr_t mp_hal_stdio_poll(uintptr_t flags) {
    uintptr_t ready = 0;
    if ((flags & MP_STREAM_POLL_RD) && ringbuf_peek(&rx_ring) >= 0) {
        ready |= MP_STREAM_POLL_RD;
    }
    if ((flags & MP_STREAM_POLL_WR) && ringbuf_free(&tx_ring) > 0) {
        ready |= MP_STREAM_POLL_WR;
    }
    return ready;
}

// -- time

uint64_t mp_hal_ticks_us64(void) {
    uint64_t rate = clint_get_rate();
    uint64_t now = clint_get_time();
    return now / rate * 1000000 + now % rate * 1000000 / rate;
}

mp_uint_t mp_hal_ticks_us(void) {
    return mp_hal_ticks_us64();
}

mp_uint_t mp_hal_ticks_ms(void) {
    return mp_hal_ticks_us64() / 1000;
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return csr_read(mcycle);
}

uint64_t mp_hal_time_ns(void) {
    return (epoch_base * 1000000 + mp_hal_ticks_us64()) * 1000;
}

uint64_t mp_hal_epoch_seconds(void) {
    return epoch_base + mp_hal_ticks_us64() / 1000000;
}

void mp_hal_set_epoch_seconds(uint64_t seconds) {
    epoch_base = seconds - mp_hal_ticks_us64() / 1000000;
}

// -- waiting

static void wait_until(uint64_t mtime) {
    uintptr_t status = csr_interrupts_off();
    if (trap_interrupts == interrupts_seen) {
        clint_sleep_until(mtime);
        trap_serve();
    }
    csr_interrupts_restore(status);
    interrupts_seen = trap_interrupts;
}

static uint64_t time_after_ms(mp_uint_t ms) {
    return clint_get_time() + clint_get_rate() * ms / 1000;
}

static void wait_ms(int ms) {
    wait_until(time_after_ms(ms));
}

// Other threads go on meanwhile.
static void pass_until(uint64_t mtime) {
    if (thread_alone) {
        wait_until(mtime);
    } else {
        thread_wait_until(mtime);
    }
}

void mp_hal_wait_for_interrupt(int timeout_ms) {
    pass_until(timeout_ms < 0 ? CLINT_NEVER : time_after_ms(timeout_ms));
}

void mp_hal_delay_us(mp_uint_t us) {
    uint64_t rate = clint_get_rate();
    uint64_t end = clint_get_time() + us / 1000000 * rate + us % 1000000 * rate / 1000000;
    // Below 50 us the way into the wait and out costs more than it saves.
    while (clint_get_time() < end) {
        if (us >= 50) {
            wait_until(end);
        }
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    uint64_t end = time_after_ms(ms);
    mp_event_handle_nowait();
    while (clint_get_time() < end) {
        pass_until(end);
        mp_event_handle_nowait();
    }
}

// -- chance

// No random source is on the chip. The low bits of two counters at moments that people or flash chips choose give seeds
// that differ between runs; nothing here is fit for keys.
unsigned long mp_hal_random_seed(void) {
    static uint64_t state;
    state += mp_hal_ticks_cpu() * 0x9e3779b97f4a7c15ull + clint_get_time();
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}
